"""What can be seen of a flow without running it. One small rule each; all of them report, none stops the others."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from engine.adapter import Operation
from engine.catalogue import Catalogue, UnknownName
from engine.definitions import FlowDefinition, SettleKind, SettleMethod, Transition, UndoEdge
from engine.machine import Flow
from engine.outcomes import Effect
from flows.source import Mark, Path_, Source, path_text


class Severity(StrEnum):
    """How bad a finding is. A flow with an error is not loaded."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Finding:
    """Something a rule found, where, and what to do."""

    code: str
    severity: Severity
    path: str
    message: str
    hint: str = ""
    mark: Mark | None = None

    def __str__(self) -> str:
        """Return one line for a person."""
        where = f"{self.mark}: " if self.mark is not None else ""
        return f"{where}{self.path}: {self.message}" + (f" ({self.hint})" if self.hint else "")


class Checked:
    """A definition with its names looked up as far as they exist."""

    def __init__(self, definition: FlowDefinition, catalogue: Catalogue) -> None:
        """Look nothing up yet."""
        self.definition = definition
        self.catalogue = catalogue
        self.final = {*definition.final, definition.cancelled}

    def operation(self, step: str | None, *, settles: bool = False) -> Operation | None:
        """Return the operation that a step calls; None when anything about it is unknown (another rule says so)."""
        if step is None:
            return None
        try:
            found = self.catalogue.settling_step(step) if settles else self.catalogue.step(step)
            adapter = self.catalogue.adapter(self.definition.adapters.get(found.role, ""))
        except UnknownName:
            return None
        return adapter.operations.get(found.operation)

    def transitions(self) -> Iterator[tuple[Path_, Transition]]:
        """Return each transition with its path."""
        for index, transition in enumerate(self.definition.transitions):
            yield ("transitions", index), transition

    def edges(self) -> Iterator[tuple[str, str]]:
        """Return the pairs of states that a transition joins."""
        for transition in self.definition.transitions:
            for source in transition.source:
                yield source, transition.dest

    def undos(self) -> Iterator[tuple[str, str]]:
        """Return the pairs of states that an undo edge joins."""
        for transition in self.definition.transitions:
            if transition.undo is not None and transition.undo.impossible is None:
                for source in transition.source:
                    yield transition.dest, transition.undo.to or source

    def autos(self) -> dict[str, list[tuple[Path_, Transition]]]:
        """Return the automatic transitions of each state, in order of definition."""
        found: dict[str, list[tuple[Path_, Transition]]] = {}
        for path, transition in self.transitions():
            for source in dict.fromkeys(transition.source) if transition.auto else ():
                found.setdefault(source, []).append((path, transition))
        return found


_Found = tuple[Path_, str, str]
_Rule = Callable[[Checked], Iterator[_Found]]


def check(flow: FlowDefinition | Flow, catalogue: Catalogue, source: Source | None = None) -> list[Finding]:
    """Return everything that the rules find; ``source`` adds file and line."""
    checked = Checked(flow.definition if isinstance(flow, Flow) else flow, catalogue)
    return [
        Finding(code, severity, path_text(path), message, hint, None if source is None else source.mark(path))
        for code, severity, rule in RULES
        for path, message, hint in rule(checked)
    ]


# -- names
def _unknown_states(checked: Checked) -> Iterator[_Found]:
    states = checked.definition.states
    named: list[tuple[Path_, str]] = [(("initial",), checked.definition.initial)]
    named += [(("final", index), name) for index, name in enumerate(checked.definition.final)]
    named += [(("cancelled",), checked.definition.cancelled)]
    for path, transition in checked.transitions():
        named += [((*path, "from"), name) for name in transition.source]
        named += [((*path, "to"), transition.dest)]
        if transition.undo is not None and transition.undo.to is not None:
            named.append(((*path, "undo", "to"), transition.undo.to))
    for index, timer in enumerate(checked.definition.timers):
        named += [(("timers", index, "in"), name) for name in timer.states]
    for path, name in named:
        if name not in states:
            yield path, f"no state is called {name!r}", f"states: {', '.join(states)}"


