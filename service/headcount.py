"""How many visits there are, for pages: counting the closed ones, of which there may be millions, keeps nobody waiting.

Open visits are counted whenever somebody asks. Closed ones are counted beside it: what is counted quickly is counted
each time, what takes long is good for a hundred times as long, so that counting costs one part in a hundred at most.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass

import structlog

from engine.errors import StoreError
from engine.store import Store
from engine.trace import where
from storage.tally import CLOSED, OPEN, Tally, tally

log = structlog.get_logger("visitflow.service")

#: Seconds that a page waits for the closed visits, and up to which counting is quick.
PATIENCE, QUICK = 0.15, 0.02
_GOOD_FOR = 100


@dataclass(frozen=True, slots=True)
class Counted:
    """All visits, or, while the closed ones are being counted for the first time, those that are open (not whole)."""

    tallies: list[Tally]
    whole: bool


class Headcount:
    """Counts the visits of a store; one for each process that shows pages."""

    def __init__(self, store: Store) -> None:
        """Count those of ``store``."""
        self._store = store
        self._closed: list[Tally] | None = None
        self._good_until = 0.0
        self._counting: asyncio.Task[None] | None = None

    async def now(self) -> Counted:
        """Return how many visits there are. Raises StoreError."""
        if self._counting is None and asyncio.get_running_loop().time() >= self._good_until:
            self._counting = asyncio.create_task(self._count(), name="headcount")
        open_ = await tally(self._store, OPEN)
        if self._counting is not None:
            await asyncio.wait((self._counting,), timeout=PATIENCE)
        return Counted(open_ + (self._closed or []), self._closed is not None)

    async def close(self) -> None:
        """Stop counting."""
        if self._counting is not None:
            self._counting.cancel()
            with suppress(asyncio.CancelledError):
                await self._counting

    async def _count(self) -> None:
        clock = asyncio.get_running_loop().time
        began = clock()
        try:
            self._closed = await tally(self._store, CLOSED)
        except StoreError as error:  # what was counted before is still about right
            log.warning("headcount_failed", error=where(error))
        finally:
            self._counting = None
            took = clock() - began
            self._good_until = clock() + (_GOOD_FOR * took if took > QUICK else 0)
