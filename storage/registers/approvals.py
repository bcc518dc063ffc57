"""Actions that wait for a second person."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.engine import Connection

from engine.environment import Micros
from storage.registers.database import Database, Sealing, table_of, touched
from storage.sealed_columns import APPROVALS
from storage.service_tables import ApprovalRow

_approvals: Any = table_of(ApprovalRow)


@dataclass(frozen=True, slots=True)
class Approval:
    """One request. States: asked → approved → done or failed; asked → refused or expired."""

    approval_id: str
    visit_id: str
    action: str
    arguments: str = field(repr=False)
    state: str
    asked_by: str
    asked_at: Micros
    reason: str
    origin: str
    expires_at: Micros
    seq: int
    decided_by: str | None = None
    decided_at: Micros | None = None
    remark: str | None = None


class ApprovalRegister:
    """Approvals, newest first."""

    def __init__(self, database: Database) -> None:
        """Keep them in ``database``."""
        self._database = database
        self._sealing = Sealing(database, Approval, APPROVALS)

    async def ask(self, approval: Approval) -> None:
        """Write a request down."""
        await self._database.write(lambda connection: self._sealing.insert(connection, asdict(approval)))

    async def get(self, approval_id: str) -> Approval | None:
        """Return a request."""
        statement = select(_approvals).where(_approvals.c.approval_id == approval_id)
        return await self._database.read(lambda connection: self._sealing.one(connection, statement))

    async def all(self, state: str | None, visit_id: str | None, before: str | None, limit: int) -> list[Approval]:
        """Return requests, newest first."""
        statement = select(_approvals).order_by(_approvals.c.approval_id.desc()).limit(limit)
        for column, wanted in ((_approvals.c.state, state), (_approvals.c.visit_id, visit_id)):
            if wanted is not None:
                statement = statement.where(column == wanted)
        if before is not None:
            statement = statement.where(_approvals.c.approval_id < before)
        return await self._database.read(lambda connection: self._sealing.records(connection, statement))

    async def decide(self, approval_id: str, state: str, by: str, at: Micros, remark: str) -> bool:
        """Decide an open request. False, changing nothing, when it is not open, has expired, or is one's own."""
        mine = (_approvals.c.approval_id == approval_id, _approvals.c.state == "asked", _approvals.c.asked_by != by)
        statement = update(_approvals).where(*mine, _approvals.c.expires_at > at)
        changes = {"state": state, "decided_by": by, "decided_at": at, "remark": remark}
        return await self._database.write(lambda connection: self._change(connection, statement, approval_id, changes))

    async def finish(self, approval_id: str, state: str, remark: str | None = None) -> None:
        """Say what became of an approved request."""
        mine = (_approvals.c.approval_id == approval_id, _approvals.c.state == "approved")
        changes = {"state": state} | ({} if remark is None else {"remark": remark})
        statement = update(_approvals).where(*mine)
        await self._database.write(lambda connection: self._change(connection, statement, approval_id, changes))

    def _change(self, connection: Connection, statement: Any, approval_id: str, changes: dict[str, Any]) -> bool:
        """Change a request, its remark sealed under its visit's key."""
        of = select(_approvals.c.visit_id).where(_approvals.c.approval_id == approval_id)
        place = {"approval_id": approval_id, "visit_id": connection.execute(of).scalar()}
        if place["visit_id"] is None:
            return False
        sealed = self._sealing.sealed(connection, place | changes)
        return touched(connection, statement.values({name: sealed[name] for name in changes}))

    async def expire(self, now: Micros) -> None:
        """Close requests that nobody decided in time."""
        late = (_approvals.c.state == "asked", _approvals.c.expires_at <= now)
        await self._database.write(
            lambda connection: touched(connection, update(_approvals).where(*late).values(state="expired"))
        )
