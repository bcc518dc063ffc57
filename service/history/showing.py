"""Figures as people read them: headings and cells, Chinese first."""

from __future__ import annotations

from typing import Any

from service.history.figures import Kind
from service.words import Topic, word

NOTHING = "–"
_TOPICS = {Kind.OUTCOME: Topic.OUTCOME, Kind.VERDICT: Topic.VERDICT, Kind.CAUSE: Topic.CAUSE}
_SECOND, _MINUTE, _HOUR, _DAY = 1000, 60_000, 3_600_000, 86_400_000
_NUMBERS = (Kind.COUNT, Kind.MS, Kind.MONEY, Kind.SHARE)


def cell(kind: Kind, value: Any, language: str) -> str:
    """Return a value as it is shown."""
    if kind is Kind.HOW and not value:
        return word(Topic.HISTORY, "how_open", language)
    if value is None or value == "":
        return NOTHING
    match kind:
        case Kind.COUNT:
            return f"{value:,}"
        case Kind.MS:
            return duration(value)
        case Kind.SHARE:
            return f"{value} %"
        case Kind.MONEY:
            return _grouped(str(value))
        case Kind.OUTCOME | Kind.VERDICT | Kind.CAUSE:
            return word(_TOPICS[kind], str(value), language)
        case Kind.ENDING | Kind.HOW | Kind.AMOUNT:
            return word(Topic.HISTORY, f"{kind.value}_{value}", language)
        case _:
            return str(value)


def duration(ms: int) -> str:
    """Return milliseconds in the unit in which people say them."""
    for unit, name in ((_DAY, "d"), (_HOUR, "h"), (_MINUTE, "min"), (_SECOND, "s")):
        if ms >= unit:
            return f"{ms / unit:.1f} {name}" if unit > _SECOND else f"{ms / unit:.2f} {name}"
    return f"{ms} ms"


def is_number(kind: Kind) -> bool:
    """Tell whether a column is written to the right."""
    return kind in _NUMBERS


def _grouped(amount: str) -> str:
    whole, _, cents = amount.partition(".")
    return f"{int(whole):,}.{cents}" if whole not in ("-0", "-") else amount
