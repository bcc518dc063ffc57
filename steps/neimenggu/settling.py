"""How a lost answer is settled: by what 4.15 lists of the stay, without side effect (work-injury flows, chapter 6).

Whether 4.15 lists offsite stays is not stated (chapter 10). What it lists counts; that it does not list an offsite stay
counts only where the site knows that it would (setting ``list_covers_offsite``): otherwise a person is asked (N68).
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, ClassVar

from engine.outcomes import Category, Refused
from engine.steps import Applied, BaseProbe, Judgement, NotApplied, Unclear, View
from steps.neimenggu import entering, leaving, undo
from steps.neimenggu.base import CENTRE, money, same
from steps.neimenggu.fees import expected_total, uploaded
from steps.neimenggu.ledger import charged

Row = Mapping[str, Any]


class Look(BaseProbe):
    """4.15 by the number of the stay: one row, none, or too many."""

    role: ClassVar[str] = CENTRE
    operation: ClassVar[str] = "list_stays"

    def request(self, view: View) -> Mapping[str, Any]:
        """Ask for the stay."""
        return {"akc190": view.key}

    def judge(self, view: View, reply: Mapping[str, Any]) -> Judgement:
        """Judge by the row of the stay."""
        return self._judged(view, reply, self.found, self.absent)

    def recheck(self, view: View, reply: Mapping[str, Any]) -> Judgement:
        """Judge by the row of the stay whether a late original did something."""
        return self._judged(view, reply, self.found_late, self.absent_late)

    def _judged(self, view: View, reply: Mapping[str, Any], found: Any, absent: Any) -> Judgement:
        rows = [row for row in reply["detailData"] if str(row.get("akc190") or "") == view.key]
        if len(rows) > 1:
            return Unclear(f"4.15 lists the stay {len(rows)} times")
        if rows and str(rows[0].get("aac002") or "") not in ("", view.data.get("identity_number")):
            return Unclear("4.15 lists this number for another person")
        judgement: Judgement = found(view, rows[0]) if rows else self._not_there(view, absent)
        return judgement

    def refused(self, view: View, refusal: Refused) -> Judgement:
        """Read "no such stays" (230003) as an empty list."""
        return self._refused(view, refusal, self.absent)

    def recheck_refused(self, view: View, refusal: Refused) -> Judgement:
        """Read it likewise in the last look."""
        return self._refused(view, refusal, self.absent_late)

    def _refused(self, view: View, refusal: Refused, absent: Any) -> Judgement:
        if refusal.category is Category.NOT_FOUND:
            return self._not_there(view, absent)
        return Unclear(f"4.15 was refused: {refusal.code}")

    def _not_there(self, view: View, absent: Any) -> Judgement:
        if leaving.is_offsite(view) and view.settings.get("list_covers_offsite") is not True:
            return Unclear("4.15 does not list the stay, and may not list offsite stays at all")
        judgement: Judgement = absent(view)
        return judgement

    def found(self, view: View, row: Row) -> Judgement:
        """Say what the row tells."""
        raise NotImplementedError

    def absent(self, view: View) -> Judgement:
        """Say what it tells that there is no row: of a registered stay, nothing."""
        return Unclear("4.15 does not list the stay")

    def found_late(self, view: View, row: Row) -> Judgement:
        """Say what the row tells in the last look."""
        raise NotImplementedError

    def absent_late(self, view: View) -> Judgement:
        """Say what it tells in the last look that there is no row: a stay that is gone has nothing to find."""
        if view.data.get("registered"):
            return Unclear("4.15 does not list the stay")
        return NotApplied("4.15 does not list the stay")


# -- registration
class FindStay(Look):
    """Same person, same day → 4.8 or 4.22 took effect."""

    name: ClassVar[str] = "neimenggu.find_stay"

    def found(self, view: View, row: Row) -> Judgement:
        """Adopt the stay."""
        day = str(row.get("akc192") or "")
        if day and day != view.data["admitted_on"]:
            return Unclear("4.15 lists the stay with another day of admission")
        step = entering.RegisterOffsite() if leaving.is_offsite(view) else entering.Register()
        return Applied(step.fold(view, {}), "4.15 lists the stay")

    def absent(self, view: View) -> Judgement:
        """Take it as not registered."""
        return NotApplied("4.15 does not list the stay")

    def found_late(self, view: View, row: Row) -> Judgement:
        """A stay that stands although the visit has none was registered late."""
        if view.data.get("registered"):
            return NotApplied("4.15 lists the visit's own stay")
        return Applied(reason="4.15 lists the stay, though the visit has none")

    def absent_late(self, view: View) -> Judgement:
        """Nothing came late."""
        return NotApplied("4.15 does not list the stay")


class StayGone(Look):
    """No stay any more → 4.9 or 4.23 took effect."""

    name: ClassVar[str] = "neimenggu.stay_gone"

    def found(self, view: View, row: Row) -> Judgement:
        """Take it as still there."""
        return NotApplied("4.15 still lists the stay")

    def absent(self, view: View) -> Judgement:
        """Take it as cancelled."""
        step = undo.CancelOffsiteRegistration() if leaving.is_offsite(view) else undo.CancelRegistration()
        return Applied(step.fold(view, {}), "4.15 no longer lists the stay")

    def found_late(self, view: View, row: Row) -> Judgement:
        """A stay that stands where one should: nothing came late."""
        if view.data.get("registered"):
            return NotApplied("4.15 lists the stay")
        return Unclear("4.15 lists the stay, though the visit has none")

    def absent_late(self, view: View) -> Judgement:
        """A stay that is gone although the visit has one was taken away late."""
        if view.data.get("registered"):
            return Applied(reason="4.15 does not list the stay: a late cancellation took it away")
        return NotApplied("4.15 does not list the stay")


# -- lines
def by_total(view: View, total: Decimal, source: str) -> Judgement:
    """Say what a total tells of an upload: as before, as expected, or something between."""
    before, after = charged(view), expected_total(view)
    if same(after, total):
        return Applied(uploaded(view), f"the total of {source} is that with the batch")
    if same(before, total):
        return NotApplied(f"the total of {source} is that without the batch")
    return Unclear(f"{source} says {total:f}; without the batch it is {before:f}, with it {after:f}: partly saved?")


def _total(row: Row) -> Decimal | None:
    told = row.get("alc407")
    return None if told in (None, "") else money(told)


class FindLines(Look):
    """The total as before → not arrived; as expected → arrived; anything else → partly saved, a person."""

    name: ClassVar[str] = "neimenggu.find_lines"

    def found(self, view: View, row: Row) -> Judgement:
        """Compare totals."""
        total = _total(row)
        return Unclear("4.15 names no total") if total is None else by_total(view, total, "4.15")

    def found_late(self, view: View, row: Row) -> Judgement:
        """A total other than the ledger's came about by a message that was given up."""
        total, expected = _total(row), charged(view)
        if total is None:
            return Unclear("4.15 names no total")
        if same(expected, total):
            return NotApplied("the total of 4.15 is the visit's")
        return Applied(reason=f"4.15 says {total:f}, the visit {expected:f}")


