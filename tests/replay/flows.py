"""The flows that are recorded: all that the shipped sites have on, and toys that use what no shipped flow uses yet."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from typing import Any, cast

from engine.catalogue import Catalogue
from engine.definitions import FlowDefinition, Transition
from engine.machine import Flow
from engine.steps import Progress, Step, View
from flows import load_catalogue, load_site
from flows.exploring.model import ModelCatalogue, ModelStep, flag_of
from tests.jiangsu import ROOT
from tests.toy import toy_catalogue, toy_flow

#: Sites whose flows are recorded: what is on when nothing is said, and the examples that are copied.
SITES = ("flows.yaml", "docs/examples/neimenggu.yaml", "docs/examples/platform.yaml")
#: Timers, deadlines, an undo that needs no call.
_TIMED: dict[str, Any] = {
    "settle": {"auto": False, "deadline": "1m", "undo": {"nothing": "a slip of paper"}},
    "timers": [
        {"name": "soon", "in": "registered", "trigger": "settle", "after": "20m"},
        {"name": "often", "in": "registered", "trigger": "settle", "every": "25m"},
        {"name": "evening", "in": "registered", "trigger": "settle", "at": "23:30"},
    ],
}
#: A call that may be repeated, and one that cannot be undone.
_KEYED: dict[str, Any] = {
    "settle": {
        "step": "toy.refund",
        "doubt": ["repeat", {"probe": "toy.look"}, "ask"],
        "undo": {"impossible": "a refund stays"},
    }
}
#: Going round by a read, which leaves nothing to undo, and by a write, all rounds of which one undo takes back.
_ROUNDS: list[dict[str, Any]] = [
    {"trigger": "ask_again", "from": "registered", "to": "registered", "step": "toy.read"},
    {
        "trigger": "add",
        "from": "registered",
        "to": "registered",
        "step": "toy.refund",
        "doubt": ["repeat", "ask"],
        "undo": {"trigger": "take_back", "step": "toy.unsettle", "doubt": ["ask"]},
    },
]


def shipped() -> list[FlowDefinition]:
    """Return the flows that these sites have on, each version once."""
    found = [each for site in SITES for each in load_site(ROOT / site).definitions]
    return list({(each.flow, each.content_hash()): each for each in found}.values())


def toys() -> list[FlowDefinition]:
    """Return test flows, which between them can do all that an engine can."""
    return [
        toy_flow(),
        toy_flow(flow="toy.timed", **_TIMED),
        toy_flow(flow="toy.keyed", **_KEYED),
        _going_round(),
    ]


def _going_round() -> FlowDefinition:
    flow = toy_flow(flow="toy.round")
    rounds = tuple(map(Transition.model_validate, _ROUNDS))
    return flow.model_copy(update={"transitions": (*flow.transitions[:2], *rounds, *flow.transitions[2:])})


@cache
def catalogue() -> Catalogue:
    """Return all that recorded flows may name: what is installed, and the toys."""
    installed, toy = load_catalogue(), toy_catalogue()
    return Catalogue({**installed.modules, **toy.modules}, {**installed.adapters, **toy.adapters})


def compiled(definition: FlowDefinition, version: str, *, model: bool) -> Flow:
    """Compile a recorded definition under its recorded name. Raises FlowUnavailable.

    With ``model`` its steps, conditions and data are models. The name is kept as :meth:`Registry.version` keeps it.
    """
    flow = Flow(definition, names(definition, model=model))
    flow.version = version
    return flow


def names(definition: FlowDefinition, *, model: bool) -> Catalogue:
    """Return the catalogue that a recording of ``definition`` was made with."""
    real = catalogue()
    return _ModelCatalogue(real, definition) if model else real


class _ModelStep(ModelStep):
    """A step that uses up what brought the visit to it, so that a loop ends as it does in life."""

    def __init__(self, real: Step, spent: frozenset[str]) -> None:
        """``spent``: the flags that no longer hold once the step is done."""
        super().__init__(real)
        self._spent = spent

    def fold(self, view: View, reply: Mapping[str, Any]) -> Progress:
        """Take the flags away that stand."""
        found = super().fold(view, reply)
        return replace(found, data={flag: None for flag in sorted(self._spent) if view.data.get(flag)})


class _ModelCatalogue(ModelCatalogue):
    """Models of all names of a flow, with loops that end after one turn."""

    def __init__(self, real: Catalogue, definition: FlowDefinition) -> None:
        super().__init__(real, definition)
        self._spent = spent(definition)

    def step(self, name: str) -> Step:
        """Return the model of a step."""
        return cast(Step, _ModelStep(self._real.step(name), self._spent.get(name, frozenset())))


def spent(definition: FlowDefinition) -> dict[str, frozenset[str]]:
    """Return, for each step on a loop of automatic transitions, the flags of the conditions that lead into it."""
    after = {state: {state} for state in definition.states}
    autos = [each for each in definition.transitions if each.auto]
    for _ in definition.states:
        for each in autos:
            for source in each.source:
                after[source] |= after[each.dest]
    found: dict[str, frozenset[str]] = {}
    for each in definition.transitions:
        flags = {
            flag_of(name)
            for other in autos
            for source in other.source
            if other.dest in each.source and source in after[each.dest]
            for name in other.when
        }
        if each.step is not None and flags:
            found[each.step] = found.get(each.step, frozenset()) | flags
    return found


def renamed(definition: FlowDefinition, state: str) -> FlowDefinition:
    """Return the next version of a flow, in which ``state`` is called otherwise."""
    new = f"{state}_anew"

    def name(each: str) -> str:
        return new if each == state else each

    raw = definition.model_dump(mode="json", by_alias=True, exclude_none=True)
    raw["version"] += 1
    raw["states"] = {name(each): value for each, value in raw["states"].items()}
    raw["initial"], raw["cancelled"] = name(raw["initial"]), name(raw["cancelled"])
    raw["final"] = [name(each) for each in raw["final"]]
    for transition in raw["transitions"]:
        transition["from"] = [name(each) for each in transition["from"]]
        transition["to"] = name(transition["to"])
        if "to" in (undo := transition.get("undo", {})):
            undo["to"] = name(undo["to"])
    for timer in raw.get("timers", []):
        timer["in"] = [name(each) for each in timer["in"]]
    return FlowDefinition.model_validate({**raw, "migrates": {state: new}})
