"""Breadth first through every situation; then backwards from every end (G11)."""

from __future__ import annotations

import gc
import logging
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import NoReturn

import structlog

from engine.actions import Action, ActionKind, in_last_look, legal_actions
from engine.catalogue import Catalogue
from engine.definitions import FlowDefinition
from engine.errors import VisitflowError
from engine.events import Cause, Role, Verdict
from engine.machine import Flow
from engine.outcomes import Effect
from engine.plan import plan
from engine.visit import Visit
from flows.exploring.answers import REVERSAL, WRITE, Answer, inquiry_answers, read_answers
from flows.exploring.books import BY_HAND, Books, Deed, Letter, UndoKind
from flows.exploring.model import Bounds
from flows.exploring.nodes import Common, Situation, timings
from flows.exploring.rules import (
    Broken,
    at_rest,
    closing,
    kept,
    nobody_looks,
    odd_steps,
    received,
    settled_after,
    step_of,
    written_down,
)
from flows.exploring.runs import Asked, Ran, Runs, restored


@dataclass(frozen=True, slots=True)
class Told:
    """One line of a story: what happened, and how the visit stands then."""

    what: str
    then: str


@dataclass(frozen=True, slots=True)
class CounterExample:
    """The shortest way to a broken guarantee."""

    guarantee: str
    what: str
    story: tuple[Told, ...]


@dataclass(slots=True)
class Exploration:
    """What an exploration found. ``complete`` is False when it stopped at ``most`` situations."""

    flow: str
    version: str
    bounds: Bounds
    situations: int = 0
    moves: int = 0  #: all moves and actions from all situations
    runs: int = 0  #: different ones: what the engine was run for
    closed: int = 0
    seconds: float = 0.0
    complete: bool = True
    counter_example: CounterExample | None = None


@dataclass(slots=True)
class _Node:
    situation: Situation
    parent: int | None
    what: str
    before: list[int] = field(default_factory=list)


class _Found(BaseException):
    """A counter-example was found."""


