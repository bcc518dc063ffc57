"""From no session to one: what the book holds, else a log-in under the lease, written down before it is used."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import structlog

from adapters.equipment import KeptSession
from adapters.neimenggu.door import Conflict, Denied, Door, Failed, LoggedIn, LoggedOut
from adapters.neimenggu.kept import CLOSED, OPEN, Page
from adapters.neimenggu.pause import Pause
from engine.environment import Environment
from engine.outcomes import Exchange, NotSent, Refused
from engine.trace import where

log = structlog.get_logger("visitflow.neimenggu")


@dataclass(frozen=True, slots=True)
class Ready:
    """A session that stands, as far as is known; ``kept`` is what the book says of it. ``new``: just logged in."""

    kept: KeptSession = field(repr=False)
    new: bool = False
    exchange: Exchange | None = None


Opened = Ready | Refused | NotSent


class Opening:
    """Opens sessions. The caller sees to it that one process opens one at a time."""

    def __init__(self, door: Door, pause: Pause, environment: Environment, *, log_out_unknown: bool) -> None:
        """``log_out_unknown``: on 21003, 4.2 may be tried without knowing the session (N35)."""
        self._door = door
        self._pause = pause
        self._environment = environment
        self._log_out_unknown = log_out_unknown

    async def open(
        self, page: Page, usable: Callable[[KeptSession], bool], refused: Callable[[KeptSession], bool]
    ) -> Opened:
        """Return a session. Nothing of the call it is for has been sent yet. Raises StoreError.

        Another worker that is logging in is waited for, and its session is used. ``usable``: may a session still
        stand, by our clock? ``refused``: has the centre said that it does not?
        """
        if (found := await self._found(page, usable)) is not None:
            return found
        if (paused := self._pause.of(self._door.fingerprint())) is not None:
            return paused
        async with page.lease() as held:
            if (found := await self._found(page, usable)) is not None:
                return found
            return await self._log_in(page, refused) if held else NotSent("another worker is logging in")

    async def _found(self, page: Page, usable: Callable[[KeptSession], bool]) -> Ready | None:
        row = await page.read()
        if row is None or not usable(row):
            return None
        self._pause.forget()
        return Ready(row)

    async def _log_in(self, page: Page, refused: Callable[[KeptSession], bool]) -> Opened:
        """Log in. On 21003: the session that we know, then logging out with it, else a person. Never a loop."""
        row = await page.read()
        at = self._environment.now()
        tried = await self._door.log_in(*await page.limits())
        if not isinstance(tried, Conflict):
            return await self._taken(page, row, tried)
        if row is not None and row.state == OPEN and not refused(row):
            # Our clock may have run ahead of the centre's, or was set.
            kept = await page.write(row, KeptSession(row.session_id, row.version, at, OPEN))
            return NotSent(_ANOTHER) if kept is None else Ready(kept, exchange=tried.exchange)
        for session_id in self._worth_ending(row):
            gone = await self._door.log_out(session_id, *await page.limits())
            if isinstance(gone, LoggedOut):
                again = await self._door.log_in(*await page.limits())
                if not isinstance(again, Conflict):
                    return await self._taken(page, row, again)
        if row is not None and row.state == OPEN:  # the centre knows it no more: nobody need try it again
            await page.write(row, KeptSession(row.session_id, row.version, row.used_at, CLOSED))
        return self._pause.conflict(tried)

    def _worth_ending(self, row: KeptSession | None) -> Iterator[str]:
        if row is not None and row.state == OPEN:
            yield row.session_id
        if self._log_out_unknown:
            yield ""

    async def _taken(self, page: Page, row: KeptSession | None, tried: LoggedIn | Denied | Failed) -> Opened:
        """Write a new session down before anybody uses it; or say why there is none."""
        at = self._environment.now()
        match tried:
            case LoggedIn(session_id, exchange):
                try:
                    kept = await page.write(row, KeptSession(session_id, 0, at, OPEN))
                except Exception as error:
                    log.warning("session_not_written", error=where(error))
                    return await self._give_back(page, session_id, exchange)
                if kept is None:
                    self._pause.lost(at)
                    return NotSent(_ANOTHER, exchange)
                self._pause.forget()
                return Ready(kept, new=True, exchange=exchange)
            case Denied():
                return self._pause.denied(tried, self._door.fingerprint())
            case Failed(reason, lost, exchange):
                if lost:
                    self._pause.lost(at)
                return NotSent(f"登录失败 could not log in: {reason}", exchange)

    async def _give_back(self, page: Page, session_id: str, exchange: Exchange | None) -> NotSent:
        """End a session that could not be written down: after a crash nobody would know it."""
        limit = page.patience
        gone = await self._door.log_out(session_id, limit, lambda: True)
        if not isinstance(gone, LoggedOut):
            self._pause.lost(self._environment.now())
        return NotSent("会话无法保存 the session could not be written down", exchange)


_ANOTHER = "another worker wrote a session meanwhile"
