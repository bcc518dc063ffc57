"""The clock of a site: of all processes one keeps the time, the others stand by and take over when it falls silent."""

from __future__ import annotations

import asyncio
import datetime
import logging
from collections.abc import Coroutine, Mapping
from typing import Any
from zoneinfo import ZoneInfo

import structlog
from apscheduler.events import EVENT_JOB_MAX_INSTANCES
from apscheduler.schedulers.asyncio import AsyncIOScheduler

from engine.environment import MINUTE, SECOND, Micros
from engine.errors import StoreError
from engine.processes import Processes, SystemProcesses
from engine.trace import where
from flows.calendars import Hours
from flows.schedules import Schedule, began, due, next_run
from service.application import Application
from service.jobs import JOBS, Job
from service.scheduling.checking import check_schedules
from service.scheduling.judging import LeftOut, judged
from service.scheduling.runs import Runs, micros
from service.scheduling.timekeeping import KeptJobStore, LookExecutor, Moments
from storage.registers import Begun, Lease, ScheduleRun, ScheduleState
from storage.registers.schedules import CLOCK

log = structlog.get_logger("visitflow.schedules")

#: The lease of whoever keeps the time.
LEASE = "clock"
#: How often a process looks at the lease, at pauses, and at both clocks: APScheduler sleeps through a clock being set.
_TURN_SECONDS = 2.0
#: A timer may fire a moment before the clock shows its time.
_EARLY = datetime.timedelta(seconds=1)
_CLOCK_WAS_SET = MINUTE


