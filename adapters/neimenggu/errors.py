"""What a code of 002, 5.2 says about the call it answers: reads ``errors.yaml``, which explains its columns."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from typing import Any

from adapters.neimenggu.data import load
from engine.outcomes import Category


class Kind(StrEnum):
    """What a code says about whether the call took effect."""

    OK = "ok"
    RETRY_LATER = "retry_later"  #: nothing happened; the same call again, later
    RELOGIN = "relogin"  #: nothing happened; log in, the same call again
    LOGIN_CONFLICT = "login_conflict"  #: nothing happened; the user is logged in under another session
    REFUSED = "refused"  #: nothing happened; the category says why
    IN_DOUBT = "in_doubt"  #: it may have happened


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a code means; ``category`` matters where it is refused."""

    kind: Kind
    category: Category
    zh: str
    en: str


@dataclass(frozen=True, slots=True)
class Row:
    """One row of 5.2."""

    code: str
    meaning: Meaning
    operations: frozenset[str]  #: that answer with it; empty: the document describes no such interface

    def speaks_of(self, operation: str) -> bool:
        """Say whether the group of this row is about ``operation``."""
        return operation in self.operations or "*" in self.operations


@dataclass(frozen=True, slots=True)
class Group:
    """One table of 5.2."""

    number: str
    zh: str
    en: str
    rows: tuple[Row, ...]


UNKNOWN = Meaning(Kind.IN_DOUBT, Category.BUSINESS, "未知错误码", "unknown code")
_GOAL = (Category.ALREADY_DONE, Category.NOTHING_TO_UNDO)
_CATEGORY = {
    Kind.RETRY_LATER: Category.LATER,
    Kind.RELOGIN: Category.CREDENTIALS,
    Kind.LOGIN_CONFLICT: Category.CREDENTIALS,
}
#: The label that most texts begin with (``A201006-``, ``XD310002--``, ``T220001``), and what ends a sentence.
_LABEL = re.compile(r"^[A-Z]{1,2}\d+-*")
_MARKS = re.compile(r"[\s!！.。,，;；\"]+")


@cache
def error_groups() -> tuple[Group, ...]:
    """Return the tables of 5.2 in the document's order."""
    return tuple(_group(raw) for raw in load("errors.yaml")["groups"])


def meaning(operation: str, code: object, text: object = "") -> Meaning:
    """Return what ``code`` with ``text`` means as the answer to ``operation``.

    ``code`` may be a number or text of digits. Two codes stand in the table twice, with different texts: the text
    decides, then the operation. What cannot be told is in doubt (G8). That something is done already, or is not there
    to be undone, is believed only of the operation that the row's group is about (N21).
    """
    rows = _by_code().get(_digits(code), ())
    row = rows[0] if len(rows) == 1 else _told_apart(rows, operation, text)
    if row is None:
        return UNKNOWN
    found = row.meaning
    if found.category in _GOAL and not row.speaks_of(operation):
        return Meaning(found.kind, Category.BUSINESS, found.zh, found.en)
    return found


def _told_apart(rows: tuple[Row, ...], operation: str, text: object) -> Row | None:
    said = _plain(text)
    by_text = [row for row in rows if said and _plain(row.meaning.zh) == said]
    for candidates in (by_text, [row for row in rows if row.speaks_of(operation)]):
        if len(candidates) == 1:
            return candidates[0]
    alike = len({(row.meaning.kind, row.meaning.category) for row in rows}) == 1
    return rows[0] if alike else None


def _digits(code: object) -> str:
    """Return a code as the table writes it, or nothing: "00" is not "0", and 0.0 is no code."""
    return str(code).strip() if isinstance(code, int | str) and not isinstance(code, bool) else ""


def _plain(text: object) -> str:
    return _MARKS.sub("", _LABEL.sub("", text.strip())) if isinstance(text, str) else ""


@cache
def _by_code() -> Mapping[str, tuple[Row, ...]]:
    found: dict[str, tuple[Row, ...]] = {}
    for row in _rows():
        found[row.code] = (*found.get(row.code, ()), row)
    return found


def _rows() -> Iterator[Row]:
    for group in error_groups():
        yield from group.rows


def _group(raw: Mapping[str, Any]) -> Group:
    operations = frozenset(raw["operations"])
    rows = tuple(Row(str(each["code"]), _meaning(each), operations) for each in raw["rows"])
    return Group(raw["number"], raw["zh"], raw["en"], rows)


def _meaning(raw: Mapping[str, Any]) -> Meaning:
    told = raw["class"]
    if told in set(Category):
        return Meaning(Kind.REFUSED, Category(told), raw["zh"], raw["en"])
    kind = Kind(told)
    return Meaning(kind, _CATEGORY.get(kind, Category.BUSINESS), raw["zh"], raw["en"])
