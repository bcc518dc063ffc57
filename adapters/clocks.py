"""How far a peer's clock is from ours, as its answers tell: the ``Date`` header, or an operation that says the time."""

from __future__ import annotations

import datetime
import time
from collections.abc import Callable
from email.utils import parsedate_to_datetime
from typing import Protocol, runtime_checkable

from engine.environment import SECOND, Micros


@runtime_checkable
class Clocked(Protocol):
    """An adapter that knows its peer's clock."""

    def clock_ahead(self) -> Micros | None:
        """Return the peer's clock minus ours at its last answer; None as long as it has told nothing."""


class PeerClock:
    """What one peer's answers have told of its clock."""

    def __init__(self, now: Callable[[], float] = time.time) -> None:
        """``now`` is our wall clock, seconds."""
        self._now = now
        self.ahead: Micros | None = None

    def learn_date(self, header: str | None) -> None:
        """Take note of a ``Date`` header; one that cannot be read tells nothing."""
        try:
            told = parsedate_to_datetime(header or "")
            # "-0000" gives a naive time, which is UTC. A Date is cut to the second: half of one on average.
            at = told.replace(tzinfo=told.tzinfo or datetime.UTC).timestamp() + 0.5
        except (ValueError, TypeError, OverflowError):
            return
        self.ahead = int((at - self._now()) * SECOND)

    def learn(self, at: Micros) -> None:
        """Take note of a time that the peer told, to the second."""
        self.ahead = at + SECOND // 2 - int(self._now() * SECOND)
