"""JSON as 003 writes it: amounts are Decimal in both directions, never binary floats (G9)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any


def loads(text: str | bytes) -> Any:
    """Read JSON; numbers with a point become Decimal. ValueError if it is none, or nests too deep for Python."""
    try:
        return json.loads(text, parse_float=Decimal, parse_constant=_refuse)
    except RecursionError:
        raise ValueError("the JSON nests too deep") from None


def _refuse(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


def dumps(value: Any) -> str:
    """Write JSON; a Decimal becomes a number with exactly its own digits, Chinese stays Chinese."""
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{dumps(str(name))}: {dumps(each)}" for name, each in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(dumps, value)) + "]"
    return json.dumps(value, ensure_ascii=False, allow_nan=False)
