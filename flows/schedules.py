"""What a site's schedules may be: structure, the moments they name, and the keys that make a second run harmless.

A schedule opens a visit whose key holds the day (or the time) of the run, or hands a day to a job that does so. Whoever
runs it again, another process or the same one after a restart, finds the visit that is there.

A *moment* is when a schedule is declared to run, and names the run for ever; with a calendar it may be left out, or
moved to when the site opens again. Moments are computed here and nowhere else: APScheduler is handed what comes next.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import Field, StringConstraints, field_validator, model_validator

from engine.definitions import Duration, Model, Name, Text
from engine.environment import SECOND, Micros
from flows.calendars import LONGEST_CLOSED, Closed, Hours

_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")
#: What every key and every text of ``data`` may hold, beside the names of ``data``.
OF_THE_MOMENT = ("day", "day_before", "time")
_SHORTEST = 10 * SECOND
#: From where intervals are counted: every process that runs a schedule sees the same moments.
ANCHOR = datetime.datetime(2000, 1, 1)
_DAY = datetime.timedelta(days=1)
_INSTANT = datetime.timedelta(microseconds=1)


class OpenVisit(Model):
    """The visit that a schedule opens; ``{day}`` (yyyyMMdd), ``{day_before}``, ``{time}`` (HHmm) are the run's."""

    flow: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)*$", max_length=100)]
    key: Annotated[str, StringConstraints(min_length=1, max_length=200)]  #: may name texts of ``data``, too
    data: dict[str, Any] = Field(default={})

    @model_validator(mode="after")
    def _known_placeholders(self) -> Self:
        texts = [name for name, value in self.data.items() if isinstance(value, str)]
        for place, text, known in (("key", self.key, (*OF_THE_MOMENT, *texts)), *_each_text(self.data)):
            for name in _PLACEHOLDER.findall(text):
                if name not in known:
                    raise ValueError(f"{place}: {{{name}}} stands for nothing; known: {', '.join(known)}")
        return self

    def at(self, moment: datetime.datetime) -> tuple[str, dict[str, Any]]:
        """Return key and data of the run that is due at ``moment``."""
        words = words_of(moment)
        data = {name: _filled(value, words) if isinstance(value, str) else value for name, value in self.data.items()}
        texts = {name: value for name, value in data.items() if isinstance(value, str)}
        return _filled(self.key, texts | words), data


class Schedule(Model):
    """Something to do daily ``at`` a time or ``every`` so often: ``open`` a visit, or a named ``job``."""

    name: Name
    title: Text = Text()
    enabled: bool = True
    at: datetime.time | None = None  #: in the site's time zone
    every: Duration | None = None
    open: OpenVisit | None = None
    job: Name | None = None  #: of the service; it is given the day before the run
    #: at start, do what was missed: true = of today, a number = of so many days back
    catch_up: bool | Annotated[int, Field(ge=1, le=31)] = False
    calendar: Name | None = None  #: of the site: when this schedule may run
    when_closed: Literal["skip", "move"] = "skip"  #: what becomes of a run while the calendar is closed

    @field_validator("every")
    @classmethod
    def _not_too_often(cls, value: Micros | None) -> Micros | None:
        if value is not None and value < _SHORTEST:
            raise ValueError("at least 10s")
        return value

    @model_validator(mode="after")
    def _one_of_two(self) -> Self:
        for names in (("at", "every"), ("open", "job")):
            if sum(getattr(self, name) is not None for name in names) != 1:
                raise ValueError(f"expected exactly one of {', '.join(names)}")
        if self.when_closed == "move" and (self.calendar is None or self.at is None):
            raise ValueError("when_closed: move needs a calendar and at: what runs every so often comes round again")
        return self


def words_of(moment: datetime.datetime) -> dict[str, str]:
    """Return what the placeholders of a moment stand for."""
    before = moment.date() - datetime.timedelta(days=1)
    return {"day": f"{moment:%Y%m%d}", "day_before": f"{before:%Y%m%d}", "time": f"{moment:%H%M}"}


def _each_text(data: Mapping[str, Any]) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    yield from ((f"data.{name}", value, OF_THE_MOMENT) for name, value in data.items() if isinstance(value, str))


def _filled(text: str, words: Mapping[str, str]) -> str:
    return _PLACEHOLDER.sub(lambda found: words[found[1]], text)


