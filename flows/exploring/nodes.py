"""Situations: a visit's fold, the peer's books and what is still open, in one form for all that behave alike.

Names of messages, ages, evidence and wording make no difference to what can happen next, so they are made the same.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from pydantic_core import from_json, to_json

from engine.definitions import SettleKind
from engine.environment import SECOND
from engine.machine import Edge, Flow
from engine.outcomes import Effect
from engine.plan import way_of
from engine.visit import Leg, Visit
from flows.exploring.books import BY_HAND, Books, Deed, Letter
from flows.exploring.model import NOW, Bounds, flag_of

#: The legs of a trail that matter: index, and the state that it comes from where a detour was left out.
Route = tuple[tuple[int, str], ...]


@dataclass(frozen=True, slots=True)
class Situation:
    """One node of the graph. ``body`` is the fold as JSON; ``unsettled`` the message that nobody has settled yet."""

    body: str
    books: Books
    unsettled: str | None


def form(flow: Flow, bounds: Bounds, visit: Visit, body: str) -> dict[str, Any]:
    """Return a visit (``body`` is its snapshot) without what makes no difference to what can happen next."""
    raw: dict[str, Any] = from_json(body)
    _forget_ages(raw, bounds)
    _forget_words(raw)
    if _is_asked(flow, visit):  # a person takes longer than a message; one who is quick is like an early look
        raw["doubt"]["believe_at"] = None
    elif (doubt := visit.doubt) is not None and _inquires(flow, visit):  # when it is believed counts from its beginning
        late_look = flow.definition.settling.late_look
        raw["doubt"]["since"] = NOW - min(max(doubt.next_at, visit.updated_at) - doubt.since, late_look)
    if visit.state not in flow.final:  # tries of the last look count only where it is made
        for suspect in raw["suspects"]:
            suspect["tries"] = 0
    flags = _flags(flow, visit)
    raw["data"] = {name: True for name in flags if raw["data"].get(name)}
    return raw


def _is_asked(flow: Flow, visit: Visit) -> bool:
    """Tell whether the doubt that is open is for a person to decide."""
    if visit.doubt is None or visit.call is None:
        return False
    way = way_of(flow, visit, visit.call)
    return way is None or all(method.kind is SettleKind.ASK for method in way.methods[visit.doubt.method :])


def _inquires(flow: Flow, visit: Visit) -> bool:
    """Tell whether the doubt that is open is settled by an inquiry, which nobody makes again before closing."""
    way = None if visit.call is None else way_of(flow, visit, visit.call)
    kinds = [] if way is None else [method.kind for method in way.methods]
    return SettleKind.INQUIRE in kinds and SettleKind.PROBE not in kinds


class Common:
    """A visit in the form that it shares with all that behave alike; with the peer's books it becomes a situation."""

    def __init__(self, flow: Flow, bounds: Bounds, visit: Visit, raw: dict[str, Any]) -> None:
        """Take what :func:`form` made of ``visit``."""
        self.visit = visit
        edges = Counter((leg.trigger, leg.source) for leg in visit.trail)
        self.too_long = max(edges.values(), default=0) > bounds.rounds  #: it goes round, and is not followed further
        self._raw = raw
        self._flags = _flags(flow, visit)
        self._reversible = any(m.kind is SettleKind.REVERSE for edge in flow.all_edges() for m in edge.back.methods)
        self._forgotten = forgotten(flow)
        self._flow, self._ways = flow, bare_ways(flow)
        trail = visit.trail
        states = [leg.source for leg in trail] + ([trail[-1].dest] if trail else [])
        self._may_turn = len(set(states)) < len(states) and visit.undo is None
        self._bodies: dict[tuple[tuple[str, ...], Route], tuple[list[str], dict[str, str]]] = {}

    def with_books(self, books: Books, unsettled: str | None) -> Iterator[Situation]:
        """Return the situation, with every combination of the conditions that matter: a HIS may change any of them."""
        suspects = self._followed(books)
        asked = tuple(suspect["call"]["message_id"] for suspect in suspects)
        route = self._route(books, asked)
        if len(route) < len(self.visit.trail):
            left = {index for index, _ in route}
            legs = (leg for index, leg in enumerate(self.visit.trail) if index not in left)
            gone = {leg.call.message_id for leg in legs if leg.call is not None}
            books = replace(books, deeds=tuple(deed for deed in books.deeds if deed.message not in gone))
        key = (asked, route)
        if key not in self._bodies:
            self._bodies[key] = self._written(suspects, route)
        bodies, names = self._bodies[key]
        books, unsettled = self._renamed(self._remembered(books, asked), unsettled, dict(names))
        for body in bodies:
            yield Situation(body, books, unsettled)

    def _route(self, books: Books, suspects: tuple[str, ...]) -> Route:
        """Return the legs that matter: without turns, and with the direct way where there was a detour without calls.

        A detour passes states in which nothing was done; where the flow knows the direct way as well, both lead to the
        same place, and the way back over either makes no call.
        """
        left = self._without_turns(books, suspects) if self._may_turn else list(range(len(self.visit.trail)))
        trail = self.visit.trail
        route: list[tuple[int, str]] = []
        for index in left:
            leg, source = trail[index], trail[index].source
            while route and self._is_bare(trail[route[-1][0]]) and self._bare(route[-1][1], leg.dest, leg) is not None:
                source = route.pop()[1]
            route.append((index, source))
        return tuple(route)

    def _without_turns(self, books: Books, suspects: tuple[str, ...]) -> list[int]:
        """Return the legs without those of whole turns that leave nothing behind which earlier legs had not left.

        A turn leads from a state back to it. Each of its legs either did nothing that the peer keeps, or did once more
        what an earlier leg did, and the undo of either takes both back at once. Then everything that can happen after
        the turn can happen without it, and the other way round: so any number of turns is explored, not some.
        """
        open_call = self.visit.call
        asked = {*suspects, *books.strays, *(() if open_call is None else (open_call.message_id,))}
        asked |= {books.late.message} if books.late is not None else set()
        asked |= {books.undone[0], *(deed.message for deed in books.undone[1])} if books.undone is not None else set()
        stands = {deed.message for deed in books.deeds} - asked
        left = list(range(len(self.visit.trail)))
        while (turn := self._a_turn(left, stands, asked)) is not None:
            left = [index for index in left if index not in turn]
        return left

    def _a_turn(self, left: list[int], stands: set[str], asked: set[str]) -> list[int] | None:
        trail = self.visit.trail
        for begin in range(len(left)):
            for end in range(len(left), begin, -1):
                turn = left[begin:end]
                if trail[turn[0]].source == trail[turn[-1]].dest and all(
                    self._leaves_nothing_new(trail[index], [trail[each] for each in left[:begin]], stands, asked)
                    for index in turn
                ):
                    return turn
        return None

    def _is_bare(self, leg: Leg) -> bool:
        edge = self._flow.edge(leg.trigger, leg.source, leg.dest)
        return leg.call is None and edge is not None and is_bare(edge)

    def _is_kept(self, leg: Leg) -> bool:
        """Tell whether it matters which message made a leg: only to an undo that calls, or where there is none."""
        edge = self._flow.edge(leg.trigger, leg.source, leg.dest)
        return edge is None or keeps(edge)

    def _bare(self, source: str, dest: str, leg: Leg) -> str | None:
        """Return the first trigger that leads from ``source`` to ``dest`` as quietly as ``leg`` came there, or None."""
        return self._ways.get((source, dest)) if self._is_bare(leg) else None

    def _leaves_nothing_new(self, leg: Leg, before: list[Leg], stands: set[str], asked: set[str]) -> bool:
        edge = self._flow.edge(leg.trigger, leg.source, leg.dest)
        if edge is None or (leg.call is not None and leg.call.message_id in asked):
            return False
        if not _writes(edge) or not keeps(edge):
            return edge.back.impossible is None
        if leg.call is None or leg.call.message_id not in stands:
            return False
        return any(
            (earlier := self._flow.edge(each.trigger, each.source, each.dest)) is not None
            and earlier.back.bound is not None
            and edge.back.bound is not None
            and earlier.back.bound.step.name == edge.back.bound.step.name
            and earlier.back.dest == edge.back.dest
            for each in before
        )

    def _followed(self, books: Books) -> list[dict[str, Any]]:
        """Return the suspect that is followed up: one with something to find; else the newest, unless work by hand is.

        Leaving one out is as if its last look had agreed already.
        """
        suspects: list[dict[str, Any]] = self._raw["suspects"]
        if not suspects:
            return suspects
        guilty = books.strays | ({books.late.message} if books.late is not None else set())
        found = [each for each in suspects if each["call"]["message_id"] in guilty]
        return found or ([] if any(deed.by_hand for deed in books.deeds) else suspects[-1:])

    def _remembered(self, books: Books, suspects: tuple[str, ...]) -> Books:
        """Leave out of the books what no open question is about any more.

        A message may arrive late as long as the visit still looks for it: ``late_look`` is chosen longer than the
        network remembers (docs/reliability.md).
        """
        if books.late is None and books.undone is None and not books.strays and not self._forgotten:
            return books
        asked = set(suspects) if self._raw["call"] is None else {*suspects, self._raw["call"]["message_id"]}
        return Books(
            tuple(deed for deed in books.deeds if deed.step not in self._forgotten or deed.message in asked),
            books.late if books.late is not None and books.late.message in asked else None,
            books.strays & asked,
            books.undone if self._reversible and books.undone is not None and books.undone[0] in asked else None,
        )

    def _written(self, suspects: list[dict[str, Any]], route: Route) -> tuple[list[str], dict[str, str]]:
        """Return the fold as JSON, once for each combination of flags, and the new names of its messages."""
        messages: dict[str, str] = {}
        calls: dict[str, str] = {}

        def common(call: dict[str, Any] | None) -> dict[str, Any] | None:
            if call is None:
                return None
            name = _name(messages, call["message_id"])
            asked = {
                k: _name(messages, v) if k in ("subject", "about") and v else v for k, v in call["request"].items()
            }
            number = calls.setdefault(call["call"], f"c{len(calls)}")
            return call | {"message_id": name, "call": number, "at": NOW, "seq": 1, "request": asked}

        raw = self._raw
        doubt = raw["doubt"]
        kept = {index for index, _ in route if self._is_kept(self.visit.trail[index])}
        raw = raw | {
            "trail": [
                leg
                | {
                    "call": common(leg["call"]) if index in kept else None,
                    "source": source,
                    "trigger": self._bare(source, leg["dest"], self.visit.trail[index]) or leg["trigger"],
                }
                for leg, (index, source) in ((raw["trail"][index], (index, source)) for index, source in route)
            ],
            "call": common(raw["call"]),
            "doubt": None if doubt is None else doubt | {"aid": common(doubt["aid"])},
            "suspects": [each | {"call": common(each["call"])} for each in suspects],
        }
        bodies = []
        for values in itertools.product((False, True), repeat=len(self._flags)):
            raw["data"] = {name: True for name, value in zip(self._flags, values, strict=True) if value}
            bodies.append(to_json(raw).decode())
        return bodies, messages

    @staticmethod
    def _renamed(books: Books, unsettled: str | None, names: dict[str, str]) -> tuple[Books, str | None]:
        ordered = sorted(books.deeds, key=lambda deed: deed.message in books.strays)  # strays: in no order
        deeds = tuple(Deed(_name(names, deed.message), deed.step) for deed in ordered)
        late = books.late
        if late is not None:
            subject = None if late.subject is None else _name(names, late.subject)
            late = Letter(_name(names, late.message), late.step, late.undo, subject)
        strays = frozenset(_name(names, message) for message in sorted(books.strays))
        undone = books.undone
        if undone is not None:
            undone = _name(names, undone[0]), tuple(Deed(_name(names, deed.message), deed.step) for deed in undone[1])
        return Books(deeds, late, strays, undone), None if unsettled is None else _name(names, unsettled)


