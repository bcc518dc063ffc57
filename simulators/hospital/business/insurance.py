"""Insurance orders (5): create and pre-settle, settle, cancel, paid; the abandoned edition (6) reads the same."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from simulators.hospital.business.bills import lines_of, settle
from simulators.hospital.hospital import Call, Hospital
from simulators.hospital.people import Card
from simulators.hospital.records import Order
from simulators.wechat.codes import INVALID, NOTHING_FOUND, Refusal
from simulators.wechat.members import ZERO, seconds, yuan

_SHARE = Decimal("0.6")  #: what the insurer takes over
_OPEN = ("presettled", "settled")


def create(hospital: Hospital, call: Call) -> dict[str, Any]:
    """5.1.1: the lines are held by the order until it is paid or cancelled."""
    card = hospital.card(call.sent.text("medicalCardNumber"), using=True)
    if not card.may_pay:
        raise Refusal("60101")
    if hospital.switches.one_open_order and _unfinished(hospital, card) is not None:
        raise Refusal(INVALID, "存在未完成的医保订单")
    lines = lines_of(hospital, call, card.patient)
    if any(line.paid or line.order for line in lines):
        raise Refusal("60102")
    due = sum((line.due for line in lines), ZERO)
    covered = (due * _SHARE).quantize(ZERO, ROUND_HALF_UP)
    order = Order(hospital.next("YB"), card, lines, hospital.time(), covered)
    hospital.orders[order.id] = order
    for line in lines:
        line.order = order.id
    return _told(hospital, order) | {"preMedAmount": yuan(covered), "tradeCreateTime": seconds(order.at)}


def settle_with_insurer(hospital: Hospital, call: Call) -> dict[str, Any]:
    """5.1.2: a settled order is settled once more, which the ledger shows."""
    order = _order(hospital, call.sent.text("hisTradeId"))
    if order.state not in _OPEN:
        raise Refusal(INVALID, "订单已完成或已取消")
    order.state, order.settled_at = "settled", hospital.time()
    order.settlements += 1
    return _told(hospital, order) | {"medAmount": yuan(order.covered), "medSettleTime": seconds(order.settled_at)}


def cancel(hospital: Hospital, call: Call) -> str:
    """5.1.3: all of them or none; a settled one is taken back at the insurer first."""
    ids = [each.strip() for each in call.sent.text("hisTradeId", "hisTradeIds").split(",")]
    orders = [hospital.orders.get(each) for each in ids]
    if any(order is None or order.state not in _OPEN for order in orders):
        return "0"
    for order in orders:
        assert order is not None
        order.reversals += order.state == "settled"
        order.state = "cancelled"
        for line in order.lines:
            line.order = ""
    return "1"


def paid(hospital: Hospital, call: Call) -> str:
    """5.1.4, 6.2.5: the self-paid part. ``amount`` includes what the card paid in 5.1.4."""
    sent = call.sent
    order = hospital.orders.get(sent.text("hisTradeId"))
    card = hospital.card(sent.text("medicalCardNumber"), using=True)
    if order is None or order.card.patient is not card.patient:
        raise Refusal("60102")
    again = order.state == "paid" and hospital.switches.paid_lines == "take"
    if order.state != "settled" and not again:
        return "0"
    parts = hospital.parts(call)
    amount = sent.money("amount") - (parts if call.number == "5.1.4" else ZERO)
    if amount + parts != order.rest:
        raise Refusal("60103")
    order.trade = sent.text("outTradeNo", "blTradeNo")
    hospital.book(call, "YBZF", order.trade, card, amount, (order.id, *(line.id for line in order.lines)))
    order.state = "paid"
    settle(hospital, order.lines)
    return "1"


def unfinished(hospital: Hospital, call: Call) -> dict[str, Any] | None:
    """5.1.5: the one that is neither paid nor cancelled."""
    order = _unfinished(hospital, hospital.card(call.sent.text("medicalCardNumber")))
    if order is None:
        return None
    return _told(hospital, order) | {
        "medAmount": yuan(order.covered),
        "tradeState": "1" if order.state == "settled" else "0",
        "detailIds": ",".join(line.id for line in order.lines),
        "tradeCreateTime": seconds(order.at),
    }


def refundable(hospital: Hospital, call: Call) -> str:
    """5.1.6: only what is not booked; the switch closes the number against a late notice."""
    trade = call.sent.text("outTradeNo")
    if hospital.ledger.of(trade):
        return "nonrefundable"
    if any(trade in key.split() for key in hospital.pending):
        if hospital.switches.refund_query_unsure != "nonrefundable":
            raise Refusal(hospital.switches.refund_query_unsure)
        return "nonrefundable"
    if hospital.switches.refund_query_closes:
        hospital.closed.add(trade)
    return "refundable"


def _unfinished(hospital: Hospital, card: Card) -> Order | None:
    for order in reversed(hospital.orders.values()):
        if order.card.patient is card.patient and order.state in _OPEN:
            return order
    return None


def _order(hospital: Hospital, number: str) -> Order:
    found = hospital.orders.get(number)
    if found is None:
        raise Refusal(NOTHING_FOUND)
    return found


def _told(hospital: Hospital, order: Order) -> dict[str, Any]:
    return {
        "hospitalId": hospital.id,
        "hisTradeId": order.id,
        "tradeAmount": yuan(order.total),
        "preferentialAmount": yuan(order.discount),
        "medPayList": [{"payTypeName": "医保统筹基金", "payAmount": yuan(order.covered)}],
    }


# -- 6, abandoned
def unpaid_orders(hospital: Hospital, call: Call) -> list[dict[str, Any]]:
    """6.2.1: settled orders whose rest is unpaid."""
    return [
        {
            "hisTradeId": order.id,
            "hospitalId": hospital.id,
            "amount": yuan(order.rest),
            "reimburseAmount": yuan(order.covered),
            "totalAmount": yuan(order.total),
            "doctor": order.lines[0].doctor,
            "deptName": order.lines[0].department,
        }
        for order in _of(hospital, call, "settled")
    ]


def unpaid_order(hospital: Hospital, call: Call) -> dict[str, Any]:
    """6.2.2."""
    order = _order(hospital, call.sent.text("hisTradeId"))
    first = order.lines[0]
    items = [
        {"item": line.item, "price": yuan(line.price), "quantity": str(line.quantity), "unit": line.unit}
        for line in order.lines
    ]
    detail = {
        "doctor": first.doctor,
        "presCode": first.prescription,
        "createTime": seconds(first.at),
        "items": items,
    }
    return {
        "hisTradeId": order.id,
        "hospitalId": hospital.id,
        "amount": yuan(order.rest),
        "reimburseAmount": yuan(order.covered),
        "totalAmount": yuan(order.total),
        "detail": [detail],
    }


def reimbursements(hospital: Hospital, call: Call) -> list[dict[str, Any]]:
    """6.2.3: finished orders."""
    return [
        {
            "diseaseName": "高血压",
            "hospitalId": hospital.id,
            "amount": yuan(order.rest),
            "reimburseAmount": yuan(order.covered),
            "totalAmount": yuan(order.total),
            "hisTradeId": order.id,
            "doctor": order.lines[0].doctor,
            "createTime": seconds(order.at),
        }
        for order in _of(hospital, call, "paid")
    ]


def reimbursement(hospital: Hospital, call: Call) -> list[dict[str, Any]]:
    """6.2.4."""
    return [
        {
            "item": line.item,
            "price": yuan(line.price),
            "quantity": str(line.quantity),
            "unit": line.unit,
            "amount": yuan(line.amount),
        }
        for line in _order(hospital, call.sent.text("hisTradeId")).lines
    ]


def _of(hospital: Hospital, call: Call, state: str) -> list[Order]:
    patient = hospital.patient(call)
    first, last = call.sent.moment("startTime"), call.sent.moment("endTime", late=True)
    return [
        order
        for order in hospital.orders.values()
        if order.card.patient is patient and order.state == state and first <= order.at <= last
    ]


HANDLERS = {
    "5.1.1": create,
    "5.1.2": settle_with_insurer,
    "5.1.3": cancel,
    "5.1.4": paid,
    "5.1.5": unfinished,
    "5.1.6": refundable,
    "6.2.1": unpaid_orders,
    "6.2.2": unpaid_order,
    "6.2.3": reimbursements,
    "6.2.4": reimbursement,
    "6.2.5": paid,
    "13.1.1": refundable,
}
