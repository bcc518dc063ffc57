"""Traces (OpenTelemetry): one for each visit, however often the process is started anew in its life.

Trace and span ids are made from the visit's id and what happened, so every process says the same of the same visit: no
context needs to be kept. ``pip install 'visitflow[tracing]'`` and VISITFLOW_TRACES_URL turn it on.

* ``visit``: where it begins; all else hangs below it.
* ``transition <trigger>``: from its first call (or what asked for it) to the durable event that moved the visit.
* ``call <operation>``: below its transition. A probe, reversal, repetition or late look links to the call it is about.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import structlog

from engine.adapter import Operation
from engine.environment import Environment, Micros
from engine.errors import BadInput
from engine.events import AnyEvent, Closed, Concluded, Opened, Role, Settled, Stuck, Undone
from engine.outcomes import Done, Outcome
from engine.visit import Visit
from service.settings import Settings
from service.watching.tally import OUTCOMES

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import SpanProcessor

log = structlog.get_logger("visitflow.watching")

#: Transitions under way of which this process remembers when they began.
_MOST_OPEN = 50_000
_FORWARD = (Role.FORWARD, Role.UNDO)


def _number(size: int, *parts: object) -> int:
    text = "|".join(map(str, parts)).encode()
    return int.from_bytes(hashlib.sha256(text).digest()[:size], "big") or 1


def trace_id_of(visit_id: str) -> int:
    """Return the 128-bit trace id of a visit."""
    return _number(16, "visitflow", visit_id)


def root_span_of(visit_id: str) -> int:
    """Return the 64-bit id of the span with which a visit begins."""
    return _number(8, "visit", visit_id)


def call_span_of(visit_id: str, message_id: str) -> int:
    """Return the id of the span of a call, which those about it link to."""
    return _number(8, "call", visit_id, message_id)


class Tracing:
    """Tells an exporter of spans. Told by the engine; never raises into it."""

    def __init__(self, processor: SpanProcessor, environment: Environment) -> None:
        """``processor`` gets spans. Raises ImportError without the SDK."""
        from opentelemetry import trace
        from opentelemetry.sdk.resources import SERVICE_NAME, Resource
        from opentelemetry.sdk.trace import SpanLimits, TracerProvider
        from opentelemetry.sdk.trace.sampling import ALWAYS_ON

        self._trace = trace
        self._ids = _given_ids()
        self._environment = environment
        self._provider = TracerProvider(
            sampler=ALWAYS_ON,
            resource=Resource.create({SERVICE_NAME: "visitflow"}),
            shutdown_on_exit=False,
            id_generator=self._ids,
            span_limits=SpanLimits(max_span_attributes=16),
        )
        self._provider.add_span_processor(processor)
        self._tracer = self._provider.get_tracer("visitflow")
        self._open: OrderedDict[str, tuple[int, Micros]] = OrderedDict()

    @classmethod
    def of(cls, settings: Settings, environment: Environment) -> Tracing | None:
        """Return what sends to the collector that is configured, if any. Raises BadInput where the SDK is missing."""
        if not settings.traces_url:
            return None
        try:
            from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
            from opentelemetry.sdk.trace.export import BatchSpanProcessor
        except ImportError:
            message = "traces need OpenTelemetry: pip install 'visitflow[tracing]'"
            raise BadInput(message, field="VISITFLOW_TRACES_URL") from None
        return cls(BatchSpanProcessor(OTLPSpanExporter(endpoint=settings.traces_url)), environment)

    async def close(self) -> None:
        """Send what is there, then stop; a collector that is away is waited for by the exporter's own limits."""
        import asyncio

        await asyncio.to_thread(self._provider.shutdown)

    # -- told by the engine
    def called(
        self,
        visit: Visit,
        adapter: str,
        operation: Operation,
        role: Role,
        message_id: str,
        outcome: Outcome,
        took: Micros,
    ) -> None:
        """Tell of a call."""
        try:
            self._called(visit, adapter, operation, role, message_id, outcome, took)
        except Exception as error:  # whatever it is: a visit does not stop because nobody can watch it
            log.warning("tracing_failed", error=type(error).__name__)

    def durable(self, visit: Visit, events: Sequence[AnyEvent]) -> None:
        """Tell of what moved the visit."""
        try:
            for event in events:
                self._event(visit, event)
        except Exception as error:
            log.warning("tracing_failed", error=type(error).__name__)

    def _called(
        self,
        visit: Visit,
        adapter: str,
        operation: Operation,
        role: Role,
        message_id: str,
        outcome: Outcome,
        took: Micros,
    ) -> None:
        ended = self._environment.now()
        parent, _ = self._under_way(visit, ended - took)
        span, about = call_span_of(visit.visit_id, message_id), None
        if role not in _FORWARD:
            about = visit.call or next((each.call for each in visit.suspects), None)
            span = _number(8, "call", visit.visit_id, message_id, role, ended)
        attributes = {
            "visitflow.adapter": adapter,
            "visitflow.operation": operation.name,
            "visitflow.effect": operation.effect.value,
            "visitflow.role": role.value,
            "visitflow.outcome": OUTCOMES[type(outcome)],
        }
        links = () if about is None else (call_span_of(visit.visit_id, about.message_id),)
        good = isinstance(outcome, Done)
        self._emit(visit, f"call {operation.name}", span, parent, ended - took, ended, attributes, links, good=good)

    def _event(self, visit: Visit, event: AnyEvent) -> None:
        root = root_span_of(visit.visit_id)
        match event:
            case Opened():
                self._emit(visit, "visit", root, None, event.at, event.at, {"visitflow.state": event.state})
            case Concluded(dest=str(dest)):
                names = {"visitflow.from": event.source, "visitflow.to": dest, "visitflow.role": event.role.value}
                self._moved(visit, event.trigger, event.at, names)
            case Settled(dest=str(dest)):
                names = {"visitflow.to": dest, "visitflow.verdict": event.verdict.value}
                self._moved(visit, "settled", event.at, names)
            case Stuck():
                span = _number(8, "stuck", visit.visit_id, event.at)
                cause = {"visitflow.cause": event.cause.value}
                self._emit(visit, "stuck", span, root, event.at, event.at, cause, good=False)
            case Undone() | Closed():
                span = _number(8, event.kind, visit.visit_id, event.at)
                self._emit(visit, event.kind, span, root, event.at, event.at, {"visitflow.state": event.state})

    def _moved(self, visit: Visit, trigger: str, at: Micros, attributes: Mapping[str, str]) -> None:
        span, began = self._open.pop(visit.visit_id, (_number(8, "transition", visit.visit_id, at, trigger), at))
        self._emit(visit, f"transition {trigger}", span, root_span_of(visit.visit_id), began, at, attributes)

    def _under_way(self, visit: Visit, now: Micros) -> tuple[int, Micros]:
        """Return span and beginning of the transition under way; after a restart, as the process before called them."""
        found = self._open.get(visit.visit_id)
        if found is None:
            began = visit.run.started_at if visit.run is not None else now
            found = self._open[visit.visit_id] = (_number(8, "transition", visit.visit_id, began, visit.state), began)
            if len(self._open) > _MOST_OPEN:
                self._open.popitem(last=False)
        return found

    def _emit(
        self,
        visit: Visit,
        name: str,
        span_id: int,
        parent: int | None,
        began: Micros,
        ended: Micros,
        attributes: Mapping[str, str],
        links: Sequence[int] = (),
        *,
        good: bool = True,
    ) -> None:
        """Make one span. Attributes are names of definitions and the visit's id, nothing of its data (G10)."""
        trace, trace_id = self._trace, trace_id_of(visit.visit_id)

        def context(span: int) -> Any:
            return trace.SpanContext(trace_id, span, is_remote=True, trace_flags=trace.TraceFlags(1))

        self._ids.trace_id, self._ids.span_id = trace_id, span_id
        within = None
        if parent is not None:
            within = trace.set_span_in_context(trace.NonRecordingSpan(context(parent)))
        made = self._tracer.start_span(
            name,
            context=within if within is not None else trace.set_span_in_context(trace.INVALID_SPAN),
            kind=trace.SpanKind.CLIENT if name.startswith("call ") else trace.SpanKind.INTERNAL,
            attributes={"visitflow.visit": visit.visit_id, "visitflow.flow": visit.flow, **attributes},
            links=[trace.Link(context(each)) for each in links],
            start_time=began * 1000,
        )
        if not good:
            made.set_status(trace.StatusCode.ERROR)
        made.end(end_time=ended * 1000)


def _given_ids() -> Any:
    """Return an id generator that says what it was told to say."""
    from opentelemetry.sdk.trace.id_generator import IdGenerator

    class Given(IdGenerator):
        trace_id = span_id = 1

        def generate_trace_id(self) -> int:
            return self.trace_id

        def generate_span_id(self) -> int:
            return self.span_id

    return Given()
