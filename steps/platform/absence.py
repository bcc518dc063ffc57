"""Is a payment really not in the HIS's books? Asked after a refusal, and before anybody says refundable (P104)."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, ClassVar

from engine.outcomes import Category, Refused
from engine.steps import BaseStep, Disagreement, Progress, View
from steps.platform.calls import accepted
from steps.platform.looks import Record
from steps.platform.money import NOTHING, REFUND_QUERIES, order_of
from steps.platform.rows import CALLS, RECORDS
from steps.platform.sources import filled, resolve

_PAYMENT = RECORDS["payment"]


class _Absence(BaseStep):
    """14.2.2 by the order's number."""

    role: ClassVar[str] = _PAYMENT.role
    operation: ClassVar[str] = _PAYMENT.interface

    def request(self, view: View) -> Mapping[str, Any]:
        """Name the order."""
        return filled(view, _PAYMENT.ask)

    def refused(self, view: View, refusal: Refused) -> Progress | None:
        """Take "nothing found" as that."""
        return self.fold(view, {"data": []}) if refusal.category is Category.NOT_FOUND else None


class CheckNotBooked(_Absence):
    """After a refusal, or for a payment that nobody noticed. What is booked all the same stops the visit."""

    name: ClassVar[str] = "platform.check_not_booked"

    def fold(self, view: View, reply: Mapping[str, Any]) -> Progress:
        """Note that it is absent; or that the HIS has booked it, and how much."""
        called = view.data.get("called")
        row = next((each for each in CALLS.values() if each.interface == called), None)
        booked = [each for each in Record(view, _PAYMENT, reply).found if Decimal(str(each["amount"])) > NOTHING]
        if not booked:
            gone = {"requests": {called: None}} if row is not None and row.retried else {}
            return Progress({"outcome": "absent", "unbooked": called, **gone})
        found: dict[str, Any] = {"outcome": "accepted", "called": called}
        if row is not None:
            told = {name: resolve(view, each, booked[0]) for name, each in row.unknown.items()}
            value = None if row.value is None else resolve(view, row.value)
            found = dict(accepted(view, row, {"data": value or told or None}, found=self.operation).data)
            if lacking := set(row.needed) - set(told):
                found = {**found, "answers": {row.interface: None}, "note": f"lacks {', '.join(sorted(lacking))}"}
        paid = sum((Decimal(str(each["amount"])) for each in booked), NOTHING)
        wrong = Disagreement(f"order {order_of(view.data)}, refused or never noticed", "not booked", "booked")
        return Progress({**found, "paid": paid}, (wrong,))


class AnswerRefundQuery(_Absence):
    """13.1.1 or 5.1.6 about a payment that the HIS has refused while the business itself goes on: may it go back?"""

    name: ClassVar[str] = "platform.answer_refund_query"

    def request(self, view: View) -> Mapping[str, Any]:
        """Name the order that is asked about."""
        _, asked = _query(view)
        return filled(view, {"hospitalId": "ask hospitalId"}) | {"tradeNo": asked["outTradeNo"]}

    def fold(self, view: View, reply: Mapping[str, Any]) -> Progress:
        """Say refundable only of what is not in the books."""
        number, asked = _query(view)
        rows = [each for each in reply.get("data") or () if str(each["tradeNo"]) == str(asked["outTradeNo"])]
        said = "nonrefundable" if rows else "refundable"
        return Progress({"answers": {number: {"data": said}}, "requests": {number: None}})


def _query(view: View) -> tuple[str, Mapping[str, Any]]:
    """Return the refund query that was brought last: one is taken away when it is answered."""
    requests = view.data["requests"]
    number = next(each for each in REFUND_QUERIES if each in requests)
    return number, requests[number]
