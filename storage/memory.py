"""The store in memory: the same contract without threads or files, for tests, checkers and simulations."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from engine.environment import Micros
from engine.errors import LeaseLost, UnknownVisit
from engine.store import (
    Append,
    Claim,
    ExchangeRecord,
    FlowRecord,
    Found,
    History,
    Lease,
    NewVisit,
    Projection,
    Snapshot,
    Status,
    StoredEvent,
    StoreFigures,
    VisitFilter,
    Worker,
)


@dataclass(slots=True)
class _Kept:
    projection: Projection
    fingerprint: str
    events: list[StoredEvent]
    exchanges: list[ExchangeRecord] = field(default_factory=list)
    snapshot: Snapshot | None = None
    token: int = 0
    lease: Lease | None = None
    priority: int = 1
    woken: Micros | None = None  #: before its time

    @property
    def wake_at(self) -> Micros | None:
        if self.lease is not None:
            return self.lease.until
        return self.projection.due_at if self.woken is None else self.woken

    @property
    def history(self) -> History:
        after = 0 if self.snapshot is None else self.snapshot.seq
        return History(self.snapshot, tuple(event for event in self.events if event.seq > after))


class MemoryStore:
    """Visits in a dictionary; each method is one atomic step."""

    def __init__(self) -> None:
        """Begin empty."""
        self.figures = StoreFigures()
        self._visits: dict[str, _Kept] = {}
        self._keys: dict[tuple[str, str], str] = {}
        self._workers: dict[str, Worker] = {}
        self._flows: dict[str, FlowRecord] = {}
        self._counters: dict[str, int] = {}

    async def start(self) -> None:
        """Do nothing."""

    async def close(self) -> None:
        """Do nothing: what is in memory stays until the object goes."""

    async def open(self, visit: NewVisit) -> Found:
        """Store a new visit, or return the one that has its flow and key."""
        projection = visit.projection
        name = (projection.flow, projection.key)
        if name in self._keys:
            kept = self._visits[self._keys[name]]
            return Found(kept.projection, kept.fingerprint, False)
        self._keys[name] = projection.visit_id
        kept = self._visits[projection.visit_id] = _Kept(projection, visit.fingerprint, list(visit.events))
        if visit.lease is not None:
            kept.token, kept.lease = visit.lease.token, visit.lease
        kept.priority = visit.priority
        self.figures.commits += 1
        return Found(projection, visit.fingerprint, True)

    def put(self, projection: Projection, history: History) -> None:
        """Set a visit as it is, free of any lease: for checkers that go from situation to situation."""
        kept = _Kept(projection, "", list(history.events), snapshot=history.snapshot)
        self._visits[projection.visit_id] = kept
        self._keys[projection.flow, projection.key] = projection.visit_id

    def everything(self) -> list[tuple[Projection, list[StoredEvent]]]:
        """Return all visits with their journals."""
        return [(kept.projection, kept.events) for kept in self._visits.values()]

    async def claim_due(
        self, worker: str, now: Micros, until: Micros, limit: int, priority: int | None = None
    ) -> list[Claim]:
        """Lease due visits, longest due first."""
        due = [
            kept
            for kept in self._visits.values()
            if kept.wake_at is not None and kept.wake_at <= now and priority in (None, kept.priority)
        ]
        due.sort(key=lambda kept: (kept.wake_at or 0, kept.projection.visit_id))
        return [self._lease(kept, worker, until) for kept in due[:limit]]

    async def wake(self, waiting_for: Sequence[str], now: Micros, limit: int) -> int:
        """Wake free visits before their time."""
        free = [
            kept
            for kept in self._visits.values()
            if kept.projection.waiting_for in waiting_for
            and kept.projection.status is Status.READY
            and kept.lease is None
            and kept.wake_at is not None
            and kept.wake_at > now
        ]
        free.sort(key=lambda kept: (waiting_for.index(kept.projection.waiting_for or ""), kept.projection.due_at or 0))
        for kept in free[:limit]:
            kept.woken = now
        return len(free[:limit])

    async def claim_among(
        self, visits: Sequence[str], worker: str, now: Micros, until: Micros, limit: int
    ) -> list[Claim]:
        """Lease those of ``visits`` that are due."""
        named = [self._visits[visit_id] for visit_id in dict.fromkeys(visits) if visit_id in self._visits]
        due = [kept for kept in named if kept.wake_at is not None and kept.wake_at <= now]
        return [self._lease(kept, worker, until) for kept in due[:limit]]

    async def claim(self, visit_id: str, worker: str, now: Micros, until: Micros) -> Claim | None:
        """Lease one visit."""
        kept = self._kept(visit_id)
        if kept.lease is not None and kept.lease.until > now:
            return None
        return self._lease(kept, worker, until)

    async def append(self, append: Append) -> None:
        """Write one visit's events."""
        kept = self._kept(append.lease.visit_id)
        if kept.token != append.lease.token or kept.projection.seq != append.base_seq:
            raise LeaseLost
        kept.events.extend(append.events)
        kept.exchanges.extend(append.exchanges)
        kept.projection = append.projection
        if append.snapshot is not None:
            kept.snapshot = append.snapshot
        if append.release:
            kept.lease, kept.priority = None, append.priority
        self.figures.commits += 1
        self.figures.appends += 1
        self.figures.events += len(append.events)

    async def renew(self, leases: Sequence[Lease], until: Micros) -> set[str]:
        """Extend leases; return those lost."""
        lost = set()
        for lease in leases:
            kept = self._kept(lease.visit_id)
            if kept.token == lease.token and kept.lease is not None:
                kept.lease = replace(kept.lease, until=until)
            else:
                lost.add(lease.visit_id)
        return lost

    async def release(self, lease: Lease) -> None:
        """Give a lease up without writing events."""
        kept = self._kept(lease.visit_id)
        if kept.token == lease.token:
            kept.lease = None

    async def next_wake(self) -> Micros | None:
        """Return the smallest wake_at."""
        return min((kept.wake_at for kept in self._visits.values() if kept.wake_at is not None), default=None)

    async def get(self, visit_id: str) -> Projection:
        """Return a visit's projection."""
        return self._kept(visit_id).projection

    async def find(self, flow: str, key: str) -> Projection | None:
        """Return the visit with this key."""
        visit_id = self._keys.get((flow, key))
        return None if visit_id is None else self._visits[visit_id].projection

    def open_visits(self) -> list[Projection]:
        """Return all visits that are not closed."""
        return [each.projection for each in self._visits.values() if each.projection.status is not Status.CLOSED]

    def closed_visits(self) -> int:
        """Return how many visits are closed."""
        return len(self._visits) - len(self.open_visits())

    async def visits(self, which: VisitFilter) -> list[Projection]:
        """Return visits, newest first."""
        found = [
            each
            for each in (kept.projection for kept in self._visits.values())
            if which.flow in (None, each.flow)
            and which.state in (None, each.state)
            and which.status in (None, each.status)
            and which.cause in (None, each.cause)
            and which.key in (None, each.key)
            and (which.before is None or each.visit_id < which.before)
            and (which.changed_since is None or each.updated_at >= which.changed_since)
            and (which.changed_before is None or each.updated_at < which.changed_before)
            and (which.opened_since is None or each.opened_at >= which.opened_since)
            and (which.opened_before is None or each.opened_at < which.opened_before)
            and (which.among is None or each.visit_id in which.among)
        ]
        found.sort(key=lambda each: each.visit_id, reverse=True)
        return found[: which.limit]

    def projections(self) -> list[Projection]:
        """Return what lists show of every visit; for counting."""
        return [kept.projection for kept in self._visits.values()]

    async def journal(self, visit_id: str) -> list[StoredEvent]:
        """Return all events of a visit."""
        return list(self._visits[visit_id].events) if visit_id in self._visits else []

    async def history(self, visit_id: str) -> History:
        """Return snapshot and later events."""
        return self._kept(visit_id).history

    async def snapshot(self, visit_id: str) -> Snapshot | None:
        """Return the stored snapshot."""
        return self._kept(visit_id).snapshot

    async def exchanges(self, visit_id: str) -> list[ExchangeRecord]:
        """Return a visit's exchanges."""
        return list(self._kept(visit_id).exchanges)

    async def reseal(self, batch: int = 200) -> int:
        """Do nothing: what is in memory is not encrypted."""
        return 0

    async def to_reseal(self) -> int:
        """Return 0."""
        return 0

    async def register(self, worker: Worker) -> None:
        """Insert or refresh a worker's row."""
        self._workers[worker.worker] = worker

    async def workers(self) -> list[Worker]:
        """Return all registered workers."""
        return list(self._workers.values())

    async def expire_worker(self, worker: str, now: Micros) -> int:
        """End all leases of a worker now and forget it."""
        self._workers.pop(worker, None)
        held = [kept for kept in self._visits.values() if kept.lease is not None and kept.lease.worker == worker]
        for kept in held:
            kept.lease = None
        return len(held)

    async def save_flow(self, record: FlowRecord) -> None:
        """Keep a flow version."""
        self._flows.setdefault(record.version, record)

    async def flow(self, version: str) -> FlowRecord | None:
        """Return a kept flow version."""
        return self._flows.get(version)

    async def flows(self) -> list[FlowRecord]:
        """Return all kept flow versions."""
        return list(self._flows.values())

    async def reserve(self, counter: str, count: int) -> int:
        """Take numbers of a counter; return the first."""
        first = self._counters.get(counter, 0)
        self._counters[counter] = first + count
        return first

    async def replace_projection(self, projection: Projection, expected_seq: int) -> bool:
        """Overwrite a projection (rebuild)."""
        kept = self._kept(projection.visit_id)
        if kept.projection.seq not in (expected_seq, projection.seq):
            return False
        kept.projection, kept.snapshot = projection, None
        return True

    async def zombies(self, now: Micros, grace: Micros) -> list[Projection]:
        """Return visits that nobody would ever move, or that have been due for longer than ``grace``."""
        return [
            kept.projection
            for kept in self._visits.values()
            if kept.projection.status in (Status.READY, Status.WAITING)
            and (kept.wake_at is None or kept.wake_at < now - grace)
        ]

    def _kept(self, visit_id: str) -> _Kept:
        try:
            return self._visits[visit_id]
        except KeyError:
            raise UnknownVisit(f"no visit {visit_id}", field="visit") from None

    def _lease(self, kept: _Kept, worker: str, until: Micros) -> Claim:
        kept.token += 1
        kept.woken = None
        kept.lease = Lease(kept.projection.visit_id, kept.token, worker, until)
        return Claim(kept.lease, kept.projection, kept.history, kept.priority)
