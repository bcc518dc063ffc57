"""The SQL store: SQLite and PostgreSQL behind the engine's protocol; what differs is in ``dialects``."""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, and_, bindparam, case, delete, func, insert, or_, select, update
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

from engine.environment import Micros
from engine.errors import LeaseLost, StoreError, UnknownVisit, VisitflowError
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
from storage.claiming import Drawn, open_claim
from storage.dialects import Dialect
from storage.group_commit import GroupCommit, Request
from storage.hot import Driver, Prepared, Row, driver_of, insert_many, update_many
from storage.jobs import AppendJob, ClaimJob, Job, OpenJob, OtherJob
from storage.keyring import KeyColumns, Keyring, visit_keys
from storage.listing import PROJECTION, projection_of, questions
from storage.resealing import Resealing, unsealed
from storage.schema import needed, require_current
from storage.tables import CounterRow, EventRow, ExchangeRow, FlowVersionRow, VisitRow, WorkerRow
from storage.vault import Vault
from storage.waking import Wake, Wakes

T = TypeVar("T")

visits: Any = VisitRow.__table__  # type: ignore[attr-defined]
events: Any = EventRow.__table__  # type: ignore[attr-defined]
exchanges: Any = ExchangeRow.__table__  # type: ignore[attr-defined]
workers: Any = WorkerRow.__table__  # type: ignore[attr-defined]
flow_versions: Any = FlowVersionRow.__table__  # type: ignore[attr-defined]
counters: Any = CounterRow.__table__  # type: ignore[attr-defined]

_OPENED = (
    *("visit_id", "flow", "version", "key", "state", "status", "cause", "waiting_for", "seq"),
    *("opened_at", "updated_at", "due_at", "fingerprint", "wake_at", "priority", "token"),
    *("lease_worker", "lease_until"),
)
_FOLDED = ("version", "state", "status", "seq", "updated_at", "due_at", "waiting_for", "cause")

#: Events and the projection follow token and length (G5): a stale writer's statement touches no row.
_FENCE = ("visit_id", "token", "seq")
_HELD = tuple(column.name for column in visit_keys.columns)
_TO_CLAIM = (
    *(*PROJECTION, visits.c.token, visits.c.lease_until, visits.c.snapshot_seq, visits.c.snapshot_body),
    *(visits.c.priority, visit_keys.c.key_id, visit_keys.c.body, visit_keys.c.plain_until),
)
#: Where these stand in a row; the columns of the key from ``_KEY`` on.
_TOKEN, _UNTIL, _SNAPSHOT, _BODY, _PRIORITY, _KEY = range(len(PROJECTION), len(PROJECTION) + 6)
_WITH_KEYS = visits.outerjoin(visit_keys, visit_keys.c.visit_id == visits.c.visit_id)
_CLAIM_DUE = (
    select(*_TO_CLAIM)
    .select_from(_WITH_KEYS)
    .where(visits.c.wake_at <= bindparam("now"))
    .order_by(visits.c.wake_at)
    .limit(bindparam("limit"))
)
_CLAIM_OF = (
    select(*_TO_CLAIM)
    .select_from(_WITH_KEYS)
    .where(visits.c.priority == bindparam("priority"), visits.c.wake_at <= bindparam("now"))
    .order_by(visits.c.wake_at)
    .limit(bindparam("limit"))
)
_CLAIM_AMONG = (
    select(*_TO_CLAIM)
    .select_from(_WITH_KEYS)
    .where(visits.c.visit_id.in_(bindparam("visits", expanding=True)), visits.c.wake_at <= bindparam("now"))
    .order_by(visits.c.wake_at)
    .limit(bindparam("limit"))
)
_CLAIM_ONE = select(*_TO_CLAIM).select_from(_WITH_KEYS).where(visits.c.visit_id == bindparam("visit"))
_EVENTS_AFTER = (
    select(events.c.seq, events.c.at, events.c.kind, events.c.payload)
    .where(events.c.visit_id == bindparam("visit"), events.c.seq > bindparam("after"))
    .order_by(events.c.seq)
)
_EVENTS_OF_MANY = (
    select(events.c.visit_id, events.c.seq, events.c.at, events.c.kind, events.c.payload)
    .join(visits, visits.c.visit_id == events.c.visit_id)
    .where(visits.c.visit_id.in_(bindparam("visits", expanding=True)))
    .where(events.c.seq > func.coalesce(visits.c.snapshot_seq, 0))
    .order_by(events.c.visit_id, events.c.seq)
)
_LEASED_BY = select(visits.c.visit_id, visits.c.token, visits.c.lease_worker).where(
    visits.c.lease_worker.in_(bindparam("workers", expanding=True))
)
_SET_SNAPSHOT = (
    update(visits)
    .where(visits.c.visit_id == bindparam("b_visit"))
    .values(snapshot_seq=bindparam("snapshot_seq"), snapshot_body=bindparam("snapshot_body"))
)
_INSERT_EXCHANGE = insert(exchanges)
_READERS = 4


