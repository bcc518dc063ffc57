"""Invoices and other material: sums and numbers are held to before anything is sent (110025, 350026; 4.18, 5)."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from engine.steps import View
from steps.neimenggu import MODELS
from steps.neimenggu.invoices import invoices_come_to_total
from tests.steps.neimenggu.views import INVOICE, LEAVING, PAID, after, step, uploaded

FIRST = INVOICE | {"invoice_no": "FP1", "amount": "60.00"}
SECOND = INVOICE | {"invoice_no": "FP2", "amount": "40.00"}
PLAN = INVOICE | {"invoice_no": "KF1", "amount": "500.00", "kind": "02"}


def discharged(**change: Any) -> View:
    """Return a visit after its discharge; 100.00 in all."""
    seen = uploaded(**LEAVING | PAID | change)
    return after(seen, step("discharge").fold(seen, {}).data)


def sent(seen: View, material: dict[str, Any]) -> View:
    """Return the visit after a material was sent (4.18)."""
    offered = after(seen, {"material": material})
    return after(offered, step("send_material").fold(offered, {}).data)


def test_a_cancelled_discharge_keeps_the_numbers_as_used() -> None:
    seen = uploaded(**LEAVING | PAID)
    seen = after(seen, step("discharge").fold(seen, {}).data)
    back = after(seen, step("cancel_discharge").fold(seen, {}).data)
    assert back.data["sent_material"]["FP1"]["undone"] == "yes"
    assert not {"discharged", "invoices", "paid_total"} & set(back.data)
    with pytest.raises(ValidationError, match="not documented"):
        after(back, {"invoices": [INVOICE]})
    after(back, {"invoices": [INVOICE | {"again": True}]})


def test_a_number_that_the_centre_has_is_not_offered_again() -> None:
    seen = uploaded(**LEAVING | PAID)
    seen = after(seen, step("discharge").fold(seen, {}).data)
    with pytest.raises(ValidationError, match="already"):
        after(seen, {"material": INVOICE})


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"paid_total": "99.00"}, "must be paid_by_fund"),
        ({"invoices": [INVOICE, INVOICE]}, "a number comes twice"),
        ({"invoices": [INVOICE | {"type": "png"}]}, "only pdf"),
        ({"invoices": [INVOICE | {"kind": "02"}]}, "4.13 takes invoices only"),
        ({"invoices": [INVOICE | {"amount": "60.00"}]}, "come to 60.00"),
        ({"invoices": [INVOICE | {"file": "x"}]}, "match pattern"),
    ],
)
def test_bad_settlements_are_refused_by_field(change: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        MODELS["PatientSettlement"].model_validate(PAID | change)


def test_an_offsite_discharge_takes_every_kind_of_material() -> None:
    plan = INVOICE | {"invoice_no": "KF1", "amount": "0.00", "kind": "02"}
    MODELS["OffsiteSettlement"].model_validate(PAID | {"invoices": [INVOICE, plan]})


# -- sums over what is sent later
def test_invoices_sent_one_by_one_come_to_the_total_and_no_further() -> None:
    seen = sent(sent(discharged(invoices=[]), FIRST), SECOND)
    assert invoices_come_to_total(seen)
    with pytest.raises(ValidationError, match=r"FP3 the invoices come to 100\.01, the total is 100\.00; 100\.00 of it"):
        after(seen, {"material": INVOICE | {"invoice_no": "FP3", "amount": "0.01"}})


def test_after_a_discharge_with_invoices_only_other_material_follows() -> None:
    seen = discharged()
    with pytest.raises(ValidationError, match="with the centre already"):
        after(seen, {"material": SECOND})
    assert invoices_come_to_total(sent(seen, PLAN))


def test_an_application_waits_for_the_rest_of_the_invoices() -> None:
    seen = sent(discharged(invoices=[]), FIRST)
    assert not invoices_come_to_total(seen)
    assert not invoices_come_to_total(after(seen, {"invoices_on_web": "39.99"}))
    assert not invoices_come_to_total(after(seen, {"invoices_on_web": "40.01"}))
    assert invoices_come_to_total(after(seen, {"invoices_on_web": "40.00"}))
    assert invoices_come_to_total(sent(seen, SECOND))


def test_a_visit_without_invoices_of_ours_has_them_on_the_web() -> None:
    seen = sent(discharged(invoices=[]), PLAN)
    assert invoices_come_to_total(seen)
    assert not invoices_come_to_total(after(seen, {"invoices_on_web": "99.00"}))


def test_invoices_from_before_an_undo_do_not_count() -> None:
    seen = discharged()
    back = after(seen, step("cancel_discharge").fold(seen, {}).data)
    again = after(back, PAID | {"invoices": []})
    again = after(again, step("discharge").fold(again, {}).data)
    assert invoices_come_to_total(again)
    again = sent(again, FIRST | {"invoice_no": "FP4"})
    assert not invoices_come_to_total(again)
