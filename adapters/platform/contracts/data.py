"""Reads the data files that stand beside this module."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.resources import files
from typing import Any

from ruamel.yaml import YAML

_HERE = files("adapters.platform.contracts")


def load(name: str) -> dict[str, Any]:
    """Return what stands in the file ``name``. Raises ValueError (ruamel) for a key that stands twice."""
    # Pure: the C reader would take a duplicate key for the last one said.
    raw: dict[str, Any] = YAML(typ="safe").load(_HERE.joinpath(name).read_text(encoding="utf-8"))
    return raw


def chapters() -> Iterator[str]:
    """Return the names of the chapter files, in order."""
    return iter(sorted(each.name for each in _HERE.iterdir() if each.name.startswith("chapter-")))
