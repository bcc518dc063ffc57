"""The fee ledger of a visit: which lines the HIS has handed over, and how far each has come.

A line is kept in the visit's data under the HIS's own id. Its state is read from three things: what the HIS handed over
(content), what was last sent (``sent``, a digest of the content then), and what the centre said to it (``outcome``):

=========  =========================================================================================
pending    handed over, not sent yet; or handed over anew with other content after a refusal
sending    in the batch whose call is open (only seen in :func:`states`)
uploaded   the centre has it; its content cannot change any more, only a refund line can take it back
refused    the centre refused it, with code and text; waits for a correction by the HIS
voided     taken back by the HIS before it was ever uploaded
=========  =========================================================================================

One batch is in flight at a time, because a visit has one call open at a time. Charges and refunds never share a batch,
so that no batch sums to zero and a probe can tell by the total whether it arrived (work-injury flows, 6.3). A batch
that is refused is sent again in halves until the line that is to blame stands alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Any

from engine.steps import View
from steps.jiangsu.lines import CONTENT, FeeLine

#: 2204 takes 30 lines a batch (DLL conventions, 3.3); a site may set ``batch_size`` in the flow's settings.
BATCH = 30
_NOUGHT = Decimal("0.00")


class LineState(StrEnum):
    """How far a line has come."""

    PENDING = "pending"
    SENDING = "sending"
    UPLOADED = "uploaded"
    REFUSED = "refused"
    VOIDED = "voided"


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the ledger. Conditions look at every line before every move, so only what they need is read."""

    line_id: str
    content: Mapping[str, Any]  #: as the visit's data holds it, which was checked when it came in
    amount: Decimal
    state: LineState
    batch: int = 0  #: the how-manieth 2204 of the visit uploaded or refused it, or carries it now
    code: str = ""
    text: str = ""
    limit: int = 0  #: a batch with this line may hold so many lines; 0 = as many as usual

    @property
    def line(self) -> FeeLine:
        """Return the line as a model."""
        return FeeLine.model_validate({name: self.content[name] for name in CONTENT if name in self.content})

    @property
    def key(self) -> tuple[str, str]:
        """Return the line's key at the centre."""
        return key_of(self.content)

    @property
    def refund_of(self) -> str | None:
        """Return the id of the charge that this takes back."""
        return self.content.get("refund_of")


def entries(view: View) -> list[Entry]:
    """Return the ledger in the order in which lines are sent: charges before refunds, then by time and id."""
    if of_version_1(view):
        return _one_list(view)
    fees: Mapping[str, Any] = view.data.get("fees", {})
    found = [_entry(line_id, raw) for line_id, raw in fees.items()]
    return sorted(found, key=lambda each: (each.amount < 0, each.content["fee_ocur_time"], each.line_id))


def _entry(line_id: str, raw: Mapping[str, Any]) -> Entry:
    amount, outcome = Decimal(raw["umamt"]), raw.get("outcome")
    state = LineState.PENDING if outcome is None else LineState(outcome)
    if raw.get("voided") and state is not LineState.UPLOADED:
        state = LineState.VOIDED
    elif state is LineState.REFUSED:
        entry = Entry(line_id, raw, amount, state, raw.get("batch", 0), raw.get("code", ""), raw.get("text", ""))
        corrected = entry.line.digest() != raw.get("sent")
        return Entry(line_id, raw, amount, LineState.PENDING) if corrected else entry
    return Entry(line_id, raw, amount, state, raw.get("batch", 0), limit=raw.get("limit", 0))


def of_version_1(view: View) -> bool:
    """Tell whether the visit began on version 1 of jiangsu.outpatient: one list, uploaded at once (G7)."""
    return "fee_lines" in view.data


def _one_list(view: View) -> list[Entry]:
    state = LineState.PENDING if view.data.get("uploaded_total") is None else LineState.UPLOADED
    lines = (FeeLine.model_validate(raw) for raw in view.data.get("fee_lines", ()))
    return [Entry(line.line_id, line.model_dump(mode="json"), line.umamt, state) for line in lines]


def states(view: View) -> list[Entry]:
    """Return the ledger as people see it: lines of an open 2204 are being sent. ``view.subject`` is the open call."""
    call = view.subject
    if call is None or call.operation != "upload_lines":
        return entries(view)
    sent = {key_of(row) for row in call.request["feedetail"]}
    return [
        Entry(each.line_id, each.content, each.amount, LineState.SENDING, batch_number(view), limit=each.limit)
        if each.key in sent and each.state is LineState.PENDING
        else each
        for each in entries(view)
    ]


def next_batch(view: View) -> list[Entry]:
    """Return the lines that the next 2204 carries; empty when there is nothing to send.

    A refund waits until its original is uploaded. Lines that were in a refused batch go in batches half as large.
    """
    known = entries(view)
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
    return alike[: first.limit or _batch_size(view)]


def _batch_size(view: View) -> int:
    return max(1, int(view.settings.get("batch_size", BATCH)))


def total(known: Iterable[Entry]) -> Decimal:
    """Return the sum of what the centre has of ``known``."""
    return sum((each.amount for each in known if each.state is LineState.UPLOADED), _NOUGHT)


def charged(view: View) -> Decimal:
    """Return what the centre should have as the visit's total: the sum of the uploaded lines."""
    return total(entries(view))


def key_of(row: Mapping[str, Any]) -> tuple[str, str]:
    """Return the key of a line as the centre knows it."""
    return str(row["rxno"]), str(row["feedetl_sn"])


# -- what is written down
def mark_uploaded(view: View, batch: Iterable[Entry]) -> dict[str, Any]:
    """Return the patch that says: these lines are uploaded."""
    uploaded = {"outcome": "uploaded", "batch": batch_number(view), "limit": None}
    return _patch(view, batch, lambda each: _sent(each) | uploaded)


def mark_refused(view: View, batch: list[Entry], code: str, text: str) -> dict[str, Any]:
    """Return the patch after a refused batch: halves next time, or, for a line that stood alone, refused."""
    if len(batch) > 1:
        half = {"limit": -(-len(batch) // 2)}
        return _patch(view, batch, lambda each: _sent(each) | half)
    last = {"outcome": "refused", "batch": batch_number(view), "code": code[:40], "text": text[:200], "limit": None}
    return _patch(view, batch, lambda each: _sent(each) | last)


def forget_uploads(view: View) -> dict[str, Any]:
    """Return the patch after 2205, or after a settlement undone with its lines: everything is to be sent anew."""
    uploaded = [each for each in entries(view) if each.state is LineState.UPLOADED]
    forgotten = dict.fromkeys(("outcome", "sent", "batch"))
    return _patch(view, uploaded, lambda _each: forgotten) | {"uploading": None}


def is_unfinished(view: View, batch: list[Entry]) -> bool:
    """Tell whether lines wait beside ``batch``, so that an upload that has begun goes on after it."""
    return sum(each.state is LineState.PENDING for each in entries(view)) > len(batch)


def batch_number(view: View) -> int:
    """Return the number of the batch that is sent now."""
    return int(view.data.get("batches", 0)) + 1


def _patch(view: View, batch: Iterable[Entry], change: Callable[[Entry], dict[str, Any]]) -> dict[str, Any]:
    if of_version_1(view):  # it keeps only the total
        return {}
    patch = {each.line_id: change(each) for each in batch}
    return {"fees": patch} if patch else {}


def _sent(entry: Entry) -> dict[str, Any]:
    return {"sent": entry.line.digest()}
