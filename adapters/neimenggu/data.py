"""Reads the data files that stand beside this module."""

from __future__ import annotations

from typing import Any

from engine.tables import table


def load(name: str) -> dict[str, Any]:
    """Return what stands in the file ``name``, a path below this package."""
    raw: dict[str, Any] = table(__file__, name)
    return raw
