"""The runner itself: many at once, taking over, stopping in good order. Real time, an in-process peer."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys

import psutil
import pytest

from engine.adapter import Call
from engine.commands import Commands
from engine.environment import SECOND, SystemEnvironment
from engine.outcomes import Outcome
from engine.registry import Registry
from engine.runner import Runner, RunnerSettings
from engine.store import Status, Store, VisitFilter, Worker
from tests.conftest import DURABLE
from tests.patience import PATIENCE
from tests.toy import ToyAdapter, ToyPeer, toy_catalogue, toy_flow

every_durable_store = pytest.mark.parametrize("store_url", DURABLE, indirect=True)


class Bench:
    """A runner with its own adapter on a given store."""

    def __init__(self, store: Store, **settings: int) -> None:
        self.store = store
        self.environment = SystemEnvironment()
        self.adapter = ToyAdapter()
        self.registry = Registry(store, toy_catalogue(), self.environment)
        self.runner = Runner(
            store,
            self.registry.version,
            {"toy": self.adapter},
            self.environment,
            settings=RunnerSettings(**{"poll": SECOND // 50, **settings}),
        )
        self.commands = Commands(
            store, self.registry, self.environment, self.runner.worker, self.runner.wake, self.runner
        )

    async def start(self) -> Bench:
        quick = {"first_look": "50ms", "look_again": "50ms", "late_look": "50ms"}
        await self.registry.load([toy_flow(settling=quick)])
        await self.runner.start()
        return self

    async def until(self, status: Status, count: int) -> None:
        async with asyncio.timeout(PATIENCE):
            while len(await self.store.visits(VisitFilter(status=status, limit=10_000))) < count:
                await asyncio.sleep(0.02)


@every_durable_store
async def test_many_visits_are_moved_at_once(store: Store) -> None:
    bench = await Bench(store, in_flight=40).start()
    await asyncio.gather(
        *(bench.commands.open("toy.visit", f"K{n}", {"patient": "p", "invoice": "I"}) for n in range(200))
    )
    await bench.until(Status.CLOSED, 200)
    await bench.runner.stop()
    assert all(bench.adapter.peer.counts(f"K{n}") == {"register": 1, "settle": 1} for n in range(200))
    assert bench.runner.figures.lost == bench.runner.figures.failed == 0


@every_durable_store
async def test_two_runners_share_the_work_and_do_nothing_twice(store: Store) -> None:
    first = await Bench(store, in_flight=10).start()
    second = await Bench(store, in_flight=10).start()
    second.adapter.peer = first.adapter.peer
    await asyncio.gather(
        *(first.commands.open("toy.visit", f"K{n}", {"patient": "p", "invoice": "I"}) for n in range(120))
    )
    await first.until(Status.CLOSED, 120)
    for bench in (first, second):
        await bench.runner.stop()
    assert all(first.adapter.peer.counts(f"K{n}") == {"register": 1, "settle": 1} for n in range(120))
    assert first.runner.figures.finished + second.runner.figures.finished == 120


@every_durable_store
async def test_a_stop_parks_what_is_in_the_air_and_the_next_start_settles_it(store: Store) -> None:
    bench = await Bench(store, grace=SECOND // 5).start()
    hanging = asyncio.Event()
    call = bench.adapter.call

    async def hang(made: Call) -> Outcome:
        outcome = await call(made)
        if made.operation == "settle":
            hanging.set()
            await asyncio.Event().wait()  # applied at the peer, and the answer never comes
        return outcome

    bench.adapter.call = hang  # type: ignore[method-assign]
    visit = (await bench.commands.open("toy.visit", "K1", {"patient": "p", "invoice": "I"}))[0].visit_id
    async with asyncio.timeout(PATIENCE):
        await hanging.wait()
    await bench.runner.stop()
    report = await bench.commands.report(visit)
    assert report.visit.doubt is not None and "stopped" in report.visit.doubt.reason
    following = Bench(store)
    following.adapter.peer = bench.adapter.peer
    await following.start()
    await following.until(Status.CLOSED, 1)
    await following.runner.stop()
    assert bench.adapter.peer.counts("K1") == {"register": 1, "settle": 1}


@every_durable_store
async def test_a_start_takes_over_what_a_dead_process_left(store: Store) -> None:
    bench = Bench(store)
    await bench.registry.load([toy_flow()])
    visit = (await bench.commands.open("toy.visit", "K1", {"patient": "p", "invoice": "I"}))[0].visit_id
    gone = subprocess.Popen([sys.executable, "-c", "pass"])
    gone.wait()
    now = bench.environment.now()
    await store.register(Worker("dead", socket.gethostname(), gone.pid, now, now))
    assert len(await store.claim_due("dead", now, now + 3600 * SECOND, 1)) == 1
    await bench.start()
    assert bench.runner.figures.taken_over == 1
    await bench.until(Status.CLOSED, 1)
    await bench.runner.stop()
    assert (await store.get(visit)).state == "done"


@every_durable_store
async def test_a_living_process_keeps_its_visits(store: Store) -> None:
    bench = Bench(store)
    await bench.registry.load([toy_flow()])
    await bench.commands.open("toy.visit", "K1", {"patient": "p", "invoice": "I"})
    now = bench.environment.now()
    started = int(psutil.Process().create_time() * SECOND)
    await store.register(Worker("alive", socket.gethostname(), os.getpid(), started, now))
    await store.claim_due("alive", now, now + 3600 * SECOND, 1)
    await bench.start()
    await asyncio.sleep(0.2)
    await bench.runner.stop()
    assert bench.runner.figures.taken_over == 0
    assert bench.adapter.peer.received == []


@every_durable_store
async def test_leases_are_renewed_while_a_call_takes_long(store: Store) -> None:
    bench = await Bench(store, lease=2 * SECOND, margin=SECOND // 2).start()
    call = bench.adapter.call

    async def slow(made: Call) -> Outcome:
        outcome = await call(made)
        if made.operation == "settle":
            await asyncio.sleep(3.5)
        return outcome

    bench.adapter.call = slow  # type: ignore[method-assign]
    other = Bench(store)
    other.adapter.peer = bench.adapter.peer
    await bench.commands.open("toy.visit", "K1", {"patient": "p", "invoice": "I"})
    await asyncio.sleep(0.1)
    await other.start()
    await bench.until(Status.CLOSED, 1)
    for each in (bench, other):
        await each.runner.stop()
    assert other.runner.figures.claimed == 0
    assert bench.runner.figures.lost == 0


async def test_a_bug_of_ours_stops_the_visit_where_it_is_seen() -> None:
    from storage import MemoryStore
    from tests.toy import ToySystem

    def explode(_view: object) -> bool:
        raise RuntimeError("a bug in a condition")

    ToySystem.CONDITIONS["explode"] = explode
    try:
        from tests.world import World

        flow = toy_flow(settle={"when": ["toy.explode"]})
        world = await World(store=MemoryStore(), definitions=[flow]).start()
        visit = await world.open(invoice="I")
        await world.run()
        projection = await world.get(visit)
        assert (projection.status, projection.cause) == (Status.STUCK, "step_error")
        await world.check(visit)
    finally:
        del ToySystem.CONDITIONS["explode"]


@every_durable_store
async def test_a_visit_is_opened_and_leased_in_one_commit_while_there_is_room(store: Store) -> None:
    bench = await Bench(store, in_flight=1).start()
    before = bench.runner.figures.claimed
    hold = asyncio.Event()
    bench.adapter.call = lambda call: _wait_for(hold, call)  # type: ignore[method-assign]
    first, _ = await bench.commands.open("toy.visit", "K1", {"patient": "p"})
    assert (bench.runner.figures.claimed, bench.runner.in_flight) == (before + 1, 1), "at once, without a claim"
    second, _ = await bench.commands.open("toy.visit", "K2", {"patient": "p"})
    assert bench.runner.in_flight == 1, "no room: it waits for its turn"
    again, created = await bench.commands.open("toy.visit", "K1", {"patient": "p"})
    assert (again.visit_id, created, bench.runner.in_flight) == (first.visit_id, False, 1)
    hold.set()
    async with asyncio.timeout(PATIENCE):
        while {(await store.get(each.visit_id)).state for each in (first, second)} != {"registered"}:
            await asyncio.sleep(0.02)
    await bench.runner.stop()
    assert bench.commands._runner is not None
    assert bench.commands._runner.room() is None, "a runner that stops takes nothing more"


async def _wait_for(hold: asyncio.Event, call: Call) -> Outcome:
    await hold.wait()
    return ToyPeer().apply(call)
