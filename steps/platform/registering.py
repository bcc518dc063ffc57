"""Registered on the day: examinations in part (24.1.8), and whether a health examination was begun (28.1.8)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from engine.environment import MINUTE
from engine.outcomes import Category, Refused
from engine.steps import Applied, BaseProbe, BaseStep, Judgement, NotApplied, Progress, Unclear, View
from steps.platform.calls import accepted
from steps.platform.rows import CALLS
from steps.platform.sources import filled

REGISTERED = "7"
_CALL = CALLS["register_examinations"]


class FindRegistered(BaseProbe):
    """24.1.5: which lines of 24.1.8 were registered. Some but not all is an answer too, when it has had its time."""

    name: ClassVar[str] = "platform.find_registered"
    role: ClassVar[str] = "his"
    operation: ClassVar[str] = "24.1.5"

    def request(self, view: View) -> Mapping[str, Any]:
        """Ask for the day's bookings."""
        about = {"hospitalId": "ask hospitalId", "medicalCardNumber": "ask medicalCardNumber", "idCard": "ask idCard"}
        return filled(view, {**about, "startDate": "day -1", "endDate": "day 0"})

    def judge(self, view: View, reply: Mapping[str, Any]) -> Judgement:
        """All, none, or some after a minute."""
        wanted, found = self._wanted(view), self._registered(view, reply)
        if not found:
            return NotApplied("24.1.5 shows none of the lines as registered")
        assert view.subject is not None
        if len(found) < len(wanted) and view.now < view.subject.at + MINUTE:
            return Unclear(f"24.1.5 shows {len(found)} of {len(wanted)} lines as registered: it may be at it")
        answer = {"data": {"successDetailIdList": found}}
        return Applied(accepted(view, _CALL, answer, found=self.operation), f"24.1.5: {len(found)} of {len(wanted)}")

    def refused(self, view: View, refusal: Refused) -> Judgement:
        """Take "nothing found" as that."""
        if refusal.category is Category.NOT_FOUND:
            return NotApplied("24.1.5 shows no booking")
        return Unclear(f"24.1.5 was refused: {refusal.code}")

    def recheck(self, view: View, reply: Mapping[str, Any]) -> Judgement:
        """Compare with what was answered."""
        answer = view.data.get("answers", {}).get("24.1.8", {}).get("data") or {}
        more = set(self._registered(view, reply)) - set(answer.get("successDetailIdList", ()))
        return Applied(reason="24.1.5 shows more than was answered") if more else NotApplied("as answered")

    def _wanted(self, view: View) -> list[str]:
        return [str(each["orderId"]) for each in view.data["requests"]["24.1.8"]["orderList"]]

    def _registered(self, view: View, reply: Mapping[str, Any]) -> list[str]:
        rows = reply.get("data") or ()
        there = {str(each["orderId"]) for each in rows if str(each["status"]) == REGISTERED}
        return [each for each in self._wanted(view) if each in there]


class AskRegistered(BaseStep):
    """28.1.8, before a cancellation: who has registered for the examination has begun it."""

    name: ClassVar[str] = "platform.ask_registered"
    role: ClassVar[str] = "his"
    operation: ClassVar[str] = "28.1.8"

    def request(self, view: View) -> Mapping[str, Any]:
        """Name person and day."""
        about = {name: f"ask 28.1.6 {name}" for name in ("hospitalId", "idCard", "medicalCardNumber")}
        return filled(view, {**about, "date": "dayof 28.1.6 date"})

    def fold(self, view: View, reply: Mapping[str, Any]) -> Progress:
        """Go on when not registered; else the cancellation is refused as carried out (60601)."""
        if str(reply["data"]) != "1":  # 0 no; -1 error: the HIS decides when it is asked to cancel
            return Progress({"outcome": "accepted"})
        return Progress({"outcome": "refused", "refusals": {"28.1.7": {"code": "60601", "msg": "已登记，不能取消"}}})

    def refused(self, view: View, refusal: Refused) -> Progress | None:
        """Let the HIS decide when it is asked to cancel."""
        return None if refusal.category is Category.LATER else Progress({"outcome": "accepted"})
