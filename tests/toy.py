"""A toy world for tests of the engine: a peer in memory that charges, loses answers on demand, and keeps books."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict

from engine.adapter import Call, Operation
from engine.catalogue import Catalogue
from engine.definitions import FlowDefinition
from engine.environment import SECOND, Micros, time_ordered_id
from engine.outcomes import Busy, Category, Done, Effect, Exchange, InDoubt, NotSent, Outcome, Refused
from engine.steps import (
    Applied,
    BaseProbe,
    BaseStep,
    Disagreement,
    Judgement,
    NotApplied,
    Progress,
    Reversed,
    Unclear,
    View,
)


class ToyEnvironment:
    """Time that moves only when a test says so; ids and chance from counters."""

    def __init__(self, start: Micros = 1_700_000_000 * SECOND, first: int = 0) -> None:
        """``first``: where the ids begin to count, so that several of them can share a store."""
        self.time = start
        self._count = first

    def now(self) -> Micros:
        return self.time

    def monotonic(self) -> Micros:
        return self.time

    async def sleep(self, duration: Micros) -> None:
        self.time += duration
        await asyncio.sleep(0)

    def new_id(self) -> str:
        self._count += 1
        return time_ordered_id(self.time, self._count)

    def random(self) -> float:
        return 0.0


@dataclass
class Effects:
    """What one message did at the peer."""

    message_id: str
    operation: str
    visit: str
    live: bool = True


Fault = Callable[["ToyPeer", Call, Callable[[], Outcome]], Outcome]


@dataclass
class ToyPeer:
    """The peer's books. ``faults`` are consumed one per call of the named operation."""

    effects: list[Effects] = field(default_factory=list)
    received: list[tuple[str, str]] = field(default_factory=list)  #: operation, message id
    blocked: set[str] = field(default_factory=set)
    faults: dict[str, list[Fault]] = field(default_factory=dict)
    amount: Decimal = Decimal("135.00")

    def live(self, operation: str, visit: str) -> list[Effects]:
        return [e for e in self.effects if e.live and e.operation == operation and e.visit == visit]

    def counts(self, visit: str) -> Counter[str]:
        return Counter(e.operation for e in self.effects if e.live and e.visit == visit)

    def fail(self, operation: str, *faults: Fault) -> None:
        self.faults.setdefault(operation, []).extend(faults)

    def apply(self, call: Call) -> Outcome:
        request, operation = call.request, call.operation
        visit = str(request.get("visit", ""))
        match operation:
            case "read":
                return Done({"person": "P1"})
            case "look" | "ask_about":
                found = [e for e in self.effects if e.message_id == request["message_id"] and e.live]
                return Done({"found": len(found), "amount": self.amount})
            case "gone":
                return Done({"found": len(self.live(str(request["operation"]), visit))})
            case "reverse":
                original = str(request["original"])
                self.blocked.add(original)
                for effect in self.effects:
                    if effect.message_id == original:
                        effect.live = False
                return Done({})
            case "register" | "settle" | "refund":
                if call.message_id in self.blocked:
                    return Refused("hanging", "the message was reversed")
                if operation == "refund" and any(e.message_id == call.message_id for e in self.effects):
                    return Done({"amount": self.amount})
                self.effects.append(Effects(call.message_id, operation, visit))
                return Done({"amount": self.amount, "number": call.message_id})
            case "unregister" | "unsettle":
                live = self.live(operation.removeprefix("un"), visit)
                if not live:
                    return Refused("nothing", "nothing to undo", Category.NOTHING_TO_UNDO)
                for effect in live:
                    effect.live = False
                return Done({})
        raise AssertionError(operation)


# -- faults
def lose_reply(peer: ToyPeer, call: Call, apply: Callable[[], Outcome]) -> Outcome:
    apply()
    return InDoubt("no reply")


def lose_request(peer: ToyPeer, call: Call, apply: Callable[[], Outcome]) -> Outcome:
    return InDoubt("no reply")


def not_sent(peer: ToyPeer, call: Call, apply: Callable[[], Outcome]) -> Outcome:
    return NotSent("connection refused")


def refuse(peer: ToyPeer, call: Call, apply: Callable[[], Outcome]) -> Outcome:
    return Refused("3001", "not insured")


def later(peer: ToyPeer, call: Call, apply: Callable[[], Outcome]) -> Outcome:
    return Refused("180005", "occupied", Category.LATER)


def busy(peer: ToyPeer, call: Call, apply: Callable[[], Outcome]) -> Outcome:
    apply()
    return Busy(3 * SECOND, "working on it")


