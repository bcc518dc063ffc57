"""Where the books are kept: what changes them is on disk before it is answered, and replayed at the next start."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from typing import Any

from simulators.common.book import Book
from simulators.his.arrangements import ARRANGEMENTS
from simulators.his.back_end import BackEnd


class Office:
    """A back end with its book."""

    def __init__(self, back_end: BackEnd | None = None, book: Book | None = None) -> None:
        """With a ``book`` the books are rebuilt from it first."""
        self.back_end = back_end or BackEnd()
        self._book = book
        if book is None:
            return
        clock = self.back_end.now
        for at, entry in book.read():
            self.back_end.now = _fixed(at)
            self._replay(entry)
        self.back_end.now = clock
        self.back_end.note = self._write

    def arrange(self, what: str, body: Any) -> dict[str, Any]:
        """Do what the control port wants. Raises ValueError; then nothing has changed."""
        counter = self.back_end.ledger.counter
        before = self.back_end.note
        self.back_end.note = lambda _entry: None  # a settlement at the window is this entry, not one of its own
        try:
            answer = ARRANGEMENTS[what](self.back_end, body)
        finally:
            self.back_end.note = before
        self._write({"arrange": what, "body": body, "counter": counter})
        return answer

    def _write(self, entry: dict[str, Any]) -> None:
        if self._book is not None:
            self._book.write(self.back_end.now(), entry)

    def _replay(self, entry: dict[str, Any]) -> None:
        self.back_end.ledger.counter = entry["counter"]
        if "arrange" in entry:
            ARRANGEMENTS[entry["arrange"]](self.back_end, entry["body"])
            return
        body = entry["settle"]
        for bill in self.back_end.ledger.bills_of(body["RegSerNo"]):
            if body["BILLID"].startswith(bill.bill_id):
                bill.trials = entry["trials"]  # trials are reads, which the book does not hold
        self.back_end.settle(body, entry["door"])


def _fixed(at: datetime.datetime) -> Callable[[], datetime.datetime]:
    return lambda: at
