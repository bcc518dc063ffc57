"""What the platform does when a hospital says yes, no, wait, or nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from simulators.platform.plays.stage import Nothing
from tests.simulators.platform.desk import NOT_REFUNDABLE, NOTHING, REFUNDABLE, WORKING, Desk, no, yes

BILL = yes({"amount": "86.00", "discountAmount": "0.00", "detail": [{"id": "CF1-1"}]})


@pytest.mark.parametrize(
    ("answers", "query", "fate", "notices", "queries"),
    [
        ([yes({"outPrepayId": "LS1"})], REFUNDABLE, "booked", 1, 0),
        ([NOTHING, yes()], REFUNDABLE, "booked", 2, 0),
        ([WORKING, WORKING, yes()], REFUNDABLE, "booked", 3, 0),
        ([no("60303"), yes()], REFUNDABLE, "booked", 2, 0),
        ([no("60102")], REFUNDABLE, "refunded", 1, 1),
        ([no("60103")], NOT_REFUNDABLE, "kept", 1, 5),
        ([NOTHING], REFUNDABLE, "refunded", 3, 1),
        ([NOTHING], NOTHING, "kept", 3, 5),
        ([WORKING], no("10003"), "kept", 3, 5),
        ([NOTHING], no("refundable"), "kept", 3, 5),
    ],
)
async def test_a_payment(answers: list[Any], query: Any, fate: str, notices: int, queries: int) -> None:
    desk = Desk()
    desk.hospital.script = {"3.1.1": [BILL], "3.1.2": list(answers), "13.1.1": [query]}
    wallet = desk.platform.wallet(1)

    told = await desk.play("pay_bill")

    assert (told["fate"], told["notices"], desk.hospital.count("13.1.1")) == (fate, notices, queries)
    assert desk.platform.wallet(1) == wallet - (0 if fate == "refunded" else 86)


async def test_the_notice_is_the_same_every_time() -> None:
    desk = Desk()
    desk.hospital.script = {"3.1.1": [BILL], "3.1.2": [NOTHING, NOTHING, yes()]}
    await desk.play("pay_bill")
    notices = [sent for number, sent in desk.hospital.calls if number == "3.1.2"]

    assert notices[0] == notices[1] == notices[2]


async def test_an_order_that_the_hospital_has_refunded_in_part_is_not_refunded_again() -> None:
    desk = Desk()
    desk.hospital.script = {"3.1.1": [BILL], "3.1.2": [NOTHING], "13.1.1": [REFUNDABLE]}

    def asked(number: str) -> None:
        if number == "13.1.1":
            [trade] = desk.platform.orders
            desk.refund(trade=trade, amount="6.00")

    desk.hospital.watch = asked
    wallet = desk.platform.wallet(1)

    assert (await desk.play("pay_bill"))["fate"] == "kept"
    assert desk.platform.wallet(1) == wallet - 80


async def test_lines_that_change_block_the_payment() -> None:
    desk = Desk()
    other = yes({"amount": "86.00", "detail": [{"id": "CF1-2"}]})
    desk.hospital.script = {"3.1.1": [BILL, other]}

    with pytest.raises(Nothing, match="changed"):
        await desk.play("pay_bill", look_again=True)
    assert not desk.platform.orders


async def test_a_deposit_is_repeated_for_a_day() -> None:
    desk = Desk(deposit_every="3600")
    stay = yes({"minimumPayment": "100.00", "admissionNumber": "1"})
    desk.hospital.script = {"10.1.1": [stay], "10.1.2": [no("30001")], "13.1.1": [REFUNDABLE]}
    begun = desk.platform.clock.seconds()

    told = await desk.play("deposit")

    assert (told["fate"], told["notices"]) == ("refunded", 25)
    assert desk.platform.clock.seconds() - begun == 24 * 3600


async def test_a_closed_ward_takes_no_deposit() -> None:
    desk = Desk()
    desk.hospital.script = {"10.1.1": [yes({"minimumPayment": "0.00", "admissionNumber": "1"})]}

    with pytest.raises(Nothing, match="closed"):
        await desk.play("deposit")


def balance(desk: Desk) -> None:
    desk.order("JZKCZ-1", "100.00", "JZKCZ", "7.1.2")
    row = {"rechargeNo": "JZKCZ-1", "balance": "100.00"}
    desk.hospital.script["8.1.1"] = [yes({"balance": "100.00", "order": [row]})]


@pytest.mark.parametrize(
    ("states", "refunds", "fate", "asked", "called"),
    [
        ([], [yes()], "refunded", 0, 1),
        (["1"], [NOTHING], "refunded", 1, 1),
        (["2", "2", "1"], [NOTHING], "refunded", 3, 1),
        (["3"], [NOTHING, yes()], "refunded", 1, 2),
        (["3", "3", "1"], [NOTHING], "refunded", 3, 3),
        (["2"], [NOTHING], "desk", 12, 1),
    ],
)
async def test_the_job_that_gives_balances_back(
    states: list[str], refunds: list[Any], fate: str, asked: int, called: int
) -> None:
    desk = Desk()
    balance(desk)
    desk.hospital.script |= {"8.1.2": list(refunds), "8.1.3": [yes({"status": each}) for each in states]}
    wallet = desk.platform.wallet(1)

    told = await desk.play("refund_balance")

    assert (told["fate"], desk.hospital.count("8.1.3"), desk.hospital.count("8.1.2")) == (fate, asked, called)
    assert desk.platform.wallet(1) == wallet + (100 if fate == "refunded" else 0)
    numbers = {sent["refundNo"] for number, sent in desk.hospital.calls if number in ("8.1.2", "8.1.3")}
    assert numbers == {told["refund"]}


async def test_a_refund_at_the_desk_is_not_begun_anew_meanwhile() -> None:
    desk = Desk()
    balance(desk)
    desk.hospital.script |= {"8.1.2": [NOTHING], "8.1.3": [yes({"status": "2"})]}
    await desk.play("refund_balance")

    with pytest.raises(Nothing, match="give back"):
        await desk.play("refund_balance")


@pytest.mark.parametrize(
    ("business", "number", "answer", "refunded"),
    [
        ("cancel_today", "20.1.8", {"newInvoiceId": "FP", "refundNo": "TK1"}, True),
        ("cancel_laboratory", "33.1.5", {"refundNo": ""}, False),
        ("cancel_laboratory", "33.1.5", {"refundNo": "TK1"}, True),
        ("cancel_admission", "36.1.3", {"refoundNo": "TK1"}, True),
    ],
)
async def test_a_cancellation(business: str, number: str, answer: dict[str, str], refunded: bool) -> None:
    desk = Desk()
    kinds = {"20.1.8": "DRGH", "33.1.5": "XMYY", "36.1.3": "RYSQ"}
    order = desk.order("X-1", "16.00", kinds[number])
    order.about, order.notice = {"todayRegisterId": "R1"}, {"payAmount": "16.00"}
    desk.hospital.script = {number: [NOTHING, yes(answer)]}

    told = await desk.play(business)

    assert told["fate"] == "cancelled"
    assert desk.platform.left("X-1") == (0 if refunded else 16)


async def test_a_cancellation_that_is_refused_moves_nothing() -> None:
    desk = Desk()
    desk.order("X-1", "16.00", "DRGH").about = {"todayRegisterId": "R1"}
    desk.hospital.script = {"20.1.8": [no("60203")]}

    told = await desk.play("cancel_today")

    assert (told["fate"], told["code"]) == ("booked", "60203")
    assert desk.platform.left("X-1") == 16


async def test_after_a_restart_it_goes_on(tmp_path: Path) -> None:
    first = Desk(tmp_path)
    first.settling.pay("ZJZF", 1, first.platform.wallet(1) * 0 + 86, "3.1.2", {"outTradeNo": "ZJZF-1"}, "ZJZF-1")
    first.order("ZJZF-2", "14.00")
    first.refund(trade="ZJZF-2", amount="4.00")
    wallet = first.platform.wallet(1)

    second = Desk(tmp_path)
    assert second.platform.wallet(1) == wallet
    second.hospital.script = {"3.1.2": [no("60102")], "13.1.1": [REFUNDABLE]}
    for each in second.settling.unfinished():
        await each

    assert second.platform.orders["ZJZF-1"].fate == "refunded"
    assert second.platform.orders["ZJZF-2"].fate == "booked"
    assert second.platform.wallet(1) == wallet + 86
    assert second.refund(trade="ZJZF-2", amount="4.00")["code"] == "10001"  # known: no second refund
    assert Desk(tmp_path).platform.wallet(1) == wallet + 86


async def test_insurance_takes_up_the_order_that_stands() -> None:
    desk = Desk()
    amounts = {"tradeAmount": "86.00", "preferentialAmount": "0.00", "medAmount": "51.60"}
    found = yes(amounts | {"hisTradeId": "YB1", "tradeState": "1"})
    desk.hospital.script = {"5.1.5": [found], "5.1.4": [NOTHING], "5.1.6": [REFUNDABLE]}

    told = await desk.play("pay_insurance")

    assert (told["fate"], told["amount"]) == ("refunded", "34.40")
    assert desk.hospital.count("5.1.1") == desk.hospital.count("5.1.2") == 0
    assert desk.hospital.count("13.1.1") == 0  # 5.1.6 is asked instead
