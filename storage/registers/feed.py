"""All visits' events in one order that every reader sees alike, so that a reader needs to remember one number only.

A journal is ordered by itself; across visits there is no order until somebody makes one. ``publish`` does: it takes
events that stand in journals and not yet in the feed, and numbers them under a lock that is held until the commit. A
reader thus never sees number 8 before number 7, however many processes write. Writers of journals are not touched.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple, Protocol

from sqlalchemy import and_, delete, func, insert, select, update

from engine.environment import Micros
from storage.memory import MemoryStore
from storage.registers.database import Database, MemoryDatabase, record, rows_of, table_of, touched
from storage.service_tables import CursorRow, FeedRow, VisitPatientRow
from storage.tables import CounterRow, EventRow, VisitKeyRow, VisitRow

_visits: Any = table_of(VisitRow)
_events: Any = table_of(EventRow)
_keys: Any = table_of(VisitKeyRow)
_feed: Any = table_of(FeedRow)
_counters: Any = table_of(CounterRow)
_cursors: Any = table_of(CursorRow)
_patients: Any = table_of(VisitPatientRow)

_COUNTER = select(_counters.c.next).where(_counters.c.name == "feed")


@dataclass(frozen=True, slots=True)
class FeedEvent:
    """One event of some visit, at its place in the feed."""

    position: int
    visit_id: str
    flow: str
    key: str
    seq: int
    at: Micros
    kind: str
    payload: str


class PatientOf(NamedTuple):
    """A patient of a visit, by the keyed hash of a number or a name; ``known`` says of which, the surest lowest."""

    patient: str
    visit_id: str
    known: int = 0


class Feed(Protocol):
    """The feed."""

    async def publish(self, limit: int = 200) -> int:
        """Number events of up to ``limit`` visits; return how many. 0 also while another process does it."""

    async def read(self, after: int, limit: int) -> list[FeedEvent]:
        """Return events after a position, in order."""

    async def ends(self) -> tuple[int, int]:
        """Return the first and the last position; (0, 0) for an empty feed."""

    async def cursor(self, name: str) -> int | None:
        """Return how far a reader has come."""

    async def begin(self, name: str, position: int) -> int:
        """Let a reader begin at ``position`` unless it has begun before; return where it is."""

    async def note_patients(self, name: str, old: int, new: int, patients: Sequence[PatientOf]) -> bool:
        """Keep whose visits there are and move the reader on, both or neither. False: another process was quicker."""

    async def visits_of(self, patient: str, limit: int) -> list[str]:
        """Return ids of a patient's visits, newest first."""

    async def prune(self, before: Micros) -> int:
        """Forget events older than ``before`` that all readers have read; return how many."""


