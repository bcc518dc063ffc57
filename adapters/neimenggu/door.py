"""Logging in (4.1) and out (4.2): one exchange each, and what its answer says of the session."""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from adapters.credentials import SecretMissing, read_secret
from adapters.discretion import discreet
from adapters.neimenggu.calendar import Calendar
from adapters.neimenggu.cipher import Cipher, key_of_day, md5_upper
from adapters.neimenggu.errors import Kind, Meaning, meaning
from adapters.neimenggu.interfaces import INTERFACES
from adapters.neimenggu.settings import NeimengguSettings
from adapters.neimenggu.wire import Letter, Reply, Wire, masked
from engine.environment import Micros
from engine.outcomes import Category, Exchange

#: What a session may look like: it travels in a header.
_SESSION_ID = re.compile(r"[!-~]{1,128}")
#: Answers to a log-in that was encrypted with the key of another day: the document's own program decrypts to null then.
_ANOTHER_DAY = ("11002", "11003")


@dataclass(frozen=True, slots=True)
class LoggedIn:
    """The centre gave a session."""

    session_id: str = field(repr=False)
    exchange: Exchange | None = None


@dataclass(frozen=True, slots=True)
class Conflict:
    """The user is logged in under a session that is not ours to see (21003)."""

    code: str
    text: str
    exchange: Exchange | None = None


@dataclass(frozen=True, slots=True)
class Denied:
    """User or password is wrong or missing: asking again does harm."""

    code: str
    text: str
    exchange: Exchange | None = None


@dataclass(frozen=True, slots=True)
class LoggedOut:
    """The session does not stand any more, or did not before."""

    exchange: Exchange | None = None


@dataclass(frozen=True, slots=True)
class Failed:
    """Neither yes nor no. ``lost``: it may have taken effect, so a session may stand that nobody knows."""

    reason: str
    lost: bool
    exchange: Exchange | None = None


class Door:
    """The two calls that need no session, or end one."""

    def __init__(self, settings: NeimengguSettings, wire: Wire, calendar: Calendar) -> None:
        """Secrets are read when they are needed."""
        self._settings = settings
        self._wire = wire
        self._calendar = calendar
        self._key: Cipher | None = None

    def hospital_key(self) -> Cipher:
        """Return the hospital's cipher. Raises SecretMissing; also when what is there can be no key."""
        if self._key is None:
            try:
                self._key = Cipher(read_secret(self._settings.key_variable))
            except ValueError as error:
                raise SecretMissing(f"{self._settings.key_variable}: {error}") from None
        return self._key

    def fingerprint(self) -> str:
        """Return what tells one pair of user and password from another; empty when there is none."""
        try:
            return md5_upper(f"{self._settings.username}\n{self._password()}")
        except SecretMissing:
            return ""

    async def log_in(self, limit: Micros, guard: Callable[[], bool]) -> LoggedIn | Conflict | Denied | Failed:
        """Ask for a session; once more with another day's key when the first was not the centre's (N32)."""
        try:
            password = self._password()
        except SecretMissing as error:
            return Denied("no_password", str(error))
        day = self._calendar.today()
        reply = await self._ask_to_log_in(password, day, limit, guard)
        if _of_another_day(reply):
            other = next(self._calendar.others(day))
            again = await self._ask_to_log_in(password, other, limit, guard)
            if again.content is not None and not _of_another_day(again) and other != self._calendar.today():
                self._calendar.distrust()
            reply = again if again.sent else reply
        return _session_in(reply, password)

    async def log_out(self, session_id: str, limit: Micros, guard: Callable[[], bool]) -> LoggedOut | Denied | Failed:
        """End a session; without its id ("") by user and password alone, as far as the centre takes that (N35)."""
        try:
            password, key = self._password(), self.hospital_key()
        except SecretMissing as error:
            return Denied("no_secret", str(error))
        body = {"sessionid": session_id, "username": self._settings.username, "password": password}
        letter = Letter(INTERFACES["log_out"].path, body, masked(body), key, session_id)
        reply = await self._wire.exchange(letter, limit, guard)
        if reply.content is None:
            return Failed(reply.why, reply.sent, reply.exchange)
        code, text, told = _verdict("log_out", reply.content, (password, session_id))
        gone = told.kind is Kind.REFUSED and told.category is Category.NOTHING_TO_UNDO
        if gone or told.kind in (Kind.OK, Kind.RELOGIN):
            return LoggedOut(reply.exchange)
        if told.kind is Kind.REFUSED and told.category is Category.CREDENTIALS:
            return Denied(code, text, reply.exchange)
        return Failed(f"{code} {text}", told.kind is Kind.IN_DOUBT, reply.exchange)

    def _password(self) -> str:
        return md5_upper(read_secret(self._settings.password_variable))

    async def _ask_to_log_in(
        self, password: str, day: datetime.date, limit: Micros, guard: Callable[[], bool]
    ) -> Reply:
        """Ask with the key of ``day``; an answer from the other side of midnight is read as well."""
        body = {"username": self._settings.username, "password": password}
        letter = Letter(INTERFACES["log_in"].path, body, masked(body), Cipher(key_of_day(day)))
        keys = [Cipher(key_of_day(other)) for other in self._calendar.others(day)]
        return await self._wire.exchange(letter, limit, guard, keys)


def _of_another_day(reply: Reply) -> bool:
    if reply.content is None:
        return reply.readable_http
    return str(reply.content.get("code")).strip() in _ANOTHER_DAY


def _session_in(reply: Reply, password: str) -> LoggedIn | Conflict | Denied | Failed:
    if reply.content is None:
        return Failed(reply.why, reply.sent, reply.exchange)
    code, text, told = _verdict("log_in", reply.content, (password,))
    match told.kind:
        case Kind.OK:
            session_id = _plain(reply.content.get("sessionid"))
            if not _SESSION_ID.fullmatch(session_id):
                return Failed("success without a usable sessionid", True, reply.exchange)
            return LoggedIn(session_id, reply.exchange)
        case Kind.LOGIN_CONFLICT:
            return Conflict(code, text, reply.exchange)
        case Kind.REFUSED if told.category is Category.CREDENTIALS:
            return Denied(code, text, reply.exchange)
        case _:
            return Failed(f"{code} {text}", told.kind is Kind.IN_DOUBT, reply.exchange)


def _verdict(operation: str, content: Any, secrets: tuple[str, ...]) -> tuple[str, str, Meaning]:
    """Return code, text fit to be told, and meaning."""
    code, text = content.get("code"), content.get("msg")
    told = meaning(operation, code, text)
    shown = discreet(text if isinstance(text, str) else "", secrets) or told.zh
    return discreet(_plain(code), secrets) or "no code", shown, told


def _plain(value: Any) -> str:
    return str(value).strip() if isinstance(value, int | str) and not isinstance(value, bool) else ""
