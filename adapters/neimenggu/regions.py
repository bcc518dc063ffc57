"""The administrative regions of 002, 5.3: reads ``regions.yaml``."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from adapters.neimenggu.data import load


@cache
def regions() -> Mapping[str, str]:
    """Return the names of the regions by code (six digits), in the document's order."""
    return {raw["code"]: raw["zh"] for raw in load("regions.yaml")["regions"]}


def prefecture_of(code: str) -> str:
    """Return the code of the prefecture that ``code`` lies in, or nothing.

    The odd codes at the end (15 94 00, 15 95 00, 15 99 00) are their own.
    """
    above = f"{code[:4]}00"
    return above if code in regions() and above in regions() else ""
