"""How many visits there are of each kind: one question to the store, whatever its size."""

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


@dataclass(frozen=True, slots=True)
class Tally:
    """``visits`` of one flow version that are in one state, of one status, for one cause."""

    flow: str
    version: str
    state: str
    status: Status
    cause: str | None
    visits: int


async def tally(store: Store) -> list[Tally]:
    """Return how many visits there are, by flow, version, state, status and cause. Raises StoreError."""
    if isinstance(store, SqlStore):
        columns = [_visits.c[name] for name in ("flow", "version", "state", "status", "cause")]
        statement = select(*columns, func.count()).group_by(*columns)
        rows = await store.read(lambda connection: [tuple(row) for row in connection.execute(statement)])
        return sorted((Tally(f, v, s, Status(status), c, n) for f, v, s, status, c, n in rows), key=_order)
    assert isinstance(store, MemoryStore)
    seen = Counter((each.flow, each.version, each.state, each.status, each.cause) for each in store.projections())
    return sorted((Tally(*key, count) for key, count in seen.items()), key=_order)


def _order(each: Tally) -> tuple[str, ...]:
    return each.flow, each.version, each.state, each.status.value, each.cause or ""
