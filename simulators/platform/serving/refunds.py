"""Refunds that the hospital asks for (9.1.1, 13.2.1, 20.2.2, 21.1.7, 6.1.2) and what became of them (9.1.2)."""

from __future__ import annotations

from decimal import Decimal

from simulators.platform.platform import Platform
from simulators.platform.records import Order, Refund
from simulators.platform.serving.served import Served
from simulators.wechat.codes import INVALID, NOTHING_FOUND, OUT_OF_RANGE, Refusal

_DONE = ("REFUND_SUCCESS", "PROCESSING")


def refund(platform: Platform, served: Served) -> dict[str, str] | None:
    """9.1.1, 13.2.1, 20.2.2, 21.1.7: of an order, not more than is left; a number is one refund for ever."""
    sent = served.sent
    trade, number = sent.text("outTradeNo", "payId", "businessNo"), sent.text("refundNo")
    amount = sent.money("amount")
    if not number:
        raise Refusal("20001", "refundNo")
    before = platform.by_hospital_no(number)
    if before is not None and before.state != "REFUND_FAIL":
        if (before.trade, before.amount) != (trade, amount):
            raise Refusal(INVALID, "refundNo")
        return _told(served, before)
    order = platform.orders.get(trade)
    if order is None:
        raise Refusal(platform.switches.unknown_order)
    _allowed(platform, served, order, amount)
    return _told(served, _moved(platform, order, amount, number))


def _allowed(platform: Platform, served: Served, order: Order, amount: Decimal) -> None:
    card = served.sent.text("medicalCardNumber")
    if platform.switches.check_card and card and card != platform.card(order.patient):
        raise Refusal(INVALID, "medicalCardNumber")
    if not 0 < amount <= platform.left(order.trade):
        raise Refusal(OUT_OF_RANGE, "amount")
    if platform.switches.whole_only and amount != order.amount:
        raise Refusal(OUT_OF_RANGE, "amount")


def _moved(platform: Platform, order: Order, amount: Decimal, number: str) -> Refund:
    refund = platform.refund(order, amount, "hospital", number)
    if refund.state == "REFUND_FAIL":
        raise Refusal("10003", "退款失败")
    return refund


def _told(served: Served, refund: Refund) -> dict[str, str] | None:
    if served.number in ("20.2.2", "21.1.7"):
        return None if served.number == "20.2.2" else {}
    return {"refundNo": refund.number, "time": refund.at}


def state(platform: Platform, served: Served) -> dict[str, str]:
    """9.1.2: there is no word for "still running"."""
    found = platform.by_hospital_no(served.sent.text("refundNo"))
    if found is None or found.trade != served.sent.text("outTradeNo"):
        return _said(platform.switches.unknown_refund)
    if found.state == "PROCESSING":
        return _said(platform.switches.running_refund)
    return {"flag_success": "REFUNDED" if found.state in _DONE else "REFUND_FAILED"}


def _said(word: str) -> dict[str, str]:
    if word.isdigit():
        raise Refusal(word)
    return {"flag_success": word}


def insurance_refund(platform: Platform, served: Served) -> None:
    """6.1.2, abandoned: all of an order, by the hospital's order number."""
    order = by_his_trade(platform, served)
    left = platform.left(order.trade)
    if left:
        _moved(platform, order, left, f"ZB-{order.trade}")


def by_his_trade(platform: Platform, served: Served) -> Order:
    """Return the order of a hospital's insurance order. Raises Refusal."""
    wanted = served.sent.text("hisTradeId")
    for order in reversed(platform.orders.values()):
        if order.about.get("hisTradeId") == wanted:
            return order
    raise Refusal(NOTHING_FOUND)


HANDLERS = {
    "9.1.1": refund,
    "9.1.2": state,
    "13.2.1": refund,
    "20.2.2": refund,
    "21.1.7": refund,
    "6.1.2": insurance_refund,
}
