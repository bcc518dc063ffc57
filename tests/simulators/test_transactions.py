"""Reconciliation, review, filing, sessions, changes of a registration: J30-J41, through the gateway."""

from __future__ import annotations

import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from simulators.common.book import Book
from simulators.common.numbers import write_json
from simulators.jiangsu.centre import SHANGHAI
from simulators.jiangsu.control import ledger_view
from simulators.jiangsu.gateway import Gateway
from simulators.jiangsu.transactions import TRANSACTIONS
from tests.simulators.desk import NUMBER, Desk

TOTALS = {"medfee_sumamt": Decimal("120.00"), "hifp_pay": Decimal("96.00"), "psn_cash_pay": Decimal("24.00")}
NOTHING = dict.fromkeys(TOTALS, Decimal("0.00"))


def at_noon(gateway: Gateway | None = None) -> Desk:
    gateway = gateway or Gateway()
    gateway.centre.now = lambda: datetime.datetime(2026, 11, 20, 12, tzinfo=SHANGHAI)
    return Desk(gateway)


def refusal(answer: dict[str, Any]) -> tuple[int, str | None]:
    return answer["code"], answer.get("businessErrorCode")


def today(desk: Desk, **more: Any) -> dict[str, Any]:
    day = desk.gateway.centre.stamp()[:8]
    period = {"stmt_begindate": f"{day}000000", "stmt_enddate": f"{day}235959"}
    return {**period, "sign_no": "1", "refd_setl_flag": "0", "opter": "", **more}


def test_there_are_the_26_transactions_of_the_list() -> None:
    listed = """
        1320 1321 1322 1323 9001 9002 1101 2201 2202 2203 2204 2205 2206 2207 2208 2209 3101 6101 1102
        9103 9104 9105 9106 1800 1106 1107
    """
    assert sorted(TRANSACTIONS) == sorted(listed.split())


# -- 2203
def test_a_registration_is_changed_and_changed_back() -> None:
    desk = at_noon()
    visit_no = desk.register(adm_time="20261120080000")

    def listed() -> dict[str, Any]:
        psn_no = desk.card()["data"]["psn_no"]
        visit: dict[str, Any] = desk.do("9105", psn_no=psn_no)["data"]["visits"][0]
        return visit

    changed = desk.do("2203", "CHANGE", visit_no=visit_no, adm_time="20261120090000", visit_type="2", psn_no="other")
    assert changed["success"]
    assert changed["data"] == {}
    assert (listed()["adm_time"], listed()["visit_type"]) == ("20261120090000", "2")
    desk.ask(action="reverse", originalMessageId="CHANGE")
    assert (listed()["adm_time"], listed()["visit_type"]) == ("20261120080000", "1")


def test_a_settled_registration_is_not_changed() -> None:
    desk = at_noon()
    visit_no, _ = desk.settled()
    assert refusal(desk.do("2203", visit_no=visit_no, visit_type="1")) == (3026, "2201003")


# -- 1320-1323
def test_totals_are_of_a_period_an_operator_and_what_stands() -> None:
    desk = at_noon()
    assert desk.do("1320", **today(desk))["data"] == NOTHING
    visit_no, _ = desk.settled()
    assert desk.do("1320", **today(desk))["data"] == TOTALS
    assert desk.do("1320", **today(desk, opter="001"))["data"] == TOTALS
    assert desk.do("1320", **today(desk, opter="other"))["data"] == NOTHING
    assert desk.do("1320", **today(desk, refd_setl_flag="1"))["data"] == NOTHING
    past = today(desk, stmt_begindate="20200101000000", stmt_enddate="20200101235959")
    assert desk.do("1320", **past)["data"] == NOTHING
    desk.do("2208", visit_no=visit_no, mdtrt_id="F1", keep_tp_type="1")
    assert desk.do("1320", **today(desk))["data"] == NOTHING
    assert desk.do("1320", **today(desk, refd_setl_flag="1"))["data"] == TOTALS


@pytest.mark.parametrize(
    "change",
    [{"stmt_begindate": "2026-11-20"}, {"stmt_begindate": "20991231000000"}, {"refd_setl_flag": "2"}, {"sign_no": ""}],
)
def test_what_is_no_period_is_a_wrong_parameter(change: dict[str, Any]) -> None:
    desk = at_noon()
    assert desk.do("1320", **today(desk, **change))["code"] == 1007


def test_both_ends_of_a_period_belong_to_it() -> None:
    desk = at_noon()
    _, settle = desk.settled()
    at = desk.gateway.centre.ledger.movements[0].at
    assert desk.do("1320", **today(desk, stmt_begindate=at, stmt_enddate=at))["data"] == TOTALS
    rows = desk.do("9103", begindate=at, enddate=at)["data"]["settlements"]
    assert [row["msgid"] for row in rows] == [settle]
    assert desk.do("9103", begindate="20260101000000", enddate="20261120115959")["data"]["settlements"] == []
    assert desk.do("9103", begindate="20261120120001", enddate="20261231000000")["data"]["settlements"] == []


