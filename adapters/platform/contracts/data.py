"""Reads the data files that stand beside this module."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.resources import files
from typing import Any

from engine.tables import table

_HERE = files("adapters.platform.contracts")


def load(name: str) -> dict[str, Any]:
    """Return what stands in the file ``name``. Raises yaml.YAMLError for a key that stands twice."""
    raw: dict[str, Any] = table(__file__, name)
    return raw


def chapters() -> Iterator[str]:
    """Return the names of the chapter files, in order."""
    return iter(sorted(each.name for each in _HERE.iterdir() if each.name.startswith("chapter-")))