# -- moments
@dataclass(frozen=True, slots=True)
class Planned:
    """A moment, when it really runs (None: it is left out), and why that is not at the moment itself."""

    moment: datetime.datetime
    at: datetime.datetime | None
    why: Closed | None = None


def latest(schedule: Schedule, zone: ZoneInfo, now: datetime.datetime) -> datetime.datetime:
    """Return the last moment, not after ``now``."""
    if schedule.every is not None:
        step, start = _steps(schedule.every, zone)
        return (start + (now.astimezone(datetime.UTC) - start) // step * step).astimezone(zone)
    assert schedule.at is not None
    day = now.astimezone(zone).date()
    moment = datetime.datetime.combine(day, schedule.at, zone)
    return moment if moment <= now else datetime.datetime.combine(day - _DAY, schedule.at, zone)


def planned(schedule: Schedule, hours: Hours | None, zone: ZoneInfo, after: datetime.datetime) -> Iterator[Planned]:
    """Yield moments after ``after`` in order, without end, each with what its calendar makes of it."""
    for moment in _moments(schedule, zone, after):
        yield _held(schedule, hours, moment)


def due(
    schedule: Schedule, hours: Hours | None, zone: ZoneInfo, through: datetime.datetime, now: datetime.datetime
) -> list[Planned]:
    """Return the moments after ``through`` whose time has come by ``now``, oldest first.

    Of a schedule that runs every so often only the last: the ones before it have come round again. A moment that is
    moved to later than ``now`` is not due, nor is what comes after it.
    """
    if schedule.every is not None:
        moment = latest(schedule, zone, now)
        return [_held(schedule, hours, moment)] if moment > through else []
    found = []
    for each in planned(schedule, hours, zone, through):
        if each.moment > now or (each.at is not None and each.at > now):
            break
        found.append(each)
    return found


def next_run(schedule: Schedule, hours: Hours | None, zone: ZoneInfo, after: datetime.datetime) -> Planned | None:
    """Return the next moment after ``after`` that runs; None when the calendar does not let one run for a year."""
    end = after + LONGEST_CLOSED
    while after < end:
        found = next(planned(schedule, hours, zone, after))
        if found.at is not None:
            return found
        assert hours is not None
        opens = hours.next_open(found.moment)
        if opens is None:
            return None
        after = opens - _INSTANT
    return None


def began(schedule: Schedule, zone: ZoneInfo, now: datetime.datetime) -> datetime.datetime:
    """Return the moment through which a schedule that is new to a store counts as done: ``catch_up`` is still to do."""
    last = latest(schedule, zone, now)
    if schedule.catch_up is False:
        return last
    if schedule.every is not None:
        return last - _INSTANT
    return min(last, datetime.datetime.combine(first_day(schedule, zone, now), datetime.time(), zone) - _INSTANT)


def first_day(schedule: Schedule, zone: ZoneInfo, now: datetime.datetime) -> datetime.date:
    """Return the first day of which a run that was missed is caught up with."""
    days = 0 if isinstance(schedule.catch_up, bool) else schedule.catch_up
    return now.astimezone(zone).date() - datetime.timedelta(days=days)


def _moments(schedule: Schedule, zone: ZoneInfo, after: datetime.datetime) -> Iterator[datetime.datetime]:
    if schedule.every is not None:
        step, start = _steps(schedule.every, zone)
        number = (after.astimezone(datetime.UTC) - start) // step
        while True:
            number += 1
            yield (start + number * step).astimezone(zone)
    assert schedule.at is not None
    day = after.astimezone(zone).date()
    while True:
        moment = datetime.datetime.combine(day, schedule.at, zone)
        if moment > after:
            yield moment
        day += _DAY


def _steps(every: Micros, zone: ZoneInfo) -> tuple[datetime.timedelta, datetime.datetime]:
    """Return the step, and from where it is counted, in UTC: no change to summer time comes between."""
    return datetime.timedelta(microseconds=every), ANCHOR.replace(tzinfo=zone).astimezone(datetime.UTC)


def _held(schedule: Schedule, hours: Hours | None, moment: datetime.datetime) -> Planned:
    why = None if hours is None else hours.closed(moment)
    if hours is None or why is None:
        return Planned(moment, moment)
    return Planned(moment, hours.next_open(moment) if schedule.when_closed == "move" else None, why)
