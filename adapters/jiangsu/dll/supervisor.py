"""Keeps one host process running: started when it is needed, started anew after it died, with pauses that grow."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

import structlog

from adapters.discretion import discreet
from adapters.jiangsu.dll.process import Answer, Host, HostFailed
from engine.environment import SECOND, Micros

log = structlog.get_logger("visitflow.dll")


class NoTurn(Exception):
    """The call did not get its turn, or there is no host for it: nothing was sent. The message says why."""


class Supervisor:
    """The host of one adapter; one call at a time. A DLL that dies again and again is started less and less often."""

    def __init__(self, start: Callable[[], Awaitable[Host]], first_pause: float, longest_pause: float) -> None:
        """``start`` starts a host or raises HostFailed. The first new start comes at once, then after the pauses."""
        self._start = start
        self._first_pause, self._longest_pause = first_pause, longest_pause
        self._lock = asyncio.Lock()
        self._host: Host | None = None
        self._starting: asyncio.Task[Host] | None = None
        self._failures = 0
        self._not_before = 0.0
        self.starts = 0

    @asynccontextmanager
    async def turn(self, left: Callable[[], Micros]) -> AsyncIterator[Host]:
        """Wait for the turn, and give a host that runs. Raises NoTurn."""
        try:
            async with asyncio.timeout(max(left(), 0) / SECOND):
                await self._lock.acquire()
        except TimeoutError:
            raise NoTurn("the DLL was occupied by other calls") from None
        try:
            yield await self._running(left)
        finally:
            self._lock.release()

    def note(self, answer: Answer, *, of_session: bool) -> None:
        """Draw the conclusions for the next start from what a call came to.

        A sign-in (``of_session``) that went well proves nothing: it comes before each call that kills the host.
        """
        if answer.out is not None:
            self._failures = self._failures if of_session else 0
        elif answer.sent:
            self._failed(answer.status)

    async def close(self) -> None:
        """End the host."""
        if self._starting is not None:
            self._starting.cancel()
            with suppress(asyncio.CancelledError, HostFailed):
                await self._starting
        if self._host is not None:
            await self._host.close()
        self._host = self._starting = None

    async def _running(self, left: Callable[[], Micros]) -> Host:
        if self._host is not None and self._host.alive:
            return self._host
        if self._host is not None:
            await self._host.kill()
            self._host = None
        if self._starting is None:
            pause = self._not_before - asyncio.get_running_loop().time()
            if pause > 0:
                raise NoTurn(f"the DLL's host failed {self._failures} times, next start in {pause:.1f} s")
            self.starts += 1
            self._starting = asyncio.ensure_future(self._start())
        # The start may take longer than this call has: it goes on for the next one.
        done, _ = await asyncio.wait({self._starting}, timeout=max(left(), 0) / SECOND)
        if not done:
            raise NoTurn("the DLL is still initialising")
        starting, self._starting = self._starting, None
        try:
            self._host = starting.result()
        except HostFailed as error:
            self._failed(str(error))
            raise NoTurn(str(error)) from None
        log.info("dll_host_started", pid=self._host.pid)
        return self._host

    def _failed(self, why: str) -> None:
        self._failures += 1
        pause = 0.0
        if self._failures > 1:
            pause = min(self._first_pause * 2 ** min(self._failures - 2, 30), self._longest_pause)
        self._not_before = asyncio.get_running_loop().time() + pause
        log.warning("dll_host_failed", failures=self._failures, pause=pause, why=discreet(why))
