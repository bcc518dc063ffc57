"""Calendars: what is open, what comes next, the example of a year, and mistakes told with file and line."""

from __future__ import annotations

import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import InvalidFlow
from flows import load_catalogue, load_site
from flows.calendars import Calendar, Closed, Hours, Year
from flows.schedules import Planned, Schedule, due, next_run, planned
from flows.source import read_yaml
from service.scheduling import check_schedules
from tests.jiangsu import ROOT

SHANGHAI = ZoneInfo("Asia/Shanghai")
BERLIN = ZoneInfo("Europe/Berlin")
CHINA = ROOT / "docs" / "examples" / "calendars" / "china-2026.yaml"
YEAR = Year.model_validate(read_yaml(CHINA, CHINA.name).data)
MINUTE, DAY = datetime.timedelta(minutes=1), datetime.timedelta(days=1)


def at(text: str, zone: ZoneInfo = SHANGHAI) -> datetime.datetime:
    return datetime.datetime.fromisoformat(text).replace(tzinfo=zone)


def hours(**calendar: object) -> Hours:
    return Hours.of(Calendar.model_validate(calendar), [YEAR], SHANGHAI)


def schedule(**more: object) -> Schedule:
    return Schedule.model_validate({"name": "x", "at": "07:30", "job": "reconcile", "calendar": "work", **more})


@pytest.mark.parametrize(
    ("moment", "closed"),
    [
        ("2026-10-01T12:00", Closed("holiday", "国庆节")),
        ("2026-10-08T12:00", None),
        ("2026-10-10T12:00", None),  # a Saturday, worked instead
        ("2026-10-11T12:00", Closed("weekend")),
        ("2026-02-14T12:00", None),  # a Saturday, worked before the long holiday
        ("2026-02-16T12:00", Closed("holiday", "春节")),
        ("2026-11-20T21:59", None),
        ("2026-11-20T22:00", Closed("quiet", "22:00-06:00")),
        ("2026-11-20T05:59", Closed("quiet", "22:00-06:00")),
        ("2026-11-20T06:00", None),
    ],
)
def test_what_is_closed_and_why(moment: str, closed: Closed | None) -> None:
    work = hours(quiet=["22:00-06:00"])
    assert work.closed(at(moment)) == closed
    assert work.closed(at(moment).astimezone(datetime.UTC)) == closed


def test_the_example_is_the_year_that_was_announced() -> None:
    """By the notice: 33 days off, of which each falls on a working day or a weekend, and six days worked instead."""
    work = Hours.of(Calendar(), [YEAR], SHANGHAI)
    assert (len(work.holidays), len(work.workdays), work.known_until) == (33, 6, datetime.date(2026, 12, 31))
    assert {day.weekday() for day in work.workdays} <= {5, 6}, "only weekends are worked instead"
    assert work.workdays.isdisjoint(work.holidays)


def test_what_the_site_says_goes_before_the_year() -> None:
    own = hours(holidays={"建院日": ["2026-09-01"]}, workdays=["2026-10-07"])
    assert own.closed(at("2026-09-01T12:00")) == Closed("holiday", "建院日")
    assert own.closed(at("2026-10-07T12:00")) is None
    assert hours(holidays={"停业": ["2026-10-10"]}).closed(at("2026-10-10T12:00")) == Closed("holiday", "停业")
    assert Hours.of(Calendar(quiet=["23:00-01:00"]), [], SHANGHAI).known_until is None, "no year that could end"


def test_a_calendar_that_never_opens_ends_the_search() -> None:
    shut = Hours.of(Calendar(weekend=["mon", "tue", "wed", "thu", "fri", "sat", "sun"]), [], SHANGHAI)
    assert shut.next_open(at("2026-11-20T12:00")) is None
    assert next_run(schedule(), shut, SHANGHAI, at("2026-11-20T12:00")) is None
    assert next_run(schedule(when_closed="move"), shut, SHANGHAI, at("2026-11-20T12:00")) is None


QUIET = st.sampled_from(([], ["22:00-06:00"], ["12:00-13:00", "18:30-23:45"], ["00:00-06:00"], ["23:30-00:30"]))
MOMENTS = st.integers(0, 366 * 24 * 60).map(lambda minute: at("2026-01-01T00:00") + minute * MINUTE)


@given(quiet=QUIET, moment=MOMENTS)
def test_the_next_open_moment_is_the_first(quiet: list[str], moment: datetime.datetime) -> None:
    work = hours(quiet=quiet)
    walked = moment
    while work.closed(walked) is not None:
        walked += MINUTE
    assert work.next_open(moment) == walked


@given(quiet=QUIET, moment=MOMENTS, move=st.booleans(), time=st.sampled_from(["00:30", "07:30", "12:30", "23:40"]))
def test_what_runs_next_is_what_will_be_due(quiet: list[str], moment: datetime.datetime, move: bool, time: str) -> None:
    """What is shown as next is due at its time, and nothing runs between now and then."""
    work = hours(quiet=quiet)
    daily = schedule(at=time, when_closed="move" if move else "skip")
    found = next_run(daily, work, SHANGHAI, moment)
    if found is None:  # every day at a quiet time, and it may not move
        assert not move
        return
    assert found.at is not None and found.at >= found.moment > moment and work.closed(found.at) is None
    running = [each for each in due(daily, work, SHANGHAI, moment, found.at) if each.at is not None]
    assert running[0] == found
    before = due(daily, work, SHANGHAI, moment, found.at - MINUTE)
    assert [each for each in before if each.at is not None] == []