def test_one_bill_is_found_by_the_hospitals_numbers() -> None:
    desk = at_noon()
    visit_no, _ = desk.settled()
    found = desk.do("1321", ipt_otp_no=NUMBER, medrcdno="F1", opter="")
    assert found["data"] == {"ipt_otp_no": NUMBER, "medrcdno": "F1", **TOTALS}
    assert refusal(desk.do("1321", ipt_otp_no=NUMBER, medrcdno="F2", opter="")) == (3017, "1321001")
    desk.do("2208", visit_no=visit_no, mdtrt_id="F1", keep_tp_type="1")
    assert refusal(desk.do("1321", ipt_otp_no=NUMBER, medrcdno="F1", opter="")) == (3017, "1321001")


def test_a_confirmed_settlement_stands_until_the_confirmation_is_taken_back() -> None:
    desk = at_noon()
    visit_no, settle = desk.settled()
    cancel = {"visit_no": visit_no, "mdtrt_id": "F1", "keep_tp_type": "1"}
    wrong = TOTALS | {"hifp_pay": Decimal("95.99")}
    assert refusal(desk.do("1323", **today(desk))) == (3020, "1323001")
    assert refusal(desk.do("1322", **today(desk), **wrong)) == (3018, "1322001")
    assert desk.do("1322", **today(desk), **TOTALS)["success"]
    assert refusal(desk.do("1322", **today(desk), **TOTALS)) == (3019, "1322002")
    assert refusal(desk.do("2208", **cancel)) == (3021, "2208002")
    assert refusal(desk.ask(action="reverse", originalMessageId=settle)) == (3021, "2208002")
    assert desk.books["settled_total"] == Decimal("120.00")
    other = today(desk, stmt_begindate="20200101000000")
    assert refusal(desk.do("1323", **other)) == (3020, "1323001")
    assert desk.do("1323", **today(desk))["success"]
    assert desk.do("2208", **cancel)["success"]


def test_confirmations_are_reversed_by_their_message() -> None:
    desk = at_noon()
    _, settle = desk.settled()
    desk.do("1322", "CONFIRM", **today(desk), **TOTALS)
    desk.do("1323", "BACK", **today(desk))
    assert desk.ask(action="reverse", originalMessageId="BACK")["data"]["found"] is True
    assert refusal(desk.ask(action="reverse", originalMessageId=settle)) == (3021, "2208002")
    assert desk.ask(action="reverse", originalMessageId="CONFIRM")["data"]["found"] is True
    assert desk.ask(action="reverse", originalMessageId=settle)["data"]["found"] is True


def test_the_centre_may_have_other_amounts() -> None:
    desk = at_noon()
    desk.settled()
    desk.gateway.office.arrange("PUT /amounts", {"ipt_otp_no": NUMBER, "hifp_pay": Decimal("95.99")})
    for data in (
        desk.do("1320", **today(desk))["data"],
        desk.do("1321", ipt_otp_no=NUMBER, medrcdno="F1", opter="")["data"],
        desk.do("9103", begindate="20200101000000", enddate="20991231000000")["data"]["settlements"][0],
    ):
        assert (data["hifp_pay"], data["medfee_sumamt"]) == (Decimal("95.99"), Decimal("120.00"))
    assert desk.do("1322", **today(desk), **TOTALS)["code"] == 3018
    desk.gateway.office.arrange("PUT /amounts", {"ipt_otp_no": NUMBER})
    assert desk.do("1322", **today(desk), **TOTALS)["success"]


# -- 1102, 1106, 1107
FILING = {
    "actualStartTime": "20261120",
    "actualEndTime": "20261220",
    "applyTime": "20261119",
    "outArea": "990100",
    "outHospitalName": "虚构医院",
    "applyReason": "专科治疗",
    "transportation": "",
    "stateCode": "",
}
RECORD = {
    "dept_name": "骨科",
    "doctor_code": "D1",
    "doctor_name": "张主任",
    "chief_complaint": "右下肢疼痛",
    "present_illness": "",
    "past_history": "",
    "physical_exam": "",
    "diag_code": "S82",
    "diag_name": "小腿骨折",
}
RECORDS = {
    "1106": {"visit_time": "20261120080000", "treatment": ""},
    "1107": {
        "adm_time": "20261120080000",
        "dscg_time": "20261121080000",
        **dict.fromkeys(("adm_condition", "treatment_course", "dscg_condition", "dscg_orders"), ""),
    },
}


