"""Replies on their way in: tolerant of everything that does not change what they say."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from adapters.neimenggu.contracts.problems import Unfit
from adapters.neimenggu.contracts.tables import Member, Shape, contracts
from adapters.neimenggu.contracts.values import Bad, to_number
from adapters.neimenggu.interfaces import Interface

#: What every reply may hold beside its contract: the adapter reads it, and a session is nobody else's to see (G10).
_ENVELOPE = ("code", "msg", "resCode", "resMsg", "sessionid")


def read_reply(interface: Interface, body: object) -> dict[str, Any]:
    """Return what a reply says, without code and text.

    Lists stand under their innermost name and are lists, also when the peer sent one object, null, "" or nothing.
    Amounts and quantities are Decimal, numbers of rows int, the rest text. Empty members are left out; unknown ones
    are kept (2.4: members may be added).

    Raises:
        Unfit: what is demanded is missing, or something has not the shape that the contract gives it.
    """
    wrong: list[str] = []
    shape = contracts()[interface.operation].reply
    found = _object(shape, body, "", wrong, set(_ENVELOPE))
    if wrong:
        raise Unfit(wrong)
    return found


def _object(shape: Shape, raw: object, prefix: str, wrong: list[str], taken: set[str]) -> dict[str, Any]:
    if not isinstance(raw, Mapping):
        wrong.append(prefix.rstrip(".") or "reply")
        return {}
    found: dict[str, Any] = {}
    for member in shape.members:
        path = f"{prefix}{member.name}"
        try:
            read = _read(member, _take(member, raw, taken), path, wrong)
        except Bad:
            wrong.append(path)
            continue
        if read is not None:
            found[member.name] = read
        elif member.always:
            wrong.append(path)
    return {name: value for name, value in raw.items() if name not in taken} | found


def _take(member: Member, raw: Mapping[str, Any], taken: set[str]) -> object:
    """Return a member's value wherever it stands: under its name, another name, or in its wrapper.

    Raises:
        Bad: a wrapper that holds something, but not its list. That is not the same as an empty list.
    """
    wrapper = member.within or (f"{member.name}s" if member.kind == "list" else "")
    names = [name for name in (member.name, member.also, wrapper) if name and name in raw]
    taken.update(names)
    if not names:
        return None
    value = raw[names[0]]
    if names[0] != wrapper or not isinstance(value, Mapping) or not value:
        return value
    if member.name not in value:
        raise Bad("a wrapper without its list")
    return value[member.name]


def _read(member: Member, value: object, path: str, wrong: list[str]) -> object:
    match member.kind:
        case "list":
            return _rows(member, value, path, wrong)
        case "one":
            if _nothing(value):
                return None
            return _object(_shape(member), value, f"{path}.", wrong, set())
        case "decimal":
            return None if _nothing(value) else to_number(value.strip() if isinstance(value, str) else value)
        case "count":
            return None if _nothing(value) else _count(value)
    return _text(value)


def _rows(member: Member, value: object, path: str, wrong: list[str]) -> list[dict[str, Any]]:
    rows = value if isinstance(value, list) else [] if _nothing(value) else [value]
    shape = _shape(member)
    return [
        _object(shape, row, f"{path}.{number}.", wrong, set()) for number, row in enumerate(rows) if not _nothing(row)
    ]


def _shape(member: Member) -> Shape:
    if member.shape is None:
        raise TypeError(f"{member.type} has no members")
    return member.shape


def _nothing(value: object) -> bool:
    """Say whether a value is how peers write nothing: null, blanks, an empty list or object."""
    return value is None or (isinstance(value, str) and not value.strip()) or value in ([], {})


def _count(value: object) -> int:
    number = to_number(value.strip() if isinstance(value, str) else value)
    if number < 0 or number != number.to_integral_value():
        raise Bad("is no number of rows")
    return int(number)


def _text(value: object) -> str | None:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | Decimal):
        return format(to_number(value), "f")
    if isinstance(value, str):
        return value or None
    if _nothing(value):
        return None
    raise Bad("is no text")
