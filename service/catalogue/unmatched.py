"""Which items of the hospital hold up fee lines because the catalogue has no entry for them."""

from __future__ import annotations

import datetime
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from engine.commands import Commands
from engine.store import Projection, Store
from service.waiting import WaitingLine, waiting
from storage import CatalogueStore


@dataclass(slots=True)
class Unmatched:
    """One item without an entry on the days of its lines, and what it holds up."""

    code: str
    name: str
    lines: int = 0
    amount: Decimal = Decimal(0)
    visits: list[str] = field(default_factory=list)  #: as FLOW/KEY
    first: str = ""  #: earliest day of a line
    last: str = ""


async def unmatched(commands: Commands, store: Store, book: CatalogueStore, name: str) -> list[Unmatched]:
    """Return the items that wait, those that hold up most money first."""
    found: dict[str, Unmatched] = {}
    async for visit, lines in waiting(commands, store, name):
        for line in await _without_entry(book, name, lines):
            _add(found.setdefault(line.code, Unmatched(line.code, line.name)), visit, line)
    return sorted(found.values(), key=lambda each: (-abs(each.amount), each.code))


async def _without_entry(book: CatalogueStore, name: str, lines: list[WaitingLine]) -> list[WaitingLine]:
    """Return the lines that have no entry on their day."""
    by_day: dict[str, list[WaitingLine]] = {}
    for line in lines:
        by_day.setdefault(line.on, []).append(line)
    left: list[WaitingLine] = []
    for day, of_day in by_day.items():
        matched = await book.match(name, [line.code for line in of_day], datetime.date.fromisoformat(day))
        left += [line for line in of_day if line.code not in matched]
    return left


def _add(item: Unmatched, visit: Projection, line: WaitingLine) -> None:
    item.lines += 1
    item.amount += line.amount
    item.first = min(item.first or line.on, line.on)
    item.last = max(item.last, line.on)
    if (reference := f"{visit.flow}/{visit.key}") not in item.visits:
        item.visits.append(reference)


def unmatched_view(item: Unmatched) -> dict[str, Any]:
    """Return an item as programs read it."""
    return {
        "code": item.code,
        "name": item.name,
        "lines": item.lines,
        "amount": format(item.amount, "f"),
        "visits": item.visits,
        "first": item.first,
        "last": item.last,
    }
