"""One action over many visits: what was chosen, and what became of each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from sqlalchemy import delete, func, insert, or_, select, update

from engine.environment import Micros
from storage.registers.database import Database, Sealing, records, table_of, touched
from storage.sealed_columns import BATCHES
from storage.service_tables import BatchItemRow, BatchRow

_batches: Any = table_of(BatchRow)
_items: Any = table_of(BatchItemRow)


@dataclass(frozen=True, slots=True)
class Batch:
    """States: previewed → running → done or stopped. ``token`` is the digest of what confirms it."""

    batch_id: str
    action: str
    arguments: str = field(repr=False)
    chosen: str
    reason: str
    asked_by: str
    origin: str
    token: str = field(repr=False)
    state: str
    created_at: Micros
    expires_at: Micros
    finished_at: Micros | None = None
    worker: str | None = None
    held_until: Micros = 0


@dataclass(frozen=True, slots=True)
class BatchItem:
    """One visit. States: waiting, then done, refused, failed, left_out or approval."""

    batch_id: str
    number: int
    visit_id: str
    request_id: str
    state: str = "waiting"
    code: str | None = None
    message: str | None = None
    at: Micros | None = None


class BatchRegister:
    """Batches and their items."""

    def __init__(self, database: Database) -> None:
        """Keep them in ``database``."""
        self._database = database
        self._sealing = Sealing(database, Batch, BATCHES)

    async def add(self, batch: Batch, items: Sequence[BatchItem]) -> None:
        """Write a batch and its items down."""

        def work(connection: Any) -> None:
            self._sealing.insert(connection, asdict(batch))
            if items:
                connection.execute(insert(_items), [asdict(item) for item in items])

        await self._database.write(work)

    async def get(self, batch_id: str) -> Batch | None:
        """Return a batch."""
        statement = select(_batches).where(_batches.c.batch_id == batch_id)
        return await self._database.read(lambda connection: self._sealing.one(connection, statement))

    async def all(self, before: str | None, limit: int) -> list[Batch]:
        """Return batches, newest first."""
        statement = select(_batches).order_by(_batches.c.batch_id.desc()).limit(limit)
        if before is not None:
            statement = statement.where(_batches.c.batch_id < before)
        return await self._database.read(lambda connection: self._sealing.records(connection, statement))

    async def counts(self, batch_id: str) -> dict[str, int]:
        """Return how many items are in which state."""
        grouped = select(_items.c.state, func.count()).where(_items.c.batch_id == batch_id).group_by(_items.c.state)
        return await self._database.read(lambda connection: {row[0]: row[1] for row in connection.execute(grouped)})

    async def items(self, batch_id: str, after: int = 0, limit: int = 100, state: str | None = None) -> list[BatchItem]:
        """Return items in order."""
        wanted = [_items.c.batch_id == batch_id, _items.c.number > after]
        if state is not None:
            wanted.append(_items.c.state == state)
        statement = select(_items).where(*wanted).order_by(_items.c.number).limit(limit)
        return await self._database.read(lambda connection: records(BatchItem, connection, statement))

    async def change(self, batch_id: str, old: str, new: str, now: Micros, token: str | None = None) -> bool:
        """Move a batch from one state to another; with ``token`` only if it is the one and the preview is fresh."""
        wanted = [_batches.c.batch_id == batch_id, _batches.c.state == old]
        if token is not None:
            wanted += [_batches.c.token == token, _batches.c.expires_at > now]
        finished = {"finished_at": now} if new in ("done", "stopped") else {}
        statement = update(_batches).where(*wanted).values(state=new, **finished)
        return await self._database.write(lambda connection: touched(connection, statement))

    async def claim(self, worker: str, now: Micros, until: Micros) -> Batch | None:
        """Lease a running batch that nobody works on."""
        free = (_batches.c.state == "running", or_(_batches.c.held_until <= now, _batches.c.worker == worker))

        def work(connection: Any) -> Batch | None:
            oldest = select(_batches.c.batch_id).where(*free).order_by(_batches.c.batch_id).limit(1)
            found = connection.execute(self._database.for_update(oldest)).scalar()
            held = update(_batches).where(_batches.c.batch_id == found, *free).values(worker=worker, held_until=until)
            if found is None or not touched(connection, held):
                return None
            return self._sealing.one(connection, select(_batches).where(_batches.c.batch_id == found))

        return await self._database.write(work)

    async def release(self, worker: str) -> None:
        """Give up what a worker holds."""
        mine = update(_batches).where(_batches.c.worker == worker).values(held_until=0)
        await self._database.write(lambda connection: touched(connection, mine))

    async def finish(self, item: BatchItem) -> None:
        """Keep what became of an item."""
        which = (_items.c.batch_id == item.batch_id, _items.c.number == item.number)
        changes = {"state": item.state, "code": item.code, "message": item.message, "at": item.at}
        await self._database.write(lambda connection: touched(connection, update(_items).where(*which).values(changes)))

    async def forget_previews(self, now: Micros) -> None:
        """Forget previews that were never confirmed."""
        stale = select(_batches.c.batch_id).where(_batches.c.state == "previewed", _batches.c.expires_at <= now)

        def work(connection: Any) -> None:
            connection.execute(delete(_items).where(_items.c.batch_id.in_(stale)))
            connection.execute(delete(_batches).where(_batches.c.state == "previewed", _batches.c.expires_at <= now))

        await self._database.write(work)
