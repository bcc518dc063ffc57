"""What a person or the HIS may do with a visit now: computed from its flow and its fold, in one place.

Lists of legal actions and the checks of commands are the same code, so what is offered is what is accepted.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from engine.definitions import Text
from engine.events import Cause, Verdict
from engine.facts import merged
from engine.machine import Edge, Flow
from engine.plan import answer_is_final_at, no_way_over, view_of, way_of
from engine.steps import View
from engine.visit import Visit, landing


class ActionKind(StrEnum):
    """The kinds of commands."""

    TRIGGER = "trigger"
    RESUME = "resume"
    SETTLE = "settle"
    REVERSE = "reverse"
    CANCEL = "cancel"
    CORRECT = "correct"
    MIGRATE = "migrate"


@dataclass(frozen=True, slots=True)
class Action:
    """One thing that is legal now. ``target`` is a trigger, state or verdict; ``sends`` the calls it leads to."""

    kind: ActionKind
    target: str = ""
    needs: tuple[str, ...] = ()  #: names of data to hand over
    sends: tuple[str, ...] = ()  #: operations, in order
    detail: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class WayBack:
    """A state that the visit can be taken back to, and the undo calls on the way, newest first."""

    state: str
    depth: int
    sends: tuple[str, ...]
    warnings: tuple[Text, ...] = ()  #: what a person should know first, in the same order


def legal_actions(flow: Flow, visit: Visit) -> list[Action]:
    """Return every action that is legal now."""
    return list(_actions(flow, visit))


def _actions(flow: Flow, visit: Visit) -> Iterator[Action]:
    if can_trigger(visit) is None:
        view = view_of(flow, visit, visit.updated_at)
        for edge in flow.edges_from(visit.state):
            if edge.input is None and not _holds(edge, view):
                continue
            sends = () if edge.bound is None else (edge.bound.operation.name,)
            needs = () if edge.input is None else tuple(edge.input.model_fields)
            yield Action(ActionKind.TRIGGER, edge.trigger, needs, sends)
    if can_resume(visit) is None:
        yield Action(ActionKind.RESUME)
    if can_settle(visit) is None:
        if not in_last_look(visit):
            yield Action(ActionKind.SETTLE, Verdict.APPLIED.value, by_hand_fields(flow, visit))
        if can_deny(flow, visit) is None:
            yield Action(ActionKind.SETTLE, Verdict.NOT_APPLIED.value)
    for back in ways_back(flow, visit):
        yield Action(ActionKind.REVERSE, back.state, sends=back.sends, detail=_warned(back))
    if (beginning := way_to_beginning(flow, visit)) is not None:
        yield Action(ActionKind.CANCEL, flow.definition.cancelled, sends=beginning.sends, detail=_warned(beginning))
    if can_correct(visit) is None:
        yield Action(ActionKind.CORRECT)
    if can_migrate(visit) is None:
        yield Action(ActionKind.MIGRATE)


def _warned(back: WayBack) -> dict[str, Any]:
    return {"warnings": [warning.model_dump() for warning in back.warnings]} if back.warnings else {}


def _holds(edge: Edge, view: View) -> bool:
    """Tell whether an edge's conditions hold; one that fails does not."""
    try:
        return edge.failing(view) is None
    except Exception:  # code of a site: the trigger itself will say what is wrong
        return False


# -- one rule a kind: None, or the reason why not
def can_trigger(visit: Visit) -> str | None:
    """Tell why no trigger is legal, or None."""
    if visit.closed:
        return "the visit is closed"
    if visit.trouble is not None and visit.trouble.cause is not Cause.OVERDUE:
        return f"the visit is stuck ({visit.trouble.cause.value}): resume, settle, correct or reverse it first"
    if visit.undo is not None:
        return f"the visit is being taken back to {visit.undo.target}"
    if visit.call is not None:
        return f"{visit.call.operation} is still open"
    if visit.run is not None:
        return f"{visit.run.trigger} is under way"
    return None


def can_resume(visit: Visit) -> str | None:
    """Tell why resuming makes no sense, or None."""
    if visit.closed:
        return "the visit is closed"
    waits = visit.run is not None or visit.doubt is not None or bool(visit.suspects) or visit.pause is not None
    if visit.trouble is None and not visit.held and not waits:
        return "the visit is not stuck, held or backing off"
    return None


def can_settle(visit: Visit) -> str | None:
    """Tell why there is nothing to settle by hand, or None."""
    if visit.doubt is not None:
        return None
    if visit.call is not None:
        return f"{visit.call.operation} is in the air; wait for its outcome"
    if visit.trouble is not None and visit.run is not None and visit.run.attempts:
        return None  # refused or given up: a person may have done it by other means
    if in_last_look(visit):
        return None
    return "no call of this visit is in doubt"


def can_deny(flow: Flow, visit: Visit) -> str | None:
    """Tell why "it did not happen" cannot be said by hand, or None."""
    if visit.call is None:
        return None if in_last_look(visit) else "only a call in doubt can be settled as not applied"
    final = answer_is_final_at(flow, visit, way_of(flow, visit, visit.call)) <= visit.updated_at
    if visit.trouble is None and visit.doubt is not None and not final:
        return "the message may still be on its way and nothing looks for it again; you will be asked in time"
    return None


