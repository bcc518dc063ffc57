"""Where every request comes in: sessions, the rules, counting, the book."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from simulators.common.book import Book
from simulators.common.numbers import read_json
from simulators.neimenggu import sessions
from simulators.neimenggu.arrangements import ARRANGEMENTS, seed
from simulators.neimenggu.centre import Call, Centre, Document
from simulators.neimenggu.fields import member
from simulators.neimenggu.interfaces import INTERFACES, Interface
from simulators.neimenggu.ledger import Session
from simulators.neimenggu.refusals import Refusal


@dataclass(frozen=True)
class Asked:
    """One request, decrypted: ``text`` is the JSON of its message or form; None: it cannot be decrypted."""

    method: str
    header: str  #: sessionid of the HTTP header
    text: str | None
    document: Document | None = None
    given: bool = True  #: there was a message
    stay: str = ""  #: number of the stay that it is about


class Office:
    """The centre with its book."""

    def __init__(self, centre: Centre | None = None, book: Book | None = None) -> None:
        """With a ``book`` the centre is rebuilt from it first."""
        self.centre = centre or Centre()
        seed(self.centre)
        if book is not None:
            clock = self.centre.now
            for at, entry in book.read():
                self.centre.now = _fixed(at)
                self._replay(entry)
            self.centre.now = clock
        self._book = book

    def run(self, asked: Asked) -> dict[str, Any]:
        """Answer one request: its members, or code and text of the refusal; the answer is in the book by then."""
        at = self.centre.now()
        answer, session, changed = self._answer(asked)
        stay, code = asked.stay, str(answer["code"])
        self.centre.ledger.asked[asked.method, stay, code] += 1
        if changed:
            self._write(at, {"asked": asdict(asked)})
        else:  # that it was asked, and that the session was used, outlives the process but need not be on the disk
            self._write(at, {"seen": [asked.method, stay, code, session]}, durable=False)
        return answer

    def arrange(self, what: str, body: Any) -> dict[str, Any]:
        """Do what the control port wants. Raises ValueError; then nothing has changed."""
        at = self.centre.now()
        answer = ARRANGEMENTS[what](self.centre, body)
        self._write(at, {"arrange": what, "body": body})
        return answer

    # -- one request
    def _answer(self, asked: Asked) -> tuple[dict[str, Any], str, bool]:
        """Return the answer, the session that was used, and whether something has changed."""
        interface, session = INTERFACES[asked.method], ""
        try:
            sent = self._sent(asked, interface)
            if asked.method == "login":
                found = sessions.log_in(self.centre, Call("login", sent))
            elif asked.method == "logout":
                found = sessions.log_out(self.centre, Call("logout", sent), asked.header)
            else:
                user = sessions.check(self.centre, asked.header, member(sent, "sessionid"))
                session = user.number
                found = interface.handler(self.centre, self._call(asked, sent, user))
        except Refusal as refusal:
            return _said(refusal.code, refusal.message), session, refusal.applied
        return _said(0) | found, session, interface.kind == "writes"

    def _sent(self, asked: Asked, interface: Interface) -> dict[str, Any]:
        if not asked.given:
            raise Refusal(11001)
        if asked.method not in ("login", "logout") and self.centre.switches.session_check != "member":
            sessions.demand(self.centre, asked.header)
        if asked.method == "logout" and not asked.header and not self.centre.switches.logout_without_session:
            raise Refusal(11004)
        if asked.text is None:
            raise Refusal(11002)
        try:
            sent = read_json(asked.text.encode())
        except (ValueError, RecursionError):
            raise Refusal(11002) from None
        if not isinstance(sent, dict):
            raise Refusal(11003 if sent is None else 11002)
        if not sent:
            raise Refusal(11003)
        return sent

    def _call(self, asked: Asked, sent: dict[str, Any], session: Session) -> Call:
        hospital = self.centre.world.users[session.username]["akb020"]
        return Call(asked.method, sent, hospital, session.username, asked.document)

    # -- the book
    def _write(self, at: datetime.datetime, entry: dict[str, Any], durable: bool = True) -> None:
        if self._book is not None:
            self._book.write(at, entry, durable)

    def _replay(self, entry: dict[str, Any]) -> None:
        if "arrange" in entry:
            ARRANGEMENTS[entry["arrange"]](self.centre, entry["body"])
        elif "seen" in entry:
            method, stay, code, used = entry["seen"]
            self.centre.ledger.asked[method, stay, code] += 1
            if used in self.centre.ledger.sessions:
                self.centre.ledger.sessions[used].used = self.centre.time()
        else:
            raw = entry["asked"]
            document = None if raw["document"] is None else Document(**raw["document"])
            asked = Asked(**{**raw, "document": document})
            self.centre.ledger.asked[asked.method, asked.stay, str(self._answer(asked)[0]["code"])] += 1


def number_of(text: str | None) -> str:
    """Return the stay that a request is about, or nothing."""
    try:
        sent = read_json((text or "").encode())
    except (ValueError, RecursionError):
        return ""
    if not isinstance(sent, dict):
        return ""
    for each in (sent, sent.get("kc21"), sent.get("bs003WS")):
        if isinstance(each, dict) and (number := member(each, "akc190")):
            return number
    return ""


def _said(code: int, message: str = "") -> dict[str, Any]:
    return {"code": code, "msg": message}


def _fixed(at: datetime.datetime) -> Callable[[], datetime.datetime]:
    return lambda: at
