"""The ledger as the control port shows it: patients by number, no names, no cards."""

from __future__ import annotations

from collections import Counter
from typing import Any

from simulators.platform.platform import Platform
from simulators.platform.records import Order, Refund
from simulators.wechat.members import ZERO, yuan


def ledger(platform: Platform, query: dict[str, str]) -> dict[str, Any]:
    """Return orders and refunds (``trade``: of one; ``lines=no``: sums only), and what was received."""
    platform.ripen()
    wanted = query.get("trade")
    orders = [each for each in platform.orders.values() if wanted in (None, each.trade)]
    refunds = [each for each in platform.refunds.values() if wanted in (None, each.trade)]
    back = [each for each in refunds if each.state in ("REFUND_SUCCESS", "PROCESSING")]
    told: dict[str, Any] = {
        "count": len(orders),
        "paid": yuan(sum((each.amount for each in orders), ZERO)),
        "refunded": yuan(sum((each.amount for each in back), ZERO)),
        "fates": dict(Counter(each.fate for each in orders)),
        "refunds_by": dict(Counter(each.by for each in back)),
        "messages": dict(Counter(each.number for each in platform.messages)),
        "received": {f"{number} {code}": count for (number, code), count in sorted(platform.received.items())},
        "time": platform.clock.stamp(),
    }
    if query.get("lines") != "no":
        told |= {"orders": [_order(platform, each) for each in orders], "refunds": [_refund(each) for each in refunds]}
    return told


def _order(platform: Platform, each: Order) -> dict[str, Any]:
    return {
        "trade": each.trade,
        "business": each.business,
        "patient": f"P{each.patient}",
        "amount": yuan(each.amount),
        "left": yuan(platform.left(each.trade)),
        "state": each.state,
        "fate": each.fate,
        "code": each.code,
        "notices": each.notices,
        "paid_at": each.paid_at,
        "answer": each.answer,
        "served": each.served,
    }


def _refund(each: Refund) -> dict[str, Any]:
    return {
        "refund": each.number,
        "trade": each.trade,
        "amount": yuan(each.amount),
        "by": each.by,
        "hospital_no": each.hospital_no,
        "state": each.state,
        "at": each.at,
    }


def books(platform: Platform) -> dict[str, Any]:
    """Return bookings, wallets and messages (their members, for these are the hospital's words to nobody)."""
    return {
        "bookings": [
            {"key": each.key, "kind": each.kind, "patient": f"P{each.patient}", "fate": each.fate, "code": each.code}
            for each in platform.bookings.values()
        ],
        "wallets": {f"P{number}": yuan(platform.wallet(number)) for number in platform.people},
        "messages": [
            {
                "interface": each.number,
                "at": each.at,
                "members": sorted(each.sent) if isinstance(each.sent, dict) else [],
            }
            for each in platform.messages
        ],
        "cards": len(platform.cards),
    }
