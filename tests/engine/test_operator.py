"""Operator actions: each legal where offered, refused with the reason where not, journalled with who and why."""

from __future__ import annotations

from typing import Any

import pytest

from engine.actions import ActionKind
from engine.environment import HOUR, SECOND
from engine.errors import (
    ActionNotLegal,
    DuplicateKey,
    InvalidData,
    Oversize,
    TriggerNotLegal,
    UnknownFlow,
    UnknownTrigger,
    UnknownVisit,
    VisitBusy,
    VisitflowError,
)
from engine.events import Cause, Corrected, Migrated, Resumed, Settled, Triggered, UndoRequested, Verdict
from engine.store import Status, Store, VisitFilter
from tests.conftest import STORES
from tests.toy import lose_request, refuse, toy_flow
from tests.world import World

every_store = pytest.mark.parametrize("store_url", STORES, indirect=True)
ASKING = toy_flow(settle={"doubt": ["ask"]})


async def in_doubt(world: World) -> str:
    """A visit whose settlement is in doubt, with nobody but a person to ask."""
    world.peer.fail("settle", lose_request)
    visit = await world.open(invoice="I1")
    await world.run()
    assert (await world.get(visit)).cause == Cause.DOUBT
    return visit


async def kinds(world: World, visit: str) -> set[str]:
    return {f"{each.kind.value} {each.target}".strip() for each in (await world.commands.report(visit)).actions}


async def test_the_evidence_of_a_doubt_names_message_and_time() -> None:
    world = await World(definitions=[ASKING]).start()
    visit = await in_doubt(world)
    report = await world.commands.report(visit)
    assert report.visit.trouble is not None and report.visit.call is not None
    assert report.visit.trouble.evidence["message_id"] == report.visit.call.message_id
    assert report.visit.call.message_id in report.visit.trouble.message
    kinds_of_evidence = [(await world.events(visit))[seq - 1].kind for seq in report.visit.trouble.evidence["events"]]
    assert kinds_of_evidence == ["intent", "concluded"]
    kept = {record.exchange_id for record in await world.store.exchanges(visit)}
    assert set(report.visit.trouble.evidence["exchanges"]) <= kept
    assert report.visit.trouble.evidence["exchanges"]
    assert await kinds(world, visit) == {"resume", "settle applied", "settle not_applied"}


async def test_settling_as_applied_moves_on_with_the_data() -> None:
    world = await World(definitions=[ASKING]).start()
    visit = await in_doubt(world)
    await world.commands.settle(visit, Verdict.APPLIED, "wang", "centre confirms", {"amount": "135.00"})
    await world.run()
    assert (await world.get(visit)).state == "done"
    assert (await world.visit(visit)).data["amount"] == "135.00"
    settled = next(event for event in await world.events(visit) if isinstance(event, Settled))
    assert (settled.by, settled.reason) == ("wang", "centre confirms")


async def test_settling_as_not_applied_sends_again() -> None:
    world = await World(definitions=[ASKING]).start()
    visit = await in_doubt(world)
    await world.commands.settle(visit, Verdict.NOT_APPLIED, "wang", "centre has no record")
    await world.run()
    assert (await world.get(visit)).state == "done"
    assert world.peer.counts("K1")["settle"] == 1


async def test_a_refused_step_can_be_settled_as_done_by_other_means() -> None:
    world = await World().start()
    world.peer.fail("settle", refuse)
    visit = await world.open(invoice="I1")
    await world.run()
    assert "settle applied" in await kinds(world, visit)
    await world.commands.settle(visit, Verdict.APPLIED, "wang", "settled on the web", {"amount": "135.00"})
    await world.run()
    assert (await world.get(visit)).state == "done"


