"""Personal data out of sight: what is not known to be harmless is replaced by its length.

Harmless are amounts (with a point), small numbers, and the members that ``masking.yaml`` lists. A new member is hidden
until somebody lists it: forgetting one shows too little, never too much.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import cache
from typing import Any

from engine.tables import table

_HARMLESS = re.compile(r"-?\d{1,9}\.\d{1,6}|-?\d{1,4}")
_LARGEST = 9_999


@cache
def plain_members() -> frozenset[str]:
    """Return the names of members that are shown as they are."""
    return frozenset(table(__file__, "masking.yaml")["plain"])


def masked(value: Any, name: str = "") -> Any:
    """Return ``value`` with everything hidden that may say who somebody is; members keep their names."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, Mapping):
        return {key: masked(item, key) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [masked(item, name) for item in value]
    if isinstance(value, int) and abs(value) <= _LARGEST:
        return value
    text = str(value)
    return text if name in plain_members() or _HARMLESS.fullmatch(text) else hidden(text)


def masked_text(raw: bytes) -> str:
    """Return a message as text with its values masked; one that is not JSON is hidden whole."""
    try:
        return json.dumps(masked(json.loads(raw)), ensure_ascii=False)
    except (ValueError, RecursionError):
        return hidden(raw.decode("utf-8", "replace"))


def hidden(text: str) -> str:
    """Return the mark that stands for a text."""
    return f"•••({len(text)})" if text else text
