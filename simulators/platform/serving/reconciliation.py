"""What the platform's ledger says (14.1)."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from typing import Any

from simulators.platform.platform import Platform
from simulators.platform.records import Order, Refund
from simulators.platform.serving.served import Served
from simulators.wechat.codes import NOTHING_FOUND, OUT_OF_RANGE, Refusal

_LONGEST = datetime.timedelta(days=7)
_WORDS = {
    "SUCCESS": "支付成功",
    "REFUND": "转入退款",
    "PROCESSING": "退款处理中",
    "REFUND_SUCCESS": "退款成功",
    "REFUND_FAIL": "退款失败",
}


def between(platform: Platform, served: Served) -> list[dict[str, Any]]:
    """14.1.1: at most seven days; a number overrides every other condition."""
    sent = served.sent
    number = sent.text("outTradeNo")
    if number:
        return [row for _, row in _rows(platform) if number in (row["outTradeNo"], row["refundOrderNo"])]
    first, last = sent.moment("startTime"), sent.moment("endTime", late=True)
    if last - first > _LONGEST or last < first:
        raise Refusal(OUT_OF_RANGE, "endTime")
    wanted, way = sent.text("tradeType"), sent.text("payType").lower()
    businesses = [each.strip() for each in sent.text("businessType").split(",")]
    return [
        row
        for business, row in _rows(platform)
        if f"{first}" <= row["payTime"] <= f"{last}"
        and business in businesses
        and way in ("", row["payType"].lower())
        and wanted in ("", "REFUND" if row["amount"] < 0 else "PAY")
    ]


def _rows(platform: Platform) -> Iterator[tuple[str, dict[str, Any]]]:
    for order in platform.orders.values():
        yield order.business, _row(platform, order, None)
        for refund in platform.refunds_of(order.trade):
            if refund.state != "WAITING":
                yield order.business, _row(platform, order, refund)


def _row(platform: Platform, order: Order, refund: Refund | None) -> dict[str, Any]:
    name = platform.people[order.patient].name
    return {
        "outTradeNo": order.trade if refund is None else refund.number,
        "sourceOutTradeNo": order.trade,
        "refundOrderNo": None if refund is None else refund.hospital_no,
        "payTime": order.paid_at if refund is None else refund.at,
        "stateDes": _WORDS[order.state if refund is None else refund.state],
        "amount": order.amount if refund is None else -refund.amount,
        "customName": name,
        "payerName": name,
        "transactionId": order.transaction if refund is None else f"5000{refund.number[3:]}",
        "payType": order.pay_type,
    }


def by_hospital_no(platform: Platform, served: Served) -> list[dict[str, Any]]:
    """14.1.2: answers `message`, no code."""
    wanted = served.sent.text("hospitalRefundNo")
    found = platform.by_hospital_no(wanted)
    if found is None:
        return []
    row = _row(platform, platform.orders[found.trade], found)
    del row["payType"]
    log = [{"description": text, "createTime": at} for text, at in found.log]
    return [row | {"refundSuccess": found.state == "REFUND_SUCCESS", "refundOrderNo": wanted, "orderLog": log}]


def record(platform: Platform, served: Served) -> dict[str, Any]:
    """14.1.3: of a payment or of a refund."""
    number = served.sent.text("outTradeNo").removeprefix("T_")
    refund = platform.refunds.get(number)
    order = platform.orders.get(number if refund is None else refund.trade)
    if order is None or (refund is not None and refund.state == "WAITING"):
        raise Refusal(NOTHING_FOUND)
    row = _row(platform, order, refund)
    names = ("outTradeNo", "payTime", "amount", "transactionId")
    return {name: row[name] for name in names} | {"state": order.state if refund is None else refund.state}


HANDLERS = {"14.1.1": between, "14.1.2": by_hospital_no, "14.1.3": record}
