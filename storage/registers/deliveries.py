"""Messages to receivers of webhooks: each written down before it is sent, with every try."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from sqlalchemy import delete, func, insert, select, update

from engine.environment import Micros
from storage.registers.database import Database, Sealing, records, table_of, touched
from storage.registers.feed import moved_on
from storage.sealed_columns import DELIVERIES
from storage.service_tables import DeliveryAttemptRow, DeliveryRow

_deliveries: Any = table_of(DeliveryRow)
_attempts: Any = table_of(DeliveryAttemptRow)


@dataclass(frozen=True, slots=True)
class Delivery:
    """One message. States: pending, delivered, dead. ``number`` counts a visit's messages without gaps."""

    delivery_id: str
    endpoint: str
    visit_id: str
    number: int
    seq: int
    kind: str
    body: str = field(repr=False)
    state: str
    created_at: Micros
    next_at: Micros
    attempts: int = 0
    held_until: Micros = 0
    done_at: Micros | None = None


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try: the receiver's status, or what went wrong."""

    delivery_id: str
    number: int
    at: Micros
    status: int | None
    error: str | None
    millis: int


class DeliveryRegister:
    """Deliveries and their attempts."""

    def __init__(self, database: Database) -> None:
        """Keep them in ``database``."""
        self._database = database
        self._sealing = Sealing(database, Delivery, DELIVERIES)

    async def enqueue(self, reader: str, old: int, new: int, messages: Sequence[Delivery]) -> bool:
        """Write messages down and move the reader of the feed on, both or neither; numbers are given here.

        Returns False when another process has read on meanwhile.
        """

        def work(connection: Any) -> bool:
            if not moved_on(connection, reader, old, new):
                return False
            numbers: dict[str, int] = {}
            rows: list[dict[str, Any]] = []
            for message in messages:
                last = numbers.get(message.visit_id)
                if last is None:
                    same = (_deliveries.c.endpoint == message.endpoint, _deliveries.c.visit_id == message.visit_id)
                    last = connection.execute(select(func.max(_deliveries.c.number)).where(*same)).scalar() or 0
                numbers[message.visit_id] = last + 1
                rows.append(asdict(replace(message, number=last + 1)))
            if rows:
                connection.execute(insert(_deliveries), self._database.sealed(connection, DELIVERIES, rows))
            return True

        return await self._database.write(work)

    async def claim(self, endpoint: str, now: Micros, until: Micros, limit: int) -> list[Delivery]:
        """Lease messages that are due: of each visit only the oldest one that is not delivered."""
        older = _deliveries.alias()
        waits = (
            select(older.c.delivery_id)
            .where(
                older.c.endpoint == _deliveries.c.endpoint,
                older.c.visit_id == _deliveries.c.visit_id,
                older.c.state == "pending",
                older.c.number < _deliveries.c.number,
            )
            .exists()
        )
        due = (
            select(_deliveries.c.delivery_id)
            .where(
                _deliveries.c.endpoint == endpoint,
                _deliveries.c.state == "pending",
                _deliveries.c.next_at <= now,
                _deliveries.c.held_until <= now,
                ~waits,
            )
            .order_by(_deliveries.c.next_at, _deliveries.c.delivery_id)
            .limit(limit)
        )

        def work(connection: Any) -> list[Delivery]:
            ids = list(connection.execute(self._database.for_update(due)).scalars())
            if not ids:
                return []
            mine = _deliveries.c.delivery_id.in_(ids)
            connection.execute(update(_deliveries).where(mine).values(held_until=until))
            return self._sealing.records(
                connection, select(_deliveries).where(mine).order_by(_deliveries.c.delivery_id)
            )

        def read(connection: Any) -> bool:
            return connection.execute(due.limit(1)).first() is not None

        return await self._database.write(work) if await self._database.read(read) else []

    async def tried(self, delivery: Delivery, attempt: Attempt, state: str, next_at: Micros) -> None:
        """Keep a try and what follows from it."""
        changes: dict[str, Any] = {"state": state, "attempts": attempt.number, "next_at": next_at, "held_until": 0}
        if state != "pending":
            changes["done_at"] = attempt.at
        which = _deliveries.c.delivery_id == delivery.delivery_id

        def work(connection: Any) -> None:
            connection.execute(self._database.insert(_attempts).values(asdict(attempt)).on_conflict_do_nothing())
            connection.execute(update(_deliveries).where(which).values(changes))

        await self._database.write(work)

    async def resend(self, delivery_id: str, now: Micros) -> bool:
        """Send a message again, whatever became of it before; its time to be delivered begins anew. Raises Shredded."""
        again = {"state": "pending", "next_at": now, "created_at": now, "held_until": 0, "done_at": None}
        which = _deliveries.c.delivery_id == delivery_id

        def work(connection: Any) -> bool:
            if self._sealing.one(connection, select(_deliveries).where(which)) is None:
                return False
            return touched(connection, update(_deliveries).where(which).values(again))

        return await self._database.write(work)

    async def get(self, delivery_id: str) -> tuple[Delivery, list[Attempt]] | None:
        """Return a message with its tries."""
        statement = select(_deliveries).where(_deliveries.c.delivery_id == delivery_id)
        tries = select(_attempts).where(_attempts.c.delivery_id == delivery_id).order_by(_attempts.c.number)

        def read(connection: Any) -> tuple[Delivery, list[Attempt]] | None:
            found = self._sealing.one(connection, statement)
            return None if found is None else (found, records(Attempt, connection, tries))

        return await self._database.read(read)

    async def all(self, state: str | None, visit_id: str | None, before: str | None, limit: int) -> list[Delivery]:
        """Return messages, newest first."""
        statement = select(_deliveries).order_by(_deliveries.c.delivery_id.desc()).limit(limit)
        for column, wanted in ((_deliveries.c.state, state), (_deliveries.c.visit_id, visit_id)):
            if wanted is not None:
                statement = statement.where(column == wanted)
        if before is not None:
            statement = statement.where(_deliveries.c.delivery_id < before)
        return await self._database.read(lambda connection: self._sealing.records(connection, statement))

    async def counts(self) -> dict[str, int]:
        """Return how many messages are in which state."""
        grouped = select(_deliveries.c.state, func.count()).group_by(_deliveries.c.state)
        return await self._database.read(lambda connection: {row[0]: row[1] for row in connection.execute(grouped)})

    async def forget(self, before: Micros) -> None:
        """Forget what was delivered before; the newest message of a visit stays, so that its numbers go on."""
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
        old = select(_deliveries.c.delivery_id).where(
            _deliveries.c.state == "delivered", _deliveries.c.done_at < before, overtaken
        )

        def work(connection: Any) -> None:
            ids = list(connection.execute(old.limit(500)).scalars())
            connection.execute(delete(_attempts).where(_attempts.c.delivery_id.in_(ids)))
            connection.execute(delete(_deliveries).where(_deliveries.c.delivery_id.in_(ids)))

        await self._database.write(work)
