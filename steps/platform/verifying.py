"""An insurance order once more before its self-paid rest is booked: still settled, and what was paid is due (G9)."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, ClassVar

from engine.outcomes import Category, Refused
from engine.steps import BaseStep, Progress, View
from steps.platform.looks import Record
from steps.platform.money import payment_of
from steps.platform.rows import RECORDS
from steps.platform.sources import filled

_ORDER = RECORDS["settled_order"]
_PAID = "5.1.4"


class VerifyRest(BaseStep):
    """5.1.5. A payment that does not fit is refused as 003 says it: the platform then asks 5.1.6."""

    name: ClassVar[str] = "platform.verify_rest"
    role: ClassVar[str] = _ORDER.role
    operation: ClassVar[str] = _ORDER.interface

    def request(self, view: View) -> Mapping[str, Any]:
        """Name the patient, as the order was created."""
        return filled(view, _ORDER.ask)

    def fold(self, view: View, reply: Mapping[str, Any]) -> Progress:
        """Go on when total - preference - insurer = what was paid, with the card's balance."""
        standing, payment = Record(view, _ORDER, reply).standing, payment_of(view.data)
        if not standing:
            return _refused("60102", "订单不是已结算、未支付")
        total, less, insurer = (
            Decimal(str(standing[0][name])) for name in ("tradeAmount", "preferentialAmount", "medAmount")
        )
        if payment is None or payment.total != total - less - insurer:
            return _refused("60103", "支付金额与应付自费金额不一致")
        return Progress({"outcome": "accepted"})

    def refused(self, view: View, refusal: Refused) -> Progress | None:
        """Take "nothing found" as that."""
        return self.fold(view, {"data": None}) if refusal.category is Category.NOT_FOUND else None


def _refused(code: str, msg: str) -> Progress:
    """Answer the notice; its request is taken away, since another payment may come."""
    told = {"code": code, "msg": msg}
    return Progress({"outcome": "refused", "called": _PAID, "refusals": {_PAID: told}, "requests": {_PAID: None}})
