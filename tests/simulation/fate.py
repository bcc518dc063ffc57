"""What happens by chance: drawn from a seed, by place and number, so that leaving one thing out changes no other."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

_SPAN = float(1 << 56)


@dataclass
class Fate:
    """All chance of one schedule. ``only`` limits the faults to these: a story that is being shortened."""

    seed: int
    only: frozenset[str] | None = None
    healed: bool = False  #: no more faults: the end of a schedule, when all must come to rest
    struck: list[str] = field(default_factory=list)
    _drawn: Counter[str] = field(default_factory=Counter)

    def draw(self, place: str) -> float:
        """Return a number in [0, 1) that belongs to the next visit of ``place``."""
        self._drawn[place] += 1
        return self._number(f"{place}#{self._drawn[place]}")

    def between(self, place: str, low: float, high: float) -> float:
        """Return a number in [low, high)."""
        return low + (high - low) * self.draw(place)

    def pick(self, place: str, count: int) -> int:
        """Return a number below ``count``."""
        return int(self.draw(place) * count)

    def fault(self, place: str, chance: float, kinds: Sequence[str]) -> str | None:
        """Return what goes wrong this time at ``place``, or None; what strikes is noted by name."""
        self._drawn[place] += 1
        name = f"{place}#{self._drawn[place]}"
        if self.healed or (self.only is not None and name not in self.only):
            return None
        drawn = self._number(name)
        if drawn >= chance:
            return None
        kind = kinds[int(drawn / chance * len(kinds))]
        self.struck.append(f"{name}={kind}")
        return kind

    def _number(self, name: str) -> float:
        digest = hashlib.blake2b(f"{self.seed}:{name}".encode(), digest_size=7).digest()
        return int.from_bytes(digest, "big") / _SPAN


def names(struck: Sequence[str]) -> list[str]:
    """Return the names of faults without what they were."""
    return [each.split("=")[0] for each in struck]
