"""How often somebody may ask, and how often be wrong. In memory, of bounded size: what was least used is forgotten."""

from __future__ import annotations

from collections import OrderedDict
from typing import Generic, TypeVar

from engine.environment import SECOND, Micros

T = TypeVar("T")

#: Entries that a table keeps; an entry takes some 200 bytes.
MOST = 10_000


class _Recent(Generic[T]):
    """A dictionary that forgets what was not used for longest."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._kept: OrderedDict[str, T] = OrderedDict()

    def __len__(self) -> int:
        return len(self._kept)

    def get(self, name: str) -> T | None:
        if name in self._kept:
            self._kept.move_to_end(name)
        return self._kept.get(name)

    def set(self, name: str, value: T) -> None:
        self._kept[name] = value
        self._kept.move_to_end(name)
        while len(self._kept) > self._most:
            self._kept.popitem(last=False)

    def drop(self, name: str) -> None:
        self._kept.pop(name, None)


class Buckets:
    """Token buckets: ``burst`` at once, ``rate`` a second sustained, for each name."""

    def __init__(self, rate: float, burst: int, most: int = MOST) -> None:
        """Begin full."""
        self._rate, self._burst = rate, float(burst)
        self._kept: _Recent[tuple[float, Micros]] = _Recent(most)

    def __len__(self) -> int:
        return len(self._kept)

    def wait(self, name: str, now: Micros) -> float:
        """Return the seconds until there is one, 0 when there is, and take none."""
        kept = self._kept.get(name)
        if kept is None:
            return 0.0
        tokens = kept[0] + max(0, now - kept[1]) / SECOND * self._rate
        return 0.0 if tokens >= 1 else (1 - tokens) / self._rate

    def take(self, name: str, now: Micros) -> float:
        """Take one; return 0, or the seconds to wait when there is none. ``now`` is a monotonic clock."""
        tokens, at = self._kept.get(name) or (self._burst, now)
        tokens = min(self._burst, tokens + max(0, now - at) / SECOND * self._rate)
        if tokens < 1:
            self._kept.set(name, (tokens, now))
            return (1 - tokens) / self._rate
        self._kept.set(name, (tokens - 1, now))
        return 0.0


class Lockout:
    """After ``tries`` failures a name is locked out: first for ``first``, then twice as long, up to ``longest``.

    Failures are forgotten after ``longest`` without one, or after a success.
    """

    def __init__(
        self, tries: int, first: Micros = 60 * SECOND, longest: Micros = 3600 * SECOND, most: int = MOST
    ) -> None:
        """Begin empty."""
        self._tries, self._first, self._longest = tries, first, longest
        self._kept: _Recent[tuple[int, Micros]] = _Recent(most)

    def __len__(self) -> int:
        return len(self._kept)

    def remaining(self, name: str, now: Micros) -> float:
        """Return for how many seconds ``name`` is locked out; 0 when it is not."""
        failures, last = self._kept.get(name) or (0, now)
        if failures < self._tries:
            return 0.0
        doubled = self._first << min((failures - self._tries), 20)
        return max(0.0, (last + min(doubled, self._longest) - now) / SECOND)

    def failed(self, name: str, now: Micros) -> None:
        """Count a failure."""
        failures, last = self._kept.get(name) or (0, now)
        self._kept.set(name, ((0 if now - last > self._longest else failures) + 1, now))

    def succeeded(self, name: str) -> None:
        """Forget failures."""
        self._kept.drop(name)
