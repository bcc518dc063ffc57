"""The ways back: 4.14 → 4.11 → 4.9, offsite 4.27 → 4.25 → 4.23. Each takes away what its forward step had added."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from engine.outcomes import Category, InDoubt, Refused
from engine.steps import BaseStep, Progress, View
from steps.neimenggu import ledger
from steps.neimenggu.base import CENTRE


class Undo(BaseStep):
    """What all have in common: "nothing to undo" means that the goal is reached."""

    role: ClassVar[str] = CENTRE
    operation: ClassVar[str]
    takes_away: ClassVar[tuple[str, ...]] = ()

    def request(self, view: View) -> Mapping[str, Any]:
        """Name the stay."""
        return {"akc190": view.key}

    def fold(self, view: View, reply: Mapping[str, Any]) -> Progress:
        """Forget what the undone step had brought."""
        return Progress(forgotten(view, self.takes_away))

    def told(self, view: View, told: Mapping[str, Any]) -> Progress:
        """Forget the same when a person says that it was undone."""
        return self.fold(view, told)

    def refused(self, view: View, refusal: Refused) -> Progress | InDoubt | None:
        """Accept "nothing to undo" as done; after a lost answer, look into what says that nothing is there."""
        if refusal.category is Category.NOTHING_TO_UNDO:
            return self.fold(view, {})
        lost = any(call.operation == self.operation for call in view.lost)
        if lost and refusal.category in (Category.NOT_FOUND, Category.DATA):
            return InDoubt("an earlier undo of this visit got no answer")
        return None


def forgotten(view: View, names: tuple[str, ...]) -> dict[str, Any]:
    """Return the patch that takes away what there is of ``names``."""
    return {name: None for name in names if name in view.data}


class CancelRegistration(Undo):
    """4.9. Dangerous once the patient has left: registering again needs the card (4.9, 5)."""

    name: ClassVar[str] = "neimenggu.cancel_registration"
    operation: ClassVar[str] = "cancel_registration"
    takes_away = ("registered", "injury", "treatment")

    def request(self, view: View) -> Mapping[str, Any]:
        """Name stay and certificate; a new injury has none."""
        return {"akc190": view.key, "alca02": (view.data.get("injury") or {}).get("alca02", "")}


class CancelOffsiteRegistration(Undo):
    """4.23. Refused while fees are there, after a review (320003) and after a fee approval (320004)."""

    name: ClassVar[str] = "neimenggu.cancel_offsite_registration"
    operation: ClassVar[str] = "cancel_offsite_registration"
    takes_away = ("registered", "filing")

    def request(self, view: View) -> Mapping[str, Any]:
        """Name stay and certificate."""
        return {"akc190": view.key, "alc011": (view.data.get("filing") or {}).get("alc011", "")}


class CancelLines(Undo):
    """4.11: every line of the stay, at once. The patient is not leaving any more either."""

    name: ClassVar[str] = "neimenggu.cancel_lines"
    operation: ClassVar[str] = "cancel_lines"
    takes_away = (
        "approved_total",
        "sheet",
        "drug_share",
        "discharged_on",
        "discharge_reason",
        "discharge_diagnoses",
        "discharge_words",
        "stay_days",
        "record",
        "settlement_number",
    )

    def fold(self, view: View, reply: Mapping[str, Any]) -> Progress:
        """Forget that any line was uploaded."""
        return Progress(forgotten(view, self.takes_away) | ledger.forget_uploads(view))


class CancelOffsiteLines(CancelLines):
    """4.25."""

    name: ClassVar[str] = "neimenggu.cancel_offsite_lines"
    operation: ClassVar[str] = "cancel_offsite_lines"


class CancelDischarge(Undo):
    """4.14, until the agency has reviewed (120003). Numbers of invoices stay used, as far as anybody knows."""

    name: ClassVar[str] = "neimenggu.cancel_discharge"
    operation: ClassVar[str] = "cancel_leave"
    takes_away = (
        *("discharged", "invoices", "paid_total", "paid_by_fund", "paid_by_patient"),
        *("material", "invoices_on_web", "final"),
    )

    def fold(self, view: View, reply: Mapping[str, Any]) -> Progress:
        """Forget the discharge and the settlement with the patient; mark the numbers."""
        sent = {number: {"undone": "yes"} for number in view.data.get("sent_material") or {}}
        return Progress(forgotten(view, self.takes_away) | ({"sent_material": sent} if sent else {}))


class CancelOffsiteDischarge(CancelDischarge):
    """4.27: the application has to be withdrawn on the web first."""

    name: ClassVar[str] = "neimenggu.cancel_offsite_discharge"
    operation: ClassVar[str] = "cancel_offsite_leave"
