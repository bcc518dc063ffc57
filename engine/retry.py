"""When to try again: exponential back-off with jitter, a cap, a total time and a number of attempts."""

from __future__ import annotations

from engine.definitions import Retry
from engine.environment import Micros


def delay(policy: Retry, attempts: int, chance: float) -> Micros:
    """Return the wait after ``attempts`` calls (1 or more); ``chance`` in [0, 1) takes off up to ``policy.jitter``."""
    exponent = min(max(attempts - 1, 0), 60)
    full = min(policy.first * policy.factor**exponent, float(policy.cap))
    return int(full * (1 - policy.jitter * chance))


def next_try(policy: Retry, started_at: Micros, attempts: int, now: Micros, chance: float) -> Micros | None:
    """Return when the next attempt is due; None when attempts or total time are used up."""
    if policy.attempts is not None and attempts >= policy.attempts:
        return None
    at = now + delay(policy, attempts, chance)
    return None if at - started_at > policy.total else at
