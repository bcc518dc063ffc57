"""What has had its time: raw exchanges, delivered messages, old audit entries, and answers to requests.

Exchanges of a visit that is not closed, or was moved lately, stay whatever their age: a dispute may need them. Journals
are not deleted, they are the truth (G4): closed ones are shredded, which leaves that they were, and when (ADR 36).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, delete, func, select
from sqlalchemy.engine import Connection

from engine.environment import Micros
from engine.store import Status
from storage.registers.database import Database, table_of
from storage.service_tables import (
    AskedRequestRow,
    AuditRow,
    BatchItemRow,
    BatchRow,
    DeliveryAttemptRow,
    DeliveryRow,
)
from storage.shredding import count_over, over, shred
from storage.tables import ExchangeRow, VisitRow

_visits: Any = table_of(VisitRow)
_exchanges: Any = table_of(ExchangeRow)
_deliveries: Any = table_of(DeliveryRow)
_attempts: Any = table_of(DeliveryAttemptRow)
_requests: Any = table_of(AskedRequestRow)
_audit: Any = table_of(AuditRow)
_batches: Any = table_of(BatchRow)
_items: Any = table_of(BatchItemRow)

#: So many rows go in one transaction, which visits that move wait for.
AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class _Kind:
    """One kind of row: its table, its key, which rows are over at a moment, and the rows that belong to it."""

    table: Any
    key: Any
    over: Callable[[Micros], ColumnElement[bool]]
    belonging: tuple[Any, Any] | None = None  #: table, and its column that names the key


def _exchanged(before: Micros) -> ColumnElement[bool]:
    closed = select(_visits.c.visit_id).where(_visits.c.status == Status.CLOSED.value, _visits.c.updated_at < before)
    over: ColumnElement[bool] = (_exchanges.c.at < before) & _exchanges.c.visit_id.in_(closed)
    return over


def _delivered(before: Micros) -> ColumnElement[bool]:
    """Delivered or given up; the newest of a visit stays, so that its numbers go on."""
    newer = _deliveries.alias()
    overtaken = (
        select(newer.c.delivery_id)
        .where(
            newer.c.endpoint == _deliveries.c.endpoint,
            newer.c.visit_id == _deliveries.c.visit_id,
            newer.c.number > _deliveries.c.number,
        )
        .exists()
    )
    done: ColumnElement[bool] = (_deliveries.c.state != "pending") & (_deliveries.c.done_at < before) & overtaken
    return done


_KINDS: Mapping[str, _Kind] = {
    "exchanges": _Kind(_exchanges, _exchanges.c.exchange_id, _exchanged),
    "deliveries": _Kind(
        _deliveries, _deliveries.c.delivery_id, _delivered, belonging=(_attempts, _attempts.c.delivery_id)
    ),
    "audit": _Kind(_audit, _audit.c.audit_id, lambda before: _audit.c.at < before),
    "requests": _Kind(_requests, _requests.c.request_id, lambda before: _requests.c.expires_at < before),
    "batches": _Kind(
        _batches,
        _batches.c.batch_id,
        lambda before: _batches.c.state.in_(["done", "stopped"]) & (_batches.c.finished_at < before),
        belonging=(_items, _items.c.batch_id),
    ),
}
#: Whole visits: not deleted, but made unreadable.
JOURNALS = "journals"
KINDS = (*_KINDS, JOURNALS)


class RetentionRegister:
    """Counts and deletes what is older than it may become."""

    def __init__(self, database: Database) -> None:
        """Look after ``database``."""
        self._database = database

    async def count(self, kind: str, before: Micros) -> int:
        """Return how many rows, or visits, would go."""
        if kind == JOURNALS:
            return await self._database.read(lambda connection: count_over(connection, before))
        chosen = _KINDS[kind]
        statement = select(func.count()).select_from(chosen.table).where(chosen.over(before))
        return await self._database.read(lambda connection: int(connection.execute(statement).scalar_one()))

    async def shred(self, before: Micros, now: Micros) -> list[str]:
        """Shred up to :data:`AT_ONCE` visits that were closed before; return which. None: nothing is left to do."""
        chosen = await self._database.read(lambda connection: over(connection, before, AT_ONCE))
        return await self._database.write(lambda connection: shred(connection, chosen, before, now)) if chosen else []

    async def forget(self, kind: str, before: Micros) -> int:
        """Delete up to :data:`AT_ONCE` rows and what belongs to them; return how many. 0: nothing is left to do."""
        chosen = _KINDS[kind]
        which = select(chosen.key).where(chosen.over(before)).limit(AT_ONCE)

        def work(connection: Connection) -> int:
            ids = list(connection.execute(which).scalars())
            if ids:
                if chosen.belonging is not None:
                    table, column = chosen.belonging
                    connection.execute(delete(table).where(column.in_(ids)))
                connection.execute(delete(chosen.table).where(chosen.key.in_(ids)))
            return len(ids)

        return await self._database.write(work)