def _unknown_names(checked: Checked) -> Iterator[_Found]:
    catalogue, definition = checked.catalogue, checked.definition
    looked_up: list[tuple[Path_, Callable[[str], Any], str]] = [
        (("data",), catalogue.model, definition.data),
        (("opening",), catalogue.model, definition.opening),
    ]
    looked_up += [(("adapters", role), catalogue.adapter, name) for role, name in definition.adapters.items()]
    for path, transition in checked.transitions():
        if transition.step is not None:
            looked_up.append(((*path, "step"), catalogue.step, transition.step))
        if transition.input is not None:
            looked_up.append(((*path, "input"), catalogue.model, transition.input))
        for kind in ("when", "unless"):
            looked_up += [
                ((*path, kind, index), catalogue.condition, name)
                for index, name in enumerate(getattr(transition, kind))
            ]
        looked_up += [(place, catalogue.settling_step, name) for place, name in _settling_steps(path, transition.doubt)]
        if transition.undo is not None:
            if transition.undo.step is not None:
                looked_up.append(((*path, "undo", "step"), catalogue.step, transition.undo.step))
            place = (*path, "undo")
            looked_up += [
                (at, catalogue.settling_step, name) for at, name in _settling_steps(place, transition.undo.doubt)
            ]
    for path, find, name in looked_up:
        try:
            find(name)
        except UnknownName as error:
            yield path, str(error), ""


def _settling_steps(path: Path_, methods: tuple[SettleMethod, ...]) -> list[tuple[Path_, str]]:
    return [((*path, "doubt", index), m.step) for index, m in enumerate(methods) if m.step is not None]


def _unknown_operations(checked: Checked) -> Iterator[_Found]:
    named: list[tuple[Path_, str, bool]] = []
    for path, transition in checked.transitions():
        undo = transition.undo
        named += [((*path, "step"), transition.step, False)] if transition.step else []
        named += [(place, name, True) for place, name in _settling_steps(path, transition.doubt)]
        if undo is not None:
            named += [((*path, "undo", "step"), undo.step, False)] if undo.step else []
            named += [(place, name, True) for place, name in _settling_steps((*path, "undo"), undo.doubt)]
    for path, name, settles in named:
        try:
            step = checked.catalogue.settling_step(name) if settles else checked.catalogue.step(name)
        except UnknownName:
            continue
        adapter = checked.definition.adapters.get(step.role)
        if adapter is None:
            yield path, f"step {name} speaks to the role {step.role!r}, which `adapters` does not name", ""
            continue
        try:
            operations = checked.catalogue.adapter(adapter).operations
        except UnknownName:
            continue
        if step.operation not in operations:
            yield path, f"adapter {adapter} has no operation {step.operation!r}", f"it has: {', '.join(operations)}"


def _unknown_policies(checked: Checked) -> Iterator[_Found]:
    policies = checked.definition.policies
    for path, transition in checked.transitions():
        for place, retry in (
            ((*path, "retry"), transition.retry),
            ((*path, "undo", "retry"), None if transition.undo is None else transition.undo.retry),
        ):
            names = {retry} if isinstance(retry, str) else set((retry or {}).values())
            for name in sorted(names - set(policies)):
                yield place, f"no retry policy is called {name!r}", f"policies: {', '.join(policies)}"


# -- doubts
def _doubts(checked: Checked) -> Iterator[tuple[Path_, Operation, tuple[SettleMethod, ...]]]:
    """Return each call of the flow that writes, with the order in which a doubt about it is settled."""
    for path, transition in checked.transitions():
        if (operation := checked.operation(transition.step)) is not None and operation.effect is not Effect.READ:
            yield path, operation, transition.doubt
        undo = transition.undo
        operation = None if undo is None else checked.operation(undo.step)
        if undo is not None and operation is not None and operation.effect is not Effect.READ:
            yield (*path, "undo"), operation, undo.doubt


