"""The states of fee lines, which of them go next, and what is written down of a batch.

A line is kept in the visit's data, in ``fees``, under the HIS's own id. Its state is read from three things: what the
HIS handed over (content), what was last sent (``sent``, a digest of the content then), and what the centre said to it
(``outcome``):

=========  =========================================================================================
pending    handed over, not sent yet; or handed over anew with other content after a refusal
unmatched  pending, but something is missing that only others can bring, such as a catalogue match
sending    in the batch whose call is open (only where people look)
uploaded   the centre has it; its content cannot change any more, only a refund line can take it back
refused    the centre refused it, with code and text; waits for a correction by the HIS
voided     taken back by the HIS before it was ever uploaded
=========  =========================================================================================

One batch is in flight at a time, because a visit has one call open at a time. Charges and refunds never share a batch,
so that no batch sums to zero and a probe can tell by the total whether it arrived (work-injury flows, 6.3). A batch
that is refused is sent again in halves until the line that is to blame stands alone.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from enum import StrEnum
from typing import Any, Generic, TypeVar

_NOUGHT = Decimal("0.00")


class LineState(StrEnum):
    """How far a line has come."""

    PENDING = "pending"
    UNMATCHED = "unmatched"
    SENDING = "sending"
    UPLOADED = "uploaded"
    REFUSED = "refused"
    VOIDED = "voided"


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of a ledger. Conditions look at every line before every move, so only what they need is read."""

    line_id: str
    content: Mapping[str, Any]  #: as the visit's data holds it, which was checked when it came in
    amount: Decimal
    state: LineState
    batch: int = 0  #: the how-manieth upload of the visit uploaded or refused it, or carries it now
    code: str = ""
    text: str = ""
    limit: int = 0  #: a batch with this line may hold so many lines; 0 = as many as usual

    @property
    def refund_of(self) -> str | None:
        """Return the id of the charge that this takes back."""
        return self.content.get("refund_of")


E = TypeVar("E", bound=Entry)
KEPT = 4  #: ledgers read that are kept


def _never(_raw: Mapping[str, Any]) -> bool:
    return False


@dataclass(frozen=True, slots=True)
class Book(Generic[E]):
    """How the lines of one system are read. ``digest`` tells one content of a line from another."""

    entry: Callable[..., E]
    amount: str  #: member of a line that holds its amount
    day: str  #: member by which lines are put in order
    digest: Callable[[Mapping[str, Any]], str]
    waits: Callable[[Mapping[str, Any]], bool] = _never  #: a line that cannot be sent yet
    read: deque[tuple[Mapping[str, Any], tuple[E, ...]]] = field(
        default_factory=lambda: deque(maxlen=KEPT), repr=False, compare=False
    )

    def entries(self, fees: Mapping[str, Any]) -> list[E]:
        """Return the ledger in the order in which lines are sent: charges before refunds, then by time and id.

        A move asks several conditions about one ledger of perhaps thousands of lines, so the last few are kept.
        Facts are never changed in place (:func:`engine.facts.merged`): the same object has the same lines.
        """
        for known, entries in self.read:
            if known is fees:
                return list(entries)
        found = [self._entry(line_id, raw) for line_id, raw in fees.items()]
        found.sort(key=lambda each: (each.amount < 0, each.content[self.day], each.line_id))
        self.read.append((fees, tuple(found)))
        return found

    def _entry(self, line_id: str, raw: Mapping[str, Any]) -> E:
        amount, outcome = Decimal(raw[self.amount]), raw.get("outcome")
        state = LineState.PENDING if outcome is None else LineState(outcome)
        if raw.get("voided") and state is not LineState.UPLOADED:
            state = LineState.VOIDED
        elif state is LineState.REFUSED:
            if raw.get("again") or self.digest(raw) != raw.get("sent"):
                return self.entry(line_id, raw, amount, self._sendable(raw))
            code, text = raw.get("code", ""), raw.get("text", "")
            return self.entry(line_id, raw, amount, state, raw.get("batch", 0), code, text)
        elif state is LineState.PENDING:
            state = self._sendable(raw)
        return self.entry(line_id, raw, amount, state, raw.get("batch", 0), limit=raw.get("limit", 0))

    def _sendable(self, raw: Mapping[str, Any]) -> LineState:
        return LineState.UNMATCHED if self.waits(raw) else LineState.PENDING

    def next_batch(self, known: Iterable[E], size: int) -> list[E]:
        """Return the lines that the next upload carries; empty when there is nothing to send.

        A refund waits until its original is uploaded. Lines that were in a refused batch go in batches half as large.
        """
        known = list(known)
        uploaded = {each.line_id for each in known if each.state is LineState.UPLOADED}
        ready = [
            each
            for each in known
            if each.state is LineState.PENDING and (each.refund_of is None or each.refund_of in uploaded)
        ]
        if not ready:
            return []
        first = ready[0]
        alike = [each for each in ready if each.limit == first.limit and (each.amount < 0) == (first.amount < 0)]
        return alike[: first.limit or size]

    def in_the_air(self, known: Iterable[E], is_sent: Callable[[E], bool], batch: int) -> list[E]:
        """Return the ledger as people see it while an upload is open: its lines are being sent."""
        return [
            replace(each, state=LineState.SENDING, batch=batch)
            if each.state is LineState.PENDING and is_sent(each)
            else each
            for each in known
        ]

    # -- what is written down
    def mark_uploaded(self, batch: Iterable[E], number: int) -> dict[str, Any]:
        """Return the patch that says: upload ``number`` of the visit brought these lines."""
        uploaded = {"outcome": "uploaded", "batch": number, "limit": None}
        return _patch(batch, lambda each: self._sent(each) | uploaded)

    def mark_refused(self, batch: list[E], number: int, code: str, text: str) -> dict[str, Any]:
        """Return the patch after a refused batch: halves next time, or, for a line that stood alone, refused."""
        if len(batch) > 1:
            half = {"limit": -(-len(batch) // 2)}
            return _patch(batch, lambda each: self._sent(each) | half)
        last = {
            "outcome": "refused",
            "batch": number,
            "code": code[:40],
            "text": text[:200],
            "limit": None,
        }
        return _patch(batch, lambda each: self._sent(each) | last)

    def forget_uploads(self, known: Iterable[E]) -> dict[str, Any]:
        """Return the patch after all lines were taken back at the centre: everything is to be sent anew."""
        uploaded = [each for each in known if each.state is LineState.UPLOADED]
        forgotten = dict.fromkeys(("outcome", "sent", "batch"))
        return _patch(uploaded, lambda _each: forgotten)

    def _sent(self, entry: E) -> dict[str, Any]:
        asked = {"again": None} if "again" in entry.content else {}  # to send it once more, unchanged: done
        return {"sent": self.digest(entry.content)} | asked


def _patch(batch: Iterable[E], change: Callable[[E], dict[str, Any]]) -> dict[str, Any]:
    patch = {each.line_id: change(each) for each in batch}
    return {"fees": patch} if patch else {}


def total(known: Iterable[Entry]) -> Decimal:
    """Return the sum of what the centre has of ``known``."""
    return sum((each.amount for each in known if each.state is LineState.UPLOADED), _NOUGHT)


def batch_number(data: Mapping[str, Any]) -> int:
    """Return the number of the batch that is sent now: the uploads that were answered so far, and this one."""
    return int(data.get("batches", 0)) + 1
