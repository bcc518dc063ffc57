"""What a restored store must not go on with: it is older than the world, and takes itself for the present."""

from __future__ import annotations

from typing import Any

from sqlalchemy import delete, update
from sqlalchemy.engine import Connection

from engine.environment import Micros
from storage.service_tables import ApprovalRow, BatchRow, WebSessionRow
from storage.tables import CounterRow, PeerSessionRow, VisitRow, WorkerRow

_visits: Any = VisitRow.__table__  # type: ignore[attr-defined]
_workers: Any = WorkerRow.__table__  # type: ignore[attr-defined]
_counters: Any = CounterRow.__table__  # type: ignore[attr-defined]
_sessions: Any = PeerSessionRow.__table__  # type: ignore[attr-defined]
_cookies: Any = WebSessionRow.__table__  # type: ignore[attr-defined]
_approvals: Any = ApprovalRow.__table__  # type: ignore[attr-defined]
_batches: Any = BatchRow.__table__  # type: ignore[attr-defined]

#: Numbers given out after the backup was made are given out again unless they are jumped over. Message ids hold the day
#: and six digits of the number: half of them lie between the last one known here and the first one used now.
JUMP = 500_000


def forget_past(connection: Connection, now: Micros) -> dict[str, int]:
    """End what was under way when the backup was made; return how many of each.

    Leases and workers (their processes are of another time), people's sessions, approvals that were not carried out,
    batches (they would resume visits that nobody has compared), logins under way. Counters jump ahead, that of the feed
    as well: a reader that has seen event 900 must not be given another one under that number.
    """
    leased = _visits.c.lease_worker.is_not(None)
    free = {"lease_worker": None, "lease_until": None, "wake_at": _visits.c.due_at}
    statements = {
        "leases": update(_visits).where(leased).values(free),
        "workers": delete(_workers),
        "web_sessions": delete(_cookies),
        "approvals": update(_approvals).where(_approvals.c.state.in_(["asked", "approved"])).values(state="expired"),
        "batches": update(_batches)
        .where(_batches.c.state.in_(["previewed", "running"]))
        .values(state="stopped", worker=None, held_until=0, finished_at=now),
        "peer_logins": update(_sessions)
        .where(_sessions.c.lease_owner.is_not(None))
        .values(lease_owner=None, lease_until=None),
        "counters": update(_counters).values(next=_counters.c.next + JUMP),
    }
    return {name: int(connection.execute(statement).rowcount) for name, statement in statements.items()}
