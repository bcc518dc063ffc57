"""Random walks over the toy world: any faults, crashes at any point, any legal action, in any order.

After each: nothing was done twice at the peer, the lists are what the journal tells, and a person can end the visit.
"""

from __future__ import annotations

import random
from typing import Any

import pytest

from engine.actions import Action, ActionKind
from engine.environment import DAY, HOUR, SECOND
from engine.errors import NotLegal, VisitflowError
from engine.events import Concluded, Intent, Role, Settled, Verdict
from engine.faultpoints import Crash, FaultPoint
from engine.outcomes import Effect
from engine.store import History, Status
from engine.visit import fold
from storage import MemoryStore
from tests.toy import (
    Effects,
    broken,
    busy,
    later,
    lose_reply,
    lose_request,
    not_sent,
    refuse,
    toy_flow,
    unreadable,
)
from tests.world import World

FAULTS = [lose_reply, lose_request, not_sent, refuse, later, busy, broken, unreadable]
OPERATIONS = ["read", "register", "settle", "look", "reverse", "unsettle", "unregister", "gone"]
#: Once with a reversal, once with looks alone, once with nobody but a person to ask.
FLOWS = {
    "reverse": toy_flow(),
    "probe": toy_flow(
        register={"doubt": [{"probe": "toy.look"}, "ask"]},
        settle={"doubt": [{"probe": "toy.look"}, "ask"], "auto": False},
    ),
    "ask": toy_flow(
        settle={"doubt": ["ask"], "undo": {"trigger": "unsettle", "step": "toy.unsettle", "doubt": ["ask"]}}
    ),
}
WALKS, STEPS = 120, 25


