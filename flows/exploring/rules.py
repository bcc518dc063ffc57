"""What must hold in every situation and of every move: G1, G2, G6, G8 and G11 as they can be seen at the peer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from engine.actions import legal_actions
from engine.definitions import SettleKind
from engine.events import AnyEvent, Cause, Concluded, Intent, Role, Settled, Stuck
from engine.machine import Flow
from engine.outcomes import Effect
from engine.plan import plan
from engine.visit import Leg, Visit
from flows.exploring.answers import Answer
from flows.exploring.books import Books, Deed, Undoes
from flows.exploring.nodes import forgotten, keeps
from flows.exploring.runs import Asked


@dataclass(frozen=True, slots=True)
class Broken:
    """A guarantee that does not hold, and how that shows."""

    guarantee: str
    what: str


def received(flow: Flow, asked: Asked, books: Books, unsettled: str | None, undoes: Undoes) -> Broken | None:
    """Judge a write at the moment when it reaches the peer, before it takes effect (G1, G2, G6)."""
    if asked.effect is Effect.READ:
        return None
    durable, letter, name = asked.durable, asked.letter, asked.operation
    if asked.pending is None:
        return Broken("G1", f"{name} left before its intent was durable")
    if asked.about or letter is None:
        return None
    fresh = durable.doubt is None and asked.pending is durable.call
    if fresh and unsettled not in (None, asked.message):
        return Broken("G2", f"{name} is sent while an earlier call is not settled")
    if not fresh and asked.pending.effect is Effect.ONCE:
        return Broken("G2", f"{name} is sent a second time")
    ours = {leg.call.message_id: leg for leg in durable.trail if leg.call is not None}
    if letter.undo:
        standing = [deed for deed in books.deeds if deed.message in ours and kept(flow, ours[deed.message])]
        targets = books.targets(letter.step, letter.subject, undoes)
        undone = [deed in targets for deed in standing]
        if undone != sorted(undone):
            return Broken("G6", f"{name} undoes something that is not the newest")
        return None
    if letter.step in forgotten(flow):
        return None
    known = (*ours, *books.strays, asked.message)
    if any(deed.step == letter.step and not deed.by_hand and deed.message not in known for deed in books.deeds):
        return Broken("G2", f"{name} is sent although an earlier one took effect")
    return None


def settled_after(events: Sequence[AnyEvent], before: str | None) -> str | Broken | None:
    """Return the write that nobody has settled after ``events``, or that a second one began meanwhile (G2)."""
    unsettled = before
    for event in events:
        match event:
            case Intent(role=Role.FORWARD | Role.UNDO, message_id=message):
                if unsettled is not None:
                    return Broken("G2", f"an intent of {event.operation} while an earlier call is not settled")
                unsettled = message
            case Concluded(outcome="done" | "refused" | "not_sent", look_at=None) | Settled():
                unsettled = None
    return unsettled


def written_down(answer: Answer | None, asked: Asked | None, events: Sequence[AnyEvent]) -> Broken | None:
    """Hold G8: what nobody knows about a write is written down as in doubt, with a time to look."""
    for event in events:
        if isinstance(event, Stuck) and event.cause is Cause.ENGINE_ERROR:
            return Broken("G11", event.message)
        if answer is None or asked is None or asked.effect is Effect.READ or not answer.unknown:
            continue
        if isinstance(event, Concluded) and event.operation and event.look_at is None:
            return Broken("G8", f"{event.operation} {answer.words}, and is taken as {event.outcome}")
    return None


def at_rest(flow: Flow, visit: Visit) -> Broken | None:
    """Hold what must be true whenever nobody works on a visit that is not closed (G11)."""
    if visit.trouble is not None:
        if not legal_actions(flow, visit):
            return Broken("G11", f"stuck ({visit.trouble.cause.value}) and nothing is legal")
        return None
    if plan(flow, visit) is None:
        return Broken("G11", "nothing is due, and nobody is called")
    return None


def closing(flow: Flow, visit: Visit, books: Books, unsettled: str | None) -> Broken | None:
    """Hold what must be true of a closed visit: nothing open, and the peer says what the visit says (G2, G6)."""
    if unsettled is not None:
        return Broken("G2", "the visit is closed while a call is not settled")
    return _books_agree(flow, visit, books)


def nobody_looks(flow: Flow, visit: Visit, books: Books) -> Broken | None:
    """Hold that a message which may still come is looked for until the end, where the flow has a way to look."""
    if books.late is None or visit.state in flow.final or visit.closed:
        return None
    if books.applied(books.late.message):  # keyed, and repeated meanwhile: the peer knows it when it comes
        return None
    asked = [suspect.call.message_id for suspect in visit.suspects]
    if books.late.message in asked or (visit.call is not None and visit.call.message_id == books.late.message):
        return None
    if books.late.step in _probed(flow):
        return Broken("G2", f"{books.late.step} may still arrive, and nobody will look for it")
    return None


def _probed(flow: Flow) -> set[str]:
    """Return the steps whose doubts a probe can look into."""
    ways = [way for edge in flow.all_edges() for way in (edge, edge.back)]
    return {
        way.bound.step.name
        for way in ways
        if way.bound is not None and any(method.kind is SettleKind.PROBE for method in way.methods)
    }


def _books_agree(flow: Flow, visit: Visit, books: Books) -> Broken | None:
    """A closed visit and the peer say the same: each leg once, and nothing besides."""
    expected = sorted(step_of(flow, leg) for leg in visit.trail if kept(flow, leg))
    out_of_account = forgotten(flow)
    actual = sorted(deed.step for deed in books.deeds if deed.step not in out_of_account)
    if actual == expected:
        return None
    says = f"the visit says {', '.join(expected) or 'nothing'}, the peer {', '.join(actual) or 'nothing'}"
    return Broken("G2", f"the visit is closed in {visit.state} and the books disagree: {says}")


def kept(flow: Flow, leg: Leg) -> bool:
    """Tell whether the peer keeps something of a leg: a write whose undo is a call, or impossible."""
    edge = flow.edge(leg.trigger, leg.source, leg.dest)
    if edge is None or edge.bound is None or edge.bound.operation.effect is Effect.READ:
        return False
    return keeps(edge)


def step_of(flow: Flow, leg: Leg) -> str:
    """Return the name of the step that made a leg."""
    edge = flow.edge(leg.trigger, leg.source, leg.dest)
    assert edge is not None and edge.bound is not None
    return edge.bound.step.name


def odd_steps(visit: Visit, deeds: Sequence[Deed], groups: Mapping[str, str]) -> set[str]:
    """Return the steps that have an aftermath: a last look outstanding, or something done by hand."""
    steps = [suspect.call.request["step"] for suspect in visit.suspects]
    steps += [deed.step for deed in deeds if deed.by_hand]
    return {groups.get(step, step) for step in steps}