def broken(peer: ToyPeer, call: Call, apply: Callable[[], Outcome]) -> Outcome:
    apply()
    raise RuntimeError("a bug in the adapter")


def unreadable(peer: ToyPeer, call: Call, apply: Callable[[], Outcome]) -> Outcome:
    apply()
    return Done({"surprise": True})


class ToyAdapter:
    """The adapter of :class:`ToyPeer`."""

    name = "toy"
    operations: ClassVar[Mapping[str, Operation]] = {
        name: Operation(name, effect)
        for name, effect in {
            "read": Effect.READ,
            "look": Effect.READ,
            "ask_about": Effect.KEYED,
            "gone": Effect.READ,
            "reverse": Effect.KEYED,
            "register": Effect.ONCE,
            "unregister": Effect.ONCE,
            "settle": Effect.ONCE,
            "unsettle": Effect.ONCE,
            "refund": Effect.KEYED,
        }.items()
    }

    def __init__(self, peer: ToyPeer | None = None) -> None:
        self.peer = peer or ToyPeer()
        self.after_send: Callable[[str], None] = lambda _operation: None

    @classmethod
    def from_settings(cls, settings: Mapping[str, Any]) -> Self:
        return cls()

    def message_id(self, now: Micros, number: int) -> str:
        return f"TOY{number:06d}"

    async def call(self, call: Call) -> Outcome:
        await asyncio.sleep(0)
        if not call.guard():
            return NotSent("lease lost")
        self.peer.received.append((call.operation, call.message_id))
        waiting = self.peer.faults.get(call.operation)
        if waiting:
            outcome = waiting.pop(0)(self.peer, call, lambda: self.peer.apply(call))
        else:
            outcome = self.peer.apply(call)
        self.after_send(call.operation)
        exchange = Exchange(call.operation.encode(), repr(outcome).encode(), "200")
        return type(outcome)(
            **{n: getattr(outcome, n) for n in outcome.__slots__ if n != "exchange"}, exchange=exchange
        )

    async def close(self) -> None:
        pass


# -- models, steps, conditions
class Opening(BaseModel):
    model_config = ConfigDict(extra="forbid")
    patient: str
    price: Decimal = Decimal("135.00")
    invoice: str | None = None


class Invoice(BaseModel):
    model_config = ConfigDict(extra="forbid")
    invoice: str


class Amount(BaseModel):
    model_config = ConfigDict(extra="forbid")
    amount: Decimal


class Data(Opening):
    person: str | None = None
    number: str | None = None
    amount: Decimal | None = None


class ReadStep(BaseStep):
    name, role, operation = "toy.read", "centre", "read"

    def request(self, view: View) -> Mapping[str, Any]:
        return {}

    def fold(self, view: View, reply: Mapping[str, Any]) -> Progress:
        return Progress({"person": reply["person"]})


class RegisterStep(BaseStep):
    name, role, operation = "toy.register", "centre", "register"

    def request(self, view: View) -> Mapping[str, Any]:
        return {"visit": view.key, "person": view.data["person"]}

    def fold(self, view: View, reply: Mapping[str, Any]) -> Progress:
        return Progress({"number": reply["number"]})


class SettleStep(BaseStep):
    name, role, operation, by_hand = "toy.settle", "centre", "settle", Amount

    def request(self, view: View) -> Mapping[str, Any]:
        return {"visit": view.key, "price": Decimal(view.data["price"])}

    def fold(self, view: View, reply: Mapping[str, Any]) -> Progress:
        return agreed(view, reply["amount"])

    def told(self, view: View, told: Mapping[str, Any]) -> Progress:
        return agreed(view, Decimal(told["amount"]))


class RefundStep(SettleStep):
    name, operation = "toy.refund", "refund"


def agreed(view: View, amount: Decimal) -> Progress:
    price = Decimal(view.data["price"])
    wrong = () if amount == price else (Disagreement("total", str(price), str(amount)),)
    return Progress({"amount": amount}, wrong)


class UnregisterStep(BaseStep):
    name, role, operation = "toy.unregister", "centre", "unregister"

    def request(self, view: View) -> Mapping[str, Any]:
        return {"visit": view.key}

    def fold(self, view: View, reply: Mapping[str, Any]) -> Progress:
        return Progress({"number": None})


class UnsettleStep(UnregisterStep):
    name, operation = "toy.unsettle", "unsettle"

    def fold(self, view: View, reply: Mapping[str, Any]) -> Progress:
        return Progress({"amount": None})


