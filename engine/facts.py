"""Facts: what a visit knows, in the JSON types only. Money is written as text, never as a float (G9)."""

from __future__ import annotations

import datetime
import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Any

from pydantic import BeforeValidator, ValidationInfo


class FloatRefused(TypeError):
    """A binary float was about to enter the journal; money is Decimal."""


def normalise(value: Any, path: str = "") -> Any:  # noqa: PLR0912 - one arm a type
    """Return ``value`` in JSON types: Decimal, dates and times as text, sequences as lists.

    Raises:
        FloatRefused: a float is somewhere inside (G9); the message names the path.
        TypeError: a value has no JSON form.
    """
    kind = type(value)
    if kind is dict and _plain(value):
        return value
    if kind is str:
        if not value.isascii() and not _whole(value):
            raise TypeError(f"{path or 'value'} holds half a character (a lone surrogate)")
        return value
    if kind is int or kind is bool or value is None:
        return value
    if kind is dict:
        return {str(key): normalise(item, f"{path}.{key}") for key, item in value.items()}
    if kind is list or kind is tuple:
        return [normalise(item, f"{path}[{index}]") for index, item in enumerate(value)]
    if kind is Decimal:
        if not value.is_finite():
            raise TypeError(f"{path or 'value'} is {value}: not an amount")
        return format(value, "f")
    if isinstance(value, float):
        raise FloatRefused(f"{path or 'value'} is a float; use Decimal")
    if isinstance(value, (datetime.datetime, datetime.date, datetime.time)):
        return value.isoformat()
    if isinstance(value, str):  # StrEnum and other subclasses
        return str(value)
    if isinstance(value, int):
        return int(value)
    if isinstance(value, Mapping):
        return {str(key): normalise(item, f"{path}.{key}") for key, item in value.items()}
    raise TypeError(f"{path or 'value'} is a {kind.__name__}, which has no JSON form")


def _plain(value: dict[Any, Any]) -> bool:
    """Tell whether a dictionary is in its final form already, as most are: flat, plain names, plain values."""
    for name, item in value.items():
        kind = type(item)
        if type(name) is not str or not (
            item is None or kind is bool or kind is int or (kind is str and item.isascii())
        ):
            return False
    return True


def _whole(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def printable(text: str) -> str:
    """Return a peer's words in a form that can be written down: half characters replaced."""
    return text if text.isascii() or _whole(text) else text.encode("utf-8", "replace").decode()


def _from_python(value: Any, info: ValidationInfo) -> Any:
    """Normalise what code hands over; what is read back as JSON was normalised when it was written."""
    return value if info.mode == "json" else normalise(value)


#: A JSON object without floats. As a pydantic field it is normalised on the way in.
Facts = Annotated[dict[str, Any], BeforeValidator(_from_python)]


def merged(target: Any, patch: Mapping[str, Any]) -> dict[str, Any]:
    """Return ``target`` with ``patch`` laid over it (JSON merge patch, RFC 7396); neither argument is changed.

    A value of None takes the member away, an object is merged member by member, anything else replaces.
    """
    found: dict[str, Any] = dict(target) if isinstance(target, Mapping) else {}
    for name, value in patch.items():
        if value is None:
            found.pop(name, None)
        elif isinstance(value, Mapping):
            found[name] = merged(found.get(name), value)
        else:
            found[name] = value
    return found


def patch_between(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    """Return the smallest patch that makes ``new`` of ``old`` (RFC 7396)."""
    patch: dict[str, Any] = {name: None for name in old if name not in new}
    for name, value in new.items():
        before = old.get(name)
        if isinstance(value, Mapping) and isinstance(before, Mapping):
            if inner := patch_between(before, value):
                patch[name] = inner
        elif name not in old or before != value:
            patch[name] = value
    return patch


def dumps(value: Any) -> str:
    """Return the canonical JSON text of normalised facts: sorted keys, no spaces."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False)


def loads(text: str | bytes) -> Any:
    """Read JSON with numbers that have a point as Decimal.

    Raises:
        ValueError: not JSON, or NaN/Infinity inside.
    """
    return json.loads(text, parse_float=Decimal, parse_constant=_refuse_constant)


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")
