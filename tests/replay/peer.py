"""A peer that keeps books (flows/exploring/books.py) and answers as a story wants it to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Self

from engine.adapter import Adapter, Call, Operation
from engine.catalogue import Catalogue
from engine.environment import Micros
from engine.events import AnyEvent, Intent, Role
from engine.faultpoints import Crash, FaultPoint
from engine.machine import Flow
from engine.outcomes import Effect, NotSent, Outcome
from engine.visit import PendingCall, Visit
from flows.exploring.answers import OUTCOMES, Answer
from flows.exploring.books import BY_HAND, Books, Deed, Letter
from flows.exploring.rules import kept, step_of
from flows.exploring.search import undoes_of

#: Which calls an answer of a story is for.
FORWARD, UNDO, PROBE, REVERSING, READ = "forward", "undo", "probe", "reversing", "read"
#: Entries of the peer's log that are no message.
_HAND, _MENDED, _LATE = "hand:", "mended", "late:"


@dataclass
class BookPeer:
    """All peers of one visit. ``answers``: by kind of call, what comes of it; ``times``: how often at each operation.

    ``log`` is enough to bring another peer's books to where these stand (:meth:`restore`).
    """

    flow: Flow
    answers: dict[str, Answer] = field(default_factory=dict)
    times: int = 1
    log: list[str] = field(default_factory=list)
    received: list[tuple[Effect, str]] = field(default_factory=list)  #: effect and message id of every write
    books: Books = field(default_factory=Books)

    def __post_init__(self) -> None:
        self.undoes = undoes_of(self.flow)
        self._given: Counter[tuple[str, str]] = Counter()
        ways = [(way, kind) for e in self.flow.all_edges() for way, kind in ((e, FORWARD), (e.back, UNDO))]
        kinds = {(way.bound.operation.name, kind) for way, kind in ways if way.bound is not None}
        #: whether an operation serves both as a step and as an undo, such as signing out
        self.ambiguous = len({operation for operation, _ in kinds}) < len(kinds)
        self._kinds = {way.bound.operation.name: kind for way, kind in reversed(ways) if way.bound is not None}

    def adapters(self, catalogue: Catalogue) -> dict[str, Adapter]:
        """Return the adapters of the flow, all of which speak to this peer."""
        names = dict.fromkeys(self.flow.definition.adapters.values())
        return {name: Desk(name, catalogue.adapter(name).operations, self) for name in names}

    def mend(self) -> None:
        """Answer well from now on."""
        self.answers = {}

    # -- answering
    def hook(self, point: FaultPoint, operation: str) -> None:
        """Let the process die at ``point`` of a write, when the story says so."""
        kind = self._kinds.get(operation, FORWARD)
        answer = self.answers.get(kind)
        if answer is not None and answer.crash is point and self._given[kind, operation] < self.times:
            self._given[kind, operation] += 1
            raise Crash

    def call(self, call: Call, effect: Effect) -> Outcome:
        """Deal with a call: perhaps let it take effect, perhaps answer."""
        about = call.request.get("about")
        if effect is Effect.READ:
            return self._look(call) if about is not None else self._answer(READ, call, "done", "done")
        self.received.append((effect, call.message_id))
        if about is not None:
            answer = self._chosen(REVERSING, call)
            if answer is None or answer.applies:
                self._reverse(str(about), call.message_id)
            return _outcome(answer, "reversed")
        return self._write(call)

    def _write(self, call: Call) -> Outcome:
        step, subject = str(call.request["step"]), call.request["subject"]
        letter = Letter(call.message_id, step, step in self.undoes, subject)
        answer = self._chosen(UNDO if letter.undo else FORWARD, call)
        reached = self.books.happened(letter, self.undoes)
        if letter.undo and reached:
            return _outcome(answer if answer is not None and answer.crash else None, "nothing_to_undo")
        late = self.books.late
        if answer is not None and answer.applies is None:
            self.books = Books(self.books.deeds, letter, self.books.strays, self.books.undone)
        elif answer is None or answer.applies:
            self.books = self.books.apply(letter, self.undoes)
            self.log.append(letter.message)
            if late is not None and late.step == letter.step:  # the earlier one arrives after all
                self.books = self.books.arrive(self.undoes)
                self.log.append(_LATE + late.message)
        return _outcome(answer, "done")

    def _look(self, call: Call) -> Outcome:
        step, subject = str(call.request["step"]), call.request["subject"]
        letter = Letter(str(call.request["about"]), step, step in self.undoes, subject)
        found = "found" if self.books.happened(letter, self.undoes) else "not found"
        told = f"{found}, strayed" if letter.message in self.books.strays else found
        return self._answer(PROBE, call, told, told)

    def _answer(self, kind: str, call: Call, told: str, otherwise: str) -> Outcome:
        answer = self._chosen(kind, call)
        return _outcome(None if answer is None or answer.outcome == "done" else answer, otherwise)

    def _chosen(self, kind: str, call: Call) -> Answer | None:
        answer = self.answers.get(kind)
        if answer is None or self._given[kind, call.operation] >= self.times:
            return None
        self._given[kind, call.operation] += answer.crash in (None, FaultPoint.AFTER_SEND)  # else counted by the hook
        return answer

    def _reverse(self, message: str, by: str) -> None:
        self.books = self.books.reverse(message)
        self.log.append(by)

    # -- people
    def happened(self, call: PendingCall) -> bool:
        """Tell the truth about a call in doubt."""
        undo = call.role is Role.UNDO
        return self.books.happened(
            Letter(call.message_id, call.request["step"], undo, call.request["subject"]), self.undoes
        )

    def by_hand(self, visit: Visit) -> None:
        """Do at the peer what the run of ``visit``, which has no open call, was to do."""
        run = visit.run
        assert run is not None
        if run.role is Role.UNDO:
            leg = visit.trail[-1]
            if kept(self.flow, leg):
                undo = next(undo for undo, kind in self.undoes.items() if step_of(self.flow, leg) in kind.steps)
                self._hand(undo, None if leg.call is None else leg.call.message_id)
            return
        edge = self.flow.edge(run.trigger, run.source, run.dest)
        if edge is not None and edge.bound is not None and edge.bound.operation.effect is not Effect.READ:
            self._hand(edge.bound.step.name, None)

    def _hand(self, step: str, subject: str | None) -> None:
        if step in self.undoes:
            self.books = self.books.without(self.books.targets(step, subject, self.undoes))
        else:
            self.books = self.books.with_deed(Deed(f"{BY_HAND}{len(self.log)}", step))
        self.log.append(f"{_HAND}{step}:{subject or ''}")

    def make_agree(self) -> None:
        """Take away what came late, so that the books say what the visit says."""
        deeds = tuple(deed for deed in self.books.deeds if deed.message not in self.books.strays)
        self.books = Books(deeds)
        self.log.append(_MENDED)

    # -- another time
    def restore(self, log: Iterable[str], events: Iterable[AnyEvent]) -> None:
        """Bring the books to where they stood after ``log``; ``events`` hold the requests."""
        sent: dict[str, Intent] = {}
        for event in events:
            if isinstance(event, Intent):
                sent.setdefault(event.message_id, event)
        for entry in log:
            if entry.startswith(_HAND):
                _, step, subject = entry.split(":", 2)
                self._hand(step, subject or None)
            elif entry == _MENDED:
                self.make_agree()
            else:
                self._restore(sent[entry.removeprefix(_LATE)], entry)

    def _restore(self, intent: Intent, entry: str) -> None:
        if intent.role is Role.REVERSE:
            self._reverse(str(intent.request["about"]), entry)
            return
        step = intent.request["step"]
        letter = Letter(intent.message_id, step, step in self.undoes, intent.request["subject"])
        if entry.startswith(_LATE):
            books = self.books
            self.books = Books(books.deeds, letter, books.strays, books.undone).arrive(self.undoes)
        else:
            self.books = self.books.apply(letter, self.undoes)
        self.log.append(entry)


def _outcome(answer: Answer | None, otherwise: str) -> Outcome:
    if answer is not None and answer.crash is FaultPoint.AFTER_SEND:
        raise Crash
    return OUTCOMES[otherwise if answer is None or answer.crash else answer.outcome]()


@dataclass
class Desk:
    """One adapter of the flow: the peer's, with the operations of the real one."""

    name: str
    operations_: Mapping[str, Operation]
    peer: BookPeer
    operations: ClassVar[Mapping[str, Operation]] = {}

    @classmethod
    def from_settings(cls, settings: Mapping[str, Any]) -> Self:
        raise NotImplementedError

    def message_id(self, now: Micros, number: int) -> str:
        return f"{self.name}:{number}"

    async def call(self, call: Call) -> Outcome:
        if not call.guard():
            return NotSent("lease lost")
        return self.peer.call(call, self.operations_[call.operation].effect)

    async def close(self) -> None:
        pass
