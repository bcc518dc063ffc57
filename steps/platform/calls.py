"""A step that hands one request of 003 on and keeps the answer: made from a row of ``table.yaml`` (P100, P101)."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Any, ClassVar

from pydantic import BaseModel

from adapters.times import SHANGHAI
from engine.environment import HOUR, SECOND, Micros
from engine.facts import normalise, patch_between
from engine.outcomes import Category, Refused
from engine.steps import BaseStep, Progress, View
from steps.platform.bodies import fitted
from steps.platform.models import answer_by_hand
from steps.platform.money import payment_of
from steps.platform.rows import CALLS, CallRow
from steps.platform.sources import filled

#: Refusals that say something about the business. Others (log-in, not opened, occupied) are about us: the visit waits.
_ABOUT_THE_BUSINESS = frozenset(
    {
        Category.BUSINESS,
        Category.DATA,
        Category.ORDER,
        Category.NOT_FOUND,
        Category.ALREADY_DONE,
        Category.NOTHING_TO_UNDO,
    }
)


class CallStep(BaseStep):
    """Base of all calls; subclasses differ in their row only. A refusal is an answer: the flow goes on with it."""

    name: ClassVar[str]
    role: ClassVar[str]
    operation: ClassVar[str]
    row: ClassVar[CallRow]

    def request(self, view: View) -> Mapping[str, Any]:
        """Return what the platform sent, and what the table fills in; members that no contract knows stay here."""
        asked = view.data.get("requests", {}).get(self.row.interface, {})
        cut: dict[str, Any] = fitted(self.row.contract.request, {**filled(view, self.row.fill), **asked})
        return cut

    def fold(self, view: View, reply: Mapping[str, Any]) -> Progress:
        """Keep the answer."""
        return accepted(view, self.row, reply)

    def refused(self, view: View, refusal: Refused) -> Progress | None:
        """Keep a refusal that is about the business, and go on; of an undo, that there is nothing to undo."""
        if refusal.category in self.row.reached or refusal.code in self.row.reached:
            return accepted(view, self.row, {})
        if refusal.category not in _ABOUT_THE_BUSINESS and refusal.code not in self.row.again:
            return None
        number = self.row.interface
        refused = {"code": refusal.code, "msg": refusal.message}
        data = {"answers": {number: None}, "refusals": {number: refused}, "outcome": "refused", "called": number}
        return Progress(data | ({"requests": {number: None}} if self.row.forget else {}) | self._counted(view, refusal))

    def _counted(self, view: View, refusal: Refused) -> dict[str, Any]:
        """Count refusals after which the same call is made again (60303)."""
        return {"tries": view.data.get("tries", 0) + 1} if refusal.code in self.row.again else {"tries": None}

    def told(self, view: View, told: Mapping[str, Any]) -> Progress:
        """Keep the answer that a person read out of the HIS."""
        return accepted(view, self.row, told.get("answers", {}).get(self.row.interface, {}), found="person")


class UndoStep(CallStep):
    """A call on an undo edge: a refusal stands as what it is, unless there is nothing to undo."""

    def refused(self, view: View, refusal: Refused) -> Progress | None:
        """Go on only where there is nothing to undo."""
        if refusal.category in self.row.reached or refusal.code in self.row.reached:
            return accepted(view, self.row, {})
        return None


def accepted(view: View, row: CallRow, reply: Mapping[str, Any], found: str | None = None) -> Progress:
    """Return the progress of a call that was taken; ``found``: not by its own reply, but by what else tells it."""
    number = row.interface
    data: dict[str, Any] = {
        "answers": {**dict.fromkeys(row.takes_back), **_replaced(view, number, {"data": None, **reply})},
        "refusals": {number: None},
        "found": {number: found},
        "outcome": "accepted",
        "called": number,
    }
    if row.within is not None:
        data["late"] = is_late(view, row.within * HOUR) or None
    if row.forget:
        data["requests"] = {number: None}
    return Progress(data)


def _replaced(view: View, number: str, answer: dict[str, Any]) -> dict[str, Any]:
    """Return the patch that puts ``answer`` in the place of an earlier one, of which no member may stay (RFC 7396)."""
    before = view.data.get("answers", {}).get(number)
    new = _without_nothing(normalise(answer))
    return {number: patch_between(before, new) if isinstance(before, Mapping) else new}


def _without_nothing(answer: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in answer.items() if value is not None}


def is_late(view: View, limit: Micros) -> bool:
    """Tell whether the patient paid longer ago than ``limit``: the platform has given it up by now (10.1.2)."""
    payment = payment_of(view.data)
    if payment is None or payment.paid_at is None:
        return False
    paid = datetime.datetime.fromisoformat(payment.paid_at).replace(tzinfo=SHANGHAI)
    return view.now > int(paid.timestamp()) * SECOND + limit


def call_step(name: str, row: CallRow) -> type[CallStep]:
    """Make the step of a row; those called ``undo_...`` are for undo edges."""
    base = UndoStep if name.startswith("undo_") else CallStep
    by_hand: type[BaseModel] = answer_by_hand(row.interface)
    members = {
        "name": f"platform.{name}",
        "role": row.role,
        "operation": row.interface,
        "row": row,
        "by_hand": by_hand,
        "__doc__": f"{row.interface} of 003.",
        "__module__": __name__,
    }
    return type("".join(part.title() for part in name.split("_")), (base,), members)


CALL_STEPS: Mapping[str, type[CallStep]] = {name: call_step(name, row) for name, row in CALLS.items()}
