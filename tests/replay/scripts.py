"""Stories that any flow has: the straight way, each thing that can come of a call, each thing that a person may do."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from enum import StrEnum

from engine.actions import ActionKind
from engine.machine import Edge, Flow
from flows.exploring.answers import REVERSAL, WRITE, Answer, read_answers
from tests.replay.peer import FORWARD, PROBE, READ, REVERSING, UNDO

ALWAYS = 1_000_000
#: What is told of routes beside the first: that each way is gone, comes into doubt, is settled, and is undone.
_ON_EVERY_ROUTE = (
    "straight",
    "closed-and-cancelled",
    "each-call-silence-done",
    "each-call-silence-not-done",
    "each-call-silence-done-settle",
    "each-undo-silence-done",
    "each-undo-silence-done-settle",
)


class Told(StrEnum):
    """How conditions come to hold."""

    OPENING = "opening"  #: the HIS hands all over at once
    TRIGGER = "trigger"  #: with each trigger
    CORRECT = "correct"  #: a supervisor adds it


class Ending(StrEnum):
    """What is done with a visit that was closed at the end of its way."""

    CLOSE = "close"
    CANCEL = "cancel"
    REVERSE = "reverse"  #: one step, and on again


@dataclass(frozen=True, slots=True)
class Script:
    """One story. ``route``: the transitions from the beginning to a final state that the HIS wants."""

    name: str
    route: tuple[tuple[str, str, str], ...]  #: trigger, source, dest
    answers: dict[str, Answer] = field(default_factory=dict)
    times: int = 1
    person: ActionKind = ActionKind.RESUME  #: what a supervisor does first when the visit is stuck
    told: Told = Told.OPENING
    ending: Ending = Ending.CLOSE
    held_off: bool = False  #: the peer has no room at first, then is left alone, before each call
    idle: bool = False  #: nobody comes for the first trigger
    midway: ActionKind | None = None  #: at the first rest: reverse, cancel or migrate


def scripts(flow: Flow) -> Iterator[Script]:
    """Return all stories that are worth considering, the plain ones first."""
    for number, route in enumerate(routes(flow)):
        for script in _of_route(tuple((e.trigger, e.source, e.dest) for e in route)):
            if number == 0:
                yield script
            elif script.name in _ON_EVERY_ROUTE:
                name = f"{route_name(route, flow)}-{script.name}"
                yield replace(script, name=name)
                yield replace(script, name=f"{name}-when-asked", told=Told.TRIGGER)


def route_name(route: list[Edge], flow: Flow) -> str:
    """Return the trigger at which a route leaves the first one."""
    main = {(e.trigger, e.source, e.dest) for e in routes(flow)[0]}
    return next(e.trigger for e in route if (e.trigger, e.source, e.dest) not in main).replace("_", "-")


def _of_route(route: tuple[tuple[str, str, str], ...]) -> Iterator[Script]:
    plain = Script("straight", route)
    yield plain
    yield replace(plain, name="asked-step-by-step", told=Told.TRIGGER)
    yield replace(plain, name="corrected", told=Told.CORRECT)
    yield replace(plain, name="nobody-comes", told=Told.TRIGGER, idle=True)
    for midway in (ActionKind.REVERSE, ActionKind.CANCEL, ActionKind.MIGRATE):
        yield replace(plain, name=f"midway-{midway}", told=Told.TRIGGER, midway=midway)
    yield replace(plain, name="closed-and-cancelled", ending=Ending.CANCEL)
    yield replace(plain, name="closed-and-reversed", ending=Ending.REVERSE)
    lost = next(a for a in WRITE if (a.applies, a.outcome) == (False, "silence"))
    yield replace(plain, name="each-call-held-off", held_off=True, answers={FORWARD: lost}, ending=Ending.CANCEL)
    for answer in filter(_truthful, WRITE):
        yield from _persons(replace(plain, name=f"each-call-{slug(answer)}", answers={FORWARD: answer}))
        undone = replace(plain, ending=Ending.CANCEL)
        yield from _persons(replace(undone, name=f"each-undo-{slug(answer)}", answers={UNDO: answer}))
    for answer in read_answers("done"):
        if answer.crash is None and answer.outcome != "done":
            yield from _persons(replace(plain, name=f"each-read-{slug(answer)}", answers={READ: answer}))
            for kind, ending in ((FORWARD, Ending.CLOSE), (UNDO, Ending.CANCEL)):
                name = f"each-look-at-{'calls' if kind == FORWARD else 'undos'}-{slug(answer)}"
                yield from _persons(replace(plain, name=name, answers={kind: lost, PROBE: answer}, ending=ending))
    for answer in REVERSAL:
        name = f"each-reversal-{slug(answer)}"
        yield from _persons(replace(plain, name=name, answers={FORWARD: lost, REVERSING: answer}))


def _persons(script: Script) -> Iterator[Script]:
    """Return the story with its trouble once and, unless a process dies of it, until a person is called."""
    yield script
    if all(answer.crash is None for answer in script.answers.values()):
        for person in (ActionKind.RESUME, ActionKind.SETTLE, ActionKind.CANCEL):
            yield replace(script, name=f"{script.name}-{person}", times=ALWAYS, person=person)


def _truthful(answer: Answer) -> bool:
    """Tell whether a peer could say so of any call."""
    return answer.outcome not in ("done_already", "nothing_to_undo") and answer != WRITE[0]


def slug(answer: Answer) -> str:
    """Return the name of an answer in file names: ``silence-done``, ``dies-after_send-late``."""
    heard = answer.outcome if answer.crash is None else f"dies-{answer.crash}"
    fate = {True: "done", False: "not-done", None: "late"}[answer.applies]
    return f"{heard}-{fate}".replace("_", "-").replace(", ", "-").replace(" ", "-")


# -- routes
def routes(flow: Flow) -> list[list[Edge]]:
    """Return ways from the beginning to a final state that between them use every transition; the shortest first.

    A transition that leads nowhere, or that nothing leads to, is on none.
    """
    initial = flow.definition.initial
    ends = set(flow.definition.final)
    found: list[list[Edge]] = []
    used: set[tuple[str, str, str]] = set()
    main = _way(flow, initial, ends)
    ways = [] if main is None else [main]
    for edge in flow.all_edges():
        before, after = _way(flow, initial, {edge.source}), _way(flow, edge.dest, ends)
        if before is not None and after is not None:
            ways.append([*before, edge, *after])
    for way in ways:
        new = {(e.trigger, e.source, e.dest) for e in way}
        if new - used:
            used |= new
            found.append(way)
    return found


def _way(flow: Flow, source: str, dests: set[str]) -> list[Edge] | None:
    """Return the shortest way by transitions from a state to one of others, or None."""
    ways: dict[str, list[Edge]] = {source: []}
    queue = deque([source])
    while queue:
        state = queue.popleft()
        if state in dests:
            return ways[state]
        for edge in flow.edges_from(state):
            if edge.dest not in ways:
                ways[edge.dest] = [*ways[state], edge]
                queue.append(edge.dest)
    return None
