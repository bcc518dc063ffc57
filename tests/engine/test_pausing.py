"""Visits whose peer has no room or is left alone: nothing is sent, nothing counts, nothing is forgotten."""

from __future__ import annotations

import pytest

from engine.environment import HOUR, SECOND
from engine.events import Cause, Intent, Paused
from engine.execution import LONGEST_HOLD
from engine.gate import Errand, OpenGate, Priority
from engine.store import Status
from tests.gates import Reluctant, Shut
from tests.toy import ToyEnvironment, lose_reply, lose_request, not_sent, toy_flow
from tests.world import World


async def shut_world(**changes: object) -> tuple[World, Shut]:
    environment = ToyEnvironment()
    gate = Shut(environment)
    return await World(environment=environment, gate=gate, definitions=[toy_flow(**changes)]).start(), gate


async def test_what_is_held_off_leaves_no_intent_and_reaches_nobody() -> None:
    world, _gate = await shut_world()
    visit = await world.open(invoice="I1")
    await world.step()
    projection = await world.get(visit)
    assert (projection.status, projection.waiting_for) == (Status.READY, "peer_paused:toy")
    assert projection.due_at is not None and projection.due_at > world.environment.now()
    assert [type(event) for event in (await world.events(visit))[1:]] == [Paused]
    assert world.peer.received == []
    await world.check(visit)
    assert await world.store.zombies(world.environment.now(), 0) == []


async def test_a_held_off_visit_goes_on_as_if_nothing_had_been() -> None:
    world, gate = await shut_world()
    plain = await World().start()
    visit = await world.open(invoice="I1")
    await plain.open(invoice="I1")
    await world.run(patience=600 * SECOND)
    assert world.peer.received == []
    gate.shut = False
    await world.run()
    await plain.run()
    assert [operation for operation, _ in world.peer.received] == [operation for operation, _ in plain.peer.received]
    assert (await world.get(visit)).status is Status.CLOSED


@pytest.mark.parametrize("fault", [lose_reply, lose_request])
async def test_a_doubt_waits_for_its_peer_without_losing_a_look(fault: object) -> None:
    world, gate = await shut_world()
    gate.shut = False
    visit = await world.open(invoice="I1")
    world.peer.fail("settle", fault)  # type: ignore[arg-type]
    await world.run(until=lambda: "settle" in dict(world.peer.received))
    gate.shut = True
    await world.run(patience=12 * HOUR)
    fold = await world.visit(visit)
    assert fold.doubt is not None and fold.doubt.tries == 0 and fold.trouble is None
    assert (await world.get(visit)).waiting_for == "peer_paused:toy:settling"
    assert len(world.peer.live("settle", "K1")) <= 1
    gate.shut = False
    await world.run(patience=12 * HOUR)
    assert (await world.get(visit)).status is Status.CLOSED
    assert len(world.peer.live("settle", "K1")) == 1


async def test_an_outage_uses_up_no_patience_and_fills_no_journal() -> None:
    brief = {"first": "1s", "total": "1m"}
    world, gate = await shut_world(policies={"default": brief})
    visit = await world.open(invoice="I1")
    gate.shut = False
    world.peer.fail("register", not_sent)
    await world.run(until=lambda: "register" in dict(world.peer.received))
    gate.shut = True
    await world.run(patience=12 * HOUR)
    pauses = [event for event in await world.events(visit) if isinstance(event, Paused)]
    assert len(pauses) < 25
    assert max(event.until - event.at for event in pauses) <= LONGEST_HOLD
    gate.shut = False
    world.peer.fail("register", not_sent)  # after twelve hours it may still fail once without being given up
    await world.run(patience=2 * HOUR)
    assert (await world.get(visit)).status is Status.CLOSED


async def test_a_deadline_does_not_wait_for_the_peer() -> None:
    world, gate = await shut_world(settle={"deadline": "5m", "auto": False})
    visit = await world.open(invoice="I1")
    gate.shut = False
    await world.run()
    gate.shut = True
    await world.commands.trigger(visit, "settle")
    began = world.environment.now()
    await world.run(patience=12 * HOUR)
    projection = await world.get(visit)
    assert (projection.status, projection.cause) == (Status.STUCK, Cause.DEADLINE)
    assert 300 * SECOND <= projection.updated_at - began <= 301 * SECOND
    assert not any(isinstance(event, Intent) and event.operation == "settle" for event in await world.events(visit))


async def test_a_woken_visit_goes_on_before_its_time_or_sleeps_on_without_a_trace() -> None:
    world, gate = await shut_world()
    visit = await world.open(invoice="I1")
    await world.step()
    before = await world.get(visit)
    assert await world.store.wake(["peer_paused:toy"], world.environment.now(), 10) == 1
    assert await world.step() == 1  # still shut
    assert await world.get(visit) == before
    gate.shut = False
    assert await world.store.wake(["peer_paused:toy"], world.environment.now(), 10) == 1
    await world.step()
    assert world.peer.received[0][0] == "read"
    assert (await world.visit(visit)).pause is None


async def test_a_person_may_try_now() -> None:
    world, gate = await shut_world()
    visit = await world.open(invoice="I1")
    await world.step()
    gate.shut = False
    await world.commands.resume(visit, "wang", "the peer is back, they say")
    await world.step()
    assert world.peer.received


async def test_nothing_is_sent_that_was_not_let_out() -> None:
    """The caller refuses what no gate has let pass: a bug, which stops the visit, and no call."""
    world = await World().start()
    visit = await world.open(invoice="I1")

    class Elsewhere(OpenGate):
        def admit(self, errand: Errand):  # type: ignore[no-untyped-def]
            return super().admit(Errand("another", errand.operation))

    world.caller.gate = Elsewhere()
    await world.step()
    assert world.peer.received == []
    assert (await world.get(visit)).cause == Cause.ENGINE_ERROR


async def test_every_kind_of_call_is_asked_for() -> None:
    """Forward, undo, probe: each is held off twice, and in the end all is taken back."""
    environment = ToyEnvironment()
    gate = Reluctant(environment)
    world = await World(environment=environment, gate=gate).start()
    visit = await world.open(invoice="I1")
    world.peer.fail("settle", lose_reply)
    await world.run(patience=2 * HOUR)
    await world.commands.cancel(visit, "wang", "wrong patient")
    await world.run(patience=2 * HOUR)
    assert (await world.get(visit)).status is Status.CLOSED
    events = await world.events(visit)
    assert {event.reason for event in events if isinstance(event, Paused)} == {"peer_busy", "peer_paused"}
    assert gate.asked >= 3 * len(world.peer.received)
    assert sum(world.peer.counts("K1").values()) == 0
    await world.check(visit)


async def test_what_timers_ask_for_is_in_the_background() -> None:
    timed = {"timers": [{"name": "often", "in": "registered", "trigger": "settle", "every": "25m"}]}
    world = await World(definitions=[toy_flow(settle={"auto": False}, **timed)]).start()
    flow = world.registry.current("toy.visit")
    assert (flow.priority("settle"), flow.priority("register")) == (Priority.BACKGROUND, Priority.NORMAL)