class LinesGone(Look):
    """A total of nothing → 4.11 or 4.25 took effect. A late copy deletes what was uploaded since: look once more."""

    name: ClassVar[str] = "neimenggu.lines_gone"

    def found(self, view: View, row: Row) -> Judgement:
        """Look at the total."""
        total, before = _total(row), charged(view)
        if total is None:
            return Unclear("4.15 names no total")
        if total == 0:
            return Applied(undo.CancelLines().fold(view, {}), "4.15 says that nothing is uploaded")
        if same(before, total):
            return NotApplied(f"4.15 still says {total:f}")
        return Unclear(f"4.15 says {total:f}, the visit {before:f}")

    def found_late(self, view: View, row: Row) -> Judgement:
        """Lines that are missing were taken away late."""
        total, expected = _total(row), charged(view)
        if total is None:
            return Unclear("4.15 names no total")
        if same(expected, total):
            return NotApplied("the total of 4.15 is the visit's")
        return Applied(reason=f"4.15 says {total:f}, the visit {expected:f}: a late cancellation took lines away")


# -- discharge
def by_day(view: View, row: Row, source: str) -> Judgement:
    """Say what the day of discharge tells of 4.13 or 4.26."""
    day = str(row.get("akc194") or "")
    if not day:
        return NotApplied(f"{source} shows the stay without a discharge")
    if day != view.data.get("discharged_on"):
        return Unclear(f"{source} shows the stay with another day of discharge")
    return Applied(leaving.left(view), f"{source} shows the stay as discharged")


