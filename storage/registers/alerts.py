"""What is wrong, since when, and who has been told: rows, so that a restart neither forgets nor tells everything again.

States: ``pending`` (seen, not for long enough), ``firing``, ``resolved`` (over, and to be told or told), ``lapsed``
(over before anybody was told). Of each rule and subject at most one row is open.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any

from sqlalchemy import delete, or_, select, update

from engine.environment import Micros
from storage.registers.database import Database, records, table_of, touched
from storage.service_tables import AlertRow

_alerts: Any = table_of(AlertRow)
OPEN = ("pending", "firing")


@dataclass(frozen=True, slots=True)
class Alert:
    """One thing that is wrong, or was."""

    alert_id: str
    rule: str
    subject: str
    severity: str
    state: str
    value: str
    since: Micros
    seen_at: Micros
    fired_at: Micros | None = None
    over_at: Micros | None = None
    told: int = 0
    told_at: Micros | None = None
    attempts: int = 0
    next_at: Micros | None = None
    held_until: Micros = 0

    @property
    def key(self) -> str:
        """Return what it is about: rule and subject."""
        return f"{self.rule}|{self.subject}"


def _values(alert: Alert) -> dict[str, Any]:
    return asdict(alert) | {"open_key": alert.key if alert.state in OPEN else None}


class AlertRegister:
    """Alerts, open and past."""

    def __init__(self, database: Database) -> None:
        """Keep them in ``database``."""
        self._database = database

    async def open(self) -> list[Alert]:
        """Return what is wrong now, oldest first."""
        found = select(_alerts).where(_alerts.c.open_key.is_not(None)).order_by(_alerts.c.alert_id)
        return await self._database.read(lambda connection: records(Alert, connection, found))

    async def latest(self, limit: int) -> list[Alert]:
        """Return alerts, open and past, newest first."""
        found = select(_alerts).order_by(_alerts.c.alert_id.desc()).limit(limit)
        return await self._database.read(lambda connection: records(Alert, connection, found))

    async def begin(self, alert: Alert) -> bool:
        """Write a new one down; False when another process has just done so."""
        statement = self._database.insert(_alerts).values(_values(alert))
        return await self._database.write(
            lambda connection: touched(connection, statement.on_conflict_do_nothing(index_elements=["open_key"]))
        )

    async def change(self, old: Alert, **changes: Any) -> bool:
        """Change one that still stands as it was read; False when another process was first."""
        new = replace(old, **changes)
        statement = (
            update(_alerts)
            .where(
                _alerts.c.alert_id == old.alert_id,
                _alerts.c.state == old.state,
                _alerts.c.seen_at == old.seen_at,
                _alerts.c.told == old.told,
                _alerts.c.attempts == old.attempts,
            )
            .values(_values(new) | {"held_until": _alerts.c.held_until})
        )
        return await self._database.write(lambda connection: touched(connection, statement))

    async def claim(self, now: Micros, until: Micros, limit: int) -> list[Alert]:
        """Lease alerts of which a message is due."""
        due = (
            select(_alerts.c.alert_id)
            .where(_alerts.c.next_at <= now, _alerts.c.held_until <= now)
            .order_by(_alerts.c.next_at)
            .limit(limit)
        )

        def work(connection: Any) -> list[Alert]:
            ids = list(connection.execute(self._database.for_update(due)).scalars())
            if not ids:
                return []
            mine = _alerts.c.alert_id.in_(ids)
            connection.execute(update(_alerts).where(mine).values(held_until=until))
            return records(Alert, connection, select(_alerts).where(mine))

        return await self._database.write(work)

    async def told(self, alert: Alert, now: Micros, next_at: Micros | None) -> None:
        """Note that the message was accepted. Where the alert has ended meanwhile, the message of its end stays due."""
        same = _alerts.c.state == alert.state
        values = {"told": _alerts.c.told + 1, "told_at": now, "attempts": 0, "held_until": 0}

        def work(connection: Any) -> None:
            mine = _alerts.c.alert_id == alert.alert_id
            if not touched(connection, update(_alerts).where(mine, same).values(**values, next_at=next_at)):
                connection.execute(update(_alerts).where(mine).values(**values))

        await self._database.write(work)

    async def failed(self, alert: Alert, next_at: Micros | None) -> None:
        """Note that a message was not accepted; None gives it up."""
        values = {"attempts": _alerts.c.attempts + 1, "next_at": next_at, "held_until": 0}
        statement = update(_alerts).where(_alerts.c.alert_id == alert.alert_id, _alerts.c.state == alert.state)
        freed = update(_alerts).where(_alerts.c.alert_id == alert.alert_id).values(held_until=0)

        def work(connection: Any) -> None:
            if not touched(connection, statement.values(values)):
                connection.execute(freed)

        await self._database.write(work)

    async def forget(self, before: Micros) -> None:
        """Forget what was over before, and of which nothing is due."""
        over = delete(_alerts).where(
            _alerts.c.open_key.is_(None),
            _alerts.c.over_at < before,
            or_(_alerts.c.next_at.is_(None), _alerts.c.next_at < before),
        )
        await self._database.write(lambda connection: connection.execute(over) and None)