def _no_way_to_settle(checked: Checked) -> Iterator[_Found]:
    for path, operation, methods in _doubts(checked):
        if not methods:
            message = f"{operation.name} is {operation.effect.value}: its answer may get lost, yet there is no `doubt`"
            yield (*path, "doubt"), message, "for example doubt: [probe: ..., ask]"


def _no_person_at_the_end(checked: Checked) -> Iterator[_Found]:
    for path, _operation, methods in _doubts(checked):
        if methods and methods[-1].kind is not SettleKind.ASK:
            yield (*path, "doubt"), "the order must end with ask: a person decides what nothing else can", ""


def _after_asking(checked: Checked) -> Iterator[_Found]:
    for path, _operation, methods in _doubts(checked):
        kinds = [method.kind for method in methods]
        if SettleKind.ASK in kinds[:-1]:
            yield (*path, "doubt"), "nothing may follow ask", ""


def _blind_repeat(checked: Checked) -> Iterator[_Found]:
    for path, operation, methods in _doubts(checked):
        if operation.effect is Effect.ONCE:
            for index, method in enumerate(methods):
                if method.kind is SettleKind.REPEAT:
                    message = f"{operation.name} is once: repeating it blindly does harm (G2)"
                    yield (*path, "doubt", index), message, "use a probe or a reversal"


def _harmful_probe(checked: Checked) -> Iterator[_Found]:
    allowed = {
        SettleKind.PROBE: (Effect.READ,),
        SettleKind.INQUIRE: (Effect.KEYED,),
        SettleKind.REVERSE: (Effect.KEYED, Effect.READ),
    }
    for path, _operation, methods in _doubts(checked):
        for index, method in enumerate(methods):
            found = checked.operation(method.step, settles=True)
            if found is not None and found.effect not in allowed[method.kind]:
                wanted = " or ".join(effect.value for effect in allowed[method.kind])
                article = "an" if method.kind is SettleKind.INQUIRE else "a"
                message = (
                    f"{article} {method.kind.value} may only call what is {wanted};"
                    f" {found.name} is {found.effect.value}"
                )
                yield (*path, "doubt", index), message, ""


# -- undo
def _missing_undo(checked: Checked) -> Iterator[_Found]:
    for path, transition in checked.transitions():
        operation = checked.operation(transition.step)
        if transition.undo is None and operation is not None and operation.effect is not Effect.READ:
            message = f"{operation.name} changes something at the peer, and no `undo` is declared"
            yield (*path, "undo"), message, "a step, or nothing: why, or impossible: why"


def _undo_nowhere(checked: Checked) -> Iterator[_Found]:
    before: dict[str, set[str]] = {}
    for source, dest in checked.edges():
        before.setdefault(dest, set()).add(source)
    for path, transition in checked.transitions():
        undo = transition.undo
        if undo is None or undo.to is None or undo.to not in checked.definition.states:
            continue
        for source in transition.source:
            if undo.to != source and undo.to not in _reaching(before, source):
                message = f"leads to {undo.to}, which no visit on its way to {source} has passed"
                yield (*path, "undo", "to"), message, f"default: {source}"


def _reaching(before: dict[str, set[str]], state: str) -> set[str]:
    found: set[str] = set()
    todo = [state]
    while todo:
        for earlier in before.get(todo.pop(), ()):
            if earlier not in found:
                found.add(earlier)
                todo.append(earlier)
    return found


def _clashing_triggers(checked: Checked) -> Iterator[_Found]:
    forward = {transition.trigger for transition in checked.definition.transitions}
    for path, transition in checked.transitions():
        undo: UndoEdge | None = transition.undo
        if undo is not None and undo.trigger in forward:
            yield (*path, "undo", "trigger"), f"{undo.trigger!r} is the name of a transition as well", ""


