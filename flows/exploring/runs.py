"""Running the engine: one move or one command from one fold, and what came of it. Each is run once and remembered.

What a move does depends on the fold and on what the engine sees of the peer, not on what the peer's books say. Many
situations share a fold, so most moves are looked up.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, ClassVar, Self

from pydantic_core import to_json

from engine.actions import Action, ActionKind
from engine.adapter import Call, Operation
from engine.calling import Caller
from engine.catalogue import Catalogue
from engine.commands import Commands
from engine.definitions import FlowDefinition
from engine.environment import DAY, Micros
from engine.errors import NotLegal
from engine.events import AnyEvent, Concluded, Intent, Role, Settled, Stuck, Verdict, decode
from engine.execution import Executor
from engine.faultpoints import Crash, FaultPoint
from engine.lost import LostMessages
from engine.machine import Flow
from engine.outcomes import Effect, Outcome
from engine.plan import plan, project
from engine.registry import Registry
from engine.store import Append, History, Snapshot, StoredEvent
from engine.visit import PendingCall, Visit, fold
from flows.exploring.answers import OUTCOMES, Seen
from flows.exploring.books import Letter
from flows.exploring.model import Bounds, ModelCatalogue, ModelEnvironment, cut
from flows.exploring.nodes import Common, form
from storage import MemoryStore

VISIT = "visit"
#: The events that the rules ask for.
TELLING = (Intent, Concluded, Settled, Stuck)


@dataclass(frozen=True, slots=True)
class Asked:
    """A call that reached the adapter, and what was durable at that moment.

    ``letter`` is the write itself or, for a probe and a reversal (``about``), the one that they are about.
    """

    operation: str
    effect: Effect
    message: str
    about: bool
    letter: Letter | None
    durable: Visit
    pending: PendingCall | None  #: the durable intent of this very message

    @property
    def inquires(self) -> bool:
        """Tell whether it is a keyed call that only asks about another one."""
        return self.about and self.pending is not None and self.pending.role is Role.PROBE


@dataclass(frozen=True, slots=True)
class Ran:
    """What one run of the engine did."""

    move: str
    events: tuple[AnyEvent, ...]
    after: Common


class _Ended(BaseException):
    """The question has been asked; the rest of the run is for another time."""


class _AllWaited(LostMessages):
    """Here a look is made when its time has come: what a clock that was set does to it is not explored."""

    def too_early(self, message_id: str, patience: Micros) -> Micros:
        """Return 0."""
        return 0


class _WatchedStore(MemoryStore):
    """Keeps the fold of what is durable, and what was appended."""

    durable: Visit
    appended: list[AnyEvent]

    def restore(self, flow: Flow, visit: Visit, snapshot: Snapshot) -> None:
        """Hold one visit, as it is."""
        self.put(project(flow, visit), History(snapshot, ()))
        self.durable, self.appended = visit.twin(), []

    async def append(self, append: Append) -> None:
        """Write, then note."""
        await super().append(append)
        self.note(append.events)

    def note(self, events: Sequence[StoredEvent]) -> None:
        """Fold events in that have become durable."""
        for stored in events:
            event = decode(stored.payload)
            self.durable.apply(event)
            self.appended.append(event)


@dataclass(slots=True)
class _Adapter:
    """All adapters of the flow: notes the call, then does what the engine is to see."""

    name: str
    operations_: Mapping[str, Operation]
    store: _WatchedStore
    asked: Asked | None = None
    seen: Seen | None = None
    operations: ClassVar[Mapping[str, Operation]] = {}

    @classmethod
    def from_settings(cls, settings: Mapping[str, Any]) -> Self:
        """Refuse: a model is made by the exploration."""
        raise NotImplementedError

    def message_id(self, now: Micros, number: int) -> str:
        """Return a message id that no situation has; a move makes one call at most."""
        return "new"

    async def call(self, call: Call) -> Outcome:
        """Answer as told; without being told, only ask."""
        if self.seen is None:
            self.asked = self._asked(call)
            raise _Ended
        outcome, crash = self.seen
        if crash is FaultPoint.AFTER_SEND:
            raise Crash
        return OUTCOMES[outcome]()

    def _asked(self, call: Call) -> Asked:
        durable = self.store.durable  # nothing is appended any more: the run ends here
        aid = None if durable.doubt is None else durable.doubt.aid
        pending = next((each for each in (durable.call, aid) if each and each.message_id == call.message_id), None)
        about = call.request.get("about")
        effect = self.operations_[call.operation].effect
        letter = None
        if about is not None or effect is not Effect.READ:
            message = call.message_id if about is None else str(about)
            letter = Letter(message, call.request["step"], _is_undo(durable, message), call.request["subject"])
        return Asked(call.operation, effect, call.message_id, about is not None, letter, durable, pending)

    async def close(self) -> None:
        """Do nothing."""


def _is_undo(visit: Visit, message: str) -> bool:
    calls = [visit.call, *(suspect.call for suspect in visit.suspects)]
    return any(call is not None and call.message_id == message and call.role is Role.UNDO for call in calls)


@dataclass(slots=True)
class Runs:
    """The engine, on a store that holds one visit."""

    definition: FlowDefinition
    catalogue: Catalogue
    bounds: Bounds
    flow: Flow = field(init=False)
    count: int = 0
    _asked: dict[tuple[str, str], tuple[Asked | None, Ran | None]] = field(default_factory=dict)
    _commons: dict[str, Common] = field(default_factory=dict)
    _ran: dict[tuple[str, str, Any], Ran] = field(default_factory=dict)
    _store: _WatchedStore = field(default_factory=_WatchedStore)
    _environment: ModelEnvironment = field(default_factory=ModelEnvironment)
    _commands: Commands = field(init=False)
    _executor: Executor = field(init=False)
    _adapters: dict[str, _Adapter] = field(init=False)

    async def start(self) -> Common:
        """Compile the flow with its models and open a visit. Raises FlowUnavailable."""
        model = ModelCatalogue(self.catalogue, self.definition)
        registry = Registry(self._store, model, self._environment)
        await registry.load([cut(self.definition, self.bounds)])
        self.flow = registry.current(self.definition.flow)
        self._commands = Commands(self._store, registry, self._environment, "explorer")
        names = dict.fromkeys(self.definition.adapters.values())
        self._adapters = {name: _Adapter(name, model.adapter(name).operations, self._store) for name in names}
        caller = Caller(
            self._store, self._adapters, self._environment, hook=self._hook, lost=_AllWaited(self._environment)
        )
        self._executor = Executor(caller, registry.version)
        projection, _ = await self._commands.open(self.definition.flow, "K", {})
        visit = fold(VISIT, await self._store.history(projection.visit_id))
        return self.common(visit)

    def common(self, visit: Visit) -> Common:
        """Return the common form of a visit, the same object for all that share it."""
        text = visit.snapshot().body
        if (found := self._commons.get(text)) is not None:
            return found
        raw = form(self.flow, self.bounds, visit, text)
        key = to_json(raw).decode()
        if (found := self._commons.get(key)) is None:
            found = self._commons[key] = Common(self.flow, self.bounds, visit, raw)
        self._commons[text] = found
        return found

    def _hook(self, point: FaultPoint, _operation: str) -> None:
        for adapter in self._adapters.values():
            if adapter.seen is not None and adapter.seen[1] is point:
                raise Crash

    async def ask(self, body: str, visit: Visit, timing: str) -> tuple[Asked | None, Ran | None]:
        """Return the call that the next move makes or, for a move without a call, what it did."""
        found = self._asked.get((body, timing))
        if found is None:
            ran: Ran | None = await self._advance(_snapshot(body, visit, timing), visit, None)
            asked = next((adapter.asked for adapter in self._adapters.values() if adapter.asked is not None), None)
            found = self._asked[body, timing] = (asked, None if asked is not None else ran)
        return found

    async def move(self, body: str, visit: Visit, timing: str, seen: Seen) -> Ran:
        """Return what the next move does when its call comes to ``seen``."""
        key = (body, timing, seen)
        if (ran := self._ran.get(key)) is None:
            ran = self._ran[key] = await self._advance(_snapshot(body, visit, timing), visit, seen)
        return ran

    async def command(self, body: str, visit: Visit, action: Action) -> Ran | str:
        """Return what a person's action does, or the words in which it is refused."""
        key = (body, action.kind.value, action.target)
        if (ran := self._ran.get(key)) is None:
            self._store.restore(self.flow, visit, Snapshot(1, body))
            self._environment.time = visit.updated_at
            try:
                await self._do(action)
            except NotLegal as error:
                return str(error)
            ran = self._ran[key] = self._result(action.kind.value)
        return ran

    async def _advance(self, snapshot: Snapshot, visit: Visit, seen: Seen | None) -> Ran:
        following = plan(self.flow, visit)
        assert following is not None
        self._store.restore(self.flow, visit, snapshot)
        self._environment.time = following.at
        for adapter in self._adapters.values():
            adapter.seen, adapter.asked = seen, None
        claim = await self._store.claim(VISIT, "explorer", following.at, following.at + DAY)
        assert claim is not None
        with suppress(Crash, _Ended):
            await self._executor.advance(claim, moves=1)
        return self._result(type(following.move).__name__)

    def _result(self, move: str) -> Ran:
        self.count += 1
        events = tuple(event for event in self._store.appended if isinstance(event, TELLING))
        return Ran(move, events, self.common(self._store.durable))

    async def _do(self, action: Action) -> None:
        commands, who, why = self._commands, "supervisor", "explored"
        match action.kind:
            case ActionKind.TRIGGER:
                await commands.trigger(VISIT, action.target, dict.fromkeys(action.needs, True))
            case ActionKind.RESUME:
                await commands.resume(VISIT, who, why)
            case ActionKind.SETTLE:
                await commands.settle(VISIT, Verdict(action.target), who, why)
            case ActionKind.REVERSE:
                await commands.reverse(VISIT, action.target, who, why)
            case ActionKind.CANCEL:
                await commands.cancel(VISIT, who, why)
            case _:
                raise AssertionError(action)


def _snapshot(body: str, visit: Visit, timing: str) -> Snapshot:
    """Return what the store holds: the common form, unless another timing was laid over it."""
    return visit.snapshot() if timing else Snapshot(1, body)


def restored(body: str) -> Visit:
    """Return the visit of a common form."""
    return fold(VISIT, History(Snapshot(1, body), ()))
