"""What the engine says of a visit, as JSON: its fold, what the plan does next, what lists show, what may be done."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from engine.actions import legal_actions
from engine.machine import Flow, Method
from engine.plan import (
    Close,
    FinishUndo,
    Fire,
    GetStuck,
    Go,
    GoBack,
    LateLook,
    Move,
    Settle,
    TakeOver,
    plan,
    project,
)
from engine.visit import Visit

Document = dict[str, Any]

#: The parts of what is said, causes before what follows from them.
PARTS = ("fold", "plan", "projection", "actions")


def saying(flow: Flow, visit: Visit) -> Document:
    """Return ``fold``, ``plan``, ``projection`` and ``actions`` of a visit; a part that fails says how."""
    fold = _as_first_recorded(json.loads(visit.snapshot().body))
    said: Document = {
        "plan": _tried(lambda: _plan(flow, visit)),
        "projection": _tried(lambda: _projection(flow, visit, fold)),
        "actions": _tried(lambda: _actions(flow, visit)),
    }
    return {"fold": fold, **json.loads(json.dumps(said))}


def _as_first_recorded(fold: Document) -> Document:
    """Leave out what the fold gained after the first recordings, where it holds what its absence meant."""
    if fold["pause"] is None:
        del fold["pause"]
    if fold["run"] is not None and not fold["run"]["paused"]:
        del fold["run"]["paused"]
    return fold


def _tried(say: Callable[[], Document | None]) -> Document | str | None:
    try:
        return say()
    except Exception as error:  # told like any other difference
        return f"fails: {type(error).__name__}: {error}"


def _projection(flow: Flow, visit: Visit, fold: Document) -> Document:
    """Return what the lists show, apart from what fold and plan say already."""
    following = plan(flow, visit)
    known = fold if following is None else fold | {"due_at": following.at, "waiting_for": following.waiting_for}
    return {name: value for name, value in asdict(project(flow, visit)).items() if known.get(name) != value}


def _plan(flow: Flow, visit: Visit) -> Document | None:
    following = plan(flow, visit)
    if following is None:
        return None
    return {
        "move": type(following.move).__name__,
        **_move(following.move),
        "at": following.at,
        "waiting_for": following.waiting_for,
    }


def _move(move: Move) -> Document:
    match move:
        case Go(edge):
            return {"trigger": edge.trigger, "source": edge.source, "dest": edge.dest}
        case GoBack(leg, back):
            return {"trigger": back.trigger, "undoes": leg.trigger, "dest": back.dest}
        case FinishUndo(state):
            return {"state": state}
        case Settle(method):
            return {"method": _method(method)}
        case LateLook(suspect, method):
            return {"method": _method(method), "call": suspect.call.call}
        case Fire(timer, due):
            return {"timer": timer.name, "due": due}
        case GetStuck(cause, message):
            return {"cause": cause.value, "message": message}
        case TakeOver() | Close():
            return {}


def _method(method: Method | None) -> str | None:
    return None if method is None else f"{method.kind.value} {method.name}"


def _actions(flow: Flow, visit: Visit) -> Document:
    """Return what is legal, by kind and target; of two with the same name the second is numbered."""
    found: Document = {}
    for action in legal_actions(flow, visit):
        name = f"{action.kind.value} {action.target}".rstrip()
        if name in found:
            name = f"{name} #{len(found)}"
        parts = [f"needs {', '.join(action.needs)}"] if action.needs else []
        parts += [f"sends {', '.join(action.sends)}"] if action.sends else []
        detail = {name: value for name, value in action.detail.items() if name != "warnings"}
        parts += [json.dumps(detail, sort_keys=True)] if detail else []
        if warnings := action.detail.get("warnings"):  # their words stand in the definition
            parts.append(f"warns {len(warnings)}")
        found[name] = "; ".join(parts)
    return found
