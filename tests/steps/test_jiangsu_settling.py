"""What a look tells about a lost call. Sources: assumptions J4, J12-J14; work-injury flows, chapter 5."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from adapters.jiangsu.transactions import TRANSACTIONS
from engine.outcomes import Category, Effect
from engine.steps import Applied, Judgement, NotApplied, Progress, Reversed, Unclear
from steps.jiangsu import STEPS
from tests.steps.views import KEY, LATER, LOST, about, refusal, view

NO_SETTLEMENT = refusal("3013/6101001", Category.NOT_FOUND)
NO_VISIT = refusal("3002/2201001", Category.NOT_FOUND)
OTHER = refusal("3999", Category.BUSINESS)


def row(visit_no: str = "V1", msgid: str = LOST, status: str = "registered", key: str = KEY) -> dict[str, Any]:
    return {"visit_no": visit_no, "ipt_otp_no": key, "status": status, "msgid": msgid}


def line(number: str, msgid: str = LOST, amount: str | None = None) -> dict[str, Any]:
    right = {"1": "120.00", "2": "15.00"}.get(number, "1.00")
    return {"rxno": "RX1", "feedetl_sn": number, "umamt": Decimal(amount or right), "msgid": msgid}


def receipt(msgid: str = LOST, settle_id: str = "S1", **amounts: str) -> dict[str, Any]:
    shown = {"total_amt": "135.00", "fund_amt": "108.00", "self_amt": "27.00"} | amounts
    return {"settle_id": settle_id, "msgid": msgid} | {name: Decimal(value) for name, value in shown.items()}


def words(judgement: Judgement) -> str:
    return judgement.reason


# -- 2201
UNREGISTERED = view(without=("visit_no", "uploaded_total", "invoice_no"))
REGISTRATIONS = [
    ([], NotApplied),
    ([row()], Applied),
    ([row(msgid="")], Applied),
    ([row(status="settled")], Applied),
    ([row(status="cancelled")], NotApplied),
    ([row(key="MZ9999")], NotApplied),
    ([row(msgid=LATER)], Unclear),
    ([row("V1"), row("V2")], Unclear),
    ([row("V1"), row("V2", LATER)], Unclear),
    ([row("V1", ""), row("V2", "")], Unclear),
    ([row("V1"), row("V2", status="cancelled"), row("V3", key="MZ9999")], Applied),
]


@pytest.mark.parametrize(("rows", "verdict"), REGISTRATIONS)
def test_find_registration(rows: list[dict[str, Any]], verdict: type) -> None:
    seen = about("register", UNREGISTERED)
    probe = STEPS["find_registration"]()
    assert "psn_no" in probe.request(seen)
    found = probe.judge(seen, {"visits": rows})
    assert type(found) is verdict, found
    if isinstance(found, Applied):
        assert found.progress == Progress({"visit_no": "V1"})


def test_several_registrations_are_counted() -> None:
    rows = [row("V1"), row("V2", LATER), row("V3", LATER)]
    assert "3" in words(STEPS["find_registration"]().judge(about("register", UNREGISTERED), {"visits": rows}))


@pytest.mark.parametrize(
    ("rows", "known", "verdict"),
    [
        ([row("V1", LATER)], "V1", NotApplied),
        ([], None, NotApplied),
        ([row("V1", "")], "V1", NotApplied),
        ([row("V0", LOST), row("V1", LATER)], "V1", Applied),
        ([row("V0", ""), row("V1", "")], "V1", Applied),
        ([row("V0", LOST)], None, Applied),
        ([row("V0", "")], None, Applied),
        ([row("V0", "", status="cancelled"), row("V1", LATER)], "V1", NotApplied),
    ],
)
def test_late_registration(rows: list[dict[str, Any]], known: str | None, verdict: type) -> None:
    seen = about("register", view(visit_no=known))
    assert type(STEPS["find_registration"]().recheck(seen, {"visits": rows})) is verdict


# -- 2204
NOT_UPLOADED = view(without=("uploaded_total", "invoice_no"))
BATCHES = [
    ([], NotApplied),
    ([line("1"), line("2")], Applied),
    ([line("2"), line("1")], Applied),
    ([line("1")], Unclear),
    ([line("1"), line("2"), line("2")], Unclear),
    ([line("1"), line("2", LATER), line("1", LATER)], Unclear),
    ([line("9")], Unclear),
    ([line("1"), line("2"), line("9")], Unclear),
]


@pytest.mark.parametrize(("rows", "verdict"), BATCHES)
def test_find_lines(rows: list[dict[str, Any]], verdict: type) -> None:
    found = STEPS["find_lines"]().judge(about("upload_lines", NOT_UPLOADED), {"lines": rows})
    assert type(found) is verdict, found
    if isinstance(found, Applied):
        assert found.progress.disagreements == ()
        assert found.progress.data["uploaded_total"] == Decimal("135.00")
        assert {line["outcome"] for line in found.progress.data["fees"].values()} == {"uploaded"}


def test_lines_found_with_another_amount_stop_the_visit() -> None:
    rows = [line("1", amount="121.00"), line("2")]
    found = STEPS["find_lines"]().judge(about("upload_lines", NOT_UPLOADED), {"lines": rows})
    assert isinstance(found, Applied)
    assert {each.what for each in found.progress.disagreements} == {"line RX1/1", "uploaded total"}


@pytest.mark.parametrize(
    ("rows", "uploaded", "verdict"),
    [
        ([line("1", LATER), line("2", LATER)], "135.00", NotApplied),
        ([line("1", ""), line("2", "")], "135.00", NotApplied),
        ([line(number, by) for number in "12" for by in (LOST, LATER)], "135.00", Applied),
        ([line("1", ""), line("2", ""), line("2", "")], "135.00", Applied),
        ([line("1", LOST)], "135.00", Applied),
        ([line("1", ""), line("2", "")], None, Applied),
        ([], None, NotApplied),
    ],
)
def test_late_lines(rows: list[dict[str, Any]], uploaded: str | None, verdict: type) -> None:
    seen = about("upload_lines", view(uploaded_total=uploaded))
    assert type(STEPS["find_lines"]().recheck(seen, {"lines": rows})) is verdict


# -- 2207
UNSETTLED = view(without=("settle_id", "total_amt", "fund_amt", "self_amt"))


@pytest.mark.parametrize(("msgid", "verdict"), [(LOST, Applied), ("", Applied), (LATER, Unclear)])
def test_find_settlement(msgid: str, verdict: type) -> None:
    found = STEPS["find_settlement"]().judge(about("settle", UNSETTLED), receipt(msgid))
    assert type(found) is verdict
    if isinstance(found, Applied):
        assert found.progress.disagreements == ()
        assert found.progress.data["settle_id"] == "S1"
        assert found.progress.data["self_amt"] == Decimal("27.00")


def test_settlement_found_with_other_amounts_stops_the_visit() -> None:
    found = STEPS["find_settlement"]().judge(about("settle", UNSETTLED), receipt(fund_amt="109.00"))
    assert isinstance(found, Applied)
    assert {each.what for each in found.progress.disagreements} == {"total_amt = fund_amt + self_amt", "fund_amt"}


@pytest.mark.parametrize(
    ("shown", "known", "verdict"),
    [
        (receipt(LATER), "S1", NotApplied),
        (receipt(""), "S1", NotApplied),
        (receipt(LOST, "S0"), "S1", Applied),
        (receipt("", "S0"), "S1", Applied),
        (receipt(LOST, "S0"), None, Applied),
        (receipt("", "S0"), None, Applied),
    ],
)
def test_late_settlement(shown: dict[str, Any], known: str | None, verdict: type) -> None:
    seen = about("settle", view(settle_id=known))
    assert type(STEPS["find_settlement"]().recheck(seen, shown)) is verdict


# -- refusals
@pytest.mark.parametrize(
    ("probe", "operation", "refused", "verdict"),
    [
        ("find_registration", "register", OTHER, Unclear),
        ("find_lines", "upload_lines", NO_VISIT, NotApplied),
        ("find_lines", "upload_lines", OTHER, Unclear),
        ("find_settlement", "settle", NO_SETTLEMENT, NotApplied),
        ("find_settlement", "settle", OTHER, Unclear),
        ("registration_gone", "cancel_registration", OTHER, Unclear),
        ("lines_gone", "cancel_lines", NO_VISIT, Unclear),
        ("lines_gone", "cancel_lines", OTHER, Unclear),
        ("settlement_gone", "cancel_settlement", NO_SETTLEMENT, Applied),
        ("settlement_gone", "cancel_settlement", OTHER, Unclear),
        ("reverse", "settle", OTHER, Unclear),
    ],
)
def test_refused_probe(probe: str, operation: str, refused: Any, verdict: type) -> None:
    assert type(STEPS[probe]().refused(about(operation, view()), refused)) is verdict


# -- undos in doubt
def test_registration_gone() -> None:
    probe, seen = STEPS["registration_gone"](), about("cancel_registration", view())
    assert isinstance(probe.judge(seen, {"visits": [row()]}), NotApplied)
    for rows in ([], [row(status="cancelled")], [row(key="MZ9999")]):
        assert probe.judge(seen, {"visits": rows}).progress == Progress({"visit_no": None})


def test_lines_gone() -> None:
    probe, seen = STEPS["lines_gone"](), about("cancel_lines", view())
    assert isinstance(probe.judge(seen, {"lines": [line("1")]}), NotApplied)
    assert probe.judge(seen, {"lines": []}).progress.data == STEPS["cancel_lines"]().fold(seen, {}).data


def test_late_cancelling_of_lines_takes_them_away() -> None:
    probe = STEPS["lines_gone"]()
    assert isinstance(probe.recheck(about("cancel_lines", view()), {"lines": []}), Applied)
    assert isinstance(probe.recheck(about("cancel_lines", view()), {"lines": [line("1")]}), NotApplied)
    gone = view(without=("uploaded_total",))
    assert isinstance(probe.recheck(about("cancel_lines", gone), {"lines": []}), NotApplied)
    assert isinstance(probe.recheck_refused(about("cancel_lines", gone), NO_VISIT), NotApplied)


def test_settlement_gone() -> None:
    probe, seen = STEPS["settlement_gone"](), about("cancel_settlement", view())
    assert isinstance(probe.judge(seen, receipt()), NotApplied)
    gone = probe.refused(seen, NO_SETTLEMENT)
    assert gone.progress.data == STEPS["cancel_settlement"]().fold(seen, {}).data
    assert isinstance(probe.recheck_refused(seen, NO_SETTLEMENT), Applied)
    without = about("cancel_settlement", view(without=("settle_id",)))
    assert isinstance(probe.recheck_refused(without, NO_SETTLEMENT), NotApplied)
    assert isinstance(probe.recheck(seen, receipt()), NotApplied)
    assert not isinstance(probe.recheck(without, receipt()), NotApplied)


# -- 2209
@pytest.mark.parametrize("found", [True, False, None])
def test_reverse(found: bool | None) -> None:
    seen, step = about("settle", UNSETTLED), STEPS["reverse"]()
    assert step.request(seen) == {"originalMessageId": LOST, "oinfno": "2207", "psn_no": seen.data["psn_no"]}
    assert isinstance(step.judge(seen, {} if found is None else {"found": found}), Reversed)


# -- all of them
PROBES = {
    "find_registration": "register",
    "find_lines": "upload_lines",
    "find_settlement": "settle",
    "registration_gone": "cancel_registration",
    "lines_gone": "cancel_lines",
    "settlement_gone": "cancel_settlement",
}


@pytest.mark.parametrize(("probe", "operation"), PROBES.items())
def test_probe_can_ask_after_the_visit_was_undone(probe: str, operation: str) -> None:
    """The last look comes when the visit is cancelled and has forgotten its number."""
    undone = view(without=("visit_no", "uploaded_total", "invoice_no", "settle_id"))
    step = STEPS[probe]()
    row_ = TRANSACTIONS[step.operation]
    assert row_.effect is Effect.READ
    request = row_.request.model_validate(dict(step.request(about(operation, undone))))
    if "visit_no" in type(request).model_fields:
        assert (request.visit_no, request.ipt_otp_no) == ("V1", KEY)  # type: ignore[attr-defined]
