"""The names of all metrics: ``metrics.yaml``, read once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Literal

from engine.tables import table


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric: its name as Prometheus shows it, its labels in order, and what it says."""

    name: str
    type: Literal["counter", "gauge", "histogram"]
    labels: tuple[str, ...]
    zh: str
    en: str

    @property
    def samples(self) -> tuple[str, ...]:
        """Return the names under which its values are found."""
        if self.type == "histogram":
            return tuple(f"{self.name}_{part}" for part in ("bucket", "count", "sum"))
        return (self.name,)


@cache
def metrics() -> Mapping[str, Metric]:
    """Return all metrics by name."""
    raw = table(__file__, "metrics.yaml")
    return {
        name: Metric(name, each["type"], tuple(each["labels"]), each["zh"], each["en"]) for name, each in raw.items()
    }
