"""When a site is open: holidays, days worked instead (调休), weekends and quiet hours, for schedules to be held to.

A calendar is declared in flows.yaml; what differs every year stands in a file a year, which the calendar includes.
Beyond the last year it knows, a calendar still knows weekends and quiet hours: it says when that is
(:attr:`Hours.known_until`), so that somebody is told in time.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import Field, StringConstraints, field_validator

from engine.definitions import Model, Text

SPAN = r"^\d{4}-\d{2}-\d{2}(\.\.\d{4}-\d{2}-\d{2})?$"
QUIET = r"^([01]\d|2[0-3]):[0-5]\d-([01]\d|2[0-3]):[0-5]\d$"
#: A day, or the first and the last of several.
Span = Annotated[str, StringConstraints(pattern=SPAN)]
Quiet = Annotated[str, StringConstraints(pattern=QUIET)]
Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
_WEEKDAYS: tuple[Weekday, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
#: Nobody closes for longer: a calendar that does is a mistake, and looking for its next open moment ends here.
LONGEST_CLOSED = datetime.timedelta(days=400)
_LONGEST_SPAN = 366
_DAY = datetime.timedelta(days=1)


class Days(Model):
    """Days off by their name, and days that are worked although they fall on a weekend or into a holiday."""

    holidays: dict[str, list[Span]] = Field(default={})
    workdays: list[Span] = Field(default=[])

    @field_validator("holidays")
    @classmethod
    def _holidays_are_days(cls, value: dict[str, list[str]]) -> dict[str, list[str]]:
        for spans in value.values():
            cls._are_days(spans)
        return value

    @field_validator("workdays")
    @classmethod
    def _are_days(cls, value: list[str]) -> list[str]:
        for span in value:
            days_of(span)
        return value


class Year(Days):
    """One year's days, as the State Council announces them each autumn: the content of an included file."""

    year: int = Field(ge=2000, le=2200)


class Calendar(Days):
    """When a site is open. Its times are those of the site's ``timezone``."""

    title: Text = Text()
    include: list[str] = Field(default=[])  #: files of years, as ``include`` of flows.yaml names files
    weekend: list[Weekday] = Field(default=["sat", "sun"])
    quiet: list[Quiet] = Field(default=[])

    @field_validator("quiet")
    @classmethod
    def _opens_at_some_time(cls, value: list[str]) -> list[str]:
        ranges = [_quiet(each) for each in value]
        for text, (start, end) in zip(value, ranges, strict=True):
            if start == end:
                raise ValueError(f"{text}: the two times must differ")
        minutes = (datetime.time(minute // 60, minute % 60) for minute in range(24 * 60))
        if ranges and all(any(_within(each, quiet) for quiet in ranges) for each in minutes):
            raise ValueError("quiet all day: nothing would ever run")
        return value


@dataclass(frozen=True, slots=True)
class Closed:
    """Why a moment is closed: a ``holiday`` (by its name), a ``weekend``, or ``quiet`` hours (from-to)."""

    kind: Literal["holiday", "weekend", "quiet"]
    name: str = ""

    def __str__(self) -> str:
        """Return both in one word or two."""
        return f"{self.kind} {self.name}".strip()


@dataclass(frozen=True, slots=True)
class Hours:
    """A calendar made ready: its included years laid together, in the site's time zone."""

    zone: ZoneInfo
    weekend: frozenset[int]
    holidays: dict[datetime.date, str]
    workdays: frozenset[datetime.date]
    quiet: tuple[tuple[datetime.time, datetime.time], ...]
    known_until: datetime.date | None  #: None: it names no days of any year, so no year can end

    @classmethod
    def of(cls, calendar: Calendar, years: Iterable[Year], zone: ZoneInfo) -> Hours:
        """Lay a calendar and its years together; what the calendar itself says of a day goes before the years."""
        holidays: dict[datetime.date, str] = {}
        workdays: set[datetime.date] = set()
        last = 0
        for part in (*years, calendar):
            off = {day: name for name, spans in part.holidays.items() for span in spans for day in days_of(span)}
            on = {day for span in part.workdays for day in days_of(span)}
            workdays = (workdays - off.keys()) | on
            holidays = {day: name for day, name in (holidays | off).items() if day not in on}
            named = [day.year for day in (*off, *on)]
            last = max([last, *named, *([part.year] if isinstance(part, Year) else [])])
        return cls(
            zone,
            frozenset(_WEEKDAYS.index(each) for each in calendar.weekend),
            holidays,
            frozenset(workdays),
            tuple(_quiet(each) for each in calendar.quiet),
            datetime.date(last, 12, 31) if last else None,
        )

    def closed(self, moment: datetime.datetime) -> Closed | None:
        """Return why a moment is closed; None when it is open."""
        local = moment.astimezone(self.zone)
        if (off := self._day_off(local.date())) is not None:
            return off
        for start, end in self.quiet:
            if _within(local.time(), (start, end)):
                return Closed("quiet", f"{start:%H:%M}-{end:%H:%M}")
        return None

    def next_open(self, moment: datetime.datetime) -> datetime.datetime | None:
        """Return the first open moment from ``moment`` on; None when there is none for more than a year."""
        found = moment.astimezone(self.zone)
        last = found + LONGEST_CLOSED
        while found <= last:
            if self._day_off(found.date()) is not None:
                found = datetime.datetime.combine(found.date() + _DAY, datetime.time(), self.zone)
                continue
            ends = [end for start, end in self.quiet if _within(found.time(), (start, end))]
            if not ends:
                return found
            end = ends[0]
            day = found.date() if end > found.time() else found.date() + _DAY
            found = datetime.datetime.combine(day, end, self.zone)
        return None

    def _day_off(self, day: datetime.date) -> Closed | None:
        if day in self.workdays:
            return None
        if (name := self.holidays.get(day)) is not None:
            return Closed("holiday", name)
        return Closed("weekend") if day.weekday() in self.weekend else None


def days_of(span: str) -> list[datetime.date]:
    """Return the days of a span. Raises ValueError for a day that no calendar has, and for a span without end."""
    first, _, last = span.partition("..")
    try:
        begin = datetime.date.fromisoformat(first)
        end = datetime.date.fromisoformat(last or first)
    except ValueError:
        raise ValueError(f"{span}: there is no such day") from None
    count = (end - begin).days + 1
    if not 0 < count <= _LONGEST_SPAN:
        raise ValueError(f"{span}: the last day comes after the first, within {_LONGEST_SPAN} days")
    return [begin + datetime.timedelta(days=number) for number in range(count)]


def _quiet(text: str) -> tuple[datetime.time, datetime.time]:
    start, end = (datetime.time.fromisoformat(each) for each in text.split("-"))
    return start, end


def _within(time: datetime.time, quiet: tuple[datetime.time, datetime.time]) -> bool:
    """Tell whether a time of day lies in quiet hours, which may go past midnight."""
    start, end = quiet
    return start <= time < end if start < end else time >= start or time < end