def _name(names: dict[str, str], message: str) -> str:
    """Return the new name of a message, by the order in which they come up."""
    found = names.get(message)
    if found is None:
        prefix = BY_HAND if message.startswith(BY_HAND) else "m"
        found = names[message] = f"{prefix}{len(names)}"
    return found


def forgotten(flow: Flow) -> set[str]:
    """Return the steps of which the peer keeps nothing, as the flow says (``undo: {nothing: ...}``)."""
    return {edge.bound.step.name for edge in flow.all_edges() if edge.bound is not None and not keeps(edge)}


def keeps(edge: Edge) -> bool:
    """Tell whether a peer keeps what the step of an edge did, so that it has to be undone or cannot be."""
    return edge.back.bound is not None or edge.back.impossible is not None


def timings(flow: Flow, visit: Visit) -> Iterator[tuple[str, Visit]]:
    """Return the visit as it is and, where several things may come with time, with each of them first.

    Ages are forgotten in the common form, so which of two timers comes first has to be tried both ways.
    """
    yield "", visit
    if visit.trouble is not None or visit.closed or visit.call is not None or visit.undo is not None:
        return
    run = visit.run
    if run is not None:
        edge = flow.edge(run.trigger, run.source, run.dest)
        if edge is not None and edge.deadline is not None:
            started = run.started_at
            run.started_at = NOW - edge.deadline - SECOND
            yield "the deadline passes", visit
            run.started_at = started
        return
    timers = flow.timers[visit.state]
    if not timers or visit.state in flow.final or visit.held:
        return
    names = [timer.name for timer in timers]
    before = visit.timers, visit.entered_at, visit.waiting_since
    for timer in timers:
        visit.timers = dict.fromkeys(names, NOW)
        age = timer.after or timer.every or 0
        visit.entered_at = NOW - age
        if timer.after is not None:
            del visit.timers[timer.name]
        else:
            visit.timers[timer.name] = NOW - age
        yield f"timer {timer.name} comes first", visit
    visit.timers = dict.fromkeys(names, NOW)
    visit.waiting_since = NOW - flow.definition.wait_in(visit.state)
    yield "nobody comes", visit
    visit.timers, visit.entered_at, visit.waiting_since = before


