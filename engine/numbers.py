"""Message numbers: from a durable counter, taken in blocks, so that they never repeat, also after a crash.

A counter that begins at 1 again in every process collides the same day (DLL conventions, chapter 5). A crash loses the
rest of a block; numbers may have gaps, never twins.
"""

from __future__ import annotations

import asyncio

from engine.store import Store

BLOCK = 1000


class MessageNumbers:
    """Numbers for one process's messages, one counter an adapter."""

    def __init__(self, store: Store, block: int = BLOCK) -> None:
        """Take ``block`` numbers at a time from ``store``."""
        self._store = store
        self._block = block
        self._ranges: dict[str, tuple[int, int]] = {}
        self._locks: dict[str, asyncio.Lock] = {}

    async def next(self, adapter: str) -> int:
        """Return a number that no message of ``adapter`` has had. Raises StoreError."""
        following, end = self._ranges.get(adapter, (0, 0))
        if following == end:
            async with self._locks.setdefault(adapter, asyncio.Lock()):
                following, end = self._ranges.get(adapter, (0, 0))
                if following == end:
                    following = await self._store.reserve(f"message:{adapter}", self._block)
                    end = following + self._block
                self._ranges[adapter] = (following + 1, end)
                return following
        self._ranges[adapter] = (following + 1, end)
        return following
