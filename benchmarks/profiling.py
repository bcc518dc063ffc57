"""Where the event loop's thread spends its time, by file."""

from __future__ import annotations

import cProfile
import pstats
from io import StringIO
from pathlib import Path
from typing import Any

#: Share of all own time, by place, largest first.
Shares = list[tuple[str, float]]
_MOST = 14


def shares(profile: cProfile.Profile) -> Shares:
    """Return the places with the largest own time."""
    entries: dict[Any, Any] = pstats.Stats(profile, stream=StringIO()).stats  # type: ignore[attr-defined]
    places: dict[str, float] = {}
    waiting = 0.0
    for (file, _line, name), entry in entries.items():
        if "poll" in name and "select" in name:  # the loop has nothing to do
            waiting += entry[2]
            continue
        place = _place(file, name)
        places[place] = places.get(place, 0.0) + entry[2]
    total = sum(places.values()) + waiting
    rows = sorted(places.items(), key=lambda item: -item[1])[:_MOST]
    return [(place, share / total) for place, share in [("waiting for something to do", waiting), *rows]]


def _place(file: str, name: str) -> str:
    for room in ("engine", "storage", "benchmarks"):
        if f"/{room}/" in file and "site-packages" not in file:
            return f"`{room}/{Path(file).name}`"
    if "asyncio" in file or "asyncio" in name:
        return "asyncio"
    if "pydantic" in file or "pydantic" in name:
        return "pydantic"
    if "sqlalchemy" in file:
        return "SQLAlchemy"
    return "Python built-ins and the rest"
