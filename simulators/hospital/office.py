"""Where every request comes in: members, the rules, repeats, counting, the book."""

from __future__ import annotations

import datetime
import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from simulators.common.book import Book
from simulators.common.numbers import read_json
from simulators.hospital.arrangements import ARRANGEMENTS, seed
from simulators.hospital.hospital import Call, Hospital
from simulators.hospital.interfaces import INTERFACES, Interface
from simulators.wechat.codes import DONE, INVALID, NOTHING_FOUND, WRONG_TYPE, Refusal
from simulators.wechat.members import Members

#: Amounts, of which a repeat must bring the same.
_CONTENT = ("amount", "payAmount", "refunAmount", "registrationFee", "arAmt", "total", "totalAmount", "acPrice")


@dataclass(frozen=True)
class Asked:
    """One request: ``text`` is its JSON."""

    interface: Interface
    name: str
    text: str

    @property
    def trade(self) -> str:
        """Return the platform's number of the payment that it is about, empty if there is none."""
        raw = self._raw()
        value = Members(raw).get("outTradeNo", "payId", "tradeNo", "orderNo", "blTradeNo")
        return "" if value is None else str(value)

    @property
    def key(self) -> str:
        """Return what a repeat has in common with the first, empty if nothing does."""
        sent = Members(self._raw())
        try:
            values = [sent.text(name) for name in self.interface.key]
        except Refusal:
            return ""
        return f"{self.interface.number} {' '.join(filter(None, values))}" if any(values) else ""

    def _raw(self) -> dict[str, Any]:
        try:
            raw = read_json(self.text.encode())
        except (ValueError, RecursionError):
            return {}
        return raw if isinstance(raw, dict) else {}


@dataclass(frozen=True)
class Answer:
    """One answer: of a refusal its code and text, else the content."""

    code: str
    message: str
    content: Any = None


class Office:
    """The hospital with its book."""

    def __init__(self, hospital: Hospital | None = None, book: Book | None = None, patients: int = 12) -> None:
        """With a ``book`` the hospital is rebuilt from it first; ``patients`` are there from the beginning."""
        self.hospital = hospital or Hospital()
        self.asked: Counter[tuple[str, str]] = Counter()  #: interface and code, since this process began
        self._first: dict[str, tuple[Answer, str]] = {}  #: by key: the answer and what was asked
        seed(self.hospital, patients)
        if book is not None:
            clock = self.hospital.now
            for at, entry in book.read():
                self.hospital.now = _fixed(at)
                self._replay(entry)
            self.hospital.now = clock
        self._book = book

    def run(self, asked: Asked) -> Answer:
        """Answer one request; what it changed is in the book by then."""
        at = self.hospital.now()
        answer = self._answer(asked)
        self.asked[asked.interface.number, answer.code] += 1
        if asked.interface.writes and answer.code == DONE and self._book is not None:
            self._book.write(at, {"number": asked.interface.number, "name": asked.name, "text": asked.text})
        return answer

    def arrange(self, what: str, body: Any) -> Any:
        """Do what the control port wants. Raises ValueError; then nothing has changed."""
        at = self.hospital.now()
        answer = ARRANGEMENTS[what](self.hospital, body)
        if self._book is not None:
            self._book.write(at, {"arrange": what, "body": body})
        return answer

    def _answer(self, asked: Asked) -> Answer:
        switches, key = self.hospital.switches, asked.key
        try:
            if key and key in self.hospital.pending and switches.working != "wait_not":
                raise Refusal(switches.working)
            sent = self._sent(asked)
            content = _content(sent)
            if switches.dedupe and key in self._first:
                first, was = self._first[key]
                if was != content and switches.other_content == "refuse":
                    raise Refusal(INVALID, "与首次通知不一致")
                return first
            found = asked.interface.handler(self.hospital, Call(asked.interface.number, asked.name, sent))
            answer = Answer(DONE, "成功", found)
            if asked.interface.writes and key:
                self._first.setdefault(key, (answer, content))
        except Refusal as refusal:
            if refusal.code == NOTHING_FOUND and switches.nothing_found == "empty" and not asked.interface.writes:
                return Answer(DONE, "成功")
            return Answer(refusal.code, refusal.message)
        return answer

    def _sent(self, asked: Asked) -> Members:
        try:
            raw = read_json(asked.text.encode())
        except (ValueError, RecursionError):
            raise Refusal(WRONG_TYPE, "JSON") from None
        if not isinstance(raw, dict):
            raise Refusal(WRONG_TYPE, "JSON")
        sent = Members(raw)
        sent.demand(asked.interface.needs)
        if self.hospital.switches.hospital_id == "checked" and sent.text("hospitalId") not in ("", self.hospital.id):
            raise Refusal("60001")
        return sent

    def _replay(self, entry: dict[str, Any]) -> None:
        if "arrange" in entry:
            ARRANGEMENTS[entry["arrange"]](self.hospital, entry["body"])
        else:
            self._answer(Asked(INTERFACES[entry["number"]], entry["name"], entry["text"]))


def _content(sent: Members) -> str:
    return json.dumps([str(sent.money(name)) for name in _CONTENT if sent.get(name) is not None])


def _fixed(at: datetime.datetime) -> Callable[[], datetime.datetime]:
    return lambda: at