async def explore(
    definition: FlowDefinition,
    catalogue: Catalogue,
    *,
    bounds: Bounds | None = None,
    most: int = 200_000,
    progress: Callable[[int, int], None] = lambda _known, _waiting: None,
) -> Exploration:
    """Explore every situation that a visit of this flow can get into.

    ``progress`` is told every thousand situations how many are known and how many wait. ``most`` ends the exploration;
    its result then says that it is not complete.

    Raises:
        FlowUnavailable: a name in the flow stands for nothing.
    """
    with _undisturbed():
        return await _Search(Runs(definition, catalogue, bounds or Bounds()), most, progress).run()


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Keep log lines about adapters that fail on purpose off the screen, and the collector of cycles out of the way.

    An exploration keeps all it makes and makes no cycles: looking for garbage took a third of its time.
    """
    before, collecting = structlog.get_config(), gc.isenabled()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    gc.disable()
    try:
        yield
    finally:
        structlog.configure(**before)
        if collecting:
            gc.enable()


class _Search:
    def __init__(self, runs: Runs, most: int, progress: Callable[[int, int], None]) -> None:
        self.runs, self.most, self.progress = runs, most, progress
        self.report = Exploration(runs.definition.flow, runs.definition.content_hash(), runs.bounds)
        self.nodes: list[_Node] = []
        self.known: dict[Situation, int] = {}
        self.queue: deque[int] = deque()
        self.ends: list[int] = []
        self.cut: list[int] = []
        self.arrived: dict[tuple[int, Books, str | None], tuple[int, ...]] = {}  #: the same again leads to the same
        self.judged: dict[int, Broken | None] = {}
        self.visits: dict[str, tuple[Visit, list[Action]]] = {}

    async def run(self) -> Exploration:
        began = time.perf_counter()
        start = await self.runs.start()
        self.flow = self.runs.flow
        self.undoes = undoes_of(self.flow)
        self.groups = {undo: min(kind.steps) for undo, kind in self.undoes.items()}
        try:
            self._arrive(None, "the visit is opened", Ran("open", (), start), Books(), None)
            while self.queue:
                await self._leave(self.queue.popleft())
                if len(self.nodes) > self.most:
                    self.report.complete = False
                    break
            if self.report.complete:
                self._find_dead_ends()
        except _Found:
            pass
        self.report.situations, self.report.runs = len(self.nodes), self.runs.count
        self.report.closed = len(self.ends)
        self.report.seconds = time.perf_counter() - began
        return self.report

    # -- the graph
    def _arrive(
        self, parent: int | None, what: str, ran: Ran, books: Books, unsettled: str | None, asked: Asked | None = None
    ) -> None:
        """Come to a situation: judge it, and remember it when it is new."""
        visit = ran.after.visit
        where = (id(ran.after), books, unsettled)
        if (been := self.arrived.get(where)) is not None and parent is not None:
            for known in been:
                self.nodes[known].before.append(parent)
            return
        if (broken := self._at_rest(ran.after, books, unsettled)) is not None:
            self._fail(parent, what, visit, broken)
        if ran.after.too_long:  # not followed: what can happen after one more round can happen after this one
            if parent is not None:
                self.cut.append(parent)
            return
        found = []
        for situation in ran.after.with_books(books, unsettled):
            index = self.known.get(situation)
            if index is None:
                index = self.known[situation] = len(self.nodes)
                self.nodes.append(_Node(situation, parent, what))
                self.queue.append(index)
                if visit.closed:
                    self.ends.append(index)
                if len(self.nodes) % 1000 == 0:
                    self.progress(len(self.nodes), len(self.queue))
            found.append(index)
            if parent is not None:
                self.nodes[index].before.append(parent)
        self.arrived[where] = tuple(found)

    def _at_rest(self, after: Common, books: Books, unsettled: str | None) -> Broken | None:
        """Judge a situation; unless the visit is closed the books make no difference, so once is enough."""
        if books.late is not None and (broken := nobody_looks(self.flow, after.visit, books)) is not None:
            return broken
        if after.visit.closed:
            return closing(self.flow, after.visit, books, unsettled)
        if id(after) not in self.judged:
            self.judged[id(after)] = at_rest(self.flow, after.visit)
        return self.judged[id(after)]

    async def _leave(self, index: int) -> None:
        """Try everything that can happen in a situation."""
        situation = self.nodes[index].situation
        if situation.body not in self.visits:
            visit = restored(situation.body)
            self.visits[situation.body] = visit, _worth_trying(legal_actions(self.flow, visit), visit.state)
        (visit, actions), books = self.visits[situation.body], situation.books
        if books.late is not None:
            what = f"late, the {books.late.step} arrives after all"
            self._arrived_late(index, what, visit, situation)
        for timing, timed in timings(self.flow, visit):
            if plan(self.flow, timed) is not None:
                await self._move(index, situation, timed, timing)
        for action in actions:
            await self._act(index, situation, visit, action)

    def _arrived_late(self, index: int, what: str, visit: Visit, situation: Situation) -> None:
        ran = Ran("late", (), self.runs.common(visit))
        self._arrive(index, what, ran, situation.books.arrive(self.undoes), situation.unsettled)

    # -- moves
    async def _move(self, index: int, situation: Situation, visit: Visit, timing: str) -> None:
        """Make the move that is due next, once with each answer that the peer can give."""
        try:
            await self._try(index, situation, visit, timing)
        except (VisitflowError, ArithmeticError, LookupError, RuntimeError, TypeError, ValueError) as error:
            broken = Broken("G11", f"the engine failed: {type(error).__name__}: {error}")
            self._fail(index, "the next move is made", visit, broken)

    async def _try(self, index: int, situation: Situation, visit: Visit, timing: str) -> None:
        asked, ran = await self.runs.ask(situation.body, visit, timing)
        prefix = f"{timing}: " if timing else ""
        if asked is None:
            assert ran is not None
            self._made(index, prefix + MOVES.get(ran.move, ran.move), ran, situation, situation.books, None, None)
            return
        broken = received(self.flow, asked, situation.books, situation.unsettled, self.undoes)
        for answer in self._answers(asked, situation.books):
            what = f"{prefix}{asked.operation} {answer.words}"
            ran = await self.runs.move(situation.body, visit, timing, answer.seen)
            if broken is not None:
                self._fail(index, what, ran.after.visit, broken)
            self._made(index, what, ran, situation, self._after(asked, answer, situation.books), answer, asked)

    def _made(
        self,
        index: int,
        what: str,
        ran: Ran,
        situation: Situation,
        books: Books,
        answer: Answer | None,
        asked: Asked | None,
    ) -> None:
        self.report.moves += 1
        broken = written_down(answer, asked, ran.events)
        if broken is not None:
            self._fail(index, what, ran.after.visit, broken)
        unsettled = settled_after(ran.events, situation.unsettled)
        if isinstance(unsettled, Broken):
            self._fail(index, what, ran.after.visit, unsettled)
        self._arrive(index, what, ran, books, unsettled)

    def _answers(self, asked: Asked, books: Books) -> tuple[Answer, ...]:
        """Return what the peer can answer, as its books are."""
        if asked.effect is Effect.READ or asked.inquires:
            if asked.letter is None:
                return read_answers("done")
            found = "found" if books.happened(asked.letter, self.undoes) else "not found"
            if asked.inquires:
                return inquiry_answers(found)
            strayed = asked.letter.message in books.strays
            return read_answers(f"{found}, strayed" if strayed else found)
        if asked.about:
            return REVERSAL
        letter = asked.letter
        assert letter is not None
        reached = books.happened(letter, self.undoes)
        odd = odd_steps(asked.durable, books.deeds, self.groups)
        calm = self.groups.get(letter.step, letter.step) not in odd and len(odd) >= self.runs.bounds.oddities
        quiet = books.late is None and not books.strays and not any(deed.by_hand for deed in books.deeds)

        def possible(answer: Answer) -> bool:
            match answer.outcome:
                case "done_already":
                    return reached and not letter.undo
                case "nothing_to_undo":
                    return reached and letter.undo
            if answer.applies is None:
                return quiet and not calm and not reached
            return not (calm and answer.doubtful) and not (letter.undo and reached and answer.applies)

        return tuple(filter(possible, WRITE))

    def _after(self, asked: Asked, answer: Answer, books: Books) -> Books:
        """Return the books after the peer dealt with a call as ``answer`` says."""
        letter = asked.letter
        if asked.effect is Effect.READ or asked.inquires or letter is None or answer.applies is False:
            return books
        if asked.about:
            return books.reverse(letter.message)
        if answer.applies is None:
            return Books(books.deeds, letter, books.strays, books.undone)
        return books.apply(letter, self.undoes)

    # -- people
    async def _act(self, index: int, situation: Situation, visit: Visit, action: Action) -> None:
        """Let a person or the HIS do what is offered. People tell the truth and mend what only they can mend."""
        if action.kind in (ActionKind.CORRECT, ActionKind.MIGRATE):
            return
        books = self._as_told(visit, situation.books, action)
        if books is None:
            return
        what = f"somebody asks: {action.kind.value} {action.target}".rstrip()
        ran = await self.runs.command(situation.body, visit, action)
        if isinstance(ran, str):
            if action.kind is ActionKind.TRIGGER:
                return  # a condition does not hold; the words say so
            self._fail(index, what, visit, Broken("G11", f"it was offered and is refused: {ran}"))
        self._made(index, what, ran, situation, books, None, None)

    def _as_told(self, visit: Visit, books: Books, action: Action) -> Books | None:
        """Return the peer's books after what a person does there by hand; None: the person would be lying."""
        last_look = in_last_look(visit)
        if visit.trouble is not None and visit.trouble.cause is Cause.LATE_ORIGINAL and not last_look:
            return self._mended(visit)
        if action.kind is not ActionKind.SETTLE:
            return books
        if last_look:
            return self._mended(visit)
        call = visit.call
        if call is None:
            after = self._by_hand(visit, books)
            alone = not visit.suspects
            within = len(odd_steps(visit, after.deeds, self.groups)) <= self.runs.bounds.oddities
            return after if alone and within else None
        letter = Letter(call.message_id, call.request["step"], call.role is Role.UNDO, call.request["subject"])
        truth = books.happened(letter, self.undoes)
        return books if truth == (action.target == Verdict.APPLIED.value) else None

    def _by_hand(self, visit: Visit, books: Books) -> Books:
        """A person did at the peer what the peer had refused to us."""
        run = visit.run
        assert run is not None
        if run.role is Role.UNDO:
            leg = visit.trail[-1]
            if not kept(self.flow, leg):
                return books
            undo = next(undo for undo, kind in self.undoes.items() if step_of(self.flow, leg) in kind.steps)
            subject = None if leg.call is None else leg.call.message_id
            return books.without(books.targets(undo, subject, self.undoes))
        edge = self.flow.edge(run.trigger, run.source, run.dest)
        if edge is None or edge.bound is None or edge.bound.operation.effect is Effect.READ:
            return books
        return books.with_deed(Deed(f"{BY_HAND}{len(books.deeds)}", edge.bound.step.name))

    def _mended(self, visit: Visit) -> Books:
        """A person has made the peer's books say what the visit says."""
        legs = [leg for leg in visit.trail if kept(self.flow, leg)]
        return Books(
            tuple(
                Deed(f"{BY_HAND}{number}" if leg.call is None else leg.call.message_id, step_of(self.flow, leg))
                for number, leg in enumerate(legs)
            )
        )

    # -- the end
    def _find_dead_ends(self) -> None:
        """Go back from every closed visit; what is not met can never get there (G11)."""
        alive = [False] * len(self.nodes)
        todo = [*self.ends, *self.cut]
        for index in todo:
            alive[index] = True
        while todo:
            for before in self.nodes[todo.pop()].before:
                if not alive[before]:
                    alive[before] = True
                    todo.append(before)
        if False in alive:
            index = alive.index(False)  # the first found is the one with the shortest story
            broken = "from here the visit can never be ended"
            self.report.counter_example = CounterExample("G11", broken, self._story(index))

    def _fail(self, parent: int | None, what: str, visit: Visit, broken: Broken) -> NoReturn:
        story = (*(() if parent is None else self._story(parent)), Told(what, stands(visit)))
        self.report.counter_example = CounterExample(broken.guarantee, broken.what, story)
        raise _Found

    def _story(self, index: int) -> tuple[Told, ...]:
        lines: list[Told] = []
        step: int | None = index
        while step is not None:
            node = self.nodes[step]
            lines.append(Told(node.what, stands(restored(node.situation.body))))
            step = node.parent
        return tuple(reversed(lines))


