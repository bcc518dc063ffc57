"""The surcharge of a booked registration, asked before it is paid (21.2.5; G9, P113)."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, ClassVar

from engine.outcomes import Category, Refused
from engine.steps import BaseStep, Progress, View
from steps.platform.sources import filled

_ASKED = ("hospitalId", "medicalCardNumber", "idCard", "patientName", "deptCode", "docCode", "scheduleDate", "amPm")


class AskSurcharge(BaseStep):
    """21.2.5. A payment that says another surcharge than the HIS does is refused here, before anything is booked."""

    name: ClassVar[str] = "platform.ask_surcharge"
    role: ClassVar[str] = "his"
    operation: ClassVar[str] = "21.2.5"

    def request(self, view: View) -> Mapping[str, Any]:
        """Name patient, doctor and session."""
        asked = {name: f"ask 21.2.4 {name}" for name in _ASKED}
        return filled(view, asked | {"hospitalId": ["ask 21.2.4 hospitalId", "ask hospitalId"]})

    def fold(self, view: View, reply: Mapping[str, Any]) -> Progress:
        """Compare; a payment that does not speak of a surcharge is not judged by it."""
        said = view.data["requests"]["21.2.4"].get("surcharge")
        due = Decimal(str(reply["data"]["surcharge"]))
        if said is None or Decimal(str(said)) == due:
            return Progress({"outcome": "accepted"})
        told = {"code": "60202", "msg": "附加费与院内不一致"}
        gone = {"21.2.4": None}  # another payment may come, and nothing of this one may stay in it
        return Progress({"outcome": "refused", "called": "21.2.4", "refusals": {"21.2.4": told}, "requests": gone})

    def refused(self, view: View, refusal: Refused) -> Progress | None:
        """Where the hospital knows no surcharges (not opened, nothing found), the HIS judges the sum itself."""
        return None if refusal.category is Category.LATER else Progress({"outcome": "accepted"})