def by_missing_day(view: View, row: Row, source: str) -> Judgement:
    """Say what the day of discharge tells of 4.14 or 4.27."""
    if row.get("akc194"):
        return NotApplied(f"{source} still shows the stay as discharged")
    return Applied(undo.CancelDischarge().fold(view, {}), f"{source} shows the stay without a discharge")


class FindDischarge(Look):
    """A day of discharge (akc194) → 4.13 or 4.26 took effect."""

    name: ClassVar[str] = "neimenggu.find_discharge"

    def found(self, view: View, row: Row) -> Judgement:
        """Look at the day."""
        return by_day(view, row, "4.15")

    def found_late(self, view: View, row: Row) -> Judgement:
        """A discharge that the visit does not have came late."""
        if row.get("akc194") and not view.data.get("discharged"):
            return Applied(reason="4.15 lists the stay as discharged, though the visit is not")
        return NotApplied("4.15 agrees with the visit")


class DischargeGone(Look):
    """No day of discharge any more → 4.14 or 4.27 took effect."""

    name: ClassVar[str] = "neimenggu.discharge_gone"

    def found(self, view: View, row: Row) -> Judgement:
        """Look at the day."""
        return by_missing_day(view, row, "4.15")

    def found_late(self, view: View, row: Row) -> Judgement:
        """A discharge that is gone although the visit has one was taken back late."""
        if view.data.get("discharged") and not row.get("akc194"):
            return Applied(reason="4.15 lists the stay without a discharge: a late 4.14 took it back")
        return NotApplied("4.15 agrees with the visit")


# -- offsite, where 4.15 may not know the stay: by calls that approve the fees as well (N69)
class FindLinesByApproval(BaseProbe):
    """The total of 4.12. An approval stands afterwards: 4.23 is refused (320004) until 4.25 has lifted it."""

    name: ClassVar[str] = "neimenggu.find_lines_by_approval"
    role: ClassVar[str] = CENTRE
    operation: ClassVar[str] = "approve_fees"

    def request(self, view: View) -> Mapping[str, Any]:
        """Ask for the approval."""
        return leaving.ApproveFees().request(view)

    def judge(self, view: View, reply: Mapping[str, Any]) -> Judgement:
        """Compare totals."""
        return by_total(view, money(reply["alc407"]), "4.12")

    def refused(self, view: View, refusal: Refused) -> Judgement:
        """Read "nothing to approve" (91006) as a total of nothing."""
        if refusal.code == _NOTHING_TO_APPROVE:
            return by_total(view, Decimal(0), "4.12")
        return Unclear(f"4.12 was refused: {refusal.code}")


_NOTHING_TO_APPROVE = "91006"


class FindDischargeBySheet(BaseProbe):
    """The day of discharge (akc194) on 4.16. The fees are approved already: nothing is left at the centre."""

    name: ClassVar[str] = "neimenggu.find_discharge_by_sheet"
    role: ClassVar[str] = CENTRE
    operation: ClassVar[str] = "settlement_sheet"

    def request(self, view: View) -> Mapping[str, Any]:
        """Ask for the sheet."""
        return leaving.FetchSheet().request(view)

    def judge(self, view: View, reply: Mapping[str, Any]) -> Judgement:
        """Look at the day."""
        return by_day(view, reply["kc21dto"], "4.16")


class DischargeGoneBySheet(FindDischargeBySheet):
    """No day of discharge on 4.16 any more → 4.27 took effect."""

    name: ClassVar[str] = "neimenggu.discharge_gone_by_sheet"

    def judge(self, view: View, reply: Mapping[str, Any]) -> Judgement:
        """Look at the day."""
        return by_missing_day(view, reply["kc21dto"], "4.16")
