"""Numbers new events for the feed, and wakes those who wait for news. One for each process."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from storage.registers import Feed


class Hub:
    """News of the feed. Readers hold a position, never a queue: a slow one costs no memory."""

    def __init__(self, feed: Feed) -> None:
        """Watch ``feed``."""
        self.feed = feed
        self.closed = False
        self._news = asyncio.Event()
        self._last = -1

    def ticket(self) -> asyncio.Event:
        """Return what is set at the next news; take it before looking, so that nothing falls in between."""
        return self._news

    async def wait(self, ticket: asyncio.Event, seconds: float) -> bool:
        """Wait for news since ``ticket`` was taken; False when none came in time."""
        with suppress(TimeoutError):
            await asyncio.wait_for(ticket.wait(), seconds)
        return ticket.is_set()

    def tell(self) -> None:
        """Wake everybody who waits."""
        self._news.set()
        self._news = asyncio.Event()

    def close(self) -> None:
        """Have all streams end."""
        self.closed = True
        self.tell()

    async def publish(self) -> int:
        """Number what is new; wake everybody when the feed has grown, whichever process did it."""
        published = await self.feed.publish()
        _first, last = await self.feed.ends()
        if last != self._last:
            self._last = last
            self.tell()
        return published
