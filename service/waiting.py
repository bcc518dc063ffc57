"""Fee lines of open visits that wait for a match of their item, whichever flow they belong to."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from engine.commands import Commands
from engine.store import Projection, Status, Store, VisitFilter

_PAGE = 500


@dataclass(frozen=True, slots=True)
class WaitingLine:
    """One line that waits for its item to be matched."""

    line_id: str
    code: str  #: the hospital's
    name: str
    amount: Decimal
    on: str  #: yyyy-mm-dd


@dataclass(frozen=True, slots=True)
class _Ledger:
    """What a system's ledger calls the parts of a line."""

    code: str
    name: str
    amount: str
    on: str


#: The ledgers of flows that match their lines, by the first word of the flow's name; all keep lines under ``fees``.
_LEDGERS: Mapping[str, _Ledger] = {"neimenggu": _Ledger("hospital_code", "name", "amount", "prescribed_on")}


def waiting_lines(flow: str, data: Mapping[str, Any]) -> Iterator[WaitingLine]:
    """Yield the lines of a ledger that lack only their match: not uploaded, taken back, refused or self-paid."""
    ledger = _LEDGERS.get(flow.partition(".")[0])
    if ledger is None:
        return
    for line_id, line in data.get("fees", {}).items():
        sendable = (line.get("outcome") is None or line.get("again")) and not line.get("voided")
        if sendable and line.get("match") is None and line.get("off_catalogue") is None:
            amount, on = Decimal(str(line[ledger.amount])), str(line[ledger.on])[:10]
            yield WaitingLine(line_id, str(line[ledger.code]), str(line.get(ledger.name, "")), amount, on)


async def open_visits(store: Store, system: str) -> AsyncIterator[Projection]:
    """Yield the visits of a system's flows that are not closed, newest first."""
    before: str | None = None
    while page := await store.visits(VisitFilter(limit=_PAGE, before=before)):
        for projection in page:
            if projection.status is not Status.CLOSED and projection.flow.partition(".")[0] == system:
                yield projection
        before = page[-1].visit_id


async def waiting(commands: Commands, store: Store, system: str) -> AsyncIterator[tuple[Projection, list[WaitingLine]]]:
    """Yield open visits that have waiting lines, with them."""
    async for projection in open_visits(store, system):
        report = await commands.report(projection.visit_id)
        if lines := list(waiting_lines(projection.flow, report.visit.data)):
            yield report.projection, lines
