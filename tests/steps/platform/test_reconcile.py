"""Payments and refunds of both sides, order by order (14)."""

from __future__ import annotations

from typing import Any

import pytest

from engine.errors import InvalidData
from tests.platform import Facts
from tests.steps.platform.counter import WHO, Counter, cause, counter, stands

DAY: Facts = {"begin": "20231115 00:00:00", "end": "2023-11-15 23:59:59", "business": ["ZJZF", "ZYYJ"]}


async def desk(*, paid: dict[str, str], booked: dict[str, str]) -> Counter:
    made = await counter("reconcile")
    made.platform.payments |= paid
    for order, amount in booked.items():
        made.his.book("3.1.2", {"outTradeNo": order, "amount": amount})
    return made


def given_back(order: str, amount: str, number: str) -> Facts:
    row = {"tradeNo": order, "refundNo": number, "amount": f"-{amount}", "tradeTime": "2023-11-15 10:00:00"}
    return row | {"payType": "WeChatPay", "body": "虚构", "complete": True}


def kinds(data: Any) -> dict[str, str]:
    return {order: each["kind"] for order, each in data.get("differences", {}).items()}


async def test_two_sides_that_agree() -> None:
    made = await desk(paid={"A": "1.00", "B": "2.50"}, booked={"A": "1.00", "B": "2.50"})
    visit = await made.open("20231115", DAY)
    assert stands(visit) == ("agreed", True)
    assert (visit.data["begin"], visit.data["booked"]) == ("2023-11-15 00:00:00", {"A": "1.00", "B": "2.50"})
    assert made.platform.asked == ["14.1.1", "14.1.1"]


async def test_what_only_one_side_has_is_named_and_the_visit_stops() -> None:
    made = await desk(paid={"A": "1.00", "C": "3.00"}, booked={"A": "2.00", "B": "2.50"})
    visit = await made.open("20231115", DAY)
    assert (visit.state, cause(visit)) == ("different", "disagreement")
    assert kinds(visit.data) == {"A": "amount", "B": "not_paid", "C": "not_booked"}
    assert visit.trouble is not None
    assert "amount A" in visit.trouble.message
    await made.world.commands.resume(made.visit_id, *WHO)
    assert stands(await made.trigger("accept", {"note": "窗口已处理"})) == ("accepted", True)


async def test_a_payment_of_another_day_is_found_by_its_number() -> None:
    made = await desk(paid={}, booked={"A": "1.00"})
    transactions = made.platform.transactions
    made.platform.payments["A"] = "1.00"
    made.platform.transactions = lambda trade: [] if trade == "PAY" else transactions(trade)  # type: ignore[method-assign]
    visit = await made.open("20231115", DAY)
    assert stands(visit) == ("agreed", True)
    assert made.platform.times("14.1.3") == 1


async def test_a_booking_of_another_day_is_found_by_its_number() -> None:
    made = await desk(paid={"A": "1.00"}, booked={"A": "1.00"})
    made.his._q14_2_1 = lambda _body: []  # type: ignore[attr-defined]
    assert stands(await made.open("20231115", DAY)) == ("agreed", True)
    assert made.his.times("14.2.2") == 1


async def test_a_payment_that_was_given_back_and_never_booked_agrees() -> None:
    made = await desk(paid={"A": "1.00"}, booked={})
    made.platform.book("13.2.1", {"outTradeNo": "A", "refundNo": "RE1", "amount": "1.00"})
    assert stands(await made.open("20231115", DAY)) == ("agreed", True)


async def test_a_refund_of_the_desk_that_was_not_paid_out_names_the_flow_that_repairs_it() -> None:
    made = await desk(paid={"A": "10.00"}, booked={"A": "10.00"})
    made.his.given_back = [given_back("A", "4.00", "T9")]
    visit = await made.open("20231115", DAY)
    difference = visit.data["differences"]["A"]
    assert (difference["kind"], difference["refund_no"]) == ("refund_not_paid_out", "T9")
    assert difference["repair"] == "platform.payment_refund"
    made.platform.book("13.2.1", {"outTradeNo": "A", "refundNo": "T9", "amount": "4.00"})  # what that flow does
    await made.world.commands.resume(made.visit_id, *WHO)
    assert stands(await made.trigger("compare_again")) == ("agreed", True)


async def test_a_refund_that_only_the_platform_knows() -> None:
    made = await desk(paid={"A": "10.00"}, booked={"A": "10.00"})
    made.platform.book("13.2.1", {"outTradeNo": "A", "refundNo": "X", "amount": "4.00"})
    assert kinds((await made.open("20231115", DAY)).data) == {"A": "refund_not_booked"}


@pytest.mark.parametrize(
    "wrong",
    [
        {"end": "2023-11-22 00:00:00"},
        {"end": "2023-11-14 00:00:00"},
        {"begin": "yesterday"},
        {"business": []},
    ],
    ids=str,
)
async def test_a_period_that_the_platform_would_refuse_opens_nothing(wrong: Facts) -> None:
    made = await counter("reconcile")
    with pytest.raises(InvalidData):
        await made.open("20231115", DAY | wrong)
