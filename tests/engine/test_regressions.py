"""Defects that were found once, each held by a small story, so that none comes back."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from decimal import Decimal
from typing import Any, ClassVar

import pytest

from engine.actions import ActionKind
from engine.adapter import Call
from engine.catalogue import Catalogue
from engine.environment import DAY, HOUR, MINUTE, SECOND
from engine.errors import FlowUnavailable, LeaseLost, VisitflowError
from engine.events import Cause, Concluded, Intent, TimerFired, Verdict
from engine.faultpoints import Crash
from engine.outcomes import Category, Done, Outcome, Refused
from engine.runner import Runner, RunnerSettings
from engine.steps import Applied, Judgement, Progress, View
from engine.store import Claim, Status
from storage import MemoryStore
from tests.toy import (
    LookProbe,
    SettleStep,
    ToyAdapter,
    ToyPeer,
    ToySystem,
    busy,
    later,
    lose_reply,
    lose_request,
    not_sent,
    refuse,
    toy_flow,
)
from tests.world import World


def with_steps(**steps: Any) -> Catalogue:
    """The toy's catalogue with steps and conditions changed or added."""

    class System(ToySystem):
        STEPS: ClassVar[dict[str, Any]] = {**ToySystem.STEPS, **{k: v for k, v in steps.items() if isinstance(v, type)}}
        CONDITIONS: ClassVar[dict[str, Any]] = {
            **ToySystem.CONDITIONS,
            **{k: v for k, v in steps.items() if not isinstance(v, type)},
        }

    return Catalogue(modules={"toy": System}, adapters={"toy": ToyAdapter})


# -- undo
@pytest.mark.parametrize("fault", [refuse, later, lose_request])
async def test_resuming_an_undo_does_not_let_the_visit_go_forward_again(fault: Any) -> None:
    world = await World().start()
    visit = await world.open(invoice="I1")
    await world.run()
    world.peer.fail("unsettle", fault)
    await world.commands.reverse(visit, "registered", "wang", "wrong invoice")
    await world.step()
    await world.commands.resume(visit, "wang", "try the undo again now")
    await world.run(patience=HOUR)
    assert world.peer.counts("K1") == {"register": 1}
    assert (await world.get(visit)).state == "registered"


async def test_an_undo_drops_no_leg_that_it_did_not_undo() -> None:
    raw = toy_flow().model_dump(mode="json", by_alias=True, exclude_none=True)
    raw["states"]["checked"] = {}
    raw["transitions"][2]["from"] = ["registered", "checked"]
    raw["transitions"][2]["undo"]["to"] = "checked"
    raw["transitions"] += [
        {"trigger": "verify", "from": ["registered"], "to": "checked"},
        {"trigger": "unverify", "from": ["checked"], "to": "registered"},
    ]
    world = await World(definitions=[type(toy_flow()).model_validate(raw)]).start()
    visit = await world.open(invoice="I1")
    await world.run()
    try:
        await world.commands.cancel(visit, "wang", "why")
    except VisitflowError:
        return  # refused with a reason would do
    await world.run()
    assert (await world.get(visit)).state != "cancelled" or world.peer.counts("K1") == {}


async def test_an_undo_in_doubt_is_settled_by_its_own_order() -> None:
    raw = toy_flow().model_dump(mode="json", by_alias=True, exclude_none=True)
    twin = dict(raw["transitions"][2], trigger="settle_at_desk", auto=False)
    twin["undo"] = dict(twin["undo"], doubt=[{"kind": "ask"}])
    raw["transitions"].insert(3, twin)
    world = await World(definitions=[type(toy_flow()).model_validate(raw)]).start()
    visit = await world.open(invoice="I1")
    await world.run()
    world.peer.fail("unsettle", lose_reply)
    await world.commands.cancel(visit, "wang", "why")
    await world.run()
    assert (await world.get(visit)).state == "cancelled"  # settled by its probe, no person needed


# -- sending twice
async def test_a_keyed_call_that_the_peer_is_working_on_is_not_made_again_under_another_key() -> None:
    keyed = toy_flow(settle={"step": "toy.refund", "doubt": ["repeat", {"probe": "toy.look"}, "ask"]})
    world = await World(definitions=[keyed]).start()
    world.peer.fail("refund", busy)
    await world.open(invoice="I1")
    await world.run()
    assert world.peer.counts("K1")["refund"] == 1


