"""How a runner learns that visits are due. The engine knows what it asks for, not who does it.

A dispatch only brings visits to a runner. Whether a visit is really due, and whose it is, the store decides when it is
claimed (G5): a dispatch may bring a visit late, twice, or to two runners at once, and nothing is done twice.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Protocol

import structlog

from engine.environment import SECOND, Micros
from engine.errors import StoreError
from engine.store import Projection
from engine.trace import where

log = structlog.get_logger("visitflow.runner")


class Desk(Protocol):
    """What a dispatch may ask of the runner that it serves."""

    @property
    def free(self) -> int:
        """Return how many more visits the runner takes now."""

    @property
    def poll(self) -> Micros:
        """Return how often to look for visits that nobody told of."""

    @property
    def held_back(self) -> bool:
        """Tell whether some of what is due waits for others to end, which wakes the dispatch."""

    async def take(
        self, *, among: Sequence[str] | None = None, due: Micros | None = None, most: int | None = None
    ) -> list[Projection]:
        """Lease visits that are due at ``due`` (now) and move them; return them as they were. Raises StoreError.

        ``among``: only these. Never more than there is room for.
        """

    async def until_due(self) -> Micros:
        """Return how long until some visit is due, at most ``poll``; 0 when one is. Raises StoreError."""

    def turned(self) -> None:
        """Note that due visits are being looked for: who watches the runner is told when nobody has for long."""


class Dispatch(Protocol):
    """Brings due visits to one runner."""

    async def run(self, desk: Desk) -> None:
        """Bring visits until cancelled. Whatever else ends it, the runner begins it again."""

    def wake(self) -> None:
        """Hear that something has changed in this process: a visit may be due, or there is room again."""

    def counts(self) -> Mapping[str, int]:
        """Return what it has counted so far, for metrics."""


class Polling:
    """The embedded dispatch: looks into the store when something has changed here, else every ``poll``."""

    def __init__(self) -> None:
        """Begin with nothing known."""
        self._wake = asyncio.Event()
        self._changed = False

    def wake(self) -> None:
        """Look for due visits now."""
        self._changed = True
        self._wake.set()

    def counts(self) -> Mapping[str, int]:
        """Return nothing: the runner counts what it takes."""
        return {}

    async def run(self, desk: Desk) -> None:
        """Look for due visits until cancelled."""
        while True:
            self._wake.clear()
            pause = desk.poll
            try:
                if desk.free > 0:
                    # Something has just changed: claim at once. Else look first: an idle runner writes nothing.
                    changed, self._changed = self._changed, False
                    if changed and await desk.take():
                        self._changed = True
                        continue
                    pause = await desk.until_due()
                    if pause == 0 and await desk.take():
                        continue
                    if desk.held_back:
                        pause = desk.poll
                else:
                    desk.turned()
            except StoreError as error:
                log.warning("claiming_failed", error=error.message)
                pause = desk.poll
            except Exception as error:  # whatever it is: a runner that beats and moves nothing helps nobody
                log.error("dispatch_failed", error=where(error))
                pause = desk.poll
            with suppress(TimeoutError):
                async with asyncio.timeout(max(pause, SECOND // 100) / SECOND):
                    await self._wake.wait()
