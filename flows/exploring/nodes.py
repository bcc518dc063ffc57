"""Situations: a visit's fold, the peer's books and what is still open, in one form for all that behave alike.

Names of messages, ages, evidence and wording make no difference to what can happen next, so they are made the same.
"""

from __future__ import annotations

import itertools
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from engine.definitions import SettleKind
from engine.environment import SECOND
from engine.machine import Edge, Flow
from engine.visit import Visit
from flows.exploring.books import BY_HAND, Books, Deed, Letter
from flows.exploring.model import NOW, Bounds, flag_of


@dataclass(frozen=True, slots=True)
class Situation:
    """One node of the graph. ``body`` is the fold as JSON; ``unsettled`` the message that nobody has settled yet."""

    body: str
    books: Books
    unsettled: str | None


def form(flow: Flow, bounds: Bounds, visit: Visit, body: str) -> dict[str, Any]:
    """Return a visit (``body`` is its snapshot) without what makes no difference to what can happen next."""
    raw: dict[str, Any] = json.loads(body)
    _forget_ages(raw, bounds)
    _forget_words(raw)
    if visit.state not in flow.final:  # tries of the last look count only where it is made
        for suspect in raw["suspects"]:
            suspect["tries"] = 0
    flags = _flags(flow, visit)
    raw["data"] = {name: True for name in flags if raw["data"].get(name)}
    return raw


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
        self._bodies: dict[tuple[str, ...], tuple[list[str], dict[str, str]]] = {}

    def with_books(self, books: Books, unsettled: str | None) -> Iterator[Situation]:
        """Return the situation, with every combination of the conditions that matter: a HIS may change any of them."""
        suspects = self._followed(books)
        key = tuple(suspect["call"]["message_id"] for suspect in suspects)
        if key not in self._bodies:
            self._bodies[key] = self._written(suspects)
        bodies, names = self._bodies[key]
        books, unsettled = self._renamed(self._remembered(books, key), unsettled, dict(names))
        for body in bodies:
            yield Situation(body, books, unsettled)

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

    def _written(self, suspects: list[dict[str, Any]]) -> tuple[list[str], dict[str, str]]:
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
        raw = raw | {
            "trail": [leg | {"call": common(leg["call"])} for leg in raw["trail"]],
            "call": common(raw["call"]),
            "doubt": None if doubt is None else doubt | {"aid": common(doubt["aid"])},
            "suspects": [each | {"call": common(each["call"])} for each in suspects],
        }
        bodies = []
        for values in itertools.product((False, True), repeat=len(self._flags)):
            raw["data"] = {name: True for name, value in zip(self._flags, values, strict=True) if value}
            bodies.append(json.dumps(raw, sort_keys=True, separators=(",", ":")))
        return bodies, messages

    @staticmethod
    def _renamed(books: Books, unsettled: str | None, names: dict[str, str]) -> tuple[Books, str | None]:
        deeds = tuple(Deed(_name(names, deed.message), deed.step) for deed in books.deeds)
        late = books.late
        if late is not None:
            subject = None if late.subject is None else _name(names, late.subject)
            late = Letter(_name(names, late.message), late.step, late.undo, subject)
        strays = frozenset(_name(names, message) for message in sorted(books.strays))
        undone = books.undone
        if undone is not None:
            undone = _name(names, undone[0]), Deed(_name(names, undone[1].message), undone[1].step)
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
    raw["timers"] = dict.fromkeys(raw["timers"], NOW)
    for leg in raw["trail"]:
        leg["at"] = NOW
    if (run := raw["run"]) is not None:
        run["started_at"] = NOW
        run["attempts"] = min(run["attempts"], bounds.attempts)
        run["next_at"] = soon(run["next_at"])
    if (doubt := raw["doubt"]) is not None:
        doubt |= {"since": NOW, "looks": min(doubt["looks"], bounds.looks), "tries": min(doubt["tries"], bounds.tries)}
        doubt["next_at"] = soon(doubt["next_at"])
        doubt["believe_at"] = soon(doubt["believe_at"], 3)
        if doubt["believe_at"] == NOW:
            doubt["believe_at"] = None
    for suspect in raw["suspects"]:
        suspect["tries"] = min(suspect["tries"], bounds.tries)
        suspect["at"] = NOW  # it is looked at when nothing else is left to do, however long that takes


def _forget_words(raw: dict[str, Any]) -> None:
    if (doubt := raw["doubt"]) is not None:
        doubt |= {"reason": "", "events": [], "exchanges": []}
    if (trouble := raw["trouble"]) is not None:
        trouble |= {"message": "", "evidence": {}, "at": NOW, "seq": 1, "call": None}
