"""Compile a definition, once per flow version, into one shared ``transitions`` machine and the code it names."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import ClassVar
from zoneinfo import ZoneInfo

from pydantic import BaseModel
from transitions import Machine

from engine.adapter import Operation
from engine.catalogue import Catalogue, Condition, UnknownName
from engine.definitions import (
    FlowDefinition,
    Name,
    Retry,
    RetryClass,
    SettleKind,
    SettleMethod,
    Timer,
    Transition,
    UndoEdge,
)
from engine.environment import Micros
from engine.errors import FlowUnavailable
from engine.events import Role
from engine.gate import Priority
from engine.outcomes import Effect
from engine.steps import SettlingStep, Step, View


@dataclass(frozen=True, slots=True)
class Bound:
    """A step with the adapter that plays its role in this flow and the operation it calls there."""

    step: Step
    adapter: str
    operation: Operation


@dataclass(frozen=True, slots=True)
class Method:
    """One compiled way to settle a doubt. ``step`` is set for probe and reverse."""

    kind: SettleKind
    name: str = ""
    step: SettlingStep | None = None
    adapter: str = ""
    operation: Operation | None = None


@dataclass(frozen=True, slots=True)
class Back:
    """A compiled undo edge. Without ``bound`` no call is needed."""

    trigger: str
    source: str
    dest: str
    bound: Bound | None
    methods: tuple[Method, ...]
    retry: Mapping[RetryClass, Retry]
    timeout: Micros
    impossible: str | None = None
    role: ClassVar[Role] = Role.UNDO


@dataclass(frozen=True, slots=True)
class Edge:
    """A compiled transition from one state. Without ``bound`` it moves without a call."""

    definition: Transition
    trigger: str
    source: str
    dest: str
    bound: Bound | None
    when: tuple[tuple[str, Condition], ...]
    unless: tuple[tuple[str, Condition], ...]
    input: type[BaseModel] | None
    methods: tuple[Method, ...]
    retry: Mapping[RetryClass, Retry]
    deadline: Micros | None
    timeout: Micros
    back: Back
    role: ClassVar[Role] = Role.FORWARD

    def failing(self, view: View) -> str | None:
        """Return the name of the first condition that forbids this edge now, or None."""
        for name, condition in self.when:
            if not condition(view):
                return name
        for name, condition in self.unless:
            if condition(view):
                return f"not {name}"
        return None


#: A way that a visit can go, in either direction: trigger, source, dest, bound, methods, retry, timeout, role.
Way = Edge | Back


class Flow:
    """One compiled flow version. ``machine`` decides what is legal; the tables beside it hold what each edge runs."""

    def __init__(
        self, definition: FlowDefinition, catalogue: Catalogue, priorities: Mapping[str, Priority] | None = None
    ) -> None:
        """Compile. Raises FlowUnavailable, naming place and name, when a name stands for nothing.

        ``priorities`` are a site's, by trigger; without one a timer's trigger is background, any other normal.
        """
        self.definition = definition
        self.name = definition.flow
        self.version = definition.content_hash()
        self.zone = ZoneInfo(definition.timezone)
        self.final = frozenset((*definition.final, definition.cancelled))
        self._catalogue = catalogue
        try:
            self.data_model = catalogue.model(definition.data)
            self.opening_model = catalogue.model(definition.opening)
            self._edges = {
                (edge.trigger, edge.source, edge.dest): edge
                for transition in definition.transitions
                for edge in self._compile(transition)
            }
        except UnknownName as error:
            raise FlowUnavailable(f"{definition.flow} v{definition.version}: {error}") from error
        finally:
            del self._catalogue
        self.machine = self._build_machine()
        self._probes = {
            method.name: method
            for edge in self._edges.values()
            for method in (*edge.methods, *edge.back.methods)
            if method.kind is SettleKind.PROBE
        }
        # asked at each look at a visit; the machine itself goes through all of its events to tell
        self._leaving = {state: tuple(self._edges_from(state)) for state in definition.states}
        self._triggers = {
            state: tuple(dict.fromkeys(e.trigger for e in self._leaving[state])) for state in self._leaving
        }
        self._autos = {state: tuple(e for e in self._leaving[state] if e.definition.auto) for state in self._leaving}
        timed = dict.fromkeys((timer.trigger for timer in definition.timers), Priority.BACKGROUND)
        self._priorities: Mapping[str, Priority] = timed | dict(priorities or {})
        self.timers: dict[str, tuple[Timer, ...]] = {
            state: tuple(timer for timer in definition.timers if state in timer.states) for state in definition.states
        }

    # -- legality
    def edges(self, trigger: str, source: str) -> list[Edge]:
        """Return the edges that ``trigger`` has from ``source``, as the machine knows them, in order of definition."""
        event = self.machine.events.get(trigger)
        if event is None:
            return []
        return [
            edge
            for found in event.transitions.get(source, ())
            if found.dest and (edge := self._edges.get((trigger, source, found.dest))) is not None
        ]

    def edge(self, trigger: str, source: str, dest: str) -> Edge | None:
        """Return one edge."""
        return self._edges.get((trigger, source, dest))

    def edges_from(self, source: str) -> tuple[Edge, ...]:
        """Return all edges that leave ``source``; none where the flow has no such state."""
        return self._leaving.get(source, ())

    def triggers_from(self, source: str) -> tuple[str, ...]:
        """Return the triggers that the machine knows in ``source``, whether or not their conditions hold."""
        return self._triggers.get(source, ())

    def _edges_from(self, source: str) -> Iterator[Edge]:
        for trigger in self.machine.get_triggers(source):
            yield from self.edges(trigger, source)

    def autos(self, source: str) -> tuple[Edge, ...]:
        """Return the edges that leave ``source`` without being asked."""
        return self._autos[source]

    def priority(self, trigger: str) -> Priority:
        """Return how urgent what ``trigger`` asks for is."""
        return self._priorities.get(trigger, self._priorities.get("*", Priority.NORMAL))

    def probe(self, name: str) -> Method | None:
        """Return the probe called ``name``, wherever in the flow it is used."""
        return self._probes.get(name)

    def all_edges(self) -> Iterator[Edge]:
        """Return every edge."""
        return iter(self._edges.values())

    @property
    def triggers(self) -> list[str]:
        """Return the names that may be triggered from outside."""
        return list(dict.fromkeys(edge.trigger for edge in self._edges.values()))

    # -- compiling
    def _compile(self, transition: Transition) -> Iterator[Edge]:
        bound = self._bind(transition.step)
        for source in transition.source:
            yield Edge(
                definition=transition,
                trigger=transition.trigger,
                source=source,
                dest=transition.dest,
                bound=bound,
                when=self._conditions(transition.when),
                unless=self._conditions(transition.unless),
                input=None if transition.input is None else self._catalogue.model(transition.input),
                methods=self._methods(transition.doubt),
                retry=self._retry(transition.retry),
                deadline=transition.deadline,
                timeout=transition.timeout,
                back=self._back(transition, source, bound),
            )

    def _back(self, transition: Transition, source: str, bound: Bound | None) -> Back:
        undo = transition.undo
        if undo is None:
            harmless = bound is None or bound.operation.effect is Effect.READ
            undo = UndoEdge(nothing="a read") if harmless else UndoEdge(impossible="the flow declares no undo for it")
        return Back(
            trigger=undo.trigger or f"undo_{transition.trigger}",
            source=transition.dest,
            dest=undo.to or source,
            bound=self._bind(undo.step),
            methods=self._methods(undo.doubt),
            retry=self._retry(undo.retry),
            timeout=undo.timeout,
            impossible=undo.impossible,
        )

    def _bind(self, name: str | None) -> Bound | None:
        if name is None:
            return None
        step = self._catalogue.step(name)
        adapter, operation = self._operation(name, step)
        return Bound(step, adapter, operation)

    def _operation(self, name: str, step: Step | SettlingStep) -> tuple[str, Operation]:
        adapter = self.definition.adapters.get(step.role)
        if adapter is None:
            raise UnknownName(
                f"step {name} speaks to the role {step.role!r}, which the flow's `adapters` does not name"
            )
        operation = self._catalogue.adapter(adapter).operations.get(step.operation)
        if operation is None:
            raise UnknownName(f"step {name}: adapter {adapter} has no operation {step.operation}")
        return adapter, operation

    def _methods(self, methods: tuple[SettleMethod, ...]) -> tuple[Method, ...]:
        compiled = []
        for method in methods:
            if method.step is None:
                compiled.append(Method(method.kind, method.kind.value))
            else:
                step = self._catalogue.settling_step(method.step)
                compiled.append(Method(method.kind, method.step, step, *self._operation(method.step, step)))
        return tuple(compiled)

    def _conditions(self, names: tuple[str, ...]) -> tuple[tuple[str, Condition], ...]:
        return tuple((name, self._catalogue.condition(name)) for name in names)

    def _retry(self, retry: dict[RetryClass, Name] | Name | None) -> Mapping[RetryClass, Retry]:
        policies = self.definition.policies

        def policy(name: str) -> Retry:
            if name not in policies:
                raise UnknownName(f"no retry policy is called {name}; known: {', '.join(sorted(policies))}")
            return policies[name]

        if isinstance(retry, str):
            return dict.fromkeys(RetryClass, policy(retry))
        named = retry or {}
        return {kind: policy(named.get(kind, "default")) for kind in RetryClass}

    def _build_machine(self) -> Machine:
        edges = [{"trigger": e.trigger, "source": e.source, "dest": e.dest} for e in self._edges.values()]
        undos = [
            {"trigger": edge.back.trigger, "source": edge.dest, "dest": edge.back.dest}
            for edge in self._edges.values()
            if edge.back.impossible is None and edge.back.bound is not None
        ]
        try:
            return Machine(
                model=None,
                states=list(self.definition.states),
                transitions=edges + undos,
                initial=self.definition.initial,
                auto_transitions=False,
            )
        except ValueError as error:  # a state that is not declared
            raise FlowUnavailable(f"{self.name} v{self.definition.version}: {error}") from error
