"""A centre of interface 002 made by hand from the document, behind httpx.MockTransport."""

from __future__ import annotations

import base64
import datetime
import hashlib
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from email.utils import format_datetime
from typing import Any
from urllib.parse import parse_qs
from zoneinfo import ZoneInfo

import httpx
from Crypto.Cipher import AES

from adapters.equipment import Equipment, KeptSession
from adapters.neimenggu import Neimenggu
from adapters.neimenggu.settings import NeimengguSettings
from engine.adapter import Call
from engine.environment import HOUR, SECOND, Micros
from engine.errors import StoreError
from storage.memory_books import MemoryCatalogueBook, MemoryFileShelf, MemorySessionBook
from tests.adapters.neimenggu.examples import GOOD
from tests.toy import ToyEnvironment

URL = "http://centre.test/nm-his"
USER, PASSWORD = "yy0001", "Geheim-密码-1"
PASSWORD_ON_THE_WIRE = hashlib.md5(PASSWORD.encode()).hexdigest().upper()
KEY = "k9Xw2LmP7qRt4VbN8zYc3FhJ6sDg1AeU"
MESSAGE_ID = "NM000120260301100000000001"
SHANGHAI = ZoneInfo("Asia/Shanghai")
#: 2026-03-01 10:00 at the centre: far from midnight.
MORNING = int(datetime.datetime(2026, 3, 1, 10, tzinfo=SHANGHAI).timestamp()) * SECOND

#: What a test gives instead of an answer: members, raw bytes, an HTTP response, or how the network breaks.
Given = dict[str, Any] | bytes | httpx.Response | Exception


def encrypt(key: str, text: str) -> str:
    raw = text.encode()
    filler = 16 - len(raw) % 16
    return base64.b64encode(AES.new(key.encode(), AES.MODE_ECB).encrypt(raw + bytes([filler]) * filler)).decode()


def decrypt(key: str, text: str) -> str | None:
    try:
        raw = AES.new(key.encode(), AES.MODE_ECB).decrypt(base64.b64decode(text))
        assert raw[-1] <= 16
        return raw[: -raw[-1]].decode()
    except (ValueError, AssertionError, IndexError):
        return None


def key_of(day: datetime.date) -> str:
    return hashlib.md5(day.strftime("%Y-%m-%d").encode()).hexdigest().upper()


@dataclass
class Asked:
    """One request as it arrived."""

    name: str  #: login, register, ...
    verb: str
    path: str
    headers: httpx.Headers
    raw: bytes
    body: dict[str, Any]
    at: Micros