class Walk:
    """One visit, and what happens to it."""

    def __init__(self, flow: Any, seed: int) -> None:
        self.chance = random.Random(seed)  # a walk, repeatable by its seed
        self.world = World(store=MemoryStore(), definitions=[flow])
        self.story: list[str] = []
        self.visit = ""

    async def go(self) -> None:
        await self.restart()
        self.visit = await self.world.open(invoice=self.chance.choice(["I1", None]))
        for _ in range(STEPS):
            await self.chance.choice([self.fault, self.move, self.move, self.move, self.crash, self.act, self.act])()
            await self.hold()
        self.world.peer.faults.clear()  # somebody has mended the centre
        await self.end()

    async def restart(self) -> None:
        old = self.world
        self.world = World(
            store=old.store, environment=old.environment, adapter=old.adapter, definitions=old.definitions
        )
        await self.world.start()
        await self.world.store.expire_worker("test", self.world.environment.now())

    # -- what may happen
    async def fault(self) -> None:
        operation, fault = self.chance.choice(OPERATIONS), self.chance.choice(FAULTS)
        times = self.chance.choice([1, 1, 2, 8])
        self.story.append(f"{operation}: {fault.__name__} x{times}")
        self.world.peer.fail(operation, *[fault] * times)

    async def move(self) -> None:
        self.story.append("time")
        await self.world.run(patience=self.chance.choice([0, 6 * SECOND, 60 * SECOND, HOUR, 8 * DAY]))

    async def crash(self) -> None:
        point, countdown = self.chance.choice(list(FaultPoint)), self.chance.randrange(3)
        self.story.append(f"crash {point} after {countdown}")

        def die(at: FaultPoint, operation: str) -> None:
            nonlocal countdown
            if at is point:
                countdown -= 1
                if countdown < 0:
                    raise Crash

        self.world.caller.hook = die
        if point is FaultPoint.AFTER_SEND:
            self.world.adapter.after_send = lambda operation: die(point, operation)
        try:
            await self.world.run(patience=60 * SECOND)
        except Crash:
            self.story.append("crashed")
        self.world.adapter.after_send = lambda _operation: None
        await self.restart()

    async def act(self) -> None:
        actions = [a for a in await self.actions() if a.kind is not ActionKind.MIGRATE]
        if actions:
            await self.do(self.chance.choice(actions))

    async def actions(self) -> list[Action]:
        return (await self.world.commands.report(self.visit)).actions

    async def do(self, action: Action) -> None:
        self.story.append(f"{action.kind} {action.target}")
        commands, visit = self.world.commands, self.visit
        match action.kind:
            case ActionKind.TRIGGER:
                try:
                    await commands.trigger(visit, action.target, dict.fromkeys(action.needs, "I1"))
                except NotLegal as refused:
                    assert "condition" in str(refused)
            case ActionKind.RESUME:
                await commands.resume(visit, "w", "r")
            case ActionKind.SETTLE:
                if await self.truthful(action.target):
                    await commands.settle(
                        visit, Verdict(action.target), "w", "r", dict.fromkeys(action.needs, "135.00")
                    )
            case ActionKind.REVERSE:
                await commands.reverse(visit, action.target, "w", "r")
            case ActionKind.CANCEL:
                await commands.cancel(visit, "w", "r")
            case ActionKind.CORRECT:
                await commands.correct(visit, {"patient": f"p{self.chance.random()}"}, "w", "r")

    async def truthful(self, verdict: str) -> bool:
        """A person who settles by hand has looked at the centre; what was refused they have done there themselves."""
        visit, peer = await self.world.visit(self.visit), self.world.peer
        under_way = visit.call or visit.run
        assert under_way is not None
        operation = {
            "register": "register",
            "settle": "settle",
            "unsettle": "unsettle",
            "unregister": "unregister",
        }.get(under_way.trigger, "")
        target = operation.removeprefix("un")
        if visit.call is None:
            if under_way.role is Role.UNDO:
                for effect in peer.live(target, "K1"):
                    effect.live = False
            elif target:
                peer.effects.append(Effects("by hand", target, "K1"))
            return True
        if under_way.role is Role.UNDO:
            happened = not peer.live(target, "K1")
        else:
            happened = any(e.message_id == visit.call.message_id for e in peer.live(target, "K1"))
        return happened == (verdict == "applied")

    # -- what must hold
    async def hold(self) -> None:
        world, story = self.world, "; ".join(self.story)
        counts = world.peer.counts("K1")
        assert max(counts.values(), default=0) <= 1, story
        journal = await world.store.journal(self.visit)
        visit = await world.visit(self.visit)
        assert fold(self.visit, History(None, journal)) == visit, story
        await world.check(self.visit)
        open_call: str | None = None
        for event in await world.events(self.visit):
            match event:
                case Intent(role=Role.FORWARD | Role.UNDO, effect=Effect.ONCE):
                    assert open_call is None, story  # G2
                    open_call = event.call
                case Concluded(look_at=None) | Settled():
                    open_call = None
        times = [event.at for event in await world.events(self.visit)]
        assert times == sorted(times), story
        if visit.closed and visit.trouble is None:
            registered = any(leg.trigger == "register" for leg in visit.trail)
            settled = any(leg.trigger == "settle" for leg in visit.trail)
            assert counts == {k: 1 for k, v in (("register", registered), ("settle", settled)) if v}, story

    async def end(self) -> None:
        """A person brings the visit to an end: cancelled, or on to the end where there is no way back."""
        for _ in range(40):
            await self.world.run(patience=HOUR)
            await self.hold()
            projection = await self.world.get(self.visit)
            if projection.status is Status.CLOSED:
                return
            found = {f"{a.kind.value} {a.target}".strip(): a for a in await self.actions()}
            for wanted in ("cancel cancelled", "settle applied", "settle not_applied", "resume"):
                if wanted in found:
                    before = (await self.world.get(self.visit)).seq
                    await self.do(found[wanted])
                    if (await self.world.get(self.visit)).seq != before:
                        break
            else:
                raise AssertionError(f"no way out of {projection}: {'; '.join(self.story)}")
        raise AssertionError(f"never ends: {'; '.join(self.story)}")


@pytest.mark.parametrize("flow", FLOWS)
@pytest.mark.parametrize("part", range(4))
async def test_whatever_happens_nothing_is_done_twice_and_every_visit_can_be_ended(flow: str, part: int) -> None:
    for seed in range(part * WALKS // 4, (part + 1) * WALKS // 4):
        walk = Walk(FLOWS[flow], seed)
        try:
            await walk.go()
        except (AssertionError, VisitflowError) as error:
            raise AssertionError(f"seed {seed}: {'; '.join(walk.story)}: {error}") from error
