"""The ways back: 2208, 2205, 2202. Each takes away what its forward step had added to the visit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from engine.outcomes import Category, Refused
from engine.steps import BaseStep, Progress, View
from steps.jiangsu.forward import ROLE, numbers
from steps.jiangsu.ledger import forget_uploads
from steps.jiangsu.times import moment_of


class Undo(BaseStep):
    """What the three have in common: a refusal that there is nothing to undo means that the goal is reached."""

    takes_away: ClassVar[tuple[str, ...]] = ()

    def fold(self, view: View, reply: Mapping[str, Any]) -> Progress:
        """Forget what the undone step had brought."""
        return Progress(dict.fromkeys(self.takes_away))

    def told(self, view: View, told: Mapping[str, Any]) -> Progress:
        """Forget the same when a person says that it was undone."""
        return self.fold(view, told)

    def refused(self, view: View, refusal: Refused) -> Progress | None:
        """Accept "nothing to undo" as done."""
        return self.fold(view, {}) if refusal.category is Category.NOTHING_TO_UNDO else None


class CancelRegistration(Undo):
    """2202 (J22)."""

    name: ClassVar[str] = "jiangsu.cancel_registration"
    role: ClassVar[str] = ROLE
    operation: ClassVar[str] = "cancel_registration"
    takes_away = ("visit_no",)

    def refused(self, view: View, refusal: Refused) -> Progress | None:
        """Accept "not found or cancelled" as done: an earlier 2202, judged lost, may have come before this one."""
        return self.fold(view, {}) if refusal.category is Category.NOT_FOUND else super().refused(view, refusal)

    def request(self, view: View) -> Mapping[str, Any]:
        """Name the visit."""
        return numbers(view)


class CancelLines(Undo):
    """2205: both keys empty = all lines of the visit (J6)."""

    name: ClassVar[str] = "jiangsu.cancel_lines"
    role: ClassVar[str] = ROLE
    operation: ClassVar[str] = "cancel_lines"
    takes_away = ("uploaded_total", "pre_settle_id", "pre_total", "pre_fund", "pre_self")

    def fold(self, view: View, reply: Mapping[str, Any]) -> Progress:
        """Forget the trial, the total, and that any line was uploaded."""
        return Progress(dict.fromkeys(self.takes_away) | forget_uploads(view))

    def request(self, view: View) -> Mapping[str, Any]:
        """Name the visit and no line."""
        return numbers(view) | {"rxno": "", "feedetl_sn": ""}


class CancelSettlement(Undo):
    """2208; ``keep_lines`` says whether the centre keeps the uploaded lines (J11)."""

    name: ClassVar[str] = "jiangsu.cancel_settlement"
    role: ClassVar[str] = ROLE
    operation: ClassVar[str] = "cancel_settlement"
    takes_away = ("settle_id", "total_amt", "fund_amt", "self_amt", "receipt_time", "invoice_no")

    def fold(self, view: View, reply: Mapping[str, Any]) -> Progress:
        """Forget the settlement and, where the centre drops the lines with it, the lines as well (J11)."""
        without_lines = {} if keeps_lines(view) else CancelLines().fold(view, reply).data
        return Progress({**dict.fromkeys(self.takes_away), **without_lines})

    def request(self, view: View) -> Mapping[str, Any]:
        """Name settlement and invoice."""
        return numbers(view) | {
            "settle_id": view.data["settle_id"],
            "mdtrt_id": view.data["invoice_no"],
            "setl_time": moment_of(view.now),
            "keep_tp_type": "1" if keeps_lines(view) else "0",
        }


def keeps_lines(view: View) -> bool:
    """Tell whether the centre keeps the uploaded lines when a settlement is cancelled (J11)."""
    return view.settings.get("keep_lines", True) not in (False, "0")