#: Moves without a call, in words.
MOVES = {
    "Go": "on it goes",
    "GoBack": "one step back, without a call",
    "FinishUndo": "the way back is done",
    "TakeOver": "the call of a dead process is taken over",
    "Settle": "nothing is left to try",
    "Fire": "the timer fires",
    "GetStuck": "the engine stops and calls a person",
    "Close": "the visit is closed",
}


def stands(visit: Visit) -> str:
    """Say in a few words how a visit stands."""
    parts = [visit.state]
    if visit.trouble is not None:
        parts.append(f"stuck: {visit.trouble.cause.value}")
    elif visit.doubt is not None and visit.call is not None:
        parts.append(f"{visit.call.operation} in doubt")
    elif visit.call is not None:
        parts.append(f"{visit.call.operation} in the air")
    elif visit.run is not None and visit.run.attempts:
        parts.append(f"{visit.run.trigger} to be tried again")
    if visit.undo is not None:
        parts.append(f"going back to {visit.undo.target}")
    if visit.suspects:
        parts.append("one more look due: " + ", ".join(suspect.call.operation for suspect in visit.suspects))
    if visit.closed:
        parts.append("closed")
    return ", ".join(parts)


def _worth_trying(actions: list[Action], state: str) -> list[Action]:
    """Leave out ways back that are made of the same moves as others.

    What stays: dropping what is under way, back over the next call, and to the very beginning (cancel).
    """
    back = [action for action in actions if action.kind is ActionKind.REVERSE]
    dropping = [action for action in back if action.target == state][:1]
    calling = [action for action in back if action.sends][:1]
    return [action for action in actions if action not in back or action in (*dropping, *calling)]


def undoes_of(flow: Flow) -> dict[str, UndoKind]:
    """Return what each undo step undoes."""
    found: dict[str, UndoKind] = {}
    for edge in flow.all_edges():
        if edge.back.bound is not None and edge.bound is not None:
            name = edge.back.bound.step.name
            before = found.get(name, UndoKind(frozenset(), sweeps=False))
            further = edge.source == edge.dest or edge.back.dest != edge.source
            found[name] = UndoKind(before.steps | {edge.bound.step.name}, before.sweeps or further)
    return found