class LookProbe(BaseProbe):
    name, role, operation = "toy.look", "centre", "look"

    def request(self, view: View) -> Mapping[str, Any]:
        assert view.subject is not None
        return {"message_id": view.subject.message_id}

    def judge(self, view: View, reply: Mapping[str, Any]) -> Judgement:
        assert view.subject is not None
        match reply["found"]:
            case 0:
                return NotApplied("not listed")
            case 1 if view.subject.operation in ("settle", "refund"):
                return Applied(agreed(view, reply["amount"]), "listed")
            case 1:
                return Applied(Progress({"number": view.subject.message_id}), "listed")
            case count:
                return Unclear(f"{count} listed")


class AskAbout(LookProbe):
    name, operation = "toy.ask_about", "ask_about"


class GoneProbe(BaseProbe):
    name, role, operation = "toy.gone", "centre", "gone"

    def request(self, view: View) -> Mapping[str, Any]:
        assert view.subject is not None
        return {"visit": view.key, "operation": view.subject.operation.removeprefix("un")}

    def judge(self, view: View, reply: Mapping[str, Any]) -> Judgement:
        return NotApplied("still there") if reply["found"] else Applied(reason="gone")

    def recheck(self, view: View, reply: Mapping[str, Any]) -> Judgement:
        return NotApplied("a late undo does no harm")


class ReverseStep(BaseProbe):
    name, role, operation = "toy.reverse", "centre", "reverse"

    def request(self, view: View) -> Mapping[str, Any]:
        assert view.subject is not None
        return {"original": view.subject.message_id}

    def judge(self, view: View, reply: Mapping[str, Any]) -> Judgement:
        return Reversed("acknowledged")


def has_invoice(view: View) -> bool:
    return bool(view.data.get("invoice"))


class ToySystem:
    """What a module of steps looks like to the catalogue."""

    STEPS: ClassVar[dict[str, Any]] = {
        "read": ReadStep,
        "register": RegisterStep,
        "settle": SettleStep,
        "refund": RefundStep,
        "unregister": UnregisterStep,
        "unsettle": UnsettleStep,
        "look": LookProbe,
        "ask_about": AskAbout,
        "gone": GoneProbe,
        "reverse": ReverseStep,
    }
    CONDITIONS: ClassVar[dict[str, Any]] = {"has_invoice": has_invoice}
    MODELS: ClassVar[dict[str, Any]] = {"Opening": Opening, "Data": Data, "Invoice": Invoice}


def toy_catalogue() -> Catalogue:
    return Catalogue(modules={"toy": ToySystem}, adapters={"toy": ToyAdapter})


def toy_flow(**changes: Any) -> FlowDefinition:
    """A visit in five states: opened, read, registered, settled, done; everything can be undone."""
    raw: dict[str, Any] = {
        "flow": "toy.visit",
        "version": 1,
        "adapters": {"centre": "toy"},
        "data": "toy.Data",
        "opening": "toy.Opening",
        "initial": "opened",
        "final": ["done"],
        "cancelled": "cancelled",
        "policies": {"default": {"first": "1s", "cap": "10s", "total": "1h", "attempts": 4}},
        "settling": {"first_look": "5s", "look_again": "10s", "late_look": "30s", "tries": 3},
        "states": dict.fromkeys(("opened", "read", "registered", "settled", "done", "cancelled")),
        "transitions": [
            {"trigger": "read", "from": "opened", "to": "read", "step": "toy.read", "auto": True},
            {
                "trigger": "register",
                "from": "read",
                "to": "registered",
                "step": "toy.register",
                "auto": True,
                "doubt": [{"probe": "toy.look"}, {"reverse": "toy.reverse"}, "ask"],
                "undo": {"trigger": "unregister", "step": "toy.unregister", "doubt": [{"probe": "toy.gone"}, "ask"]},
            },
            {
                "trigger": "settle",
                "from": "registered",
                "to": "settled",
                "step": "toy.settle",
                "auto": True,
                "when": ["toy.has_invoice"],
                "input": "toy.Invoice",
                "doubt": [{"probe": "toy.look"}, {"reverse": "toy.reverse"}, "ask"],
                "undo": {"trigger": "unsettle", "step": "toy.unsettle", "doubt": [{"probe": "toy.gone"}, "ask"]},
            },
            {"trigger": "finish", "from": "settled", "to": "done", "auto": True},
        ],
    }
    for name, value in changes.items():
        if name == "settle":
            raw["transitions"][2] |= value
        elif name == "register":
            raw["transitions"][1] |= value
        else:
            raw[name] = value
    return FlowDefinition.model_validate(raw)