def test_often_and_only_by_day() -> None:
    often = Schedule.model_validate({"name": "x", "every": "10m", "job": "reconcile", "calendar": "work"})
    work = hours(quiet=["22:00-06:00"])
    assert next_run(often, work, SHANGHAI, at("2026-11-20T21:50")) == Planned(
        at("2026-11-23T06:00"), at("2026-11-23T06:00")
    ), "over the weekend"
    (night,) = due(often, work, SHANGHAI, at("2026-11-20T21:50"), at("2026-11-20T23:05"))
    assert (night.moment, night.at) == (at("2026-11-20T23:00"), None)


def test_moments_do_not_shift_with_summer_time() -> None:
    hourly = Schedule.model_validate({"name": "x", "every": "1h", "job": "reconcile"})
    moments = planned(hourly, None, BERLIN, at("2026-03-29T00:30", BERLIN))
    found = [next(moments).moment.astimezone(datetime.UTC).hour for _ in range(4)]
    assert found == [0, 1, 2, 3], "an hour lies between any two, also where the wall clock jumps"


def test_the_example_site_is_sound() -> None:
    site = load_site(ROOT / "docs" / "examples" / "calendars.yaml")
    check_schedules(site, load_catalogue())
    sign_in, reconcile = site.schedules
    assert next_run(sign_in, site.hours(sign_in), SHANGHAI, at("2026-09-30T08:00")) == Planned(
        at("2026-10-08T07:30"), at("2026-10-08T07:30")
    )
    assert next_run(reconcile, site.hours(reconcile), SHANGHAI, at("2026-09-30T08:00")) == Planned(
        at("2026-10-01T00:30"), at("2026-10-01T01:00"), Closed("quiet", "23:30-01:00")
    )


# -- mistakes
SITE = """\
include: ['package:jiangsu/*.yaml']
flows: [jiangsu.session]
calendars:
  work: {include: [2026.yaml]}
schedules:
  - {name: x, at: "00:30", job: reconcile, calendar: work}
"""
SOUND = "year: 2026\nholidays:\n  元旦: [2026-01-01..2026-01-03]\nworkdays: [2026-01-04]\n"


def complaints(folder: Path, site: str, year: str = SOUND) -> list[str]:
    (folder / "flows.yaml").write_text(site, encoding="utf-8")
    (folder / "2026.yaml").write_text(year, encoding="utf-8")
    try:
        load_site(folder / "flows.yaml")
    except InvalidFlow as error:
        return [line.removeprefix(f"{folder}/") for line in error.message.splitlines()]
    return []


DAYS = "a day such as 2026-10-01, or a range such as 2026-10-01..2026-10-07"


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("", "", []),
        (
            "calendar: work}",
            "calendar: wrok}",
            [
                "flows.yaml:6:44: schedules[0].calendar: expected a calendar of this site, got 'wrok';"
                " did you mean 'work'?"
            ],
        ),
        (
            "[2026.yaml]",
            "[2027.yaml]",
            ["flows.yaml:4:20: calendars.work.include[0]: expected file names, but '2027.yaml' matches no file"],
        ),
        (
            "[2026.yaml]",
            '[2026.yaml], quiet: ["22:00-6:00"]',
            ['flows.yaml:4:40: calendars.work.quiet[0]: expected quiet hours such as 22:00-06:00, got "22:00-6:00"'],
        ),
        (
            "[2026.yaml]",
            '[2026.yaml], quiet: ["22:00-10:00", "09:00-23:00"]',
            ["flows.yaml:4:32: calendars.work.quiet: quiet all day: nothing would ever run"],
        ),
        (
            "[2026.yaml]",
            "[2026.yaml], workdays: [2026-02-30]",
            ["flows.yaml:4:32: calendars.work.workdays: 2026-02-30: there is no such day"],
        ),
        (
            "[2026.yaml]",
            "[2026.yaml], weekends: [sun]",
            ["flows.yaml:4:32: calendars.work.weekends: unknown key 'weekends'; did you mean 'weekend'?"],
        ),
        (
            "[2026.yaml]",
            '[2026.yaml], quiet: ["22:00-06:00"]',
            [
                "flows.yaml:6:44: schedules[0].calendar: work is closed whenever this is due: it would never run"
                " (when_closed: move?)"
            ],
        ),
        (
            'at: "00:30"',
            "every: 10m, when_closed: move",
            [
                "flows.yaml:6:5: schedules[0]: when_closed: move needs a calendar and at: what runs every so often"
                " comes round again"
            ],
        ),
    ],
)
def test_mistakes_in_a_site_are_told_where_they_stand(tmp_path: Path, old: str, new: str, told: list[str]) -> None:
    assert complaints(tmp_path, SITE.replace(old, new) if old else SITE) == told


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("[2026-01-04]", "[2025-01-04]", ["2026.yaml:4:12: workdays[0]: expected days of 2026, got 2025-01-04"]),
        ("2026-01-01..2026-01-03", "2026-1-1", [f'2026.yaml:3:8: holidays.元旦[0]: expected {DAYS}, got "2026-1-1"']),
        (
            "2026-01-01..2026-01-03",
            "2026-01-03..2026-01-01",
            [
                "2026.yaml:2:1: holidays: 2026-01-03..2026-01-01: the last day comes after the first, within 366 days",
            ],
        ),
        ("year: 2026\n", "", ["2026.yaml:1:1: year: 'year' is missing; expected a whole number"]),
    ],
)
def test_mistakes_in_a_year_are_told_in_its_own_file(tmp_path: Path, old: str, new: str, told: list[str]) -> None:
    assert complaints(tmp_path, SITE, SOUND.replace(old, new)) == told
