"""Members of a request against their table: filled, of their form, no longer than they may be."""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from typing import Any

from simulators.neimenggu.data import CODES, load
from simulators.neimenggu.refusals import Refusal

#: Rule and the member that breaks it; returns what is raised.
Refuse = Callable[[str, str], Refusal]
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_DAY = re.compile(r"\d{8}", re.ASCII)
_WHOLE = re.compile(r"\d+", re.ASCII)


def text(value: Any) -> str:
    """Return a member as text: null is empty, numbers are as they are written. Raises TypeError."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value.strip()
    if isinstance(value, int | Decimal) and not isinstance(value, bool):
        return str(value)
    raise TypeError


@lru_cache(maxsize=4096)
def date(value: str) -> datetime.date | None:
    """Return a date yyyy-mm-dd."""
    return _read(value, _DATE)


def day(value: str) -> datetime.date | None:
    """Return a date yyyymmdd."""
    return _read(value, _DAY)


def _read(value: str, form: re.Pattern[str]) -> datetime.date | None:
    try:
        return datetime.date.fromisoformat(value) if form.fullmatch(value) else None
    except ValueError:
        return None


def _is_date(value: str) -> bool:
    return date(value) is not None


def _is_day(value: str) -> bool:
    return day(value) is not None


_FORMS: dict[str, Callable[[str], object]] = {"date": _is_date, "day": _is_day, "whole": _WHOLE.fullmatch}


def _number(digits: int, scale: int) -> Callable[[str], object]:
    """Return what knows numbers of so many digits, some of them after the point."""
    return re.compile(rf"-?0*\d{{1,{digits - scale}}}(\.\d{{1,{scale}}})?", re.ASCII).fullmatch


@dataclass(frozen=True)
class _Field:
    name: str
    length: int
    empty: str
    long: str
    wrong: str
    fits: Callable[[str], object] | None

    @classmethod
    def read(cls, name: str, raw: Any) -> _Field:
        raw = {"length": raw} if isinstance(raw, int) else raw
        fits: Callable[[str], object] | None = None
        if "codes" in raw:
            fits = CODES[raw["codes"]].__contains__
        elif "form" in raw:
            fits = _FORMS[raw["form"]]
        elif "number" in raw:
            fits = _number(*raw["number"])
        return cls(
            name=name,
            length=raw.get("length", 40),
            empty=raw.get("empty", ""),
            long=raw.get("long", "length"),
            wrong=raw.get("wrong", "form"),
            fits=fits,
        )


class Table:
    """The members of one object."""

    def __init__(self, raw: Mapping[str, Any]) -> None:
        """``raw`` as in data/fields.yaml."""
        self.fields = tuple(_Field.read(name, each) for name, each in raw.items())
        self._required = tuple(each for each in self.fields if each.empty)

    def check(self, sent: Any, refuse: Refuse) -> dict[str, str]:
        """Return the members as texts. What is empty is refused before what is wrong. Raises Refusal."""
        if not isinstance(sent, dict):
            raise refuse("form", "object")
        for field in self._required:
            if sent.get(field.name) in (None, ""):
                raise refuse(field.empty, field.name)
        found = {}
        for field in self.fields:
            value = sent.get(field.name)
            if isinstance(value, str):
                written = value.strip()
            else:
                try:
                    written = text(value)
                except TypeError:
                    raise refuse(field.wrong, field.name) from None
            if not written:
                if field.empty:
                    raise refuse(field.empty, field.name)
            elif len(written) > field.length:
                raise refuse(field.long, field.name)
            elif field.fits is not None and not field.fits(written):
                raise refuse(field.wrong, field.name)
            found[field.name] = written
        return found


def rows(sent: Mapping[str, Any], wrapper: str, name: str) -> list[Any]:
    """Return the list in ``{wrapper: {name: [...]}}``; one object instead of a list is a list of one.

    Raises TypeError when it is neither.
    """
    outer = sent.get(wrapper)
    if outer is None or outer == "":
        return []
    inner = outer.get(name) if isinstance(outer, dict) else outer
    if inner is None or inner == "":
        return []
    if isinstance(inner, dict):
        return [inner]
    if not isinstance(inner, list):
        raise TypeError(wrapper)
    return inner


def member(sent: Mapping[str, Any], name: str) -> str:
    """Return one member as text; what is no text is empty."""
    try:
        return text(sent.get(name))
    except TypeError:
        return ""


TABLES: dict[str, Table] = {name: Table(raw) for name, raw in load("fields").items()}


def missing(sent: Mapping[str, Any], names: Iterable[str]) -> str | None:
    """Return the first member that is empty."""
    return next((name for name in names if not member(sent, name)), None)
