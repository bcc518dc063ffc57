"""The guarantees of the design, by number. Each test fails when its guarantee is broken."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from engine import lost
from engine.environment import SECOND, Micros
from engine.errors import ActionNotLegal, LeaseLost
from engine.events import Cause, Concluded, Intent, LateLooked, Opened, Role, Settled, Stuck, Verdict, decode, encode
from engine.facts import FloatRefused, normalise
from engine.faultpoints import Crash, FaultPoint
from engine.lost import LostMessages
from engine.outcomes import Effect
from engine.store import Append, History, Status, Store
from engine.visit import IllegalEvent, Visit, fold
from storage import MemoryStore
from tests.conftest import STORES
from tests.toy import (
    Effects,
    ToyEnvironment,
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

every_store = pytest.mark.parametrize("store_url", STORES, indirect=True)
WRITES = ("register", "settle")


class Spying(MemoryStore):
    """Notes what had been made durable by the time of each call."""

    def __init__(self) -> None:
        super().__init__()
        self.durable: list[str] = []

    async def append(self, append: Append) -> None:
        await super().append(append)
        self.durable += [event.kind for event in append.events]


async def test_g1_intent_is_durable_before_anything_leaves() -> None:
    store = Spying()
    world = await World(store=store).start()
    seen: dict[str, list[str]] = {}
    world.adapter.after_send = lambda operation: seen.setdefault(operation, list(store.durable))
    await world.open(invoice="I1")
    await world.run()
    assert seen["register"].count("intent") == 1
    assert seen["settle"].count("intent") == 2


@pytest.mark.parametrize("fault", [lose_reply, lose_request, broken, unreadable, busy])
@pytest.mark.parametrize("operation", WRITES)
async def test_g2_a_once_call_is_sent_again_only_after_it_was_settled(operation: str, fault: Any) -> None:
    world = await World().start()
    world.peer.fail(operation, fault, fault)
    visit = await world.open(invoice="I1")
    await world.run()
    open_call: str | None = None
    for event in await world.events(visit):
        match event:
            case Intent(role=Role.FORWARD, call=call):
                assert open_call is None, "sent again while the last send was open"
                open_call = call
            case Concluded(outcome="in_doubt" | "busy"):
                pass
            case Concluded() | Settled():
                open_call = None
    assert world.peer.counts("K1") == {"register": 1, "settle": 1}
    assert (await world.get(visit)).status is Status.CLOSED


def test_g2_the_fold_itself_refuses_a_second_intent() -> None:
    visit = Visit("v")
    visit.apply(Opened(at=1, flow="f", version="v", key="k", state="a", data={}))
    intent = Intent(
        at=2,
        call="c1",
        role=Role.FORWARD,
        trigger="go",
        source="a",
        dest="b",
        adapter="toy",
        operation="settle",
        effect=Effect.ONCE,
        message_id="m1",
        request={},
    )
    visit.apply(intent)
    with pytest.raises(IllegalEvent):
        visit.apply(intent.model_copy(update={"call": "c2"}))


async def test_g2_one_look_that_finds_nothing_is_not_believed() -> None:
    """The request arrives between two looks: sent again after the first, it would be there twice."""
    world = await World(definitions=[toy_flow(settle={"doubt": [{"probe": "toy.look"}, "ask"]})]).start()
    world.peer.fail("settle", lose_request)

    def arrive(operation: str) -> None:
        if operation == "look" and not world.peer.live("settle", "K1"):
            lost = next(message for sent, message in world.peer.received if sent == "settle")
            world.peer.effects.append(Effects(lost, "settle", "K1"))

    world.adapter.after_send = arrive
    visit = await world.open(invoice="I1")
    await world.run()
    assert [operation for operation, _ in world.peer.received] == ["read", "register", "settle", "look", "look"]
    assert world.peer.counts("K1") == {"register": 1, "settle": 1}
    assert (await world.get(visit)).status is Status.CLOSED


async def test_g2_a_person_is_asked_when_the_message_can_no_longer_arrive() -> None:
    """Where no probe looks again, what the person says is the last word, and "no" sends again."""
    asking = toy_flow(settle={"doubt": ["ask"]})
    world = await World(definitions=[asking]).start()
    world.peer.fail("settle", lose_request)
    visit = await world.open(invoice="I1")
    await world.step()
    with pytest.raises(ActionNotLegal, match="still be on its way"):
        await world.commands.settle(visit, Verdict.NOT_APPLIED, "op", "the list is empty")
    await world.run()
    events = await world.events(visit)
    (lost,) = [event for event in events if isinstance(event, Concluded) and event.outcome == "in_doubt"]
    (asked,) = [event for event in events if isinstance(event, Stuck)]
    assert asked.cause is Cause.DOUBT
    assert asked.at - lost.at >= asking.settling.late_look


async def test_g3_a_reply_is_durable_before_the_next_step_starts() -> None:
    store = Spying()
    world = await World(store=store).start()
    seen: dict[str, int] = {}
    world.adapter.after_send = lambda operation: seen.setdefault(operation, store.durable.count("concluded"))
    await world.open(invoice="I1")
    await world.run()
    assert seen == {"read": 0, "register": 1, "settle": 2}


async def test_g3_a_reply_is_durable_before_a_read_starts() -> None:
    """A read writes no intent, and waits for what was replied before it all the same."""
    store = Spying()
    reading = toy_flow(settle={"step": "toy.read", "doubt": [], "undo": {"nothing": "only read"}})
    world = await World(store=store, definitions=[reading]).start()
    seen: list[tuple[str, int]] = []
    world.adapter.after_send = lambda operation: seen.append((operation, store.durable.count("concluded")))
    await world.open(invoice="I1")
    await world.run()
    assert seen == [("read", 0), ("register", 1), ("read", 2)]


@every_store
async def test_g4_the_projection_is_the_fold(store: Store) -> None:
    world = await World(store=store).start()
    world.peer.fail("settle", lose_request, lose_reply)
    visit = await world.open(invoice="I1")
    await world.run()
    await world.check(visit)
    whole = fold(visit, History(None, await store.journal(visit)))
    assert whole == await world.visit(visit)


async def test_g4_a_snapshot_and_the_events_after_it_fold_to_the_same_visit() -> None:
    world = await World().start()
    world.peer.fail("settle", lose_request, lose_reply)
    visit = await world.open(invoice="I1")
    await world.run()
    journal = await world.store.journal(visit)
    whole = fold(visit, History(None, journal))
    for length in range(1, len(journal)):
        begun = fold(visit, History(None, journal[:length]))
        assert fold(visit, History(begun.snapshot(), journal[length:])) == whole


async def test_g4_a_journal_with_a_missing_or_doubled_event_is_not_folded() -> None:
    """Whatever the event was: also one without which the others would make sense, such as a look."""
    world = await World().start()
    world.peer.fail("settle", lose_request)
    visit = await world.open(invoice="I1")
    await world.run()
    journal = await world.store.journal(visit)
    assert fold(visit, History(None, journal)).closed
    for place in range(len(journal) - 1):
        for damaged in (journal[:place] + journal[place + 1 :], journal[: place + 1] + journal[place:]):
            with pytest.raises(IllegalEvent):
                fold(visit, History(None, damaged))


async def test_g4_events_that_do_not_follow_their_snapshot_are_not_folded() -> None:
    world = await World().start()
    world.peer.fail("settle", lose_request)
    visit = await world.open(invoice="I1")
    await world.run()
    journal = await world.store.journal(visit)
    for length in range(1, len(journal) - 1):
        begun = fold(visit, History(None, journal[:length])).snapshot()
        for start in (length - 1, length + 1):
            with pytest.raises(IllegalEvent):
                fold(visit, History(begun, journal[start:]))


async def test_g4_every_event_reads_back_as_it_was_written() -> None:
    world = await World().start()
    world.peer.fail("settle", lose_request, refuse)
    visit = await world.open(invoice="I1")
    await world.run()
    for stored in await world.store.journal(visit):
        assert encode(decode(stored.payload)) == stored.payload


@every_store
async def test_g5_a_writer_that_lost_its_lease_writes_and_sends_nothing(store: Store) -> None:
    world = await World(store=store).start()
    visit = await world.open(invoice="I1")
    now = world.environment.now()
    stale = (await store.claim_due("stale", now, now + SECOND, 1))[0]
    world.environment.time += 2 * SECOND
    await world.step()
    sent = list(world.peer.received)
    with pytest.raises(LeaseLost):
        await world.executor.advance(stale)
    writes = [entry for entry in world.peer.received[len(sent) :] if entry[0] in WRITES]
    assert writes == []
    await world.run()
    assert world.peer.counts("K1") == {"register": 1, "settle": 1}
    assert (await world.get(visit)).status is Status.CLOSED


async def test_g5_a_worker_that_slept_past_its_lease_sends_nothing() -> None:
    """SIGSTOP between the durable intent and the first byte, past the lease, then SIGCONT."""
    world = await World().start()
    world.caller.lease_ends = lambda lease: lease.until - SECOND  # as the runner tells it
    visit = await world.open(invoice="I1")
    asleep = True

    def sleep(point: FaultPoint, operation: str) -> None:
        nonlocal asleep
        if asleep and (point, operation) == (FaultPoint.AFTER_INTENT, "settle"):
            asleep = False
            world.environment.time += 60 * SECOND

    world.caller.hook = sleep
    with pytest.raises(LeaseLost):
        await world.step()
    assert "settle" not in [operation for operation, _ in world.peer.received]
    await world.run()
    assert world.peer.counts("K1") == {"register": 1, "settle": 1}
    assert (await world.get(visit)).state == "done"


async def test_g6_undo_goes_newest_first_and_is_journalled() -> None:
    world = await World().start()
    visit = await world.open(invoice="I1")
    await world.run()
    await world.commands.cancel(visit, "op", "why")
    await world.run()
    undone = [event.operation for event in await world.events(visit) if isinstance(event, Intent)]
    assert undone == ["register", "settle", "unsettle", "unregister"]
    assert world.peer.counts("K1") == {}
    assert (await world.get(visit)).state == "cancelled"


@pytest.mark.parametrize("fault", [lose_reply, lose_request, not_sent, broken, later])
@pytest.mark.parametrize("operation", ["unsettle", "unregister"])
async def test_g6_an_undo_is_retried_and_settled_like_any_step(operation: str, fault: Any) -> None:
    world = await World().start()
    visit = await world.open(invoice="I1")
    await world.run()
    world.peer.fail(operation, fault)
    await world.commands.cancel(visit, "op", "why")
    await world.run()
    assert world.peer.counts("K1") == {}
    assert (await world.get(visit)).status is Status.CLOSED


async def test_g6_a_refused_undo_is_a_visible_state_with_ways_out() -> None:
    world = await World().start()
    visit = await world.open(invoice="I1")
    await world.run()
    world.peer.fail("unsettle", refuse)
    await world.commands.cancel(visit, "op", "why")
    await world.run()
    report = await world.commands.report(visit)
    assert report.projection.cause == Cause.UNDO_REFUSED
    assert {"resume", "settle"} <= {action.kind.value for action in report.actions}
    await world.commands.resume(visit, "op", "the centre allows it now")
    await world.run()
    assert (await world.get(visit)).state == "cancelled"


@pytest.mark.parametrize("restarted", [False, True])
async def test_g7_a_visit_ends_on_the_version_it_began_with(restarted: bool) -> None:
    """Version 2 settles by another call, which this visit must never make."""
    world = await World().start()
    visit = await world.open()
    await world.run()
    began = (await world.get(visit)).version
    changed = toy_flow(version=2, settle={"step": "toy.refund"})
    if restarted:
        world = await World(
            store=world.store, environment=world.environment, adapter=world.adapter, definitions=[changed]
        ).start()
    else:
        await world.registry.load([changed])
    assert world.registry.current("toy.visit").version != began
    await world.commands.trigger(visit, "settle", {"invoice": "I1"})
    await world.run()
    assert (await world.get(visit)).version == began
    assert (await world.get(visit)).status is Status.CLOSED
    assert world.peer.counts("K1") == {"register": 1, "settle": 1}
    newer = await world.open("K2", invoice="I2")
    await world.run()
    assert (await world.get(newer)).version != began
    assert world.peer.counts("K2") == {"register": 1, "refund": 1}


@pytest.mark.parametrize(
    "change",
    [
        {"settling": {"first_look": "6s"}},
        {"policies": {"default": {"first": "2s"}}},
        {"wait": "1d"},
        {"title": {"zh": "门诊"}},
        {"timezone": "UTC"},
        {"settings": {"hospital": "H1"}},
        {"timers": [{"name": "nag", "in": "registered", "every": "1m", "trigger": "settle"}]},
        {"migrates": {"seen": "read"}},
        {"register": {"timeout": "31s"}},
        {"settle": {"doubt": ["ask"]}},
        {"settle": {"when": []}},
    ],
    ids=lambda change: next(iter(change)),
)
def test_g7_definitions_that_differ_in_anything_are_two_versions(change: dict[str, Any]) -> None:
    changed = toy_flow(**change)
    assert changed.content_hash() != toy_flow().content_hash()
    assert type(changed).model_validate_json(changed.canonical()) == changed


@pytest.mark.parametrize("fault", [lose_reply, lose_request, broken, unreadable])
async def test_g8_what_nobody_can_read_is_in_doubt_never_refused(fault: Any) -> None:
    world = await World().start()
    world.peer.fail("settle", fault)
    visit = await world.open(invoice="I1")
    await world.step()
    concluded = [e for e in await world.events(visit) if isinstance(e, Concluded) and e.operation == "settle"]
    assert [event.outcome for event in concluded] == ["in_doubt"]
    assert (await world.visit(visit)).doubt is not None


async def test_g8_a_process_that_dies_leaves_a_doubt() -> None:
    world = await World().start()

    def die(operation: str) -> None:
        if operation == "settle":
            raise Crash

    world.adapter.after_send = die
    visit = await world.open(invoice="I1")
    with pytest.raises(Crash):
        await world.step()
    world.adapter.after_send = lambda _operation: None
    await world.store.expire_worker("test", world.environment.now())
    await world.step()
    doubt = (await world.visit(visit)).doubt
    assert doubt is not None and "process ended" in doubt.reason
    await world.run()
    assert world.peer.counts("K1")["settle"] == 1


@pytest.mark.parametrize("value", [1.5, {"a": [1, {"b": 0.1}]}, [float("nan")]])
def test_g9_a_float_cannot_enter_the_journal(value: object) -> None:
    with pytest.raises(FloatRefused):
        normalise(value)


def test_g9_decimals_keep_their_cents() -> None:
    assert normalise({"a": Decimal("135.00"), "b": [Decimal("1E+2"), Decimal("-0.01")]}) == {
        "a": "135.00",
        "b": ["100", "-0.01"],
    }


@pytest.mark.parametrize("fault", [None, lose_reply])
async def test_g9_a_visit_whose_sums_disagree_stops_and_keeps_the_reply(fault: Any) -> None:
    world = await World().start()
    world.peer.amount = Decimal("134.99")
    if fault is not None:
        world.peer.fail("settle", fault)
    visit = await world.open(invoice="I1")
    await world.run()
    projection = await world.get(visit)
    assert (projection.state, projection.cause) == ("settled", Cause.DISAGREEMENT)
    assert (await world.visit(visit)).data["amount"] == "134.99"
    stuck = next(event for event in await world.events(visit) if isinstance(event, Stuck))
    assert stuck.evidence["disagreements"] == [{"what": "total", "expected": "135.00", "actual": "134.99"}]
    await world.commands.resume(visit, "op", "the centre has corrected it")
    await world.run()
    assert (await world.get(visit)).state == "done"


FAULTS = [lose_reply, lose_request, not_sent, refuse, later, busy, broken, unreadable]


@pytest.mark.parametrize("times", [1, 30])
@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize(
    "operation", ["read", "register", "settle", "look", "reverse", "unsettle", "unregister", "gone"]
)
async def test_g11_every_outcome_leads_to_an_end_possibly_through_a_person(
    operation: str, fault: Any, times: int
) -> None:
    """Whatever fails however often: the visit closes, or is stuck with actions that lead to a final state."""
    world = await World().start()
    if operation in ("look", "reverse"):
        world.peer.fail("settle", lose_request)
    if operation == "gone":
        world.peer.fail("unsettle", lose_reply)
    world.peer.fail(operation, *[fault] * times)
    visit = await world.open(invoice="I1")
    await world.run()
    for _ in range(40):
        await world.check(visit)
        report = await world.commands.report(visit)
        if report.projection.status is Status.CLOSED and report.projection.state == "cancelled":
            break
        kinds = {action.kind.value: action for action in report.actions}
        world.peer.faults.clear()  # by now somebody has mended the centre
        if "cancel" in kinds:
            await world.commands.cancel(visit, "op", "end it")
        elif "resume" in kinds:
            await world.commands.resume(visit, "op", "try again")
        else:
            raise AssertionError(f"no way out: {report.projection}")
        await world.run()
    else:
        raise AssertionError("never ends")
    assert world.peer.counts("K1") == {}


async def test_a_late_original_is_found_before_closing() -> None:
    world = await World(definitions=[toy_flow(settle={"doubt": [{"probe": "toy.look"}, "ask"]})]).start()
    world.peer.fail("settle", lose_request)
    visit = await world.open(invoice="I1")
    await world.run(until=lambda: len(world.peer.live("settle", "K1")) == 1)
    lost = next(e.message_id for e in await world.events(visit) if isinstance(e, Intent) and e.operation == "settle")
    original = world.peer.effects[-1]
    world.peer.effects.append(replace(original, message_id=lost))  # the slow request arrives after all
    await world.run()
    projection = await world.get(visit)
    assert (projection.status, projection.cause) == (Status.STUCK, Cause.LATE_ORIGINAL)


async def test_nobody_hastens_the_last_look() -> None:
    """A visit that waits for its last look may be resumed; until then the message may still be on its way (J29)."""
    world = await World(definitions=[toy_flow(settle={"doubt": [{"probe": "toy.look"}, "ask"]})]).start()
    world.peer.fail("settle", lose_request)
    visit = await world.open(invoice="I1")
    await world.run(until=lambda: len(world.peer.live("settle", "K1")) == 1)
    (suspect,) = (await world.visit(visit)).suspects
    await world.commands.resume(visit, "wang", "why does it wait?")
    assert (await world.visit(visit)).suspects == [suspect]
    await world.run(patience=suspect.at - world.environment.now() - 1)
    assert (await world.get(visit)).status is not Status.CLOSED
    await world.run()
    assert (await world.get(visit)).status is Status.CLOSED


async def test_a_clock_set_forward_does_not_hasten_the_last_look() -> None:
    environment = ClockThatIsSet()
    world = await World(
        environment=environment, definitions=[toy_flow(settle={"doubt": [{"probe": "toy.look"}, "ask"]})]
    ).start()
    world.peer.fail("settle", lose_request)
    visit = await world.open(invoice="I1")
    await world.run(until=lambda: len(world.peer.live("settle", "K1")) == 1)
    environment.set_forward(600 * SECOND)
    await world.step()
    (suspect,) = (await world.visit(visit)).suspects
    assert suspect.at > environment.now()
    looks = [event for event in await world.events(visit) if isinstance(event, LateLooked)]
    assert [(look.verdict, look.tries) for look in looks] == [("unknown", 0)]
    await world.run()
    assert (await world.get(visit)).status is Status.CLOSED


async def test_a_process_that_did_not_lose_the_message_does_not_believe_the_clock_either() -> None:
    environment = ClockThatIsSet()
    world = await World(
        environment=environment, definitions=[toy_flow(settle={"doubt": [{"probe": "toy.look"}, "ask"]})]
    ).start()
    world.peer.fail("settle", lose_request)
    visit = await world.open(invoice="I1")
    await world.run(until=lambda: len(world.peer.live("settle", "K1")) == 1)
    environment.set_forward(600 * SECOND)
    world.caller.lost = LostMessages(environment)  # as after a restart
    await world.step()
    (suspect,) = (await world.visit(visit)).suspects
    assert suspect.at >= environment.now() + world.definitions[0].settling.late_look
    await world.run()
    assert (await world.get(visit)).status is Status.CLOSED


def test_lost_messages_are_not_remembered_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lost, "MOST_REMEMBERED", 2)
    environment = ToyEnvironment()
    memory = LostMessages(environment)
    assert [memory.too_early(each, 10) for each in ("a", "b", "c")] == [10, 10, 0]
    environment.time += 4
    memory.note("c")  # in place of the oldest
    assert [memory.too_early(each, 10) for each in ("b", "c")] == [6, 10]
    environment.time += 6
    assert [memory.too_early(each, 10) for each in ("b", "c")] == [0, 4]


class ClockThatIsSet(ToyEnvironment):
    """A wall clock that somebody sets; the other clock goes on as before."""

    def __init__(self) -> None:
        super().__init__()
        self._shift: Micros = 0

    def set_forward(self, by: Micros) -> None:
        self.time += by
        self._shift += by

    def monotonic(self) -> Micros:
        return self.time - self._shift


async def test_a_reversed_call_is_sent_again_under_a_new_message_id() -> None:
    world = await World().start()
    world.peer.fail("settle", lose_request)
    visit = await world.open(invoice="I1")
    await world.run()
    settles = [e.message_id for e in await world.events(visit) if isinstance(e, Intent) and e.operation == "settle"]
    assert len(set(settles)) == 2
    assert settles[0] in world.peer.blocked
    verdicts = [event.verdict for event in await world.events(visit) if isinstance(event, Settled)]
    assert verdicts == [Verdict.REVERSED]


async def test_a_keyed_call_is_repeated_with_the_same_message_id() -> None:
    keyed = toy_flow(settle={"step": "toy.refund", "doubt": ["repeat", {"probe": "toy.look"}, "ask"]})
    world = await World(definitions=[keyed]).start()
    world.peer.fail("refund", lose_reply, lose_reply)
    visit = await world.open(invoice="I1")
    await world.run()
    sent = [message_id for operation, message_id in world.peer.received if operation == "refund"]
    assert len(sent) == 3 and len(set(sent)) == 1
    assert world.peer.counts("K1")["refund"] == 1
    assert (await world.get(visit)).status is Status.CLOSED


async def test_a_store_that_fails_in_the_middle_loses_nothing() -> None:
    from engine.errors import StoreError

    class Failing(MemoryStore):
        countdown = 3

        async def append(self, append: Append) -> None:
            self.countdown -= 1
            if self.countdown == 0:
                raise StoreError("disk full")
            await super().append(append)

    world = await World(store=Failing()).start()
    visit = await world.open(invoice="I1")
    with pytest.raises(StoreError):
        await world.step()
    await world.run()
    assert world.peer.counts("K1") == {"register": 1, "settle": 1}
    assert (await world.get(visit)).status is Status.CLOSED


async def test_a_clock_set_back_does_not_reorder_the_journal() -> None:
    world = await World().start()
    visit = await world.open()
    await world.run()
    world.environment.time -= 3600 * SECOND
    await world.commands.trigger(visit, "settle", {"invoice": "I1"})
    world.environment.time += 3600 * SECOND
    await world.run()
    times = [event.at for event in await world.events(visit)]
    assert times == sorted(times)
    assert (await world.get(visit)).status is Status.CLOSED


async def test_many_visits_move_side_by_side() -> None:
    world = await World().start()
    visits = [await world.open(f"K{n}", invoice=f"I{n}") for n in range(50)]
    now = world.environment.now()
    claims = await world.store.claim_due("test", now, now + 30 * SECOND, 100)
    await asyncio.gather(*(world.executor.advance(claim) for claim in claims))
    assert {(await world.get(visit)).status for visit in visits} == {Status.CLOSED}
