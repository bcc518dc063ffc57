"""One plain sentence: what happened to a visit, and what it waits for."""

from __future__ import annotations

from engine.events import Cause
from engine.machine import Flow
from engine.store import Projection, Status
from engine.visit import Visit
from service.console.rendering import clock, say, titled
from service.words import Topic, word

#: Causes whose sentence tells what the engine wrote down.
_WITH_MESSAGE = frozenset(Cause) - {Cause.DOUBT, Cause.OVERDUE}

_ASK = "story_ask"  #: ``story_doubt`` tells of one that the engine still settles by itself


def step_title(flow: Flow, trigger: str, language: str) -> str:
    """Return the title of a transition, or of an undo edge what it takes back."""
    for edge in flow.all_edges():
        if edge.trigger == trigger:
            return titled(edge.definition.title, language, trigger)
    for edge in flow.all_edges():
        if edge.back.trigger == trigger:
            return say(language, "undo_of", step=titled(edge.definition.title, language, edge.trigger))
    return trigger


def state_title(flow: Flow, state: str, language: str) -> str:
    """Return the title of a state."""
    known = flow.definition.states.get(state)
    return state if known is None else titled(known.title, language, state)


def sentence(flow: Flow, visit: Visit, projection: Projection, language: str, *, personal: bool = True) -> str:
    """Return the sentence. Without ``personal`` nothing is quoted that a peer or a person has written."""
    state = state_title(flow, visit.state, language)

    def tell(key: str, **values: object) -> str:
        return say(language, key, **values)

    if visit.trouble is not None:
        return _trouble(flow, visit, language, state, personal)
    if visit.closed:
        return tell("story_cancelled" if visit.state == flow.definition.cancelled else "story_closed", state=state)
    under_way = visit.call or visit.run
    step = "" if under_way is None else step_title(flow, under_way.trigger, language)
    if visit.pause is not None:
        why = word(Topic.WAITING, visit.pause.reason, language)
        due = clock(projection.due_at, "%m-%d %H:%M:%S")
        return tell("story_paused", peer=visit.pause.adapter, why=why, step=step or state, due=due)
    if visit.doubt is not None:
        due = clock(visit.doubt.next_at, "%H:%M:%S")
        return tell("story_doubt", step=step, looks=_looks(visit), due=due)
    if visit.undo is not None:
        return tell("story_undoing", target=state_title(flow, visit.undo.target, language))
    if under_way is not None:
        return tell("story_moving", step=step, state=state)
    if visit.held:
        return tell("story_held", state=state)
    if projection.status is Status.WAITING:
        return tell("story_waiting", state=state, due=clock(projection.due_at, "%m-%d %H:%M"))
    return tell("story_ready", state=state)


def _trouble(flow: Flow, visit: Visit, language: str, state: str, personal: bool) -> str:
    assert visit.trouble is not None
    cause = visit.trouble.cause
    under_way = visit.call or visit.run
    suspect = visit.suspects[0].call if visit.suspects else None
    trigger = under_way.trigger if under_way is not None else "" if suspect is None else suspect.trigger
    step = step_title(flow, trigger, language) if trigger else state
    key = _ASK if cause is Cause.DOUBT else f"story_{cause.value}"
    told = say(language, key, step=step, state=state, looks=_looks(visit))
    message = visit.trouble.message if personal and cause in _WITH_MESSAGE else ""
    return f"{told} {say(language, 'story_said', message=message)}" if message else told


def _looks(visit: Visit) -> int:
    """Return how often it was looked for, or tried to be reversed: the evidence without intent and outcome."""
    return 0 if visit.doubt is None else max(0, len(visit.doubt.events) - 2)
