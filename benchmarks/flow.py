"""The flow that everything is measured on: seven steps, with peers that answer at once or never."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Self

from pydantic import BaseModel

from engine.adapter import Call, Operation
from engine.catalogue import Catalogue
from engine.definitions import FlowDefinition
from engine.outcomes import Done, Effect, Outcome
from engine.steps import Applied, BaseProbe, BaseStep, Judgement, Progress, View

STEPS = 7
NAME = "bench"


class NullAdapter:
    """A peer that answers at once."""

    name = "null"
    operations: ClassVar[Mapping[str, Operation]] = {
        "do": Operation("do", Effect.ONCE),
        "read": Operation("read", Effect.READ),
    }

    @classmethod
    def from_settings(cls, settings: Mapping[str, Any]) -> Self:
        """Make one."""
        return cls()

    def message_id(self, now: int, number: int) -> str:
        """Return a message id."""
        return f"M{number:06d}"

    async def call(self, call: Call) -> Outcome:
        """Answer."""
        return Done({"number": call.message_id})

    async def close(self) -> None:
        """Do nothing."""


class SilentAdapter(NullAdapter):
    """A peer that takes ``expected`` calls, then tells so, and answers none of them."""

    def __init__(self, expected: int, told: Callable[[], None]) -> None:
        self._missing = expected
        self._told = told

    async def call(self, call: Call) -> Outcome:
        """Wait for ever."""
        self._missing -= 1
        if self._missing == 0:
            self._told()
        await asyncio.get_running_loop().create_future()
        raise AssertionError("nobody ever answers")


class SlowAdapter(NullAdapter):
    """A peer that takes 50 ms for every call."""

    async def call(self, call: Call) -> Outcome:
        """Answer after a while."""
        await asyncio.sleep(0.05)
        return await super().call(call)


class Do(BaseStep):
    """A step that must not be repeated."""

    name, role, operation = "bench.do", "peer", "do"

    def request(self, view: View) -> Mapping[str, Any]:
        """Send the key."""
        return {"visit": view.key}

    def fold(self, view: View, reply: Mapping[str, Any]) -> Progress:
        """Keep the number."""
        return Progress({"number": reply["number"]})


class Read(Do):
    """A step that may be repeated."""

    name, operation = "bench.read", "read"


class Probe(BaseProbe):
    """A look that finds every call applied."""

    name, role, operation = "bench.probe", "peer", "read"

    def request(self, view: View) -> Mapping[str, Any]:
        """Ask for the message."""
        assert view.subject is not None
        return {"message": view.subject.message_id}

    def judge(self, view: View, reply: Mapping[str, Any]) -> Judgement:
        """Believe it."""
        return Applied(Progress({"number": reply["number"]}))


class Line(BaseModel):
    """A fee line."""

    no: int
    code: str
    name: str
    price: str
    count: str
    amount: str


class Data(BaseModel):
    """What a visit knows."""

    number: str | None = None
    lines: list[Line] = []


class System:
    """What the catalogue sees."""

    STEPS: ClassVar[dict[str, Any]] = {"do": Do, "read": Read, "probe": Probe}
    MODELS: ClassVar[dict[str, Any]] = {"Data": Data}


def catalogue() -> Catalogue:
    """Return a catalogue of this page's step and models."""
    return Catalogue({NAME: System}, {"null": NullAdapter})


def flow(
    *, reads: bool = False, first_look: str = "5s", waits_after: int | None = None, timeout: str = "30s"
) -> FlowDefinition:
    """Return a flow of seven steps that go by themselves.

    ``reads``: all steps may be repeated. ``first_look``: how long after a take-over a doubt is looked at.
    ``waits_after``: after so many steps the visit waits for somebody to trigger the next.
    """
    names = [f"s{n}" for n in range(STEPS + 1)]
    return FlowDefinition.model_validate(
        {
            "flow": NAME,
            "version": 1,
            "adapters": {"peer": "null"},
            "data": "bench.Data",
            "opening": "bench.Data",
            "initial": names[0],
            "final": [names[-1]],
            "cancelled": "cancelled",
            "settling": {"first_look": first_look},
            "states": dict.fromkeys([*names, "cancelled"]),
            "transitions": [
                {
                    "trigger": f"t{n}",
                    "from": names[n],
                    "to": names[n + 1],
                    "step": "bench.read" if reads else "bench.do",
                    "auto": n != waits_after,
                    "timeout": timeout,
                    "doubt": [] if reads else [{"probe": "bench.probe"}, "ask"],
                    "undo": {"impossible": "a benchmark"},
                }
                for n in range(STEPS)
            ],
        }
    )


def fee_lines(size: int) -> dict[str, Any]:
    """Return data to open a visit with: fee lines that come to about ``size`` bytes of JSON."""
    lines = []
    while size > 0:
        line = {
            "no": len(lines) + 1,
            "code": f"XA02BA{len(lines):06d}",
            "name": "omeprazole enteric-coated capsules 20 mg x 14",
            "price": "13.2500",
            "count": "2.00",
            "amount": "26.50",
        }
        lines.append(line)
        size -= 145
    return {"lines": lines} if lines else {}