# -- shape
def _reached(checked: Checked) -> set[str]:
    after: dict[str, set[str]] = {}
    for source, dest in (*checked.edges(), *checked.undos()):
        after.setdefault(source, set()).add(dest)
    return {checked.definition.initial, checked.definition.cancelled} | _reaching(after, checked.definition.initial)


def _unreachable(checked: Checked) -> Iterator[_Found]:
    reached = _reached(checked)
    for state in checked.definition.states:
        if state not in reached:
            yield ("states", state), "no visit can get here", ""


def _dead_ends(checked: Checked) -> Iterator[_Found]:
    leaving = {source for source, _ in checked.edges()}
    reached = _reached(checked)
    for state in checked.definition.states:
        if state in reached - leaving - checked.final:
            yield ("states", state), "dead end: nothing leads out of here, and it is not final", ""


def _no_way_to_the_end(checked: Checked) -> Iterator[_Found]:
    before: dict[str, set[str]] = {}
    for source, dest in checked.edges():
        before.setdefault(dest, set()).add(source)
    leaving = {source for source, _ in checked.edges()}
    reached = _reached(checked)
    dead = {state for state in checked.definition.states if state in reached - leaving - checked.final}
    alive: set[str] = set()
    for end in checked.final | dead:  # what leads to a dead end is told there
        alive |= {end} | _reaching(before, end)
    for state in checked.definition.states:
        if state in reached - alive:
            yield ("states", state), "no final state can be reached from here, however long a visit goes on", ""


def _leaving_the_end(checked: Checked) -> Iterator[_Found]:
    for path, transition in checked.transitions():
        for source in transition.source:
            if source in checked.final:
                yield (*path, "from"), f"{source} is final: nothing may lead out of it", ""


def _two_at_once(checked: Checked) -> Iterator[_Found]:
    for state, found in checked.autos().items():
        for index, (_path, first) in enumerate(found):
            for path, second in found[index + 1 :]:
                if not _unconditional(first) and not _exclude(first, second):
                    message = f"from {state} both {first.trigger} and {second.trigger} can go by themselves"
                    yield path, message, "give one `when: [x]` and the other `unless: [x]`"


def _shadowed(checked: Checked) -> Iterator[_Found]:
    for state, found in checked.autos().items():
        for index, (_path, first) in enumerate(found):
            for path, _second in found[index + 1 :]:
                if _unconditional(first):
                    message = (
                        f"never goes by itself from {state}: {first.trigger} stands before it, without a condition"
                    )
                    yield path, message, "give one `when: [x]` and the other `unless: [x]`"


def _unconditional(transition: Transition) -> bool:
    return not transition.when and not transition.unless


def _exclude(first: Transition, second: Transition) -> bool:
    """Tell whether a condition that one needs forbids the other."""
    return bool(set(first.when) & set(second.unless) or set(first.unless) & set(second.when))


def _circling(checked: Checked) -> Iterator[_Found]:
    after: dict[str, set[str]] = {}
    for transition in checked.definition.transitions:
        if transition.auto and _unconditional(transition):
            for source in transition.source:
                after.setdefault(source, set()).add(transition.dest)
    for path, transition in checked.transitions():
        for source in transition.source if transition.auto and _unconditional(transition) else ():
            if source == transition.dest or source in _reaching(after, transition.dest):
                yield path, f"goes round for ever from {source}: every transition of the circle is automatic", ""


def _twins(checked: Checked) -> Iterator[_Found]:
    seen: set[tuple[str, str, str]] = set()
    for path, transition in checked.transitions():
        for source in transition.source:
            edge = (transition.trigger, source, transition.dest)
            if edge in seen:
                yield path, f"{transition.trigger} from {source} to {transition.dest} is defined twice", ""
            seen.add(edge)


def _idle_timers(checked: Checked) -> Iterator[_Found]:
    legal = {
        (transition.trigger, source) for transition in checked.definition.transitions for source in transition.source
    }
    for index, timer in enumerate(checked.definition.timers):
        for state in timer.states:
            if state in checked.definition.states and (timer.trigger, state) not in legal:
                yield ("timers", index, "trigger"), f"{timer.trigger!r} is not legal in state {state}", ""


