"""From the last line to the end of the review: 4.12, 4.16, 4.13 (4.26), 4.18. Sums: work-injury flows, chapter 9."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Any, ClassVar

from pydantic import BaseModel

from engine.outcomes import Category, InDoubt, Refused
from engine.steps import BaseStep, Progress, View
from steps.neimenggu import record, shapes, sums
from steps.neimenggu.base import CENTRE, money
from steps.neimenggu.invoices import used
from steps.neimenggu.ledger import charged
from steps.neimenggu.models import ApprovedByHand, SheetByHand

_OFFSITE = ("71", "72")
_REVIEWED = "1"


def is_offsite(view: View) -> bool:
    """Tell whether the visit is one of a person insured in another province."""
    return view.data.get("medical_kind") in _OFFSITE


def rolltype(view: View) -> str:
    """Return the kind of visit as 4.12, 4.16 and 4.18 name it."""
    return "1" if is_offsite(view) else "0"


class ApproveFees(BaseStep):
    """4.12: the centre's sums of everything that was uploaded. It may be repeated (4.12, 6)."""

    name: ClassVar[str] = "neimenggu.approve_fees"
    role: ClassVar[str] = CENTRE
    operation: ClassVar[str] = "approve_fees"
    by_hand: ClassVar[type[BaseModel] | None] = ApprovedByHand

    def request(self, view: View) -> Mapping[str, Any]:
        """Name the stay and the HIS's settlement number; without one, the stay's own number stands for it (N66)."""
        return {
            "akc190": view.key,
            "aaca07": view.data.get("settlement_number") or view.key,
            "rolltype": rolltype(view),
        }

    def fold(self, view: View, reply: Mapping[str, Any]) -> Progress:
        """Compare totals and categories with the ledger."""
        return Progress({"approved_total": money(reply["alc407"])}, sums.approval(view, reply))

    def told(self, view: View, told: Mapping[str, Any]) -> Progress:
        """Compare what a person says in the same way."""
        total = ApprovedByHand.model_validate(told).approved_total
        wrong = sums.equal("total of 4.12 = sum of the lines", charged(view), total)
        return Progress({"approved_total": total}, wrong)


class FetchSheet(BaseStep):
    """4.16, before the discharge, after it, and until the agency has reviewed (akc667)."""

    name: ClassVar[str] = "neimenggu.fetch_sheet"
    role: ClassVar[str] = CENTRE
    operation: ClassVar[str] = "settlement_sheet"
    by_hand: ClassVar[type[BaseModel] | None] = SheetByHand

    def request(self, view: View) -> Mapping[str, Any]:
        """Name the stay."""
        return {"akc190": view.key, "rolltype": rolltype(view)}

    def fold(self, view: View, reply: Mapping[str, Any]) -> Progress:
        """Keep the sheet as it is, in place of the one before; once reviewed, its amounts are final."""
        sheet = dict(reply["kc21dto"])
        money(sheet["alc407sum"])
        return Progress(self._kept(view, sheet), sums.sheet(view, sheet))

    def _kept(self, view: View, sheet: Mapping[str, Any]) -> dict[str, Any]:
        gone = {name: None for name in view.data.get("sheet") or {} if name not in sheet}  # in the order they have
        known = {"sheet": gone | dict(sheet), "sheets": int(view.data.get("sheets", 0)) + 1}
        return known | ({"final": final(sheet)} if self.is_final(view, sheet) else {})

    def is_final(self, view: View, sheet: Mapping[str, Any]) -> bool:
        """Tell whether these amounts will not change any more."""
        return str(sheet.get("akc667") or "") == _REVIEWED

    def told(self, view: View, told: Mapping[str, Any]) -> Progress:
        """Take what a person read from the agency's own page."""
        by_hand = SheetByHand.model_validate(told)
        sheet = {
            "alc407sum": by_hand.total,
            "jjin": by_hand.fund,
            "alc408sum": by_hand.self_paid,
            "akc667": "1" if by_hand.reviewed else "0",
        }
        return Progress(self._kept(view, sheet), sums.sheet(view, sheet))


class FetchFinalSheet(FetchSheet):
    """4.16 of an offsite stay after its application: no review is waited for (3.6; work-injury flows, 3)."""

    name: ClassVar[str] = "neimenggu.fetch_final_sheet"

    def is_final(self, view: View, sheet: Mapping[str, Any]) -> bool:
        """Take the amounts as final."""
        return True


