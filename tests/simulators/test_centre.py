"""The simulated centre's rules, without a network: what it demands, refuses and does to its books."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from simulators.common.book import Book
from simulators.common.identity import identity_number
from simulators.common.numbers import read_json, write_json
from simulators.jiangsu.gateway import Gateway
from simulators.jiangsu.people import invent
from tests.simulators.desk import NUMBER, Desk


def test_the_documents_sequence_gives_the_documents_shapes() -> None:
    gateway = Gateway()
    begun = gateway.handle({"action": "init"})
    assert set(begun) == {"success", "code", "message", "device", "timestamp", "version"}
    assert (begun["code"], begun["version"]) == (200, "V2.1")
    desk = Desk(gateway)
    status = desk.ask(action="signin_status")["data"]
    assert set(status) == {"signedIn", "signNo", "signInTime", "signInOperator", "sessionDuration"}
    visit_no = desk.register()
    details = [{"fee_ocur_time": "2026-11-20 10:30:00", "med_list_codg": "1", "fee_amt": Decimal("135.00"), "cnt": 1}]
    trial = desk.do("PreSettle", visit_no=visit_no, fee_details=details)["data"]
    done = desk.do("Settle", visit_no=visit_no, pre_settle_id=trial["pre_settle_id"])["data"]
    assert set(done) == {"settle_id", "total_amt", "fund_amt", "self_amt"}
    assert done["total_amt"] == done["fund_amt"] + done["self_amt"] == Decimal("135.00")


def test_complete_process_runs_the_four_steps() -> None:
    desk = Desk()
    desk.gateway.centre.reader = "QR-1"
    details = [{"fee_ocur_time": "2026-11-20 10:30:00", "med_list_codg": "1", "fee_amt": Decimal("120.00"), "cnt": 1}]
    answer = desk.ask(action="complete_process", patientInfo={"visit_type": "1"}, feeDetails=details)
    assert [step["name"] for step in answer["processSteps"]] == ["读卡", "登记", "预结算", "结算"]
    assert answer["processSteps"][3]["data"]["total_amt"] == Decimal("120.00")


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({}, 1002),
        (None, 1002),
        ({"action": "nonsense"}, 1004),
        ({"action": "transaction"}, 1005),
        ({"action": "transaction", "transactionName": "2207"}, 1001),
    ],
)
def test_system_errors_of_the_document(body: Any, code: int) -> None:
    answer = Gateway().handle(body)
    assert (answer["success"], answer["code"]) == (False, code)
    assert answer["device"] == "江苏工伤联网接口"


def test_nothing_goes_without_a_sign_in() -> None:
    gateway = Gateway()
    gateway.handle({"action": "init"})
    assert gateway.handle({"action": "transaction", "transactionName": "1101"})["code"] == 1003
    assert gateway.handle({"action": "reverse", "originalMessageId": "M"})["code"] == 1003


def test_order_and_amounts_are_enforced() -> None:
    desk = Desk()
    assert desk.card("UNINSURED-1")["businessErrorCode"] == "1001"
    assert desk.do("2201", psn_no="nobody", ipt_otp_no="X", visit_type="1")["code"] == 3001
    visit_no = desk.register()
    assert desk.do("2206", visit_no=visit_no)["code"] == 3008
    assert desk.upload(visit_no, umamt=Decimal("119.99"))["code"] == 3005
    assert desk.do("2207", visit_no=visit_no, pre_settle_id="PS1", mdtrt_id="F")["code"] == 3011
    desk.upload(visit_no)
    assert desk.do("2202", visit_no=visit_no)["code"] == 3003
    trial = desk.do("2206", visit_no=visit_no)["data"]["pre_settle_id"]
    desk.upload(visit_no, number="2")  # the lines have changed: the trial is void
    assert desk.do("2207", visit_no=visit_no, pre_settle_id=trial, mdtrt_id="F")["code"] == 3011
    trial = desk.do("2206", visit_no=visit_no)["data"]["pre_settle_id"]
    assert desk.do("2207", visit_no=visit_no, pre_settle_id=trial, mdtrt_id="000")["code"] == 1007
    assert desk.do("2207", visit_no=visit_no, pre_settle_id=trial, mdtrt_id="F")["success"]
    assert desk.do("2207", visit_no=visit_no, pre_settle_id=trial, mdtrt_id="F")["code"] == 3010
    assert desk.upload(visit_no, number="3")["code"] == 3004
    assert desk.do("2205", visit_no=visit_no)["code"] == 3007
    assert desk.do("9999")["code"] == 1006


def test_doubled_messages_do_visible_harm_by_default() -> None:
    desk = Desk()
    visit_no = desk.register()
    desk.register()
    desk.upload(visit_no)
    desk.upload(visit_no)
    assert desk.books["registrations"] == 2
    assert desk.books["line_total"] == Decimal("240.00")
    desk.gateway.centre.switches.duplicate_lines = "refuse"
    assert desk.upload(visit_no)["code"] == 3015


def test_a_reversal_takes_back_exactly_what_the_message_did() -> None:
    desk = Desk()
    _visit_no, settle = desk.settled()
    assert desk.books["settled_total"] == Decimal("120.00")
    answer = desk.ask(action="reverse", originalMessageId=settle)
    assert answer["data"] == {"originalMessageId": settle, "found": True}
    assert (desk.books["settled_total"], desk.books["lines"]) == (Decimal("0.00"), 1)
    again = desk.ask(action="reverse", originalMessageId=settle)
    assert (again["success"], again["data"]["found"]) == (True, False)
    assert desk.books["settled_total"] == Decimal("0.00")


def test_a_late_original_is_refused_after_its_reversal() -> None:
    desk = Desk()
    visit_no = desk.register()
    assert desk.ask(action="reverse", originalMessageId="LATE")["data"]["found"] is False
    assert desk.upload(visit_no, msgid="LATE")["code"] == 3014
    desk.gateway.centre.switches.late_after_reversal = "apply"
    assert desk.upload(visit_no, msgid="LATE")["success"]


@pytest.mark.parametrize(("keep", "lines"), [("1", 1), ("0", 0)])
def test_cancelling_a_settlement_keeps_or_drops_the_lines(keep: str, lines: int) -> None:
    desk = Desk()
    visit_no, _ = desk.settled()
    assert desk.do("2208", visit_no=visit_no, mdtrt_id="F1", keep_tp_type=keep)["success"]
    assert (desk.books["lines"], desk.books["settled_total"]) == (lines, Decimal("0.00"))
    movements = [movement.amount for movement in desk.gateway.centre.ledger.movements]
    assert movements == [Decimal("120.00"), Decimal("-120.00")]


def test_queries_tell_by_which_message_things_came() -> None:
    desk = Desk()
    visit_no, settle = desk.settled()
    assert desk.do("6101", visit_no=visit_no)["data"]["msgid"] == settle
    lines = desk.do("9104", visit_no=visit_no, pageNumber=1)["data"]
    assert (len(lines["lines"]), lines["pageCount"]) == (1, 1)
    psn_no = desk.card()["data"]["psn_no"]
    assert [each["ipt_otp_no"] for each in desk.do("9105", psn_no=psn_no)["data"]["visits"]] == [NUMBER]
    today = desk.gateway.centre.stamp()
    rows = desk.do("9103", begindate=today, enddate=today)["data"]["settlements"]
    assert [row["msgid"] for row in rows] == [settle]


def test_the_books_survive_the_centre(tmp_path: Path) -> None:
    desk = Desk(Gateway(book=Book(tmp_path)))
    _visit_no, settle = desk.settled()
    before = desk.books
    reborn = Desk(Gateway(book=Book(tmp_path)))
    assert reborn.books == before
    reborn.ask(action="reverse", originalMessageId=settle)
    third = Desk(Gateway(book=Book(tmp_path)))
    assert third.books["settled_total"] == Decimal("0.00")


def test_a_torn_last_line_of_the_book_is_left_out(tmp_path: Path) -> None:
    desk = Desk(Gateway(book=Book(tmp_path)))
    desk.settled()
    with (tmp_path / "centre.jsonl").open("a", encoding="utf-8") as file:
        file.write('{"at": "2026-11-20T')
    again = Desk(Gateway(book=Book(tmp_path)))
    assert again.books == desk.books
    again.register()
    assert Desk(Gateway(book=Book(tmp_path))).books["registrations"] == 2


def test_invented_people_have_valid_check_digits_and_live_nowhere() -> None:
    for number in range(200):
        person = invent(f"QR-{number}")
        assert identity_number(person.certno[:17]) == person.certno
        assert person.certno.startswith("990099")
        assert person.psn_no not in person.certno
    assert invent("QR-1") == invent("QR-1")


@pytest.mark.parametrize("value", [Decimal("135.00"), {"a": [Decimal("-0.01"), None, True, 'x\u0000"y']}, [], {}])
def test_json_goes_out_and_comes_back(value: Any) -> None:
    assert read_json(write_json(value).encode()) == value
