"""The fee ledger: every line reaches the centre once, or is set aside with the reason."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from engine.facts import merged, normalise
from engine.outcomes import Category, Refused
from engine.steps import CallInfo, View
from steps.jiangsu import STEPS
from steps.jiangsu.conditions import has_lines_to_send, lines_are_settled, upload_is_due
from steps.jiangsu.ledger import BATCH, LineState, charged, entries, next_batch, states
from steps.jiangsu.lines import FeesHandedOver
from steps.jiangsu.models import OutpatientOpening, OutpatientVisit
from tests.steps.views import KEY, NOW, OPENING, view

UPLOAD = STEPS["upload_lines"]()


def line(line_id: str, cents: int = 100, **more: Any) -> dict[str, Any]:
    amount = format(Decimal(cents) / 100, "f")
    count, price = ("1", amount) if cents > 0 else ("-1", amount.removeprefix("-"))
    return {
        "line_id": line_id,
        "rxno": "RX1",
        "list_type": "1",
        "med_list_codg": "001",
        "name": "诊疗费",
        "pric": price,
        "cnt": count,
        "umamt": amount,
        "fee_ocur_time": "20241201103000",
        **more,
    }


def visit(data: Mapping[str, Any], settings: dict[str, Any] | None = None) -> View:
    base = OPENING | {"psn_no": "P1", "visit_no": "V1"}
    return View("id", "jiangsu.outpatient", KEY, "charging", merged(base, data), settings or {}, NOW)


def opened(*lines: dict[str, Any], **settings: Any) -> View:
    taken = OutpatientOpening.model_validate(OPENING | {"fee_lines": list(lines)})
    return visit(normalise(taken.model_dump(mode="json", exclude_none=True)), settings)


def after(seen: View, patch: Mapping[str, Any]) -> View:
    data = merged(seen.data, normalise(dict(patch)))
    OutpatientVisit.model_validate(data)
    return View(seen.visit_id, seen.flow, seen.key, seen.state, data, seen.settings, seen.now)


def hand_over(seen: View, **given: Any) -> View:
    taken = FeesHandedOver.model_validate(given)
    return after(seen, taken.model_dump(mode="json", exclude_none=True))


def rows(seen: View) -> list[dict[str, Any]]:
    sent = UPLOAD.request(seen)["feedetail"]
    return [{"rxno": each["rxno"], "feedetl_sn": each["feedetl_sn"], "umamt": each["umamt"]} for each in sent]


def accepted(seen: View) -> View:
    progress = UPLOAD.fold(seen, {"lines": rows(seen)})
    assert progress.disagreements == ()
    return after(seen, progress.data)


def refused(seen: View, category: Category = Category.DATA) -> View:
    progress = UPLOAD.refused(seen, Refused("3005/2204002", "明细金额与单价、数量不符", category))
    assert progress is not None
    return after(seen, progress.data)


def by_state(seen: View) -> dict[str, LineState]:
    return {each.line_id: each.state for each in entries(seen)}


def problems(model: type[BaseModel], data: Mapping[str, Any]) -> str:
    with pytest.raises(ValidationError) as caught:
        model.model_validate(data)
    return "; ".join(str(each["msg"]) for each in caught.value.errors())


# -- batches
def test_lines_go_in_batches_of_thirty_until_none_is_left() -> None:
    seen = opened(*(line(f"L{number:03}") for number in range(70)))
    sizes = []
    while has_lines_to_send(seen):
        sizes.append(len(next_batch(seen)))
        seen = accepted(seen)
    assert sizes == [BATCH, BATCH, 10]
    assert seen.data["uploaded_total"] == "70.00"
    assert seen.data["batches"] == 3
    assert lines_are_settled(seen)


def test_a_site_sets_the_size_of_a_batch() -> None:
    assert len(next_batch(opened(*(line(f"L{number}") for number in range(9)), batch_size=4))) == 4


@given(
    st.lists(st.integers(-500, 500).filter(bool), min_size=1, max_size=25),
    st.sets(st.integers(0, 24)),
    st.integers(1, 8),
)
def test_every_line_arrives_once_or_is_refused_alone(cents: list[int], bad: set[int], size: int) -> None:
    """Whatever the centre dislikes: no batch sums to zero, none is too large, nothing is sent after it was accepted."""
    charges = [line(f"L{number}", abs(each)) for number, each in enumerate(cents)]
    refunds = [line(f"R{number}", each, refund_of=f"L{number}") for number, each in enumerate(cents) if each < 0]
    seen = opened(*charges, *refunds, batch_size=size)
    disliked = {f"L{number}" for number in bad}
    arrived: Counter[str] = Counter()
    for _ in range(500):
        batch = next_batch(seen)
        if not batch:
            break
        assert len(batch) <= size
        assert sum(each.line.umamt for each in batch) != 0
        if any(each.line_id in disliked for each in batch):
            seen = refused(seen)
        else:
            arrived.update(each.line_id for each in batch)
            seen = accepted(seen)
    assert not has_lines_to_send(seen)
    assert set(arrived.values()) <= {1}
    for line_id, state in by_state(seen).items():
        original = line_id.replace("R", "L")
        if line_id in disliked:
            assert state is LineState.REFUSED
        elif original in disliked:
            assert state is LineState.PENDING  # a refund of what never arrived waits for a person or the HIS
        else:
            assert state is LineState.UPLOADED
    assert charged(seen) == sum(Decimal(each["umamt"]) for each in (*charges, *refunds) if arrived[each["line_id"]])


def test_one_bad_line_of_thirty_is_found_in_a_few_batches() -> None:
    seen = opened(*(line(f"L{number:02}") for number in range(30)))
    calls = 0
    while has_lines_to_send(seen):
        calls += 1
        bad = any(each.line_id == "L17" for each in next_batch(seen))
        seen = refused(seen) if bad else accepted(seen)
    assert calls <= 12
    assert [line_id for line_id, state in by_state(seen).items() if state is not LineState.UPLOADED] == ["L17"]
    found = next(each for each in entries(seen) if each.line_id == "L17")
    assert (found.state, found.code) == (LineState.REFUSED, "3005/2204002")
    assert "金额" in found.text
    assert not lines_are_settled(seen)


@pytest.mark.parametrize("category", [Category.ORDER, Category.BUSINESS, Category.NOT_FOUND, Category.LATER])
def test_a_refusal_of_the_visit_is_not_blamed_on_lines(category: Category) -> None:
    assert UPLOAD.refused(opened(line("L1")), Refused("3004", "已结算", category)) is None


def test_charges_go_before_refunds_and_never_with_them() -> None:
    seen = opened(line("L1"), line("L2"), line("R1", -100, refund_of="L1"))
    assert [each.line_id for each in next_batch(seen)] == ["L1", "L2"]
    seen = accepted(seen)
    assert [each.line_id for each in next_batch(seen)] == ["R1"]
    assert accepted(seen).data["uploaded_total"] == "1.00"


# -- what the HIS may hand over
def test_the_same_line_again_changes_nothing() -> None:
    seen = accepted(opened(line("L1", 8000, pric="80.0000")))
    again = hand_over(seen, fees=[line("L1", 8000, pric="80.00")])
    assert by_state(again) == {"L1": LineState.UPLOADED}
    assert not has_lines_to_send(again)


def test_what_the_centre_has_cannot_change() -> None:
    seen = accepted(opened(line("L1")))
    with pytest.raises(ValidationError, match="hand over a refund line"):
        hand_over(seen, fees=[line("L1", 200)])
    with pytest.raises(ValidationError, match="hand over a refund line"):
        hand_over(seen, void=["L1"])


def test_a_pending_line_may_be_corrected_and_voided() -> None:
    seen = hand_over(opened(line("L1"), line("L2")), fees=[line("L1", 300)])
    assert charged(accepted(seen)) == Decimal("4.00")
    seen = hand_over(seen, void=["L2"])
    assert by_state(seen) == {"L1": LineState.PENDING, "L2": LineState.VOIDED}
    seen = accepted(seen)
    assert charged(seen) == Decimal("3.00")
    assert lines_are_settled(seen)


def test_a_refused_line_is_sent_again_once_it_was_corrected() -> None:
    seen = refused(opened(line("L1")))
    assert by_state(hand_over(seen, fees=[line("L1")])) == {"L1": LineState.REFUSED}
    seen = hand_over(seen, fees=[line("L1", 200)])
    assert by_state(seen) == {"L1": LineState.PENDING}
    assert lines_are_settled(accepted(seen))


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ([line("R1", -100)], "names the line that it refunds"),
        ([line("R1", -100, refund_of="L9")], "no line L9"),
        ([line("L1"), line("R1", -101, refund_of="L1")], "refunds come to -1.01"),
        ([line("L1"), line("R1", -60, refund_of="L1"), line("R2", -60, refund_of="L1")], "refunds come to -1.2"),
        ([line("L1"), line("L2", refund_of="L1")], "a refund has a negative amount"),
        ([line("L1", feedetl_sn="1"), line("L2", feedetl_sn="1")], "those of line L1"),
    ],
)
def test_rules_between_lines(lines: list[dict[str, Any]], said: str) -> None:
    data = OPENING | {"fees": {each["line_id"]: each for each in lines}}
    assert said in problems(OutpatientVisit, data)


def test_an_id_that_comes_twice_in_one_hand_over() -> None:
    assert "L1 comes twice" in problems(FeesHandedOver, {"fees": [line("L1"), line("L1", 200)]})


@pytest.mark.parametrize("given", [{}, {"fees": {}}, {"fees": 5}, {"void": "L1"}, {"void": [1]}, {"fees": [5]}, 7])
def test_nonsense_is_refused(given: Any) -> None:
    assert problems(FeesHandedOver, given)


def test_a_his_cannot_write_the_ledgers_own_marks() -> None:
    assert problems(FeesHandedOver, {"fees": [line("L1", outcome="uploaded")]})
    assert problems(OutpatientOpening, OPENING | {"fee_lines": [line("L1", sent="x")]})


def test_one_id_is_enough() -> None:
    by_id = OutpatientOpening.model_validate(OPENING | {"fees": [line("L1")]})
    assert by_id.fees is not None
    assert by_id.fees["L1"].key == ("RX1", "L1")
    raw = {name: value for name, value in line("L1", feedetl_sn="7").items() if name != "line_id"}
    by_number = OutpatientOpening.model_validate(OPENING | {"fees": [raw]})
    assert by_number.fees is not None
    assert list(by_number.fees) == ["RX1-7"]


# -- timed uploads, undo, people
def test_a_timed_upload_goes_on_until_what_was_there_is_sent() -> None:
    seen = opened(*(line(f"L{number}") for number in range(5)), batch_size=2)
    assert not upload_is_due(seen)
    seen = accepted(seen)
    assert upload_is_due(seen)
    seen = accepted(accepted(seen))
    assert not upload_is_due(seen)
    assert not upload_is_due(hand_over(seen, fees=[line("L9")]))


def test_taking_lines_back_makes_them_pending_again() -> None:
    seen = accepted(opened(line("L1"), line("L2")))
    back = after(seen, STEPS["cancel_lines"]().fold(seen, {}).data)
    assert set(by_state(back).values()) == {LineState.PENDING}
    assert "uploaded_total" not in back.data
    assert len(next_batch(back)) == 2


def test_lines_in_the_air_are_shown_as_sending() -> None:
    seen = opened(line("L1"), line("L2"), batch_size=1)
    call = CallInfo("c", "upload", "upload_lines", "once", "M1", UPLOAD.request(seen), NOW)  # type: ignore[arg-type]
    shown = View(seen.visit_id, seen.flow, seen.key, seen.state, seen.data, seen.settings, seen.now, call)
    assert {each.line_id: each.state for each in states(shown)} == {"L1": LineState.SENDING, "L2": LineState.PENDING}


def test_a_total_told_by_telephone_is_held_against_the_batch() -> None:
    seen = accepted(opened(line("L1"), line("L2", 250), batch_size=1))
    assert UPLOAD.told(seen, {"uploaded_total": "3.50"}).disagreements == ()
    assert UPLOAD.told(seen, {"uploaded_total": "3.49"}).disagreements
    assert lines_are_settled(after(seen, UPLOAD.told(seen, {"uploaded_total": "3.50"}).data))


def test_visits_of_version_1_keep_their_one_list() -> None:
    raw = {name: value for name, value in line("L1", feedetl_sn="1").items() if name != "line_id"}
    seen = view(without=("fees", "batches", "uploaded_total"))
    old = View("id", seen.flow, KEY, "registered", {**OPENING, "visit_no": "V1", "fee_lines": [raw]}, {}, NOW)
    assert [each["feedetl_sn"] for each in UPLOAD.request(old)["feedetail"]] == ["1"]
    assert UPLOAD.fold(old, {"lines": rows(old)}).data == {"uploaded_total": Decimal("1.00")}
