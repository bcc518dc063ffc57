"""What the platform knows of a payment, asked before any of it goes back (14.1.3; P109)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from engine.outcomes import Category, Refused
from engine.steps import BaseStep, Disagreement, Progress, View

#: States of 14.1.3 in which the patient's money is there: paid, or given back in part.
_PAID = ("SUCCESS", "REFUND", "PROCESSING")


class AskPayment(BaseStep):
    """14.1.3 by the order's number: what was paid is the most that may go back (G9)."""

    name: ClassVar[str] = "platform.ask_payment"
    role: ClassVar[str] = "platform"
    operation: ClassVar[str] = "14.1.3"

    def request(self, view: View) -> Mapping[str, Any]:
        """Name the order."""
        return {"outTradeNo": view.data["payment"]["order"]}

    def fold(self, view: View, reply: Mapping[str, Any]) -> Progress:
        """Keep the amount; an answer about another order stops the visit."""
        told, order = reply["data"], view.data["payment"]["order"]
        wrong = (
            ()
            if told["outTradeNo"] == order
            else (Disagreement("order of 14.1.3", "the one asked for", "another one"),)
        )
        if told["state"] not in _PAID:
            return Progress({"outcome": "absent"}, wrong)
        return Progress({"outcome": "accepted", "paid": told["amount"]}, wrong)

    def refused(self, view: View, refusal: Refused) -> Progress | None:
        """Take "nothing found" as not paid."""
        return Progress({"outcome": "absent"}) if refusal.category is Category.NOT_FOUND else None
