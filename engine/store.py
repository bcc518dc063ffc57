"""What the engine asks of a store. ``storage/`` keeps the promises; its contract tests hold every store to them.

Two ideas carry it:

* **Lease and fencing token.** Claiming a visit raises its ``token``. Every write names the token and the journal length
  it builds on; both are checked in the transaction that writes (G5).
* **``wake_at``.** One indexed column says when a visit wants a worker: when its next move is due or, while it is
  leased, when the lease ends. A dead worker's visits thus come due by themselves.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from engine.environment import Micros
from engine.histogram import Histogram


class Status(StrEnum):
    """Where a visit is, as far as the engine is concerned."""

    READY = "ready"  #: a move is due, or will be at ``due_at``
    WAITING = "waiting"  #: for ``waiting_for``, until ``due_at``
    STUCK = "stuck"  #: a person is needed; ``cause`` says why
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class Projection:
    """What the lists show of a visit. All of it is a fold over the journal (G4)."""

    visit_id: str
    flow: str
    version: str
    key: str
    state: str
    status: Status
    seq: int  #: length of the journal
    opened_at: Micros
    updated_at: Micros  #: time of the last event
    due_at: Micros | None = None  #: next automatic move, or the end of a wait; None: stuck or closed
    waiting_for: str | None = None
    cause: str | None = None


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """One line of a journal; ``payload`` is the event's JSON."""

    seq: int
    at: Micros
    kind: str
    payload: str


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A fold of the first ``seq`` events, so that a long journal need not be read whole."""

    seq: int
    body: str


@dataclass(frozen=True, slots=True)
class History:
    """Enough to fold a visit: a snapshot, if there is one, and the events after it."""

    snapshot: Snapshot | None
    events: Sequence[StoredEvent]


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to move one visit. ``token`` is the fencing token."""

    visit_id: str
    token: int
    worker: str
    until: Micros


@dataclass(frozen=True, slots=True)
class Claim:
    """A leased visit, ready to be folded."""

    lease: Lease
    projection: Projection
    history: History
    priority: int = 1


@dataclass(frozen=True, slots=True)
class ExchangeRecord:
    """A raw exchange on its way into the store, which encrypts it at rest (G10)."""

    exchange_id: str
    visit_id: str
    call: str
    at: Micros
    adapter: str
    operation: str
    request: bytes
    reply: bytes | None
    status: str


@dataclass(frozen=True, slots=True)
class Append:
    """One visit's new events, to become durable as a whole or not at all."""

    lease: Lease
    base_seq: int  #: the journal's length that the events follow
    events: Sequence[StoredEvent]
    projection: Projection
    exchanges: Sequence[ExchangeRecord] = ()
    release: bool = False  #: give the lease up with this write; the visit then wakes at its ``due_at``
    priority: int = 1  #: with which it then wants its worker; a hint, no part of the fold
    snapshot: Snapshot | None = None


@dataclass(frozen=True, slots=True)
class NewVisit:
    """A visit to be opened with its first event. ``fingerprint`` tells same data from other data for the same key.

    With ``lease`` (token 1) the visit is leased from the beginning: opening and claiming share a commit.
    """

    projection: Projection
    events: Sequence[StoredEvent]
    fingerprint: str
    lease: Lease | None = None
    priority: int = 1


@dataclass(frozen=True, slots=True)
class Worker:
    """A process that may hold leases, described so that another on the same host can tell that it is dead."""

    worker: str
    host: str
    pid: int
    process_started: Micros
    seen_at: Micros


@dataclass(frozen=True, slots=True)
class VisitFilter:
    """Which visits to list; every field narrows. Newest first."""

    flow: str | None = None
    state: str | None = None
    status: Status | None = None
    cause: str | None = None
    key: str | None = None
    limit: int = 100
    before: str | None = None  #: only visits with an id below this one (paging)
    changed_since: Micros | None = None  #: only visits with an event at or after this time
    changed_before: Micros | None = None  #: only visits whose last event is older
    opened_since: Micros | None = None
    opened_before: Micros | None = None
    among: Sequence[str] | None = None  #: only these ids


@dataclass(frozen=True, slots=True)
class FlowRecord:
    """One flow version as it was when it was first used: enough to finish its visits (G7)."""

    version: str  #: content hash
    flow: str
    number: int
    definition: str  #: canonical JSON
    first_seen: Micros


@dataclass(frozen=True, slots=True)
class Found:
    """Answer of :meth:`Store.open`: the visit that now has the key, and whether this call made it."""

    projection: Projection
    fingerprint: str
    created: bool


