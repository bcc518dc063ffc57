from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from tests.simulators.hospital.desk import PAID, TODAY, Desk


def ledger(desk: Desk) -> dict[str, Any]:
    from simulators.hospital.view import ledger as view

    return view(desk.hospital, {})


def test_what_is_to_pay_adds_up_and_keeps_its_numbers() -> None:
    desk = Desk()
    desk.arrange("POST /bills", patient="P1", lines=[{"item": "甲", "price": "0.335", "quantity": "3"}])
    first = desk.data("3.1.1", medicalCardNumber=desk.card())

    total = sum(Decimal(line["itemAmount"]) for line in first["detail"])
    assert Decimal(first["amount"]) + Decimal(first["discountAmount"]) == total
    assert desk.data("3.1.1", medicalCardNumber=desk.card()) == first


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({}, "10001"),
        ({"outTradeNo": ""}, "20001"),
        ({"detailId": []}, "20001"),
        ({"detailId": "x"}, "20002"),
        ({"amount": "viel"}, "20002"),
        ({"amount": "86.001"}, "20003"),
        ({"amount": "-86.00"}, "20004"),
        ({"amount": "85.99"}, "60103"),
        ({"amount": "80.00", "balancePayment": "6.00"}, "20004"),  # more than the card has
        ({"amount": "80.00", "unifiedPayAmount": "6.00"}, "10001"),
        ({"detailId": ["CF-1"]}, "60104"),
        ({"medicalCardNumber": "990000000000099"}, "60506"),
        ({"payTime": "gestern"}, "20003"),
    ],
)
def test_a_clinic_payment(change: dict[str, Any], code: str) -> None:
    desk = Desk()
    notice = desk.bill() | change

    assert desk.code("3.1.2", **notice) == code
    assert ledger(desk)["count"] == (code == "10001")


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"state": "cancelled"}, "60502"),
        ({"state": "lost"}, "60503"),
        ({"state": "locked"}, "60504"),
        ({"may_pay": False}, "60101"),
    ],
)
def test_a_card_that_may_not_pay(body: dict[str, Any], code: str) -> None:
    desk = Desk()
    notice = desk.bill()
    desk.arrange("PUT /cards", patient="P1", **body)

    assert desk.code("3.1.2", **notice) == code


def test_without_dedupe_the_same_notice_is_taken_twice_and_the_ledger_shows_it() -> None:
    desk = Desk()
    notice = desk.bill()
    first, second = desk.data("3.1.2", **notice), desk.data("3.1.2", **notice)

    assert first["outPrepayId"] != second["outPrepayId"]
    assert ledger(desk)["twice"] == ["ZJZF-1"]
    assert ledger(desk)["paid"] == "172.00"


def test_with_dedupe_the_same_notice_gets_the_same_answer() -> None:
    desk = Desk(dedupe=True)
    notice = desk.bill()

    assert desk.data("3.1.2", **notice) == desk.data("3.1.2", **notice)
    assert desk.code("3.1.2", **notice | {"amount": "1.00"}) == "20003"
    assert (ledger(desk)["count"], ledger(desk)["twice"]) == (1, [])


def test_lines_that_are_paid_may_be_refused() -> None:
    desk = Desk(paid_lines="refuse")
    notice = desk.bill()
    desk.data("3.1.2", **notice)

    assert desk.code("3.1.2", **notice | {"outTradeNo": "ZJZF-2"}) == "60102"


def test_the_card_pays_a_part() -> None:
    desk = Desk()
    desk.top_up(amount="50.00")
    desk.data("3.1.2", **desk.bill() | {"amount": "36.00", "balancePayment": "50.00"})

    assert desk.data("7.1.1", medicalCardNumber=desk.card())["balance"] == "0.00"


@pytest.mark.parametrize(
    ("amount", "code"), [("0.00", "20004"), ("5000.00", "10001"), ("5000.01", "20004"), ("", "20001")]
)
def test_a_top_up(amount: str, code: str) -> None:
    assert Desk().top_up(amount=amount) == code


def test_a_card_that_takes_no_money() -> None:
    desk = Desk()
    desk.arrange("PUT /cards", patient="P1", may_top_up=False)

    assert desk.top_up() == "60301"


def refund(desk: Desk, number: str = "RE1", amount: str = "40.00", trade: str = "JZKCZ-1") -> dict[str, Any]:
    sent = {"medicalCardNumber": desk.card(), "orderNo": trade, "refundNo": number, "refunAmount": amount}
    return dict(desk.ask("8.1.2", **sent))


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({}, "10001"),
        ({"amount": "100.01"}, "20004"),
        ({"amount": "0.00"}, "20004"),
        ({"trade": "JZKCZ-9"}, "60102"),
    ],
)
def test_a_patient_gets_his_balance_back(change: dict[str, str], code: str) -> None:
    desk = Desk()
    desk.top_up()

    assert refund(desk, **change)["code"] == code


