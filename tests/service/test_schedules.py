"""Schedules: when they are due, a second run that does no harm, failures that are tried again, clocks that are set."""

from __future__ import annotations

import asyncio
import datetime
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import freezegun
import httpx
import pytest
import structlog

from engine.environment import SECOND
from engine.errors import BadInput, InvalidFlow, NotLegal, StoreError
from engine.store import VisitFilter
from flows import load_catalogue, load_site
from flows.calendars import Calendar, Closed, Hours, Year
from flows.schedules import Planned, Schedule, began, due, latest, next_run
from service.application import Application, application
from service.client import ApiError, AsyncClient, calls
from service.errors import UnknownThing
from service.jobs import Job
from service.scheduling import Ran, Scheduler, check_schedules, pause, resume, run_now, standings, visit_of
from service.scheduling.judging import LeftOut, judged
from service.scheduling.runs import TRIES, AlreadyRunning, Runs
from service.settings import Settings
from service.watching.measuring import MEASURES, Source
from service.watching.rules import load_rules
from storage import upgrade
from storage.registers import Begun, ScheduleState
from tests.conftest import TEST_KEY
from tests.console.seed import seeded
from tests.jiangsu import ROOT
from tests.patience import PATIENCE
from tests.service.wired import BASE
from tests.toy import ToyEnvironment

SHANGHAI = ZoneInfo("Asia/Shanghai")
SIGN_IN = {"flow": "jiangsu.session", "key": "{operator}-{day}", "data": {"operator": "001"}}


def at(text: str) -> datetime.datetime:
    return datetime.datetime.fromisoformat(text).replace(tzinfo=SHANGHAI)


def daily(time: str = "07:30", **more: Any) -> Schedule:
    return Schedule.model_validate({"name": "daily", "at": time, "open": SIGN_IN, **more})


def often(every: str, **more: Any) -> Schedule:
    return Schedule.model_validate({"name": "often", "every": every, "open": SIGN_IN, **more})


def job(**more: Any) -> Schedule:
    return Schedule.model_validate({"name": "nightly", "at": "00:30", "job": "reconcile", **more})


@pytest.fixture(autouse=True)
def _all_logs(_quiet_logs: None) -> Iterator[None]:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(20))
    yield