class SqlStore:
    """Durable visits in a SQL database."""

    def __init__(
        self,
        dialect: Dialect,
        vault: Vault,
        *,
        fault: Callable[[str], None] | None = None,
        wakes: Wakes | None = None,
        check_schema: bool = True,
        keyless: bool = False,
    ) -> None:
        """``fault`` is the tests' hook of :class:`GroupCommit`; ``keyless`` that of :class:`Keyring`.

        ``wakes`` is told what each transaction makes due.
        """
        self._wakes = wakes
        self._due: list[Wake] = []  # what the transaction under way makes due
        self.figures = StoreFigures()
        self.dialect = dialect
        self.vault = vault
        self.keys = Keyring(vault, dialect, keyless=keyless)
        self._resealing = Resealing(self.keys, vault)
        self.engine: Engine = dialect.engine()
        self._writer_engine: Engine = dialect.writer_engine()
        self._check_schema = check_schema
        target = self._writer_engine.dialect
        released = {"lease_worker": "NULL", "lease_until": "NULL"}
        self._advance = update_many(visits, _FENCE, _FOLDED, {}, target)
        self._advance_and_release = update_many(visits, _FENCE, (*_FOLDED, "wake_at", "priority"), released, target)
        self._insert_events = insert_many(events, target)
        insert_visit = dialect.insert(visits).on_conflict_do_nothing(index_elements=["flow", "key"])
        self._insert_visit = Prepared(insert_visit, _OPENED, target)
        self._insert_key = insert_many(visit_keys, target)
        self._claim_events = Prepared(_EVENTS_AFTER, None, target)
        self._claim_due = Prepared(dialect.lock_for_claim(_CLAIM_DUE, skip=True, of=visits), None, target)
        self._claim_of = Prepared(dialect.lock_for_claim(_CLAIM_OF, skip=True, of=visits), None, target)
        self._claim_among = dialect.lock_for_claim(_CLAIM_AMONG, skip=True, of=visits)
        self._claim_one = Prepared(dialect.lock_for_claim(_CLAIM_ONE, skip=False, of=visits), None, target)
        leasing = ("lease_worker", "lease_until", "wake_at", "token")
        self._renew = update_many(visits, ("visit_id", "token", "lease_worker"), ("lease_until", "wake_at"), {}, target)
        self._lease = update_many(visits, ("visit_id",), leasing, {}, target)
        self._writer: GroupCommit[Job] = GroupCommit(
            self._writer_engine.connect, dialect, self._perform, self.figures, fault
        )
        self._readers = ThreadPoolExecutor(_READERS, thread_name_prefix="visitflow-reader")
        self._schema = needed()

    async def start(self) -> None:
        """Open the store. Raises SchemaOutdated, StoreError, KeyMissing (journals are sealed with a key not given)."""
        try:
            if self._check_schema:
                await self.read(require_current)
                await self.read(self.keys.require_keys)
        except VisitflowError:
            await self.close()
            raise
        self._writer.start()

    async def close(self) -> None:
        """Write what is queued, then close."""
        await self._writer.close()
        self._readers.shutdown(wait=True)
        self.engine.dispose()
        self._writer_engine.dispose()

    # -- writing visits
    async def open(self, visit: NewVisit) -> Found:
        """Store a new visit, or return the one that has its flow and key already."""
        key, held = self.keys.make(visit.projection.visit_id)
        payloads = [key.seal_event(event) for event in visit.events]
        found: Found = await self._writer.submit(OpenJob(visit, tuple(held[name] for name in _HELD), payloads))
        if found.created and visit.lease is not None:
            self.keys.keep(key)
        return found

    async def append(self, append: Append) -> None:
        """Write one visit's events."""
        key = self.keys.kept(append.lease.visit_id)
        payloads = () if key is None else [key.seal_event(event) for event in append.events]
        exchanges = self._seal(append.exchanges) if append.exchanges else ()
        await self._writer.submit(AppendJob(append, exchanges, key, payloads))

    def _seal(self, records: Sequence[ExchangeRecord]) -> list[dict[str, Any]]:
        return [
            {
                "exchange_id": record.exchange_id,
                "visit_id": record.visit_id,
                "call": record.call,
                "at": record.at,
                "adapter": record.adapter,
                "operation": record.operation,
                "key_id": sealed.key_id,
                "body": sealed.body,
            }
            for record in records
            for sealed in (self.vault.seal(record),)
        ]

    async def claim_due(
        self, worker: str, now: Micros, until: Micros, limit: int, priority: int | None = None
    ) -> list[Claim]:
        """Lease due visits."""
        drawn: list[Drawn] = await self._writer.submit(ClaimJob(worker, now, until, limit, priority=priority))
        return [open_claim(self.keys, each) for each in drawn]

    async def wake(self, waiting_for: Sequence[str], now: Micros, limit: int) -> int:
        """Wake free visits before their time."""
        waiting = (
            select(visits.c.visit_id)
            .where(
                visits.c.status == Status.READY.value,
                visits.c.waiting_for.in_(waiting_for),
                visits.c.lease_worker.is_(None),
                visits.c.wake_at > now,
            )
            .order_by(case(*((visits.c.waiting_for == each, n) for n, each in enumerate(waiting_for))), visits.c.due_at)
            .limit(limit)
        )
        waiting = self.dialect.lock_for_claim(waiting, skip=True)

        def work(connection: Connection) -> int:
            found = list(connection.execute(waiting).scalars())
            if found:
                connection.execute(update(visits).where(visits.c.visit_id.in_(found)).values(wake_at=now))
                self._due += [(visit_id, now) for visit_id in found]
            return len(found)

        count: int = await self.write(work)
        return count

    async def claim_among(
        self, visits: Sequence[str], worker: str, now: Micros, until: Micros, limit: int
    ) -> list[Claim]:
        """Lease those of ``visits`` that are due."""
        if not visits:
            return []
        drawn: list[Drawn] = await self._writer.submit(ClaimJob(worker, now, until, limit, among=list(visits)))
        return [open_claim(self.keys, each) for each in drawn]

    async def claim(self, visit_id: str, worker: str, now: Micros, until: Micros) -> Claim | None:
        """Lease one visit."""
        drawn: list[Drawn] = await self._writer.submit(ClaimJob(worker, now, until, visit_id=visit_id))
        return open_claim(self.keys, drawn[0]) if drawn else None

    async def renew(self, leases: Sequence[Lease], until: Micros) -> set[str]:
        """Extend leases; return those lost."""
        if not leases:
            return set()

        def work(connection: Connection) -> set[str]:
            rows = [(lease.visit_id, lease.token, lease.worker, until, until) for lease in leases]
            if self._renew.run(driver_of(connection), rows) == len(rows):
                return set()
            workers_ = {lease.worker for lease in leases}
            ours = {tuple(row) for row in connection.execute(_LEASED_BY, {"workers": list(workers_)})}
            return {lease.visit_id for lease in leases if (lease.visit_id, lease.token, lease.worker) not in ours}

        found: set[str] = await self.write(work)
        return found

    async def release(self, lease: Lease) -> None:
        """Give a lease up without writing events."""

        await self.write(
            lambda connection: self._free(
                connection, and_(visits.c.visit_id == lease.visit_id, visits.c.token == lease.token)
            )
        )

    def _free(self, connection: Connection, which: ColumnElement[bool]) -> int:
        """End leases; return how many."""
        free = {"lease_worker": None, "lease_until": None, "wake_at": visits.c.due_at}
        freed = connection.execute(
            update(visits).where(which).values(free).returning(visits.c.visit_id, visits.c.due_at)
        )
        rows = freed.all()
        self._due += [(row.visit_id, row.due_at) for row in rows if row.due_at is not None]
        return len(rows)

    async def replace_projection(self, projection: Projection, expected_seq: int) -> bool:
        """Overwrite a projection (rebuild)."""

        def work(connection: Connection) -> bool:
            changed = connection.execute(
                update(visits)
                .where(visits.c.visit_id == projection.visit_id, visits.c.seq.in_({expected_seq, projection.seq}))
                .values(
                    _folded_names(projection)
                    | {
                        "flow": projection.flow,
                        "key": projection.key,
                        "opened_at": projection.opened_at,
                        "wake_at": func.coalesce(visits.c.lease_until, projection.due_at),
                        "snapshot_seq": None,
                        "snapshot_body": None,
                    }
                )
            )
            return bool(changed.rowcount)

        replaced: bool = await self.write(work)
        return replaced

    # -- reading
    async def next_wake(self) -> Micros | None:
        """Return the smallest wake_at."""
        statement = select(visits.c.wake_at).where(visits.c.wake_at.is_not(None)).order_by(visits.c.wake_at).limit(1)

        def read(connection: Connection) -> Micros | None:
            at: Micros | None = connection.execute(statement).scalar()
            return at

        return await self.read(read)

    async def get(self, visit_id: str) -> Projection:
        """Return a visit's projection."""

        def read(connection: Connection) -> Projection:
            row = connection.execute(select(*PROJECTION).where(visits.c.visit_id == visit_id)).one_or_none()
            if row is None:
                raise UnknownVisit(f"no visit {visit_id}", field="visit")
            return projection_of(row)

        return await self.read(read)

    async def find(self, flow: str, key: str) -> Projection | None:
        """Return the visit with this key."""
        statement = select(*PROJECTION).where(visits.c.flow == flow, visits.c.key == key)

        def read(connection: Connection) -> Projection | None:
            row = connection.execute(statement).one_or_none()
            return None if row is None else projection_of(row)

        return await self.read(read)

    async def visits(self, which: VisitFilter) -> list[Projection]:
        """Return visits, newest first."""
        asked = questions(which)

        def read(connection: Connection) -> list[Projection]:
            found = [projection_of(row) for question in asked for row in connection.execute(question)]
            return heapq.nlargest(which.limit, found, key=lambda each: each.visit_id) if len(asked) > 1 else found

        return await self.read(read)

    async def journal(self, visit_id: str) -> list[StoredEvent]:
        """Return all events of a visit."""
        return await self.read(lambda connection: self._events_after(connection, visit_id, 0))

    async def history(self, visit_id: str) -> History:
        """Return snapshot and later events."""

        def read(connection: Connection) -> History:
            snapshot = self._snapshot(connection, visit_id)
            return History(snapshot, self._events_after(connection, visit_id, snapshot.seq if snapshot else 0))

        return await self.read(read)

    async def snapshot(self, visit_id: str) -> Snapshot | None:
        """Return the stored snapshot."""
        return await self.read(lambda connection: self._snapshot(connection, visit_id))

    async def exchanges(self, visit_id: str) -> list[ExchangeRecord]:
        """Return a visit's exchanges, decrypted."""
        statement = select(exchanges).where(exchanges.c.visit_id == visit_id).order_by(exchanges.c.exchange_id)

        def read(connection: Connection) -> list[ExchangeRecord]:
            found = [unsealed(self.vault, row) for row in connection.execute(statement)]
            if not found:
                self.keys.key_of(connection, visit_id)  # none at all, or shredded: not the same
            return found

        return await self.read(read)

    async def reseal(self, batch: int = 200) -> int:
        """Seal up to ``batch`` rows that are plain or of older keys under the current ones; return how many."""
        count: int = await self.write(lambda connection: self._resealing.step(connection, batch))
        return count

    async def to_reseal(self) -> int:
        """Return how many rows :meth:`reseal` would find."""
        return await self.read(self._resealing.left)

    # -- workers
    async def register(self, worker: Worker) -> None:
        """Insert or refresh a worker's row."""
        values = {
            "worker": worker.worker,
            "host": worker.host,
            "pid": worker.pid,
            "process_started": worker.process_started,
            "seen_at": worker.seen_at,
            "schema": self._schema,
        }
        statement = self.dialect.insert(workers).values(values)
        statement = statement.on_conflict_do_update(index_elements=["worker"], set_={"seen_at": worker.seen_at})
        await self.write(lambda connection: connection.execute(statement) and None)

    async def workers(self) -> list[Worker]:
        """Return all registered workers."""
        return await self.read(
            lambda connection: [
                Worker(row.worker, row.host, row.pid, row.process_started, row.seen_at)
                for row in connection.execute(select(workers))
            ]
        )

    async def expire_worker(self, worker: str, now: Micros) -> int:
        """End all leases of a worker now and forget it."""

        def work(connection: Connection) -> int:
            freed = self._free(connection, visits.c.lease_worker == worker)
            connection.execute(delete(workers).where(workers.c.worker == worker))
            return freed

        count: int = await self.write(work)
        return count

    # -- flows, counters, audit
    async def save_flow(self, record: FlowRecord) -> None:
        """Keep a flow version."""
        statement = (
            self.dialect.insert(flow_versions)
            .values(
                version=record.version,
                flow=record.flow,
                number=record.number,
                definition=record.definition,
                first_seen=record.first_seen,
            )
            .on_conflict_do_nothing()
        )
        await self.write(lambda connection: connection.execute(statement) and None)

    async def flow(self, version: str) -> FlowRecord | None:
        """Return a kept flow version."""
        found = await self.read(lambda connection: _flow_records(connection, flow_versions.c.version == version))
        return found[0] if found else None

    async def flows(self) -> list[FlowRecord]:
        """Return all kept flow versions."""
        return await self.read(_flow_records)

    async def reserve(self, counter: str, count: int) -> int:
        """Take numbers of a durable counter; return the first."""
        statement = self.dialect.insert(counters).values(name=counter, next=count)
        statement = statement.on_conflict_do_update(
            index_elements=["name"], set_={"next": counters.c.next + count}
        ).returning(counters.c.next)
        end: int = await self.write(lambda connection: connection.execute(statement).scalar_one())
        return end - count

    async def zombies(self, now: Micros, grace: Micros) -> list[Projection]:
        """Return visits that nobody would ever move, or that have been due for longer than ``grace``."""
        statement = select(*PROJECTION).where(
            visits.c.status.in_([Status.READY.value, Status.WAITING.value]),
            or_(visits.c.wake_at.is_(None), visits.c.wake_at < now - grace),
        )
        return await self.read(lambda connection: [projection_of(row) for row in connection.execute(statement)])

    # -- the writer's side
    def _perform(self, connection: Connection, batch: Sequence[Request[Job]]) -> None:
        """Run a batch inside one transaction: runs of appends together, everything else one by one, all in order."""
        self.keys.begin()
        appends: list[Request[Job]] = []
        self._due.clear()
        for request in batch:
            if isinstance(request.job, AppendJob):
                appends.append(request)
                continue
            self._append_all(connection, appends)
            appends = []
            match request.job:
                case OpenJob() as opening:
                    request.result = self._open(connection, opening)
                case ClaimJob() as claim:
                    request.result = self._claim(connection, claim)
                case OtherJob(work):
                    request.result = work(connection)
        self._append_all(connection, appends)
        if self._wakes is not None and self._due:
            self._wakes.enqueue(driver_of(connection), self._due)

    def _append_all(self, connection: Connection, requests: Sequence[Request[Job]]) -> None:
        """Write many visits' events. Raises LeaseLost when any is stale: the batch is then redone one by one."""
        if not requests:
            return
        jobs = [request.job for request in requests if isinstance(request.job, AppendJob)]
        names = [job.append.lease.visit_id for job in jobs]
        if len(set(names)) != len(names):  # two writes of one visit: the second builds on the first
            for job in jobs:
                self._append_rows(connection, [job])
        else:
            self._append_rows(connection, jobs)
        self.figures.appends += len(jobs)
        self.figures.events += sum(len(job.append.events) for job in jobs)

    def _append_rows(self, connection: Connection, jobs: Sequence[AppendJob]) -> None:
        moving: list[Row] = []
        releasing: list[Row] = []
        rows: list[Row] = []
        raw: list[dict[str, Any]] = []
        snapshots = []
        keys = self.keys.for_writing(connection, [job.append.lease.visit_id for job in jobs])
        for job in jobs:
            append = job.append
            key = keys[append.lease.visit_id]
            visit_id, projection = append.lease.visit_id, append.projection
            values = (visit_id, append.lease.token, append.base_seq, *_folded(projection))
            if append.release:
                releasing.append((*values, projection.due_at, int(append.priority)))
                if projection.due_at is not None:
                    self._due.append((visit_id, projection.due_at))
            else:
                moving.append(values)
            # Sealed before, unless the key was not at hand, or is not the one that is kept: made, and rolled back.
            sealed = job.payloads if job.key is key else [key.seal_event(event) for event in append.events]
            rows += _event_rows(visit_id, append.events, sealed)
            raw += job.exchanges
            if append.snapshot is not None:
                snapshots.append(
                    {
                        "b_visit": visit_id,
                        "snapshot_seq": append.snapshot.seq,
                        "snapshot_body": key.seal_snapshot(append.snapshot),
                    }
                )
        driver = driver_of(connection)
        for statement, parameters in ((self._advance, moving), (self._advance_and_release, releasing)):
            if parameters and statement.run(driver, parameters) != len(parameters):
                raise LeaseLost
        if rows:
            self._insert_events.run(driver, rows)
        if raw:
            connection.execute(_INSERT_EXCHANGE, raw)
        if snapshots:
            connection.execute(_SET_SNAPSHOT, snapshots)
        for visit_id, *_ in releasing:
            self.keys.let_go(visit_id)

    def _open(self, connection: Connection, job: OpenJob) -> Found:
        new = job.visit
        projection = new.projection
        row = _folded_names(projection) | {
            "visit_id": projection.visit_id,
            "flow": projection.flow,
            "key": projection.key,
            "opened_at": projection.opened_at,
            "fingerprint": new.fingerprint,
            "wake_at": projection.due_at,
            "priority": int(new.priority),
            "token": 0,
            "lease_worker": None,
            "lease_until": None,
        }
        if (lease := new.lease) is not None:
            leased = {"token": lease.token, "lease_worker": lease.worker, "lease_until": lease.until}
            row |= leased | {"wake_at": lease.until}
        if self._insert_visit.run(driver_of(connection), row).rowcount == 1:
            self._insert_key.run(driver_of(connection), [job.held])
            rows = _event_rows(projection.visit_id, new.events, job.payloads)
            self._insert_events.run(driver_of(connection), rows)
            self.figures.events += len(new.events)
            if lease is None and projection.due_at is not None:
                self._due.append((projection.visit_id, projection.due_at))
            return Found(projection, new.fingerprint, True)
        found = connection.execute(
            select(*PROJECTION, visits.c.fingerprint).where(
                visits.c.flow == projection.flow, visits.c.key == projection.key
            )
        ).one()
        return Found(projection_of(found[:-1]), found.fingerprint, False)

    def _claim(self, connection: Connection, job: ClaimJob) -> list[Drawn]:
        driver = driver_of(connection)
        rows: Sequence[Row]
        if job.among is not None:
            among = {"visits": list(job.among), "now": job.now, "limit": job.limit}
            rows = [tuple(row) for row in connection.execute(self._claim_among, among)]
        elif job.priority is not None:
            asked = {"priority": int(job.priority), "now": job.now, "limit": job.limit}
            rows = self._claim_of.run(driver, asked).fetchall()
        elif job.visit_id is None:
            rows = self._claim_due.run(driver, {"now": job.now, "limit": job.limit}).fetchall()
        else:
            rows = self._claim_one.run(driver, {"visit": job.visit_id}).fetchall()
            if not rows:
                raise UnknownVisit(f"no visit {job.visit_id}", field="visit")
            if (until := rows[0][_UNTIL]) is not None and until > job.now:
                return []
        keys, rows = self._keys_of(connection, rows, job.visit_id is not None)
        if not rows:
            return []
        self._lease.run(driver, [(row[0], job.worker, job.until, job.until, row[_TOKEN] + 1) for row in rows])
        found = self._events_of(connection, driver, rows)
        return [
            Drawn(
                Lease(row[0], row[_TOKEN] + 1, job.worker, job.until),
                projection_of(row[:_TOKEN]),
                keys[row[0]],
                None if row[_SNAPSHOT] is None else Snapshot(row[_SNAPSHOT], row[_BODY]),
                found[row[0]],
                row[_PRIORITY],
            )
            for row in rows
        ]

    def _keys_of(
        self, connection: Connection, rows: Sequence[Row], named: bool
    ) -> tuple[dict[str, KeyColumns], list[Row]]:
        """Return the keys of visits to be claimed, and which can be; others are left to a process with more keys.

        Raises:
            Shredded, KeyMissing: of the visit that is named, or when there is no other.
        """
        keys, left, refused = {}, [], None
        for row in rows:
            columns = KeyColumns(row[0], *row[_KEY:])
            if not columns.key_id:  # what was read before the lock was ours may be older than the events
                columns = self.keys.columns(connection, row[0])
            if (refusal := self.keys.refusal(columns)) is None:
                keys[row[0]] = columns
                left.append(row)
            else:
                refused = refusal
        if refused is not None and (named or not left):
            raise refused
        return keys, left

    def _events_of(self, connection: Connection, driver: Driver, rows: Sequence[Row]) -> dict[str, list[Row]]:
        """Load what is needed to fold visits: one query for the events of one visit, or of many."""
        found: dict[str, list[Row]] = {row[0]: [] for row in rows}
        if len(rows) == 1:
            asked = {"visit": rows[0][0], "after": rows[0][_SNAPSHOT] or 0}
            found[rows[0][0]] = self._claim_events.run(driver, asked).fetchall()
        else:
            for visit_id, *event in connection.execute(_EVENTS_OF_MANY, {"visits": list(found)}):
                found[visit_id].append(tuple(event))
        return found

    def _events_after(self, connection: Connection, visit_id: str, seq: int) -> list[StoredEvent]:
        statement, asked = _EVENTS_AFTER, {"visit": visit_id, "after": seq}
        return self.keys.open_events(connection, visit_id, lambda: connection.execute(statement, asked).all())

    def _snapshot(self, connection: Connection, visit_id: str) -> Snapshot | None:
        row = connection.execute(
            select(visits.c.snapshot_seq, visits.c.snapshot_body).where(visits.c.visit_id == visit_id)
        ).one_or_none()
        if row is None or row[0] is None:
            return None
        return self.keys.key_of(connection, visit_id).open_snapshot(row[0], row[1])

    async def write(self, work: Callable[[Connection], T]) -> Any:
        """Run a small piece of work in the writer's transaction; return its result when it is durable."""
        return await self._writer.submit(OtherJob(work))

    async def read(self, work: Callable[[Connection], T]) -> T:
        """Run a piece of reading beside the writer. Raises StoreError."""

        def reading() -> T:
            try:
                with self.engine.connect() as connection:
                    return work(connection)
            except SQLAlchemyError as error:
                self.figures.failed += 1
                original = getattr(error, "orig", None) or error
                raise StoreError(f"reading failed: {type(original).__name__}") from None

        return await asyncio.get_running_loop().run_in_executor(self._readers, reading)


def _event_rows(visit_id: str, events_: Sequence[StoredEvent], payloads: Sequence[str]) -> list[Row]:
    """Return whole rows of ``events``."""
    return [
        (visit_id, event.seq, event.at, event.kind, payload) for event, payload in zip(events_, payloads, strict=True)
    ]


def _folded(projection: Projection) -> Row:
    """Return the values of ``_FOLDED``."""
    return (
        projection.version,
        projection.state,
        projection.status.value,
        projection.seq,
        projection.updated_at,
        projection.due_at,
        projection.waiting_for,
        projection.cause,
    )


def _folded_names(projection: Projection) -> dict[str, Any]:
    return dict(zip(_FOLDED, _folded(projection), strict=True))


def _flow_records(connection: Connection, *where: Any) -> list[FlowRecord]:
    statement = select(flow_versions).where(*where).order_by(flow_versions.c.first_seen)
    return [
        FlowRecord(row.version, row.flow, row.number, row.definition, row.first_seen)
        for row in connection.execute(statement)
    ]