class SqlFeed:
    """The feed on the store's database."""

    def __init__(self, database: Database) -> None:
        """Keep it in ``database``."""
        self._database = database

    async def publish(self, limit: int = 200) -> int:
        """Number what is not numbered. The lock on the counter makes the order of numbers the order of commits."""
        unpublished = (
            select(_visits.c.visit_id, _visits.c.seq, _visits.c.published)
            .where(_visits.c.seq > _visits.c.published)
            .order_by(_visits.c.visit_id)
            .limit(limit)
        )

        def work(connection: Any) -> int:
            first = connection.execute(self._database.for_update(_COUNTER)).scalar()
            if first is None:  # another process is at it
                return 0
            rows = connection.execute(self._database.for_update(unpublished)).all()
            found: list[dict[str, Any]] = []
            for visit_id, seq, published in rows:
                new = and_(_events.c.visit_id == visit_id, _events.c.seq > published, _events.c.seq <= seq)
                events = connection.execute(select(_events.c.seq, _events.c.at).where(new))
                found += [{"visit_id": visit_id, "seq": each.seq, "at": each.at} for each in events]
                connection.execute(update(_visits).where(_visits.c.visit_id == visit_id).values(published=seq))
            _number(connection, first, found)
            return len(found)

        return await self._database.write(work) if await self._database.read(_has(unpublished)) else 0

    async def read(self, after: int, limit: int) -> list[FeedEvent]:
        """Return events after a position; those of visits that were shredded are left out."""
        columns = (
            *(_feed.c.position, _feed.c.visit_id, _visits.c.flow, _visits.c.key, _feed.c.seq, _feed.c.at),
            *(_events.c.kind, _events.c.payload),
            *(_keys.c.key_id, _keys.c.body, _keys.c.plain_until),
        )
        same_event = and_(_events.c.visit_id == _feed.c.visit_id, _events.c.seq == _feed.c.seq)
        statement = (
            select(*columns)
            .join(_visits, _visits.c.visit_id == _feed.c.visit_id)
            .join(_events, same_event)
            .outerjoin(_keys, _keys.c.visit_id == _feed.c.visit_id)
            .where(_feed.c.position > after, _keys.c.shredded_at.is_(None))
            .order_by(_feed.c.position)
            .limit(limit)
        )
        while rows := await self._database.read(partial(rows_of, statement=statement)):
            if found := [record(FeedEvent, row) for row in self._database.opened_events(rows)]:
                return found
            statement = statement.where(_feed.c.position > rows[-1]["position"])  # a whole page that cannot be read
        return []

    async def ends(self) -> tuple[int, int]:
        """Return the first and the last position."""
        statement = select(func.min(_feed.c.position), func.max(_feed.c.position))

        def read(connection: Any) -> tuple[int, int]:
            first, last = connection.execute(statement).one()
            return first or 0, last or 0

        return await self._database.read(read)

    async def cursor(self, name: str) -> int | None:
        """Return how far a reader has come."""
        statement = select(_cursors.c.position).where(_cursors.c.name == name)
        return await self._database.read(lambda connection: connection.execute(statement).scalar())

    async def begin(self, name: str, position: int) -> int:
        """Let a reader begin."""
        statement = self._database.insert(_cursors).values(name=name, position=position).on_conflict_do_nothing()
        await self._database.write(lambda connection: touched(connection, statement))
        return await self.cursor(name) or 0

    async def note_patients(self, name: str, old: int, new: int, patients: Sequence[PatientOf]) -> bool:
        """Keep whose visits there are and move the reader on."""

        def work(connection: Any) -> bool:
            if not moved_on(connection, name, old, new):
                return False
            for each in patients:
                kept = self._database.insert(_patients).values(each._asdict())
                connection.execute(kept.on_conflict_do_nothing())
            return True

        return await self._database.write(work)

    async def visits_of(self, patient: str, limit: int) -> list[str]:
        """Return ids of a patient's visits."""
        statement = select(_patients.c.visit_id).where(_patients.c.patient == patient)
        newest = statement.order_by(_patients.c.visit_id.desc()).limit(limit)
        return await self._database.read(lambda connection: list(connection.execute(newest).scalars()))

    async def prune(self, before: Micros) -> int:
        """Forget old events, never one that a reader has still to read nor the last one."""
        read_by_all = select(func.min(_cursors.c.position)).scalar_subquery()
        last = select(func.max(_feed.c.position)).scalar_subquery()
        old = and_(_feed.c.at < before, _feed.c.position < last, _feed.c.position <= func.coalesce(read_by_all, last))
        return await self._database.write(lambda connection: int(connection.execute(delete(_feed).where(old)).rowcount))


class MemoryFeed(SqlFeed):
    """The feed beside a store in memory, whose journals are no tables."""

    def __init__(self, store: MemoryStore, database: MemoryDatabase) -> None:
        """Number the events of ``store``."""
        super().__init__(database)
        self._store = store
        self._published: dict[str, int] = {}

    async def publish(self, limit: int = 200) -> int:
        """Number what is not numbered."""
        found: list[dict[str, Any]] = []
        for projection, events in self._store.everything():
            published = self._published.get(projection.visit_id, 0)
            self._published[projection.visit_id] = len(events)
            found += [{"visit_id": projection.visit_id, "seq": each.seq, "at": each.at} for each in events[published:]]

        def work(connection: Any) -> int:
            _number(connection, connection.execute(_COUNTER).scalar_one(), found)
            return len(found)

        return await self._database.write(work)

    async def read(self, after: int, limit: int) -> list[FeedEvent]:
        """Return events after a position."""
        statement = select(_feed).where(_feed.c.position > after).order_by(_feed.c.position).limit(limit)
        rows = await self._database.read(lambda connection: connection.execute(statement).all())
        found = []
        for row in rows:
            projection = await self._store.get(row.visit_id)
            event = (await self._store.journal(row.visit_id))[row.seq - 1]
            place = (row.position, row.visit_id, projection.flow, projection.key)
            found.append(FeedEvent(*place, event.seq, event.at, event.kind, event.payload))
        return found


def moved_on(connection: Any, name: str, old: int, new: int) -> bool:
    """Move a reader from ``old`` to ``new``; False when it is not at ``old``."""
    where = (_cursors.c.name == name, _cursors.c.position == old)
    return touched(connection, update(_cursors).where(*where).values(position=new))


def _has(statement: Any) -> Any:
    return lambda connection: connection.execute(statement.limit(1)).first() is not None


def _number(connection: Any, first: int, found: list[dict[str, Any]]) -> None:
    """Give events of several visits their positions, oldest first; those of one visit keep their order."""
    if not found:
        return
    found.sort(key=lambda each: (each["at"], each["visit_id"], each["seq"]))
    connection.execute(insert(_feed), [each | {"position": first + index} for index, each in enumerate(found)])
    connection.execute(update(_counters).where(_counters.c.name == "feed").values(next=first + len(found)))
