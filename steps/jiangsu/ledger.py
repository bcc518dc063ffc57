"""The fee ledger of a Jiangsu visit: ``steps.ledger`` with the members, the keys and the batches of 2204.

Lines are known to the centre by prescription and line number. Visits of version 1 of jiangsu.outpatient have one list
that is uploaded at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from engine.steps import View
from steps import ledger
from steps.jiangsu.lines import CONTENT, FeeLine
from steps.ledger import LineState, total

__all__ = ["BATCH", "Entry", "LineState", "entries", "next_batch", "states", "total"]

#: 2204 takes 30 lines a batch (DLL conventions, 3.3); a site may set ``batch_size`` in the flow's settings.
BATCH = 30


@dataclass(frozen=True, slots=True)
class Entry(ledger.Entry):
    """One line of the ledger."""

    @property
    def line(self) -> FeeLine:
        """Return the line as a model."""
        return _line(self.content)

    @property
    def key(self) -> tuple[str, str]:
        """Return the line's key at the centre."""
        return key_of(self.content)


def _line(content: Mapping[str, Any]) -> FeeLine:
    return FeeLine.model_validate({name: content[name] for name in CONTENT if name in content})


BOOK = ledger.Book(Entry, "umamt", "fee_ocur_time", digest=lambda raw: _line(raw).digest())


def entries(view: View) -> list[Entry]:
    """Return the ledger in the order in which lines are sent: charges before refunds, then by time and id."""
    return _one_list(view) if of_version_1(view) else BOOK.entries(view.data.get("fees", {}))


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
    return BOOK.in_the_air(entries(view), lambda each: each.key in sent, batch_number(view))


def next_batch(view: View) -> list[Entry]:
    """Return the lines that the next 2204 carries; empty when there is nothing to send."""
    return BOOK.next_batch(entries(view), max(1, int(view.settings.get("batch_size", BATCH))))


def charged(view: View) -> Decimal:
    """Return what the centre should have as the visit's total: the sum of the uploaded lines."""
    return total(entries(view))


def key_of(row: Mapping[str, Any]) -> tuple[str, str]:
    """Return the key of a line as the centre knows it."""
    return str(row["rxno"]), str(row["feedetl_sn"])


# -- what is written down; version 1 keeps only the total
def mark_uploaded(view: View, batch: Iterable[Entry]) -> dict[str, Any]:
    """Return the patch that says: these lines are uploaded."""
    return {} if of_version_1(view) else BOOK.mark_uploaded(batch, batch_number(view))


def mark_refused(view: View, batch: list[Entry], code: str, text: str) -> dict[str, Any]:
    """Return the patch after a refused batch: halves next time, or, for a line that stood alone, refused."""
    return {} if of_version_1(view) else BOOK.mark_refused(batch, batch_number(view), code, text)


def forget_uploads(view: View) -> dict[str, Any]:
    """Return the patch after 2205, or after a settlement undone with its lines: everything is to be sent anew."""
    return ({} if of_version_1(view) else BOOK.forget_uploads(entries(view))) | {"uploading": None}


def is_unfinished(view: View, batch: list[Entry]) -> bool:
    """Tell whether lines wait beside ``batch``, so that an upload that has begun goes on after it."""
    return sum(each.state is LineState.PENDING for each in entries(view)) > len(batch)


def batch_number(view: View) -> int:
    """Return the number of the batch that is sent now."""
    return ledger.batch_number(view.data)
