"""Simple values, as they come and as they go: one reader and one writer for each type of member."""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from adapters.platform.contracts.codes import TABLES
from adapters.platform.contracts.model import Field, Type
from adapters.platform.contracts.problems import FORMAT, RANGE, TYPE

_NUMBER = re.compile(r"[+-]?(\d{1,30}(\.\d{0,30})?|\.\d{1,30})", re.ASCII)
_DAY = r"(\d{4})-(\d{1,2})-(\d{1,2})"
_TIME = r"(\d{1,2}):(\d{2})(?::(\d{2})(?:\.\d+)?)?"
_MOMENT = re.compile(rf"{_DAY}(?:[ T]{_TIME})?", re.ASCII)
_CLOCK = re.compile(_TIME, re.ASCII)
_COMPACT = re.compile(r"(\d{4})-?(\d{2})-?(\d{2})", re.ASCII)
_WHOLE = re.compile(r"0|[1-9]\d{0,17}", re.ASCII)
_COMMAS = re.compile("[,，]")
#: Larger than any sum of a hospital; what is written longer is a mistake.
_LARGEST = Decimal(10) ** 12
#: Nobody writes more digits before or after the point; ``1e999999999`` must not be written out.
_LONGEST = 30
_TRUTH = {"true": True, "false": False, "1": True, "0": False}


class Unreadable(ValueError):
    """A value is not of its type. Holds no value (G10)."""

    def __init__(self, code: str, reason: str):
        self.code = code
        self.reason = reason
        super().__init__(reason)


def blank(value: Any) -> bool:
    """Whether a value says nothing: ``null``, an empty text."""
    return value is None or (isinstance(value, str) and not value.strip())


def _text(value: Any, field: Field) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        raise Unreadable(TYPE, "expected text")
    return _digits(value)


def _digits(value: int | float | Decimal) -> str:
    """Return a number as it was written; of a float, the shortest text that means it, as it stood in the JSON."""
    if not isinstance(value, Decimal):
        return repr(value)
    if not value.is_finite() or abs(value.adjusted()) > _LONGEST:
        raise Unreadable(RANGE, "the number is too long")
    return f"{value:f}"


def _number(value: Any) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, str | int | float | Decimal):
        raise Unreadable(TYPE, "expected a number")
    text = value.strip() if isinstance(value, str) else _digits(value)
    if not _NUMBER.fullmatch(text):
        raise Unreadable(TYPE, "expected a number")
    return Decimal(text)


def _decimal(value: Any, field: Field, decimals: int) -> Decimal:
    number = _number(value)
    if abs(number) >= _LARGEST:
        raise Unreadable(RANGE, "the number is too large")
    if field.least is not None and number < field.least:
        raise Unreadable(RANGE, f"the number is below {field.least}")
    places = field.decimals if field.decimals is not None else decimals
    rounded = number.quantize(Decimal(1).scaleb(-places))
    if rounded != number:
        raise Unreadable(FORMAT, f"more than {places} decimals")
    return rounded


def _integer(value: Any, field: Field) -> int:
    return int(_decimal(value, field, 0))


def _bool(value: Any, field: Field) -> bool:
    if isinstance(value, bool):
        return value
    try:
        return _TRUTH[str(value).strip().lower()]
    except KeyError:
        raise Unreadable(TYPE, "expected true or false") from None


def _code(value: Any, field: Field) -> str:
    said = _text(value, field)
    if field.table is None:
        return said.strip()
    found = TABLES[field.table].find(said)
    if found is None:
        raise Unreadable(FORMAT, f"no value of the code table {field.table}")
    return found


def _csv(value: Any, field: Field) -> list[str]:
    parts = value if isinstance(value, list) else _COMMAS.split(_text(value, field))
    return [_code(part, field) for part in parts if not blank(part)]


def _day(year: str, month: str, day: str) -> str:
    try:
        return datetime.date(int(year), int(month), int(day)).isoformat()
    except ValueError:
        raise Unreadable(FORMAT, "no such day") from None


def _hour(hour: str, minute: str, second: str | None = None) -> str:
    try:
        moment = datetime.time(int(hour), int(minute), int(second or 0))
    except ValueError:
        raise Unreadable(FORMAT, "no such time") from None
    return f"{moment:%H:%M}" if second is None else f"{moment:%H:%M:%S}"


