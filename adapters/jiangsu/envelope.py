"""The envelope of interface 000: JSON out with money as numbers, JSON in with money as Decimal."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from engine.facts import loads

_BUSINESS = re.compile(r"[0-9A-Za-z_-]{1,14}")


@dataclass(frozen=True, slots=True)
class Reply:
    """A readable envelope."""

    success: bool
    code: int | None
    message: str
    data: Any
    business: str


class Unreadable(ValueError):
    """The bytes are no envelope of 000."""


def encode(body: Mapping[str, Any]) -> bytes:
    """Return the request's bytes; Decimal becomes a JSON number with its own decimals (J24)."""
    return to_json(body).encode()


def to_json(value: Any) -> str:
    """Return ``value`` as JSON; Decimal becomes a number with its own decimals (J24)."""
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, Mapping):
        return "{" + ",".join(f"{json.dumps(str(k), ensure_ascii=False)}:{to_json(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ",".join(to_json(item) for item in value) + "]"
    return json.dumps(value, ensure_ascii=False)


def decode(body: bytes) -> Reply:
    """Read an answer of 000. Raises Unreadable, without showing what was received (G10)."""
    try:
        raw = loads(body)
    except (ValueError, RecursionError):
        raise Unreadable("not JSON") from None
    if not isinstance(raw, dict) or not isinstance(raw.get("success"), bool):
        raise Unreadable("no member success")
    return Reply(
        success=raw["success"],
        code=_code(raw.get("code")),
        message=str(raw.get("message") or raw.get("businessErrorMsg") or ""),
        data=raw.get("data"),
        business=_business(raw.get("businessErrorCode")),
    )


def _code(value: Any) -> int | None:
    """Return a code that may be a number or text; None when it is neither."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value
    if isinstance(value, str) and value.strip().isdecimal():
        return int(value)
    return None


def _business(value: Any) -> str:
    """Return a business code; nothing when it is no code, which might be words about a person (G10)."""
    text = str(value) if isinstance(value, int | str) and not isinstance(value, bool) else ""
    return text if _BUSINESS.fullmatch(text) else ""
