"""Before an order is closed against late notices: is it really not in the HIS's books? (13.1.1; P64)"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, ClassVar

from engine.outcomes import Category, Refused
from engine.steps import BaseStep, Disagreement, Progress, View
from steps.platform.looks import Record
from steps.platform.money import NOTHING, order_of
from steps.platform.rows import RECORDS
from steps.platform.sources import filled

_PAYMENT = RECORDS["payment"]


class CheckNotBooked(BaseStep):
    """14.2.2 by the order's number. An order that is booked all the same stops the visit: then it is not closed."""

    name: ClassVar[str] = "platform.check_not_booked"
    role: ClassVar[str] = _PAYMENT.role
    operation: ClassVar[str] = _PAYMENT.interface

    def request(self, view: View) -> Mapping[str, Any]:
        """Name the order."""
        return filled(view, _PAYMENT.ask)

    def fold(self, view: View, reply: Mapping[str, Any]) -> Progress:
        """Note that it is absent; or that the HIS has booked it, and how much."""
        record = Record(view, _PAYMENT, reply)
        booked = [each for each in record.found if Decimal(str(each["amount"])) > NOTHING]
        if not booked:
            return Progress({"outcome": "absent"})
        paid = sum((Decimal(str(each["amount"])) for each in booked), NOTHING)
        wrong = Disagreement(f"order {order_of(view.data)}, about to be closed", "not booked", "booked")
        return Progress({"outcome": "accepted", "paid": paid}, (wrong,))

    def refused(self, view: View, refusal: Refused) -> Progress | None:
        """Take "nothing found" as that."""
        return self.fold(view, {"data": []}) if refusal.category is Category.NOT_FOUND else None
