"""Which call a move is about to make, and how urgent it is where not all can be made at once."""

from __future__ import annotations

from engine.definitions import SettleKind
from engine.gate import Errand, Priority
from engine.machine import Flow
from engine.plan import Close, FinishUndo, Fire, GetStuck, Go, GoBack, LateLook, Move, Settle, TakeOver, plan, way_of
from engine.visit import Visit


def errand_of(flow: Flow, visit: Visit, move: Move) -> Errand | None:
    """Return the call that ``move`` makes; None for a move that asks no peer."""
    match move:
        case Go(edge):
            bound = edge.bound
            if bound is None:
                return None
            return Errand(bound.adapter, bound.operation, flow.priority(edge.trigger))
        case GoBack(leg, back):
            bound = back.bound
            if bound is None:
                return None
            return Errand(bound.adapter, bound.operation, _following(flow, leg.trigger))
        case Settle(method):
            return _settling(flow, visit, move)
        case LateLook(suspect, method):
            assert method.operation is not None, "a probe has an operation"
            return Errand(method.adapter, method.operation, _following(flow, suspect.call.trigger))
        case TakeOver() | FinishUndo() | Fire() | GetStuck() | Close():
            return None


def _settling(flow: Flow, visit: Visit, move: Settle) -> Errand | None:
    method, call, doubt = move.method, visit.call, visit.doubt
    assert call is not None and doubt is not None
    if method is None or method.kind is SettleKind.ASK or doubt.aid is not None:
        return None
    priority = _following(flow, call.trigger)
    if method.kind is not SettleKind.REPEAT:
        assert method.operation is not None, "what is not a repetition names a step"
        return Errand(method.adapter, method.operation, priority)
    way = way_of(flow, visit, call)
    assert way is not None and way.bound is not None, "the method comes from the call's edge"
    return Errand(call.adapter, way.bound.operation, priority)


def _following(flow: Flow, trigger: str) -> Priority:
    """Return the priority of what clears up after a call: a visit in doubt is never in the background."""
    return min(flow.priority(trigger), Priority.NORMAL)


def priority_of(flow: Flow | None, visit: Visit) -> Priority:
    """Return the priority with which a visit wants its worker: that of its next move."""
    following = None if flow is None else plan(flow, visit)
    if flow is None or following is None:
        return Priority.NORMAL
    if isinstance(following.move, Fire):
        return flow.priority(following.move.timer.trigger)
    errand = errand_of(flow, visit, following.move)
    return Priority.NORMAL if errand is None else errand.priority
