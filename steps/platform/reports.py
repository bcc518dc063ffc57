"""Notices to the platform about what became of things: registrations (20.2.1, 21.1.6) and online orders (25.2.2)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from engine.outcomes import Category, Refused
from engine.steps import BaseStep, Progress, View
from steps.platform.sources import resolve

#: 挂号状态: cancelled.
CANCELLED = "4"


class _Report(BaseStep):
    """A state notice: the same state again changes nothing, so it is keyed at the platform."""

    role: ClassVar[str] = "platform"

    def fold(self, view: View, reply: Mapping[str, Any]) -> Progress:
        """Note that the platform knows."""
        return Progress({"outcome": "accepted", "called": self.operation})

    def refused(self, view: View, refusal: Refused) -> Progress | None:
        """Keep the refusal and go on: what is reported has happened."""
        if refusal.category in (Category.LATER, Category.CREDENTIALS, Category.MAINTENANCE):
            return None
        told = {"code": refusal.code, "msg": refusal.message}
        return Progress({"refusals": {self.operation: told}, "outcome": "refused", "called": self.operation})

    operation: ClassVar[str]


class ReportToday(_Report):
    """20.2.1: missed, seen."""

    name: ClassVar[str] = "platform.report_today"
    operation: ClassVar[str] = "20.2.1"

    def request(self, view: View) -> Mapping[str, Any]:
        """Name the registration and what became of it."""
        made = {"hospitalId": resolve(view, "ask hospitalId"), "todayRegisterId": resolve(view, "ask todayRegisterId")}
        return {**{name: value for name, value in made.items() if value is not None}, "registerState": self.state(view)}

    def state(self, view: View) -> str:
        """Return what became of it."""
        return str(view.data["result"])


class ReportTodayCancelled(ReportToday):
    """20.2.1: cancelled by the hospital."""

    name: ClassVar[str] = "platform.report_today_cancelled"

    def state(self, view: View) -> str:
        """Say that it is cancelled."""
        return CANCELLED


class ReportBooked(_Report):
    """21.1.6: missed, seen."""

    name: ClassVar[str] = "platform.report_booked"
    operation: ClassVar[str] = "21.1.6"

    def request(self, view: View) -> Mapping[str, Any]:
        """Name the appointment and what became of it."""
        return {"rows": [{"recordId": resolve(view, "ask recordId"), "state": self.state(view)}]}

    def state(self, view: View) -> str:
        """Return what became of it."""
        return str(view.data["result"])


class ReportBookedCancelled(ReportBooked):
    """21.1.6: cancelled by the hospital: the session was stopped, or given to somebody else."""

    name: ClassVar[str] = "platform.report_booked_cancelled"

    def state(self, view: View) -> str:
        """Say that it is cancelled."""
        return CANCELLED


class ReportServed(_Report):
    """25.2.2: a line was registered or dispensed, before it is; or taken back."""

    name: ClassVar[str] = "platform.report_served"
    operation: ClassVar[str] = "25.2.2"

    def request(self, view: View) -> Mapping[str, Any]:
        """Name order, line and state."""
        order, served = view.data["requests"]["25.1.1"], view.data["served"]
        line = next(each for each in order["charges"] if each["chargeId"] == served["charge_id"])
        made = {
            "hospitalId": order.get("hospitalId"),
            "medicalCardNumber": order["medicalCardNumber"],
            "tradeNo": order["tradeNo"],
            "chargeId": line["chargeId"],
            "chargeType": line["chargeType"],
            "status": served["status"],
        }
        return {name: value for name, value in made.items() if value is not None}

    def fold(self, view: View, reply: Mapping[str, Any]) -> Progress:
        """Keep which lines the platform knows of; a second answer of 25.2.2 has its own place by line."""
        served = view.data["served"]
        told = {served["charge_id"]: served["status"]}
        return Progress({"lines": told, "served": None, "outcome": "accepted", "called": self.operation})


STEPS = (ReportToday, ReportTodayCancelled, ReportBooked, ReportBookedCancelled, ReportServed)
