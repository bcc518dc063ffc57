"""What persons do to schedules: pause, resume, run now. Who and why stands in the rows, and in the audit."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from zoneinfo import ZoneInfo

from engine.environment import SECOND
from engine.errors import BadInput, NotLegal
from flows.schedules import Schedule, began
from service.application import Application
from service.errors import UnknownThing
from service.jobs import JOBS, Job
from service.scheduling.runs import Ran, Runs, micros
from storage.registers import ScheduleState


class PausedAlready(NotLegal):
    """The schedule is paused already."""

    code = "schedule_paused"


class NotPaused(NotLegal):
    """The schedule is not paused."""

    code = "schedule_not_paused"


def schedule_named(wired: Application, name: str) -> Schedule:
    """Return a schedule of flows.yaml. Raises UnknownThing."""
    found = next((each for each in wired.site.schedules if each.name == name), None)
    if found is None:
        raise UnknownThing(f"no schedule {name[:64]}", field="schedule")
    return found


async def pause(wired: Application, name: str, by: str, reason: str) -> None:
    """Pause a schedule, in all processes and across restarts, from the next moment on.

    A run that is under way goes on. Raises UnknownThing, PausedAlready, BadInput.
    """
    await _declared(wired, name, by, reason)
    if not await wired.registers.schedules.pause(name, wired.environment.now(), by[:100], reason):
        raise PausedAlready(f"{name} is paused already", field="schedule")


async def resume(wired: Application, name: str, by: str, reason: str) -> None:
    """Let a paused schedule go on with its next moment; what fell into the pause is left out.

    Raises UnknownThing, NotPaused, BadInput.
    """
    schedule_named(wired, name)
    _who_and_why(by, reason)
    if not await wired.registers.schedules.resume(name, wired.environment.now()):
        raise NotPaused(f"{name} is not paused", field="schedule")


async def run_now(wired: Application, name: str, by: str, reason: str, jobs: Mapping[str, Job] = JOBS) -> Ran:
    """Make a run of this moment, also of a schedule that is paused or off.

    Raises UnknownThing, AlreadyRunning, BadInput, and what the run fails of.
    """
    schedule = await _declared(wired, name, by, reason)
    return await Runs(wired, jobs).by_hand(schedule, now_of(wired), by[:100], reason)


def now_of(wired: Application) -> datetime.datetime:
    """Return the wall clock in the site's time zone."""
    return datetime.datetime.fromtimestamp(wired.environment.now() / SECOND, ZoneInfo(wired.site.timezone))


async def _declared(wired: Application, name: str, by: str, reason: str) -> Schedule:
    """Return a schedule that has a row, also where no process has kept the time for it yet."""
    schedule = schedule_named(wired, name)
    _who_and_why(by, reason)
    through = began(schedule, ZoneInfo(wired.site.timezone), now_of(wired))
    await wired.registers.schedules.declare(ScheduleState(name, micros(through)))
    return schedule


def _who_and_why(by: str, reason: str) -> None:
    for field, value in (("by", by), ("reason", reason)):
        if not value.strip():
            raise BadInput(f"say {'who acts' if field == 'by' else 'why'}", field=field)
