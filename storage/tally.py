"""How many visits there are of each kind.

Those that are open are few, and found by an index; those that are closed have to be gone through, every one.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select

from engine.store import Status, Store
from storage.memory import MemoryStore
from storage.registers.database import table_of
from storage.sql_store import SqlStore
from storage.tables import VisitRow

_visits: Any = table_of(VisitRow)
OPEN = frozenset(Status) - {Status.CLOSED}
CLOSED = frozenset((Status.CLOSED,))


@dataclass(frozen=True, slots=True)
class Tally:
    """``visits`` of one flow version that are in one state, of one status, for one cause."""

    flow: str
    version: str
    state: str
    status: Status
    cause: str | None
    visits: int


async def tally(store: Store, statuses: frozenset[Status] = OPEN | CLOSED) -> list[Tally]:
    """Return how many visits there are, by flow, version, state, status and cause. Raises StoreError."""
    if isinstance(store, SqlStore):
        columns = [_visits.c[name] for name in ("flow", "version", "state", "status", "cause")]
        statement = select(*columns, func.count()).where(_visits.c.status.in_(sorted(statuses))).group_by(*columns)
        rows = await store.read(lambda connection: [tuple(row) for row in connection.execute(statement)])
        return sorted((Tally(f, v, s, Status(status), c, n) for f, v, s, status, c, n in rows), key=_order)
    assert isinstance(store, MemoryStore)
    chosen = (each for each in store.projections() if each.status in statuses)
    seen = Counter((each.flow, each.version, each.state, each.status, each.cause) for each in chosen)
    return sorted((Tally(*key, count) for key, count in seen.items()), key=_order)


def _order(each: Tally) -> tuple[str, ...]:
    return each.flow, each.version, each.state, each.status.value, each.cause or ""
