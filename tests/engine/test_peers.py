"""The gate itself, on a loop that owns time: places, rates, turns, pauses and trials."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from engine.adapter import Operation
from engine.environment import HOUR, SECOND
from engine.gate import Errand, HeldOff, Priority
from engine.outcomes import Busy, Done, Effect, InDoubt, NotSent, Outcome, Refused
from engine.peers import Limits, Peers
from engine.peers.breaker import Breaker, State
from engine.peers.settings import BreakerSettings
from engine.peers.sharing import TURN, allotted, fair
from tests.simulation.fate import Fate
from tests.simulation.hospital import Clock
from tests.simulation.loop import World

READ, KEYED, ONCE = (Operation(each.value, each) for each in (Effect.READ, Effect.KEYED, Effect.ONCE))
SILENCE: tuple[Outcome, ...] = (NotSent("refused"), InDoubt("no reply"))
ANSWERS: tuple[Outcome, ...] = (Done({}), Refused("1", "no"), Busy(SECOND))


def played(work: Callable[[Clock], Awaitable[Any]], seed: int = 1) -> Any:
    """Run ``work`` on a loop whose time passes by itself."""
    world = World(Fate(seed))
    asyncio.set_event_loop(world)
    try:
        return world.run_until_complete(work(Clock(world, [0.0], [0])))
    finally:
        asyncio.set_event_loop(None)
        world.close()


def gate(clock: Clock, waiting: int = 100, weights: dict[str, int] | None = None, **peer: Any) -> Peers:
    declared = {"peers": {"centre": peer}} | ({"weights": weights} if weights else {})
    return Peers(Limits.model_validate(declared), clock, waiting=waiting)


def errand(operation: Operation = ONCE, priority: Priority = Priority.NORMAL) -> Errand:
    return Errand("centre", operation, priority)


async def call(
    peers: Peers,
    outcome: Outcome | None = None,
    *,
    operation: Operation = ONCE,
    priority: Priority = Priority.NORMAL,
    seconds: float = 0.0,
) -> bool:
    """Make one call as the engine does; return whether it was let out."""
    entry = peers.admit(errand(operation, priority)) or await peers.wait(errand(operation, priority))
    if isinstance(entry, HeldOff):
        return False
    with entry:
        await asyncio.sleep(seconds)
        entry.came_to(Done({}) if outcome is None else outcome)
    return True


# -- places and rates
def test_never_more_calls_in_the_air_than_the_peer_bears() -> None:
    async def work(clock: Clock) -> tuple[int, int]:
        peers = gate(clock, concurrent=3)
        air = most = 0

        async def one() -> bool:
            nonlocal air, most
            entry = peers.admit(errand()) or await peers.wait(errand())
            assert not isinstance(entry, HeldOff)
            with entry:
                air += 1
                most = max(most, air)
                await asyncio.sleep(0.5)
                air -= 1
            return True

        done = await asyncio.gather(*(one() for _ in range(40)))
        return most, sum(done)

    assert played(work) == (3, 40)


def test_never_more_calls_a_second_than_the_peer_bears() -> None:
    async def work(clock: Clock) -> list[float]:
        peers = gate(clock, rate=10, burst=5)
        times = []

        async def one() -> None:
            if await call(peers):
                times.append(clock.world.elapsed)

        await asyncio.gather(*(one() for _ in range(60)))
        return sorted(times)

    times = played(work)
    assert len(times) == 60
    for start in times:
        assert sum(start <= each < start + 1 for each in times) <= 10 + 5
    assert times[-1] >= (60 - 5) / 10 - 0.01


def test_a_cancelled_waiter_takes_no_place_with_it() -> None:
    async def work(clock: Clock) -> tuple[int, int]:
        peers = gate(clock, concurrent=1)
        first = asyncio.ensure_future(call(peers, seconds=1))
        await asyncio.sleep(0.1)
        waiting = [asyncio.ensure_future(call(peers)) for _ in range(5)]
        await asyncio.sleep(0.1)
        for each in waiting[:3]:
            each.cancel()
        await asyncio.gather(first, *waiting, return_exceptions=True)
        turnstile = peers.peer("centre").turnstile
        return turnstile.used, turnstile.waiting

    assert played(work) == (0, 0)


@pytest.mark.parametrize("seed", range(20))
def test_places_are_given_back_whoever_is_cancelled_when(seed: int) -> None:
    async def work(clock: Clock) -> tuple[int, int]:
        fate = clock.world.fate
        peers = gate(clock, concurrent=2, rate=20, burst=2)
        tasks = [asyncio.ensure_future(call(peers, seconds=fate.draw("long"))) for _ in range(30)]
        for _ in range(20):
            await asyncio.sleep(fate.draw("pause") / 5)
            tasks[fate.pick("who", len(tasks))].cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        turnstile = peers.peer("centre").turnstile
        return turnstile.used, turnstile.waiting

    assert played(work, seed) == (0, 0)


def test_who_finds_no_place_to_wait_is_told_when_to_come_back() -> None:
    async def work(clock: Clock) -> None:
        peers = gate(clock, waiting=3, concurrent=1)
        tasks = [asyncio.ensure_future(call(peers, seconds=1)) for _ in range(4)]
        await asyncio.sleep(0.1)
        held = peers.admit(errand())
        assert isinstance(held, HeldOff) and held.reason == "peer_busy"
        assert clock.now() + SECOND < held.until < clock.now() + HOUR
        assert peers.admit(errand(priority=Priority.URGENT)) is None, "what is urgent has a queue of its own"
        await asyncio.gather(*tasks)

    played(work)


# -- fairness
@pytest.mark.parametrize("seed", range(5))
def test_a_flood_of_timed_uploads_does_not_starve_settlements(seed: int) -> None:
    """300 uploads wait for one place; settlements that come meanwhile wait for a few calls, not for the flood."""

    async def work(clock: Clock) -> tuple[list[float], int]:
        peers = gate(clock, waiting=1000, concurrent=1)
        flood = [asyncio.ensure_future(call(peers, priority=Priority.BACKGROUND, seconds=0.05)) for _ in range(300)]
        waits = []
        for _ in range(20):
            await asyncio.sleep(clock.world.fate.draw("next") * 0.5)
            began = clock.world.elapsed
            assert await call(peers, priority=Priority.NORMAL, seconds=0.05)
            waits.append(clock.world.elapsed - began)
        done = sum(each.done() for each in flood)
        await asyncio.gather(*flood)
        return waits, done

    waits, done = played(work, seed)
    assert max(waits) < 0.35
    assert done > 20, "and the flood is not starved either"


def test_places_are_divided_by_weight() -> None:
    async def work(clock: Clock) -> Counter[Priority]:
        peers = gate(clock, waiting=1000, concurrent=1, weights={"urgent": 6, "normal": 3, "background": 1})
        order: list[Priority] = []

        async def one(priority: Priority) -> None:
            await call(peers, priority=priority, seconds=0.01)
            order.append(priority)

        tasks = [asyncio.ensure_future(one(each)) for each in Priority for _ in range(200)]
        await asyncio.gather(*tasks)
        return Counter(order[:100])

    found = played(work)
    assert found[Priority.URGENT] == pytest.approx(60, abs=2)
    assert found[Priority.BACKGROUND] == pytest.approx(10, abs=2)


# -- breaker
def test_a_peer_is_left_alone_after_silence_in_a_row_and_not_after_refusals() -> None:
    for silence in SILENCE:
        breaker = Breaker(BreakerSettings(failures=3))
        assert [breaker.failed(0) for _ in range(3)] == [False, False, True]
        assert silence is not None and breaker.state is State.PAUSED

    async def work(clock: Clock) -> list[State]:
        peers = gate(clock, breaker={"failures": 3})
        seen = []
        for answer in ANSWERS:
            for outcome in (*SILENCE, answer, *SILENCE, answer):
                assert await call(peers, outcome)
            seen.append(peers.peer("centre").breaker.state)
        return seen

    assert played(work) == [State.CLOSED] * len(ANSWERS)


def test_pauses_grow_up_to_the_longest() -> None:
    breaker = Breaker(BreakerSettings.model_validate({"failures": 1, "pause": "10s", "longest": "35s"}))
    lengths = []
    assert breaker.failed(0)
    now = 0
    for _ in range(4):
        lengths.append((breaker.until - now) // SECOND)
        now = breaker.until
        assert breaker.may_try(now) and not breaker.may_try(now - 1)
        breaker.begin_trial()
        breaker.end_trial(now, answered=False)
    assert lengths == [10, 20, 35, 35]
    breaker.begin_trial()
    breaker.end_trial(now, answered=True)
    assert breaker.closed and breaker.failures == 0


def silent(clock: Clock, **more: Any) -> Peers:
    return gate(clock, breaker={"failures": 2, "pause": "10s"}, **more)


async def given_up(peers: Peers) -> None:
    for _ in range(2):
        assert await call(peers, NotSent("refused"))
    assert not await call(peers)


def test_one_call_finds_out_and_a_read_is_preferred() -> None:
    async def work(clock: Clock) -> list[str]:
        peers = silent(clock)
        await given_up(peers)
        await asyncio.sleep(10.1)
        made: list[str] = []

        async def one(operation: Operation, after: float) -> None:
            await asyncio.sleep(after)
            entry = peers.admit(errand(operation)) or await peers.wait(errand(operation))
            if not isinstance(entry, HeldOff):
                with entry:
                    made.append(operation.name)
                    await asyncio.sleep(5)
                    entry.came_to(InDoubt("no reply"))

        await asyncio.gather(one(ONCE, 0), one(KEYED, 0.1), one(READ, 0.2), one(READ, 0.3), one(ONCE, 3))
        assert peers.peer("centre").breaker.state is State.PAUSED
        return made

    assert played(work) == ["read"]


def test_a_write_finds_out_where_there_is_no_read() -> None:
    async def work(clock: Clock) -> list[bool]:
        peers = silent(clock)
        await given_up(peers)
        await asyncio.sleep(10.1)
        found = await asyncio.gather(*(call(peers, operation=each, seconds=1) for each in (ONCE, KEYED, ONCE)))
        assert peers.peer("centre").breaker.closed
        return [*found, await call(peers)]

    assert played(work) == [False, True, False, True]


def test_a_trial_of_which_nothing_is_heard_is_left_to_the_next() -> None:
    async def work(clock: Clock) -> None:
        peers = silent(clock)
        await given_up(peers)
        await asyncio.sleep(10.1)
        with pytest.raises(KeyError), await peers.wait(errand(READ)):  # type: ignore[union-attr]
            raise KeyError
        assert await call(peers, operation=READ)
        assert peers.peer("centre").breaker.closed

    played(work)


def test_what_was_in_the_air_before_the_pause_says_nothing_afterwards() -> None:
    async def work(clock: Clock) -> None:
        peers = silent(clock, concurrent=10)
        slow = [asyncio.ensure_future(call(peers, InDoubt("no reply"), seconds=30)) for _ in range(5)]
        await asyncio.sleep(0.1)
        await given_up(peers)
        await asyncio.sleep(10.1)
        assert await call(peers, operation=READ)
        await asyncio.gather(*slow)  # five time-outs of the time before
        assert peers.peer("centre").breaker.closed
        assert peers.peer("centre").turnstile.used == 0

    played(work)


def test_who_waits_for_a_place_is_sent_away_when_the_peer_is_given_up() -> None:
    async def work(clock: Clock) -> list[bool]:
        peers = silent(clock, concurrent=1)
        failing = [asyncio.ensure_future(call(peers, NotSent("refused"), seconds=1)) for _ in range(2)]
        await asyncio.sleep(0.1)
        others = [asyncio.ensure_future(call(peers)) for _ in range(5)]
        return [*await asyncio.gather(*failing), *await asyncio.gather(*others)]

    assert played(work) == [True, True, *[False] * 5]


def test_what_a_person_stopped_is_not_tried() -> None:
    async def work(clock: Clock) -> None:
        peers = silent(clock)
        peers.peer("centre").hold()
        await asyncio.sleep(3600)
        held = peers.admit(errand(READ))
        assert isinstance(held, HeldOff) and held.reason == "peer_paused"
        peers.peer("centre").release()
        assert await call(peers)

    played(work)


# -- sharing
@pytest.mark.parametrize("total", [1, 2, 7, 8])
@pytest.mark.parametrize("count", [1, 2, 3, 5])
def test_fair_parts_add_up_and_each_has_its_turn(total: int, count: int) -> None:
    workers = [f"w{n}" for n in range(count)]
    sums: Counter[str] = Counter()
    for turn in range(count):
        parts = {each: fair(total, each, workers, turn * TURN) for each in workers}
        assert sum(parts.values()) == total
        sums.update(parts)
    assert set(sums.values()) == {total}


@pytest.mark.parametrize("seed", range(50))
def test_processes_never_hold_more_than_there_is(seed: int) -> None:
    """Processes come, go, want and rest in any order; the sum stays within the limit, and whoever wants gets some."""
    fate = Fate(seed)
    total = 1 + fate.pick("total", 6)
    held: dict[str, tuple[int, bool]] = {}
    now = 0
    for _ in range(200):
        now += int(fate.draw("time") * 3 * SECOND)
        worker = f"w{fate.pick('worker', 4)}"
        if fate.pick("leave", 12) == 0:
            held.pop(worker, None)
            continue
        mine = held.get(worker, (0, False))[0]
        others = [(name, slots, wants) for name, (slots, wants) in held.items() if name != worker]
        wants = fate.pick("wants", 3) > 0
        bound = fate.pick("bound", mine + 1)
        part = allotted(total, worker, wants, bound, mine, others, now)
        assert part >= min(bound, mine), "what is in the air cannot be given back"
        held[worker] = (part, wants)
        assert sum(slots for slots, _ in held.values()) <= total
    had: Counter[str] = Counter()
    for look in range(200):  # all want, nothing is bound, each looks five times a turn: each gets its part in turn
        for worker in ("w0", "w1", "w2", "w3"):
            others = [(name, slots, True) for name, (slots, _) in held.items() if name != worker]
            mine = held.get(worker, (0, True))[0]
            held[worker] = (allotted(total, worker, True, 0, mine, others, look * TURN // 5), True)
            had[worker] += held[worker][0]
            assert sum(slots for slots, _ in held.values()) <= total
    assert min(had.values()) > 0
