"""The 45 interfaces that the platform serves, held against the contracts, which read the document by themselves."""

from __future__ import annotations

from typing import Any

import pytest

from adapters.platform.contracts import INTERFACES as CONTRACTS
from adapters.platform.contracts import Direction, Verdict, loads, read_reply
from simulators.common.numbers import write_json
from simulators.platform.data import CALLS, load
from simulators.platform.serving import BY_PATH
from tests.simulators.platform.desk import Desk

SERVED = {each.number: each for each in CONTRACTS.values() if each.direction is Direction.PLATFORM}
ROWS = {row["number"]: row for row in load("interfaces")["interfaces"]}


def test_it_serves_what_the_document_lists() -> None:
    assert {number: each.path.strip("/") for number, each in SERVED.items() if each.path} == {
        number: row["path"] for number, row in ROWS.items()
    }


def test_it_calls_methods_of_the_document() -> None:
    printed = {number: CONTRACTS[number].names for number in CALLS}
    assert all(not names or CALLS[number] in names for number, names in printed.items())


@pytest.mark.parametrize("number", SERVED)
def test_both_readings_demand_the_same_members(number: str) -> None:
    needs = [group.split("|") for group in ROWS[number]["needs"].split()]
    theirs = {each.name for each in SERVED[number].request.fields.values() if each.required and not each.empty}

    assert {group[0] for group in needs if len(group) == 1} - theirs <= {"amount"}
    assert theirs <= {group[0] for group in needs}


@pytest.mark.parametrize("number", ROWS)
def test_every_push_and_every_answer_fits_the_document(number: str) -> None:
    desk = Desk()
    desk.order()
    desk.platform.orders["ZJZF-1"].about = {"hisTradeId": "YB1", "todayRegisterId": "R1", "recordId": "R1"}
    desk.refund("TK0", "1.00")
    sent: dict[str, Any] = {group.split("|")[0]: "1" for group in ROWS[number]["needs"].split()}
    known = {"medicalCardNumber": desk.platform.card(1), "outTradeNo": "ZJZF-1", "payId": "ZJZF-1", "refundNo": "TK0"}
    known |= {"businessNo": "ZJZF-1", "hisTradeId": "YB1", "amount": "1.00", "hospitalRefundNo": "TK0"}
    known |= {"todayRegisterId": "R1", "recordId": "R1", "registerState": "5", "state": "5", "businessType": "ZJZF"}
    known |= {"startTime": "2026-11-20 00:00:00", "endTime": "2026-11-20 23:00:00", "tradeNo": "CFZF-1"}
    known |= {"chargeType": "3", "chargeId": "Y001"}
    if number.startswith("25.2"):
        order = desk.order("CFZF-1", "28.60", "CFZF", "25.1.1")
        order.about = {"chargeId": "Y001", "chargeType": "3"}
        names = ("diagnoseCode", "diagnoseName", "tradeTime", "billDocName", "billDocCode", "billDocHospital")
        order.notice = dict.fromkeys((*names, "patName", "phone", "idCard"), "x") | {"tradeTime": "2026-11-20 07:00:00"}
        order.notice |= {"general": "男", "birthday": "1979-07-02", "tradeNo": "CFZF-1"}
        order.notice |= {"medicalCardNumber": desk.platform.card(1)}
        charge = {"chargeId": "Y001", "quantity": "1", "price": "28.60", "chargeName": "药", "groupId": "1"}
        order.notice["charges"] = [charge]
    if number == "5.2.1":
        known["hisTradeId"] = "YB2"  # one that nobody has paid
    sent |= {name: value for name, value in known.items() if name in sent}
    answer = desk.ask(number, [sent] if ROWS[number].get("list") else sent)

    read = read_reply(SERVED[number], loads(write_json(answer).encode()))
    assert (read.verdict, read.problems) == (Verdict.YES, ()), answer