class Steady(ToyEnvironment):
    """Time that stands still while others sleep, so that a test sees every pause."""

    def __init__(self, moment: datetime.datetime) -> None:
        super().__init__(int(moment.timestamp()) * SECOND)
        self.pauses: list[int] = []
        self.uptime = 0

    def monotonic(self) -> int:
        return self.uptime

    async def sleep(self, duration: int) -> None:
        self.pauses.append(duration // SECOND)
        await asyncio.sleep(0)


@asynccontextmanager
async def wired(
    *schedules: Schedule,
    now: str = "2026-11-21T08:00",
    store: str = "memory://",
    environment: Any = None,
    calendars: dict[str, Hours] | None = None,
) -> AsyncIterator[Application]:
    site = replace(load_site(ROOT / "flows.yaml"), schedules=list(schedules), calendars=calendars or {})
    settings = Settings(store=store, exchange_keys=TEST_KEY, _env_file=None)  # type: ignore[call-arg,arg-type]
    async with application(settings, site=site, environment=environment or Steady(at(now))) as made:
        yield made


async def keys(made: Application) -> list[str]:
    return sorted(each.key for each in await made.store.visits(VisitFilter()))


# -- moments
@pytest.mark.parametrize(
    ("schedule", "now", "before", "after"),
    [
        (daily("00:00"), "2026-11-20T23:59:59", "2026-11-20T00:00", "2026-11-21T00:00"),
        (daily("00:00"), "2026-11-21T00:00:00.000001", "2026-11-21T00:00", "2026-11-22T00:00"),
        (daily("23:59:59"), "2026-12-31T23:59:58", "2026-12-30T23:59:59", "2026-12-31T23:59:59"),
        (daily("00:30"), "2027-01-01T00:30:01", "2027-01-01T00:30", "2027-01-02T00:30"),
        (daily("00:30"), "2028-02-29T12:00", "2028-02-29T00:30", "2028-03-01T00:30"),
        (often("10m"), "2026-11-20T23:59:59", "2026-11-20T23:50", "2026-11-21T00:00"),
        (often("24h"), "2026-11-20T23:59:59", "2026-11-20T00:00", "2026-11-21T00:00"),
    ],
)
def test_moments_around_midnight(schedule: Schedule, now: str, before: str, after: str) -> None:
    assert latest(schedule, SHANGHAI, at(now)) == at(before)
    assert next_run(schedule, None, SHANGHAI, at(now)) == Planned(at(after), at(after))
    elsewhere = at(now).astimezone(datetime.UTC)
    assert latest(schedule, SHANGHAI, elsewhere) == at(before)
    assert latest(schedule, SHANGHAI, at(before)) == at(before)  # due to the second is due


def test_what_a_store_that_is_new_to_a_schedule_catches_up_with() -> None:
    now = at("2026-11-21T06:00")

    def days(schedule: Schedule, when: datetime.datetime = now) -> list[str]:
        pending = due(schedule, None, SHANGHAI, began(schedule, SHANGHAI, when), when)
        assert judged(schedule, SHANGHAI, pending, when) == pending, "none of them is left out"
        return [f"{each.moment:%d %H:%M}" for each in pending]

    assert days(daily("00:30")) == []
    assert days(daily("00:30", catch_up=True)) == ["21 00:30"]
    assert days(daily("07:30", catch_up=True)) == []  # nobody signs in for yesterday
    assert days(daily("00:30", catch_up=3)) == ["18 00:30", "19 00:30", "20 00:30", "21 00:30"]
    assert days(daily("07:30", catch_up=2)) == ["19 07:30", "20 07:30"]
    assert days(often("10m", catch_up=True), at("2026-11-21T06:09")) == ["21 06:00"]
    assert days(often("10m")) == []


def test_what_becomes_of_moments_that_were_missed() -> None:
    def told(schedule: Schedule, through: str, now: str) -> list[str]:
        pending = due(schedule, None, SHANGHAI, at(through), at(now))
        found = judged(schedule, SHANGHAI, pending, at(now))
        return [each.told if isinstance(each, LeftOut) else f"{each.moment:%d %H:%M}" for each in found]

    assert told(daily("07:30"), "2026-11-20T07:30", "2026-11-21T07:39") == ["21 07:30"]
    assert told(daily("07:30"), "2026-11-20T07:30", "2026-11-21T07:41") == ["too_late"]
    assert told(daily("07:30"), "2026-11-17T07:30", "2026-11-21T07:31") == [
        "too_late, 3 since 2026-11-18 07:30",
        "21 07:30",
    ]
    assert told(daily("07:30", catch_up=True), "2026-11-19T07:30", "2026-11-21T09:00") == ["too_late", "21 07:30"]
    assert told(daily("00:30", catch_up=2), "2026-10-01T00:30", "2026-11-21T09:00") == [
        "too_late, 48 since 2026-10-02 00:30",
        *("19 00:30", "20 00:30", "21 00:30"),
    ]
    assert told(often("10m"), "2026-11-01T00:00", "2026-11-21T06:09") == ["21 06:00"]
    assert told(often("1h"), "2026-11-01T00:00", "2026-11-21T06:11") == ["too_late"]
    assert told(often("1h", catch_up=True), "2026-11-01T00:00", "2026-11-21T06:11") == ["21 06:00"]


def test_keys_and_data_hold_the_moment() -> None:
    schedule = daily(
        open=SIGN_IN | {"key": "{operator}-{day_before}-{day}{time}", "data": {"operator": "{day}", "n": 5}}
    )
    assert schedule.open is not None
    assert schedule.open.at(at("2026-03-01T07:30")) == (
        "20260301-20260228-202603010730",
        {"operator": "20260301", "n": 5},
    )
    assert visit_of(daily(), at("2026-11-21T07:30")) == ("jiangsu.session", "001-20261121")
    named = Job(run=lambda *_: asyncio.sleep(0), visit=lambda day: ("x.reconciliation", f"{day:%Y%m%d}"))
    assert visit_of(job(), at("2026-11-21T00:30"), {"reconcile": named}) == ("x.reconciliation", "20261120")
    assert visit_of(job(), at("2026-11-21T00:30"), {}) is None


async def test_apscheduler_plans_the_same_moments() -> None:
    with freezegun.freeze_time("2026-11-20 15:59:50", real_asyncio=True) as clock:  # 23:59:50 in Shanghai
        async with wired(daily("00:00"), often("10m"), now="2026-11-20T23:59:50") as made:
            scheduler = Scheduler(made)
            await scheduler.start()
            assert set(scheduler.due().values()) == {at("2026-11-21T00:00")}
            clock.tick(10)
            made.environment.time += 10 * SECOND  # type: ignore[attr-defined]
            await scheduler.turn()
            await _turns(20)
            assert await keys(made) == ["001-20261121"]
            assert scheduler.due() == {"daily": at("2026-11-22T00:00"), "often": at("2026-11-21T00:10")}
            await scheduler.stop()


async def test_a_clock_that_is_set() -> None:
    with freezegun.freeze_time("2026-11-20 16:00:00", real_asyncio=True) as clock:  # midnight in Shanghai
        async with wired(daily("07:30", catch_up=3), now="2026-11-21T00:00") as made:
            environment: Any = made.environment
            scheduler = Scheduler(made)
            await scheduler.start()
            await _turns(20)
            assert await keys(made) == ["001-20261118", "001-20261119", "001-20261120"]
            # the machine slept, or its clock was far behind: two days forward
            clock.tick(datetime.timedelta(days=2, hours=8))
            environment.time += (2 * 24 + 8) * 3600 * SECOND
            with structlog.testing.capture_logs() as logs:
                await scheduler.turn()
                await _turns(30)
            assert "clock_was_set" in [each["event"] for each in logs]
            assert (await keys(made))[3:] == ["001-20261121", "001-20261122", "001-20261123"]
            # and back: what is due is planned anew, and what has run runs again without harm
            clock.move_to("2026-11-21 16:00:00")
            environment.time = int(at("2026-11-22T00:00").timestamp()) * SECOND
            await scheduler.turn()
            assert scheduler.due() == {"daily": at("2026-11-22T07:30")}
            clock.move_to("2026-11-21 23:30:00")
            environment.time = int(at("2026-11-22T07:30").timestamp()) * SECOND
            await scheduler.turn()
            await _turns(20)
            assert len(await keys(made)) == 6
            assert {run.attempts for run in await made.registers.schedules.runs(None, None, 99)} == {1}
            await scheduler.stop()


async def _turns(count: int) -> None:
    for _ in range(count):
        await asyncio.sleep(0.005)


async def by_clock(made: Application, schedule: Schedule, moment: datetime.datetime, jobs: Any = None) -> Ran | Begun:
    """Make a run as the process that keeps the time does; return what is on record of it."""
    register, now = made.registers.schedules, made.environment.now()
    await register.declare(ScheduleState(schedule.name, 0))
    lease = await made.registers.leases.take("clock", made.runner.worker, now, now + 3600 * SECOND)
    assert lease is not None
    begun = await Runs(made, *([] if jobs is None else [jobs])).by_clock(schedule, moment, lease)
    run = (await register.last())[schedule.name]
    return Ran(run.result or "running", run.told) if begun is Begun.BEGUN else begun


# -- running
async def test_two_processes_open_one_visit(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'visitflow.db'}"
    upgrade(url)
    moment = at("2026-11-21T07:30")
    time = Steady(at("2026-11-21T08:00"))
    async with wired(daily(), store=url, environment=time) as one, wired(daily(), store=url, environment=time) as other:
        assert await by_clock(one, daily(), moment) == Ran("opened", "jiangsu.session/001-20261121")
        assert await Runs(other).by_hand(daily(), moment + datetime.timedelta(minutes=1), "li", "sure") == Ran(
            "already", "jiangsu.session/001-20261121"
        )
        assert await by_clock(one, daily(), moment) is Begun.BEFORE
        assert await keys(one) == await keys(other) == ["001-20261121"]
    async with wired(daily(catch_up=True), store=url) as again:  # after a restart
        scheduler = Scheduler(again)
        await scheduler.start()
        await _turns(20)
        await scheduler.stop()
        assert await keys(again) == ["001-20261121"]


async def test_a_visit_that_an_adapter_has_opened_with_its_sign_in_is_the_one_of_the_day() -> None:
    async with wired(daily()) as made:
        adapter: Any = made.adapters["jiangsu_gateway"]
        adapter.on_sign_in("20261121001", "first_use")
        await made.sessions.settled()
        assert await by_clock(made, daily(), at("2026-11-21T07:30")) == Ran("already", "jiangsu.session/001-20261121")


async def test_what_was_missed_runs_at_start_and_only_once() -> None:
    async with wired(daily("07:30", catch_up=True), now="2026-11-21T08:00") as made:
        for _ in range(2):
            scheduler = Scheduler(made)
            await scheduler.start()
            await _turns(20)
            await scheduler.stop()
        assert await keys(made) == ["001-20261121"]
        assert len(await made.registers.schedules.runs(None, None, 9)) == 1


async def test_a_night_without_power_is_made_up_for_as_declared(tmp_path: Path) -> None:
    """What a process left off at is on record: the next one needs no guess how long nobody ran."""
    url = f"sqlite:///{tmp_path / 'visitflow.db'}"
    upgrade(url)
    schedules = daily("07:30"), job(catch_up=7)
    jobs: dict[str, Job] = {}
    days: list[datetime.date] = []

    async def reconcile(_made: Application, day: datetime.date) -> None:
        days.append(day)

    jobs["reconcile"] = Job(reconcile)
    for now in ("2026-11-21T08:00", "2026-11-24T08:00"):
        with freezegun.freeze_time(at(now), real_asyncio=True):
            async with wired(*schedules, store=url, now=now) as made:
                scheduler = Scheduler(made, jobs)
                await scheduler.start()
                await _turns(60)
                await scheduler.stop()
                assert await keys(made) == []
                runs = await made.registers.schedules.runs("daily", None, 9)
                left = [(run.result, run.told) for run in runs]
    assert [f"{day:%m-%d}" for day in days[-3:]] == ["11-21", "11-22", "11-23"], "each day once, in order"
    assert len(days) == len(set(days)) == 8 + 3
    assert left == [("skipped", "too_late, 3 since 2026-11-22 07:30")]


async def test_a_schedule_that_is_off_does_not_run() -> None:
    async with wired(daily("07:30", catch_up=True, enabled=False)) as made:
        scheduler = Scheduler(made)
        await scheduler.start()
        await _turns(5)
        assert scheduler.due() == {}
        await scheduler.stop()
        assert await keys(made) == []


async def test_a_job_gets_the_day_before_and_is_tried_again() -> None:
    given: list[datetime.date] = []

    async def reconcile(made: Application, day: datetime.date) -> str:
        given.append(day)
        if len(given) < 3:
            raise ConnectionError("an identity number must not be logged")
        return "12 visits"

    async with wired(job()) as made:
        with structlog.testing.capture_logs() as logs:
            ran = await by_clock(made, job(), at("2026-03-01T00:30"), {"reconcile": Job(reconcile)})
        assert ran == Ran("done", "12 visits")
        assert given == [datetime.date(2026, 2, 28)] * 3
        assert made.environment.pauses == [5, 10]  # type: ignore[attr-defined]
        assert [each["event"] for each in logs] == ["schedule_failed", "schedule_failed", "schedule_ran"]
        assert logs[0]["reason"].startswith("ConnectionError at ")
        assert "identity" not in str(logs)


async def test_a_failure_is_given_up_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    async with wired(daily()) as made:

        async def down(*_: Any) -> Any:
            raise StoreError("the disk is full")

        monkeypatch.setattr(made.commands, "open", down)
        with structlog.testing.capture_logs() as logs:
            ran = await by_clock(made, daily(), at("2026-11-21T07:30"))
        assert ran == Ran("failed", "the disk is full")
        assert made.environment.pauses == [5, 10, 20, 40, 80, 160, 300]  # type: ignore[attr-defined]
        assert (len(logs), logs[-1]["log_level"], logs[-1]["tried"]) == (TRIES, "error", TRIES)


async def test_what_is_refused_is_not_tried_again() -> None:
    wrong = daily(open=SIGN_IN | {"data": {"operator": "not an operator"}, "key": "x"})
    async with wired(daily()) as made:
        with structlog.testing.capture_logs() as logs:
            ran = await by_clock(made, wrong, at("2026-11-21T07:30"))
        assert isinstance(ran, Ran) and ran.result == "refused"
        assert (logs[0]["event"], logs[0]["field"]) == ("schedule_refused", "operator")


# -- persons
async def test_a_pause_holds_across_restarts_and_in_all_processes(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'visitflow.db'}"
    upgrade(url)
    clock: Any
    with freezegun.freeze_time(at("2026-11-21T07:00"), real_asyncio=True) as clock:
        async with wired(daily(), store=url, now="2026-11-21T07:00") as made, wired(daily(), store=url) as command:
            scheduler = Scheduler(made)
            await scheduler.start()
            await pause(command, "daily", "wang", "the centre is down")
            with pytest.raises(NotLegal, match="paused already"):
                await pause(command, "daily", "wang", "once more")
            clock.move_to(at("2026-11-21T07:31"))  # before the process that keeps the time has looked at pauses
            made.environment.time = int(at("2026-11-21T07:31").timestamp()) * SECOND  # type: ignore[attr-defined]
            scheduler._scheduler.wakeup()
            await _turns(10)
            assert await keys(made) == []
            await scheduler.turn()
            assert scheduler.due() == {}
            (standing,) = await standings(command)
            assert standing.state is not None and standing.paused and standing.state.paused_by == "wang"
            await scheduler.stop()
        clock.move_to(at("2026-11-23T08:00"))
        async with wired(daily(catch_up=7), store=url, now="2026-11-23T08:00") as made:
            scheduler = Scheduler(made)
            await scheduler.start()
            await _turns(10)
            assert (scheduler.due(), await keys(made)) == ({}, [])
            assert await run_now(made, "daily", "wang", "to see whether it is back") == Ran(
                "opened", "jiangsu.session/001-20261123"
            )
            await resume(made, "daily", "wang", "it is back")
            with pytest.raises(NotLegal, match="not paused"):
                await resume(made, "daily", "wang", "once more")
            await scheduler.turn()
            await _turns(10)
            assert scheduler.due() == {"daily": at("2026-11-24T07:30")}
            assert await keys(made) == ["001-20261123"], "what fell into the pause is left out"
            await scheduler.stop()


async def test_a_person_who_asks_says_who_and_why() -> None:
    async with wired(daily()) as made:
        for deed in (pause, resume, run_now):
            for by, reason, field in (("", "why", "by"), ("wang", " ", "reason")):
                with pytest.raises(BadInput) as caught:
                    await deed(made, "daily", by, reason)
                assert caught.value.field == field
            with pytest.raises(UnknownThing):
                await deed(made, "nightly", "wang", "why")
        assert await made.registers.schedules.runs(None, None, 9) == []


async def test_never_two_runs_of_a_schedule_at_once() -> None:
    going, may_end = asyncio.Event(), asyncio.Event()

    async def slow(_made: Application, _day: datetime.date) -> None:
        going.set()
        await may_end.wait()

    jobs = {"reconcile": Job(slow)}
    async with wired(job(), now="2026-11-21T00:31") as made:
        by_person = asyncio.create_task(run_now(made, "nightly", "wang", "now", jobs))
        await going.wait()
        with pytest.raises(AlreadyRunning):
            await run_now(made, "nightly", "li", "now as well", jobs)
        assert await by_clock_or_busy(made, job(), at("2026-11-21T00:30"), jobs) is Begun.BUSY
        may_end.set()
        assert (await by_person).result == "done"
        assert await by_clock(made, job(), at("2026-11-21T00:30"), jobs) == Ran("done")
        made_by = [(run.made_by, run.reason) for run in await made.registers.schedules.runs(None, None, 9)]
        assert made_by == [("clock", ""), ("wang", "now")]


async def by_clock_or_busy(made: Application, schedule: Schedule, moment: datetime.datetime, jobs: Any) -> Any:
    async with asyncio.timeout(PATIENCE):
        return await by_clock(made, schedule, moment, jobs)


async def test_a_person_is_told_why_a_run_failed_and_so_is_the_record() -> None:
    async def fails(_made: Application, _day: datetime.date) -> None:
        raise StoreError("the disk is full")

    async with wired(job(), now="2026-11-21T00:31") as made:
        await pause(made, "nightly", "wang", "not tonight")
        with pytest.raises(StoreError, match="the disk is full"):
            await run_now(made, "nightly", "wang", "now", {"reconcile": Job(fails)})
        (run,) = await made.registers.schedules.runs(None, None, 9)
        assert (run.result, run.told) == ("failed", "the disk is full")


# -- calendars
WORK = Hours.of(
    Calendar(quiet=["22:00-06:00"]),
    [Year(year=2026, holidays={"国庆节": ["2026-10-01..2026-10-07"]}, workdays=["2026-10-10"])],
    SHANGHAI,
)


async def test_runs_on_days_off_are_left_out_or_moved() -> None:
    """From Wednesday before the national holiday to the Saturday that is worked instead."""
    schedules = (
        daily("00:30", name="moved", calendar="work", when_closed="move", open=SIGN_IN | {"key": "m-{day}"}),
        daily("07:30", name="left", calendar="work", open=SIGN_IN | {"key": "l-{day}"}),
    )
    clock: Any
    with freezegun.freeze_time(at("2026-09-30T05:00"), real_asyncio=True) as clock:
        async with wired(*schedules, now="2026-09-30T05:00", calendars={"work": WORK}) as made:
            environment: Any = made.environment
            scheduler = Scheduler(made)
            await scheduler.start()
            moved, left = await standings(made)
            assert moved.next == Planned(at("2026-10-01T00:30"), at("2026-10-08T06:00"), Closed("holiday", "国庆节"))
            assert left.next == Planned(at("2026-09-30T07:30"), at("2026-09-30T07:30"))
            seen = {}
            for now in ("2026-09-30T08:00", "2026-10-03T12:00", "2026-10-08T06:00", "2026-10-08T07:30"):
                clock.move_to(at(now))
                environment.time = environment.uptime = int(at(now).timestamp()) * SECOND
                await scheduler.turn()
                await _turns(40)
                seen[now[5:]] = await keys(made)
            assert seen["09-30T08:00"] == [], "half an hour late, and not to be caught up with"
            assert seen["10-03T12:00"] == []
            assert seen["10-08T06:00"] == [f"m-2026100{day}" for day in range(1, 9)], "each keeps its own day"
            assert seen["10-08T07:30"] == ["l-20261008", *(f"m-2026100{day}" for day in range(1, 9))]
            runs = await made.registers.schedules.runs("left", None, 9)
            assert [(run.result, run.told) for run in runs] == [
                ("opened", "jiangsu.session/l-20261008"),
                ("skipped", "holiday 国庆节, 7 since 2026-10-01 07:30"),
                ("skipped", "too_late"),
            ]
            await scheduler.stop()


# -- watched
async def test_what_alerts_are_told_of_schedules() -> None:
    async with wired(daily("07:30", calendar="work"), job(), now="2026-12-10T08:00", calendars={"work": WORK}) as made:
        register, now = made.registers.schedules, made.environment.now()

        async def told(watched: str) -> dict[str, float]:
            survey = await made.watching.surveyor.survey(fresh=0)
            rule = next(each for each in load_rules() if each.watch == watched)
            measured = dict(await MEASURES[watched](Source(made, survey), rule))
            return {name: value for name, value in measured.items() if rule.holds(value)}

        assert await told("schedule_late") == {}, "nobody has kept the time yet"
        assert await told("calendar_days") == {"work": 21.0}
        for name in ("daily", "nightly"):
            await register.declare(ScheduleState(name, now - 86_400 * SECOND))
        assert await told("schedule_late") == {"daily": 1800.0, "nightly": 27_000.0}
        await pause(made, "nightly", "wang", "not tonight")
        assert await told("schedule_late") == {"daily": 1800.0}
        assert await told("schedule_paused") == {}
        made.environment.time += 86_401 * SECOND  # type: ignore[attr-defined]
        assert await told("schedule_paused") == {"nightly": 86_401.0}
        assert await told("schedule") == {}
        with pytest.raises(BadInput):
            await Runs(made).by_hand(
                daily(open=SIGN_IN | {"data": {"operator": ""}}), at("2026-12-10T07:30"), "li", "?"
            )
        assert await told("schedule") == {"daily": 1.0}, "whichever process made it"


# -- checked before anything runs
@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("at: 00:30, job: recncile", "schedules[0].job: no job is called 'recncile'; known: reconcile"),
        (
            "at: 00:30, open: {flow: jiangsu.session, key: '{day}', data: {operater: '001'}}",
            "schedules[0].open.data.operator: Field required",
        ),
        (
            "at: 00:30, open: {flow: jiangsu.session, key: '{day}', data: {operator: '002'}}",
            "schedules[0].open.data.operator: jiangsu_gateway signs in as operator '001'",
        ),
        (
            f"at: 00:30, open: {{flow: jiangsu.session, key: '{'x' * 65}', data: {{operator: '001'}}}}",
            "schedules[0].open.key: expected 1 to 64 printable characters",
        ),
    ],
)
def test_what_only_the_service_can_tell(tmp_path: Path, text: str, told: str) -> None:
    path = tmp_path / "flows.yaml"
    path.write_text(
        "include: ['package:jiangsu/*.yaml']\nflows: [jiangsu.session]\n"
        f"adapters: {{jiangsu_gateway: {{operator_id: '001'}}}}\nschedules:\n  - {{name: x, {text}}}\n",
        encoding="utf-8",
    )
    with pytest.raises(InvalidFlow) as caught:
        check_schedules(load_site(path), load_catalogue())
    assert told in caught.value.message
    assert "flows.yaml:5:" in caught.value.message


def test_the_shipped_schedules_are_sound() -> None:
    check_schedules(load_site(ROOT / "flows.yaml"), load_catalogue())


async def test_a_program_uses_schedules_by_the_client() -> None:
    seed = await seeded()
    transport = httpx.ASGITransport(app=seed.wired.api, client=("127.0.0.1", 1))
    async with AsyncClient(BASE, await seed.wired.key("supervisor"), transport=transport) as client:
        name = (await client.do(calls.schedules()))[0].name
        paused = await client.do(calls.pause_schedule(name, "the centre moves house"))
        assert paused.paused is not None and paused.paused.reason == "the centre moves house"
        with pytest.raises(ApiError) as refused:
            await client.do(calls.pause_schedule(name, "again"))
        assert refused.value.problem.code == "schedule_paused"
        assert (await client.do(calls.resume_schedule(name, "it is back"))).paused is None
        assert await client.do(calls.schedule_runs(name, limit=5)) == []