@pytest.mark.parametrize("data", [{}, {"amount": "x"}, {"amount": "1.00", "more": "1"}])
async def test_settling_needs_data_that_fits(data: dict[str, Any]) -> None:
    world = await World(definitions=[ASKING]).start()
    visit = await in_doubt(world)
    before = await world.store.journal(visit)
    with pytest.raises(InvalidData) as caught:
        await world.commands.settle(visit, Verdict.APPLIED, "wang", "why", data)
    assert caught.value.field in ("amount", "more")
    assert await world.store.journal(visit) == before


async def test_after_a_refusal_data_is_corrected_and_the_step_resumed() -> None:
    world = await World().start()
    world.peer.fail("settle", refuse)
    visit = await world.open(invoice="I1")
    await world.run()
    await world.commands.correct(visit, {"invoice": "I2"}, "wang", "typing error")
    await world.commands.resume(visit, "wang", "corrected")
    await world.run()
    assert (await world.get(visit)).state == "done"
    events = await world.events(visit)
    corrected = next(event for event in events if isinstance(event, Corrected))
    assert (corrected.old, corrected.new, corrected.by) == ({"invoice": "I1"}, {"invoice": "I2"}, "wang")
    assert any(isinstance(event, Resumed) and event.reason == "corrected" for event in events)


@pytest.mark.parametrize(
    ("changes", "field"),
    [({"nonsense": "1"}, "nonsense"), ({"price": "dear"}, "price"), ({"patient": None}, "patient"), ({}, "data")],
)
async def test_corrections_are_validated(changes: dict[str, Any], field: str) -> None:
    world = await World().start()
    visit = await world.open()
    await world.run()
    before = await world.store.journal(visit)
    with pytest.raises(InvalidData) as caught:
        await world.commands.correct(visit, changes, "wang", "why")
    assert caught.value.field == field
    assert await world.store.journal(visit) == before


async def test_reversing_to_a_state_stops_there_until_somebody_goes_on() -> None:
    world = await World().start()
    visit = await world.open(invoice="I1")
    await world.run()
    assert "reverse registered" in await kinds(world, visit)
    await world.commands.reverse(visit, "registered", "wang", "wrong invoice")
    await world.run(patience=HOUR)
    projection = await world.get(visit)
    assert (projection.state, projection.status, projection.waiting_for) == ("registered", Status.WAITING, "resume")
    assert world.peer.counts("K1") == {"register": 1}
    await world.commands.resume(visit, "wang", "go on")
    await world.run()
    assert (await world.get(visit)).state == "done"
    assert world.peer.counts("K1") == {"register": 1, "settle": 1}


async def test_reversing_where_no_way_leads_names_the_reachable_states() -> None:
    world = await World().start()
    visit = await world.open()
    await world.run()
    with pytest.raises(ActionNotLegal, match="reachable: read, opened"):
        await world.commands.reverse(visit, "settled", "wang", "why")


async def test_nothing_is_undone_while_a_call_is_in_doubt() -> None:
    world = await World(definitions=[ASKING]).start()
    visit = await in_doubt(world)
    for work in (
        world.commands.cancel(visit, "wang", "why"),
        world.commands.reverse(visit, "read", "wang", "why"),
        world.commands.correct(visit, {"invoice": "I9"}, "wang", "why"),
        world.commands.migrate(visit, "wang", "why"),
    ):
        with pytest.raises(ActionNotLegal, match="settle"):
            await work


async def test_what_cannot_be_undone_says_why() -> None:
    flow = toy_flow(settle={"undo": {"impossible": "the centre pays out at once"}})
    world = await World(definitions=[flow]).start()
    visit = await world.open(invoice="I1")
    await world.run()
    with pytest.raises(ActionNotLegal, match="the centre pays out at once"):
        await world.commands.cancel(visit, "wang", "why")


