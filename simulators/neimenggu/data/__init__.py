"""What stands in data files: code tables, error texts, regions, members, codes by rule, the invented world."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from simulators.common import tables


def load(name: str) -> dict[str, Any]:
    """Return the data of one file."""
    found: dict[str, Any] = tables.read(Path(__file__).with_name(f"{name}.yaml"))
    return found


_TABLES = load("tables")
CODES: dict[str, dict[str, str]] = _TABLES["codes"]
ERRORS: dict[int, str] = _TABLES["errors"]
REGIONS: dict[str, str] = _TABLES["regions"]