async def test_a_call_taken_over_is_not_sent_again_while_the_first_may_still_be_on_its_way() -> None:
    """A worker cut off from the store, not from the peer: its request arrives within its own timeout."""
    flow = toy_flow(settle={"doubt": [{"probe": "toy.look"}, "ask"], "timeout": "60s"})
    world = await World(definitions=[flow]).start()
    visit = await world.open(invoice="I1")
    sent_at = world.environment.now()
    slow = asyncio.Event()
    call = world.adapter.call

    async def hang(made: Call) -> Outcome:
        if made.operation == "settle" and not slow.is_set():
            world.adapter.call = call
            await slow.wait()
        return await call(made)  # type: ignore[no-any-return]

    world.adapter.call = hang
    now = world.environment.now()
    claim = (await world.store.claim_due("slow", now, now + 10 * SECOND, 1))[0]
    task = asyncio.create_task(world.executor.advance(claim))
    while world.adapter.call is hang:
        await asyncio.sleep(0)
    world.environment.time += 11 * SECOND
    await world.run(until=lambda: len(world.peer.live("settle", "K1")) == 1)
    sent_again_at = world.environment.now()
    slow.set()
    with pytest.raises(LeaseLost):
        await task
    assert len(world.peer.live("settle", "K1")) == 1 or sent_again_at - sent_at >= 60 * SECOND
    assert visit


# -- late originals
async def test_resuming_after_a_last_look_that_did_not_tell_looks_again() -> None:
    flow = toy_flow(settle={"doubt": [{"probe": "toy.look"}, "ask"]})
    world = await World(definitions=[flow]).start()
    world.peer.fail("settle", lose_request)
    visit = await world.open(invoice="I1")
    await world.run(until=lambda: len(world.peer.live("settle", "K1")) == 1)
    lost = next(e.message_id for e in await world.events(visit) if isinstance(e, Intent) and e.operation == "settle")
    world.peer.effects.append(replace(world.peer.effects[-1], message_id=lost))  # it arrives after all
    world.peer.fail("look", *[not_sent] * 3)  # and the centre cannot be reached for the last look
    await world.run()
    assert (await world.get(visit)).cause == Cause.LATE_ORIGINAL
    await world.commands.resume(visit, "wang", "the line is up again")
    await world.run()
    assert (await world.get(visit)).status is not Status.CLOSED, "settled twice at the centre, and closed"


# -- timers
async def test_a_timer_does_not_make_up_for_every_tick_it_missed() -> None:
    timers = [{"name": "nag", "in": "registered", "every": "1m", "trigger": "settle"}]
    world = await World(definitions=[toy_flow(timers=timers)]).start()
    visit = await world.open()
    await world.step()
    world.environment.time += 5 * DAY  # the process was down
    await world.step()
    fired = [event for event in await world.events(visit) if isinstance(event, TimerFired)]
    assert len(fired) <= 2


async def test_a_condition_that_fails_when_a_timer_fires_is_a_step_error() -> None:
    def failing(view: View) -> bool:
        raise KeyError("amount")

    timers = [{"name": "nag", "in": "registered", "after": "1m", "trigger": "settle"}]
    flow = toy_flow(timers=timers, settle={"auto": False, "when": ["toy.failing"]})
    world = await World(definitions=[flow], catalogue=with_steps(failing=failing)).start()
    visit = await world.open()
    await world.run()
    assert (await world.get(visit)).cause != Cause.ENGINE_ERROR


# -- visits that nobody moves, or that move for ever
async def test_a_visit_is_not_due_for_ever_when_its_flow_says_otherwise() -> None:
    world = await World().start()
    visit = await world.open(invoice="I1")
    world.caller.hook = lambda point, operation: setattr(world.caller, "stopping", operation == "register")
    await world.step()  # stops between register and settle: due at once
    assert (await world.get(visit)).state == "registered"
    mended = await World(
        store=world.store,
        environment=world.environment,
        adapter=world.adapter,
        catalogue=with_steps(has_invoice=lambda view: False),  # a new release of the condition
    ).start()
    for _ in range(5):
        claimed = await mended.step()
    assert claimed == 0, "claimed again and again, nothing to do"
    await mended.check(visit)


async def test_a_visit_whose_journal_is_damaged_gets_stuck() -> None:
    store = MemoryStore()
    world = await World(store=store).start()
    visit = await world.open()
    kept = store._visits[visit]
    kept.events[0] = replace(kept.events[0], payload='{"kind":"unheard_of","at":1}')
    for _ in range(3):
        with suppress(Exception):  # the runner logs it and goes on
            await world.step()
        world.environment.time += MINUTE
    assert (await store.get(visit)).status is Status.STUCK


