"""Makes runs of schedules: recorded before they begin, held while they last, one of each schedule at a time.

Twice fenced. The record: whoever cannot write down that it begins, or that it still holds the run, does nothing. The
key: a process that is stopped between that and what it does, and woken when another has done it, finds the visit there.
"""

from __future__ import annotations

import asyncio
import datetime
from collections.abc import Coroutine, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import structlog

from engine.environment import MINUTE, SECOND, Micros
from engine.errors import BadInput, DuplicateKey, NotLegal, StoreError, VisitflowError
from engine.store import Projection
from engine.trace import where
from flows.schedules import OpenVisit, Schedule
from service.application import Application
from service.jobs import JOBS, Job
from service.scheduling.checking import day_before
from storage.registers import Begun, Lease, ScheduleRun
from storage.registers.schedules import CLOCK

log = structlog.get_logger("visitflow.schedules")

TRIES = 8
_FIRST_PAUSE = 5 * SECOND
_LONGEST_PAUSE = 5 * MINUTE


class AlreadyRunning(NotLegal):
    """A run of this schedule is under way; look at it, or ask again when it has ended."""

    code = "schedule_running"


class _Lost(Exception):
    """Another process has taken the run over: this one was silent for too long."""


@dataclass(frozen=True, slots=True)
class Ran:
    """What a run came to: ``opened``, ``already`` (there is a visit of that key), ``done``, ``refused``, ``failed``."""

    result: str
    told: str = ""


class Runs:
    """The runs that this process makes."""

    def __init__(self, wired: Application, jobs: Mapping[str, Job] = JOBS) -> None:
        """Make them with ``wired``."""
        self._wired = wired
        self._jobs = jobs
        self._register = wired.registers.schedules
        self._lease = int(wired.settings.lease_seconds * SECOND)

    async def by_clock(self, schedule: Schedule, moment: datetime.datetime, lease: Lease) -> Begun:
        """Make the run of ``moment`` if that is to be; a failure is tried again after a while, so often.

        Raises StoreError where it cannot be written down that the run begins, or what it came to.
        """
        begun, run = await self._register.begin(self._run(schedule, moment, CLOCK, ""), lease)
        if begun is Begun.BEGUN and run is not None:
            ran = await self._held(run, self._tried(schedule, moment, run))
            if ran is not None:
                await self._end(run, ran, through=run.due_at)
        return begun

    async def by_hand(self, schedule: Schedule, moment: datetime.datetime, by: str, reason: str) -> Ran:
        """Make a run because a person asks for it, also while the schedule is paused. Raises what it fails of.

        Raises AlreadyRunning.
        """
        begun, run = await self._register.begin(self._run(schedule, moment, by, reason), None)
        while begun is Begun.BEFORE:  # two persons in one instant, or one who asks at the clock's own moment
            moment += datetime.timedelta(microseconds=1)
            begun, run = await self._register.begin(self._run(schedule, moment, by, reason), None)
        if begun is not Begun.BEGUN or run is None:
            raise AlreadyRunning(f"{schedule.name} is running right now", field="schedule")
        try:
            ran = await self._held(run, self._made(schedule, moment))
        except Exception as error:
            result = "refused" if isinstance(error, BadInput) else "failed"
            await self._end(run, Ran(result, _reason(error)))
            raise
        if ran is None:
            raise AlreadyRunning(f"{schedule.name}: another process has taken over", field="schedule")
        await self._end(run, ran)
        return ran

    def _run(self, schedule: Schedule, moment: datetime.datetime, by: str, reason: str) -> ScheduleRun:
        now = self._wired.environment.now()
        run_id, due_at = self._wired.environment.new_id(), micros(moment)
        holder = self._wired.runner.worker
        return ScheduleRun(run_id, schedule.name, due_at, by, reason, now, holder, now + self._lease)

    # -- holding
    async def _held(self, run: ScheduleRun, work: Coroutine[Any, Any, Ran]) -> Ran | None:
        """Do ``work`` and say meanwhile that it is under way; None when another process has taken it over."""
        task = asyncio.create_task(work)
        try:
            while not (await asyncio.wait({task}, timeout=self._lease / SECOND / 3))[0]:
                try:
                    await self._hold(run)
                except StoreError as error:  # the work itself will see whether the store comes back
                    log.warning("schedule_not_held", schedule=run.schedule, reason=error.message)
            return task.result()
        except asyncio.CancelledError:  # this process ends: whoever takes over need not wait
            with suppress(StoreError):
                await self._register.hold(run, 0)
            raise
        except _Lost:
            log.warning("schedule_lost", schedule=run.schedule, run=run.run_id)
            return None
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _hold(self, run: ScheduleRun) -> None:
        if not await self._register.hold(run, self._wired.environment.now() + self._lease):
            raise _Lost

    async def _end(self, run: ScheduleRun, ran: Ran, through: Micros | None = None) -> None:
        now = self._wired.environment.now()
        if not await self._register.end(run, now, ran.result, ran.told[:1000], through):
            log.warning("schedule_lost", schedule=run.schedule, run=run.run_id, result=ran.result)

    # -- making
    async def _tried(self, schedule: Schedule, moment: datetime.datetime, run: ScheduleRun) -> Ran:
        words = {"schedule": schedule.name, "due": moment.isoformat()}
        pause = _FIRST_PAUSE
        for tried in range(1, TRIES + 1):
            try:
                await self._hold(run)
                ran = await self._made(schedule, moment)
            except _Lost:
                raise
            except BadInput as error:  # trying again would not help
                log.error("schedule_refused", **words, reason=error.message, field=error.field)
                return Ran("refused", error.message)
            except Exception as error:  # a store that is down, a job's own failure
                reason = _reason(error)
                if tried == TRIES:
                    log.error("schedule_failed", **words, reason=reason, tried=tried)
                    return Ran("failed", reason)
                log.warning("schedule_failed", **words, reason=reason, tried=tried, again_in=pause // SECOND)
                await self._wired.environment.sleep(pause)
                pause = min(2 * pause, _LONGEST_PAUSE)
            else:
                log.info("schedule_ran", **words, result=ran.result, told=ran.told)
                return ran
        raise AssertionError("unreachable")

    async def _made(self, schedule: Schedule, moment: datetime.datetime) -> Ran:
        if schedule.open is not None:
            return await self._open(schedule.open, moment, f"schedule:{schedule.name}")
        told = await self._jobs[schedule.job or ""].run(self._wired, day_before(moment))
        if isinstance(told, Projection):
            return Ran("done", f"{told.flow}/{told.key}")
        return Ran("done", "" if told is None else str(told))

    async def _open(self, wanted: OpenVisit, moment: datetime.datetime, by: str) -> Ran:
        key, data = wanted.at(moment)
        try:
            _, created = await self._wired.commands.open(wanted.flow, key, data, by)
        except DuplicateKey:  # opened by somebody who knew more, for example by an adapter's own sign-in
            created = False
        return Ran("opened" if created else "already", f"{wanted.flow}/{key}")


def micros(moment: datetime.datetime) -> Micros:
    """Return a moment as the store counts time."""
    return round(moment.timestamp() * SECOND)


def _reason(error: Exception) -> str:
    """Return what may be told of a failure: our own words, or where it came from; never values."""
    return error.message if isinstance(error, VisitflowError) else where(error)