class Scheduler:
    """The schedules of one process."""

    def __init__(self, wired: Application, jobs: Mapping[str, Job] = JOBS, processes: Processes | None = None) -> None:
        """Check them. Raises InvalidFlow."""
        check_schedules(wired.site, wired.catalogue, jobs)
        self._wired = wired
        self._environment = wired.environment
        self._register = wired.registers.schedules
        self._runs = Runs(wired, jobs)
        self._processes = processes or SystemProcesses()
        self._zone = ZoneInfo(wired.site.timezone)
        self._schedules = {each.name: each for each in wired.site.schedules if each.enabled}
        self._length = int(wired.settings.lease_seconds * SECOND)
        self._lease: Lease | None = None
        self._scheduler: Any = None
        self._tasks: set[asyncio.Task[Any]] = set()
        self._unwritten: dict[str, Micros | None] = {}  #: next runs that the rows do not show yet
        self._looking: set[str] = set()
        self._drift: Micros = 0

    @property
    def keeps_time(self) -> bool:
        """Tell whether this process is the one that keeps the time."""
        return self._lease is not None

    async def start(self) -> None:
        """Begin: keep the time, or stand by; what was missed and is to be caught up with runs now."""
        silent = logging.getLogger("apscheduler")  # what matters of it is logged by us
        silent.addHandler(logging.NullHandler())
        silent.propagate = False
        self._drift = self._clock_drift()
        if self._schedules:
            await self._turned()
            self._begin(self._turn_for_ever())
            log.info("schedules", count=len(self._schedules), timezone=str(self._zone), keeps_time=self.keeps_time)

    async def stop(self) -> None:
        """Begin nothing more; a run that is under way is left where it is, and made again by who takes over."""
        lease = self._lease
        await self._step_down()
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if lease is not None:
            try:
                await self._wired.registers.leases.release(lease)
            except StoreError as error:
                log.warning("clock_not_released", reason=error.message)

    def due(self) -> dict[str, datetime.datetime]:
        """Return when each schedule runs next, as APScheduler has it; empty in a process that stands by."""
        jobs = [] if self._scheduler is None else self._scheduler.get_jobs()
        return {job.id: job.next_run_time for job in jobs if job.next_run_time is not None}

    # -- turns
    async def _turn_for_ever(self) -> None:
        while True:
            await asyncio.sleep(_TURN_SECONDS)
            await self._turned()

    async def _turned(self) -> None:
        try:
            await self.turn()
        except StoreError as error:  # away for longer than the lease: another process may keep the time by now
            log.warning("clock_failed", reason=error.message)
        except Exception as error:  # a fault of ours must not end the clock
            log.error("clock_failed", reason=where(error))

    async def turn(self) -> None:
        """Look at the lease, at both clocks, and whether APScheduler has planned what the rows say."""
        now = self._environment.now()
        await self._keep(now) if self._lease is not None else await self._take(now)
        if self._lease is None:
            return
        self._look_at_clock()
        states = await self._register.states()
        for name, schedule in self._schedules.items():
            if name in states and name not in self._looking:
                self._plan(schedule, states[name])
        await self._register.give_up(now)
        if self._unwritten:
            written, self._unwritten = self._unwritten, {}
            await self._register.plan(self._lease, now, written)

    # -- who keeps the time
    async def _take(self, now: Micros) -> None:
        leases = self._wired.registers.leases
        found, dead = await leases.get(LEASE), None
        if found is not None and found.held_until > now:
            if not await self._is_dead(found.holder):
                return
            dead = found.holder
        self._lease = await leases.take(LEASE, self._wired.runner.worker, now, now + self._length, dead)
        if self._lease is not None:
            log.info("clock_taken", token=self._lease.token, before=None if found is None else found.holder)
            await self._adopt(now)

    async def _is_dead(self, holder: str) -> bool:
        """Tell whether a process is provably gone: of this host, and its number is another's or nobody's."""
        workers = {each.worker: each for each in await self._wired.store.workers()}
        worker = workers.get(holder)
        return worker is not None and worker.host == self._processes.host() and not self._processes.alive(worker)

    async def _keep(self, now: Micros) -> None:
        assert self._lease is not None
        if now < self._lease.held_until - self._length * 2 // 3:
            return
        until = now + self._length
        if await self._wired.registers.leases.renew(self._lease, until):
            self._lease = Lease(self._lease.name, self._lease.holder, self._lease.token, until)
        else:
            log.warning("clock_lost", token=self._lease.token)
            await self._step_down()

    async def _step_down(self) -> None:
        """Begin no more runs. One that is under way goes on as long as its own row is ours."""
        self._lease = None
        if self._scheduler is not None:
            self._scheduler.shutdown(wait=False)
            await asyncio.sleep(0)  # APScheduler shuts down in the loop's next turn
            self._scheduler = None

    async def _adopt(self, now: Micros) -> None:
        """Go on from where the rows say that each schedule is."""
        moment = self._moment(now)
        for schedule in self._schedules.values():
            through = micros(began(schedule, self._zone, moment))
            await self._register.declare(ScheduleState(schedule.name, through))
        states = await self._register.states()
        self._scheduler = AsyncIOScheduler(
            timezone=self._zone,
            jobstores={"default": KeptJobStore(self._changed)},
            executors={"default": LookExecutor(self._begin, self._look)},
            job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None},
        )
        self._scheduler.add_listener(self._still_running, EVENT_JOB_MAX_INSTANCES)
        for name, schedule in self._schedules.items():
            trigger = Moments(schedule, self._hours(schedule), self._zone)
            self._scheduler.add_job(_by_executor, trigger, id=name, next_run_time=self._next(schedule, states[name]))
        self._scheduler.start()

    # -- planning
    def _next(self, schedule: Schedule, state: ScheduleState) -> datetime.datetime | None:
        """Return when to look at a schedule next: at once where something is due already; None while it is paused."""
        if state.paused_at is not None:
            return None
        now = self._now()
        through = min(self._moment(state.through), now)
        found = next_run(schedule, self._hours(schedule), self._zone, through)
        return None if found is None or found.at is None else max(found.at, now)

    def _plan(self, schedule: Schedule, state: ScheduleState) -> None:
        """Have APScheduler's job say what the row says.

        It does not after a pause or a resume, when a look could not be finished (the store was away, a person's run is
        under way), and when the clock was set.
        """
        wanted, planned = self._next(schedule, state), self._planned(schedule.name)
        if wanted != planned and (wanted is None or planned is None or wanted > self._now() or planned > wanted):
            self._scheduler.modify_job(schedule.name, next_run_time=wanted)

    def _planned(self, name: str) -> datetime.datetime | None:
        job = self._scheduler.get_job(name)
        if job is None:  # the calendar did not open when it was last asked
            schedule = self._schedules[name]
            trigger = Moments(schedule, self._hours(schedule), self._zone)
            job = self._scheduler.add_job(_by_executor, trigger, id=name, next_run_time=None)
        found: datetime.datetime | None = job.next_run_time
        return found

    def _changed(self, name: str, at: datetime.datetime | None) -> None:
        self._unwritten[name] = None if at is None else micros(at)

    def _still_running(self, event: Any) -> None:
        log.warning("schedule_still_running", schedule=event.job_id)  # the next turn plans what is due meanwhile

    def _look_at_clock(self) -> None:
        """Notice that the clock was set: rows say what is done, so everything is planned anew from them."""
        moved = self._clock_drift() - self._drift
        if abs(moved) >= _CLOCK_WAS_SET:
            log.warning("clock_was_set", seconds=moved // SECOND)
            self._drift += moved
        self._scheduler.wakeup()

    # -- looking
    async def _look(self, name: str) -> None:
        """Go through the moments of a schedule whose time has come, one after the other."""
        if name in self._looking:
            return
        self._looking.add(name)
        try:
            while self._lease is not None and await self._step(self._schedules[name], self._lease):
                pass
        except StoreError as error:
            log.warning("schedule_not_looked_at", schedule=name, reason=error.message)
        except Exception as error:  # a fault of ours: the next moment is looked at all the same
            log.error("schedule_not_looked_at", schedule=name, reason=where(error))
        finally:
            self._looking.discard(name)

    async def _step(self, schedule: Schedule, lease: Lease) -> bool:
        """Deal with the next moment that is due; False when there is none, or somebody else has to come first."""
        now = self._now()
        state = (await self._register.states())[schedule.name]
        if state.paused_at is not None:
            return False
        through = self._moment(state.through)
        if state.through > self._environment.now() + _CLOCK_WAS_SET:
            # the clock was set back: what has run since runs again at its time, which does no harm (or is on record)
            through = began(schedule, self._zone, now)
            await self._register.set_through(schedule.name, micros(through))
        pending = due(schedule, self._hours(schedule), self._zone, through, now + _EARLY)
        if not pending:
            return False
        first = judged(schedule, self._zone, pending, now)[0]
        if isinstance(first, LeftOut):
            return await self._leave_out(schedule, first, lease)
        begun = await self._runs.by_clock(schedule, first.moment, lease)
        if begun is Begun.BEFORE:
            passed = micros(first.moment)
            return await self._register.pass_by(None, schedule.name, passed, lease, self._environment.now())
        return begun is Begun.BEGUN

    async def _leave_out(self, schedule: Schedule, left: LeftOut, lease: Lease) -> bool:
        now, last = self._environment.now(), micros(left.moments[-1])
        run = ScheduleRun(
            self._environment.new_id(),
            schedule.name,
            due_at=last,
            made_by=CLOCK,
            reason="",
            began_at=now,
            holder=lease.holder,
            held_until=now,
            ended_at=now,
            result="skipped",
            told=left.told,
        )
        log.info("schedule_left_out", schedule=schedule.name, due=left.moments[-1].isoformat(), why=left.told)
        return await self._register.pass_by(run, schedule.name, last, lease, now)

    # -- small things
    def _begin(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def _hours(self, schedule: Schedule) -> Hours | None:
        return self._wired.site.hours(schedule)

    def _clock_drift(self) -> Micros:
        return self._environment.now() - self._environment.monotonic()

    def _moment(self, at: Micros) -> datetime.datetime:
        return datetime.datetime.fromtimestamp(at / SECOND, self._zone)

    def _now(self) -> datetime.datetime:
        return self._moment(self._environment.now())


def _by_executor() -> None:
    """Stand in for what a job does: the executor looks at the schedule instead of calling anything."""