async def test_the_dispatch_loop_survives_what_nobody_expected() -> None:
    class Odd(MemoryStore):
        odd = 1

        async def claim_due(self, worker: str, now: int, until: int, limit: int) -> list[Claim]:
            if self.odd:
                self.odd -= 1
                raise ValueError("something odd")
            return await super().claim_due(worker, now, until, limit)

    world = await World(store=Odd()).start()
    visit = await world.open(invoice="I1")
    settings = RunnerSettings(poll=SECOND // 100)
    runner = Runner(world.store, world.registry.version, world.adapters, world.environment, settings=settings)
    await runner.start()
    for _ in range(500):
        projection = await world.get(visit)
        if projection.state != "opened":
            break
        await asyncio.sleep(0.02)
    with suppress(ValueError):
        await runner.stop()
    assert projection.state != "opened"


# -- replies that get lost
async def test_a_received_reply_is_not_forgotten_when_the_next_step_cannot_begin() -> None:
    class Elsewhere(SettleStep):
        name, role = "toy.settle", "platform"

    class Platform(ToyAdapter):
        name = "platform"

    catalogue = with_steps(settle=Elsewhere)
    catalogue.adapters["platform"] = Platform
    flow = toy_flow(adapters={"centre": "toy", "platform": "platform"})
    world = await World(definitions=[flow], catalogue=catalogue).start()  # the site has configured `toy` only
    visit = await world.open(invoice="I1")
    await world.run()
    assert (await world.get(visit)).cause == Cause.FLOW_UNAVAILABLE
    registered = [e for e in await world.events(visit) if isinstance(e, Concluded) and e.operation == "register"]
    assert [event.outcome for event in registered] == ["done"]
    assert (await world.get(visit)).state == "registered"


def half_a_character(peer: ToyPeer, call: Call, apply: Any) -> Outcome:
    apply()
    return Done({"number": "N\ud800", "amount": peer.amount})


def half_a_character_refused(peer: ToyPeer, call: Call, apply: Any) -> Outcome:
    return Refused("3001", "not insured \ud800")


@pytest.mark.parametrize(("fault", "outcome"), [(half_a_character, "in_doubt"), (half_a_character_refused, "refused")])
async def test_a_reply_with_half_a_character_has_an_outcome(fault: Any, outcome: str) -> None:
    world = await World().start()
    world.peer.fail("register", fault)
    visit = await world.open()
    await world.step()
    registered = [e for e in await world.events(visit) if isinstance(e, Concluded) and e.operation == "register"]
    assert [event.outcome for event in registered] == [outcome]


class FloatGoal(SettleStep):
    def refused(self, view: View, refusal: Refused) -> Progress | None:
        return Progress({"amount": 1.5}) if refusal.category is Category.ALREADY_DONE else None


class FloatProbe(LookProbe):
    def judge(self, view: View, reply: Mapping[str, Any]) -> Judgement:
        return Applied(Progress({"amount": 1.5}))


def already(peer: ToyPeer, call: Call, apply: Any) -> Outcome:
    return Refused("1", "done already", Category.ALREADY_DONE)


@pytest.mark.parametrize(("fault", "steps"), [(already, {"settle": FloatGoal}), (lose_reply, {"look": FloatProbe})])
async def test_progress_that_is_no_fact_is_unreadable_wherever_it_comes_from(fault: Any, steps: Any) -> None:
    world = await World(catalogue=with_steps(**steps)).start()
    world.peer.fail("settle", fault)
    visit = await world.open(invoice="I1")
    await world.run()
    assert (await world.get(visit)).cause != Cause.ENGINE_ERROR


# -- sums
async def test_settling_by_hand_checks_the_sums() -> None:
    world = await World(definitions=[toy_flow(settle={"doubt": ["ask"]})]).start()
    world.peer.fail("settle", lose_reply)
    visit = await world.open(invoice="I1")
    await world.run()
    await world.commands.settle(visit, Verdict.APPLIED, "wang", "by telephone", {"amount": "1.00"})
    await world.run()
    assert (await world.get(visit)).cause == Cause.DISAGREEMENT


async def test_migrating_does_not_let_a_visit_that_disagrees_go_on() -> None:
    world = await World().start()
    world.peer.amount = Decimal("134.99")
    visit = await world.open(invoice="I1")
    await world.run()
    assert (await world.get(visit)).cause == Cause.DISAGREEMENT
    newer = await newer_than(world, toy_flow(version=2))
    await newer.commands.migrate(visit, "wang", "new rules")
    await newer.run()
    assert (await newer.get(visit)).status is not Status.CLOSED


# -- migration
async def newer_than(world: World, *flows: Any, **more: Any) -> World:
    return await World(
        store=world.store, environment=world.environment, adapter=world.adapter, definitions=list(flows), **more
    ).start()


def renamed(keep: bool) -> Any:
    """Version 2: ``registered`` is called ``admitted``; with ``keep`` the old state and its edge are there as well."""
    raw = toy_flow(version=2, migrates={"registered": "admitted"}).model_dump(
        mode="json", by_alias=True, exclude_none=True
    )
    raw["states"]["admitted"] = {}
    register, settle = raw["transitions"][1], raw["transitions"][2]
    if keep:
        raw["transitions"].append(dict(register, trigger="admit", to="admitted", auto=False))
        settle["from"] = ["registered", "admitted"]
    else:
        del raw["states"]["registered"]
        register["to"] = "admitted"
        settle["from"] = ["admitted"]
    return type(toy_flow()).model_validate(raw)


async def test_a_visit_can_be_migrated_to_a_renamed_state() -> None:
    world = await World().start()
    visit = await world.open()
    await world.run()
    newer = await newer_than(world, renamed(keep=False))
    await newer.commands.migrate(visit, "wang", "renamed")
    await newer.commands.cancel(visit, "wang", "why")
    await newer.run()
    assert (await newer.get(visit)).state == "cancelled"


async def test_a_visit_migrated_to_a_renamed_state_can_be_cancelled() -> None:
    world = await World().start()
    visit = await world.open()
    await world.run()
    newer = await newer_than(world, renamed(keep=True))
    await newer.commands.migrate(visit, "wang", "renamed")
    await newer.commands.cancel(visit, "wang", "why")
    await newer.run()
    assert (await newer.get(visit)).state == "cancelled"


async def test_migrating_keeps_a_transition_that_was_asked_for() -> None:
    world = await World().start()
    visit = await world.open()
    await world.run()
    await world.commands.trigger(visit, "settle", {"invoice": "I1"})
    before = await world.visit(visit)
    assert before.run is not None
    newer = await newer_than(world, toy_flow(version=2, settle={"auto": False, "when": []}))
    try:
        await newer.commands.migrate(visit, "wang", "new rules")
    except VisitflowError:
        return  # refused with a reason would do
    await newer.run(patience=HOUR)
    assert (await newer.get(visit)).state == "done"


async def test_a_visit_whose_flow_cannot_be_built_can_be_migrated() -> None:
    class Old(SettleStep):
        name = "toy.old"

    world = await World(definitions=[toy_flow(settle={"step": "toy.old"})], catalogue=with_steps(old=Old)).start()
    visit = await world.open()
    await world.run()
    newer = await newer_than(world, toy_flow(version=2))  # its step was removed with this release
    try:
        await newer.commands.migrate(visit, "wang", "the old step is gone")
    except FlowUnavailable:
        raise AssertionError("no way off") from None
    assert (await newer.get(visit)).version == newer.registry.current("toy.visit").version


# -- dead ends, and what is offered
async def test_a_step_whose_request_fails_can_be_done_by_other_means() -> None:
    class Failing(SettleStep):
        def request(self, view: View) -> Mapping[str, Any]:
            raise ValueError("a bug")

    flow = toy_flow(register={"undo": {"impossible": "the centre keeps it"}})
    world = await World(definitions=[flow], catalogue=with_steps(settle=Failing)).start()
    visit = await world.open(invoice="I1")
    await world.run()
    assert (await world.get(visit)).cause == Cause.STEP_ERROR
    kinds = {action.kind for action in (await world.commands.report(visit)).actions}
    assert kinds & {ActionKind.SETTLE, ActionKind.CANCEL, ActionKind.REVERSE}


async def test_no_trigger_is_offered_that_would_be_refused() -> None:
    raw = toy_flow(settle={"auto": False}).model_dump(mode="json", by_alias=True, exclude_none=True)
    del raw["transitions"][2]["input"]
    world = await World(definitions=[type(toy_flow()).model_validate(raw)]).start()
    visit = await world.open()
    await world.run()
    for action in (await world.commands.report(visit)).actions:
        if action.kind is ActionKind.TRIGGER:
            await world.commands.trigger(visit, action.target)


# -- hot loops
def enough(limit: int) -> Any:
    calls = 0

    def count(operation: str) -> None:
        nonlocal calls
        calls += 1
        if calls > limit:
            raise Crash

    return count


async def test_automatic_transitions_do_not_go_round_for_ever() -> None:
    raw = toy_flow().model_dump(mode="json", by_alias=True, exclude_none=True)
    again = {"from": ["settled"], "to": "registered", "trigger": "again", "auto": True, "when": ["toy.has_invoice"]}
    raw["transitions"][3]["unless"] = ["toy.has_invoice"]
    raw["transitions"].append(again)
    world = await World(definitions=[type(toy_flow()).model_validate(raw)]).start()
    world.adapter.after_send = enough(200)
    visit = await world.open(invoice="I1")
    try:
        await world.step()
    except Crash:
        raise AssertionError(f"settled {world.peer.counts('K1')['settle']} times") from None
    assert (await world.get(visit)).status is Status.STUCK


async def test_a_back_off_of_nothing_is_refused_or_pauses() -> None:
    try:
        flow = toy_flow(policies={"default": {"first": "0s", "total": "1h"}})
    except ValueError:
        return
    world = await World(definitions=[flow]).start()
    world.peer.fail("register", *[not_sent] * 1000)
    world.adapter.after_send = enough(200)
    await world.open()
    try:
        await world.step()
    except Crash:
        raise AssertionError("sent 200 times in the same instant") from None
