"""Calls and answers as they travel: JSON, encrypted into ``message``, in a carrier that the site names (N30, N31)."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import httpx

from adapters.clocks import PeerClock
from adapters.neimenggu.calendar import Calendar
from adapters.neimenggu.cipher import Cipher, Undecipherable
from adapters.neimenggu.settings import Carrier, Encrypted, NeimengguSettings
from adapters.network import Answer, Network
from engine.environment import SECOND, Micros
from engine.facts import loads
from engine.outcomes import Exchange

_OK = 200
_MASK = "***"
_NAMES = ("sessionid", "password")
#: Shorter values are not looked for in what came back: they stand in amounts and dates as well.
_TELLING = 8
#: Members that no exchange keeps, in whatever text they stand (G10).
_SECRET = re.compile(rb'("(?:sessionid|password)"\s*:\s*)("(?:[^"\\]|\\.)*"|[^\s,}\]]+)', re.IGNORECASE)


class NotACentre(Exception):
    """What came back is no answer of the centre."""


@dataclass(frozen=True, slots=True)
class Upload:
    """The file of a form."""

    name: str
    content: bytes
    kind: str


@dataclass(frozen=True, slots=True)
class Letter:
    """One call, ready to go.

    ``body``: members in the order of the document, with the secret ones; ``shown``: what the exchange keeps of it.
    ``cipher`` None: a form (4.18), not encrypted.
    """

    path: str
    body: Mapping[str, Any]
    shown: Mapping[str, Any]
    cipher: Cipher | None
    session_id: str | None = None  #: goes into the header
    upload: Upload | None = None


@dataclass(frozen=True, slots=True)
class Reply:
    """What a letter came to: ``content`` when the centre answered in a readable way, else why not."""

    exchange: Exchange
    content: Mapping[str, Any] | None = None
    why: str = ""
    sent: bool = True
    readable_http: bool = False  #: an answer with status 200 came, readable or not


class Wire:
    """The way to one centre."""

    def __init__(
        self, settings: NeimengguSettings, calendar: Calendar, transport: httpx.AsyncBaseTransport | None = None
    ) -> None:
        """``calendar`` learns from answers; ``transport`` replaces the network in tests."""
        self._settings = settings
        self._calendar = calendar
        self._base = settings.url.rstrip("/") + "/"
        self._network = Network(settings.connect_timeout / SECOND, transport, settings.largest_answer)

    async def exchange(
        self, letter: Letter, limit: Micros, guard: Callable[[], bool], keys: Sequence[Cipher] = ()
    ) -> Reply:
        """Send a letter and read the answer with its key, or with one of ``keys``. Never raises for a network."""
        request = self._request(letter)
        answer = await self._network.send(request, limit, guard)
        kept = self._kept(letter, request)
        if answer.body is None:
            return Reply(Exchange(kept, None, answer.status), why=answer.status, sent=answer.sent)
        self._calendar.learn(answer.headers)
        if answer.http_status != _OK:
            shown = Exchange(kept, _masked(answer.body, letter), answer.status)
            return Reply(shown, why=f"HTTP {answer.http_status}")
        own = () if letter.cipher is None else (letter.cipher,)
        try:
            text, content = self._read(answer, (*own, *keys))
        except NotACentre as error:
            shown = Exchange(kept, _masked(answer.body, letter), answer.status)
            return Reply(shown, why=f"unreadable reply: {error}", readable_http=True)
        shown = Exchange(kept, _masked(text.encode("utf-8", "replace"), letter), answer.status)
        return Reply(shown, content, readable_http=True)

    @property
    def clock(self) -> PeerClock:
        """Return what the centre's answers tell of its clock."""
        return self._network.clock

    async def close(self) -> None:
        """Close the connections."""
        await self._network.close()

    # -- out
    def _request(self, letter: Letter) -> httpx.Request:
        url = self._base + letter.path
        headers = {} if letter.session_id is None else {"sessionid": letter.session_id}
        build = self._network.client.build_request
        if letter.cipher is None:
            files = None
            if letter.upload is not None:
                files = {"file": (letter.upload.name, letter.upload.content, letter.upload.kind)}
            return build("POST", url, headers=headers, data=dict(letter.body), files=files)
        message = letter.cipher.encrypt(_json(letter.body))
        verb = self._settings.verb.value
        match self._settings.carrier:
            case Carrier.FORM:
                return build(verb, url, headers=headers, data={"message": message})
            case Carrier.QUERY:
                return build(verb, url, headers=headers, params={"message": message})
            case Carrier.JSON:
                return build(verb, url, headers=headers, json={"message": message})
            case Carrier.BODY:
                headers["Content-Type"] = "text/plain; charset=utf-8"
                return build(verb, url, headers=headers, content=message.encode("ascii"))

    def _kept(self, letter: Letter, request: httpx.Request) -> bytes:
        """Return what the exchange keeps: the text before encryption, and a digest that proves what was on the wire.

        The raw bytes would hold password and session: under a key that everybody can make, or in the clear. Of a form
        the text is all there is; its file is named by its own digest.
        """
        how = "multipart"
        if letter.cipher is not None:
            carried = request.url.query if self._settings.carrier is Carrier.QUERY else request.content
            how = f"{self._settings.carrier.value}, sha256 {hashlib.sha256(carried).hexdigest()}"
        head = f"{request.method} {letter.path} ({how})\n"
        return _masked((head + _json(letter.shown)).encode("utf-8", "replace"), letter)

    # -- in
    def _read(self, answer: Answer, ciphers: Sequence[Cipher]) -> tuple[str, Mapping[str, Any]]:
        """Return an answer's text and members. Raises NotACentre, without showing what was received (G10)."""
        assert answer.body is not None
        try:
            text = answer.body.decode("utf-8-sig")
        except UnicodeDecodeError:
            raise NotACentre("not UTF-8") from None
        encrypted = self._settings.encrypted_answers
        if not ciphers or encrypted is not Encrypted.YES:
            content = _members(text)
            if content is not None:
                return text, content
            if not ciphers or encrypted is Encrypted.NO:
                raise NotACentre("no JSON object")
        for cipher in ciphers:
            try:
                plain = cipher.decrypt(text)
            except Undecipherable:
                continue
            content = _members(plain)
            if content is not None:
                return plain, content
        raise NotACentre("no JSON object, and not encrypted with our key")


def _json(body: Mapping[str, Any]) -> str:
    return json.dumps(body, ensure_ascii=False, separators=(",", ":"))


def _members(text: str) -> Mapping[str, Any] | None:
    try:
        found = loads(text)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _masked(raw: bytes, letter: Letter) -> bytes:
    """Return ``raw`` without session and password, also where the centre repeats them in its words."""
    for name in _NAMES:
        value = str(letter.body.get(name, ""))
        if len(value) >= _TELLING:
            raw = raw.replace(value.encode(), _MASK.encode())
    return _SECRET.sub(rb'\1"***"', raw)


def masked(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return ``body`` without its session and password, at the outermost level where the document has them."""
    return {name: _MASK if name in _NAMES else value for name, value in body.items()}
