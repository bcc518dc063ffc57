"""Which actions need a second person: settling money by hand, and taking back a visit whose money has moved."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from engine.actions import ActionKind
from engine.commands import Report
from engine.outcomes import Effect
from engine.tables import table
from engine.visit import Leg, Visit


@cache
def _triggers() -> Mapping[str, frozenset[str]]:
    raw = table(__file__, "money.yaml")
    return {flow: frozenset(triggers) for flow, triggers in raw.items()}


def moves_money(flow: str, trigger: str, effect: Effect | None) -> bool:
    """Tell whether a transition moves money; of an unknown flow, whether it does anything at a peer."""
    known = _triggers().get(flow)
    return trigger in known if known is not None else effect is not Effect.READ


def _leg_moves_money(visit: Visit, leg: Leg) -> bool:
    return moves_money(visit.flow, leg.trigger, Effect.READ if leg.call is None else leg.call.effect)


def needs_second(report: Report, kind: ActionKind, target: str) -> bool:
    """Tell whether an action on a visit needs a second person."""
    visit = report.visit
    match kind:
        case ActionKind.SETTLE:
            if visit.call is not None:
                return moves_money(visit.flow, visit.call.trigger, visit.call.effect)
            if visit.run is not None:
                return moves_money(visit.flow, visit.run.trigger, None)
            return any(moves_money(visit.flow, suspect.call.trigger, suspect.call.effect) for suspect in visit.suspects)
        case ActionKind.CANCEL:
            return any(_leg_moves_money(visit, leg) for leg in visit.trail)
        case ActionKind.REVERSE:
            depth = _depth(visit, target)
            return any(_leg_moves_money(visit, leg) for leg in visit.trail[depth:])
        case _:
            return False


def _depth(visit: Visit, state: str) -> int:
    """Return how many legs stay when the visit goes back to ``state``; 0, the strictest, when that is not clear."""
    if state == visit.state:
        return len(visit.trail)
    for depth in range(len(visit.trail), 0, -1):
        if visit.trail[depth - 1].source == state:
            return depth - 1
    return 0
