"""Several workers on one PostgreSQL: procrastinate brings each of them jobs that tell of due visits.

procrastinate does: handing a job to one worker (``SKIP LOCKED``), telling idle workers at once (``NOTIFY``), timers,
heartbeats, and finding what a dead worker had fetched. This module does: taking the visits of a job under leases as
far as there is room, waiting with the next job meanwhile, and a *sweep* that finds due visits of which no job tells,
because a lease ended, a timer was far off, or a job was lost. A lost job therefore costs seconds, never a visit. So
procrastinate's own bookkeeping need not wait for the disk: its connections commit asynchronously. The jobs themselves
are written by the store, synchronously, with the events that make the visit due.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import Any

import structlog
from procrastinate import App, PsycopgConnector, RetryStrategy
from procrastinate.exceptions import ProcrastinateException
from psycopg_pool import AsyncConnectionPool

from engine.dispatch import Desk
from engine.environment import MINUTE, SECOND, Environment, Micros
from engine.errors import StoreError
from engine.trace import where
from service.dispatch.jobs import QUEUE, TASK
from storage.dialects import LASTING

log = structlog.get_logger("visitflow.dispatch")

# A line for every job would cost more than the job.
logging.getLogger("procrastinate").setLevel(logging.WARNING)
#: Beside the worker's: one fetches, one finishes, one beats and listens.
_CONNECTIONS = 4
#: After so many workers that could not, the job is given up, and the sweep takes its visits.
_ATTEMPTS = 5


@dataclass(frozen=True, slots=True)
class FleetSettings:
    """How a worker of a fleet behaves; seconds, unless it says Micros."""

    horizon: Micros = MINUTE  #: timers that end later have no job
    overdue: Micros = SECOND  #: a visit that has been due for so long is taken without a job
    behind: Micros = 10 * SECOND  #: the same while jobs come in: its own may be waiting among them
    sweep: float = 1.0  #: how often to look for such visits
    poll: float = 0.25  #: how often to look for jobs whose time has come; others are told by NOTIFY
    at_once: int = 3  #: jobs fetched and waiting for room: few, for other workers may have room
    stalled: float = 30.0  #: a worker whose heart has not beaten for so long is dead; what it had fetched is given back


@dataclass(slots=True)
class FleetFigures:
    """Counters for metrics and tests."""

    jobs: int = 0  #: jobs fetched
    told: int = 0  #: visits taken because a job told of them
    late: int = 0  #: visits of jobs that were not due any more, or somebody else's
    timers: int = 0  #: visits taken at the end of a wait that was too long for a job
    repaired: int = 0  #: visits found due without a job: of a dead worker, or a job was lost
    stalled: int = 0  #: jobs of dead workers that were given back
    broken: int = 0  #: how often procrastinate's worker ended by itself and was begun again


class Fleet:
    """Brings one runner the jobs of a fleet."""

    def __init__(self, url: str, environment: Environment, settings: FleetSettings | None = None) -> None:
        """``url`` is the store's."""
        self.settings = settings or FleetSettings()
        self.figures = FleetFigures()
        self._url = url.replace("postgresql+psycopg://", "postgresql://", 1)
        self._environment = environment
        self._changed = asyncio.Event()
        self._jobs_seen = 0

    def wake(self) -> None:
        """There may be room again. That visits are due is told by jobs."""
        self._changed.set()

    def counts(self) -> Mapping[str, int]:
        """Return the figures by their names."""
        return asdict(self.figures)

    async def run(self, desk: Desk) -> None:
        """Work off jobs, and sweep, until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._work(desk), name="jobs")
            group.create_task(self._sweep(desk), name="sweep")

    # -- jobs
    async def _work(self, desk: Desk) -> None:
        """Run procrastinate's worker; begin it again when it ends: the database was away, or believed us dead."""
        failures = 0
        while True:
            began = self._environment.monotonic()
            try:
                await self._worker(desk)
                log.warning("dispatch_ended")
            except Exception as error:
                log.warning("dispatch_failed", error=where(error))
            self.figures.broken += 1
            lasted = self._environment.monotonic() - began
            failures = 0 if lasted > MINUTE else failures + 1
            await asyncio.sleep(min(5.0, 0.2 * 2 ** min(failures, 5)))

    async def _worker(self, desk: Desk) -> None:
        app = self._app()

        # Whoever stops, or cannot reach the store, leaves its jobs to the others.
        @app.task(name=TASK, queue=QUEUE, retry=RetryStrategy(max_attempts=_ATTEMPTS))
        async def take(visits: list[str], at: Micros) -> None:
            await self._take(desk, visits, at)

        async with app.open_async():
            giving_back = asyncio.create_task(self._give_back(app))
            try:
                await app.run_worker_async(
                    queues=[QUEUE],
                    name="visitflow",
                    concurrency=self.settings.at_once,
                    fetch_job_polling_interval=self.settings.poll,
                    shutdown_graceful_timeout=2.0,
                    delete_jobs="always",
                    install_signal_handlers=False,
                    update_heartbeat_interval=self.settings.stalled / 3,
                    stalled_worker_timeout=self.settings.stalled,
                )
            finally:
                giving_back.cancel()
                with suppress(asyncio.CancelledError, Exception):
                    await giving_back

    def _app(self) -> App:
        return App(
            connector=PsycopgConnector(
                conninfo=self._url,
                min_size=1,
                max_size=_CONNECTIONS,
                timeout=10.0,
                pool_factory=_pool,
                kwargs=LASTING | {"options": "-c synchronous_commit=off"},
            )
        )

    async def _take(self, desk: Desk, visits: Sequence[str], at: Micros) -> None:
        """Take the visits of one job as far as there is room, and wait for room for the rest.

        ``at`` is when they are due by the clock of whoever wrote the job; a clock that is behind must not lose them.
        """
        self.figures.jobs += 1
        left = list(visits)
        while left:
            self._changed.clear()
            if (free := desk.free) <= 0:
                desk.turned()
                with suppress(TimeoutError):
                    async with asyncio.timeout(1.0):
                        await self._changed.wait()
                continue
            part, left = left[:free], left[free:]
            taken = await desk.take(among=part, due=max(at, self._environment.now()), most=len(part))
            self._changed.set()  # what was kept for those that were not due is free for another job
            self.figures.told += len(taken)
            self.figures.late += len(part) - len(taken)

    async def _give_back(self, app: App) -> None:
        """Hand the jobs that a dead worker had fetched to whoever is alive."""
        while True:
            await asyncio.sleep(self.settings.stalled / 3)
            jobs = await app.job_manager.get_stalled_jobs(queue=QUEUE, seconds_since_heartbeat=self.settings.stalled)
            for job in jobs:
                with suppress(ProcrastinateException):  # another worker was faster
                    await app.job_manager.retry_job(job)
                    self.figures.stalled += 1
                    log.info("job_given_back", job=job.id)

    # -- visits without a job
    async def _sweep(self, desk: Desk) -> None:
        """Take visits that have been due for a while: nobody was told of them, or whoever was is dead."""
        while True:
            try:
                while await self.sweep(desk):
                    pass
            except StoreError as error:
                log.warning("claiming_failed", error=error.message)
            except Exception as error:  # whatever it is: a runner that beats and moves nothing helps nobody
                log.error("sweep_failed", error=where(error))
            await asyncio.sleep(self.settings.sweep)

    async def sweep(self, desk: Desk) -> int:
        """Take what has been due for longer than ``overdue``; return how many. Nothing is written while none is due."""
        if desk.free <= 0:
            desk.turned()
            return 0
        if await desk.until_due() > 0:
            return 0
        busy = self.figures.jobs != self._jobs_seen
        self._jobs_seen = self.figures.jobs
        before = self._environment.now() - (self.settings.behind if busy else self.settings.overdue)
        taken = await desk.take(due=before)
        self._changed.set()  # it kept all places meanwhile
        far = sum(1 for each in taken if (each.due_at or 0) - each.updated_at > self.settings.horizon)
        self.figures.timers += far
        self.figures.repaired += len(taken) - far
        if len(taken) > far:
            log.info("due_without_job", visits=len(taken) - far)
        return len(taken)


def _pool(**settings: Any) -> AsyncConnectionPool[Any]:
    """Return a pool that does not ask before every statement whether the server is there: a failure tells as much."""
    return AsyncConnectionPool(**(settings | {"check": None}))
