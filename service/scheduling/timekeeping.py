"""APScheduler, made ours: jobs whose times are rows, moments that a calendar moves, work that is a task of the loop.

A job store of APScheduler's must never be shared by two schedulers. This one is written to only under the lease of the
clock (``storage/registers/leases``), and holds no code: what a schedule does stands in flows.yaml, what is kept of it
is how far it has come and when it runs next.
"""

from __future__ import annotations

import asyncio
import datetime
from collections.abc import Callable, Coroutine
from typing import Any
from zoneinfo import ZoneInfo

from apscheduler.events import EVENT_JOB_EXECUTED, JobExecutionEvent
from apscheduler.executors.base import BaseExecutor
from apscheduler.jobstores.memory import MemoryJobStore
from apscheduler.triggers.base import BaseTrigger

from flows.calendars import Hours
from flows.schedules import Schedule, next_run


class KeptJobStore(MemoryJobStore):  # type: ignore[misc]
    """Jobs in memory, as long as this process keeps the time; ``changed`` hears of each next run, to write it down.

    APScheduler calls a store in the loop's own thread, where nothing may wait for a disk. A time that is not written
    down yet is no harm: what decides whether a moment has run is its record, not its job.
    """

    def __init__(self, changed: Callable[[str, datetime.datetime | None], None]) -> None:
        """Tell ``changed`` name and time."""
        super().__init__()
        self._changed = changed

    def add_job(self, job: Any) -> None:
        """Keep a job."""
        super().add_job(job)
        self._changed(job.id, job.next_run_time)

    def update_job(self, job: Any) -> None:
        """Keep a job's new time."""
        super().update_job(job)
        self._changed(job.id, job.next_run_time)

    def remove_job(self, job_id: str) -> None:
        """Forget a job that has no next time: its calendar does not open any more."""
        super().remove_job(job_id)
        self._changed(job_id, None)


class Moments(BaseTrigger):  # type: ignore[misc]
    """The moments of a schedule, as its calendar lets them be."""

    def __init__(self, schedule: Schedule, hours: Hours | None, zone: ZoneInfo) -> None:
        """Compute them as everybody does: :func:`flows.schedules.next_run`."""
        self._schedule = schedule
        self._hours = hours
        self._zone = zone

    def get_next_fire_time(
        self, previous_fire_time: datetime.datetime | None, now: datetime.datetime
    ) -> datetime.datetime | None:
        """Return when the next run after the previous one is to be made."""
        found = next_run(self._schedule, self._hours, self._zone, previous_fire_time or now)
        return None if found is None else found.at


class LookExecutor(BaseExecutor):  # type: ignore[misc]
    """Begins a look at a schedule when its time has come; which moments are to be run is then read from the store."""

    def __init__(self, begin: Callable[[Coroutine[Any, Any, None]], asyncio.Task[None]], look: Any) -> None:
        """Begin ``look(name)`` as a task with ``begin``."""
        super().__init__()
        self._begin = begin
        self._look = look

    def _do_submit_job(self, job: Any, run_times: list[datetime.datetime]) -> None:
        def ended(_task: asyncio.Task[None]) -> None:
            self._run_job_success(
                job.id, [JobExecutionEvent(EVENT_JOB_EXECUTED, job.id, job._jobstore_alias, run_times[-1])]
            )

        self._begin(self._look(job.id)).add_done_callback(ended)
