"""Cutting off calls that do not end in time: one timer for all of them, because one for each costs more than the call.

A limit is kept to a quarter of a second: it is the second line, behind the adapter's own time-out.
"""

from __future__ import annotations

import asyncio

from engine.environment import SECOND, Micros

#: Seconds between two looks.
TICK = 0.25


class Watch:
    """One watched call. ``expired`` tells, after a cancellation, that the watchdog was the one who cancelled."""

    __slots__ = ("expired", "task", "until")

    def __init__(self, task: asyncio.Task[object], until: float) -> None:
        self.task = task
        self.until = until
        self.expired = False


class Watchdog:
    """Watches the calls of one event loop."""

    def __init__(self) -> None:
        """Begin with nothing to watch."""
        self._watches: set[Watch] = set()
        self._loop: asyncio.AbstractEventLoop | None = None

    def watch(self, limit: Micros) -> Watch:
        """Watch the running task: cancel it when ``limit`` has passed before :meth:`forget`."""
        loop = asyncio.get_running_loop()
        task = asyncio.current_task(loop)
        assert task is not None
        watch = Watch(task, loop.time() + limit / SECOND)
        if self._loop is not loop:  # the first call, or a new loop: nobody looks yet
            self._loop, self._watches = loop, set()
            loop.call_later(TICK, self._look, loop)
        self._watches.add(watch)
        return watch

    def forget(self, watch: Watch) -> None:
        """Watch a call no longer."""
        self._watches.discard(watch)

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        if self._loop is not loop:
            return
        now = loop.time()
        for watch in [each for each in self._watches if each.until <= now]:
            self._watches.discard(watch)
            watch.expired = True
            watch.task.cancel()
        if self._watches:
            loop.call_later(TICK, self._look, loop)
        else:
            self._loop = None
