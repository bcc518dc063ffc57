"""The platform's own clock: it can be set, jump and run faster, and whoever waits on it wakes accordingly."""

from __future__ import annotations

import asyncio
import datetime
import time
from collections.abc import Callable
from contextlib import suppress
from zoneinfo import ZoneInfo

_ZONE = ZoneInfo("Asia/Shanghai")


class Clock:
    """``now`` is true time in seconds."""

    def __init__(self, now: Callable[[], float] = time.time) -> None:
        """It begins right and at the usual speed."""
        self._now = now
        self._shown, self._since, self.speed = now(), now(), 1.0
        self._moved = asyncio.Event()

    def seconds(self) -> float:
        """Return its time in seconds since 1970."""
        return self._shown + (self._now() - self._since) * self.speed

    def time(self) -> datetime.datetime:
        """Return its time: Shanghai, without a zone, whole seconds."""
        return datetime.datetime.fromtimestamp(self.seconds(), _ZONE).replace(tzinfo=None, microsecond=0)

    def stamp(self) -> str:
        """Return its time in writing."""
        return f"{self.time():%Y-%m-%d %H:%M:%S}"

    def since(self, stamp: str) -> float:
        """Return how many seconds ago a written time was."""
        return self.seconds() - datetime.datetime.fromisoformat(stamp).replace(tzinfo=_ZONE).timestamp()

    def arrange(self, how: str, value: object) -> None:
        """``set`` to a time, ``jump`` seconds, ``offset`` seconds from true time, or ``speed``. Raises ValueError."""
        shown, true = self.seconds(), self._now()
        match how:
            case "set":
                shown = datetime.datetime.fromisoformat(str(value)).replace(tzinfo=_ZONE).timestamp()
            case "jump":
                shown += float(str(value))
            case "offset":
                shown = true + float(str(value))
            case "speed":
                self.speed = max(0.0, float(str(value)))
            case _:
                raise ValueError("one of set, jump, offset, speed")
        self._shown, self._since = shown, true
        self._moved.set()
        self._moved = asyncio.Event()

    async def sleep(self, seconds: float) -> None:
        """Wait until its time is later by this."""
        until = self.seconds() + seconds
        while (left := until - self.seconds()) > 0:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._moved.wait(), left / self.speed if self.speed else None)
