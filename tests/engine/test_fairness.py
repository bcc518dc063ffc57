"""Who is taken when more is due than can be moved, from a seed: nobody starves, and what is urgent goes first."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import replace

import pytest

from engine.environment import SECOND
from engine.fairness import ALL, EVEN, SHARES, Taking
from engine.gate import Priority
from engine.runner import Runner, RunnerSettings
from engine.store import Claim, NewVisit, Status
from storage import MemoryStore
from tests.simulation.fate import Fate
from tests.storage.test_contract import event, projection
from tests.toy import ToyEnvironment, toy_flow
from tests.world import World

PLACES = 20


class Mill:
    """A runner's places without what happens in them: visits come, are taken, and end after some turns."""

    def __init__(self, seed: int) -> None:
        self.fate = Fate(seed)
        self.store = MemoryStore()
        self.taking = Taking(EVEN, PLACES)
        self.moving: Counter[Priority] = Counter()
        self.ends: list[tuple[int, Priority, Claim]] = []
        self.waits: dict[Priority, list[int]] = {each: [] for each in ALL}
        self.came: dict[str, int] = {}
        self.count = 0

    async def come(self, priority: Priority, turn: int) -> None:
        self.count += 1
        made = replace(projection(self.count), due_at=turn)
        self.came[made.visit_id] = turn
        await self.store.open(NewVisit(made, (event(1),), "x", priority=priority))

    async def turn(self, turn: int) -> None:
        for each in [each for each in self.ends if each[0] <= turn]:
            self.ends.remove(each)
            self.moving[each[1]] -= 1
        free = PLACES - sum(self.moving.values())

        async def claim(most: int, priority: Priority | None) -> list[Claim]:
            return await self.store.claim_due("w", turn, 10**9, most, priority)

        for found in await self.taking.take(free, self.moving, claim) if free else []:
            priority = Priority(found.priority)
            self.moving[priority] += 1
            self.waits[priority].append(turn - self.came[found.lease.visit_id])
            self.ends.append((turn + 1 + self.fate.pick("long", 10), priority, found))
        assert sum(self.moving.values()) <= PLACES


@pytest.mark.parametrize("seed", range(10))
def test_a_flood_starves_nobody_and_is_not_starved(seed: int) -> None:
    async def play() -> Mill:
        mill = Mill(seed)
        for _ in range(3000):
            await mill.come(Priority.BACKGROUND, 0)
        for turn in range(400):
            for _ in range(mill.fate.pick("settlements", 3)):
                await mill.come(Priority.NORMAL, turn)
            if mill.fate.pick("urgent", 4) == 0:
                await mill.come(Priority.URGENT, turn)
            await mill.turn(turn)
        return mill

    mill = asyncio.run(play())
    assert len(mill.waits[Priority.NORMAL]) > 300 and len(mill.waits[Priority.URGENT]) > 50
    assert max(mill.waits[Priority.NORMAL][5:]) <= 12, "a few turns, not the hundreds that the flood takes"
    assert max(mill.waits[Priority.URGENT][5:]) <= 8
    assert len(mill.waits[Priority.BACKGROUND]) > 400


def test_without_a_crowd_the_longest_due_goes_first() -> None:
    async def play() -> list[int]:
        mill = Mill(1)
        for number, priority in enumerate((Priority.BACKGROUND, Priority.URGENT, Priority.NORMAL)):
            await mill.come(priority, number)
        await mill.turn(5)
        return [int(each.priority) for _, _, each in mill.ends]

    assert asyncio.run(play()) == [2, 0, 1]


def test_no_priority_takes_all_places() -> None:
    async def play() -> Counter[Priority]:
        mill = Mill(1)
        mill.taking.crowded = True
        for _ in range(200):
            await mill.come(Priority.BACKGROUND, 0)
        await mill.turn(1)
        return mill.moving

    assert asyncio.run(play())[Priority.BACKGROUND] == int(PLACES * SHARES[Priority.BACKGROUND])


async def test_the_runner_takes_a_settlement_before_a_flood_of_uploads() -> None:
    """The whole way: timers make a flood due, a trigger comes in the middle of it."""
    flood = toy_flow(
        flow="toy.flood",
        settle={"auto": False},
        timers=[{"name": "often", "in": "registered", "trigger": "settle", "every": "25m"}],
    )
    environment = ToyEnvironment()
    world = await World(environment=environment, definitions=[flood, toy_flow(settle={"auto": False})]).start()
    for number in range(40):
        await world.commands.open("toy.flood", f"F{number}", {"patient": "invented", "invoice": "I1"})
    projection_, _ = await world.commands.open("toy.visit", "K1", {"patient": "invented", "invoice": "I1"})
    await world.run(patience=60 * SECOND)
    environment.time += 1800 * SECOND
    await world.commands.trigger(projection_.visit_id, "settle")
    environment.time += SECOND
    settings = RunnerSettings(in_flight=4, batch=2)
    runner = Runner(world.store, world.registry.version, world.adapters, environment, settings=settings)
    runner._taking.crowded = True
    before = len(world.peer.received)
    await runner.run_until_idle()
    settled = [
        next(effect.visit for effect in world.peer.effects if effect.message_id == message)
        for operation, message in world.peer.received[before:]
        if operation == "settle"
    ]
    assert len(settled) == 41
    assert settled.index("K1") < 4
    assert (await world.get(projection_.visit_id)).status is Status.CLOSED
