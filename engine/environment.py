"""The one seam through which time, ids and chance come in, so that tests can own them."""

from __future__ import annotations

import asyncio
import random
import secrets
import time
from typing import Protocol

#: Time is an integer count of microseconds since 1970-01-01 UTC: exact, sortable, the same in every store.
Micros = int
SECOND: Micros = 1_000_000
MINUTE: Micros = 60 * SECOND
HOUR: Micros = 60 * MINUTE
DAY: Micros = 24 * HOUR

_BASE32 = "0123456789abcdefghjkmnpqrstvwxyz"
_PAIRS = [first + second for first in _BASE32 for second in _BASE32]


def time_ordered_id(now: Micros, entropy: int) -> str:
    """Return 26 characters: 11 of ``now`` and 15 of ``entropy`` (75 bits); later ids sort later."""
    value = (now << 75) | (entropy & ((1 << 75) - 1))
    return "".join([_PAIRS[(value >> shift) & 1023] for shift in range(120, -1, -10)])


class Environment(Protocol):
    """Wall clock, monotonic clock, sleeping, ids and randomness."""

    def now(self) -> Micros:
        """Return the wall clock."""

    def monotonic(self) -> Micros:
        """Return a clock that never goes back, not even when the wall clock is set."""

    async def sleep(self, duration: Micros) -> None:
        """Wait for ``duration``."""

    def new_id(self) -> str:
        """Return a new time-ordered id of 26 characters."""

    def random(self) -> float:
        """Return a number in [0, 1), for jitter only."""


class SystemEnvironment:
    """The real thing."""

    def __init__(self) -> None:
        # Ids need to be unique, not secret: one seed from the system, no system call for each.
        self._random = random.Random(secrets.randbits(256))  # noqa: S311

    def now(self) -> Micros:
        """Return the wall clock."""
        return time.time_ns() // 1000

    def monotonic(self) -> Micros:
        """Return the monotonic clock."""
        return time.monotonic_ns() // 1000

    async def sleep(self, duration: Micros) -> None:
        """Wait for ``duration`` on the running event loop."""
        await asyncio.sleep(duration / SECOND)

    def new_id(self) -> str:
        """Return a new time-ordered id."""
        return time_ordered_id(self.now(), self._random.getrandbits(75))

    def random(self) -> float:
        """Return a number in [0, 1)."""
        return self._random.random()
