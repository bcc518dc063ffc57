"""Traces: one for each visit across restarts, transitions above calls, probes linked to what they are about."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from engine.environment import MINUTE
from service.watching.tally import Tally, Watches
from service.watching.tracing import Tracing, call_span_of, root_span_of, trace_id_of
from tests.service.wired import settings
from tests.toy import ToyEnvironment, lose_reply
from tests.world import World


class Traced:
    """A process whose spans stay in memory."""

    def __init__(self, world: World, exporter: InMemorySpanExporter) -> None:
        self.exporter = exporter
        self.tracing = Tracing(SimpleSpanProcessor(exporter), world.environment)
        world.watch = Watches(Tally(), self.tracing)

    def spans(self, name: str) -> Sequence[ReadableSpan]:
        return [each for each in self.exporter.get_finished_spans() if each.name == name]


def ids(spans: Sequence[ReadableSpan]) -> list[int]:
    return [each.context.span_id for each in spans]


async def test_one_trace_for_each_visit_across_restarts() -> None:
    exporter = InMemorySpanExporter()
    world = World()
    Traced(world, exporter)
    await world.start()
    visit, other = await world.open("K1"), await world.open("K2")
    await world.step()
    later = World(store=world.store, environment=world.environment, adapter=world.adapter)
    Traced(later, exporter)  # another process: it knows nothing but the store
    await later.start()
    await later.run(patience=MINUTE)
    await later.commands.cancel(visit, "wang", "gone")
    await later.run(patience=MINUTE)
    spans = exporter.get_finished_spans()
    assert {each.context.trace_id for each in spans} == {trace_id_of(visit), trace_id_of(other)}
    mine = [each for each in spans if each.context.trace_id == trace_id_of(visit)]
    assert len(set(ids(mine))) == len(mine)
    known = set(ids(mine))
    assert all(each.parent is None or each.parent.span_id in known for each in mine), "a span hangs in the air"
    (root,) = [each for each in mine if each.parent is None]
    assert (root.name, root.context.span_id) == ("visit", root_span_of(visit))
    assert any(each.name.startswith("transition") for each in mine)


async def test_a_probe_links_to_the_call_in_doubt() -> None:
    world = World()
    traced = Traced(world, InMemorySpanExporter())
    await world.start()
    visit = await world.open("K1")
    world.peer.fail("register", lose_reply)
    await world.run(patience=10 * MINUTE)
    (lost,) = traced.spans("call register")
    assert lost.attributes is not None
    assert lost.attributes["visitflow.outcome"] == "in_doubt"
    assert not lost.status.is_ok
    intent = next(event for event in await world.events(visit) if event.kind == "intent")
    assert lost.context.span_id == call_span_of(visit, getattr(intent, "message_id"))  # noqa: B009
    probes = [
        span
        for span in traced.exporter.get_finished_spans()
        if (span.attributes or {}).get("visitflow.role") == "probe"
    ]
    assert probes
    assert all([link.context.span_id for link in probe.links] == ids([lost]) for probe in probes)
    (settled,) = traced.spans("transition settled")
    assert lost.parent is not None
    assert lost.parent.span_id == settled.context.span_id


async def test_calls_hang_below_their_transition_and_within_its_time() -> None:
    world = World()
    traced = Traced(world, InMemorySpanExporter())
    await world.start()
    await world.open("K1")
    await world.run(patience=MINUTE)
    spans = {each.context.span_id: each for each in traced.exporter.get_finished_spans()}
    calls = [each for each in spans.values() if each.name.startswith("call ")]
    assert calls
    for call in calls:
        assert call.parent is not None
        above = spans[call.parent.span_id]
        assert above.name.startswith("transition")
        assert above.start_time is not None and call.start_time is not None
        assert above.end_time is not None and call.end_time is not None
        assert above.start_time <= call.start_time <= call.end_time <= above.end_time


async def test_spans_hold_nothing_of_the_data() -> None:
    world = World()
    traced = Traced(world, InMemorySpanExporter())
    await world.start()
    await world.open("K1", patient="somebody")
    await world.run(patience=MINUTE)
    spans = traced.exporter.get_finished_spans()
    assert spans
    assert not any("somebody" in each.to_json() or "K1" in each.to_json() for each in spans)


async def test_a_tracer_that_fails_does_not_stop_a_visit(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_args: object, **_more: object) -> None:
        raise RuntimeError

    world = World()
    traced = Traced(world, InMemorySpanExporter())
    monkeypatch.setattr(traced.tracing, "_emit", broken)
    await world.start()
    visit = await world.open("K1")
    await world.run(patience=MINUTE)
    assert (await world.get(visit)).status.value == "waiting"


async def test_traces_are_off_without_a_collector_and_on_with_one() -> None:
    assert Tracing.of(settings(), ToyEnvironment()) is None
    made = Tracing.of(settings(traces_url="http://127.0.0.1:9/v1/traces"), ToyEnvironment())
    assert made is not None
    await made.close()
