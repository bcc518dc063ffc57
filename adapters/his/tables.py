"""The interfaces and codes of 004: reads ``interfaces.yaml`` and ``errors.yaml``, which explain their columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from engine.adapter import Operation
from engine.outcomes import Category, Effect
from engine.tables import table


class Type(StrEnum):
    """What a field holds."""

    TEXT = "text"
    MONEY = "money"
    LIST = "list"


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a request or a reply; ``of``: the fields of a list's rows."""

    name: str
    type: Type
    zh: str
    en: str
    required: bool = False
    also: tuple[str, ...] = ()
    of: tuple[Field, ...] = ()


@dataclass(frozen=True, slots=True)
class Interface:
    """One interface of 004."""

    operation: str
    method: str
    path: str
    zh: str
    en: str
    effect: Effect
    undo: str
    doubt: tuple[str, ...]
    source: str
    request: tuple[Field, ...]
    reply: tuple[Field, ...]


class ErrorClass(StrEnum):
    """What a code says about whether the call took effect."""

    OK = "ok"
    STALE = "stale"  #: nothing happened: log in anew, the same call once more
    REFUSED = "refused"
    IN_DOUBT = "in_doubt"


class LogInClass(StrEnum):
    """What a code says as the answer to a log-in."""

    OK = "ok"
    REFUSED = "refused"  #: the same again would be refused again: a person
    NOT_SENT = "not_sent"


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a code means."""

    kind: ErrorClass
    log_in: LogInClass
    zh: str
    en: str
    why: str
    category: Category = Category.BUSINESS


UNKNOWN = Meaning(ErrorClass.IN_DOUBT, LogInClass.NOT_SENT, "未知错误码", "a code that 004 does not have", "not in 004")


def _load(name: str) -> dict[str, Any]:
    raw: dict[str, Any] = table(__file__, name)
    return raw


def _fields(rows: Sequence[Mapping[str, Any]]) -> tuple[Field, ...]:
    return tuple(
        Field(
            **{
                **row,
                "type": Type(row["type"]),
                "also": tuple(row.get("also", ())),
                "of": _fields(row.get("of", ())),
            }
        )
        for row in rows
    )


def _interface(raw: Mapping[str, Any]) -> Interface:
    read = {"effect": Effect(raw["effect"]), "doubt": tuple(raw["doubt"])}
    return Interface(**{**raw, **read, "request": _fields(raw["request"]), "reply": _fields(raw["reply"])})


def _meaning(raw: Mapping[str, Any]) -> Meaning:
    kind, log_in = ErrorClass(raw["class"]), LogInClass(raw["log_in"])
    return Meaning(kind, log_in, raw["zh"], raw["en"], raw["why"], Category(raw.get("category", "business")))


#: The table, by operation.
INTERFACES: Mapping[str, Interface] = {
    row.operation: row for row in map(_interface, _load("interfaces.yaml")["interfaces"])
}
#: The codes of 004.
ERRORS: Mapping[str, Meaning] = {str(raw["code"]): _meaning(raw) for raw in _load("errors.yaml")["codes"]}
#: What the adapter offers the engine; it logs in by itself.
OPERATIONS: Mapping[str, Operation] = {
    row.operation: Operation(row.operation, row.effect, row.zh, row.en)
    for row in INTERFACES.values()
    if row.operation != "log_in"
}


def meaning(code: str) -> Meaning:
    """Return what ``code`` means; one that 004 does not have is in doubt (G8)."""
    return ERRORS.get(code, UNKNOWN)
