"""Transitions that lead back to where they began: batches, looks, hand-overs."""

from __future__ import annotations

import pytest

from engine.definitions import FlowDefinition, Transition
from engine.execution import MOST_ROUNDS
from engine.store import Status
from tests.toy import toy_flow
from tests.world import World


def with_round(**more: object) -> FlowDefinition:
    """The toy flow with one more transition, which goes round in ``registered``."""
    flow = toy_flow()
    extra = Transition.model_validate({"trigger": "again", "from": "registered", "to": "registered", **more})
    return flow.model_copy(
        update={"transitions": (flow.transitions[0], flow.transitions[1], extra, *flow.transitions[2:])}
    )


@pytest.mark.parametrize("more", [{}, {"step": "toy.read"}], ids=["without a call", "by a read"])
async def test_going_round_without_a_write_leaves_nothing_to_undo(more: dict[str, object]) -> None:
    world = await World(definitions=[with_round(**more)]).start()
    visit = await world.open()
    await world.run()
    before = (await world.visit(visit)).trail
    for _ in range(3):
        await world.commands.trigger(visit, "again")
        await world.run()
    assert (await world.visit(visit)).trail == before
    await world.commands.cancel(visit, "wang", "test")
    await world.run()
    assert (await world.store.get(visit)).state == "cancelled"


async def test_one_undo_takes_every_round_of_writes_back_when_it_leads_before_the_first() -> None:
    undo = {"trigger": "take_all_back", "step": "toy.unregister", "to": "read", "doubt": ["ask"]}
    ask = {"step": "toy.refund", "doubt": ["ask"], "undo": undo}
    world = await World(definitions=[with_round(**ask)]).start()
    visit = await world.open()
    await world.run()
    for _ in range(3):
        await world.commands.trigger(visit, "again")
        await world.run()
    assert [leg.trigger for leg in (await world.visit(visit)).trail] == ["read", "register", "again", "again", "again"]
    await world.commands.reverse(visit, "read", "wang", "test")
    await world.run()
    assert [leg.trigger for leg in (await world.visit(visit)).trail] == ["read"]
    assert [operation for operation, _ in world.peer.received].count("unregister") == 1


@pytest.mark.parametrize(("rounds", "made"), [(None, MOST_ROUNDS), (50, 50)])
async def test_a_circle_that_no_condition_ends_stops_where_the_flow_says(rounds: int | None, made: int) -> None:
    world = await World(definitions=[with_round(step="toy.read", auto=True, rounds=rounds)]).start()
    visit = await world.open()
    await world.run()
    projection = await world.store.get(visit)
    assert projection.status is Status.STUCK
    assert [operation for operation, _ in world.peer.received].count("read") == 1 + made
