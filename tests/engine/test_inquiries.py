"""What came with the second centre: refusals that are looked into, inquiries by keyed calls, undos with a warning."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, ClassVar

import pytest

from engine.actions import ActionKind
from engine.adapter import Call
from engine.definitions import SettleMethod, Text, UndoEdge
from engine.environment import SECOND
from engine.events import Cause, Intent, Looked, Role, Settled, Verdict
from engine.outcomes import Category, InDoubt, Outcome, Refused
from engine.steps import Progress, View
from engine.store import Status
from flows.checker import check
from tests.toy import RefundStep, RegisterStep, ToyPeer, ToySystem, lose_reply, lose_request, toy_catalogue, toy_flow
from tests.world import World

PROBED = {"doubt": [{"probe": "toy.look"}, "ask"]}
INQUIRED = {"doubt": [{"inquire": "toy.ask_about"}, "ask"]}


def already(peer: ToyPeer, call: Call, apply: Callable[[], Outcome]) -> Outcome:
    apply()
    return Refused("51014", "registered already", Category.ALREADY_DONE)


class Wary(RegisterStep):
    """Looks into "done already" when an earlier call was lost."""

    def refused(self, view: View, refusal: Refused) -> InDoubt | None:
        return InDoubt("an earlier call was lost") if view.lost else None


@pytest.fixture
def wary(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ToySystem, "STEPS", {**ToySystem.STEPS, "register": Wary})


# -- refusals that are looked into
async def test_done_already_after_a_lost_call_is_settled_as_a_doubt(wary: None) -> None:
    world = await World(definitions=[toy_flow(register=PROBED)]).start()
    world.peer.fail("register", lose_request, already)
    visit = await world.open()
    await world.run()
    assert (await world.visit(visit)).state == "registered"
    verdicts = [event.verdict for event in await world.events(visit) if isinstance(event, Settled)]
    assert verdicts == [Verdict.NOT_APPLIED, Verdict.APPLIED]


async def test_done_already_without_a_lost_call_stays_a_refusal(wary: None) -> None:
    world = await World(definitions=[toy_flow(register=PROBED)]).start()
    world.peer.fail("register", already)
    visit = await world.open()
    await world.run()
    projection = await world.get(visit)
    assert (projection.status, projection.cause) == (Status.STUCK, Cause.REFUSED)


async def test_a_repetition_knows_what_it_repeats(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[bool] = []

    class Noting(RefundStep):
        by_hand: ClassVar[Any] = None

        def refused(self, view: View, refusal: Refused) -> Progress | None:
            seen.append(view.subject is not None)
            return Progress() if view.subject is not None else None

    monkeypatch.setattr(ToySystem, "STEPS", {**ToySystem.STEPS, "refund": Noting})
    flow = toy_flow(settle={"step": "toy.refund", "doubt": ["repeat", "ask"], "undo": {"impossible": "a refund stays"}})
    world = await World(definitions=[flow]).start()
    world.peer.fail("refund", lose_reply, already)
    visit = await world.open(invoice="I1")
    await world.run()
    assert (await world.get(visit)).status is Status.CLOSED
    assert seen == [True]


# -- inquiries
@pytest.mark.parametrize("fault", [lose_request, lose_reply])
async def test_an_inquiry_settles_a_doubt_and_is_intended_first(fault: Any) -> None:
    world = await World(definitions=[toy_flow(settle=INQUIRED)]).start()
    world.peer.fail("settle", fault)
    visit = await world.open(invoice="I1")
    await world.run()
    assert (await world.get(visit)).status is Status.CLOSED
    assert world.peer.counts("K1")["settle"] == 1
    events = await world.events(visit)
    intents = [event for event in events if isinstance(event, Intent) and event.operation == "ask_about"]
    assert intents
    assert all(event.role is Role.PROBE for event in intents)


async def test_an_inquiry_believes_nothing_before_the_network_has_forgotten() -> None:
    """Nobody asks so again before closing, so the last look is made at once: late."""
    world = await World(definitions=[toy_flow(settle=INQUIRED)]).start()
    world.peer.fail("settle", lose_request)
    visit = await world.open(invoice="I1")
    await world.run()
    events = await world.events(visit)
    lost = next(event for event in events if isinstance(event, Intent) and event.operation == "settle")
    settled = next(event for event in events if isinstance(event, Settled))
    late_look = world.definitions[0].settling.late_look
    assert settled.at >= lost.at + late_look
    assert (await world.visit(visit)).suspects == []
    assert len([event for event in events if isinstance(event, Looked)]) >= 2


async def test_a_message_that_comes_between_two_inquiries_is_found() -> None:
    world = await World(definitions=[toy_flow(settle=INQUIRED)]).start()
    world.peer.fail("settle", lose_request)
    visit = await world.open(invoice="I1")
    await world.run(patience=12 * SECOND)
    lost = (await world.visit(visit)).call
    assert lost is not None
    world.peer.effects.append(replace(world.peer.effects[-1], message_id=lost.message_id, operation="settle"))
    await world.run()
    assert (await world.get(visit)).status is Status.CLOSED
    assert world.peer.counts("K1")["settle"] == 1


def test_an_inquiry_is_a_keyed_call_and_a_probe_is_not() -> None:
    catalogue = toy_catalogue()
    wrong = toy_flow(settle={"doubt": [{"inquire": "toy.look"}, {"probe": "toy.ask_about"}, "ask"]})
    said = [finding.message for finding in check(wrong, catalogue) if finding.code == "harmful_probe"]
    assert said == [
        "an inquire may only call what is keyed; look is read",
        "a probe may only call what is read; ask_about is keyed",
    ]
    assert SettleMethod.model_validate({"inquire": "toy.look"}).step == "toy.look"


# -- warnings
async def test_a_way_back_tells_what_a_person_should_know_first() -> None:
    warning = {"zh": "须有社保卡", "en": "needs the card"}
    plain = toy_flow()
    (_read, register, *_others) = plain.transitions
    assert register.undo is not None
    undo = register.undo.model_dump(by_alias=True, exclude_none=True, mode="json") | {"warning": warning}
    flow = toy_flow(register={"undo": undo})
    assert flow.content_hash() != plain.content_hash()
    assert "warning" not in plain.canonical()
    world = await World(definitions=[flow]).start()
    visit = await world.open()
    await world.run()
    actions = (await world.commands.report(visit)).actions
    back = {each.target: each.detail for each in actions if each.kind in (ActionKind.REVERSE, ActionKind.CANCEL)}
    assert back["read"] == back["cancelled"] == {"warnings": [warning]}
    assert UndoEdge(nothing="a slip", warning=Text(zh="x")).warning == Text(zh="x")