@pytest.mark.parametrize(("by", "reason", "field"), [("", "why", "by"), ("wang", "  ", "reason")])
async def test_every_action_needs_who_and_why(by: str, reason: str, field: str) -> None:
    world = await World(definitions=[ASKING]).start()
    visit = await in_doubt(world)
    for work in (
        world.commands.resume(visit, by, reason),
        world.commands.settle(visit, Verdict.NOT_APPLIED, by, reason),
        world.commands.cancel(visit, by, reason),
        world.commands.reverse(visit, "read", by, reason),
        world.commands.correct(visit, {"invoice": "I"}, by, reason),
        world.commands.migrate(visit, by, reason),
    ):
        with pytest.raises(InvalidData) as caught:
            await work
        assert caught.value.field == field


async def test_migration_is_checked_and_journalled() -> None:
    world = await World().start()
    visit = await world.open()
    await world.run()
    old = (await world.get(visit)).version
    with pytest.raises(ActionNotLegal, match="on this version already"):
        await world.commands.migrate(visit, "wang", "why")
    newer = await World(
        store=world.store,
        environment=world.environment,
        adapter=world.adapter,
        definitions=[toy_flow(version=2, title={"zh": "新版"})],
    ).start()
    await newer.commands.migrate(visit, "wang", "new rules")
    event = (await newer.events(visit))[-1]
    assert isinstance(event, Migrated) and (event.old_version, event.by) == (old, "wang")
    await newer.check(visit)
    await newer.commands.trigger(visit, "settle", {"invoice": "I1"})
    await newer.run()
    assert (await newer.get(visit)).state == "done"
    assert (await newer.get(visit)).version == newer.registry.current("toy.visit").version


async def test_migration_is_refused_where_the_state_has_no_counterpart() -> None:
    world = await World().start()
    visit = await world.open()
    await world.run()
    raw = toy_flow(version=2).model_dump(mode="json", by_alias=True, exclude_none=True)
    text = __import__("json").dumps(raw).replace('"registered"', '"admitted"')
    renamed = type(toy_flow()).model_validate_json(text)
    newer = await World(store=world.store, environment=world.environment, definitions=[renamed]).start()
    before = await world.store.journal(visit)
    with pytest.raises(ActionNotLegal, match="state registered has no counterpart"):
        await newer.commands.migrate(visit, "wang", "why")
    assert await world.store.journal(visit) == before


# -- bad input leaves no trace
@every_store
async def test_bad_input_is_named_and_leaves_no_trace(store: Store) -> None:
    world = await World(store=store).start()
    visit = await world.open("K1")
    await world.run()
    commands = world.commands
    attempts: list[tuple[Any, type[VisitflowError], str, str | None]] = [
        (commands.open("nothing", "K2", {}), UnknownFlow, "unknown_flow", "flow"),
        (commands.open("toy.visit", "", {"patient": "p"}), InvalidData, "invalid_data", "key"),
        (commands.open("toy.visit", "a\nb", {"patient": "p"}), InvalidData, "invalid_data", "key"),
        (commands.open("toy.visit", "K2", {}), InvalidData, "invalid_data", "patient"),
        (commands.open("toy.visit", "K2", {"patient": "p", "x": "y"}), InvalidData, "invalid_data", "x"),
        (commands.open("toy.visit", "K2", {"patient": "p", "price": 1.5}), InvalidData, "invalid_data", ".price"),
        (commands.open("toy.visit", "K2", {"patient": "\ud800"}), InvalidData, "invalid_data", "data"),
        (commands.open("toy.visit", "K2", {"patient": "p" * 2_000_000}), Oversize, "oversize", "data"),
        (commands.open("toy.visit", "K1", {"patient": "other"}), DuplicateKey, "duplicate_key", "key"),
        (commands.trigger("nobody", "settle"), UnknownVisit, "unknown_visit", "visit"),
        (commands.trigger(visit, "nonsense"), UnknownTrigger, "unknown_trigger", "trigger"),
        (commands.trigger(visit, "register"), TriggerNotLegal, "trigger_not_legal", "trigger"),
        (commands.trigger(visit, "settle"), InvalidData, "invalid_data", "invoice"),
        (commands.trigger(visit, "settle", {"invoice": 7}), InvalidData, "invalid_data", "invoice"),
        (commands.trigger(visit, "settle", {"invoice": "I", "y": 1}), InvalidData, "invalid_data", "y"),
        (commands.resume(visit, "w", "r"), ActionNotLegal, "action_not_legal", None),
        (commands.settle(visit, Verdict.APPLIED, "w", "r"), ActionNotLegal, "action_not_legal", None),
    ]
    before = await world.store.visits(VisitFilter()), await world.store.journal(visit)
    for work, kind, code, field in attempts:
        with pytest.raises(kind) as caught:
            await work
        assert (caught.value.code, caught.value.field) == (code, field)
        assert caught.value.message
    assert (await world.store.visits(VisitFilter()), await world.store.journal(visit)) == before


