"""A flow with its peers replaced by a model that may apply, not apply, apply later, and lose every answer.

Definition, machine, plan, execution, settling, undo, commands and fold are the engine's own; only what speaks to a real
system is a model: the steps keep their names, roles and operations, and say nothing but which call they are about.
Counters are cut to the smallest that still count (two attempts, two tries), durations to one second: the engine only
compares them with each other, so larger ones add repetitions and no new situations.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from pydantic import BaseModel, ConfigDict, create_model

from engine.adapter import Adapter
from engine.catalogue import Catalogue, Condition
from engine.definitions import FlowDefinition, Retry, Settling, State, Text, Transition
from engine.environment import DAY, HOUR, SECOND, Micros
from engine.outcomes import Category, Refused
from engine.steps import (
    Applied,
    BaseProbe,
    BaseStep,
    Disagreement,
    Judgement,
    NotApplied,
    Progress,
    Reversed,
    SettlingStep,
    Step,
    Unclear,
    View,
)

#: The moment at which every explored situation stands; only differences matter.
NOW: Micros = 1_000_000 * DAY


@dataclass(frozen=True, slots=True)
class Bounds:
    """Where the exploration stops counting. Larger bounds repeat more; they cost situations."""

    attempts: int = 2  #: calls of one transition before its retries are exhausted
    tries: int = 2  #: failed tries of one way to settle a doubt
    looks: int = 2  #: "not applied" in a row before it is believed
    oddities: int = 1  #: steps with an aftermath at one time: a suspect, a late message, something done by hand
    rounds: int = 2  #: times that one edge is in the trail


def cut(definition: FlowDefinition, bounds: Bounds) -> FlowDefinition:
    """Return the definition with counters and durations cut to ``bounds``; words and the site's settings left out.

    Two definitions that differ only in how long things take are the same after this, and need one proof.
    """
    brief = Retry.model_validate(
        {"first": "1s", "factor": 1, "cap": "1s", "total": "1d", "attempts": bounds.attempts, "jitter": 0}
    )
    settling = Settling.model_validate(
        {
            "first_look": "1s",
            "look_again": "1s",
            "looks": min(bounds.looks, definition.settling.looks),
            "tries": min(bounds.tries, definition.settling.tries),
            "late_look": "1s",
        }
    ).model_copy(update={"backoff": brief})
    policies = {
        name: brief.model_copy(update={"attempts": min(bounds.attempts, policy.attempts or bounds.attempts)})
        for name, policy in definition.policies.items()
    }
    return definition.model_copy(
        update={
            "version": 1,
            "title": Text(),
            "wait": DAY,
            "settings": {},
            "policies": policies,
            "settling": settling,
            "states": {name: State() for name in definition.states},
            "transitions": tuple(_brief(transition) for transition in definition.transitions),
        }
    )


def _brief(transition: Transition) -> Transition:
    undo = transition.undo
    return transition.model_copy(
        update={
            "title": Text(),
            "rounds": None,
            "timeout": SECOND,
            "deadline": None if transition.deadline is None else HOUR,
            "undo": None if undo is None else undo.model_copy(update={"timeout": SECOND, "warning": None}),
        }
    )


# -- steps
class ModelStep(BaseStep):
    """A step that only says which it is; its reply says whether it can be read and whether sums agree."""

    def __init__(self, real: Step) -> None:
        """Take name, role and operation from the real step."""
        self.name, self.role, self.operation = real.name, real.role, real.operation

    def request(self, view: View) -> Mapping[str, Any]:
        """Name the step and, for an undo, the message that it undoes."""
        return {"step": self.name, "subject": None if view.subject is None else view.subject.message_id}

    def fold(self, view: View, reply: Mapping[str, Any]) -> Progress:
        """Add nothing. Raises KeyError on a reply that cannot be read."""
        return Progress({}, (Disagreement("total", "1", "2"),) if reply["disagrees"] else ())

    def refused(self, view: View, refusal: Refused) -> Progress | None:
        """Take "done already" and "nothing to undo" as reached, as real steps may."""
        reached = refusal.category in (Category.ALREADY_DONE, Category.NOTHING_TO_UNDO)
        return Progress() if reached else None


class ModelProbe(BaseProbe):
    """A look that sees the truth, or (reversal) an undo by message id."""

    def __init__(self, real: SettlingStep) -> None:
        """Take name, role and operation from the real probe or reversal."""
        self.name, self.role, self.operation = real.name, real.role, real.operation

    def request(self, view: View) -> Mapping[str, Any]:
        """Ask about the call in doubt."""
        assert view.subject is not None
        return {"about": view.subject.message_id, **view.subject.request}

    def judge(self, view: View, reply: Mapping[str, Any]) -> Judgement:
        """Say what the peer's books say."""
        if reply.get("reversed"):
            return Reversed("acknowledged")
        return Applied(reason="in the books") if reply["applied"] else NotApplied("not in the books")

    def recheck(self, view: View, reply: Mapping[str, Any]) -> Judgement:
        """Say whether a late original did something that nobody has taken back."""
        return Applied(reason="it came late") if reply["strayed"] else NotApplied("nothing strayed")

    def refused(self, view: View, refusal: Refused) -> Judgement:
        """Tell nothing."""
        return Unclear("refused")


class ModelCatalogue(Catalogue):
    """What a flow names, as a model of it: adapters' operations and effects are the real ones."""

    def __init__(self, real: Catalogue, definition: FlowDefinition) -> None:
        """``definition`` says which conditions there are."""
        super().__init__()
        self._real = real
        names = {name for each in definition.transitions for name in (*each.when, *each.unless)}
        flags: Any = {flag_of(name): (bool | None, None) for name in sorted(names)}
        self._data: type[BaseModel] = create_model("ModelData", __config__=ConfigDict(extra="forbid"), **flags)

    def step(self, name: str) -> Step:
        """Return the model of a step."""
        return cast(Step, ModelStep(self._real.step(name)))

    def settling_step(self, name: str) -> SettlingStep:
        """Return the model of a probe or reversal."""
        return cast(SettlingStep, ModelProbe(self._real.settling_step(name)))

    def condition(self, name: str) -> Condition:
        """Return a condition that is a flag of the visit's data: the exploration tries both."""
        self._real.condition(name)
        flag = flag_of(name)
        return lambda view: bool(view.data.get(flag))

    def model(self, name: str) -> type[BaseModel]:
        """Return the model of all flags, for data, opening and every trigger."""
        self._real.model(name)
        return self._data

    def adapter(self, name: str) -> type[Adapter]:
        """Return the real adapter's class: its operations and their effects."""
        return self._real.adapter(name)


def flag_of(condition: str) -> str:
    """Return the name of the datum that stands for a condition."""
    return "if_" + condition.replace(".", "_").replace(":", "_")


class ModelEnvironment:
    """Time as the exploration sets it; ids by counting; no chance."""

    def __init__(self) -> None:
        self.time: Micros = NOW
        self._count = 0

    def now(self) -> Micros:
        """Return the time that was set."""
        return self.time

    def monotonic(self) -> Micros:
        """Return the same."""
        return self.time

    async def sleep(self, duration: Micros) -> None:
        """Let time pass."""
        self.time += duration

    def new_id(self) -> str:
        """Return a new id."""
        self._count += 1
        return f"id{self._count}"

    def random(self) -> float:
        """Return 0."""
        return 0.0