def test_the_card_is_debited_and_the_state_tells() -> None:
    desk = Desk()
    desk.top_up()
    question = {"medicalCardNumber": desk.card(), "orderNo": "JZKCZ-1", "refundNo": "RE1"}
    assert desk.data("8.1.3", **question)["status"] == "3"

    told = refund(desk)["data"]

    assert told["balance"] == "60.00"
    assert desk.data("8.1.3", **question) == {"outRefundId": told["outRefundId"], "status": "1"}
    rest = desk.data("8.1.1", medicalCardNumber=desk.card())
    assert (rest["balance"], rest["order"]) == ("60.00", [{"rechargeNo": "JZKCZ-1", "balance": "60.00"}])


def test_without_dedupe_a_repeated_refund_debits_twice() -> None:
    desk = Desk()
    desk.top_up()
    refund(desk)

    assert refund(desk)["data"]["balance"] == "20.00"
    assert ledger(desk)["refunded_twice"] == ["RE1"]


def test_a_balance_is_not_given_back_beyond_what_stands() -> None:
    desk = Desk()
    desk.top_up()
    desk.data("3.1.2", **desk.bill() | {"amount": "0.00", "balancePayment": "86.00"})

    assert desk.data("8.1.1", medicalCardNumber=desk.card())["balance"] == "14.00"
    assert refund(desk)["code"] == "20004"


@pytest.mark.parametrize(
    ("before", "change", "code"),
    [
        ({}, {}, "10001"),
        ({}, {"amount": "99.99"}, "20004"),
        ({}, {"amount": "20000.01"}, "20004"),
        ({"out": True}, {}, "60402"),
        ({"minimum": "0"}, {}, "60401"),
    ],
)
def test_a_deposit(before: dict[str, Any], change: dict[str, str], code: str) -> None:
    desk = Desk()
    stay = desk.hospital.stay_of(_call(desk, "P4"))
    assert stay is not None
    if before:
        desk.arrange("PUT /stays", stay=stay.id, **before)
    sent = PAID | {"admissionNumber": stay.number, "outTradeNo": "ZYYJ-1", "amount": "500.00"} | change

    assert desk.code("10.1.2", **sent) == code
    if code == "10001":
        [row] = desk.data("39.1.1", **desk.who("P4"))
        assert (row["outTradeNo"], row["amount"]) == ("ZYYJ-1", "500.00")


def _call(desk: Desk, patient: str) -> Any:
    from simulators.hospital.hospital import Call
    from simulators.wechat.members import Members

    return Call("10.1.1", "", Members(desk.who(patient)))


def test_somebody_who_lies_in_no_ward() -> None:
    desk = Desk()

    assert desk.ask("10.1.1", **desk.who("P1"))["data"] is None
    desk.arrange("PUT /switches", nothing_found="10002")
    assert desk.code("10.1.1", **desk.who("P1")) == "10002"


# -- 13.1.1 and the insurance order
def test_only_what_is_not_booked_may_be_refunded() -> None:
    desk = Desk()
    question = {"medicalCardNumber": desk.card(), "outTradeNo": "ZJZF-1"}
    assert desk.data("13.1.1", **question) == "refundable"
    assert desk.code("3.1.2", **desk.bill()) == "10001"  # a naive hospital books a late notice

    assert desk.data("13.1.1", **question) == "nonrefundable"


def test_a_careful_hospital_closes_the_number() -> None:
    desk = Desk(refund_query_closes=True)
    desk.data("13.1.1", medicalCardNumber=desk.card(), outTradeNo="ZJZF-1")

    assert desk.code("3.1.2", **desk.bill()) == "60102"


def test_while_a_notice_is_under_way_nothing_is_refundable() -> None:
    desk = Desk()
    notice = desk.bill()
    key = "3.1.2 ZJZF-1"
    desk.hospital.pending = {key}

    assert desk.office.run(_asked("3.1.2", notice)).code == "40004"
    question = {"medicalCardNumber": desk.card(), "outTradeNo": "ZJZF-1"}
    assert desk.office.run(_asked("13.1.1", question)).content == "nonrefundable"


def _asked(number: str, sent: dict[str, Any]) -> Any:
    import json

    from simulators.hospital.interfaces import BY_PATH
    from simulators.hospital.office import Asked

    interface, name = BY_PATH[number]
    return Asked(interface, name, json.dumps(sent))


def order(desk: Desk) -> dict[str, Any]:
    ids = ",".join(line["id"] for line in desk.data("3.1.1", medicalCardNumber=desk.card())["detail"])
    return dict(desk.data("5.1.1", medicalCardNumber=desk.card(), detailIds=ids)) | {"ids": ids}


def paid(desk: Desk, his_trade: str, amount: str) -> dict[str, Any]:
    sent = {"hisTradeId": his_trade, "amount": amount, "outTradeNo": "YBZF-1", "balancePayment": "0.00"}
    return dict(desk.ask("5.1.4", medicalCardNumber=desk.card(), **PAID, **sent))


