"""What reconciliations of any system have in common: differences become the reason why a visit stops, up to a limit."""

from __future__ import annotations

from collections.abc import Iterable

from engine.steps import Disagreement

#: So many disagreements are written into the reason why the visit stopped; all of them are in its data.
MOST_TOLD = 50


def told(found: Iterable[Disagreement]) -> tuple[Disagreement, ...]:
    """Return the first disagreements, and how many more there are."""
    lines = list(found)
    more = len(lines) - MOST_TOLD
    rest = [Disagreement("further differences", "0", str(more))] if more > 0 else []
    return tuple(lines[:MOST_TOLD] + rest)
