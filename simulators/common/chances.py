"""Faults by chance, repeatable from a seed: what share of the requests they strike."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any

from simulators.common.faults import Exchange, Fault, Faults

_SOON = 0.05


@dataclass
class Chances:
    """Dice and the share of each kind of fault."""

    shares: Mapping[str, float] = field(default_factory=dict)
    seed: int = 0

    def __post_init__(self) -> None:
        """Begin at the seed."""
        self._dice = Random(self.seed)  # noqa: S311 - dice, not secrets

    @classmethod
    def parse(cls, raw: Any, kinds: Collection[str], seed: int) -> Chances:
        """Read ``{kind: share}`` as the control port got it. Raises ValueError."""
        shares = {str(name): float(share) for name, share in dict(raw).items()}
        if unknown := set(shares) - set(kinds):
            raise ValueError(f"no such fault: {', '.join(sorted(unknown))}")
        if sum(shares.values()) > 1 or min(shares.values(), default=0) < 0:
            raise ValueError("shares are between 0 and 1, and so is their sum")
        return cls(shares, seed)

    def draw(self) -> str | None:
        """Return the kind of fault that strikes now, if one does."""
        if not self.shares:
            return None
        dice = self._dice.random()
        for kind, share in self.shares.items():
            if dice < share:
                return kind
            dice -= share
        return None


@dataclass
class ChanceFaults(Faults):
    """Faults that are set, and others by chance.

    ``group`` says which chances a request is under; ``special`` are kinds that only the peer knows; what comes late
    comes ``delay`` seconds late.
    """

    group: Callable[[Exchange], str] = lambda _: ""
    special: Mapping[str, Fault] = field(default_factory=dict)
    chances: dict[str, Chances] = field(default_factory=dict)
    delay: float = _SOON

    def take(self, exchange: Exchange) -> Fault | None:
        """Return the fault for this request: of those that wait, or by chance."""
        found = super().take(exchange)
        chances = None if found is not None else self.chances.get(self.group(exchange))
        kind = None if chances is None else chances.draw()
        if kind is None:
            return found
        self.struck.append(kind)
        return self.special.get(kind) or Fault(kind, delay=self.delay)
