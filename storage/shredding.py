"""Shredding visits whose time is over: their keys go, and with them what can be read of them, in the same transaction.

What stays of a visit is its line in the lists (flow, state, times, cause), for counting, and its sealed rows, which
nobody can open; also not who has all keys of the vault. A copy of the database made before still has the key (ADR 36).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Select, delete, func, select, update
from sqlalchemy.engine import Connection

from engine.environment import Micros
from engine.store import Status
from storage.keyring import visit_keys
from storage.service_tables import ApprovalRow, DeliveryRow, VisitPatientRow
from storage.tables import ExchangeRow, VisitRow

_visits: Any = VisitRow.__table__  # type: ignore[attr-defined]
_exchanges: Any = ExchangeRow.__table__  # type: ignore[attr-defined]
_patients: Any = VisitPatientRow.__table__  # type: ignore[attr-defined]
_deliveries: Any = DeliveryRow.__table__  # type: ignore[attr-defined]
_approvals: Any = ApprovalRow.__table__  # type: ignore[attr-defined]

#: What still has to be read later: a message that is not delivered, a request that nobody has decided.
_UNDELIVERED = select(_deliveries.c.visit_id).where(_deliveries.c.state == "pending")
_UNDECIDED = select(_approvals.c.visit_id).where(_approvals.c.state.in_(("asked", "approved")))


def _over(what: Any, before: Micros) -> Select[Any]:
    """Select of visits closed before a moment that can still be read; by the index over keys, the oldest first.

    Visits with plain events are left until `rotate-keys` has sealed them: deleting a key hides nothing that is plain.
    """
    return (
        select(what)
        .select_from(visit_keys.join(_visits, _visits.c.visit_id == visit_keys.c.visit_id))
        .where(
            visit_keys.c.key_id > "",
            visit_keys.c.plain_until == 0,
            _visits.c.status == Status.CLOSED.value,
            _visits.c.updated_at < before,
            _visits.c.lease_worker.is_(None),
            visit_keys.c.visit_id.not_in(_UNDELIVERED),
            visit_keys.c.visit_id.not_in(_UNDECIDED),
        )
    )


def count_over(connection: Connection, before: Micros) -> int:
    """Return how many visits would be shredded."""
    return int(connection.execute(_over(func.count(), before)).scalar_one())


def over(connection: Connection, before: Micros, limit: int) -> list[str]:
    """Return ids of up to ``limit`` visits that are to be shredded."""
    oldest = _over(visit_keys.c.visit_id, before).order_by(visit_keys.c.key_id, visit_keys.c.visit_id).limit(limit)
    return list(connection.execute(oldest).scalars())


def shred(connection: Connection, visits: Sequence[str], before: Micros, now: Micros) -> list[str]:
    """Shred those of the visits that are still over; return which.

    Exchanges are sealed by the vault, and a hash of who it was leads to the visit: both are deleted. Events, snapshot,
    approvals and deliveries are under the key.
    """
    still = _over(visit_keys.c.visit_id, before).where(visit_keys.c.visit_id.in_(visits))
    ids = list(connection.execute(still).scalars())
    if ids:
        connection.execute(delete(_exchanges).where(_exchanges.c.visit_id.in_(ids)))
        connection.execute(delete(_patients).where(_patients.c.visit_id.in_(ids)))
        gone = {"key_id": None, "body": None, "shredded_at": now}
        connection.execute(update(visit_keys).where(visit_keys.c.visit_id.in_(ids)).values(gone))
    return ids