#: Amounts of a reviewed sheet, under our names.
FINAL = {
    "total": "alc407sum",
    "fund": "jjin",
    "self_paid": "alc408sum",
    "settled": "ylaccounts",
    "meal_subsidy": "hsfbtje",
}


def final(sheet: Mapping[str, Any]) -> dict[str, str]:
    """Return the final amounts as text."""
    return {ours: f"{money(sheet[theirs]):f}" for ours, theirs in FINAL.items() if sheet.get(theirs) not in (None, "")}


class Discharge(BaseStep):
    """4.13: discharge with medical record and invoices."""

    name: ClassVar[str] = "neimenggu.discharge"
    role: ClassVar[str] = CENTRE
    operation: ClassVar[str] = "leave"
    shape: ClassVar[shapes.Shape] = shapes.LEAVE
    invoice: ClassVar[shapes.Shape] = shapes.KM12
    prefix: ClassVar[str] = "km"

    def request(self, view: View) -> Mapping[str, Any]:
        """Send how the stay ended, the record, and the invoices; files go as ids."""
        facts = shapes.facts_of(view, stay_days=str(_days(view)))
        invoices = [shapes.built(self.invoice, each) for each in view.data.get("invoices") or ()]
        found = shapes.built(self.shape, facts) | record.sections(view.data.get("record"), self.prefix)
        return found | ({f"{self.prefix}12": invoices} if invoices else {})

    def fold(self, view: View, reply: Mapping[str, Any]) -> Progress:
        """Keep that it is done, and which numbers are used."""
        return left(view)

    def refused(self, view: View, refusal: Refused) -> Progress | InDoubt | None:
        """Look into "discharged already" (110010, 350011) after an answer was lost; without that it is a refusal."""
        if refusal.category is Category.ALREADY_DONE and any(call.operation == self.operation for call in view.lost):
            return InDoubt("an earlier discharge of this visit got no answer")
        return None

    def told(self, view: View, told: Mapping[str, Any]) -> Progress:
        """Take what a person says like the centre's reply, which is empty."""
        return left(view)


class DischargeOffsite(Discharge):
    """4.26: akc194, akc195 and aae031 mean other data here; materials of every kind go along."""

    name: ClassVar[str] = "neimenggu.discharge_offsite"
    operation: ClassVar[str] = "leave_offsite"
    shape = shapes.LEAVE_OFFSITE
    invoice = shapes.BSKM12
    prefix = "bskm"


def left(view: View) -> Progress:
    """Return the progress of a discharge that took effect."""
    sent = {each["invoice_no"]: used(each) for each in view.data.get("invoices") or ()}
    return Progress({"discharged": True} | ({"sent_material": sent} if sent else {}))


def _days(view: View) -> int:
    """Return the days of the stay: as the HIS counts or, as the centre does, discharge less admission (4.13)."""
    told = view.data.get("stay_days")
    if told is not None:
        return int(told)
    first, last = (datetime.date.fromisoformat(view.data[name]) for name in ("admitted_on", "discharged_on"))
    return (last - first).days


class SendMaterial(BaseStep):
    """4.18: one file. Its number is taken once for ever; there is no list of what the centre has, and no undo."""

    name: ClassVar[str] = "neimenggu.send_material"
    role: ClassVar[str] = CENTRE
    operation: ClassVar[str] = "send_material"

    def request(self, view: View) -> Mapping[str, Any]:
        """Send the file that was handed over."""
        return shapes.built(shapes.MATERIAL, shapes.facts_of(view)) | {"rolltype": rolltype(view)}

    def fold(self, view: View, reply: Mapping[str, Any]) -> Progress:
        """Keep the number as used."""
        material = view.data["material"]
        return Progress({"sent_material": {material["invoice_no"]: used(material)}, "material": None})

    def refused(self, view: View, refusal: Refused) -> Progress | None:
        """Read a refusal as done only when it answers the repetition of a lost call (work-injury flows, chapter 6)."""
        done = (Category.ALREADY_DONE, Category.BUSINESS)
        return self.fold(view, {}) if view.subject is not None and refusal.category in done else None

    def told(self, view: View, told: Mapping[str, Any]) -> Progress:
        """Take what a person says like the centre's reply, which is empty."""
        return self.fold(view, told)