async def test_a_trigger_that_is_not_legal_names_those_that_are() -> None:
    world = await World().start()
    visit = await world.open()
    await world.run()
    with pytest.raises(TriggerNotLegal) as caught:
        await world.commands.trigger(visit, "finish")
    assert caught.value.details["legal"] == ["settle"]


async def test_errors_hold_no_values() -> None:
    world = await World().start()
    with pytest.raises(InvalidData) as caught:
        await world.commands.open("toy.visit", "K", {"patient": ["SECRET-NAME"], "price": "SECRET-PRICE"})
    assert "SECRET" not in str(caught.value.as_dict())


@every_store
async def test_opening_again_with_the_same_data_returns_the_same_visit(store: Store) -> None:
    world = await World(store=store).start()
    first, made = await world.commands.open("toy.visit", "K1", {"patient": "p"})
    again, made_again = await world.commands.open("toy.visit", "K1", {"patient": "p", "price": "135.00"})
    assert (first.visit_id, made, made_again) == (again.visit_id, True, False)


async def test_a_visit_that_a_worker_holds_is_busy() -> None:
    world = await World().start()
    visit = await world.open()
    now = world.environment.now()
    await world.store.claim_due("other", now, now + HOUR, 1)
    with pytest.raises(VisitBusy):
        await world.commands.cancel(visit, "wang", "why")


async def test_a_second_trigger_is_refused() -> None:
    world = await World().start()
    visit = await world.open()
    await world.run()
    await world.commands.trigger(visit, "settle", {"invoice": "I1"})
    with pytest.raises(TriggerNotLegal, match="settle is under way"):
        await world.commands.trigger(visit, "settle", {"invoice": "I1"})
    await world.run()
    assert sum(isinstance(event, Triggered) for event in await world.events(visit)) == 1


# -- waiting
async def test_a_visit_that_nobody_triggers_is_asked_after_and_may_still_be_triggered() -> None:
    world = await World(definitions=[toy_flow(wait="2h")]).start()
    visit = await world.open()
    await world.run(patience=HOUR)
    projection = await world.get(visit)
    assert (projection.status, projection.waiting_for) == (Status.WAITING, "trigger:settle")
    await world.run(patience=3 * HOUR)
    assert (await world.get(visit)).cause == Cause.OVERDUE
    await world.commands.trigger(visit, "settle", {"invoice": "I1"})
    await world.run()
    assert (await world.get(visit)).state == "done"


async def test_timers_fire_after_every_and_at() -> None:
    timers = [{"name": "remind", "in": "registered", "after": "90m", "trigger": "settle"}]
    world = await World(definitions=[toy_flow(timers=timers)]).start()
    visit = await world.open()
    await world.run(patience=HOUR)
    assert (await world.get(visit)).state == "registered"
    await world.run(patience=2 * HOUR)
    fired = [event for event in await world.events(visit) if event.kind == "timer_fired"]
    assert len(fired) == 1  # the condition does not hold: noted, and not again
    assert (await world.get(visit)).state == "registered"


