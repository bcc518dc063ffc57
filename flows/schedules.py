"""What a site's schedules may be: structure, the moments they name, and the keys that make a second run harmless.

A schedule opens a visit whose key holds the day (or the time) of the run, or hands a day to a job that does so. Whoever
runs it again, another process or the same one after a restart, finds the visit that is there.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Self
from zoneinfo import ZoneInfo

from pydantic import Field, StringConstraints, field_validator, model_validator

from engine.definitions import Duration, Model, Name, Text
from engine.environment import SECOND, Micros

_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")
#: What every key and every text of ``data`` may hold, beside the names of ``data``.
OF_THE_MOMENT = ("day", "day_before", "time")
_SHORTEST = 10 * SECOND
#: From where intervals are counted: every process that runs a schedule sees the same moments.
ANCHOR = datetime.datetime(2000, 1, 1)


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
def latest(schedule: Schedule, zone: ZoneInfo, now: datetime.datetime) -> datetime.datetime:
    """Return the last moment, not after ``now``, at which ``schedule`` was due."""
    if schedule.every is not None:
        step = datetime.timedelta(microseconds=schedule.every)
        start = ANCHOR.replace(tzinfo=zone)
        return (start + (now - start) // step * step).astimezone(zone)
    return next(_days_back(schedule, zone, now))


def missed(schedule: Schedule, zone: ZoneInfo, now: datetime.datetime) -> list[datetime.datetime]:
    """Return the moments to catch up with at a start, oldest first."""
    if schedule.catch_up is False:
        return []
    if schedule.every is not None:
        return [latest(schedule, zone, now)]
    days = 0 if schedule.catch_up is True else schedule.catch_up
    first = now.astimezone(zone).date() - datetime.timedelta(days=days)
    found = []
    for moment in _days_back(schedule, zone, now):
        if moment.date() < first:
            break
        found.append(moment)
    return found[::-1]


def _days_back(schedule: Schedule, zone: ZoneInfo, now: datetime.datetime) -> Iterator[datetime.datetime]:
    assert schedule.at is not None
    day = now.astimezone(zone).date()
    while True:
        moment = datetime.datetime.combine(day, schedule.at, zone)
        if moment <= now:
            yield moment
        day -= datetime.timedelta(days=1)
