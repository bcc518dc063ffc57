"""How much is measured, and where."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

#: Visits in flight wherever "many" is said.
MANY = 500


@dataclass(frozen=True, slots=True)
class Setting:
    """How much is measured."""

    folder: Path | None
    say: Callable[[str], None]
    runs: int = 3
    visits: int = 10_000  #: with 500 in flight
    alone: int = 300  #: one at a time
    restarted: int = 20_000
    closed: int = 1_000_000
    sized: int = 2_000
    grown: tuple[int, ...] = (0, 1_000_000, 10_000_000)  #: events in the store
    due: int = 100_000  #: at once
    looks: int = 60  #: rounds over the console's pages
    load_seconds: float = 60.0  #: of each rate
    load_search: float = 8.0  #: of each try to find the rate that is sustained

    def quick(self) -> Setting:
        """Return a trial: the figures mean little."""
        return replace(
            self,
            runs=1,
            visits=1000,
            alone=40,
            restarted=1000,
            closed=10_000,
            sized=300,
            grown=(0, 10_000, 100_000),
            due=2000,
            looks=5,
            load_seconds=5,
            load_search=2,
        )
