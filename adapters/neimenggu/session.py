"""The one session of a user, for all processes: logged in when needed, written down before it is used, given back.

The centre takes one session a user at a time (21003), counts its two hours from the last use, and wants it given back
(002, 4.1, 4.2). What is kept in the book is therefore the truth for all workers; a lease in it keeps two of them from
logging in or out at once. docs/neimenggu-session.md draws the life of a session.

``used_at`` is written at most every ``note_every``. That is safe: what stands in the book is never later than the last
use, so a reader can only take a session for older than it is. At worst it logs in too early, is answered 21003, and
goes on with the session that it read; or logs out too early, and the next call logs in again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import structlog

from adapters.equipment import KeptSession, SessionBook
from adapters.neimenggu.door import Denied, Door, Failed, LoggedOut
from adapters.neimenggu.kept import CLOSED, OPEN, Page
from adapters.neimenggu.opening import Opened, Opening, Ready
from adapters.neimenggu.pause import Pause
from adapters.neimenggu.settings import NeimengguSettings
from engine.environment import SECOND, Environment, Micros
from engine.outcomes import Category, Done, InDoubt, NotSent, Outcome, Refused
from engine.trace import where

log = structlog.get_logger("visitflow.neimenggu")

_NO_BOOK = NotSent("the adapter was given no book of sessions")
#: A call joins so many log-ins of others before it gives up.
_ROUNDS = 3


class Sessions:
    """The owner of the session in this process."""

    def __init__(self, settings: NeimengguSettings, door: Door, environment: Environment) -> None:
        """Know no session and no book yet."""
        self._settings = settings
        self._door = door
        self._environment = environment
        self._pause = Pause(settings, environment)
        self._opening = Opening(door, self._pause, environment, log_out_unknown=settings.log_out_unknown)
        self._page: Page | None = None
        self._kept: KeptSession | None = None  #: what the book held when we looked last
        self._bad = ""  #: the session that the centre refused last
        self._used_at: Micros = 0  #: last use by this process
        self._at_work = 0
        self._turn = asyncio.Lock()  #: one log-in or log-out of this process at a time
        self._under_way: asyncio.Task[Opened] | None = None
        self._resting: asyncio.Task[None] | None = None
        self._alarm: asyncio.TimerHandle | None = None
        self._leave = False  #: this process does not log out by itself

    def equip(self, book: SessionBook) -> None:
        """Take the book that all processes share."""
        settings = self._settings
        self._page = Page(book, settings.username, self._environment, settings.log_in_timeout)

    # -- use
    @contextmanager
    def working(self) -> Iterator[None]:
        """Hold the session while a call is made; when the last one is over, the time until logging out begins."""
        self._at_work += 1
        self._cancel_alarm()
        try:
            yield
        finally:
            self._at_work -= 1
            self._set_alarm()

    async def open(self, left: Callable[[], Micros], bad: str = "") -> Opened:
        """Return a session to use; log in if there is none. ``bad``: the one that the centre has just refused.

        Neither a time-out nor a caller that goes away ends a log-in under way: its answer would be lost.
        """
        self._bad = bad or self._bad
        self._leave = self._settings.log_out_after is None  # whoever left it standing: it is in use now
        opened: Opened | None = None
        if self._kept is not None and self._usable(self._kept):
            opened = Ready(self._kept)
        opened = opened or await self._opened(left)
        if isinstance(opened, Ready):
            await self._note_use(opened.kept)
        return opened

    async def log_in(self, left: Callable[[], Micros]) -> Outcome:
        """Log in because a person says so: whatever was refused before is asked again. The session is left standing."""
        self._pause.forget()
        self._leave = True
        opened = await self._opened(left)
        if isinstance(opened, Ready):
            return Done({"session": "new" if opened.new else "standing"}, opened.exchange)
        return opened

    async def log_out(self, left: Callable[[], Micros]) -> Outcome:
        """Log out because a person says so, whoever may still use the session."""
        if self._page is None:
            return _NO_BOOK
        try:
            async with self._turn, self._page.lease() as held:
                if not held:
                    return NotSent("another worker is logging in or out")
                row = await self._page.read()
                known = row is not None and row.state == OPEN
                if not known and not self._settings.log_out_unknown:
                    return Done({"session": "none"})
                gone = await self._end(self._page, row if known else None, left())
        except Exception as error:  # the book does not answer
            log.warning("not_logged_out", error=where(error))
            return InDoubt(f"the session may stand: {type(error).__name__}")
        match gone:
            case LoggedOut(exchange):
                self._pause.forget()
                return Done({"session": "ended"}, exchange)
            case Denied(code, text, exchange):
                return Refused(code, text, Category.CREDENTIALS, exchange)
            case Failed(reason, lost, exchange):
                return InDoubt(reason, exchange) if lost else NotSent(reason, exchange)

    async def close(self) -> None:
        """Give the session back when the process ends, unless another process may be using it."""
        self._cancel_alarm()
        under_way = {task for task in (self._under_way, self._resting) if task is not None}
        if under_way:
            await asyncio.wait(under_way, timeout=self._settings.log_in_timeout / SECOND)
        if self._kept is not None and not self._leave:
            await self._rest(closing=True)
        self._leave = True
        self._cancel_alarm()

    # -- opening
    async def _opened(self, left: Callable[[], Micros]) -> Opened:
        """Join the log-in under way, or begin one."""
        for _ in range(_ROUNDS):
            if self._under_way is None or self._under_way.done():
                self._under_way = asyncio.create_task(self._establish())
            done, _pending = await asyncio.wait({self._under_way}, timeout=max(0, left()) / SECOND)
            if not done:
                return NotSent("logging in takes longer than this call has time")
            opened = self._under_way.result()
            if not isinstance(opened, Ready) or opened.kept.session_id != self._bad:
                return opened
        return NotSent("the session is refused again and again")

    async def _establish(self) -> Opened:
        """Open a session. Never raises: nothing of the call itself has been sent yet."""
        if self._page is None:
            return _NO_BOOK
        try:
            async with self._turn:
                opened = await self._opening.open(self._page, self._usable, self._refused)
        except Exception as error:  # the book does not answer, or a fault of ours
            log.warning("session_not_opened", error=where(error))
            return NotSent(f"no session: {type(error).__name__}")
        if isinstance(opened, Ready):
            self._kept, self._used_at = opened.kept, opened.kept.used_at
            if opened.new:  # the centre may hand out a number again
                self._bad = ""
        return opened

    def _usable(self, row: KeptSession) -> bool:
        """Tell whether a session can still stand: counted from its last use that we know of."""
        fresh = abs(self._environment.now() - self._last_use(row)) < self._settings.usable
        return fresh and row.state == OPEN and not self._refused(row)

    def _refused(self, row: KeptSession) -> bool:
        """Tell whether the centre has said that it does not know this session."""
        return row.session_id == self._bad

    def _last_use(self, row: KeptSession) -> Micros:
        ours = self._kept is not None and self._kept.session_id == row.session_id
        return max(row.used_at, self._used_at) if ours else row.used_at

    async def _note_use(self, kept: KeptSession) -> None:
        """Remember that the session is used now; write it down now and then."""
        self._used_at = now = self._environment.now()
        if self._page is None or abs(now - kept.used_at) < self._settings.note_every:
            return
        noted = self._kept = replace(kept, used_at=now)  # whoever comes meanwhile need not write it too
        try:
            written = await self._page.write(kept, noted)
        except Exception as error:  # it may stay unwritten: see above
            log.warning("session_use_not_written", error=where(error))
            return
        if self._kept is noted:
            self._kept = written  # None: closed or replaced by another process; the next call looks it up

    # -- logging out
    async def _end(self, page: Page, row: KeptSession | None, limit: Micros) -> LoggedOut | Denied | Failed:
        """Log out under the lease; only an acknowledged log-out closes the session in the book."""
        self._kept = None
        patience, guard = await page.limits()
        gone = await self._door.log_out("" if row is None else row.session_id, min(patience, limit), guard)
        if isinstance(gone, LoggedOut) and row is not None:
            await page.write(row, replace(row, state=CLOSED))
        return gone

    async def _rest(self, *, closing: bool = False) -> None:
        """Log out if nobody has used the session for long enough; when ``closing``, if nobody but us has."""
        if self._page is None:
            return
        try:
            async with self._turn, self._page.lease(wait=False) as held:
                row, mine = await self._page.read(), self._kept
                if row is None or row.state != OPEN:
                    self._kept = None
                elif self._at_work or not held or not self._idle(row, mine, closing=closing):
                    self._set_alarm()
                else:
                    gone = await self._end(self._page, row, self._settings.log_in_timeout)
                    if not isinstance(gone, LoggedOut):
                        log.warning("not_logged_out", why=gone.text if isinstance(gone, Denied) else gone.reason)
        except Exception as error:  # the session ends by itself, two hours after its last use
            log.warning("not_logged_out", error=where(error))

    def _idle(self, row: KeptSession, mine: KeptSession | None, *, closing: bool) -> bool:
        if closing:
            return mine is not None and mine.version == row.version
        return self._environment.now() - self._last_use(row) >= (self._settings.log_out_after or 0)

    def _set_alarm(self) -> None:
        self._cancel_alarm()
        after = self._settings.log_out_after
        if after is not None and not self._leave and self._kept is not None and not self._at_work:
            self._alarm = asyncio.get_running_loop().call_later(after / SECOND, self._ring)

    def _cancel_alarm(self) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None

    def _ring(self) -> None:
        self._alarm = None
        if not self._at_work:
            self._resting = asyncio.get_running_loop().create_task(self._rest())