def test_a_filing_is_for_an_injury_that_the_card_shows() -> None:
    desk = at_noon()
    card = desk.card()["data"]
    injury = card["exam_ccls"].split("^")[1].split("|")[0]
    sent = FILING | {"psn_no": card["psn_no"], "qualification_id": injury}
    assert refusal(desk.do("1102", **sent | {"qualification_id": "Q0"})) == (3022, "1102001")
    assert refusal(desk.do("1102", **sent | {"psn_no": "nobody"})) == (3022, "1102001")
    assert desk.do("1102", **sent | {"applyTime": "20261119000000"})["code"] == 1007
    assert desk.do("1102", "FILE", **sent)["data"]["filing_no"]
    assert desk.ask(action="reverse", originalMessageId="FILE")["data"]["found"] is True
    assert desk.gateway.centre.ledger.filings == []


@pytest.mark.parametrize("code", ["1106", "1107"])
def test_one_record_a_visit(code: str) -> None:
    desk = at_noon()
    visit_no = desk.register()
    sent = (
        RECORD | RECORDS[code] | {"visit_no": visit_no, "ipt_otp_no": NUMBER, "psn_no": desk.card()["data"]["psn_no"]}
    )
    assert refusal(desk.do(code, **sent | {"visit_no": "nobody"})) == (3002, "2201001")
    assert refusal(desk.do(code, **sent | {"psn_no": "nobody"})) == (3002, "2201001")
    assert desk.do(code, **sent | {"diag_code": ""})["code"] == 1007
    assert desk.do(code, "RECORD", **sent)["data"] == {}
    assert refusal(desk.do(code, **sent)) == (3023, "1106001")
    desk.ask(action="reverse", originalMessageId="RECORD")
    assert desk.do(code, **sent)["success"]


# -- 9106, 3101
def test_a_deduction_is_appealed_once() -> None:
    desk = at_noon()
    visit_no = desk.register()
    desk.upload(visit_no)
    arrange = desk.gateway.office.arrange
    number = arrange("POST /deductions", {"ipt_otp_no": NUMBER, "deduct_amt": Decimal("20")})["deduct_no"]
    period = {"begindate": "20200101000000", "enddate": "20991231000000"}
    listed = desk.do("9106", **period, pageNumber=1)["data"]
    (row,) = listed["deductions"]
    assert listed["pageCount"] == 1
    assert (row["deduct_no"], row["deduct_amt"], row["appeal_stas"]) == (number, Decimal("20.00"), "0")
    assert set(row) == {
        *("deduct_no", "ipt_otp_no", "medrcdno", "rxno", "feedetl_sn", "deduct_amt", "deduct_reason", "audit_time"),
        *("appeal_stas", "appeal_no", "msgid"),
    }
    sent = {"deduct_no": number, "ipt_otp_no": NUMBER, "appeal_reason": "治疗必需"}
    assert refusal(desk.do("3101", **sent | {"deduct_no": "D0"})) == (3024, "3101001")
    assert refusal(desk.do("3101", **sent | {"ipt_otp_no": "MZ2"})) == (3024, "3101001")
    appeal_no = desk.do("3101", "APPEAL", **sent)["data"]["appeal_no"]
    (row,) = desk.do("9106", **period)["data"]["deductions"]
    assert (row["appeal_stas"], row["appeal_no"], row["msgid"]) == ("1", appeal_no, "APPEAL")
    assert refusal(desk.do("3101", **sent)) == (3025, "3101002")
    arrange("PUT /appeals", {"deduct_no": number, "appeal_stas": "3"})
    assert desk.do("9106", **period)["data"]["deductions"][0]["appeal_stas"] == "3"
    desk.ask(action="reverse", originalMessageId="APPEAL")
    assert desk.do("9106", **period)["data"]["deductions"][0]["appeal_stas"] == "0"
    past = {"begindate": "20200101000000", "enddate": "20200102000000"}
    assert desk.do("9106", **past)["data"]["deductions"] == []


@pytest.mark.parametrize(
    ("what", "body"),
    [
        ("POST /deductions", {"ipt_otp_no": "nobody"}),
        ("POST /deductions", {"ipt_otp_no": NUMBER, "rxno": "nobody"}),
        ("PUT /amounts", {"ipt_otp_no": NUMBER}),
        ("PUT /appeals", {"deduct_no": "nobody", "appeal_stas": "2"}),
        ("PUT /clock", {"offset": "soon"}),
        ("PUT /clock", None),
        ("PUT /switches", {"duplicate_lines": "perhaps"}),
        ("PUT /switches", {"nonsense": True}),
    ],
)
def test_what_cannot_be_arranged_is_an_error(what: str, body: Any) -> None:
    desk = at_noon()
    desk.register()
    with pytest.raises(ValueError):
        desk.gateway.office.arrange(what, body)