@dataclass
class Centre:
    """Knows the session rules of 4.1 and 4.2; ``answers`` are given, in order, to all else (the last one for ever)."""

    environment: Any
    answers: list[Given] = field(default_factory=lambda: [{"code": 0, "msg": ""}])
    carrier: str = "form"
    encrypts: bool = False
    wraps: bool = False  #: breaks encrypted answers into lines
    ahead: Micros = 0  #: the centre's clock minus ours
    dates: bool = True  #: tells its clock
    life: Micros = 2 * HOUR
    session: str = ""
    used_at: Micros = 0
    number: int = 2026030108279
    asked: list[Asked] = field(default_factory=list)
    doing: dict[str, list[Given]] = field(default_factory=dict)  #: given instead, once each, before anything happens
    after: dict[str, list[Exception | bytes]] = field(default_factory=dict)  #: instead of the answer, after it happened
    forgets_unknown: bool = False  #: 4.2 takes user and password without a session
    reuses_numbers: bool = False

    # -- for tests
    @property
    def sent(self) -> list[str]:
        return [each.name for each in self.asked]

    @property
    def calls(self) -> list[Asked]:
        return [each for each in self.asked if each.name not in ("login", "logout")]

    def now(self) -> Micros:
        return int(self.environment.now()) + self.ahead

    def today(self) -> datetime.date:
        return datetime.datetime.fromtimestamp(self.now() / SECOND, SHANGHAI).date()

    def stands(self) -> bool:
        return bool(self.session) and self.now() - self.used_at < self.life

    def log_in_elsewhere(self) -> None:
        """Somebody logs in on the web."""
        self.number += 1
        self.session, self.used_at = str(self.number), self.now()

    # -- the centre
    async def __call__(self, request: httpx.Request) -> httpx.Response:
        name = request.url.path.rsplit("/", 1)[-1].removesuffix(".html")
        content = await request.aread()
        message = None if name == "saveInvoice" else self._message(request, content)
        key = key_of(self.today()) if name == "login" else KEY
        plain = None if message is None else decrypt(key, message)
        body = _form(content) if name == "saveInvoice" else json.loads(plain) if plain else {}
        self.asked.append(Asked(name, request.method, request.url.path, request.headers, content, body, self.now()))
        if given := self.doing.get(name):
            return self._given(given.pop(0), key)
        if name != "saveInvoice" and plain is None:
            answer: Given = {"code": 11002, "msg": "接口入参解析错误"}
        elif name == "login":
            answer = self._log_in(body)
        elif name == "logout":
            answer = self._log_out(request, body)
        elif (refused := self._refused(request, body)) is not None:
            answer = refused
        else:
            answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if broken := self.after.get(name):
            answer = broken.pop(0)
        return self._given(answer, key)

    def _log_in(self, body: dict[str, Any]) -> dict[str, Any]:
        if body.get("username") != USER:
            return {"code": 21002, "msg": "A21002-用户名错误"}
        if body.get("password") != PASSWORD_ON_THE_WIRE:
            return {"code": 21005, "msg": "A21005-密码错误"}
        if self.stands():
            return {"code": 21003, "msg": "A21003-用户已登录"}
        if not self.reuses_numbers:
            self.number += 1
        self.session, self.used_at = str(self.number), self.now()
        return {"code": 0, "msg": "登录成功!", "sessionid": self.session}

    def _log_out(self, request: httpx.Request, body: dict[str, Any]) -> dict[str, Any]:
        if body.get("password") != PASSWORD_ON_THE_WIRE:
            return {"code": 31006, "msg": "B31006-密码错误"}
        known = request.headers["sessionid"] == body["sessionid"] == self.session
        if self.stands() and (known or (self.forgets_unknown and not body["sessionid"])):
            self.session = ""
            return {"code": 0, "msg": "", "sessionid": body["sessionid"]}
        return {"code": 31001, "msg": "B31001-当前用户未登录,不需要登出"}

    def _refused(self, request: httpx.Request, body: dict[str, Any]) -> dict[str, Any] | None:
        if not request.headers.get("sessionid") or not body.get("sessionid"):
            return {"code": 11004, "msg": "sessionid不能为空"}
        if request.headers["sessionid"] != self.session or body["sessionid"] != self.session:
            return {"code": 11005, "msg": "sessionid无效"}
        if not self.stands():
            return {"code": 11006, "msg": "sessionid过期"}
        self.used_at = self.now()
        return None

    def _message(self, request: httpx.Request, content: bytes) -> str:
        match self.carrier:
            case "form":
                assert request.headers["content-type"] == "application/x-www-form-urlencoded"
                return parse_qs(content.decode(), strict_parsing=True)["message"][0]
            case "query":
                assert content == b""
                return request.url.params["message"]
            case "json":
                assert request.headers["content-type"] == "application/json"
                found = json.loads(content)
                assert list(found) == ["message"]
                return str(found["message"])
            case _:
                return content.decode("ascii")

    def _given(self, answer: Given, key: str) -> httpx.Response:
        if isinstance(answer, Exception):
            raise answer
        if isinstance(answer, httpx.Response):
            return answer
        raw = answer if isinstance(answer, bytes) else json.dumps(answer, ensure_ascii=False).encode()
        if self.encrypts and not isinstance(answer, bytes):
            text = encrypt(key, raw.decode())
            raw = (re.sub("(.{76})", r"\1\r\n", text) if self.wraps else text).encode()
        moment = datetime.datetime.fromtimestamp(self.now() // SECOND, datetime.UTC)
        headers = {"Date": format_datetime(moment, usegmt=True)} if self.dates else {}
        return httpx.Response(200, content=raw, headers=headers)


def _form(content: bytes) -> dict[str, Any]:
    """Read a multipart form; a file is its name, kind and bytes."""
    boundary = content.split(b"\r\n", 1)[0]
    found: dict[str, Any] = {}
    for part in content.split(boundary)[1:-1]:
        head, _, value = part.removeprefix(b"\r\n").partition(b"\r\n\r\n")
        told = head.decode()
        name = re.search(r'[; ]name="([^"]*)"', told)
        file = re.search(r'filename="([^"]*)"', told)
        assert name is not None
        raw = value.removesuffix(b"\r\n")
        kind = re.search(r"Content-Type: (\S+)", told)
        found[name[1]] = (file[1], kind and kind[1], raw) if file else raw.decode()
    return found


class WatchedBook(MemorySessionBook):
    """The book in memory; counts writes, and fails or stops when a test says so."""

    def __init__(self) -> None:
        super().__init__()
        self.writes: list[KeptSession] = []
        self.before_write: Callable[[str], None] = lambda _state: None

    async def write(
        self, peer: str, user: str, session_id: str, used_at: Micros, state: str, expected: int
    ) -> KeptSession | None:
        self.before_write(state)
        written = await super().write(peer, user, session_id, used_at, state, expected)
        if written is not None:
            self.writes.append(written)
        return written

    async def now(self) -> KeptSession | None:
        return await self.read("neimenggu", USER)


def fail(_state: str) -> None:
    raise StoreError


@dataclass
class Desk:
    """One worker's adapter at a centre. Desks that are given the same centre and book are workers of one hospital."""

    environment: Any = field(default_factory=lambda: ToyEnvironment(MORNING))
    centre: Centre = None  # type: ignore[assignment]
    book: WatchedBook = field(default_factory=WatchedBook)
    shelf: MemoryFileShelf = field(default_factory=MemoryFileShelf)
    settings: dict[str, Any] = field(default_factory=dict)
    transport: httpx.AsyncBaseTransport | None = None
    equipped: bool = True

    def __post_init__(self) -> None:
        if self.centre is None:
            self.centre = Centre(self.environment)
        given = {"url": URL, "username": USER, **self.settings}
        transport = self.transport or httpx.MockTransport(self.centre)
        self.adapter = Neimenggu(NeimengguSettings.model_validate(given), transport, self.environment)
        if self.equipped:
            self.adapter.equip(Equipment(self.book, self.shelf, MemoryCatalogueBook()))

    def beside(self, **settings: Any) -> Desk:
        """Another worker of the same hospital."""
        return Desk(self.environment, self.centre, self.book, self.shelf, {**self.settings, **settings})

    async def call(
        self,
        operation: str = "list_stays",
        request: dict[str, Any] | None = None,
        *,
        timeout: Micros = 5 * SECOND,
        guard: Callable[[], bool] = lambda: True,
    ) -> Any:
        sent = GOOD.get(operation, ({}, {}))[0] if request is None else request
        return await self.adapter.call(Call(operation, sent, MESSAGE_ID, timeout, guard))