@dataclass(slots=True)
class StoreFigures:
    """Counters of one store object, for benchmarks and metrics."""

    commits: int = 0
    appends: int = 0
    events: int = 0
    largest_batch: int = 0
    waiting: int = 0  #: jobs that wait for their commit now
    failed: int = 0  #: writes and reads that the database did not do
    batches: Histogram = field(default_factory=lambda: Histogram((1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)))
    #: seconds from beginning a transaction to its commit
    commit_seconds: Histogram = field(
        default_factory=lambda: Histogram((0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 5))
    )
    extra: dict[str, int] = field(default_factory=dict)


class Store(Protocol):
    """Durable visits. All methods may raise :class:`engine.errors.StoreError`; then nothing was written."""

    figures: StoreFigures

    async def start(self) -> None:
        """Open the store. Raises SchemaOutdated when the database needs ``visitflow db upgrade``."""

    async def close(self) -> None:
        """Write what is queued, then close."""

    # -- visits
    async def open(self, visit: NewVisit) -> Found:
        """Store a new visit, or return the one that has its flow and key already (unchanged)."""

    async def claim_due(
        self, worker: str, now: Micros, until: Micros, limit: int, priority: int | None = None
    ) -> list[Claim]:
        """Lease up to ``limit`` visits with ``wake_at <= now``, longest due first, each with a new token.

        With ``priority`` only visits that want their worker with that one.
        """

    async def wake(self, waiting_for: Sequence[str], now: Micros, limit: int) -> int:
        """Wake up to ``limit`` free visits that wait for one of these before their time; return how many.

        Those that wait for what is named first come first. Nothing else of them changes: a worker looks, and where it
        is too early after all they wake at their ``due_at``.
        """

    async def claim_among(
        self, visits: Sequence[str], worker: str, now: Micros, until: Micros, limit: int
    ) -> list[Claim]:
        """Lease those of ``visits`` that are due, as :meth:`claim_due` does; others, and unknown ones, are left out."""

    async def claim(self, visit_id: str, worker: str, now: Micros, until: Micros) -> Claim | None:
        """Lease one visit, due or not. None while another lease on it has not ended. Raises UnknownVisit."""

    async def append(self, append: Append) -> None:
        """Write one visit's events; on return they are durable. Raises LeaseLost on a stale token or length (G5)."""

    async def renew(self, leases: Sequence[Lease], until: Micros) -> set[str]:
        """Extend leases; return the visit ids whose lease has been lost."""

    async def release(self, lease: Lease) -> None:
        """Give a lease up without writing events; the visit wakes at its ``due_at``. A lost lease is no error."""

    async def next_wake(self) -> Micros | None:
        """Return the smallest ``wake_at`` in the store."""

    # -- reading
    async def get(self, visit_id: str) -> Projection:
        """Return a visit's projection. Raises UnknownVisit."""

    async def find(self, flow: str, key: str) -> Projection | None:
        """Return the visit with this key."""

    async def visits(self, which: VisitFilter) -> list[Projection]:
        """Return visits, newest first."""

    async def journal(self, visit_id: str) -> list[StoredEvent]:
        """Return all events of a visit, oldest first. Reading what a visit holds raises Shredded when that is gone."""

    async def history(self, visit_id: str) -> History:
        """Return the snapshot and the events after it, without leasing."""

    async def snapshot(self, visit_id: str) -> Snapshot | None:
        """Return the stored snapshot alone."""

    async def exchanges(self, visit_id: str) -> list[ExchangeRecord]:
        """Return a visit's exchanges, decrypted, oldest first."""

    async def reseal(self, batch: int = 200) -> int:
        """Seal up to ``batch`` rows that are plain or under older keys; return how many, 0 at the end."""

    async def to_reseal(self) -> int:
        """Return how many rows :meth:`reseal` would find now."""

    # -- workers
    async def register(self, worker: Worker) -> None:
        """Insert or refresh a worker's row."""

    async def workers(self) -> list[Worker]:
        """Return all registered workers."""

    async def expire_worker(self, worker: str, now: Micros) -> int:
        """End all leases of a dead worker now and forget it; return how many visits came due."""

    # -- flows, counters, audit
    async def save_flow(self, record: FlowRecord) -> None:
        """Keep a flow version; the same version again is no error."""

    async def flow(self, version: str) -> FlowRecord | None:
        """Return a kept flow version."""

    async def flows(self) -> list[FlowRecord]:
        """Return all kept flow versions."""

    async def reserve(self, counter: str, count: int) -> int:
        """Take ``count`` numbers of a durable counter; return the first. Never given out twice, also after a crash."""

    async def replace_projection(self, projection: Projection, expected_seq: int) -> bool:
        """Overwrite a projection (rebuild); False when the journal has grown meanwhile."""

    async def zombies(self, now: Micros, grace: Micros) -> list[Projection]:
        """Return visits that are neither closed, stuck, leased nor due in the future: nobody would ever move them."""
