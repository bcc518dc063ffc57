"""The envelope of 004: ``{status, isSuccess, msg, msgDev, response}``, read with numbers or strings alike (H2)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from engine.facts import loads


@dataclass(frozen=True, slots=True)
class Reply:
    """A readable envelope. ``msgDev`` is left in the exchange: it may hold anything."""

    status: str
    success: bool
    message: str
    response: Any


class Unreadable(ValueError):
    """The bytes are no envelope of 004."""


def encode(request: Mapping[str, str]) -> bytes:
    """Return a request's bytes."""
    return json.dumps(request, ensure_ascii=False).encode()


def decode(body: bytes) -> Reply:
    """Read an answer of 004. Raises Unreadable, without showing what was received (G10)."""
    try:
        raw = loads(body)
    except (ValueError, RecursionError):
        raise Unreadable("not JSON") from None
    if not isinstance(raw, dict):
        raise Unreadable("no object")
    message = raw.get("msg")
    return Reply(
        status=_status(raw.get("status")),
        success=_success(raw.get("isSuccess")),
        message=message if isinstance(message, str) else "",
        response=raw.get("response"),
    )


def _status(value: Any) -> str:
    """Return a code that may be a number or text."""
    text = str(value).strip() if isinstance(value, int | str) and not isinstance(value, bool) else ""
    if not (text.isascii() and text.lstrip("-").isdecimal() and len(text) <= 10):
        raise Unreadable("no code in status")
    return str(int(text))


def _success(value: Any) -> bool:
    """Return a flag that may be text: the table of 004 calls it a string, its example shows true."""
    if isinstance(value, str) and value.strip().lower() in ("true", "false"):
        return value.strip().lower() == "true"
    if not isinstance(value, bool):
        raise Unreadable("no flag in isSuccess")
    return value
