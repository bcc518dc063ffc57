"""How schedules stand: what ``visitflow schedules``, the console, the API and the alerts show."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from engine.environment import SECOND
from engine.store import Projection
from flows.calendars import Hours
from flows.schedules import Planned, Schedule, due, latest, next_run
from service.application import Application
from service.scheduling.checking import visit_of
from service.scheduling.hand import now_of
from service.views import moment, projection_view
from storage.registers import ScheduleRun, ScheduleState


@dataclass(frozen=True, slots=True)
class ScheduleStanding:
    """A schedule: how far it has come, what comes next, what the last run came to."""

    schedule: Schedule
    state: ScheduleState | None  #: None: no process has kept time for it yet
    next: Planned | None  #: None: it is off, or its calendar does not open any more
    last_due: datetime.datetime
    last_run: ScheduleRun | None
    last_key: tuple[str, str] | None  #: of the visit that the last moment is about
    last_visit: Projection | None
    late: datetime.timedelta  #: by how much the oldest moment that nobody has come to is late

    @property
    def paused(self) -> bool:
        """Tell whether a person has paused it."""
        return self.state is not None and self.state.paused_at is not None


async def standings(wired: Application) -> list[ScheduleStanding]:
    """Return how each schedule of flows.yaml stands, in its order. Raises StoreError."""
    register = wired.registers.schedules
    states, runs = await register.states(), await register.last()
    found = []
    for schedule in wired.site.schedules:
        state, now, zone = states.get(schedule.name), now_of(wired), ZoneInfo(wired.site.timezone)
        last = latest(schedule, zone, now)
        key = visit_of(schedule, last)
        next_, late = _ahead(schedule, wired.site.hours(schedule), zone, state, now)
        run = runs.get(schedule.name)
        found.append(
            ScheduleStanding(
                schedule,
                state,
                next_,
                last,
                run,
                key,
                None if key is None else await wired.store.find(*key),
                datetime.timedelta() if run is not None and run.result is None else late,
            )
        )
    return found


def ending_calendars(wired: Application) -> Mapping[str, int]:
    """Return in how many days each calendar that is used ends; one that names no year's days never does."""
    used = {each.calendar for each in wired.site.schedules if each.enabled}
    today = now_of(wired).date()
    calendars = wired.site.calendars.items()
    return {
        name: (hours.known_until - today).days
        for name, hours in calendars
        if name in used and hours.known_until is not None
    }


def _ahead(
    schedule: Schedule, hours: Hours | None, zone: ZoneInfo, state: ScheduleState | None, now: datetime.datetime
) -> tuple[Planned | None, datetime.timedelta]:
    """Return what comes next, and by how much what should have come is late."""
    if not schedule.enabled:
        return None, datetime.timedelta()
    through = now if state is None else min(now, datetime.datetime.fromtimestamp(state.through / SECOND, zone))
    waiting = [each.at for each in due(schedule, hours, zone, through, now) if each.at is not None]
    paused = state is not None and state.paused_at is not None
    late = now - waiting[0] if waiting and not paused else datetime.timedelta()
    return next_run(schedule, hours, zone, now if waiting else through), late


def standing_view(standing: ScheduleStanding) -> dict[str, Any]:
    """Return how a schedule stands, as JSON shows it."""
    state, planned = standing.state, standing.next
    next_at = None if planned is None or standing.paused else planned.at
    return {
        **standing.schedule.model_dump(mode="json", exclude_none=True),
        "next_run": None if next_at is None else next_at.isoformat(),
        "moved_from": None if planned is None or planned.why is None else planned.moment.isoformat(),
        "moved_because": None if planned is None or planned.why is None else str(planned.why),
        "paused": None
        if state is None or state.paused_at is None
        else {"at": moment(state.paused_at), "by": state.paused_by, "reason": state.paused_why},
        "late_seconds": int(standing.late.total_seconds()),
        "last_due": standing.last_due.isoformat(),
        "last_key": None if standing.last_key is None else "/".join(standing.last_key),
        "last_visit": None if standing.last_visit is None else projection_view(standing.last_visit),
        "last_run": None if standing.last_run is None else run_view(standing.last_run),
    }


def run_view(run: ScheduleRun) -> dict[str, Any]:
    """Return a run, as JSON shows it."""
    return {
        "run": run.run_id,
        "schedule": run.schedule,
        "due": moment(run.due_at),
        "by": run.made_by,
        "reason": run.reason,
        "began": moment(run.began_at),
        "ended": moment(run.ended_at),
        "attempts": run.attempts,
        "result": run.result or "running",
        "told": run.told,
    }
