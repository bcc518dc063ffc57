"""How many visits stand where, and whether each is looked after: for metrics, alerts and the audit.

Only visits that are open are counted by state; those that are closed grow without end and are counted by the index.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from sqlalchemy import and_, case, func, or_, select

from engine.environment import Micros
from engine.store import Status
from storage.listing import OPEN
from storage.memory import MemoryStore
from storage.registers.database import SqlDatabase, table_of
from storage.schema import require_current
from storage.tables import EventRow, VisitRow

_visits: Any = table_of(VisitRow)
_events: Any = table_of(EventRow)
#: What the waiting of a visit is called when a doubt of it is being settled.
_SETTLING = "settling"
#: What it begins with while the next call waits for a peer that does not answer.
_PAUSED = "peer_paused"
_DOUBT = "doubt"


@dataclass(frozen=True, slots=True)
class Standing:
    """So many open visits stand like this; ``changed_at``: when the longest untouched of them last moved."""

    flow: str
    state: str
    status: str
    cause: str | None
    waiting_for: str | None
    count: int
    changed_at: Micros


@dataclass(frozen=True, slots=True)
class Gap:
    """A visit that breaks the rule that each is due, waits for a named thing until a stated time, or is stuck."""

    visit_id: str
    flow: str
    state: str
    status: str
    problem: str  #: a code; docs/observability.md says what each means


class Census(Protocol):
    """What is read of all visits together."""

    async def standings(self) -> list[Standing]:
        """Count open visits."""

    async def closed(self) -> int:
        """Count closed visits."""

    async def doubts(self) -> dict[str, list[Micros]]:
        """Return by flow since when doubts are open: those being settled, and those given to a person."""

    async def due(self, now: Micros) -> tuple[int, Micros]:
        """Return how many visits are due and not taken, and for how long the first of them has been."""

    async def audit(self, now: Micros, grace: Micros, limit: int) -> list[Gap]:
        """Return open visits that are neither due (for at most ``grace``), waiting nor stuck as they should."""

    async def quiet(self, flow: str, states: Sequence[str], before: Micros) -> int:
        """Count open visits in ``states`` of which no event is younger than ``before``."""

    async def check_schema(self) -> None:
        """Raise SchemaOutdated when the database is not as this program needs it."""


class SqlCensus:
    """The census of a database; every query reads open visits only, by the index over status and cause."""

    def __init__(self, database: SqlDatabase) -> None:
        """Read ``database``."""
        self._database = database

    async def standings(self) -> list[Standing]:
        """Count open visits."""
        by = (_visits.c.flow, _visits.c.state, _visits.c.status, _visits.c.cause, _visits.c.waiting_for)
        counted = select(*by, func.count(), func.min(_visits.c.updated_at)).where(_visits.c.status.in_(OPEN))
        return await self._database.read(
            lambda connection: [Standing(*row) for row in connection.execute(counted.group_by(*by))]
        )

    async def closed(self) -> int:
        """Count closed visits."""
        counted = select(func.count()).where(_visits.c.status == Status.CLOSED.value)
        return await self._database.read(lambda connection: int(connection.execute(counted).scalar_one()))

    async def doubts(self) -> dict[str, list[Micros]]:
        """Return since when doubts are open: the last conclusion of a visit in doubt is the one that began it."""
        began = (
            select(_visits.c.flow, func.max(_events.c.at))
            .join(_events, _events.c.visit_id == _visits.c.visit_id)
            .where(
                or_(
                    and_(_visits.c.status == Status.READY.value, _visits.c.waiting_for == _SETTLING),
                    and_(_visits.c.status == Status.READY.value, _visits.c.waiting_for.like(f"%:{_SETTLING}")),
                    and_(_visits.c.status == Status.STUCK.value, _visits.c.cause == _DOUBT),
                ),
                _events.c.kind == "concluded",
            )
            .group_by(_visits.c.visit_id, _visits.c.flow)
        )
        found: dict[str, list[Micros]] = {}
        for flow, at in await self._database.read(lambda connection: list(connection.execute(began))):
            found.setdefault(flow, []).append(at)
        return found

    async def due(self, now: Micros) -> tuple[int, Micros]:
        """Return how many visits are due, and the longest wait; the index over ``wake_at`` answers it."""
        waiting = select(func.count(), func.min(_visits.c.wake_at)).where(_visits.c.wake_at <= now)
        count, first = await self._database.read(lambda connection: connection.execute(waiting).one())
        return int(count), 0 if first is None else max(0, now - first)

    async def audit(self, now: Micros, grace: Micros, limit: int) -> list[Gap]:
        """Return visits that nobody looks after, with the first rule that each breaks."""
        c = _visits.c
        leased = c.lease_until.is_not(None)
        # One that waits for its peer is called when the peer is back, which is before its time.
        called = and_(c.waiting_for.like(f"{_PAUSED}:%"), c.wake_at < c.due_at)
        elsewhen = and_(c.wake_at != c.due_at, or_(c.waiting_for.is_(None), ~called))
        problem = case(
            (and_(c.status == "stuck", c.cause.is_(None)), "stuck_without_cause"),
            (and_(c.status == "waiting", c.waiting_for.is_(None)), "waits_for_nothing"),
            (and_(c.status.in_(("ready", "waiting")), c.due_at.is_(None)), "no_time"),
            (and_(c.status.in_(("ready", "waiting")), c.wake_at.is_(None)), "never_woken"),
            (and_(c.status.in_(("ready", "waiting")), ~leased, elsewhen), "woken_at_another_time"),
            (and_(leased, c.lease_until < now - grace), "lease_ended"),
            (and_(c.status.in_(("ready", "waiting")), ~leased, c.due_at < now - grace), "due_and_not_taken"),
            (c.status.not_in(OPEN), "unknown_status"),
            else_=None,
        )
        # Not ``in OPEN``: a status that nobody knows is what an audit is for.
        found = select(c.visit_id, c.flow, c.state, c.status, problem.label("problem"))
        # Neither != nor an order by id: with both of them every visit there has been would be gone through.
        unclosed = or_(c.status < Status.CLOSED.value, c.status > Status.CLOSED.value)
        found = found.where(unclosed, problem.is_not(None)).limit(limit)
        gaps = await self._database.read(lambda connection: [Gap(*row) for row in connection.execute(found)])
        return sorted(gaps, key=lambda each: each.visit_id)

    async def quiet(self, flow: str, states: Sequence[str], before: Micros) -> int:
        """Count open visits that have been left alone since ``before``."""
        c = _visits.c
        counted = select(func.count()).where(
            c.status.in_(OPEN), c.flow == flow, c.state.in_(states), c.updated_at < before
        )
        return await self._database.read(lambda connection: int(connection.execute(counted).scalar_one()))

    async def check_schema(self) -> None:
        """Raise SchemaOutdated when the database is not as this program needs it."""
        await self._database.read(require_current)


class MemoryCensus:
    """The census of a store in memory."""

    def __init__(self, store: MemoryStore) -> None:
        """Read ``store``."""
        self._store = store

    async def standings(self) -> list[Standing]:
        """Count open visits."""
        found: dict[tuple[Any, ...], Standing] = {}
        for each in self._store.open_visits():
            key = (each.flow, each.state, each.status.value, each.cause, each.waiting_for)
            before = found.get(key)
            count, changed = (0, each.updated_at) if before is None else (before.count, before.changed_at)
            found[key] = Standing(*key, count + 1, min(changed, each.updated_at))
        return list(found.values())

    async def closed(self) -> int:
        """Count closed visits."""
        return self._store.closed_visits()

    async def doubts(self) -> dict[str, list[Micros]]:
        """Return since when doubts are open."""
        found: dict[str, list[Micros]] = {}
        for each in self._store.open_visits():
            if (each.waiting_for or "").split(":")[-1] == _SETTLING or each.cause == _DOUBT:
                ends = [event.at for event in await self._store.journal(each.visit_id) if event.kind == "concluded"]
                found.setdefault(each.flow, []).append(max(ends, default=each.updated_at))
        return found

    async def due(self, now: Micros) -> tuple[int, Micros]:
        """Return how many visits are due, and the longest wait."""
        due = [each.due_at for each in self._store.open_visits() if each.due_at is not None and each.due_at <= now]
        return len(due), now - min(due, default=now)

    async def audit(self, now: Micros, grace: Micros, limit: int) -> list[Gap]:
        """Return visits that nobody looks after."""
        gaps = []
        forgotten = {each.visit_id for each in await self._store.zombies(now, grace)}
        for each in self._store.open_visits():
            problem = None
            if each.status is Status.STUCK:
                problem = "stuck_without_cause" if each.cause is None else None
            elif each.status is Status.WAITING and each.waiting_for is None:
                problem = "waits_for_nothing"
            elif each.due_at is None:
                problem = "no_time"
            elif each.visit_id in forgotten:
                problem = "due_and_not_taken"
            if problem is not None:
                gaps.append(Gap(each.visit_id, each.flow, each.state, each.status.value, problem))
        return gaps[:limit]

    async def quiet(self, flow: str, states: Sequence[str], before: Micros) -> int:
        """Count open visits that have been left alone since ``before``."""
        return sum(
            each.flow == flow and each.state in states and each.updated_at < before
            for each in self._store.open_visits()
        )

    async def check_schema(self) -> None:
        """Do nothing: it is made as it is needed."""