# -- sessions, clock, inpatients
def test_desks_sign_in_beside_each_other() -> None:
    desk = at_noon()
    first = desk.gateway.sign_no
    second = desk.do("9001")["data"]
    assert set(second) == {"sign_no"}
    assert first != second["sign_no"] == desk.gateway.sign_no
    assert desk.do("9002", sign_no=second["sign_no"])["success"]
    assert desk.gateway.sign_no == first
    assert desk.do("1800")["success"]
    assert desk.do("9002")["success"]
    assert desk.do("1800")["code"] == 1003
    assert desk.do("9002")["success"]  # nobody is signed in: a success as well
    assert desk.ask(action="signin_status")["data"]["signedIn"] is False


def test_the_centres_clock_may_be_wrong() -> None:
    desk = at_noon()
    assert desk.do("1800")["data"] == {"centre_time": "20261120120000"}
    desk.gateway.office.arrange("PUT /clock", {"offset": -86400})
    assert desk.do("1800")["data"] == {"centre_time": "20261119120000"}
    desk.gateway.office.arrange("PUT /clock", {"offset": Decimal("1.5")})
    assert desk.do("1800")["data"] == {"centre_time": "20261120120001"}


def test_an_inpatients_settlement_says_how_they_left() -> None:
    desk = at_noon()
    psn_no = desk.card()["data"]["psn_no"]
    visit_no = desk.do("2201", psn_no=psn_no, ipt_otp_no=NUMBER, visit_type="2")["data"]["visit_no"]
    desk.upload(visit_no)
    assert desk.do("2206", visit_no=visit_no)["code"] == 1007
    left = {"dscg_time": "20261120090000", "dscg_trt_rslt": "04", "diag_code": "S82", "diag_dscr": "骨折"}
    trial = desk.do("2206", visit_no=visit_no, **left)["data"]["pre_settle_id"]
    assert desk.do("2207", visit_no=visit_no, pre_settle_id=trial, mdtrt_id="F1")["code"] == 1007
    assert desk.do("2207", visit_no=visit_no, pre_settle_id=trial, mdtrt_id="F1", **left)["success"]


# -- books
def everything(desk: Desk) -> None:
    """Let every kind of write happen once."""
    card = desk.card()["data"]
    injury = card["exam_ccls"].split("^")[1].split("|")[0]
    visit_no, _ = desk.settled()
    whose = {"visit_no": visit_no, "ipt_otp_no": NUMBER, "psn_no": card["psn_no"]}
    arrange = desk.gateway.office.arrange
    number = arrange("POST /deductions", {"ipt_otp_no": NUMBER})["deduct_no"]
    arrange("PUT /amounts", {"ipt_otp_no": NUMBER, "hifp_pay": Decimal("95.99")})
    arrange("PUT /switches", {"late_after_reversal": "apply"})
    arrange("PUT /clock", {"offset": 60})
    other = TOTALS | {"hifp_pay": Decimal("95.99")}
    for answer in (
        desk.do("1102", psn_no=card["psn_no"], qualification_id=injury, **FILING),
        desk.do("1106", **RECORD, **RECORDS["1106"], **whose),
        desk.do("3101", deduct_no=number, ipt_otp_no=NUMBER, appeal_reason="治疗必需"),
        desk.ask(action="reverse", originalMessageId="LATE"),
        desk.do("2201", "LATE", psn_no=card["psn_no"], ipt_otp_no="MZ2", visit_type="1"),
        desk.do("1322", **today(desk), **other),
    ):
        assert answer["success"], answer


def test_a_centre_that_starts_again_has_every_book(tmp_path: Path) -> None:
    desk = at_noon(Gateway(book=Book(tmp_path)))
    everything(desk)
    before = ledger_view(desk.gateway.centre)
    reborn = Gateway(book=Book(tmp_path))
    after = ledger_view(reborn.centre)
    kept = [message for message in before["messages"] if message in after["messages"]]
    assert kept == after["messages"]
    assert after | {"messages": []} == before | {"messages": []}
    assert reborn.centre.offset.total_seconds() == 60
    assert reborn.handle({"action": "signin_status"})["data"]["signedIn"] is False  # the gateway forgets its own (J20)


def test_the_view_of_the_ledger_names_nobody() -> None:
    desk = at_noon()
    everything(desk)
    shown = write_json(ledger_view(desk.gateway.centre))
    for person in desk.gateway.centre.ledger.people.values():
        for secret in (person.psn_no, person.psn_name, person.certno, *person.injuries):
            assert secret not in shown
    for text in ("张主任", "小腿骨折", "治疗必需", "专科治疗"):
        assert text not in shown
    assert len(ledger_view(desk.gateway.centre)["confirmations"]) == 1
