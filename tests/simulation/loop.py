"""An event loop whose time is a number, whose order is the seed's, and whose processes can be stopped or killed.

A simulated process is a context variable: every task and callback that it started carries it. A killed process's
callbacks are never run again, so it ends at whatever await it had reached, without a ``finally`` being executed. A
stopped one's are put aside until it goes on.
"""

from __future__ import annotations

import asyncio
import contextvars
import heapq
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.simulation.fate import Fate

_PROCESS: contextvars.ContextVar[Process | None] = contextvars.ContextVar("process", default=None)


#: A schedule takes about two thousand turns; one that takes so many goes round in circles.
MOST_TURNS = 60_000


class Idle(RuntimeError):
    """Nothing will ever happen again and somebody still waits, or it never ends."""


@dataclass
class Process:
    """One simulated process. ``dies_after`` counts callbacks: a death at any await."""

    name: str
    alive: bool = True
    stopped_until: float = 0.0
    dies_after: int | None = None
    steps: int = 0
    left_over: list[asyncio.Handle] = field(default_factory=list)

    def start(self, work: Callable[[], Any]) -> asyncio.Task[Any]:
        """Run a coroutine function as a part of this process."""
        context = contextvars.copy_context()
        context.run(_PROCESS.set, self)
        return asyncio.get_running_loop().create_task(work(), context=context)


def current() -> Process | None:
    """Return the process that is running now; None: the world itself."""
    return _PROCESS.get()


def outside() -> contextvars.Context:
    """Return a context that belongs to no process: what is on the wire lives on when its sender dies."""
    return contextvars.Context()


class World(asyncio.BaseEventLoop):
    """The loop."""

    _ready: Any
    _scheduled: list[Any]

    def __init__(self, fate: Fate) -> None:
        super().__init__()
        self.fate = fate
        self.order = random.Random(fate.seed)  # which of the callbacks that are due runs first
        self.elapsed = 0.0
        self.turns = 0
        self.set_exception_handler(lambda _loop, _context: None)

    def time(self) -> float:
        """Return seconds since the beginning of the schedule."""
        return self.elapsed

    def _process_events(self, event_list: Any) -> None:
        """Do nothing: there are no sockets."""

    def _write_to_self(self) -> None:
        """Do nothing: there are no threads."""

    def _run_once(self) -> None:
        while self._scheduled:
            first = self._scheduled[0]
            if first._cancelled:
                heapq.heappop(self._scheduled)._scheduled = False
            elif first._when <= self.elapsed:
                handle = heapq.heappop(self._scheduled)
                handle._scheduled = False
                self._ready.append(handle)
            elif self._ready:
                break
            else:
                self.elapsed = first._when
        if not self._ready:
            raise Idle
        self.turns += 1
        if self.turns > MOST_TURNS:
            raise Idle("it never comes to rest")
        if len(self._ready) > 1:
            self._ready.rotate(-self.order.randrange(len(self._ready)))
        handle = self._ready.popleft()
        if not handle._cancelled:
            self._run(handle)

    def _run(self, handle: asyncio.Handle) -> None:
        process: Process | None = handle._context.get(_PROCESS)  # type: ignore[attr-defined]
        if process is None:
            handle._run()
        elif not process.alive:
            process.left_over.append(handle)  # kept, so that nothing of it is tidied up
        elif process.stopped_until > self.elapsed:
            self.call_at(process.stopped_until, self._put_back, handle, context=outside())
        else:
            process.steps += 1
            handle._run()
            if process.dies_after is not None and process.steps >= process.dies_after:
                process.alive = False

    def _put_back(self, handle: asyncio.Handle) -> None:
        self._ready.append(handle)
