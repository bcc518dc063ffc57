"""Reads the data files that stand beside this module."""

from __future__ import annotations

from importlib.resources import files
from typing import Any

from ruamel.yaml import YAML


def load(name: str) -> dict[str, Any]:
    """Return what stands in the file ``name``, a path below this package."""
    text = files("adapters.neimenggu").joinpath(name).read_text(encoding="utf-8")
    raw: dict[str, Any] = YAML(typ="safe").load(text)
    return raw