@pytest.mark.parametrize("number", ROWS)
def test_every_interface_says_what_is_missing(number: str) -> None:
    answer = Desk().ask(number, [{}] if ROWS[number].get("list") else {})

    assert answer["success"] is False
    assert str(answer.get("code", "20001")) == "20001"


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({}, "10001"),
        ({"amount": "100.00"}, "10001"),
        ({"amount": "100.01"}, "20004"),
        ({"amount": "0.00"}, "20004"),
        ({"amount": "-1"}, "20004"),
        ({"amount": "x"}, "20002"),
        ({"amount": "1.001"}, "20003"),
        ({"trade": "ZJZF-9"}, "10002"),
        ({"number": ""}, "20001"),
        ({"medicalCardNumber": "990000000000002"}, "20003"),
    ],
)
def test_a_refund_that_the_hospital_asks_for(change: dict[str, str], code: str) -> None:
    desk = Desk()
    desk.order()

    answer = desk.refund(**change)

    assert answer["code"] == code
    assert desk.platform.left("ZJZF-1") < 100 if code == "10001" else desk.platform.left("ZJZF-1") == 100


def test_a_number_is_one_refund_for_ever() -> None:
    desk = Desk()
    desk.order()
    wallet = desk.platform.wallet(1)
    first = desk.refund()

    assert desk.refund() == first
    assert desk.refund(amount="41.00")["code"] == "20003"
    assert desk.platform.wallet(1) == wallet + 40
    assert desk.refund("TK2", "60.01")["code"] == "20004"
    assert desk.refund("TK2", "60.00")["data"]["refundNo"] != first["data"]["refundNo"]
    assert desk.platform.wallet(1) == wallet + 100


def test_refunds_of_the_whole_order_only() -> None:
    desk = Desk(whole_only=True)
    desk.order()

    assert desk.refund()["code"] == "20004"
    assert desk.refund(amount="100.00")["code"] == "10001"


@pytest.mark.parametrize("number", ["20.2.2", "21.1.7"])
def test_refunds_of_registrations(number: str) -> None:
    desk = Desk()
    desk.order("DRGH-1", "10.00", "DRGH", "20.1.7")
    sent = {"payId": "DRGH-1", "businessNo": "DRGH-1", "amount": "10.00", "refundNo": "TK1"}

    assert [desk.code(number, **sent) for _ in range(2)] == ["10001", "10001"]
    assert desk.platform.left("DRGH-1") == 0
    assert desk.code(number, **sent | {"payId": "DRGH-9", "businessNo": "DRGH-9", "refundNo": "TK2"}) == "10002"


def test_a_refund_takes_its_time_and_its_states_tell() -> None:
    desk = Desk(refund_takes="60")
    desk.order()
    wallet = desk.platform.wallet(1)
    number = desk.refund()["data"]["refundNo"]
    question = {"medicalCardNumber": desk.platform.card(1), "outTradeNo": "ZJZF-1", "refundNo": "TK1", "amount": "40"}

    assert desk.ask("14.1.3", outTradeNo="ZJZF-1")["data"]["state"] == "REFUND"
    assert desk.ask("14.1.3", outTradeNo=number)["data"]["state"] == "PROCESSING"
    assert desk.code("9.1.2", **question) == "40004"
    assert desk.ask("14.1.2", hospitalRefundNo="TK1")["data"][0]["refundSuccess"] is False
    assert desk.platform.wallet(1) == wallet
    desk.platform.clock.arrange("jump", 60)

    assert desk.ask("14.1.3", outTradeNo=number)["data"]["state"] == "REFUND_SUCCESS"
    assert desk.ask("9.1.2", **question)["data"] == {"flag_success": "REFUNDED"}
    [row] = desk.ask("14.1.2", hospitalRefundNo="TK1")["data"]
    assert (row["refundSuccess"], row["amount"], row["sourceOutTradeNo"]) == (True, -40.0, "ZJZF-1")
    assert desk.platform.wallet(1) == wallet + 40
    assert desk.code("9.1.2", **question | {"refundNo": "TK9"}) == "10002"


