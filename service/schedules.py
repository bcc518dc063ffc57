"""Runs what flows.yaml schedules: APScheduler keeps the time, nothing keeps a record (ADR 17).

A run opens a visit by a key that holds its moment, or calls a job that does so. So it does no harm that every process
of a site runs every schedule, that a start catches up with what was missed, or that a run is tried again.
"""

from __future__ import annotations

import asyncio
import datetime
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

import structlog
from apscheduler.events import EVENT_JOB_MAX_INSTANCES, EVENT_JOB_MISSED
from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.cron import CronTrigger
from apscheduler.triggers.interval import IntervalTrigger

from engine.catalogue import Catalogue
from engine.commands import MAX_KEY, validated
from engine.environment import MINUTE, SECOND, Micros
from engine.errors import BadInput, DuplicateKey, InvalidData, VisitflowError
from engine.trace import where
from flows import Site
from flows.schedules import ANCHOR, OpenVisit, Schedule, latest, missed
from flows.source import Path_, Problem, invalid, path_text
from service.application import Application
from service.jobs import JOBS, Job

log = structlog.get_logger("visitflow.schedules")

TRIES = 8
_FIRST_PAUSE = 5 * SECOND
_LONGEST_PAUSE = 5 * MINUTE
#: A timer may fire a moment before the clock shows its time.
_EARLY = datetime.timedelta(seconds=5)
#: How late a run may be (a machine that slept) when it is not to be caught up with.
_LATE_SECONDS = 600
#: APScheduler sleeps until the next run; a clock that is set meanwhile would not wake it.
_LOOK_AT_CLOCK_SECONDS = 30.0
_CLOCK_WAS_SET = MINUTE


def trigger_of(schedule: Schedule, zone: ZoneInfo) -> Any:
    """Return APScheduler's trigger; intervals are counted from one moment, so all processes see the same ones."""
    if schedule.every is not None:
        start = ANCHOR.replace(tzinfo=zone)
        return IntervalTrigger(seconds=schedule.every / SECOND, start_date=start, timezone=zone)
    assert schedule.at is not None
    at = schedule.at
    return CronTrigger(hour=at.hour, minute=at.minute, second=at.second, timezone=zone)


def next_run(schedule: Schedule, zone: ZoneInfo, now: datetime.datetime) -> datetime.datetime | None:
    """Return when ``schedule`` is due next; None when it is off."""
    if not schedule.enabled:
        return None
    found: datetime.datetime | None = trigger_of(schedule, zone).get_next_fire_time(None, now)
    return found


def visit_of(schedule: Schedule, moment: datetime.datetime, jobs: Mapping[str, Job] = JOBS) -> tuple[str, str] | None:
    """Return flow and key of the visit that the run of ``moment`` opens, as far as that is known."""
    if schedule.open is not None:
        return schedule.open.flow, schedule.open.at(moment)[0]
    job = jobs.get(schedule.job or "")
    return None if job is None or job.visit is None else job.visit(day_before(moment))


def day_before(moment: datetime.datetime) -> datetime.date:
    """Return the day that a job of ``moment`` is about."""
    return moment.date() - datetime.timedelta(days=1)


def check_schedules(site: Site, catalogue: Catalogue, jobs: Mapping[str, Job] = JOBS) -> None:
    """Hold schedules to the jobs that there are and to what their flows are opened with. Raises InvalidFlow."""
    problems: list[Problem] = []
    noon = datetime.datetime(2000, 1, 1, 12, tzinfo=ZoneInfo(site.timezone))

    def refuse(path: Path_, message: str) -> None:
        problems.append(Problem(site.source.mark(path), path_text(path), message))

    for index, schedule in enumerate(site.schedules):
        here: Path_ = ("schedules", index)
        if schedule.job is not None and schedule.job not in jobs:
            refuse((*here, "job"), f"no job is called {schedule.job!r}; known: {', '.join(jobs) or 'none'}")
        if schedule.open is None:
            continue
        key, data = schedule.open.at(noon)
        if len(key) > MAX_KEY or not key.isprintable():
            refuse((*here, "open", "key"), f"expected 1 to {MAX_KEY} printable characters")
        definition = next(each for each in site.definitions if each.flow == schedule.open.flow)
        try:
            validated(catalogue.model(definition.opening), data, definition.flow)
        except InvalidData as error:
            field = tuple((error.field or "").split("."))
            refuse((*here, "open", "data", *field), error.message)
        for adapter in definition.adapters.values():
            signs_in = site.adapters.get(adapter, {}).get("operator_id")
            if None not in (signs_in, data.get("operator")) and signs_in != data["operator"]:
                refuse((*here, "open", "data", "operator"), f"{adapter} signs in as operator {signs_in!r}")
    if problems:
        raise invalid(problems)


@dataclass(frozen=True, slots=True)
class Ran:
    """What a run came to: ``opened``, ``already`` (there is a visit of that key), ``done``, ``refused``, ``failed``."""

    result: str
    told: str = ""