def _empty_handed(checked: Checked) -> Iterator[_Found]:
    for index, timer in enumerate(checked.definition.timers):
        for transition in checked.definition.transitions:
            if transition.trigger != timer.trigger or transition.input is None:
                continue
            if transition.auto or transition.when:  # it waits for its data, or looks for it
                continue
            if not set(transition.source) & set(timer.states):
                continue
            try:
                model = checked.catalogue.model(transition.input)
            except UnknownName:
                continue
            needed = [name for name, info in model.model_fields.items() if info.is_required()]
            if needed:
                message = f"{timer.trigger!r} needs data that a timer cannot bring: {', '.join(needed)}"
                yield ("timers", index, "trigger"), message, "let a person or the HIS trigger it"
                break


def _ends_at_once(checked: Checked) -> Iterator[_Found]:
    if checked.definition.initial in checked.final:
        yield ("initial",), f"{checked.definition.initial} is final: a visit would end as it begins", ""


# -- courtesy
def _unreasoned(checked: Checked) -> Iterator[_Found]:
    for path, transition in checked.transitions():
        for kind in ("nothing", "impossible"):
            reason = None if transition.undo is None else getattr(transition.undo, kind)
            if reason is not None and not reason.strip():
                yield (*path, "undo", kind), "gives no reason: a supervisor will ask", f"{kind}: because ..."


def _unused_policies(checked: Checked) -> Iterator[_Found]:
    used: set[str] = {"default"}
    for transition in checked.definition.transitions:
        for retry in (transition.retry, None if transition.undo is None else transition.undo.retry):
            used |= {retry} if isinstance(retry, str) else set((retry or {}).values())
    for name in checked.definition.policies:
        if name not in used:
            yield ("policies", name), "no transition uses this policy", ""


def _untitled(checked: Checked) -> Iterator[_Found]:
    for name, state in checked.definition.states.items():
        if not state.title.zh:
            yield ("states", name), "has no Chinese title: staff will see its name", ""


RULES: tuple[tuple[str, Severity, _Rule], ...] = (
    ("unknown_state", Severity.ERROR, _unknown_states),
    ("unknown_name", Severity.ERROR, _unknown_names),
    ("unknown_operation", Severity.ERROR, _unknown_operations),
    ("unknown_policy", Severity.ERROR, _unknown_policies),
    ("no_way_to_settle", Severity.ERROR, _no_way_to_settle),
    ("no_person_at_the_end", Severity.ERROR, _no_person_at_the_end),
    ("after_asking", Severity.ERROR, _after_asking),
    ("blind_repeat", Severity.ERROR, _blind_repeat),
    ("harmful_probe", Severity.ERROR, _harmful_probe),
    ("missing_undo", Severity.ERROR, _missing_undo),
    ("undo_nowhere", Severity.ERROR, _undo_nowhere),
    ("clashing_triggers", Severity.ERROR, _clashing_triggers),
    ("unreachable", Severity.ERROR, _unreachable),
    ("dead_end", Severity.ERROR, _dead_ends),
    ("no_way_to_the_end", Severity.ERROR, _no_way_to_the_end),
    ("ends_at_once", Severity.ERROR, _ends_at_once),
    ("leaving_the_end", Severity.ERROR, _leaving_the_end),
    ("two_at_once", Severity.ERROR, _two_at_once),
    ("shadowed", Severity.ERROR, _shadowed),
    ("circling", Severity.ERROR, _circling),
    ("twins", Severity.ERROR, _twins),
    ("idle_timer", Severity.ERROR, _idle_timers),
    ("empty_handed_timer", Severity.WARNING, _empty_handed),
    ("unreasoned", Severity.WARNING, _unreasoned),
    ("unused_policy", Severity.WARNING, _unused_policies),
    ("untitled", Severity.WARNING, _untitled),
)
