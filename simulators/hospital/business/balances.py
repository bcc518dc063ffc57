"""The card's balance (7) and its refund by the patient (8)."""

from __future__ import annotations

import datetime
from decimal import Decimal
from typing import Any

from simulators.hospital.hospital import Call, Hospital
from simulators.wechat.codes import OUT_OF_RANGE, Refusal
from simulators.wechat.members import ZERO, yuan

_MOST = Decimal("5000.00")  #: of one top-up
_TOP_UP = "7.1.2"


def balance(hospital: Hospital, call: Call) -> dict[str, str]:
    """7.1.1."""
    return {"balance": yuan(hospital.card(call.sent.text("medicalCardNumber")).balance)}


def top_up(hospital: Hospital, call: Call) -> dict[str, str]:
    """7.1.2."""
    sent = call.sent
    card = hospital.card(sent.text("medicalCardNumber"), using=True)
    if not card.may_top_up:
        raise Refusal("60301")
    amount = sent.money("payAmount")
    if not ZERO < amount <= _MOST:
        raise Refusal(OUT_OF_RANGE, "payAmount")
    payment = hospital.book(call, "JZKCZ", sent.text("outTradeNo"), card, amount)
    card.balance += amount
    return {"outPrepayId": payment.receipt}


def returnable(hospital: Hospital, call: Call) -> dict[str, Any]:
    """8.1.1: what came through the platform, bounded by the balance; orders of three months unless told otherwise."""
    sent = call.sent
    card = hospital.card(sent.text("medicalCardNumber"))
    since = hospital.time() - datetime.timedelta(days=92)
    if sent.get("startTime"):
        since = sent.moment("startTime")
    left: dict[str, Decimal] = {}
    total = ZERO
    for payment in hospital.ledger.paid_by(card, _TOP_UP):
        if payment.trade not in left:
            rest = hospital.ledger.left(payment.trade)
            total += rest
            left[payment.trade] = rest if payment.booked_at >= since else ZERO
    return {
        "medicalCardNumber": card.number,
        "balance": yuan(min(total, card.balance)),
        "order": [{"rechargeNo": trade, "balance": yuan(rest)} for trade, rest in left.items() if rest],
    }


def give_back(hospital: Hospital, call: Call) -> dict[str, str]:
    """8.1.2: the card is debited here."""
    sent = call.sent
    card = hospital.card(sent.text("medicalCardNumber"), using=True)
    trade, amount = sent.text("orderNo"), sent.money("refunAmount")
    payment = next((each for each in hospital.ledger.of(trade) if each.card is card), None)
    if payment is None or payment.number != _TOP_UP:
        raise Refusal("60102", "充值订单不存在")
    if not ZERO < amount <= min(hospital.ledger.left(trade), card.balance):
        raise Refusal(OUT_OF_RANGE, "refunAmount")
    card.balance -= amount
    refund = hospital.give_back(call.number, payment, amount, sent.text("refundNo"))
    return {"outRefundId": refund.receipt, "balance": yuan(card.balance)}


def state(hospital: Hospital, call: Call) -> dict[str, str]:
    """8.1.3: 1 given back, 2 under way, 3 anything else [doc]."""
    number = call.sent.text("refundNo")
    for refund in hospital.ledger.refunds_of(call.sent.text("orderNo")):
        if refund.refund_no == number and refund.state == "done":
            return {"outRefundId": refund.receipt, "status": "1"}
    running = any(number in key.split() for key in hospital.pending)
    return {"outRefundId": number, "status": "2" if running else "3"}


HANDLERS = {"7.1.1": balance, "7.1.2": top_up, "8.1.1": returnable, "8.1.2": give_back, "8.1.3": state}