class Scheduler:
    """The schedules of one process."""

    def __init__(self, wired: Application, jobs: Mapping[str, Job] = JOBS) -> None:
        """Check them. Raises InvalidFlow."""
        check_schedules(wired.site, wired.catalogue, jobs)
        self._wired = wired
        self._jobs = jobs
        self._zone = ZoneInfo(wired.site.timezone)
        self._schedules = [schedule for schedule in wired.site.schedules if schedule.enabled]
        self._scheduler: Any = None
        self._tasks: set[asyncio.Task[Any]] = set()
        self._drift: Micros = 0
        #: what the last run of each came to, and when; of this process
        self.results: dict[str, tuple[str, Micros]] = {}

    def start(self) -> None:
        """Begin; what was missed and is to be caught up with runs now."""
        silent = logging.getLogger("apscheduler")  # what matters of it is logged by us
        silent.addHandler(logging.NullHandler())
        silent.propagate = False
        self._drift = self._clock_drift()
        self._scheduler = AsyncIOScheduler(
            timezone=self._zone, job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None}
        )
        self._scheduler.add_listener(self._left_out, EVENT_JOB_MISSED | EVENT_JOB_MAX_INSTANCES)
        self._plan()
        self._scheduler.start()
        self._begin_catching_up()
        if self._schedules:
            self._begin(self._watch_clock())
            log.info("schedules", count=len(self._schedules), timezone=str(self._zone))

    async def stop(self) -> None:
        """Begin nothing more; a run that is under way is left where it is: it will be made again by its key."""
        if self._scheduler is not None:
            self._scheduler.shutdown(wait=False)
            await asyncio.sleep(0)  # APScheduler shuts down in the loop's next turn
            self._scheduler = None
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def due(self) -> dict[str, datetime.datetime]:
        """Return when each schedule runs next, as this process has planned it."""
        return {job.id: job.next_run_time for job in self._scheduler.get_jobs()}

    # -- planning
    def _plan(self) -> None:
        for schedule in self._schedules:
            self._scheduler.add_job(
                self._due,
                trigger_of(schedule, self._zone),
                args=[schedule],
                id=schedule.name,
                replace_existing=True,
                misfire_grace_time=None if schedule.catch_up else _LATE_SECONDS,
            )

    def _left_out(self, event: Any) -> None:
        why = "still running" if event.code == EVENT_JOB_MAX_INSTANCES else "too late"
        log.warning("schedule_left_out", schedule=event.job_id, why=why)

    async def _watch_clock(self) -> None:
        while True:
            await asyncio.sleep(_LOOK_AT_CLOCK_SECONDS)
            self.look_at_clock()

    def look_at_clock(self) -> None:
        """Notice that the clock was set: forward, what is due now runs now; back, plan anew from the new time."""
        moved = self._clock_drift() - self._drift
        if abs(moved) >= _CLOCK_WAS_SET:
            log.warning("clock_was_set", seconds=moved // SECOND)
            self._drift += moved
            if moved < 0:
                self._plan()
            else:
                self._begin_catching_up()
        self._scheduler.wakeup()

    def _clock_drift(self) -> Micros:
        return self._wired.environment.now() - self._wired.environment.monotonic()

    def _now(self) -> datetime.datetime:
        return datetime.datetime.fromtimestamp(self._wired.environment.now() / SECOND, self._zone)

    def _begin(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # -- running
    async def _due(self, schedule: Schedule) -> None:
        await self.run(schedule, latest(schedule, self._zone, self._now() + _EARLY))

    def _begin_catching_up(self) -> None:
        for schedule in self._schedules:
            if moments := missed(schedule, self._zone, self._now()):
                self._begin(self._catch_up(schedule, moments))

    async def _catch_up(self, schedule: Schedule, moments: list[datetime.datetime]) -> None:
        for moment in moments:
            await self.run(schedule, moment)

    async def run(self, schedule: Schedule, moment: datetime.datetime) -> Ran:
        """Make the run of ``moment``; a failure is tried again after a while, so often, and never raised."""
        ran = await self._tried(schedule, moment)
        self.results[schedule.name] = (ran.result, self._wired.environment.now())
        return ran

    async def _tried(self, schedule: Schedule, moment: datetime.datetime) -> Ran:
        words = {"schedule": schedule.name, "due": moment.isoformat()}
        pause = _FIRST_PAUSE
        for tried in range(1, TRIES + 1):
            try:
                ran = await self.make(schedule, moment)
            except BadInput as error:  # trying again would not help
                log.error("schedule_refused", **words, reason=error.message, field=error.field)
                return Ran("refused", error.message)
            except Exception as error:  # a store that is down, a job's own failure
                reason = error.message if isinstance(error, VisitflowError) else where(error)
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

    async def make(self, schedule: Schedule, moment: datetime.datetime) -> Ran:
        """Make the run of ``moment`` once, without trying again. Raises what the job or the command raises."""
        if schedule.open is not None:
            return await self._open(schedule.open, moment, f"schedule:{schedule.name}")
        told = await self._jobs[schedule.job or ""].run(self._wired, day_before(moment))
        return Ran("done", "" if told is None else str(told))

    async def _open(self, wanted: OpenVisit, moment: datetime.datetime, by: str) -> Ran:
        key, data = wanted.at(moment)
        try:
            _, created = await self._wired.commands.open(wanted.flow, key, data, by)
        except DuplicateKey:  # opened by somebody who knew more, for example by an adapter's own sign-in
            created = False
        return Ran("opened" if created else "already", f"{wanted.flow}/{key}")