def is_bare(edge: Edge) -> bool:
    """Tell whether neither the edge nor the way back over it makes a write: the peer knows nothing of it."""
    return not _writes(edge) and not keeps(edge)


@lru_cache(maxsize=8)
def bare_ways(flow: Flow) -> dict[tuple[str, str], str]:
    """Return, for each pair of states that a bare edge joins, the first trigger of such an edge by name."""
    ways: dict[tuple[str, str], str] = {}
    for edge in sorted(filter(is_bare, flow.all_edges()), key=lambda each: each.trigger):
        ways.setdefault((edge.source, edge.dest), edge.trigger)
    return ways


def _writes(edge: Edge) -> bool:
    return edge.bound is not None and edge.bound.operation.effect is not Effect.READ


def _flags(flow: Flow, visit: Visit) -> list[str]:
    """Return the conditions that decide what can happen next."""
    moving = visit.run is not None or visit.call is not None or visit.undo is not None
    if moving or visit.closed or visit.state in flow.final:
        return []
    return sorted({flag_of(name) for edge in flow.edges_from(visit.state) for name, _ in (*edge.when, *edge.unless)})


def _forget_ages(raw: dict[str, Any], bounds: Bounds) -> None:
    """Keep of every time whether it has come, comes soon, or later than that; of counters, what is up to the bound."""
    now: int = raw["updated_at"]

    def soon(at: int | None, most: int = 1) -> int | None:
        if at is None:
            return None
        return NOW + min(max(at - now, 0) // SECOND, most) * SECOND

    raw["seq"] = 1
    for name in ("opened_at", "updated_at", "entered_at", "waiting_since"):
        raw[name] = NOW
    raw["pause"] = None  # the call is made as if it had not had to wait; tests/flows/test_pausing.py holds it to that
    raw["timers"] = {}  # which of them has fired: :func:`timings` tries every order anyway
    for leg in raw["trail"]:
        leg["at"] = NOW
    if (run := raw["run"]) is not None:
        run["started_at"], run["paused"] = NOW, 0
        run["attempts"] = min(run["attempts"], bounds.attempts)
        run["next_at"] = soon(run["next_at"]) if raw["call"] is None else None  # an open call sets it when it ends
    if (doubt := raw["doubt"]) is not None:
        doubt |= {"since": NOW, "looks": min(doubt["looks"], bounds.looks), "tries": min(doubt["tries"], bounds.tries)}
        # An open doubt is all that a visit waits for, so time jumps to the next look; what counts is whether the
        # message may still be on its way then.
        at = max(doubt["next_at"], now)
        doubt["next_at"] = NOW
        ahead = 0 if doubt["believe_at"] is None else min(max(doubt["believe_at"] - at, 0) // SECOND, 3)
        doubt["believe_at"] = NOW + ahead * SECOND if ahead else None
    for suspect in raw["suspects"]:
        suspect["tries"] = min(suspect["tries"], bounds.tries)
        suspect["at"] = NOW  # it is looked at when nothing else is left to do, however long that takes


def _forget_words(raw: dict[str, Any]) -> None:
    if (doubt := raw["doubt"]) is not None:
        doubt |= {"reason": "", "events": [], "exchanges": []}
    if (trouble := raw["trouble"]) is not None:
        trouble |= {"message": "", "evidence": {}, "at": NOW, "seq": 1, "call": None}
