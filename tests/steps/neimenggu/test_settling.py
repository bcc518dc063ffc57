"""What 4.15 tells about a lost call: applied, not applied, or nothing that anybody should believe."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from engine.outcomes import Category
from engine.steps import Applied, Judgement, NotApplied, Unclear, View
from steps.neimenggu import STEPS
from tests.steps.neimenggu.test_steps import step, uploaded
from tests.steps.neimenggu.views import (
    FILING,
    INVOICE,
    KEY,
    LEAVING,
    PERSON,
    TREATMENT,
    fee,
    in_doubt,
    matched,
    refusal,
    view,
)

D = Decimal
LOOKS = ("find_stay", "stay_gone", "find_lines", "lines_gone", "find_discharge", "discharge_gone")


def row(**more: Any) -> dict[str, Any]:
    return {"akc190": KEY, "aac002": PERSON, "akc192": "2026-03-01", "alc407": D("0.00"), "akc194": "", **more}


def judged(name: str, seen: View, *rows: dict[str, Any]) -> Judgement:
    found: Judgement = step(name).judge(seen, {"detailData": list(rows)})
    return found


def late(name: str, seen: View, *rows: dict[str, Any]) -> Judgement:
    found: Judgement = step(name).recheck(seen, {"detailData": list(rows)})
    return found


def unregistered() -> View:
    seen = view(application="A1", treatments=[TREATMENT], registered=None)
    return in_doubt(STEPS["register"](), seen)


@pytest.mark.parametrize("name", LOOKS)
def test_what_is_about_somebody_else_or_twice_tells_nothing(name: str) -> None:
    seen = uploaded(**LEAVING)
    assert isinstance(judged(name, seen, row(aac002="1" * 18)), Unclear)
    assert isinstance(judged(name, seen, row(), row()), Unclear)
    assert isinstance(step(name).refused(seen, refusal("99", Category.BUSINESS)), Unclear)
    assert isinstance(step(name).recheck_refused(seen, refusal("99", Category.BUSINESS)), Unclear)
    assert step(name).request(seen) == {"akc190": KEY}


def test_a_registration_is_found_by_number_person_and_day() -> None:
    found = judged("find_stay", unregistered(), row())
    assert isinstance(found, Applied)
    assert found.progress.data["registered"] is True
    assert found.progress.data["treatment"]["aae073"] == "A1"
    assert isinstance(judged("find_stay", unregistered(), row(akc192="2026-03-02")), Unclear)
    assert isinstance(judged("find_stay", unregistered()), NotApplied)
    assert isinstance(judged("find_stay", unregistered(), row(akc190="other")), NotApplied)
    assert isinstance(step("find_stay").refused(unregistered(), refusal("230003", Category.NOT_FOUND)), NotApplied)


def test_a_registration_that_came_late_is_noticed() -> None:
    assert isinstance(late("find_stay", unregistered(), row()), Applied)
    assert isinstance(late("find_stay", view(), row()), NotApplied)
    assert isinstance(late("find_stay", unregistered()), NotApplied)


def test_a_registration_is_gone_when_it_is_not_listed() -> None:
    found = judged("stay_gone", view())
    assert isinstance(found, Applied)
    assert found.progress.data["registered"] is None
    assert isinstance(judged("stay_gone", view(), row()), NotApplied)
    assert isinstance(late("stay_gone", view()), Applied), "a late 4.9 took a later registration away"
    assert isinstance(late("stay_gone", view(), row()), NotApplied)
    assert isinstance(late("stay_gone", unregistered()), NotApplied)


@pytest.mark.parametrize(
    ("total", "verdict"),
    [("100.00", NotApplied), ("150.00", Applied), ("120.00", Unclear), ("200.00", Unclear), ("0.00", Unclear)],
)
def test_an_upload_is_told_by_the_total(total: str, verdict: type) -> None:
    seen = uploaded()
    seen = view(**{**seen.data, "fees": seen.data["fees"] | matched(fee("L3", "50.00"))})
    found = judged("find_lines", in_doubt(STEPS["upload_lines"](), seen), row(alc407=D(total)))
    assert isinstance(found, verdict)
    if isinstance(found, Applied):
        assert found.progress.data["uploaded_total"] == D("150.00")
        assert found.progress.data["fees"]["L3"]["outcome"] == "uploaded"


def test_a_refund_is_told_by_the_total_as_well() -> None:
    seen = uploaded()
    back = fee("R1", "-40.00", refund_of="L2")
    seen = view(**{**seen.data, "fees": seen.data["fees"] | matched(back)})
    assert isinstance(judged("find_lines", seen, row(alc407=D("60.00"))), Applied)
    assert isinstance(judged("find_lines", seen, row(alc407=D("100.00"))), NotApplied)


def test_lines_that_came_late_or_went_late_are_noticed() -> None:
    assert isinstance(late("find_lines", uploaded(), row(alc407=D("100.00"))), NotApplied)
    assert isinstance(late("find_lines", uploaded(), row(alc407=D("150.00"))), Applied)
    assert isinstance(late("lines_gone", uploaded(), row(alc407=D("0.00"))), Applied), "a late 4.11"
    assert isinstance(late("lines_gone", uploaded(), row(alc407=D("100.00"))), NotApplied)
    for name in ("find_lines", "lines_gone"):
        assert isinstance(judged(name, uploaded(), row(alc407=None)), Unclear)
        assert isinstance(late(name, uploaded(), row(alc407=None)), Unclear)
        assert isinstance(late(name, uploaded()), Unclear)
        assert isinstance(late(name, unregistered()), NotApplied)


def test_cancelled_lines_leave_nothing() -> None:
    found = judged("lines_gone", uploaded(), row(alc407=D("0")))
    assert isinstance(found, Applied)
    assert found.progress.data["uploaded_total"] is None
    assert isinstance(judged("lines_gone", uploaded(), row(alc407=D("100.00"))), NotApplied)
    assert isinstance(judged("lines_gone", uploaded(), row(alc407=D("40.00"))), Unclear)


def test_a_discharge_is_told_by_its_day() -> None:
    seen = uploaded(**LEAVING, invoices=[INVOICE])
    found = judged("find_discharge", seen, row(akc194="2026-03-20"))
    assert isinstance(found, Applied)
    assert found.progress.data["sent_material"]["FP1"]["undone"] == "no"
    assert isinstance(judged("find_discharge", seen, row()), NotApplied)
    assert isinstance(judged("find_discharge", seen, row(akc194="2026-03-19")), Unclear)
    assert isinstance(judged("find_discharge", seen), Unclear)
    assert isinstance(late("find_discharge", seen, row(akc194="2026-03-20")), Applied)
    done = uploaded(**LEAVING, discharged=True)
    assert isinstance(late("find_discharge", done, row(akc194="2026-03-20")), NotApplied)


def test_a_discharge_is_gone_with_its_day() -> None:
    done = uploaded(**LEAVING, discharged=True)
    found = judged("discharge_gone", done, row())
    assert isinstance(found, Applied)
    assert found.progress.data["discharged"] is None
    assert isinstance(judged("discharge_gone", done, row(akc194="2026-03-20")), NotApplied)
    assert isinstance(late("discharge_gone", done, row()), Applied), "a late 4.14"
    assert isinstance(late("discharge_gone", done, row(akc194="2026-03-20")), NotApplied)


@pytest.mark.parametrize(("covers", "verdict"), [(True, NotApplied), (False, Unclear)])
def test_that_an_offsite_stay_is_not_listed_counts_only_where_it_would_be(covers: bool, verdict: type) -> None:
    seen = view("OffsiteVisit", settings={"list_covers_offsite": covers}, filings=[FILING], registered=None)
    assert isinstance(judged("find_stay", seen), verdict)
    found = judged("find_stay", seen, row())
    assert isinstance(found, Applied)
    assert found.progress.data["filing"]["alc011"] == "GS-7"
