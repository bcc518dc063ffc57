"""How a lost answer is settled: 9105, 9104, 6101, and 2209 by message id (work-injury flows, chapter 5)."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, ClassVar

from adapters.jiangsu.transactions import TRANSACTIONS
from engine.outcomes import Category, Refused
from engine.steps import (
    Applied,
    BaseProbe,
    CallInfo,
    Judgement,
    NotApplied,
    Progress,
    Reversed,
    Unclear,
    View,
)
from steps.jiangsu.forward import ROLE, settled, uploaded
from steps.jiangsu.ledger import charged, key_of

_CANCELLED = "cancelled"


def subject(view: View) -> CallInfo:
    """Return the call in doubt."""
    assert view.subject is not None, "the engine settles only with a subject"
    return view.subject


def numbers(view: View) -> dict[str, Any]:
    """Return the visit's two numbers as the call in doubt had them: a visit that was undone knows them no more."""
    request = subject(view).request
    return {"visit_no": request["visit_no"], "ipt_otp_no": request["ipt_otp_no"]}


class FindRegistration(BaseProbe):
    """9105 lists our number → adopt its visit number (J4)."""

    name: ClassVar[str] = "jiangsu.find_registration"
    role: ClassVar[str] = ROLE
    operation: ClassVar[str] = "list_visits"

    def request(self, view: View) -> Mapping[str, Any]:
        """Ask for the person's visits."""
        return {"psn_no": view.data["psn_no"]}

    def judge(self, view: View, reply: Mapping[str, Any]) -> Judgement:
        """Look for the registration that the lost message made."""
        ours = _registrations(view, reply)
        mine = [row for row in ours if row.get("msgid") in ("", subject(view).message_id)]
        if len(ours) > 1:
            return Unclear(f"the centre lists {len(ours)} registrations of this visit")
        if mine:
            return Applied(Progress({"visit_no": mine[0]["visit_no"]}), "9105 lists the registration")
        if ours:
            return Unclear("the centre lists a registration of this visit by another message")
        return NotApplied("9105 does not list the registration")

    def recheck(self, view: View, reply: Mapping[str, Any]) -> Judgement:
        """Look for a late original: the lost message's registration, or one that is not the visit's own."""
        ours = _registrations(view, reply)
        if any(row.get("msgid") == subject(view).message_id for row in ours):
            return Applied(reason="9105 lists the registration that was judged not to have happened")
        strange = [row for row in ours if row["visit_no"] != view.data.get("visit_no")]
        if strange:
            return Applied(reason=f"9105 lists {len(strange)} registrations that the visit does not know of")
        return NotApplied("9105 does not list it")


