"""Where every call comes in, by whichever door: it notes the message, runs the transaction, keeps the book."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from dataclasses import asdict, replace
from typing import Any

from simulators.common.book import Book
from simulators.jiangsu.arrangements import ARRANGEMENTS
from simulators.jiangsu.centre import Call, Centre
from simulators.jiangsu.ledger import Message
from simulators.jiangsu.transactions import TRANSACTIONS, transact


class Office:
    """The centre with its book."""

    def __init__(self, centre: Centre | None = None, book: Book | None = None) -> None:
        """With a ``book`` the centre is rebuilt from it first."""
        self.centre = centre or Centre()
        self.processes: set[str] = set()  #: those that have initialised the library
        if book is not None:
            clock = self.centre.now
            for at, entry in book.read():
                self.centre.now = _fixed(at)
                self._replay(entry)
            self.centre.now = clock
        self._book = book

    def run(self, call: Call) -> Any:
        """Run one transaction; return its data. Raises Refusal or Missing; then nothing has changed."""
        ledger = self.centre.ledger
        if call.code == "1101" and call.credential is None:
            call = replace(call, credential=self.centre.reader)
        message = Message(call.msgid, call.code, self._hospital_number(call), self.centre.stamp(), "refused")
        ledger.messages.append(message)
        at, counter = self.centre.now(), ledger.counter
        data = transact(self.centre, call)
        message.result = "applied"
        if TRANSACTIONS[call.code].kind != "reads":
            self._write(at, {"call": asdict(call), "counter": counter})
        return data

    def arrange(self, what: str, body: Any) -> dict[str, Any]:
        """Do what the control port wants. Raises ValueError; then nothing has changed."""
        at, counter = self.centre.now(), self.centre.ledger.counter
        answer = ARRANGEMENTS[what](self.centre, body)
        self._write(at, {"arrange": what, "body": body, "counter": counter})
        return answer

    def initialise(self, process: str) -> None:
        """Note that a process has initialised the library: it stays so when the centre is started anew."""
        self.processes.add(process)
        self._write(self.centre.now(), {"process": process})

    def message_id(self) -> str:
        """Return a message id of the gateway's own (J2)."""
        return f"H99999{self.centre.stamp()}{self.centre.ledger.next():06d}"

    def _write(self, at: datetime.datetime, entry: dict[str, Any]) -> None:
        if self._book is not None:
            self._book.write(at, entry)

    def _replay(self, entry: dict[str, Any]) -> None:
        if "process" in entry:
            self.processes.add(entry["process"])
            return
        # Numbers were also drawn in between, by what the book does not hold: draw the same ones again.
        self.centre.ledger.counter = entry["counter"]
        if "arrange" in entry:
            ARRANGEMENTS[entry["arrange"]](self.centre, entry["body"])
            return
        call = Call(**entry["call"])
        number = self._hospital_number(call)
        self.centre.ledger.messages.append(Message(call.msgid, call.code, number, self.centre.stamp(), "applied"))
        transact(self.centre, call)

    def _hospital_number(self, call: Call) -> str:
        if isinstance(number := call.parameters.get("ipt_otp_no"), str):
            return number
        visit = self.centre.ledger.visits.get(str(call.parameters.get("visit_no")))
        return "" if visit is None else visit.ipt_otp_no


def _fixed(at: datetime.datetime) -> Callable[[], datetime.datetime]:
    return lambda: at