def in_last_look(visit: Visit) -> bool:
    """Tell whether the visit is stuck because the last look for a late original did not tell."""
    stuck = visit.trouble is not None and visit.trouble.cause is Cause.LATE_ORIGINAL
    return stuck and visit.call is None and bool(visit.suspects)


def can_correct(visit: Visit) -> str | None:
    """Tell why data may not be corrected, or None."""
    if visit.closed:
        return "the visit is closed"
    if visit.call is not None:
        return f"{visit.call.operation} is open: settle it first"
    return None


def can_migrate(visit: Visit) -> str | None:
    """Tell why the visit cannot change its flow version, or None."""
    if visit.closed:
        return "the visit is closed"
    if visit.call is not None:
        return f"{visit.call.operation} is open: settle it first"
    if visit.undo is not None:
        return f"the visit is being taken back to {visit.undo.target}"
    if visit.suspects:
        return "a last look for a late original is outstanding"
    return None


def can_go_back(visit: Visit) -> str | None:
    """Tell why nothing may be undone, or None. How far back is for :func:`ways_back`."""
    if visit.call is not None:
        return f"{visit.call.operation} is open: settle it first"
    return None


def ways_back(flow: Flow, visit: Visit) -> list[WayBack]:
    """Return the states that can be reached by undoing, nearest first; the present one drops a transition under way."""
    if can_go_back(visit) is not None or (visit.closed and visit.state == flow.definition.cancelled):
        return []
    found: list[WayBack] = []
    sends: list[str] = []
    warnings: list[Text] = []
    state = visit.state
    if visit.run is not None or visit.undo is not None:
        found.append(WayBack(state, len(visit.trail), ()))
    depth = len(visit.trail)
    while depth > 0:
        leg = visit.trail[depth - 1]
        edge = flow.edge(leg.trigger, leg.source, leg.dest)
        if edge is None or no_way_over(visit, edge, depth) is not None:
            break
        if edge.back.bound is not None:
            sends.append(edge.back.bound.operation.name)
        undo = edge.definition.undo
        if undo is not None and undo.warning is not None and undo.warning not in warnings:
            warnings.append(undo.warning)
        state = edge.back.dest
        depth = landing(visit.trail, depth, state) or 0
        found.append(WayBack(state, depth, tuple(sends), tuple(warnings)))
    return found


def way_to_beginning(flow: Flow, visit: Visit) -> WayBack | None:
    """Return the way back to the very beginning, or None when there is none."""
    if can_go_back(visit) is not None or (visit.closed and visit.state == flow.definition.cancelled):
        return None
    if not visit.trail:
        return WayBack(visit.state, 0, ())
    ways = ways_back(flow, visit)
    return ways[-1] if ways and ways[-1].depth == 0 else None


def why_no_way_back(flow: Flow, visit: Visit) -> str:
    """Return the reason why the visit cannot be taken further back, in words for a person."""
    if (reason := can_go_back(visit)) is not None:
        return reason
    if visit.closed and visit.state == flow.definition.cancelled:
        return "the visit was cancelled already"
    depth = min((way.depth for way in ways_back(flow, visit)), default=len(visit.trail))
    if depth == 0:
        return "there is nothing before the beginning"
    leg = visit.trail[depth - 1]
    edge = flow.edge(leg.trigger, leg.source, leg.dest)
    return f"{leg.trigger} cannot be undone: {no_way_over(visit, edge, depth)}"


def by_hand_fields(flow: Flow, visit: Visit) -> tuple[str, ...]:
    """Return the names of the data that settling as applied needs."""
    model = by_hand_model(flow, visit)
    return () if model is None else tuple(model.model_fields)


def by_hand_model(flow: Flow, visit: Visit) -> Any:
    """Return the pydantic model of the data that settling as applied needs, or None."""
    under_way = visit.call or visit.run
    way = None if under_way is None else way_of(flow, visit, under_way)
    return None if way is None or way.bound is None else way.bound.step.by_hand


def legal_triggers(flow: Flow, visit: Visit) -> list[str]:
    """Return the triggers that the machine allows from the visit's state, whether or not their conditions hold."""
    if can_trigger(visit) is not None:
        return []
    return list(flow.triggers_from(visit.state))


def choose(flow: Flow, visit: Visit, trigger: str, data: dict[str, Any], now: int) -> Edge | str:
    """Return the edge that ``trigger`` takes with ``data`` laid over the visit's, or the condition that forbids it."""
    view = view_of(flow, visit, now)
    with_data = type(view)(
        view.visit_id, view.flow, view.key, view.state, merged(visit.data, data), view.settings, view.now
    )
    failing = ""
    for edge in flow.edges(trigger, visit.state):
        try:
            found = edge.failing(with_data)
        except Exception as error:  # code of a site
            found = f"of {trigger} (which failed: {type(error).__name__})"
        if found is None:
            return edge
        failing = failing or found
    return failing