def _registrations(view: View, reply: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [row for row in reply["visits"] if row["ipt_otp_no"] == view.key and row["status"] != _CANCELLED]


class FindLines(BaseProbe):
    """9104 lists the lines of the batch (J13)."""

    name: ClassVar[str] = "jiangsu.find_lines"
    role: ClassVar[str] = ROLE
    operation: ClassVar[str] = "list_lines"

    def request(self, view: View) -> Mapping[str, Any]:
        """Ask for the visit's lines."""
        return numbers(view)

    def judge(self, view: View, reply: Mapping[str, Any]) -> Judgement:
        """All there: applied. None, and the total as before: not applied. Anything between, or twice: a person."""
        wanted = _keys(subject(view).request["feedetail"])
        rows = [row for row in reply["lines"] if key_of(row) in wanted]
        found = _keys(rows)
        if len(rows) > len(found):
            return Unclear("the centre lists a line twice")
        others = sum((row["umamt"] for row in reply["lines"] if key_of(row) not in wanted), Decimal("0.00"))
        if others != charged(view):
            return Unclear(f"9104 lists {others} beside the batch, expected {charged(view)}")
        if found == wanted:
            return Applied(uploaded(view, rows), "9104 lists all lines")
        if not found:
            return NotApplied("9104 lists none of the lines")
        return Unclear(f"9104 lists {len(found)} of {len(wanted)} lines")

    def recheck(self, view: View, reply: Mapping[str, Any]) -> Judgement:
        """Look for a late original: its lines, lines charged twice, or lines of a visit that has none."""
        rows = reply["lines"]
        if any(row.get("msgid") == subject(view).message_id for row in rows):
            return Applied(reason="9104 lists lines of the message that was judged not to have happened")
        if len(rows) > len(_keys(rows)):
            return Applied(reason="9104 lists a line twice")
        if rows and view.data.get("uploaded_total") is None:
            return Applied(reason=f"9104 lists {len(rows)} lines, though the visit has none")
        return NotApplied("9104 does not list them")

    def refused(self, view: View, refusal: Refused) -> Judgement:
        """Without a visit there are no lines."""
        return _not_there(refusal, "9104")


def _keys(rows: list[Mapping[str, Any]]) -> set[tuple[str, str]]:
    return {key_of(row) for row in rows}


def _not_there(refusal: Refused, transaction: str) -> Judgement:
    if refusal.category is Category.NOT_FOUND:
        return NotApplied(f"{transaction}: {refusal.code}")
    return Unclear(f"{transaction} was refused: {refusal.code}")


class FindSettlement(BaseProbe):
    """6101 shows the settlement, and by which message it was made (J12)."""

    name: ClassVar[str] = "jiangsu.find_settlement"
    role: ClassVar[str] = ROLE
    operation: ClassVar[str] = "receipt"

    def request(self, view: View) -> Mapping[str, Any]:
        """Ask for the visit's receipt."""
        return numbers(view)

    def judge(self, view: View, reply: Mapping[str, Any]) -> Judgement:
        """A settlement by the lost message, or by an unnamed one: applied."""
        if reply.get("msgid") in ("", None, subject(view).message_id):
            return Applied(settled(view, reply), "6101 shows the settlement")
        return Unclear("6101 shows a settlement by another message")

    def recheck(self, view: View, reply: Mapping[str, Any]) -> Judgement:
        """Look for a late original: a settlement by the lost message, or one that is not the visit's own."""
        if reply.get("msgid") == subject(view).message_id:
            return Applied(reason="6101 shows the settlement that was judged not to have happened")
        if view.data.get("settle_id") != reply["settle_id"]:
            return Applied(reason="6101 shows a settlement that the visit does not know of")
        return NotApplied("6101 shows the visit's own settlement")

    def refused(self, view: View, refusal: Refused) -> Judgement:
        """No settlement stands, or no visit."""
        return _not_there(refusal, "6101")


# -- undos in doubt: gone means that the undo took effect
class RegistrationGone(FindRegistration):
    """9105 no longer lists the registration → 2202 took effect."""

    name: ClassVar[str] = "jiangsu.registration_gone"

    def judge(self, view: View, reply: Mapping[str, Any]) -> Judgement:
        """Look whether a registration of ours still stands."""
        if _registrations(view, reply):
            return NotApplied("9105 still lists the registration")
        return Applied(Progress({"visit_no": None}), "9105 no longer lists the registration")

    def recheck(self, view: View, reply: Mapping[str, Any]) -> Judgement:
        """A late 2202 does what was wanted, or would be refused: nothing to find."""
        return NotApplied("a late undo does no harm")


class LinesGone(FindLines):
    """9104 lists no line → 2205 took effect."""

    name: ClassVar[str] = "jiangsu.lines_gone"

    def judge(self, view: View, reply: Mapping[str, Any]) -> Judgement:
        """Look whether lines still stand."""
        from steps.jiangsu.undo import CancelLines

        if reply["lines"]:
            return NotApplied(f"9104 still lists {len(reply['lines'])} lines")
        return Applied(CancelLines().fold(view, {}), "9104 lists no lines")

    def recheck(self, view: View, reply: Mapping[str, Any]) -> Judgement:
        """A late 2205 deletes lines uploaded since: then the visit's lines would be missing."""
        if view.data.get("uploaded_total") is not None and not reply["lines"]:
            return Applied(reason="9104 lists no lines, though the visit has some: a late 2205 took them away")
        return NotApplied("9104 agrees with the visit")

    def refused(self, view: View, refusal: Refused) -> Judgement:
        """Tell nothing: a missing visit is no proof that the lines were cancelled by us."""
        return Unclear(f"9104 was refused: {refusal.code}")

    def recheck_refused(self, view: View, refusal: Refused) -> Judgement:
        """Where the visit is gone, no line of it can have been taken away late."""
        return _not_there(refusal, "9104")


class SettlementGone(FindSettlement):
    """6101 shows no settlement → 2208 took effect."""

    name: ClassVar[str] = "jiangsu.settlement_gone"

    def judge(self, view: View, reply: Mapping[str, Any]) -> Judgement:
        """A receipt means that the settlement stands."""
        return NotApplied("6101 still shows the settlement")

    def recheck(self, view: View, reply: Mapping[str, Any]) -> Judgement:
        """A receipt is what a visit with a settlement should have; without one, none should be there."""
        if view.data.get("settle_id") is None:
            return Unclear("6101 shows a settlement, though the visit has none")
        return NotApplied("6101 agrees with the visit")

    def refused(self, view: View, refusal: Refused) -> Judgement:
        """Take "no settlement" as what the undo wanted."""
        from steps.jiangsu.undo import CancelSettlement

        if refusal.category is Category.NOT_FOUND:
            return Applied(CancelSettlement().fold(view, {}), f"6101: {refusal.code}")
        return Unclear(f"6101 was refused: {refusal.code}")

    def recheck_refused(self, view: View, refusal: Refused) -> Judgement:
        """Without a settlement at the centre the visit should have none either."""
        if refusal.category is Category.NOT_FOUND and view.data.get("settle_id") is not None:
            return Applied(reason="6101 shows no settlement, though the visit has one: a late 2208 took it away")
        return _not_there(refusal, "6101")


class Reverse(BaseProbe):
    """2209 with the lost call's message id, until acknowledged (J14)."""

    name: ClassVar[str] = "jiangsu.reverse"
    role: ClassVar[str] = ROLE
    operation: ClassVar[str] = "reverse"

    def request(self, view: View) -> Mapping[str, Any]:
        """Name the lost message and, for the DLL, its transaction and person."""
        lost = subject(view)
        names = {"oinfno": TRANSACTIONS[lost.operation].number, "psn_no": view.data.get("psn_no")}
        return {"originalMessageId": lost.message_id} | names

    def judge(self, view: View, reply: Mapping[str, Any]) -> Judgement:
        """An acknowledgement is enough, whether or not the centre knew the message: it keeps a late original out."""
        found = {True: "it had taken effect", False: "the centre did not know it", None: "acknowledged"}
        return Reversed(found[reply.get("found")])