def _timestamp(value: Any, field: Field) -> str:
    found = _MOMENT.fullmatch(_text(value, field).strip())
    if found is None:
        raise Unreadable(FORMAT, "expected yyyy-MM-dd HH:mm:ss")
    year, month, day, hour, minute, second = found.groups()
    return _day(year, month, day) + (f" {_hour(hour, minute, second)}" if hour else "")


def _minute(value: Any, field: Field) -> str:
    moment = _timestamp(value, field)
    if len(moment) < len("yyyy-MM-dd HH:mm"):
        raise Unreadable(FORMAT, "expected yyyy-MM-dd HH:mm")
    return moment[: len("yyyy-MM-dd HH:mm")]


def _date(value: Any, field: Field) -> str:
    return _timestamp(value, field)[: len("yyyy-MM-dd")]


def _compact(value: Any, field: Field) -> str:
    found = _COMPACT.fullmatch(_text(value, field).strip())
    if found is None:
        raise Unreadable(FORMAT, "expected yyyyMMdd")
    return _day(*found.groups()).replace("-", "")


def _clock(value: Any, field: Field) -> str:
    found = _CLOCK.fullmatch(_text(value, field).strip())
    if found is None:
        raise Unreadable(FORMAT, "expected HH:mm")
    hour, minute, _ = found.groups()
    return _hour(hour, minute)


_READERS: Mapping[Type, Callable[[Any, Field], Any]] = {
    Type.TEXT: _text,
    Type.PERSONAL: _text,
    Type.CODE: _code,
    Type.CSV: _csv,
    Type.MONEY: lambda value, field: _decimal(value, field, 2),
    Type.PRICE: lambda value, field: _decimal(value, field, 4),
    Type.QUANTITY: lambda value, field: _decimal(value, field, 4),
    Type.INTEGER: _integer,
    Type.BOOL: _bool,
    Type.TIMESTAMP: _timestamp,
    Type.MINUTE: _minute,
    Type.DATE: _date,
    Type.COMPACT_DATE: _compact,
    Type.CLOCK: _clock,
    Type.NOTHING: lambda value, field: value,
}


def read(value: Any, field: Field, kind: Type | None = None) -> Any:
    """Return ``value`` as the type of ``field`` (or as ``kind``, its elements) wants it.

    Raises:
        Unreadable: it is none of that type; with the return code that says so.
    """
    return _READERS[kind or field.type](value, field)


def _plain(number: Decimal, least: int) -> Decimal:
    """Return ``number`` without needless zeros, but with at least so many decimals."""
    short = number.normalize()
    exponent = short.as_tuple().exponent
    digits = -exponent if isinstance(exponent, int) else 0
    return number.quantize(Decimal(1).scaleb(-max(digits, least)))


def _amount(value: Decimal, field: Field) -> Decimal | str:
    number = _plain(value, {Type.MONEY: 2, Type.PRICE: 2}.get(field.type, 0))
    return number if field.as_number else f"{number:f}"


def _as_number(value: str, field: Field) -> str | int:
    """Return digits as the number that the example prints, if that loses nothing."""
    whole = value.removeprefix("-")
    return int(value) if field.as_number and _WHOLE.fullmatch(whole) else value


_WRITERS: Mapping[Type, Callable[[Any, Field], Any]] = {
    Type.TEXT: _as_number,
    Type.PERSONAL: _as_number,
    Type.CODE: _as_number,
    Type.CSV: lambda value, field: ",".join(value),
    Type.MONEY: _amount,
    Type.PRICE: _amount,
    Type.QUANTITY: _amount,
    Type.INTEGER: lambda value, field: value if field.as_number else str(value),
}


def write(value: Any, field: Field, kind: Type | None = None) -> Any:
    """Return what goes over the wire for ``value``, which may be a date or a time of Python's.

    Raises:
        Unreadable: it is not of the type of ``field``.
    """
    if isinstance(value, datetime.datetime):
        value = f"{value:%Y-%m-%d %H:%M:%S}"
    elif isinstance(value, datetime.date | datetime.time):
        value = value.isoformat()
    own = kind or field.type
    read_back = read(value, field, own)
    return _WRITERS[own](read_back, field) if own in _WRITERS else read_back
