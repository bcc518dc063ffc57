"""Dispatch by procrastinate on a real PostgreSQL: told in the same transaction, taken under leases, repaired."""

from __future__ import annotations

import asyncio
import importlib.util
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pytest

from engine.adapter import Call
from engine.commands import Commands
from engine.dispatch import Polling
from engine.environment import MINUTE, SECOND, SystemEnvironment
from engine.errors import BadInput, SchemaOutdated, StoreError
from engine.outcomes import Outcome
from engine.registry import Registry
from engine.runner import Runner, RunnerSettings
from engine.store import Status, Store, VisitFilter
from service.application import application
from service.dispatch import choose
from service.dispatch.fleet import Fleet, FleetSettings
from service.dispatch.jobs import QUEUE, TASK, Jobs
from service.dispatch.schema import upgrade_jobs
from service.settings import Settings
from storage import Vault, open_store, upgrade
from tests import postgres
from tests.conftest import TEST_KEY
from tests.patience import PATIENCE
from tests.toy import ToyAdapter, lose_reply, toy_catalogue, toy_flow

NOW = 1_000 * SECOND
#: The sweep must not do what is looked at here.
NO_SWEEP = FleetSettings(overdue=MINUTE, behind=MINUTE, sweep=0.1, poll=0.1, stalled=1.5)
QUICK = FleetSettings(overdue=SECOND // 2, behind=SECOND, sweep=0.1, poll=0.1, stalled=1.5)
GIVEN = {"patient": "p", "invoice": "I"}

on_postgres = pytest.mark.postgres


def settings(**given: Any) -> Settings:
    return Settings(exchange_keys=TEST_KEY, _env_file=None, **given)  # type: ignore[call-arg]


# -- choosing
def test_the_embedded_dispatch_is_the_default() -> None:
    chosen = choose(settings(), SystemEnvironment())
    assert isinstance(chosen.dispatch, Polling)
    assert chosen.wakes is None


def test_procrastinate_is_refused_where_it_cannot_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(BadInput, match="PostgreSQL") as refused:
        choose(settings(dispatch="procrastinate", data=tmp_path), SystemEnvironment())
    assert refused.value.field == "VISITFLOW_DISPATCH"
    monkeypatch.setattr("service.dispatch.find_spec", lambda name: None)
    with pytest.raises(BadInput, match=r"visitflow\[fleet\]"):
        choose(settings(dispatch="procrastinate", store="postgresql://nowhere/x"), SystemEnvironment())
    with pytest.raises(ValueError, match="dispatch"):
        settings(dispatch="celery")


def test_the_default_does_not_need_procrastinate() -> None:
    source = importlib.util.find_spec("service.dispatch")
    assert source is not None
    assert source.origin is not None
    top = [line for line in Path(source.origin).read_text().splitlines() if line.startswith(("import", "from"))]
    assert not any("procrastinate" in line or "fleet" in line or "schema" in line for line in top)


# -- what the jobs say
def test_visits_due_at_once_share_jobs_and_timers_wait() -> None:
    jobs = Jobs(lambda: NOW, horizon=MINUTE, together=2)
    due = [("A", NOW), ("B", NOW - 5), ("C", NOW), ("D", NOW + 130_000), ("E", NOW + 170_000), ("F", NOW + MINUTE + 1)]
    assert list(jobs.jobs(due)) == [
        (1, '{"visits": ["A", "B"], "at": 1000000000}', None),
        (1, '{"visits": ["C"], "at": 1000000000}', None),
        (0, '{"visits": ["D", "E"], "at": 1000200000}', 1000.2),
    ], "F is beyond the horizon: the sweep takes it"


def test_a_timer_never_fires_before_its_time() -> None:
    jobs = Jobs(lambda: NOW, horizon=MINUTE)
    for ahead in range(1, 300_000, 777):
        ((_, _, at),) = jobs.jobs([("A", NOW + ahead)])
        assert at is not None
        assert NOW + ahead <= at * SECOND < NOW + ahead + SECOND // 10 + 1


# -- with a database
@pytest.fixture
def url(postgres_server: str) -> Iterator[str]:
    with postgres.database(postgres_server) as made:
        upgrade(made)
        upgrade_jobs(made)
        yield made


def rows(url: str, query: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(url, autocommit=True) as connection:
        cursor = connection.execute(query)  # type: ignore[call-overload]
        return cursor.fetchall() if cursor.description else []


class Place:
    """A worker of a fleet: a store that writes jobs, a runner that is brought visits."""

    def __init__(self, url: str, store: Store, quick: FleetSettings, **given: int) -> None:
        self.url, self.store, self.environment = url, store, SystemEnvironment()
        self.adapter = ToyAdapter()
        self.fleet = Fleet(url, self.environment, quick)
        self.registry = Registry(store, toy_catalogue(), self.environment)
        runner_settings = RunnerSettings(**({"poll": SECOND // 50, "lease": 2 * SECOND, "margin": SECOND // 2} | given))
        self.runner = Runner(
            store,
            self.registry.version,
            {"toy": self.adapter},
            self.environment,
            settings=runner_settings,
            dispatch=self.fleet,
        )
        self.commands = Commands(store, self.registry, self.environment, "HIS")  # adopts nothing: jobs have to tell

    async def open(self, *keys: str) -> None:
        await asyncio.gather(*(self.commands.open("toy.visit", key, GIVEN) for key in keys))

    async def closed(self, count: int) -> None:
        await until(lambda: self._closed(count), f"{count} visits are closed")

    async def _closed(self, count: int) -> bool:
        return len(await self.store.visits(VisitFilter(status=Status.CLOSED, limit=1000))) >= count


async def until(condition: Callable[[], Awaitable[bool]], what: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while not await condition():
        assert time.monotonic() < deadline, f"not in {PATIENCE} s: {what}"
        await asyncio.sleep(0.02)


@asynccontextmanager
async def worker(url: str, quick: FleetSettings = QUICK, **given: int) -> AsyncIterator[Place]:
    environment = SystemEnvironment()
    store = open_store(url, Vault.parse(TEST_KEY), wakes=Jobs(environment.now, horizon=quick.horizon))
    await store.start()
    place = Place(url, store, quick, **given)
    await place.registry.load([toy_flow(settling={"first_look": "300ms", "look_again": "100ms", "late_look": "300ms"})])
    try:
        yield place
    finally:
        await place.runner.stop()
        await store.close()


@on_postgres
async def test_a_job_is_written_with_the_events_or_not_at_all(url: str) -> None:
    async with worker(url) as place:
        await place.open("K1")
        (visit,) = await place.store.visits(VisitFilter())
        ((task, queue, lock, visits),) = rows(
            url, "SELECT task_name, queue_name, lock, args->'visits' FROM procrastinate_jobs"
        )
        assert (task, queue, lock, visits) == (TASK, QUEUE, None, [visit.visit_id])

    def fail(point: str) -> None:
        if point == "before_commit" and failing:
            raise OSError("the disk is gone")

    failing = False
    store = open_store(url, Vault.parse(TEST_KEY), wakes=Jobs(lambda: NOW, horizon=MINUTE), fault=fail)
    await store.start()
    registry = Registry(store, toy_catalogue(), SystemEnvironment())
    await registry.load([toy_flow()])
    failing = True
    with pytest.raises(StoreError):
        await Commands(store, registry, SystemEnvironment(), "HIS").open("toy.visit", "K2", GIVEN)
    failing = False
    await store.close()
    assert rows(url, "SELECT count(*) FROM procrastinate_jobs") == [(1,)]
    assert rows(url, "SELECT count(*) FROM visits") == [(1,)]


@on_postgres
async def test_jobs_bring_visits_to_two_workers_and_nothing_is_done_twice(url: str) -> None:
    async with worker(url, in_flight=8) as first, worker(url, in_flight=8) as second:
        second.adapter.peer = first.adapter.peer
        for place in (first, second):
            call = place.adapter.call

            async def slow(made: Call, call: Callable[[Call], Awaitable[Outcome]] = call) -> Outcome:
                await asyncio.sleep(0.02)
                return await call(made)

            place.adapter.call = slow  # type: ignore[method-assign]
        await first.runner.start()
        await second.runner.start()
        keys = [f"K{number}" for number in range(100)]
        await first.open(*keys)
        await first.closed(100)
        assert all(first.adapter.peer.counts(key) == {"register": 1, "settle": 1} for key in keys)
        told = [place.fleet.figures.told for place in (first, second)]
        assert min(told) > 10, f"both worked: {told}"
        assert sum(told) + first.fleet.figures.repaired + second.fleet.figures.repaired == 100
        jobs = first.fleet.figures.jobs + second.fleet.figures.jobs
        assert jobs < 50, "jobs tell of several visits, and there is none for a step"
    assert rows(url, "SELECT count(*) FROM procrastinate_jobs") == [(0,)]
    assert rows(url, "SELECT count(*) FROM procrastinate_workers") == [(0,)], "both have signed off"


@on_postgres
async def test_a_visit_whose_job_was_lost_is_found_by_the_sweep(url: str) -> None:
    async with worker(url) as place:
        await place.open("K1", "K2")
        rows(url, "DELETE FROM procrastinate_jobs")
        await place.runner.start()
        await place.closed(2)
        assert (place.fleet.figures.told, place.fleet.figures.repaired) == (0, 2)


@on_postgres
async def test_a_wait_beyond_the_horizon_has_no_job_and_ends_all_the_same(url: str) -> None:
    short = FleetSettings(horizon=SECOND // 10, overdue=0, sweep=0.05, poll=0.1, stalled=5)
    async with worker(url, short) as place:
        place.adapter.peer.faults["settle"] = [lose_reply]
        await place.runner.start()
        await place.open("K1")
        await place.closed(1)
        assert place.fleet.figures.timers > 0, "the looks after the doubt were waits"
        assert place.adapter.peer.counts("K1") == {"register": 1, "settle": 1}


@on_postgres
async def test_what_a_dead_worker_had_fetched_is_given_back(url: str) -> None:
    async with worker(url, NO_SWEEP) as place:
        await place.open("K1")
        rows(url, "INSERT INTO procrastinate_workers (last_heartbeat) VALUES (now() - interval '1 hour')")
        rows(
            url,
            "UPDATE procrastinate_jobs SET status = 'doing', worker_id = (SELECT max(id) FROM procrastinate_workers)",
        )
        await place.runner.start()
        await place.closed(1)
        assert (place.fleet.figures.stalled, place.fleet.figures.told) == (1, 1)


@on_postgres
async def test_the_worker_begins_again_when_its_connections_die(url: str) -> None:
    async with worker(url, NO_SWEEP) as place:
        await place.runner.start()
        await place.open("K1")
        await place.closed(1)
        rows(
            url,
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()",
        )

        async def opened() -> bool:
            try:
                await place.open("K2")
            except StoreError:
                return False
            return True

        await until(opened, "the store is connected again")
        await place.closed(2)
        assert place.fleet.figures.broken > 0
        assert place.fleet.figures.told >= 2, "jobs are fetched again"


@on_postgres
async def test_a_job_waits_for_room_and_leaves_the_others_to_other_workers(url: str) -> None:
    hold = asyncio.Event()
    async with worker(url, replace(NO_SWEEP, at_once=1, stalled=30.0), in_flight=2) as place:
        call = place.adapter.call

        async def held(made: Call) -> Outcome:
            await hold.wait()
            return await call(made)

        place.adapter.call = held  # type: ignore[method-assign]
        await place.runner.start()
        await place.open(*(f"K{number}" for number in range(40)))

        async def full() -> bool:
            return place.runner.in_flight == 2

        await until(full, "the runner is full")
        await asyncio.sleep(0.3)
        assert rows(url, "SELECT count(*) FROM procrastinate_jobs WHERE status = 'doing'") == [(1,)]
        assert place.fleet.figures.told == 2
        hold.set()
        await place.closed(40)


@on_postgres
async def test_jobs_that_come_together_never_take_more_than_there_is_room_for(url: str) -> None:
    async with worker(url, replace(QUICK, at_once=5), in_flight=3) as place:
        call, most = place.adapter.call, 0

        async def counted(made: Call) -> Outcome:
            nonlocal most
            most = max(most, place.runner.in_flight)
            await asyncio.sleep(0.01)
            return await call(made)

        place.adapter.call = counted  # type: ignore[method-assign]
        await place.runner.start()
        await place.open(*(f"K{number}" for number in range(60)))
        await place.closed(60)
        assert most == 3


@on_postgres
async def test_a_worker_that_stops_leaves_the_jobs_it_had_no_room_for(url: str) -> None:
    async with worker(url, NO_SWEEP, in_flight=1, grace=SECOND // 10) as place:
        hold = asyncio.Event()

        async def held(made: Call) -> Outcome:
            await hold.wait()
            raise AssertionError("nobody lets it go on")

        place.adapter.call = held  # type: ignore[method-assign]
        await place.runner.start()
        await place.open(*(f"K{number}" for number in range(20)))

        async def waiting() -> bool:
            return place.runner.in_flight == 1 and rows(
                url, "SELECT count(*) FROM procrastinate_jobs WHERE status = 'doing'"
            ) == [(2,)]

        await until(waiting, "the jobs are fetched and wait for room")
    async with worker(url, NO_SWEEP) as following:
        await following.runner.start()
        await until(lambda: _so_many(following, 19), "the others are brought to the next worker")


async def _so_many(place: Place, told: int) -> bool:
    return place.fleet.figures.told >= told


# -- the tables
@on_postgres
def test_the_tables_are_laid_out_once_and_brought_up_to_date(postgres_server: str) -> None:
    from procrastinate.schema import SchemaManager

    with postgres.database(postgres_server) as made:
        before, after = upgrade_jobs(made)
        assert before is None
        assert upgrade_jobs(made) == (after, after)
        now = _functions(made)
    with postgres.database(postgres_server) as older:
        with psycopg.connect(older, autocommit=True) as connection:
            for file in sorted(Path(SchemaManager.get_migrations_path()).glob("*.sql")):
                if file.name < "03.04.00":
                    connection.execute(file.read_text())  # type: ignore[call-overload]
            connection.execute("COMMENT ON TABLE procrastinate_jobs IS 'visitflow: procrastinate 3.3.0'")
        assert "procrastinate_retry_job_v2" not in _functions(older)
        assert upgrade_jobs(older) == ("3.3.0", after)
        assert _functions(older) >= now


@on_postgres
async def test_a_worker_does_not_start_without_the_tables(postgres_server: str) -> None:
    from service.dispatch.schema import require_jobs

    with postgres.database(postgres_server) as made:
        upgrade(made)
        with pytest.raises(SchemaOutdated, match=r"missing.*db upgrade"):
            async with application(settings(store=made, dispatch="procrastinate")):
                pass
        upgrade_jobs(made)
        async with application(settings(store=made, dispatch="procrastinate")) as wired:
            assert isinstance(wired.runner.dispatch, Fleet)
        rows(made, "COMMENT ON TABLE procrastinate_jobs IS 'visitflow: procrastinate 3.1.0'")
        with pytest.raises(SchemaOutdated, match=r"3\.1\.0"):
            require_jobs(made)


@on_postgres
async def test_embedded_workers_and_a_fleet_share_a_database(url: str) -> None:
    """While the setting is being changed, one worker after the other: nothing has to be drained."""
    environment = SystemEnvironment()
    async with worker(url) as told:
        store = open_store(url, Vault.parse(TEST_KEY))
        await store.start()
        polling = Runner(
            store, told.registry.version, {"toy": told.adapter}, environment, settings=RunnerSettings(in_flight=5)
        )
        await told.runner.start()
        await polling.start()
        await told.open(*(f"K{number}" for number in range(60)))
        unaware = Commands(store, told.registry, environment, "HIS")
        for number in range(60, 70):
            await unaware.open("toy.visit", f"K{number}", GIVEN)
        await told.closed(70)
        await polling.stop()
        await store.close()
        assert all(told.adapter.peer.counts(f"K{n}") == {"register": 1, "settle": 1} for n in range(70))


def _functions(url: str) -> set[str]:
    return {name for (name,) in rows(url, "SELECT proname FROM pg_proc WHERE proname LIKE 'procrastinate%'")}
