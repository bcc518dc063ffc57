"""One user's page in the book of sessions (adapters/equipment.py), and the lease for logging in and out."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace

from adapters.equipment import KeptSession, SessionBook
from engine.environment import SECOND, Environment, Micros

PEER = "neimenggu"
OPEN, CLOSED = "open", "closed"
#: The lease outlives what is done under it by so much.
_MARGIN = 5 * SECOND
#: How often a worker looks whether another has finished.
_LOOK = SECOND // 4
#: So often a write gives way to another process's, then it is given up.
_TRIES = 3


class Page:
    """What the book says of one user. Every method may raise StoreError; then nothing was written."""

    def __init__(self, book: SessionBook, user: str, environment: Environment, patience: Micros) -> None:
        """``patience``: how long one exchange with the centre may take."""
        self._book = book
        self._user = user
        self._environment = environment
        self.patience = patience
        self._owner = environment.new_id()

    async def read(self) -> KeptSession | None:
        """Return the session that was written last."""
        return await self._book.read(PEER, self._user)

    async def write(self, over: KeptSession | None, session: KeptSession) -> KeptSession | None:
        """Write ``session`` over what was read, or over what stands by now if that is the same session still.

        Returns what stands then, durably; None, with nothing written, when another process has written another
        session, or has closed the one that is to be noted as used.
        """
        known, expected = ("", 0) if over is None else (over.session_id, over.version)
        for _ in range(_TRIES):
            written = await self._book.write(
                PEER, self._user, session.session_id, session.used_at, session.state, expected
            )
            if written is not None:
                return written
            stands = await self.read()
            if stands is None or stands.session_id != known or (stands.state == CLOSED and session.state == OPEN):
                return None
            expected = stands.version
            session = replace(session, used_at=max(session.used_at, stands.used_at))
        return None

    @asynccontextmanager
    async def lease(self, wanted: Callable[[], bool] = lambda: True, *, wait: bool = True) -> AsyncIterator[bool]:
        """Hold the lease; yields False when another worker keeps it, or when it is not ``wanted`` any more.

        ``wait``: as long as another worker may need to log in.
        """
        waited: Micros = 0
        while not (held := await self._hold()) and wait and waited <= 2 * self.patience + _MARGIN:
            await self._environment.sleep(_LOOK)
            waited += _LOOK
            if not wanted():
                break
        try:
            yield held
        finally:
            if held:
                await self._book.release(PEER, self._user, self._owner)

    async def limits(self) -> tuple[Micros, Callable[[], bool]]:
        """Take the lease again for one more exchange; return its time and its guard.

        A log-in may be asked twice, so the lease is good for two times and nothing begins after the first of them.
        """
        held = await self._hold()
        ends = self._environment.monotonic() + self.patience + _MARGIN
        return self.patience, lambda: held and self._environment.monotonic() < ends

    async def _hold(self) -> bool:
        now = self._environment.now()
        return await self._book.hold(PEER, self._user, self._owner, now, now + 2 * self.patience + 2 * _MARGIN)
