"""What becomes of moments whose time has come: each is run, or left out for a stated reason."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from flows.schedules import Planned, Schedule, first_day

#: How late a run may be (a machine that slept) when it is not to be caught up with.
LATE = datetime.timedelta(minutes=10)
TOO_LATE = "too_late"


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Moments that are not run, in order, and why: ``too_late``, or what the calendar says of the last."""

    moments: tuple[datetime.datetime, ...]
    why: str

    @property
    def told(self) -> str:
        """Return it in words for the record."""
        first = f", {len(self.moments)} since {self.moments[0]:%Y-%m-%d %H:%M}" if len(self.moments) > 1 else ""
        return f"{self.why}{first}"


def judged(
    schedule: Schedule, zone: ZoneInfo, pending: Sequence[Planned], now: datetime.datetime
) -> list[Planned | LeftOut]:
    """Return what to do with pending moments, in order; neighbours that are left out go together.

    Without ``catch_up`` a moment is run when it is at most :data:`LATE` late; with it, when its day is near enough.
    """
    found: list[Planned | LeftOut] = []
    for each in pending:
        if (why := _why_not(schedule, zone, each, now)) is None:
            found.append(each)
        elif found and isinstance(last := found[-1], LeftOut):
            found[-1] = LeftOut((*last.moments, each.moment), why)
        else:
            found.append(LeftOut((each.moment,), why))
    return found


def _why_not(schedule: Schedule, zone: ZoneInfo, planned: Planned, now: datetime.datetime) -> str | None:
    if planned.at is None:
        return str(planned.why)
    if schedule.catch_up is False:
        return None if now - planned.at <= LATE else TOO_LATE
    if schedule.every is not None or planned.at.astimezone(zone).date() >= first_day(schedule, zone, now):
        return None
    return TOO_LATE
