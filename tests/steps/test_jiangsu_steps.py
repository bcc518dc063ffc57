"""What the steps send and what they make of replies. Sources: 000; assumptions J3-J11; DLL conventions, chapter 3."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.jiangsu.transactions import TRANSACTIONS
from engine.facts import merged, normalise
from engine.outcomes import Category
from engine.steps import View
from steps.jiangsu import CONDITIONS, STEPS
from steps.jiangsu.forward import first_qualification
from steps.jiangsu.models import OutpatientVisit
from tests.steps.views import DATA, KEY, PERSON, refusal, view

AMOUNTS = {"total_amt": Decimal("135.00"), "fund_amt": Decimal("108.00"), "self_amt": Decimal("27.00")}
#: forward step → a good reply
REPLIES: dict[str, dict[str, Any]] = {
    "check_sign_in": {"signed_in": True, "sign_no": "1", "sign_time": ""},
    "read_card": {"psn_no": PERSON, "psn_name": "赵测甲", "exam_ccls": "^Q1|x|肢体残|"},
    "register": {"visit_no": "V1"},
    "upload_lines": {
        "lines": [
            {"rxno": "RX1", "feedetl_sn": "2", "umamt": Decimal("15.00")},
            {"rxno": "RX1", "feedetl_sn": "1", "umamt": Decimal("120.00")},
        ]
    },
    "pre_settle": {"pre_settle_id": "PS1", **AMOUNTS},
    "settle": {"settle_id": "S1", **AMOUNTS},
    "fetch_receipt": {"settle_id": "S1", **AMOUNTS, "setl_time": "20241201110000", "msgid": ""},
}
UNDOS = {"cancel_registration": "register", "cancel_lines": "upload_lines", "cancel_settlement": "settle"}
STEPS_WITH_FOLD = [*REPLIES, *UNDOS]
#: What an upload writes into the ledger: follows from what was sent.
LEDGER = {"fees", "batches", "uploading"}


def before(name: str) -> View:
    """The visit as a step finds it: before an upload no line is uploaded."""
    return view(without=("uploaded_total",)) if name == "upload_lines" else view()


@pytest.mark.parametrize("name", STEPS_WITH_FOLD)
def test_requests_fit_the_contract_also_after_the_journal(name: str) -> None:
    step = STEPS[name]()
    assert step.role == "centre"
    kept = normalise(dict(step.request(before(name))))
    TRANSACTIONS[step.operation].request.model_validate(kept)


@pytest.mark.parametrize("name", REPLIES)
def test_good_replies_fit_the_data_model(name: str) -> None:
    progress = STEPS[name]().fold(before(name), REPLIES[name])
    assert progress.disagreements == ()
    OutpatientVisit.model_validate(merged(before(name).data, normalise(dict(progress.data))))


@pytest.mark.parametrize("name", [each for each in REPLIES if each != "check_sign_in"])
def test_steps_are_pure(name: str) -> None:
    seen = view()
    before = normalise(dict(seen.data))
    first, second = (STEPS[name]().fold(seen, REPLIES[name]) for _ in range(2))
    assert first == second
    assert normalise(dict(seen.data)) == before


def test_register_sends_both_vocabularies() -> None:
    sent = STEPS["register"]().request(view())
    assert sent["ipt_otp_no"] == KEY
    assert sent["psn_no"] == PERSON
    assert sent["dept_name"] == "骨科"
    assert sent["adm_diag_dscr"] == "S62.600"
    assert sent["qualification_id"] == "Q1"


def test_trial_leaves_fee_details_out() -> None:
    assert _to_the_gateway("pre_settle") == {"visit_no": "V1", "ipt_otp_no": KEY}


def test_settling_names_again_what_only_the_dll_asks_for() -> None:
    for name in ("pre_settle", "settle"):
        sent = STEPS[name]().request(view())
        assert {each: sent[each] for each in ("psn_no", "med_type", "adm_diag_dscr")} == {
            "psn_no": PERSON,
            "med_type": "11",
            "adm_diag_dscr": "S62.600",
        }


@pytest.mark.parametrize(
    ("told", "more", "sent"),
    [
        ({}, {}, "S62.600"),
        ({"diag_name": ""}, {"dscg_diagnosis_name": "指骨骨折"}, "指骨骨折"),
        ({"diag_name": "手指骨折"}, {"dscg_diagnosis_name": "指骨骨折"}, "手指骨折"),
    ],
)
def test_a_record_always_names_its_diagnosis(told: dict[str, str], more: dict[str, str], sent: str) -> None:
    seen = view(record={"chief_complaint": "痛", "treatment": "清创", **told})
    seen = replace(seen, data=dict(seen.data) | more)
    assert STEPS["upload_outpatient_record"]().request(seen)["diag_name"] == sent


def _to_the_gateway(name: str) -> dict[str, Any]:
    step = STEPS[name]()
    return TRANSACTIONS[step.operation].request.model_validate(step.request(view())).for_gateway()


def test_settle_names_trial_and_invoice() -> None:
    assert _to_the_gateway("settle") == {
        "visit_no": "V1",
        "ipt_otp_no": KEY,
        "pre_settle_id": "PS1",
        "mdtrt_id": "INV1",
    }


@pytest.mark.parametrize(
    ("written", "med_type", "expected"),
    [
        ("^Q1|2024|肢体残|", "11", "Q1"),
        ("Q1|2024|肢体残|", "11", "Q1"),
        ("^Q1|x|职业病|^Q2|x|肢体残|", "11", "Q2"),
        ("^Q1|x|职业病|^Q2|x|肢体残|", "12", "Q1"),
        ("^^ Q3 | x | 康复治疗 |^", "13", "Q3"),
        ("^Q1|x|肢体残|^Q2|x|肢体残|", "11", "Q1"),
        ("^Q1|x|肢体残|", "12", None),
        ("^|x|肢体残|", "11", None),
        ("^Q1|x", "11", None),
        ("", "11", None),
    ],
)
def test_approved_injury_is_chosen_by_kind(written: str, med_type: str, expected: str | None) -> None:
    assert first_qualification(written, med_type) == expected


@given(st.text(alphabet="^|Q1x肢体残 ", max_size=60), st.sampled_from(["11", "12", "13"]))
def test_no_list_of_injuries_breaks_the_card(written: str, med_type: str) -> None:
    found = first_qualification(written, med_type)
    assert found is None or found.strip()


# -- sums that must agree (G9)
@pytest.mark.parametrize(
    ("name", "change", "what"),
    [
        ("pre_settle", {"self_amt": "27.01"}, {"total_amt = fund_amt + self_amt"}),
        ("pre_settle", {"total_amt": "135.01", "self_amt": "27.01"}, {"total_amt = sum of lines"}),
        ("settle", {"fund_amt": "107.99"}, {"total_amt = fund_amt + self_amt", "fund_amt"}),
        ("settle", {"fund_amt": "107.99", "self_amt": "27.01"}, {"fund_amt", "self_amt"}),
        ("settle", {"total_amt": "135.01", "self_amt": "27.01"}, {"total_amt = sum of lines", "total_amt", "self_amt"}),
        ("fetch_receipt", {"fund_amt": "107.99"}, {"fund_amt"}),
        ("fetch_receipt", {"total_amt": "0"}, {"total_amt"}),
    ],
)
def test_disagreements(name: str, change: dict[str, str], what: set[str]) -> None:
    reply = REPLIES[name] | {key: Decimal(value) for key, value in change.items()}
    progress = STEPS[name]().fold(view(), reply)
    assert {each.what for each in progress.disagreements} == what
    assert progress.data, "the reply is kept all the same"


def test_receipt_of_another_settlement_disagrees() -> None:
    progress = STEPS["fetch_receipt"]().fold(view(), REPLIES["fetch_receipt"] | {"settle_id": "S9"})
    assert [(each.expected, each.actual) for each in progress.disagreements] == [("S1", "S9")]


@pytest.mark.parametrize("zeros", ["135", "135.0", "135.00"])
def test_equal_amounts_agree_however_written(zeros: str) -> None:
    reply = REPLIES["settle"] | {"total_amt": Decimal(zeros)}
    assert STEPS["settle"]().fold(view(), reply).disagreements == ()


@given(
    st.decimals(min_value="-0.05", max_value="0.05", places=2),
    st.decimals(min_value="-0.05", max_value="0.05", places=2),
)
def test_a_cent_is_enough(fund: Decimal, self_: Decimal) -> None:
    reply = REPLIES["settle"] | {"fund_amt": AMOUNTS["fund_amt"] + fund, "self_amt": AMOUNTS["self_amt"] + self_}
    assert bool(STEPS["settle"]().fold(view(), reply).disagreements) == (fund != 0 or self_ != 0)


@pytest.mark.parametrize(
    "rows",
    [
        [],
        REPLIES["upload_lines"]["lines"][:1],
        [*REPLIES["upload_lines"]["lines"], {"rxno": "RX9", "feedetl_sn": "1", "umamt": Decimal("1.00")}],
        [*REPLIES["upload_lines"]["lines"], REPLIES["upload_lines"]["lines"][0]],
        [{**row, "umamt": row["umamt"] + 1} for row in REPLIES["upload_lines"]["lines"]],
    ],
)
def test_rows_that_differ_from_the_lines_disagree(rows: list[dict[str, Any]]) -> None:
    assert STEPS["upload_lines"]().fold(before("upload_lines"), {"lines": rows}).disagreements


@pytest.mark.parametrize("name", [each for each in REPLIES if each not in ("check_sign_in", "read_card")])
def test_a_reply_without_its_members_raises(name: str) -> None:
    with pytest.raises(KeyError):
        STEPS[name]().fold(view(), {})


# -- the ways back
@pytest.mark.parametrize(("undo", "forward"), UNDOS.items())
def test_undo_takes_away_what_the_step_brought(undo: str, forward: str) -> None:
    brought = set(STEPS[forward]().fold(before(forward), REPLIES[forward]).data)
    taken = STEPS[undo]().fold(view(), {}).data
    assert brought - {"batches"} <= set(taken)
    assert {value for name, value in taken.items() if name != "fees"} == {None}
    OutpatientVisit.model_validate(merged(DATA, taken))


def test_undo_of_the_settlement_asks_for_a_new_invoice() -> None:
    """Otherwise the visit would settle again by itself at once."""
    assert "invoice_no" in STEPS["cancel_settlement"]().fold(view(), {}).data


def test_lines_are_cancelled_all_at_once() -> None:
    sent = STEPS["cancel_lines"]().request(view())
    assert (sent["rxno"], sent["feedetl_sn"]) == ("", "")


@pytest.mark.parametrize(
    ("settings", "sent"),
    [
        ({}, "1"),
        ({"keep_lines": True}, "1"),
        ({"keep_lines": 1}, "1"),
        ({"keep_lines": "1"}, "1"),
        ({"keep_lines": False}, "0"),
        ({"keep_lines": 0}, "0"),
        ({"keep_lines": "0"}, "0"),
    ],
)
def test_keep_lines(settings: dict[str, Any], sent: str) -> None:
    seen = view(settings=settings or {"other": 1})
    request = STEPS["cancel_settlement"]().request(seen)
    assert request["keep_tp_type"] == sent
    assert request["setl_time"] == "20241201103000"


@pytest.mark.parametrize(
    ("undo", "code", "category", "reached"),
    [
        ("cancel_lines", "3006/2205001", Category.NOTHING_TO_UNDO, True),
        ("cancel_settlement", "3012/2208001", Category.NOTHING_TO_UNDO, True),
        ("cancel_registration", "3002/2201001", Category.NOT_FOUND, True),
        ("cancel_settlement", "3002/2201001", Category.NOT_FOUND, False),
        ("cancel_lines", "3007/2205002", Category.ORDER, False),
        ("cancel_registration", "3003/2202001", Category.ORDER, False),
        ("cancel_settlement", "3999", Category.BUSINESS, False),
    ],
)
def test_nothing_to_undo_is_the_goal(undo: str, code: str, category: Category, reached: bool) -> None:
    step = STEPS[undo]()
    progress = step.refused(view(), refusal(code, category))
    assert (progress is not None) is reached
    if progress is not None:
        assert progress.data == step.fold(view(), {}).data


@pytest.mark.parametrize("name", REPLIES)
def test_no_forward_step_takes_a_refusal_for_success(name: str) -> None:
    for category in Category:
        if name == "upload_lines" and category in (Category.DATA, Category.MAINTENANCE):
            continue  # a line is to blame: see the ledger's own tests
        assert STEPS[name]().refused(before(name), refusal("3010/2207001", category)) is None


# -- by hand
@pytest.mark.parametrize("name", ["register", "upload_lines", "settle"])
def test_by_hand_asks_for_what_the_reply_would_bring(name: str) -> None:
    model = STEPS[name].by_hand
    assert set(model.model_fields) == set(STEPS[name]().fold(view(), REPLIES[name]).data) - LEDGER


def test_conditions() -> None:
    assert CONDITIONS["lines_are_settled"](view())
    assert not CONDITIONS["has_lines_to_send"](view())
    assert not CONDITIONS["lines_are_settled"](view(without=("uploaded_total",)))
    assert CONDITIONS["has_lines_to_send"](view(without=("uploaded_total",)))
    assert CONDITIONS["may_settle"](view())
    assert not CONDITIONS["may_settle"](view(without=("uploaded_total",)))
    assert CONDITIONS["waits_for_record"](view(settings={"record": "required"}))
    assert not CONDITIONS["waits_for_record"](view())
    assert CONDITIONS["has_invoice"](view())
    assert not CONDITIONS["has_invoice"](view(without=("invoice_no",)))
