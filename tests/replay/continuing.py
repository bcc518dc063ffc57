"""Going on: a recorded visit is put into a store as a dead process left it, and today's engine takes it to a close."""

from __future__ import annotations

from collections import Counter

from engine.environment import MINUTE, SECOND
from engine.events import Intent, decode
from engine.machine import Flow
from engine.outcomes import Effect
from engine.plan import project
from engine.store import Append, FlowRecord, History, NewVisit, Store
from engine.visit import PendingCall, Visit, fold
from flows.exploring.rules import closing
from tests.replay import his, neimenggu, outpatient, platform
from tests.replay.checks import Definitions, flow_of
from tests.replay.files import Line, Recording
from tests.replay.peer import BookPeer
from tests.replay.scripts import Script, Told, routes
from tests.replay.stage import Stage
from tests.toy import ToyEnvironment

#: Ids and message numbers of the process that goes on: no recording has come so far.
_FRESH_IDS = 1 << 70
_FRESH_NUMBERS = 1_000_000


class GoesWrong(AssertionError):
    """A recorded visit that is gone on with does harm, or does not end."""


async def go_on(recording: Recording, seq: int, definitions: Definitions, store: Store, *, arrived: bool) -> Visit:
    """Load the first ``seq`` events into ``store`` and let today's engine close the visit; return its fold.

    ``arrived``: a call that was in the air had taken effect; otherwise it never left.

    Raises:
        GoesWrong: a ``once`` operation was sent twice, or what the peer has is not what the visit says.
        NeverEnds: the visit does not close.
    """
    visit = fold(recording.visit_id, History(None, recording.events[:seq]))
    await load(store, recording, seq, definitions)
    log = _taken_effect(recording.lines[seq - 1], visit, arrived)
    flow = flow_of(recording, visit.version, definitions)
    environment = ToyEnvironment(visit.updated_at + MINUTE, _FRESH_IDS)
    going = _go_on_model if recording.model else _REAL[recording.flow]
    return await going(recording, seq, flow, visit, log, store, environment)


async def _go_on_model(
    recording: Recording,
    seq: int,
    flow: Flow,
    visit: Visit,
    log: list[str],
    store: Store,
    environment: ToyEnvironment,
) -> Visit:
    events = [decode(event.payload) for event in recording.events[:seq]]
    peer = BookPeer(flow)
    peer.restore(log, events)
    script = Script("on", _route(flow, visit), told=Told.TRIGGER)
    stage = Stage(flow, store, peer, environment, script, recording.visit_id)
    await stage.start(flow.definition)
    await stage.to_the_end()
    await stage.world.check(recording.visit_id)
    after = await stage.world.visit(recording.visit_id)
    where = f"{recording}, on from event {seq}"
    before = {event.message_id for event in events if isinstance(event, Intent)}
    counted = Counter(message for effect, message in peer.received if effect is Effect.ONCE)
    if twice := [message for message, count in counted.items() if count > 1 or message in before]:
        raise GoesWrong(f"{where}: sent twice: {', '.join(twice)}")
    if (broken := closing(flow, after, peer.books, None)) is not None:
        raise GoesWrong(f"{where}: {broken.guarantee}: {broken.what}")
    return after


async def _go_on_outpatient(
    recording: Recording,
    seq: int,
    flow: Flow,
    visit: Visit,
    log: list[str],
    store: Store,
    environment: ToyEnvironment,
) -> Visit:
    now, peer = environment.time, outpatient.OutpatientPeer(environment)
    world = await peer.start(store)
    await peer.restore(log, recording.events[:seq], flow, world)
    environment.time = now
    after = await outpatient.finish(world, recording.visit_id)
    await world.check(recording.visit_id)
    try:
        peer.agree(after)
    except AssertionError as error:
        raise GoesWrong(f"{recording}, on from event {seq}: the ledgers disagree") from error
    return after


