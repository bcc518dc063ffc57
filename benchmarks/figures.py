"""What a measurement comes to: figures with their single runs and targets, and words on what limits them."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from benchmarks.apart import Spent


@dataclass(frozen=True, slots=True)
class Target:
    """What is to be reached."""

    bound: float
    at_least: bool = True
    digits: int = 0

    def met(self, value: float) -> bool:
        """Tell whether ``value`` reaches it."""
        return value >= self.bound if self.at_least else value < self.bound

    def __str__(self) -> str:
        return f"{'≥' if self.at_least else '<'} {self.bound:,.{self.digits}f}"


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure; what is told is the median of its runs."""

    what: str
    runs: Sequence[float]
    digits: int = 0
    target: Target | None = None

    @property
    def median(self) -> float:
        """Return the middle run."""
        return statistics.median(self.runs)

    @property
    def met(self) -> bool | None:
        """Tell whether the target is met; None without one."""
        return None if self.target is None else self.target.met(self.median)

    def shown(self, value: float) -> str:
        """Return a value as the page shows it."""
        return f"{value:,.{self.digits}f}"


@dataclass(slots=True)
class Part:
    """One part of the page."""

    name: str
    title: str
    figures: list[Figure] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    limits: str = ""
    measured: str = ""  #: when, and on what
    table: list[tuple[str, ...]] = field(default_factory=list)  #: a further table, its heading first

    def add(self, what: str, runs: Sequence[float], digits: int = 0, target: Target | None = None) -> Figure:
        """Add a figure and return it."""
        figure = Figure(what, list(runs), digits, target)
        self.figures.append(figure)
        return figure

    def as_json(self) -> dict[str, Any]:
        """Return all of it in JSON types."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Part:
        """Return what :meth:`as_json` was made of."""
        figures = []
        for each in value["figures"]:
            target = each["target"] and Target(**each["target"])
            figures.append(Figure(each["what"], each["runs"], each["digits"], target))
        return cls(**value | {"figures": figures, "table": [tuple(row) for row in value["table"]]})


def ratios(ours: Sequence[float], theirs: Sequence[float]) -> list[float]:
    """Return the ratio of each run to the one that was made beside it."""
    return [one / other for one, other in zip(ours, theirs, strict=True)]


def occupied(spent: Sequence[Spent], steps: int) -> str:
    """Say how busy the process was: what it waits for is the disk, or the server."""
    seconds, cpu, own = (sum(getattr(each, name) for each in spent) for name in ("seconds", "cpu", "own"))
    a_step = 1e6 / (steps * len(spent))
    return (
        f"{cpu * a_step:,.0f} µs of processor a step (event loop {own * a_step:,.0f}, other threads"
        f" {(cpu - own) * a_step:,.0f}) while {seconds * a_step:,.0f} µs pass: {100 * cpu / seconds:.0f} % of one core"
    )
