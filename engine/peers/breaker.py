"""The circuit breaker of one peer: a state machine without clock or I/O.

closed --failures in a row--> paused --time--> one trial --an answer--> closed; silence: paused again, for longer.
A person may hold the peer (no trials) and let it go.
"""

from __future__ import annotations

from enum import StrEnum

from engine.environment import Micros
from engine.peers.settings import BreakerSettings


class State(StrEnum):
    """How a peer is treated."""

    CLOSED = "closed"  #: calls are made
    PAUSED = "paused"  #: left alone until the next trial
    TRIAL = "trial"  #: one call is in the air to see whether the peer is back
    HELD = "held"  #: a person has stopped it


class Breaker:
    """One peer's state as one process sees it. Times are monotonic."""

    def __init__(self, settings: BreakerSettings | None) -> None:
        """Begin closed; without ``settings`` only a person can stop the peer."""
        self._settings = settings
        self.state = State.CLOSED
        self.failures = 0  #: in a row
        self.until: Micros = 0  #: of a pause
        self._pauses = 0

    @property
    def closed(self) -> bool:
        """Tell whether calls are made."""
        return self.state is State.CLOSED

    def may_try(self, now: Micros) -> bool:
        """Tell whether the pause is over, so that one call may find out."""
        return self.state is State.PAUSED and now >= self.until

    def answered(self) -> bool:
        """Take note of an answer to an ordinary call. Returns whether anything changed."""
        self.failures = 0
        return False

    def failed(self, now: Micros) -> bool:
        """Take note of silence after an ordinary call; return whether the peer is left alone from now on."""
        self.failures += 1
        if self._settings is None or self.state is not State.CLOSED or self.failures < self._settings.failures:
            return False
        self._pause(now)
        return True

    def begin_trial(self) -> None:
        """Send one call to see whether the peer is back."""
        self.state = State.TRIAL

    def end_trial(self, now: Micros, answered: bool | None) -> None:
        """Take note of what the trial brought; None: nothing was heard because the process broke it off."""
        if self.state is not State.TRIAL:
            return  # a person decided meanwhile
        if answered:
            self.release()
        elif answered is None:
            self.state, self.until = State.PAUSED, now
        else:
            self.failures += 1
            self._pause(now)

    def hold(self) -> None:
        """Stop the peer until a person lets it go."""
        self.state = State.HELD

    def release(self) -> None:
        """Make calls again."""
        self.state, self.failures, self._pauses, self.until = State.CLOSED, 0, 0, 0

    def _pause(self, now: Micros) -> None:
        settings = self._settings or BreakerSettings()
        length = min(settings.pause * settings.factor ** min(self._pauses, 60), float(settings.longest))
        self.state, self.until = State.PAUSED, now + int(length)
        self._pauses += 1