async def _go_on_his(
    recording: Recording,
    seq: int,
    _flow: Flow,
    _visit: Visit,
    log: list[str],
    store: Store,
    environment: ToyEnvironment,
) -> Visit:
    now, peer = environment.time, his.HisPeer(environment)
    world = await peer.start(store)
    await peer.restore(log, recording.events[:seq], world)
    environment.time = now
    after = await his.finish(world, recording.visit_id)
    await world.check(recording.visit_id)
    try:
        peer.agree(after)
    except AssertionError as error:
        raise GoesWrong(f"{recording}, on from event {seq}: the books disagree") from error
    return after


async def _go_on_platform(
    recording: Recording,
    seq: int,
    _flow: Flow,
    _visit: Visit,
    log: list[str],
    store: Store,
    environment: ToyEnvironment,
) -> Visit:
    scenario = platform.scenario_of(recording.story)
    play, wanted = platform.RecordedPlay(scenario, visit_id=recording.visit_id), await platform.booked(scenario)
    events = [decode(event.payload) for event in recording.events[:seq]]
    after = await play.go_on(log, events, environment, store)
    if play.booked() != wanted and not platform.lapses(scenario, events):
        raise GoesWrong(f"{recording}, on from event {seq}: booked {play.booked()} instead of {wanted}")
    return after


async def _go_on_neimenggu(
    recording: Recording,
    seq: int,
    _flow: Flow,
    _visit: Visit,
    log: list[str],
    store: Store,
    environment: ToyEnvironment,
) -> Visit:
    try:
        return await neimenggu.go_on(recording, seq, log, store, environment)
    except AssertionError as error:
        raise GoesWrong(f"{recording}, on from event {seq}: {error}") from error


#: Flows that have stories with real steps and peers.
_REAL = {
    outpatient.FLOW: _go_on_outpatient,
    his.FLOW: _go_on_his,
    **dict.fromkeys(platform.FLOWS, _go_on_platform),
    **dict.fromkeys(neimenggu.STORIES, _go_on_neimenggu),
}


async def load(store: Store, recording: Recording, seq: int, definitions: Definitions) -> None:
    """Put the first ``seq`` events and all recorded versions of the flow into a store, through its front door."""
    for (name, version), text in definitions.items():
        if name == recording.flow:
            number = flow_of(recording, version, definitions).definition.version
            await store.save_flow(FlowRecord(version, name, number, text, SECOND))
    events = recording.events[:seq]
    visit = Visit(recording.visit_id)
    visit.apply(decode(events[0].payload))
    flow = flow_of(recording, visit.version, definitions)
    for adapter in flow.definition.adapters.values():
        await store.reserve(f"message:{adapter}", _FRESH_NUMBERS)
    await store.open(NewVisit(project(flow, visit), tuple(events[:1]), fingerprint="recorded"))
    if seq == 1:
        return
    now = events[-1].at
    claim = await store.claim(recording.visit_id, "recorded", now, now + MINUTE)
    assert claim is not None
    whole = fold(recording.visit_id, History(None, events))
    projection = project(flow_of(recording, whole.version, definitions), whole)
    await store.append(Append(claim.lease, 1, tuple(events[1:]), projection, release=True))


def in_the_air(visit: Visit) -> PendingCall | None:
    """Return the call, or the reversal or repetition, that a process left in the air."""
    return visit.call if visit.doubt is None else visit.doubt.aid


def _taken_effect(line: Line, visit: Visit, arrived: bool) -> list[str]:
    call = in_the_air(visit)
    log = list(line.peer)
    if arrived and call is not None and call.message_id not in log:
        log.append(call.message_id)
    return log


def _route(flow: Flow, visit: Visit) -> tuple[tuple[str, str, str], ...]:
    """Return the route that most of the visit's way so far is on."""
    gone = {(leg.trigger, leg.source, leg.dest) for leg in visit.trail}
    ways = [tuple((e.trigger, e.source, e.dest) for e in route) for route in routes(flow)]
    return max(ways, key=lambda way: len(gone & set(way)))