def test_an_insurance_order_from_beginning_to_end() -> None:
    desk = Desk()
    made = order(desk)
    number = made["hisTradeId"]
    assert (made["tradeAmount"], made["preMedAmount"]) == ("86.00", "51.60")
    assert desk.data("3.1.1", medicalCardNumber=desk.card())["detail"] == []  # held
    found = desk.data("5.1.5", medicalCardNumber=desk.card())
    assert (found["tradeState"], found["detailIds"]) == ("0", made["ids"])
    assert paid(desk, number, "34.40")["data"] == "0"  # not settled yet
    desk.data("5.1.2", hisTradeId=number)
    assert desk.data("5.1.5", medicalCardNumber=desk.card())["tradeState"] == "1"
    assert paid(desk, number, "34.41")["code"] == "60103"

    assert paid(desk, number, "34.40")["data"] == "1"

    assert desk.data("5.1.5", medicalCardNumber=desk.card()) is None
    assert desk.data("5.1.6", hisTradeId=number, outTradeNo="YBZF-1") == "nonrefundable"
    assert desk.data("5.1.3", hisTradeId=number) == "0"
    assert ledger(desk)["paid"] == "34.40"


@pytest.mark.parametrize("settled", [False, True])
def test_an_insurance_order_is_cancelled(settled: bool) -> None:
    desk = Desk()
    number = order(desk)["hisTradeId"]
    if settled:
        desk.data("5.1.2", hisTradeId=number)

    assert desk.data("5.1.3", hisTradeIds=number) == "1"

    assert desk.hospital.orders[number].reversals == settled
    assert desk.data("3.1.1", medicalCardNumber=desk.card())["amount"] == "86.00"
    assert desk.data("5.1.3", hisTradeId=number) == "0"


def test_a_naive_insurer_settles_twice() -> None:
    desk = Desk()
    number = order(desk)["hisTradeId"]
    desk.data("5.1.2", hisTradeId=number)
    desk.data("5.1.2", hisTradeId=number)

    assert desk.hospital.orders[number].settlements == 2


def test_orders_cancelled_together_are_all_cancelled_or_none() -> None:
    desk = Desk()
    number = order(desk)["hisTradeId"]

    assert desk.data("5.1.3", hisTradeId=f"{number},YB0") == "0"
    assert desk.hospital.orders[number].state == "presettled"


# -- reconciliation and the window
def test_what_the_hospital_tells_those_who_compare() -> None:
    desk = Desk()
    desk.top_up()
    refund(desk)
    rows = desk.data("14.2.1", startTime=PAID["payTime"], endTime=f"{TODAY} 07:00:00")

    assert [(row["tradeNo"], row["refundNo"], row["amount"]) for row in rows] == [
        ("JZKCZ-1", "", "100.00"),
        ("JZKCZ-1", "RE1", "-40.00"),
    ]
    assert desk.data("14.2.1", startTime=f"{TODAY} 07:00:01", endTime=f"{TODAY} 23:00:00") == []
    [row] = desk.data("14.2.2", tradeNo="JZKCZ-1")
    assert (row["amount"], row["complete"]) == ("100.00", True)
    assert desk.data("14.2.3", tradeNo="JZKCZ-1", refundNo="RE1")["amount"] == "-40.00"
    assert desk.data("14.2.3", tradeNo="JZKCZ-1", refundNo="RE2") is None


def test_the_window_gives_money_back() -> None:
    desk = Desk()
    desk.top_up()
    asked = desk.arrange("POST /refunds", trade="JZKCZ-1", amount="30.00")
    assert desk.data("7.1.1", medicalCardNumber=desk.card())["balance"] == "70.00"  # frozen

    with pytest.raises(ValueError, match=r"70\.00 are left"):
        desk.arrange("POST /refunds", trade="JZKCZ-1", amount="70.01")
    desk.arrange("PUT /refunds", refund_no=asked["refund_no"], state="failed")

    assert desk.data("7.1.1", medicalCardNumber=desk.card())["balance"] == "100.00"
    asked = desk.arrange("POST /refunds", trade="JZKCZ-1")
    desk.arrange("PUT /refunds", refund_no=asked["refund_no"], platform_no="RE9")
    assert desk.data("14.2.3", tradeNo="JZKCZ-1", refundNo="RE9")["amount"] == "-100.00"
    assert ledger(desk)["refunded"] == "100.00"


def test_the_ledger_names_nobody() -> None:
    import json

    from simulators.hospital.view import books

    desk = Desk()
    desk.top_up()
    desk.data("20.1.7", **desk.today())
    shown = json.dumps(ledger(desk) | books(desk.hospital), ensure_ascii=False)

    for card in desk.hospital.people.cards.values():
        person = card.patient.person
        assert not any(secret in shown for secret in (card.number, person.identity, person.name, person.phone))


def test_a_hospital_that_dedupes_makes_a_new_order_after_a_cancelled_one() -> None:
    desk = Desk(dedupe=True)
    first = order(desk)
    desk.data("5.1.3", hisTradeId=first["hisTradeId"])

    assert order(desk)["hisTradeId"] != first["hisTradeId"]


def test_a_number_is_not_taken_for_a_longer_one() -> None:
    desk = Desk()
    desk.hospital.pending = {"3.1.2 ZJZF-10"}
    question = {"medicalCardNumber": desk.card(), "outTradeNo": "ZJZF-1"}

    assert desk.office.run(_asked("13.1.1", question)).content == "refundable"
