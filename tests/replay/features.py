"""What a recording shows: a story is worth keeping when it shows something that no other does."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from engine.events import AnyEvent, Concluded, Intent, Settled, decode
from engine.visit import Visit
from tests.replay.files import Recording

Feature = tuple[Any, ...]

#: Fields that tell one way of the engine from another. Of all others it counts whether they are there.
_TELLING = ("role", "outcome", "verdict", "cause", "effect")
_GIVEN = ("dest", "look_at", "retry_at", "late_at", "believe_at", "next_at", "close", "run")
_METHODS = ("probe", "reverse", "repeat")


def engine_features(recording: Recording) -> set[Feature]:
    """Return what the engine is seen to do, whatever the flow: kinds of events in all their forms, and moves."""
    found: set[Feature] = set()
    legs = 0
    for line in recording.lines:
        event = decode(line.event.payload)
        form = tuple(str(getattr(event, name, None)) for name in _TELLING)
        given = tuple(name for name in _GIVEN if getattr(event, name, None) is not None)
        found.add((event.kind, *form, given, _by(event)))
        length = len(line.says["fold"]["trail"])
        if isinstance(event, Concluded) and event.source == event.dest:
            found.add(("round", length > legs))
        if isinstance(event, (Concluded, Settled)) and length < legs - 1:
            found.add(("rounds taken back",))
        legs = length
        move = line.says["plan"]
        kind = None if move is None else move["move"]
        how = None if move is None else (str(move.get("method")).split(" ")[0], _waits(move["waiting_for"]))
        found |= {("move", kind, how), ("status", line.says["projection"]["status"])}
        found |= {("action", name.split(" ")[0]) for name in line.says["actions"]}
    return found


def flow_features(recording: Recording) -> set[Feature]:
    """Return what is seen of the flow: each of its ways gone, lost, settled by each method, and states rested in."""
    found: set[Feature] = set()
    visit = Visit(recording.visit_id)
    for line in recording.lines:
        event = decode(line.event.payload)
        if visit.version in ("", recording.version):  # what it does after a migration, the other version shows
            found |= set(_ways(event, visit))
        visit.apply(event)
    return {(recording.flow, recording.version, *feature) for feature in found}


def _ways(event: AnyEvent, before: Visit) -> Iterator[Feature]:
    match event:
        case Intent():
            yield "sent", event.trigger, event.role.value
        case Concluded():
            if event.dest is not None or event.look_at is not None:
                yield "gone" if event.dest is not None else "in doubt", event.trigger, event.source, event.target
        case Settled() if before.call is not None:
            yield "settled", before.call.trigger, before.call.source, event.verdict.value


def _by(event: AnyEvent) -> str:
    by = getattr(event, "by", "")
    return by if by in _METHODS else "somebody" if by else ""


def _waits(what: str | None) -> str:
    return "" if what is None else what.partition(":")[0]