async def test_a_daily_timer_fires_at_local_time() -> None:
    import datetime
    from zoneinfo import ZoneInfo

    from engine.plan import next_time_of_day

    zone = ZoneInfo("Asia/Shanghai")
    start = int(datetime.datetime(2026, 3, 1, 17, 30, tzinfo=zone).timestamp()) * SECOND
    found = next_time_of_day(datetime.time(17, 30), start, zone)
    assert found - start == 24 * HOUR
    assert next_time_of_day(datetime.time(17, 31), start, zone) - start == 60 * SECOND


async def test_a_deadline_ends_the_trying() -> None:
    from tests.toy import not_sent

    world = await World(definitions=[toy_flow(settle={"deadline": "3s"})]).start()
    world.peer.fail("settle", *[not_sent] * 9)
    visit = await world.open(invoice="I1")
    await world.run()
    assert (await world.get(visit)).cause == Cause.DEADLINE


async def test_what_is_offered_is_what_is_accepted() -> None:
    """Every action of the list, tried on a copy of the world, is accepted."""
    for fault in (None, refuse, lose_request):
        offered: set[str] = set()
        for index in range(12):
            world = await World(definitions=[ASKING]).start()
            if fault is not None:
                world.peer.fail("settle", fault)
            visit = await world.open(invoice="I1" if fault is not None else None)
            await world.run()
            found = (await world.commands.report(visit)).actions
            if index >= len(found):
                break
            action = found[index]
            offered.add(action.kind)
            commands = world.commands
            match action.kind:
                case ActionKind.TRIGGER:
                    await commands.trigger(visit, action.target, dict.fromkeys(action.needs, "I1"))
                case ActionKind.RESUME:
                    await commands.resume(visit, "w", "r")
                case ActionKind.SETTLE:
                    data = dict.fromkeys(action.needs, "135.00")
                    await commands.settle(visit, Verdict(action.target), "w", "r", data)
                case ActionKind.REVERSE:
                    await commands.reverse(visit, action.target, "w", "r")
                case ActionKind.CANCEL:
                    await commands.cancel(visit, "w", "r")
                case ActionKind.CORRECT:
                    await commands.correct(visit, {"patient": "other"}, "w", "r")
            await world.run()
            await world.check(visit)
        assert offered


async def test_cancelling_is_journalled_with_its_reason() -> None:
    world = await World().start()
    visit = await world.open()
    await world.run()
    await world.commands.cancel(visit, "wang", "patient left")
    requested = next(event for event in await world.events(visit) if isinstance(event, UndoRequested))
    assert (requested.by, requested.reason, requested.close) == ("wang", "patient left", "cancelled")


@pytest.mark.parametrize("action", ["resume", "correct", "trigger"])
async def test_what_was_legal_is_checked_again_under_the_lease(action: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between the first look and the lease a worker finishes the visit: the action is refused, not journalled."""
    world = await World().start()
    world.peer.fail("settle", lose_request)
    visit = await world.open()
    await world.run()
    if action != "trigger":
        await world.commands.trigger(visit, "settle", {"invoice": "I1"})
        await world.step()
    ordinary = world.store.claim

    async def claim(*arguments: Any) -> Any:
        monkeypatch.setattr(world.store, "claim", ordinary)
        if action == "trigger":
            await world.commands.trigger(visit, "settle", {"invoice": "I2"})
        await world.run()
        return await ordinary(*arguments)

    monkeypatch.setattr(world.store, "claim", claim)
    asked = {
        "resume": lambda: world.commands.resume(visit, "w", "r"),
        "correct": lambda: world.commands.correct(visit, {"patient": "other"}, "w", "r"),
        "trigger": lambda: world.commands.trigger(visit, "settle", {"invoice": "I1"}),
    }
    before = len([event for event in await world.events(visit) if isinstance(event, (Resumed, Corrected))])
    with pytest.raises((ActionNotLegal, TriggerNotLegal)):
        await asked[action]()
    await world.run()
    after = [event for event in await world.events(visit) if isinstance(event, (Resumed, Corrected))]
    assert len(after) == before
    assert (await world.get(visit)).status is Status.CLOSED
    await world.check(visit)
