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
import pytest
import structlog

from engine.environment import SECOND
from engine.errors import InvalidFlow, StoreError
from engine.store import VisitFilter
from flows import load_catalogue, load_site
from flows.schedules import Schedule, latest, missed
from service.application import Application, application
from service.jobs import Job
from service.schedules import TRIES, Ran, Scheduler, check_schedules, next_run, visit_of
from service.settings import Settings
from storage import upgrade
from tests.conftest import TEST_KEY
from tests.jiangsu import ROOT
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
    *schedules: Schedule, now: str = "2026-11-21T08:00", store: str = "memory://", environment: Any = None
) -> AsyncIterator[Application]:
    site = replace(load_site(ROOT / "flows.yaml"), schedules=list(schedules))
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
    assert next_run(schedule, SHANGHAI, at(now)) == at(after)
    elsewhere = at(now).astimezone(datetime.UTC)
    assert latest(schedule, SHANGHAI, elsewhere) == at(before)
    assert latest(schedule, SHANGHAI, at(before)) == at(before)  # due to the second is due


def test_what_is_missed() -> None:
    now = at("2026-11-21T06:00")

    def days(schedule: Schedule, when: datetime.datetime = now) -> list[str]:
        return [f"{moment:%d %H:%M}" for moment in missed(schedule, SHANGHAI, when)]

    assert days(daily("00:30")) == []
    assert days(daily("00:30", catch_up=True)) == ["21 00:30"]
    assert days(daily("07:30", catch_up=True)) == []  # nobody signs in for yesterday
    assert days(daily("00:30", catch_up=3)) == ["18 00:30", "19 00:30", "20 00:30", "21 00:30"]
    assert days(daily("07:30", catch_up=2)) == ["19 07:30", "20 07:30"]
    assert days(often("10m", catch_up=True), at("2026-11-21T06:09")) == ["21 06:00"]
    assert next_run(daily(enabled=False), SHANGHAI, now) is None


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
            scheduler.start()
            assert set(scheduler.due().values()) == {at("2026-11-21T00:00")}
            clock.tick(10)
            made.environment.time += 10 * SECOND  # type: ignore[attr-defined]
            scheduler.look_at_clock()
            for _ in range(20):
                await asyncio.sleep(0.01)
            assert await keys(made) == ["001-20261121"]
            assert scheduler.due() == {"daily": at("2026-11-22T00:00"), "often": at("2026-11-21T00:10")}
            await scheduler.stop()


async def test_a_clock_that_is_set() -> None:
    with freezegun.freeze_time("2026-11-20 16:00:00", real_asyncio=True) as clock:  # midnight in Shanghai
        async with wired(daily("07:30", catch_up=3), now="2026-11-21T00:00") as made:
            environment: Any = made.environment
            scheduler = Scheduler(made)
            scheduler.start()
            await _turns(10)
            assert await keys(made) == ["001-20261118", "001-20261119", "001-20261120"]
            # the machine slept, or its clock was far behind: two days forward
            clock.tick(datetime.timedelta(days=2, hours=8))
            environment.time += (2 * 24 + 8) * 3600 * SECOND
            with structlog.testing.capture_logs() as logs:
                scheduler.look_at_clock()
                await _turns(20)
            assert logs[0]["event"] == "clock_was_set"
            assert (await keys(made))[3:] == ["001-20261121", "001-20261122", "001-20261123"]
            # and back: what is due is planned anew, and what has run runs again without harm
            clock.move_to("2026-11-21 16:00:00")
            environment.time = int(at("2026-11-22T00:00").timestamp()) * SECOND
            scheduler.look_at_clock()
            assert scheduler.due() == {"daily": at("2026-11-22T07:30")}
            clock.move_to("2026-11-21 23:30:00")
            environment.time = int(at("2026-11-22T07:30").timestamp()) * SECOND
            scheduler.look_at_clock()
            await _turns(20)
            assert len(await keys(made)) == 6
            await scheduler.stop()


async def _turns(count: int) -> None:
    for _ in range(count):
        await asyncio.sleep(0.005)


# -- running
async def test_two_processes_open_one_visit(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'visitflow.db'}"
    upgrade(url)
    moment = at("2026-11-21T07:30")
    async with wired(daily(), store=url) as one, wired(daily(), store=url) as other:
        ran = await asyncio.gather(*(Scheduler(each).run(daily(), moment) for each in (one, other, one)))
        assert sorted(each.result for each in ran) == ["already", "already", "opened"]
        assert await keys(one) == await keys(other) == ["001-20261121"]
    async with wired(daily(catch_up=True), store=url) as again:  # after a restart
        scheduler = Scheduler(again)
        scheduler.start()
        await _turns(20)
        await scheduler.stop()
        assert await keys(again) == ["001-20261121"]


async def test_a_visit_that_an_adapter_has_opened_with_its_sign_in_is_the_one_of_the_day() -> None:
    async with wired(daily()) as made:
        adapter: Any = made.adapters["jiangsu_gateway"]
        adapter.on_sign_in("20261121001", "first_use")
        await made.sessions.settled()
        assert await Scheduler(made).run(daily(), at("2026-11-21T07:30")) == Ran(
            "already", "jiangsu.session/001-20261121"
        )


async def test_what_was_missed_runs_at_start_and_only_once() -> None:
    async with wired(daily("07:30", catch_up=True), now="2026-11-21T08:00") as made:
        for _ in range(2):
            scheduler = Scheduler(made)
            scheduler.start()
            await _turns(10)
            await scheduler.stop()
        assert await keys(made) == ["001-20261121"]


async def test_a_schedule_that_is_off_does_not_run() -> None:
    async with wired(daily("07:30", catch_up=True, enabled=False)) as made:
        scheduler = Scheduler(made)
        scheduler.start()
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
        scheduler = Scheduler(made, {"reconcile": Job(reconcile)})
        with structlog.testing.capture_logs() as logs:
            ran = await scheduler.run(job(), at("2026-03-01T00:30"))
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
            ran = await Scheduler(made).run(daily(), at("2026-11-21T07:30"))
        assert ran == Ran("failed", "the disk is full")
        assert made.environment.pauses == [5, 10, 20, 40, 80, 160, 300]  # type: ignore[attr-defined]
        assert (len(logs), logs[-1]["log_level"], logs[-1]["tried"]) == (TRIES, "error", TRIES)


async def test_what_is_refused_is_not_tried_again() -> None:
    wrong = daily(open=SIGN_IN | {"data": {"operator": "not an operator"}, "key": "x"})
    async with wired(daily()) as made:
        with structlog.testing.capture_logs() as logs:
            ran = await Scheduler(made).run(wrong, at("2026-11-21T07:30"))
        assert ran.result == "refused"
        assert (logs[0]["event"], logs[0]["field"]) == ("schedule_refused", "operator")


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
