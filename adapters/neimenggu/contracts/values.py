"""Single values on their way out: each checker returns the text for the wire, or raises Bad with what is wrong.

No message repeats a value (G10).
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable
from decimal import Decimal
from typing import TypeGuard

from adapters.neimenggu.contracts.tables import Member

Checker = Callable[[object], str]
#: How long a text is: by characters or by bytes.
Length = Callable[[str], int]

#: Also as databases and BigDecimal write numbers: ".5", "0E-10". Out they go in plain digits.
_NUMBER = re.compile(r"[+-]?(\d{1,60}(\.\d{0,60})?|\.\d{1,60})(E[+-]?\d{1,2})?", re.ASCII | re.IGNORECASE)
_DIGITS = re.compile(r"\d+", re.ASCII)
_MD5 = re.compile(r"[0-9A-F]{32}")
_FILE = re.compile(r"[0-9a-f]{64}")
_DATE = re.compile(r"(\d{4})-(\d\d)-(\d\d)", re.ASCII)
_DAY = re.compile(r"(\d{4})(\d\d)(\d\d)", re.ASCII)
#: Several things with commas in between: half-width ones, and nothing empty.
_ITEMS = re.compile(r"[^,，、;；\s]+(,[^,，、;；\s]+)*")
#: Half a character, which no encoding can carry.
_LONE = re.compile("[\ud800-\udfff]")
_MOST_DIGITS = 60
_MOST_BITS = 200


class Bad(ValueError):
    """What is wrong with a value, without the value."""


def checker(member: Member, length: Length, unit: str) -> Checker:
    """Return what checks one value of ``member``; ``unit`` says what ``length`` counts."""
    match member.kind:
        case "text":
            return _text(member.size[0], length, unit) if member.size else _as_text
        case "items":
            return _items(_text(member.size[0], length, unit))
        case "code":
            return _code(member.codes, member.table)
        case "decimal":
            return _decimal(*member.size)
        case "integer":
            return _integer(*member.size)
        case "date":
            return _date(_DATE, "yyyy-mm-dd")
        case "day":
            return _date(_DAY, "yyyymmdd")
        case "md5":
            return _pattern(_MD5, "is no MD5 of 32 upper-case hexadecimal digits")
        case "file":
            return _pattern(_FILE, "is not the id of a file")
    raise ValueError(f"{member.kind} is never sent")


def _as_text(value: object) -> str:
    if isinstance(value, str) and (value.isascii() or not _LONE.search(value)):
        return value
    if _is_int(value):
        return str(value)
    raise Bad("is no text")


def _text(most: int, length: Length, unit: str) -> Checker:
    def check(value: object) -> str:
        text = _as_text(value)
        if length(text) > most:
            raise Bad(f"is longer than {most} {unit}")
        return text

    return check


def _items(text_of: Checker) -> Checker:
    def check(value: object) -> str:
        text = text_of(value)
        if not _ITEMS.fullmatch(text):
            raise Bad("is no list with commas (,) in between")
        return text

    return check


def _code(codes: frozenset[str], table: str) -> Checker:
    def check(value: object) -> str:
        text = _as_text(value)
        if text not in codes:
            raise Bad(f"is not in table {table}")
        return text

    return check


def _pattern(pattern: re.Pattern[str], wrong: str) -> Checker:
    def check(value: object) -> str:
        if not isinstance(value, str) or not pattern.fullmatch(value):
            raise Bad(wrong)
        return value

    return check


def _integer(most: int) -> Checker:
    def check(value: object) -> str:
        text = _as_text(value)
        if not _DIGITS.fullmatch(text) or len(text) > most:
            raise Bad(f"is no whole number of at most {most} digits")
        return text

    return check


def _date(form: re.Pattern[str], shown: str) -> Checker:
    def check(value: object) -> str:
        found = form.fullmatch(value) if isinstance(value, str) else None
        try:
            if found is None:
                raise ValueError
            datetime.date(int(found[1]), int(found[2]), int(found[3]))
        except ValueError:
            raise Bad(f"is no date {shown}") from None
        return found[0]

    return check


def to_number(value: object) -> Decimal:
    """Return a finite number of sensible size. Raises Bad: a float (G9), or what is no number."""
    number = value
    if (isinstance(value, str) and _NUMBER.fullmatch(value)) or _is_int(value):
        number = Decimal(value)
    if isinstance(number, Decimal) and number.is_finite() and -_MOST_DIGITS < number.adjusted() < _MOST_DIGITS:
        return number
    raise Bad("is no decimal number")


def _is_int(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool) and value.bit_length() < _MOST_BITS


def _decimal(digits: int, places: int) -> Checker:
    def check(value: object) -> str:
        whole, _, fraction = format(to_number(value), "f").partition(".")
        if len(fraction) > places:
            if fraction[places:].strip("0"):
                raise Bad(f"has more than {places} decimals")
            fraction = fraction[:places]
        if len(whole.lstrip("-0")) > digits - places:
            raise Bad(f"has more than {digits - places} digits before the point")
        return f"{whole}.{fraction}" if fraction else whole

    return check
