"""Fees while the patient is here: matching, upload (4.10, 4.24), drug share (4.17). Work-injury flows, chapter 8."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, ClassVar

from pydantic import BaseModel

from engine.outcomes import Category, Refused
from engine.steps import BaseStep, Disagreement, Progress, View
from steps.ledger import batch_number
from steps.neimenggu import ledger, shapes
from steps.neimenggu.base import CATALOGUE, CENTRE, money, same, today
from steps.neimenggu.models import UploadedByHand

#: Refusals that speak of a line, not of the visit: an upload with other lines may be accepted.
_LINES_TO_BLAME = (Category.DATA, Category.MAINTENANCE)
#: Codes of class "data" that speak of the visit or of the request as a whole all the same.
_VISIT_TO_BLAME = frozenset(("81002", "81003", "81004", "81006", "330002", "330003", "330004", "330006"))


class PartlySaved(ValueError):
    """4.10 answered code 0, and says that it saved fewer lines than were sent: the totals have to tell."""


class MatchLines(BaseStep):
    """``catalogue.match``: what is each item called in the centre's catalogue? Lines without a match wait, visibly."""

    name: ClassVar[str] = "neimenggu.match_lines"
    role: ClassVar[str] = CATALOGUE
    operation: ClassVar[str] = "match"

    def request(self, view: View) -> Mapping[str, Any]:
        """Ask for the items of all lines that are not uploaded."""
        return {
            "catalogue": str(view.settings.get("catalogue", "neimenggu")),
            "items": ledger.codes_to_match(view),
            "on": today(view.now).isoformat(),
        }

    def fold(self, view: View, reply: Mapping[str, Any]) -> Progress:
        """Annotate the lines."""
        return Progress(self._found(view, reply))

    def _found(self, view: View, reply: Mapping[str, Any]) -> dict[str, Any]:
        version = str(reply.get("version") or "") or None
        return ledger.mark_matches(view, reply["items"]) | {"catalogue_version": version}


class BeginUpload(MatchLines):
    """The same when the timer or the HIS asks for the upload: it begins if there is something to send."""

    name: ClassVar[str] = "neimenggu.begin_upload"

    def fold(self, view: View, reply: Mapping[str, Any]) -> Progress:
        """Annotate the lines, and begin."""
        found = self._found(view, reply)
        ready = bool(ledger.next_batch(ledger.with_patch(view, found)))
        return Progress(found | {"uploading": True if ready else None})


class UploadLines(BaseStep):
    """4.10: the next batch of the ledger, with the orders that its lines name."""

    name: ClassVar[str] = "neimenggu.upload_lines"
    role: ClassVar[str] = CENTRE
    operation: ClassVar[str] = "upload_lines"
    by_hand: ClassVar[type[BaseModel] | None] = UploadedByHand
    shape: ClassVar[shapes.Shape] = shapes.MED

    def request(self, view: View) -> Mapping[str, Any]:
        """Send lines and orders."""
        batch = ledger.next_batch(view)
        return {
            "akc190": view.key,
            "advice": [shapes.order(each) for each in ledger.orders_for(view, batch)],
            ledger.UPLOADS[self.operation]: [shapes.line(self.shape, each.line) for each in batch],
        }

    def fold(self, view: View, reply: Mapping[str, Any]) -> Progress:
        """Believe the upload if all lines were saved; whether orders are counted is open (chapter 6, 5).

        Raises PartlySaved: then the call is in doubt, and the totals tell.
        """
        batch = ledger.next_batch(view)
        saved = int(reply["counts"])
        if saved not in (len(batch), len(batch) + len(ledger.orders_for(view, batch))):
            raise PartlySaved(f"{saved} of {len(batch)} lines")
        return uploaded(view)

    def refused(self, view: View, refusal: Refused) -> Progress | None:
        """Go on where only lines are to blame: halve the batch, and set the line aside that was refused alone."""
        if refusal.category not in _LINES_TO_BLAME or refusal.code in _VISIT_TO_BLAME:
            return None
        batch = ledger.next_batch(view)
        number = batch_number(view.data)
        patch = ledger.BOOK.mark_refused(batch, number, refusal.code, refusal.message)
        return Progress(_going_on(view, patch, number))

    def told(self, view: View, told: Mapping[str, Any]) -> Progress:
        """Compare the total that a person says with what it should be now (G9)."""
        total, done = UploadedByHand.model_validate(told).uploaded_total, uploaded(view)
        expected = expected_total(view)
        wrong = () if same(expected, total) else (Disagreement("uploaded total", f"{expected:f}", f"{total:f}"),)
        return Progress(done.data, wrong)


class UploadOffsiteLines(UploadLines):
    """4.24: other names, prices with six decimals, and ``count`` in the reply (read as ``counts``)."""

    name: ClassVar[str] = "neimenggu.upload_offsite_lines"
    operation: ClassVar[str] = "upload_offsite_lines"
    shape = shapes.BS004


def expected_total(view: View) -> Decimal:
    """Return what the visit's total is once the next batch is uploaded."""
    return ledger.charged(view) + ledger.amount_of(ledger.next_batch(view))


def uploaded(view: View) -> Progress:
    """Return the progress of an upload that took effect."""
    batch, number = ledger.next_batch(view), batch_number(view.data)
    patch = ledger.BOOK.mark_uploaded(batch, number) | ledger.mark_orders_sent(ledger.orders_for(view, batch))
    return Progress(_going_on(view, patch | {"uploaded_total": expected_total(view)}, number))


def _going_on(view: View, patch: dict[str, Any], number: int) -> dict[str, Any]:
    """Return the patch with the number of the batch, and whether the upload goes on."""
    more = bool(ledger.next_batch(ledger.with_patch(view, patch)))
    return patch | {"batches": number, "uploading": True if more else None}


class LookAtDrugShare(BaseStep):
    """4.17: how much of a rehabilitation's fees are drugs. Shown, never in the way (4.17, 6)."""

    name: ClassVar[str] = "neimenggu.look_at_drug_share"
    role: ClassVar[str] = CENTRE
    operation: ClassVar[str] = "drug_share"

    def request(self, view: View) -> Mapping[str, Any]:
        """Name the stay."""
        return {"akc190": view.key}

    def fold(self, view: View, reply: Mapping[str, Any]) -> Progress:
        """Keep the share, and whether it is above what the site allows; what is above it the institution bears."""
        total, drugs = money(reply["alc407sum"]), reply.get("alc407med")
        share = Decimal(0) if drugs in (None, "") or not total else money(drugs) * 100 / total
        limit = Decimal(str(view.settings.get("drug_share_limit", 0) or 0))
        return Progress(
            {
                "drug_share": {
                    "total": f"{total:f}",
                    "drugs": "" if drugs in (None, "") else f"{money(drugs):f}",
                    "percent": str(reply.get("alc407per") or f"{share:.2f}%"),
                    "exceeds": bool(limit) and share > limit,
                    "batches": int(view.data.get("batches", 0)),
                }
            }
        )

    def refused(self, view: View, refusal: Refused) -> Progress:
        """Go on without: the share is for people to see."""
        return Progress({"drug_share": {"percent": "", "exceeds": False, "batches": int(view.data.get("batches", 0))}})
