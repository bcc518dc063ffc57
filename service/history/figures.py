"""The figures of a period: one table a topic, the same for command line, API and console."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Any

from service.errors import UnknownThing
from service.history.meanings import meaning_of
from storage.history import questions
from storage.history.questions import Period
from storage.registers import HistoryRegister


class Kind(StrEnum):
    """What a column holds, hence how it is written."""

    TEXT = "text"
    COUNT = "count"
    MS = "ms"  #: milliseconds; None: nothing to tell
    MONEY = "money"  #: yuan as text with two decimals
    SHARE = "share"  #: per cent with one decimal
    ENDING = "ending"  #: one of the words of service.words
    OUTCOME = "outcome"
    HOW = "how"
    VERDICT = "verdict"
    CAUSE = "cause"
    AMOUNT = "amount"  #: kind of money


Columns = Mapping[str, Kind]
Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Figures:
    """One table. Rows hold the columns by name, values as JSON takes them: money is text (G9)."""

    topic: str
    columns: Columns
    rows: list[Row]

    def as_dict(self) -> dict[str, Any]:
        """Return it for programs."""
        return {"topic": self.topic, "columns": dict(self.columns), "rows": self.rows}


@dataclass(frozen=True, slots=True)
class Asking:
    """What is asked: of which facts, for which days, in which language, and how many rows where there may be many."""

    history: HistoryRegister
    period: Period
    language: str = "zh"
    limit: int = 20


#: Returns the rows of a topic, in the order of its columns.
Ask = Callable[[Asking], Awaitable[list[Sequence[Any]]]]

_SPREAD: Columns = {"p50": Kind.MS, "p90": Kind.MS, "p99": Kind.MS, "longest": Kind.MS}
_COUNTS = dict.fromkeys(("visits", "steps", "failures", "doubts", "stops"), Kind.COUNT)
_T, _C = Kind.TEXT, Kind.COUNT

VISITS: Columns = {"flow": _T, "ending": Kind.ENDING, **_COUNTS}
DAYS: Columns = {"day": _T, "flow": _T, "visits": _C, "stuck": _C, "cancelled": _C}
WHOLE: Columns = {"flow": _T, "visits": _C, **_SPREAD}
DURATIONS: Columns = {"flow": _T, "trigger": _T, "operation": _T, "adapter": _T, "calls": _C, **_SPREAD}
FAILURES: Columns = {
    **{"flow": _T, "adapter": _T, "operation": _T, "outcome": Kind.OUTCOME, "code": _T, "category": _T},
    **{"times": _C, "visits": _C, "share": Kind.SHARE, "upto": Kind.SHARE, "meaning": _T},
}
PATHS: Columns = {"flow": _T, "path": _T, "ending": Kind.ENDING, "visits": _C, "share": Kind.SHARE}
DOUBTS: Columns = {
    **{"flow": _T, "adapter": _T, "operation": _T, "how": Kind.HOW, "verdict": Kind.VERDICT, "doubts": _C},
    **_SPREAD,
    **{"asked": _C, "looks": _C},
}
STOPS: Columns = {"flow": _T, "cause": Kind.CAUSE, "stops": _C, **_SPREAD, "lasting": _C}
MONEY: Columns = {
    **{"day": _T, "flow": _T, "kind": Kind.AMOUNT, "changes": _C},
    **{"added": Kind.MONEY, "taken_back": Kind.MONEY, "amount": Kind.MONEY},
}
UPLOADS: Columns = {"flow": _T, "lines": _C, **_SPREAD, "waiting": _C}


def _plain(question: Callable[[Period], Any]) -> Ask:
    async def ask(asking: Asking) -> list[Sequence[Any]]:
        return [*await asking.history.ask(question(asking.period))]

    return ask


async def _failures(asking: Asking) -> list[Sequence[Any]]:
    """Pareto: the commonest first, with its share and the share of all up to it."""
    found = await asking.history.ask(questions.failures(asking.period))
    total, upto = sum(row[6] for row in found), 0
    rows: list[Sequence[Any]] = []
    for row in found[: asking.limit]:
        upto += row[6]
        _flow, adapter, operation, _outcome, code, _category = row[:6]
        told = (_share(row[6], total), _share(upto, total), meaning_of(adapter, operation, code, asking.language))
        rows.append((*row, *told))
    return rows


async def _paths(asking: Asking) -> list[Sequence[Any]]:
    found = await asking.history.ask(questions.paths(asking.period, asking.limit))
    total = sum(row[2] for row in await asking.history.ask(questions.visits(asking.period)))
    return [(*row, _share(row[3], total)) for row in found]


async def _money(asking: Asking) -> list[Sequence[Any]]:
    found = await asking.history.ask(questions.money(asking.period))
    return [(*row[:4], *(yuan(cents) for cents in row[4:])) for row in found]


#: Topics in the order in which they are shown.
TOPICS: Mapping[str, tuple[Columns, Ask]] = {
    "visits": (VISITS, _plain(questions.visits)),
    "days": (DAYS, _plain(questions.days)),
    "whole": (WHOLE, _plain(questions.whole)),
    "durations": (DURATIONS, _plain(questions.durations)),
    "failures": (FAILURES, _failures),
    "doubts": (DOUBTS, _plain(questions.doubts)),
    "stops": (STOPS, _plain(questions.stops)),
    "paths": (PATHS, _paths),
    "money": (MONEY, _money),
    "uploads": (UPLOADS, _plain(questions.uploads)),
}
#: Topics that list no more rows than they are asked for.
LIMITED = frozenset(("failures", "paths"))


async def figures(topic: str, asking: Asking) -> Figures:
    """Return one table. Raises UnknownThing for a topic that is none, StoreError."""
    if topic not in TOPICS:
        raise UnknownThing(f"no figures {topic[:40]}; there are {', '.join(TOPICS)}", field="topic")
    columns, ask = TOPICS[topic]
    return Figures(topic, columns, [dict(zip(columns, row, strict=True)) for row in await ask(asking)])


def yuan(cents: int) -> str:
    """Return an amount as text with two decimals."""
    return format(Decimal(cents).scaleb(-2), ".2f")


def _share(part: int, whole: int) -> str:
    return format(Decimal(100 * part) / whole, ".1f") if whole else "0.0"
