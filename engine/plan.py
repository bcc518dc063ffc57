"""What comes next for a visit: a pure function of its flow and its fold. No clock, no I/O, no second opinion elsewhere.

The answer is one move and the time from which it is due. The runner makes the move when that time has come; until then
the visit is a row whose ``wake_at`` is that time. So no visit that is not closed or stuck can be forgotten.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from engine.definitions import SettleKind, Timer
from engine.environment import SECOND, Micros
from engine.events import Cause, Role
from engine.machine import Back, Edge, Flow, Method, Way
from engine.steps import CallInfo, View
from engine.store import Projection, Status
from engine.visit import Leg, Pause, PendingCall, Run, Suspect, Visit, landing

#: What a visit waits for while a doubt of it is settled; also at the end of its words while the peer is paused.
SETTLING = "settling"


@dataclass(frozen=True, slots=True)
class Go:
    """Make a transition: call its step, or just move when it has none."""

    edge: Edge


@dataclass(frozen=True, slots=True)
class GoBack:
    """Undo the newest leg."""

    leg: Leg
    back: Back


@dataclass(frozen=True, slots=True)
class FinishUndo:
    """The undo has reached its target."""

    state: str


@dataclass(frozen=True, slots=True)
class TakeOver:
    """A call was in the air when the process that made it died: it is in doubt now."""


@dataclass(frozen=True, slots=True)
class Settle:
    """Try the next way to settle the open doubt. ``method`` is None when there is none left: ask a person."""

    method: Method | None


@dataclass(frozen=True, slots=True)
class LateLook:
    """Look once more at a call that was judged not to have happened."""

    suspect: Suspect
    method: Method


@dataclass(frozen=True, slots=True)
class Fire:
    """A timer comes due."""

    timer: Timer
    due: Micros


@dataclass(frozen=True, slots=True)
class GetStuck:
    """Stop and call a person."""

    cause: Cause
    message: str


@dataclass(frozen=True, slots=True)
class Close:
    """Everything is done."""


Move = Go | GoBack | FinishUndo | TakeOver | Settle | LateLook | Fire | GetStuck | Close


@dataclass(frozen=True, slots=True)
class Plan:
    """The next move, from when on, and what the visit waits for until then (None: it is simply its turn).

    ``early`` is set where it waits for nothing but its peer: from then on it may be made as soon as the peer allows.
    """

    move: Move
    at: Micros
    waiting_for: str | None = None
    early: Micros | None = None


def plan(flow: Flow, visit: Visit) -> Plan | None:
    """Return the next move; None when the visit is closed or stuck."""
    if visit.trouble is not None or visit.closed:
        return None
    following = _plan(flow, visit)
    return following if visit.pause is None else _after_pause(following, visit, visit.pause)


def _after_pause(following: Plan, visit: Visit, pause: Pause) -> Plan:
    """Return the plan of a visit whose next call waits for its peer; a deadline does not wait."""
    at = max(following.at, pause.until)
    if isinstance(following.move, Go) and visit.run is not None and (limit := following.move.edge.deadline) is not None:
        at = max(following.at, min(at, visit.run.started_at + limit + 1))
    settling = f":{SETTLING}" if visit.doubt is not None else ""
    return Plan(following.move, at, f"{pause.reason}:{pause.adapter}{settling}", following.at)


def _plan(flow: Flow, visit: Visit) -> Plan:
    if visit.call is not None:
        return _plan_call(flow, visit, visit.call)
    if visit.undo is not None:
        return _plan_undo(flow, visit)
    if visit.run is not None:
        return _plan_run(flow, visit)
    if visit.state in flow.final:
        return _plan_end(flow, visit)
    return _plan_state(flow, visit)


def way_of(flow: Flow, visit: Visit, under_way: PendingCall | Run) -> Way | None:
    """Return the edge, or the undo edge of the newest leg, that a call or a run belongs to; None: the flow has none."""
    if under_way.role is Role.UNDO:
        leg = visit.trail[-1] if visit.trail else None
        edge = None if leg is None else flow.edge(leg.trigger, leg.source, leg.dest)
        return edge.back if edge is not None and edge.back.trigger == under_way.trigger else None
    return flow.edge(under_way.trigger, under_way.source, under_way.dest)


def view_of(flow: Flow, visit: Visit, now: Micros, subject: PendingCall | None = None) -> View:
    """Return what a step or a condition may know of ``visit``."""
    return View(
        visit_id=visit.visit_id,
        flow=visit.flow,
        key=visit.key,
        state=visit.state,
        data=visit.data,
        settings=flow.definition.settings,
        now=now,
        subject=None if subject is None else call_info(subject),
        lost=tuple(call_info(suspect.call) for suspect in visit.suspects),
    )


def call_info(call: PendingCall) -> CallInfo:
    """Return what steps may know of a call."""
    return CallInfo(call.call, call.trigger, call.operation, call.effect, call.message_id, call.request, call.at)


def _plan_call(flow: Flow, visit: Visit, call: PendingCall) -> Plan:
    doubt = visit.doubt
    if doubt is None:
        return Plan(TakeOver(), visit.updated_at)
    way = way_of(flow, visit, call)
    methods = () if way is None else way.methods
    method = methods[doubt.method] if doubt.method < len(methods) else None
    at = doubt.next_at
    if method is None or method.kind is SettleKind.ASK:
        at = max(at, answer_is_final_at(flow, visit, way))
    return Plan(Settle(method), at, SETTLING)


def answer_is_final_at(flow: Flow, visit: Visit, way: Way | None) -> Micros:
    """Return from when on "it did not happen" cannot be overtaken by a message that is still on its way.

    Where a probe looks once more before closing, a person may be asked at any time. Where none does, what the person
    says is the last word, so they are asked when the network has forgotten the message.
    """
    assert visit.doubt is not None
    looks = way is not None and any(method.kind is SettleKind.PROBE for method in way.methods)
    return visit.doubt.since if looks else visit.doubt.since + flow.definition.settling.late_look


def _plan_undo(flow: Flow, visit: Visit) -> Plan:
    undo = visit.undo
    assert undo is not None
    due = visit.updated_at
    if visit.run is not None and visit.run.role is Role.UNDO:
        due = visit.run.next_at if visit.run.next_at is not None else due
    if len(visit.trail) <= undo.depth:
        return Plan(FinishUndo(undo.close or visit.state), due)
    leg = visit.trail[-1]
    edge = flow.edge(leg.trigger, leg.source, leg.dest)
    if (why := no_way_over(visit, edge, len(visit.trail))) is not None or edge is None:
        return Plan(GetStuck(Cause.UNDO_REFUSED, f"{leg.trigger} cannot be undone: {why}"), due)
    waiting = "retry" if visit.run is not None and visit.run.attempts else None
    return Plan(GoBack(leg, edge.back), due, waiting)


def no_way_over(visit: Visit, edge: Edge | None, depth: int) -> str | None:
    """Return why the leg that ``edge`` made, the ``depth``-th, cannot be undone; None when it can."""
    if edge is None:
        return "the flow has no such transition"
    if edge.back.impossible is None and landing(visit.trail, depth, edge.back.dest) is None:
        return f"its undo leads to {edge.back.dest}, where the visit has never been"
    return edge.back.impossible


def _plan_run(flow: Flow, visit: Visit) -> Plan:
    run = visit.run
    assert run is not None
    edge = flow.edge(run.trigger, run.source, run.dest)
    if edge is None:
        return Plan(GetStuck(Cause.STEP_ERROR, f"the flow has no transition {run.trigger}"), visit.updated_at)
    due = run.next_at if run.next_at is not None else visit.updated_at
    if edge.deadline is not None and due > run.started_at + edge.deadline:
        return Plan(deadline_passed(edge), run.started_at + edge.deadline, "retry")
    return Plan(Go(edge), due, "retry" if run.attempts else None)


def deadline_passed(edge: Edge) -> GetStuck:
    """Return the move of a transition whose deadline has passed."""
    return GetStuck(Cause.DEADLINE, f"{edge.trigger} was not done within its deadline")


def _plan_end(flow: Flow, visit: Visit) -> Plan:
    if visit.suspects:
        suspect = min(visit.suspects, key=lambda each: each.at)
        method = flow.probe(suspect.step)
        if method is None:
            return Plan(GetStuck(Cause.STEP_ERROR, f"the flow has no probe {suspect.step}"), visit.updated_at)
        return Plan(LateLook(suspect, method), suspect.at, "late_look")
    return Plan(Close(), visit.updated_at)


def _plan_state(flow: Flow, visit: Visit) -> Plan:
    if not visit.held:
        try:
            view = view_of(flow, visit, visit.updated_at)
            for edge in flow.autos(visit.state):
                if edge.failing(view) is None:
                    return Plan(Go(edge), visit.updated_at)
        except Exception as error:  # a condition is code of ours or of a site; it must not stall the visit in silence
            message = f"a condition in state {visit.state} failed: {type(error).__name__}"
            return Plan(GetStuck(Cause.STEP_ERROR, message), visit.updated_at)
    waiting_for = "resume" if visit.held else "trigger:" + "|".join(flow.triggers_from(visit.state))
    until = visit.waiting_since + flow.definition.wait_in(visit.state)
    overdue = Plan(GetStuck(Cause.OVERDUE, f"nothing came in state {visit.state} in time"), until, waiting_for)
    if visit.held:
        return overdue
    fires = (Plan(Fire(timer, due), due, waiting_for) for timer, due in _timers_due(flow, visit))
    return min((*fires, overdue), key=lambda each: each.at)


def _timers_due(flow: Flow, visit: Visit) -> Iterator[tuple[Timer, Micros]]:
    for timer in flow.timers[visit.state]:
        fired = visit.timers.get(timer.name)
        if timer.after is not None:
            if fired is None:
                yield timer, visit.entered_at + timer.after
        elif timer.every is not None:
            yield timer, (visit.entered_at if fired is None else fired) + timer.every
        elif timer.at is not None:
            yield timer, next_time_of_day(timer.at, visit.entered_at if fired is None else fired, flow.zone)


def next_time_of_day(at: datetime.time, after: Micros, zone: ZoneInfo) -> Micros:
    """Return the first moment strictly after ``after`` at which clocks in ``zone`` show ``at``."""
    local = datetime.datetime.fromtimestamp(after / SECOND, zone)
    for days in range(3):
        candidate = datetime.datetime.combine(local.date() + datetime.timedelta(days=days), at, zone)
        moment = int(candidate.timestamp()) * SECOND
        if moment > after:
            return moment
    raise AssertionError("a day has passed without that time of day")


def project(flow: Flow | None, visit: Visit) -> Projection:
    """Return what the lists show of ``visit``; without ``flow`` (it cannot be built) the visit counts as stuck."""
    due_at: Micros | None = None
    waiting_for: str | None = None
    if visit.closed:
        status = Status.CLOSED
    elif visit.trouble is not None or flow is None:
        status = Status.STUCK
    else:
        following = plan(flow, visit)
        assert following is not None
        due_at, waiting_for = following.at, following.waiting_for
        by_itself = following.early is not None or waiting_for in (None, "retry", SETTLING)
        status = Status.READY if by_itself else Status.WAITING
    return Projection(
        visit_id=visit.visit_id,
        flow=visit.flow,
        version=visit.version,
        key=visit.key,
        state=visit.state,
        status=status,
        seq=visit.seq,
        opened_at=visit.opened_at,
        updated_at=visit.updated_at,
        due_at=due_at,
        waiting_for=waiting_for,
        cause=visit.trouble.cause.value if visit.trouble is not None and not visit.closed else None,
    )
