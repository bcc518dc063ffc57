"""What somebody did that no visit's journal holds."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import select

from engine.environment import Micros
from storage.registers.database import Database, Sealing, table_of
from storage.sealed_columns import AUDIT
from storage.service_tables import AuditRow

_audit: Any = table_of(AuditRow)


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """Who did what to what, why, from where, and what came of it. Never a secret, never what was looked at."""

    audit_id: str
    at: Micros
    actor: str
    role: str
    action: str
    target: str
    reason: str
    origin: str
    outcome: str


class AuditRegister:
    """Entries; only ever added."""

    def __init__(self, database: Database) -> None:
        """Keep them in ``database``."""
        self._database = database
        self._sealing = Sealing(database, AuditEntry, AUDIT)

    async def add(self, entry: AuditEntry) -> None:
        """Write an entry down; on return it is durable."""
        await self._database.write(lambda connection: self._sealing.insert(connection, asdict(entry)))

    async def all(self, actor: str | None, action: str | None, before: str | None, limit: int) -> list[AuditEntry]:
        """Return entries, newest first."""
        statement = select(_audit).order_by(_audit.c.audit_id.desc()).limit(limit)
        for column, wanted in ((_audit.c.actor, actor), (_audit.c.action, action)):
            if wanted is not None:
                statement = statement.where(column == wanted)
        if before is not None:
            statement = statement.where(_audit.c.audit_id < before)
        return await self._database.read(lambda connection: self._sealing.records(connection, statement))
