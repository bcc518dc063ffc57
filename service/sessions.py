"""Writes down the sign-ins that adapters make by themselves (J20), in the session visit of that operator and day.

An adapter calls its listener in the middle of a call and must neither wait nor fail: the listener only notes what
happened; a task of the event loop writes it down, in order, and tries again while the store or the visit is busy.
"""

from __future__ import annotations

import asyncio
import datetime
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

import structlog

from engine.commands import Commands
from engine.definitions import FlowDefinition
from engine.environment import MINUTE, SECOND, Environment, Micros
from engine.errors import BadInput, DuplicateKey, NotLegal, VisitflowError
from engine.store import Status, Store
from engine.trace import where

log = structlog.get_logger("visitflow.sessions")

#: The trigger by which a session visit takes a sign-in note; a flow of sessions is called ``<system>.session``.
RENEWED = "renewed"
SUFFIX = ".session"
_TRIES = 10
_LONGEST_WAIT = MINUTE
_GRACE_SECONDS = 2.0
#: Sessions of one operator and day; more than this and something signs in for ever.
_MOST_SESSIONS = 50
_MOST_WAITING = 1000


@dataclass(frozen=True, slots=True)
class SignedIn:
    """One sign-in that an adapter made by itself."""

    flow: str
    adapter: str
    operator: str
    sign_no: str
    reason: str
    at: Micros
    zone: ZoneInfo

    @property
    def key(self) -> str:
        """Return the key of the session visit of that operator and day."""
        return f"{self.operator}-{self._local:%Y%m%d}"

    @property
    def data(self) -> dict[str, Any]:
        """Return what the trigger brings. The centre may have given no number: then the old one stays."""
        number = {"sign_no": self.sign_no} if self.sign_no else {}
        return {**number, "signed_at": f"{self._local:%Y%m%d%H%M%S}", "reason": self.reason}

    @property
    def _local(self) -> datetime.datetime:
        return datetime.datetime.fromtimestamp(self.at // SECOND, self.zone)


class Sessions:
    """The listener of one process."""

    def __init__(self, commands: Commands, store: Store, environment: Environment) -> None:
        """Listen to nobody yet; must be made on the event loop that writes."""
        self._commands = commands
        self._store = store
        self._environment = environment
        self._loop = asyncio.get_running_loop()
        self._waiting: deque[SignedIn] = deque()
        self._writer: asyncio.Task[None] | None = None

    def listen(self, adapters: Mapping[str, Any], definitions: Iterable[FlowDefinition]) -> None:
        """Listen to each adapter that has ``on_sign_in`` and ``operator_id``, and whose sessions a flow keeps."""
        flows = [each for each in definitions if each.flow.endswith(SUFFIX)]
        for name, adapter in adapters.items():
            if not hasattr(adapter, "on_sign_in"):
                continue
            flow = next((each for each in flows if name in each.adapters.values()), None)
            operator = str(getattr(adapter, "operator_id", ""))
            if flow is None or not operator:
                log.info("sessions_not_kept", adapter=name, why="no operator" if flow else "no session flow is on")
                continue
            adapter.on_sign_in = self._listener(name, flow, operator)

    def _listener(self, adapter: str, flow: FlowDefinition, operator: str) -> Any:
        zone = ZoneInfo(flow.timezone)

        def signed_in(sign_no: str, reason: object) -> None:
            note = SignedIn(flow.flow, adapter, operator, sign_no, str(reason), self._environment.now(), zone)
            try:  # an adapter may sign in on a thread of its own
                self._loop.call_soon_threadsafe(self._note, note)
            except RuntimeError:  # the loop is closed: the process is ending
                self._lost(note, "the service is stopping")

        return signed_in

    def _note(self, note: SignedIn) -> None:
        if len(self._waiting) >= _MOST_WAITING:
            self._lost(self._waiting.popleft(), "too many are waiting")
        self._waiting.append(note)
        if self._writer is None or self._writer.done():
            self._writer = self._loop.create_task(self._write_all())

    async def _write_all(self) -> None:
        while self._waiting:
            note = self._waiting[0]
            await self._write(note)
            if self._waiting and self._waiting[0] is note:
                self._waiting.popleft()

    async def _write(self, note: SignedIn) -> None:
        pause = SECOND
        for tried in range(1, _TRIES + 1):
            try:
                await self._keep(note, last=tried == _TRIES)
            except BadInput as error:  # the flow takes it not: trying again would not help
                self._lost(note, error.message)
                return
            except (
                Exception
            ) as error:  # a busy visit, a store that is down; whatever it is, the adapter must not suffer
                log.warning("sign_in_not_written_yet", session=note.key, tried=tried, error=_told(error))
                if tried == _TRIES:
                    self._lost(note, _told(error))
                    return
                await self._environment.sleep(pause)
                pause = min(2 * pause, _LONGEST_WAIT)
            else:
                return

    async def _keep(self, note: SignedIn, *, last: bool) -> None:
        """Write one sign-in into the first session of the day that takes it; a new one where none does.

        A session that is closed or stuck takes none; one that is under way is waited for until the ``last`` try.
        """
        by = f"adapter:{note.adapter}"
        for number in range(1, _MOST_SESSIONS + 1):
            key = note.key if number == 1 else f"{note.key}-{number}"
            try:
                await self._commands.open(note.flow, key, {"operator": note.operator, **note.data}, by)
            except DuplicateKey:
                found = await self._store.find(note.flow, key)
            else:
                log.info("sign_in_written", session=key, reason=note.reason)
                return
            if found is None or found.status in (Status.CLOSED, Status.STUCK):
                continue
            try:
                await self._commands.trigger(found.visit_id, RENEWED, note.data, by)
            except NotLegal:
                if last:
                    continue
                raise
            log.info("sign_in_written", session=key, reason=note.reason)
            return
        raise BadInput(f"{note.key}: there are {_MOST_SESSIONS} sessions of this day already")

    def _lost(self, note: SignedIn, why: str) -> None:
        log.warning("sign_in_not_written", session=note.key, sign_no=note.sign_no, reason=note.reason, why=why)

    async def settled(self) -> None:
        """Wait until everything noted so far is written or given up."""
        await asyncio.sleep(0)  # what call_soon_threadsafe has brought
        while self._writer is not None and not self._writer.done():
            await asyncio.wait({self._writer})

    async def close(self) -> None:
        """Write what is waiting, for a moment; say what could not be written."""
        try:
            async with asyncio.timeout(_GRACE_SECONDS):
                await self.settled()
        except TimeoutError:
            pass
        if self._writer is not None and not self._writer.done():
            self._writer.cancel()
            await asyncio.gather(self._writer, return_exceptions=True)
        for note in self._waiting:
            self._lost(note, "the service is stopping")
        self._waiting.clear()


def _told(error: Exception) -> str:
    return error.message if isinstance(error, VisitflowError) else where(error)
