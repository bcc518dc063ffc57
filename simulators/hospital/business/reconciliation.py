"""What the hospital booked, for those who compare (14), and its figures (30)."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from typing import Any

from simulators.hospital.hospital import Call, Hospital
from simulators.hospital.ledger import Payment, Refund
from simulators.wechat.codes import NOTHING_FOUND, Refusal
from simulators.wechat.members import ZERO, seconds, yuan

_WHAT = {
    "ZJZF": "诊间支付",
    "YBZF": "线上医保支付",
    "JZKCZ": "就诊卡充值",
    "ZYYJ": "住院押金",
    "DRGH": "当日挂号",
    "YYGH": "预约挂号",
    "TJYY": "体检预约",
    "ZZJF": "自选套餐",
    "XMYY": "检验预约",
    "RYSQ": "入院申请",
    "BAYYPS": "病案预约配送",
    "JCZF": "在线检查",
    "CFZF": "在线处方",
    "ZX": "在线问诊",
}
_INPATIENT = ("ZYYJ", "RYSQ")


def _payment(payment: Payment) -> dict[str, Any]:
    return {
        "tradeNo": payment.trade,
        "amount": yuan(payment.amount),
        "tradeTime": seconds(payment.paid_at),
        "payType": payment.pay_type,
        "body": _WHAT[payment.business],
        "complete": True,
    }


def _refund(refund: Refund) -> dict[str, Any]:
    return _payment(refund.payment) | {
        "refundNo": refund.refund_no,
        "amount": yuan(-refund.amount),
        "tradeTime": seconds(refund.at),
        "complete": refund.state == "done",
    }


def between(hospital: Hospital, call: Call) -> list[dict[str, Any]]:
    """14.2.1: both ends included, refunds negative."""
    first, last = call.sent.moment("startTime"), call.sent.moment("endTime", late=True)
    rows: list[tuple[datetime.datetime, Payment, dict[str, Any]]] = [
        (each.paid_at, each, _payment(each) | {"refundNo": ""})
        for each in hospital.ledger.payments
        if first <= each.paid_at <= last and each.amount
    ]
    rows += [
        (each.at, each.payment, _refund(each))
        for each in hospital.ledger.refunds
        if first <= each.at <= last and each.amount and each.state != "failed"
    ]
    return [
        row | {"name": payment.card.patient.person.name, "hisCardCode": payment.card.number}
        for _, payment, row in sorted(rows, key=lambda each: each[0])
    ]


def by_trade(hospital: Hospital, call: Call) -> list[dict[str, Any]]:
    """14.2.2: what was booked under a number, twice if it was."""
    return [_payment(payment) for payment in hospital.ledger.of(call.sent.text("tradeNo"))]


def by_refund(hospital: Hospital, call: Call) -> dict[str, Any]:
    """14.2.3."""
    number = call.sent.text("refundNo")
    for refund in hospital.ledger.refunds_of(call.sent.text("tradeNo")):
        if number in (refund.refund_no, refund.platform_no):
            return _refund(refund) | {"refundNo": number}
    raise Refusal(NOTHING_FOUND)


def _within(hospital: Hospital, call: Call) -> Iterator[Payment]:
    first, last = call.sent.moment("startTime"), call.sent.moment("endTime", late=True)
    return (each for each in hospital.ledger.payments if first <= each.booked_at <= last)


def _figures(hospital: Hospital, call: Call) -> dict[str, str]:
    found = list(_within(hospital, call))
    inside = [each for each in found if each.business in _INPATIENT]
    outside = [each for each in found if each.business not in _INPATIENT]
    return {
        "outpatientTotalAmount": yuan(sum((each.total for each in outside), ZERO)),
        "outpatientTotalTrans": str(len(outside)),
        "inpatientTotalAmount": yuan(sum((each.total for each in inside), ZERO)),
        "inpatientTotalTrans": str(len(inside)),
    }


def figures(hospital: Hospital, call: Call) -> dict[str, str]:
    """30.1.1: they stand beside the code, there is no data."""
    visits = str(len(hospital.visits))
    return _figures(hospital, call) | {"regCardAmount": visits, "totalCardAmount": visits}


def figures_by_hospital(hospital: Hospital, call: Call) -> list[dict[str, str]]:
    """30.1.2."""
    visits = str(sum(each.kind == "booked" for each in hospital.visits))
    ours = {"hospitalId": hospital.id, "hospitalName": "虚构市示例医院"}
    return [ours | _figures(hospital, call) | {"regCardTrans": str(len(hospital.visits)), "appointmentNumber": visits}]


HANDLERS = {
    "14.2.1": between,
    "14.2.2": by_trade,
    "14.2.3": by_refund,
    "30.1.1": figures,
    "30.1.2": figures_by_hospital,
}
