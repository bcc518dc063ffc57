"""Money back at the platform, under a number of ours that stays the same for every repeat (P102, P108)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from pydantic import BaseModel

from adapters.platform.contracts import INTERFACES
from engine.outcomes import Refused
from engine.steps import Applied, BaseProbe, BaseStep, Judgement, NotApplied, Progress, Unclear, View
from steps.platform.models import RefundTold
from steps.platform.money import refund_number
from steps.platform.rows import REFUNDS, RefundRow
from steps.platform.sources import filled


class RefundStep(BaseStep):
    """Base of all refunds. What came of it is added to ``refunds``, the wish itself is taken away."""

    name: ClassVar[str]
    role: ClassVar[str] = "platform"
    operation: ClassVar[str]
    by_hand: ClassVar[type[BaseModel] | None] = RefundTold
    row: ClassVar[RefundRow]

    def request(self, view: View) -> Mapping[str, Any]:
        """Name the payment, the amount and our number."""
        return filled(view, self.row.ask)

    def fold(self, view: View, reply: Mapping[str, Any]) -> Progress:
        """Keep the platform's number and time: they count when both sides reconcile."""
        data = reply.get("data")
        told = data if isinstance(data, Mapping) else {}
        return refunded(view, told.get("refundNo"), told.get("time"))

    def refused(self, view: View, refusal: Refused) -> Progress | None:
        """Keep that the platform decided against it: nothing was given back."""
        return _over(view, {"outcome": "refused", "code": refusal.code, "msg": refusal.message})

    def told(self, view: View, told: Mapping[str, Any]) -> Progress:
        """Keep what the platform's people read out."""
        said = told.get("refund", {})
        return refunded(view, said.get("platform_no"), said.get("time"))


def refunded(view: View, platform_no: str | None, time: str | None) -> Progress:
    """Return the progress of a refund that went through."""
    return _over(view, {"outcome": "refunded", "platform_no": platform_no, "time": time})


def _over(view: View, result: Mapping[str, Any]) -> Progress:
    wanted = view.data.get("refund", {})
    entry = {
        "refund_no": refund_number(view),
        "amount": wanted.get("amount"),
        "unified_amount": wanted.get("unified_amount"),
        **result,
    }
    number = str(len(view.data.get("refunds", {})) + 1)
    kept = {name: value for name, value in entry.items() if value is not None}
    return Progress({"refunds": {number: kept}, "refund": None, "outcome": _OUTCOMES[result["outcome"]]})


_OUTCOMES = {"refunded": "accepted", "refused": "refused"}


class FindRefund(BaseProbe):
    """14.1.2: what the platform knows of our refund number."""

    name: ClassVar[str] = "platform.find_refund"
    role: ClassVar[str] = "platform"
    operation: ClassVar[str] = "14.1.2"

    def request(self, view: View) -> Mapping[str, Any]:
        """Name the refund by our number."""
        assert view.subject is not None
        return {"hospitalRefundNo": view.subject.request["refundNo"]}

    def judge(self, view: View, reply: Mapping[str, Any]) -> Judgement:
        """One that succeeded: applied. None, or one that failed: not applied; the same number goes out again."""
        done = _succeeded(reply)
        if not done:
            return NotApplied("14.1.2 shows no refund that succeeded")
        if len(done) > 1:
            return Unclear(f"14.1.2 shows {len(done)} refunds of one number")
        return Applied(refunded(view, done[0].get("outTradeNo"), done[0].get("payTime")), "14.1.2 shows the refund")

    def refused(self, view: View, refusal: Refused) -> Judgement:
        """Take "nothing found" as that: of a query 10002 is no doubt."""
        if refusal.code in _NOT_FOUND:
            return self.judge(view, {"data": []})
        return Unclear(f"14.1.2 was refused: {refusal.code}")

    def recheck(self, view: View, reply: Mapping[str, Any]) -> Judgement:
        """A refund of a number that the visit knows as refunded is the repeat that went through, not a stray one."""
        assert view.subject is not None
        return _agrees(view, view.subject.request["refundNo"], there=bool(_succeeded(reply)))

    def recheck_refused(self, view: View, refusal: Refused) -> Judgement:
        """Take "nothing found" as that."""
        if refusal.code in _NOT_FOUND:
            return self.recheck(view, {"data": []})
        return Unclear(f"14.1.2 was refused: {refusal.code}")


class FindCardRefund(FindRefund):
    """9.1.2: what became of a refund from the desk; there is no word for "still running"."""

    name: ClassVar[str] = "platform.find_card_refund"
    operation: ClassVar[str] = "9.1.2"

    def request(self, view: View) -> Mapping[str, Any]:
        """Name the refund as it was asked for."""
        assert view.subject is not None
        known = INTERFACES["9.1.2"].request.fields
        return {name: value for name, value in view.subject.request.items() if name in known}

    def judge(self, view: View, reply: Mapping[str, Any]) -> Judgement:
        """REFUNDED: applied. REFUND_FAILED: not applied."""
        if reply["data"]["flag_success"] == "REFUNDED":
            return Applied(refunded(view, None, None), "9.1.2: REFUNDED")
        return NotApplied("9.1.2: REFUND_FAILED")

    def refused(self, view: View, refusal: Refused) -> Judgement:
        """Take "nothing found" as not refunded."""
        if refusal.code in _NOT_FOUND:
            return NotApplied(f"9.1.2 was refused: {refusal.code}")
        return Unclear(f"9.1.2 was refused: {refusal.code}")

    def recheck(self, view: View, reply: Mapping[str, Any]) -> Judgement:
        """Compare with what the visit knows."""
        assert view.subject is not None
        there = reply["data"]["flag_success"] == "REFUNDED"
        return _agrees(view, view.subject.request["refundNo"], there=there)

    def recheck_refused(self, view: View, refusal: Refused) -> Judgement:
        """Take "nothing found" as that."""
        if refusal.code in _NOT_FOUND:
            assert view.subject is not None
            return _agrees(view, view.subject.request["refundNo"], there=False)
        return Unclear(f"9.1.2 was refused: {refusal.code}")


#: Queries: no data (10002), and the refusal without a code of 14.1.2's own envelope.
_NOT_FOUND = ("10002", "no")


def _succeeded(reply: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [each for each in reply.get("data") or () if each["refundSuccess"] is True]


def _agrees(view: View, number: str, *, there: bool) -> Judgement:
    known = [each for each in view.data.get("refunds", {}).values() if each["refund_no"] == number]
    believed = any(each["outcome"] == "refunded" for each in known)
    if believed == there:
        return NotApplied("the platform says what the visit says")
    if believed:
        return Unclear("the visit says refunded, the platform does not (yet)")
    return Applied(reason="the platform has given back what the visit does not know of")


def refund_step(name: str, row: RefundRow) -> type[RefundStep]:
    """Make the step of a row."""
    members = {
        "name": f"platform.{name}",
        "operation": row.interface,
        "row": row,
        "__doc__": f"{row.interface} of 003.",
        "__module__": __name__,
    }
    return type("".join(part.title() for part in name.split("_")), (RefundStep,), members)


REFUND_STEPS: Mapping[str, type[RefundStep]] = {name: refund_step(name, row) for name, row in REFUNDS.items()}