def test_a_refund_that_the_payment_provider_refuses() -> None:
    desk = Desk(refund_outcome="fail")
    desk.order()
    assert desk.refund()["code"] == "10003"
    assert desk.platform.left("ZJZF-1") == 100
    desk.platform.note("switches", {"refund_outcome": "success"})

    assert desk.refund()["code"] == "10001"  # the same number is tried again
    assert desk.platform.left("ZJZF-1") == 60


@pytest.mark.parametrize(
    ("change", "numbers"),
    [
        ({}, ["ZJZF-1", "RE"]),
        ({"tradeType": "PAY"}, ["ZJZF-1"]),
        ({"tradeType": "REFUND"}, ["RE"]),
        ({"payType": "wechatpay"}, ["ZJZF-1", "RE"]),
        ({"payType": "AliPay"}, []),
        ({"businessType": "JZKCZ"}, []),
        ({"businessType": "JZKCZ", "outTradeNo": "ZJZF-1"}, ["ZJZF-1"]),
        ({"startTime": "2026-11-20 07:00:01"}, []),
    ],
)
def test_what_the_platform_tells_those_who_compare(change: dict[str, str], numbers: list[str]) -> None:
    desk = Desk()
    desk.order()
    desk.refund()
    period = {"startTime": "2026-11-20 07:00:00", "endTime": "2026-11-27 07:00:00", "businessType": "ZJZF,JZKCZ"}

    rows = desk.ask("14.1.1", **period | change)["data"]

    assert [
        row["outTradeNo"].split("-")[0] if "RE" in numbers and row["amount"] < 0 else row["outTradeNo"] for row in rows
    ] == (numbers)


def test_more_than_seven_days() -> None:
    period = {"startTime": "2026-11-20 07:00:00", "endTime": "2026-11-27 07:00:01", "businessType": "ZJZF"}

    assert Desk().code("14.1.1", **period) == "20004"


def test_what_nobody_knows() -> None:
    desk = Desk()

    assert desk.code("1.3.1", medicalCardNumber="1") == "10002"
    assert desk.code("14.1.3", outTradeNo="x") == "10002"
    assert desk.code("20.2.1", todayRegisterId="x", registerState="5") == "10002"
    assert desk.ask("21.1.6", [{"recordId": "x", "state": "5"}])["status"] == -1
    assert desk.ask("14.1.2", hospitalRefundNo="x")["data"] == []


def test_people_and_cards() -> None:
    desk = Desk()
    person = {"name": "虚", "gender": "1", "birthdate": "1979-07-02", "phone": "1"}
    cards = [desk.ask("1.3.2", **person)["data"]["medicalCardNumber"] for _ in range(2)]
    assert cards[0] != cards[1]  # no key
    desk.ask("1.3.3", medicalCardNumber=cards[0], name="实")

    assert desk.ask("1.3.1", MedicalCardNumber=cards[0])["data"]["name"] == "实"


def test_a_finished_insurance_order_is_not_taken_back() -> None:
    desk = Desk()
    assert desk.ask("5.2.1", hisTradeId="YB1")["data"] == "1"
    desk.order().about = {"hisTradeId": "YB1"}

    assert desk.ask("5.2.1", hisTradeId="YB1")["data"] == "0"


def test_a_push_is_accepted_each_time() -> None:
    desk = Desk()
    sent = {group.split("|")[0]: "1" for group in ROWS["19.1.1"]["needs"].split()}

    assert [desk.code("19.1.1", **sent) for _ in range(2)] == ["10001", "10001"]
    assert [each.number for each in desk.platform.messages] == ["19.1.1", "19.1.1"]


def test_paths_are_unique() -> None:
    assert len(BY_PATH) == len(ROWS) - 1  # 9.1.1 and 13.2.1 share one
