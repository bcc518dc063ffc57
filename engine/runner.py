"""The runner: takes due visits under a lease, moves many at once, and lets go in good order.

One asyncio process. A visit in flight is a task; a visit that waits is only a row. Nothing here decides what happens
to a visit.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

import structlog

from engine import faultpoints
from engine.adapter import Adapter
from engine.calling import Caller
from engine.dispatch import Dispatch, Polling
from engine.environment import SECOND, Environment, Micros
from engine.errors import LeaseLost, StoreError
from engine.execution import Executor, FlowSource
from engine.fairness import EVEN, Taking
from engine.gate import Gate, Priority
from engine.processes import Processes, SystemProcesses
from engine.room import Room
from engine.store import Claim, Lease, Projection, Store
from engine.trace import where
from engine.watching import Watch

log = structlog.get_logger("visitflow.runner")


@dataclass(frozen=True, slots=True)
class RunnerSettings:
    """How a runner behaves; all times in microseconds."""

    in_flight: int = 500  #: visits moved at once
    batch: int = 200  #: visits claimed in one transaction
    lease: Micros = 30 * SECOND
    #: Stop trusting a lease so long before it ends: a call must have left by then or not leave at all.
    margin: Micros = 5 * SECOND
    poll: Micros = SECOND // 5  #: how often to look for visits that another process made due
    grace: Micros = 20 * SECOND  #: how long a stop waits for calls in the air before parking them


@dataclass(slots=True)
class RunnerFigures:
    """Counters for metrics and tests."""

    claimed: int = 0
    finished: int = 0
    lost: int = 0
    failed: int = 0
    taken_over: int = 0
    turned_at: Micros = 0  #: monotonic time at which the runner last looked for due visits and was answered


class Runner:
    """Runs visits until stopped. ``start`` and ``stop`` belong to the same event loop."""

    def __init__(
        self,
        store: Store,
        flows: FlowSource,
        adapters: Mapping[str, Adapter],
        environment: Environment,
        *,
        settings: RunnerSettings | None = None,
        hook: faultpoints.Hook = faultpoints.nothing,
        processes: Processes | None = None,
        watch: Watch | None = None,
        gate: Gate | None = None,
        weights: Mapping[Priority, int] = EVEN,
        dispatch: Dispatch | None = None,
    ) -> None:
        """``flows`` returns the compiled flow of a version hash; ``watch`` is told of calls and events.

        ``gate`` is asked before every call; ``weights`` divide places when more is due than can be moved; ``dispatch``
        brings due visits: without one the runner looks for them itself.
        """
        self._processes = processes or SystemProcesses()
        self.settings = settings or RunnerSettings()
        self.figures = RunnerFigures()
        self.worker = f"{self._processes.host()}:{environment.new_id()}"
        self._store = store
        self._environment = environment
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._coming = 0  #: places kept for visits that are being leased
        self._leases: dict[str, Lease] = {}
        self._trusted: dict[str, Micros] = {}  # visit → monotonic time until which its lease is surely ours
        self.dispatch = dispatch or Polling()
        self._loops: list[asyncio.Task[None]] = []
        self._taking = Taking(weights, self.settings.in_flight)
        self._moving: Counter[Priority] = Counter()
        self._caller = Caller(
            store, adapters, environment, hook=hook, lease_ends=self._lease_ends, watch=watch, gate=gate
        )
        self._executor = Executor(self._caller, flows)

    @property
    def gate(self) -> Gate:
        """Return what is asked before every call."""
        return self._caller.gate

    @property
    def in_flight(self) -> int:
        """Return how many visits are being moved right now."""
        return len(self._tasks)

    def wake(self) -> None:
        """Look for due visits now: something has changed."""
        self.dispatch.wake()

    async def start(self) -> None:
        """Take over what dead processes left, then begin to work."""
        await self._register()
        await self._take_over_the_dead()
        self._loops = [
            asyncio.create_task(self._for_ever(lambda: self.dispatch.run(self)), name="dispatch"),
            asyncio.create_task(self._for_ever(self._heartbeat), name="heartbeat"),
        ]

    async def stop(self) -> None:
        """Claim nothing more; finish what is in the air, or after ``grace`` park it as in doubt; give all leases up."""
        self._caller.stopping = True
        self._caller.gate.send_away()
        for loop in self._loops[:1]:
            loop.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks.values(), timeout=self.settings.grace / SECOND)
        for task in list(self._tasks.values()):
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks.values(), timeout=self.settings.grace / SECOND)
        for loop in self._loops:
            loop.cancel()
        await asyncio.gather(*self._loops, return_exceptions=True)
        with suppress(StoreError):
            await self._store.expire_worker(self.worker, self._environment.now())

    async def run_until_idle(self) -> None:
        """Move everything that is due now and return: for tests and commands that run without a service."""
        while True:
            claimed = await self.take()
            if not claimed and not self._tasks:
                return
            if self._tasks:
                await asyncio.wait(self._tasks.values(), return_when=asyncio.FIRST_COMPLETED)

    async def _for_ever(self, loop: Callable[[], Awaitable[None]]) -> None:
        """Begin ``loop`` again whatever ends it: on a full disk not even the line that tells of it can be logged."""
        while True:
            with suppress(Exception):
                await loop()
            await asyncio.sleep(self.settings.poll / SECOND)

    # -- visits that are opened by this process
    def room(self) -> Room | None:
        """Return the lease under which a visit may be opened now, or None when there is no room for it."""
        if not self._loops or self._caller.stopping or len(self._tasks) >= self.settings.in_flight:
            return None
        if self._taking.crowded:  # others are due: it waits its turn
            return None
        lease = self.settings.lease
        trusted = self._environment.monotonic() + lease - self.settings.margin
        return Room(self.worker, self._environment.now() + lease, trusted)

    def adopt(self, claim: Claim, room: Room) -> None:
        """Move a visit that was opened under a lease of :meth:`room`; while stopping, leave it to the next process."""
        if not self._caller.stopping:
            self.figures.claimed += 1
            self._begin(claim, room.trusted)

    # -- what a dispatch asks for
    @property
    def free(self) -> int:
        """Return how many more visits are taken now."""
        return 0 if self._caller.stopping else max(0, self.settings.in_flight - len(self._tasks) - self._coming)

    @property
    def held_back(self) -> bool:
        """Tell whether a priority has all the places that it may have, and more of it is due."""
        return self._taking.held_back

    @property
    def poll(self) -> Micros:
        """Return how often to look for visits that nobody told of."""
        return self.settings.poll

    async def take(
        self, *, among: Sequence[str] | None = None, due: Micros | None = None, most: int | None = None
    ) -> list[Projection]:
        """Lease visits that are due at ``due`` (now), of ``among`` (all), and move them; return them as they were."""
        limit = min(self.free, self.settings.batch if most is None else most)
        if limit <= 0:
            return []
        trusted = self._environment.monotonic() + self.settings.lease - self.settings.margin
        now = self._environment.now()
        due, until = now if due is None else due, now + self.settings.lease

        async def claim_due(most: int, priority: Priority | None) -> list[Claim]:
            if priority is None:
                return await self._store.claim_due(self.worker, due, until, most)
            return await self._store.claim_due(self.worker, due, until, most, priority)

        self._coming += limit
        try:
            claims = (
                await self._taking.take(limit, self._moving, claim_due)
                if among is None
                else await self._store.claim_among(among, self.worker, due, until, limit)
            )
        finally:
            self._coming -= limit
        for claim in claims:
            self._begin(claim, trusted)
        self.figures.claimed += len(claims)
        self.turned()
        return [claim.projection for claim in claims]

    async def until_due(self) -> Micros:
        """Return how long until a visit is due, at most ``poll``; 0 when one is. An idle runner writes nothing."""
        due = await self._store.next_wake()
        self.turned()
        if due is None:
            return self.settings.poll
        return max(0, min(due - self._environment.now(), self.settings.poll))

    def turned(self) -> None:
        """Note that due visits are being looked for."""
        self.figures.turned_at = self._environment.monotonic()

    def _begin(self, claim: Claim, trusted: Micros) -> None:
        visit_id = claim.lease.visit_id
        if visit_id in self._tasks:  # our own lease had run out unnoticed; the older task will find itself fenced off
            self._tasks[visit_id].cancel()
        self._leases[visit_id] = claim.lease
        self._trusted[visit_id] = trusted
        task = asyncio.create_task(self._move(claim), name=visit_id)
        self._tasks[visit_id] = task
        priority = Priority(claim.priority)
        self._moving[priority] += 1
        task.add_done_callback(lambda done: self._ended(visit_id, priority, done))

    def _ended(self, visit_id: str, priority: Priority, task: asyncio.Task[None]) -> None:
        self._moving[priority] -= 1
        if self._tasks.get(visit_id) is task:
            del self._tasks[visit_id], self._leases[visit_id], self._trusted[visit_id]
        if len(self._tasks) + 1 >= self.settings.in_flight or not self._tasks or self._taking.held_back:
            self.wake()

    async def _move(self, claim: Claim) -> None:
        structlog.contextvars.bind_contextvars(visit=claim.lease.visit_id)  # of this task: every line of it names it
        try:
            await self._executor.advance(claim)
            self.figures.finished += 1
        except LeaseLost:
            self.figures.lost += 1
            log.warning("lease_lost", visit=claim.lease.visit_id)
        except StoreError as error:
            self.figures.failed += 1
            log.warning("store_failed", visit=claim.lease.visit_id, error=error.message)
        except asyncio.CancelledError:
            if not self._caller.stopping:
                raise
        except Exception as error:
            # A bug of ours. The lease ends by itself and the visit comes due again; it is never lost, and never silent.
            self.figures.failed += 1
            log.error("visit_failed", visit=claim.lease.visit_id, error=where(error))

    # -- leases
    def _lease_ends(self, lease: Lease) -> Micros:
        held = self._leases.get(lease.visit_id)
        if held is None or held.token != lease.token:
            return 0
        return self._trusted[lease.visit_id]

    async def _heartbeat(self) -> None:
        every = max(self.settings.lease // 3, SECOND // 20)
        while True:
            await asyncio.sleep(every / SECOND)
            try:
                await self._renew()
                await self._register()
            except StoreError as error:
                log.warning("heartbeat_failed", error=error.message)
            except Exception as error:
                log.error("heartbeat_failed", error=where(error))

    async def _renew(self) -> None:
        leases = list(self._leases.values())
        if not leases:
            return
        trusted = self._environment.monotonic() + self.settings.lease - self.settings.margin
        lost = await self._store.renew(leases, self._environment.now() + self.settings.lease)
        for lease in leases:
            if self._leases.get(lease.visit_id) != lease:
                continue
            if lease.visit_id in lost:
                self._trusted[lease.visit_id] = 0
            else:
                self._trusted[lease.visit_id] = trusted

    # -- workers
    async def _register(self) -> None:
        await self._store.register(self._processes.described(self.worker, self._environment.now()))

    async def _take_over_the_dead(self) -> None:
        """End the leases of workers on this host whose process is provably gone; others end by themselves."""
        for worker in await self._store.workers():
            if (
                worker.worker != self.worker
                and worker.host == self._processes.host()
                and not self._processes.alive(worker)
            ):
                count = await self._store.expire_worker(worker.worker, self._environment.now())
                self.figures.taken_over += count
                log.info("took_over", worker=worker.worker, visits=count)
