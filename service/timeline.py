"""A journal as a story that a tired person can read: one line an event."""

from __future__ import annotations

import datetime
from collections.abc import Iterable
from dataclasses import dataclass

from engine.environment import SECOND
from engine.events import (
    AnyEvent,
    Concluded,
    Corrected,
    Intent,
    LateLooked,
    Looked,
    Migrated,
    Opened,
    Paused,
    Resumed,
    Role,
    Settled,
    Stuck,
    TimerFired,
    Triggered,
    Undone,
    UndoRequested,
    decode,
)
from engine.store import StoredEvent
from service.words import Topic, word


@dataclass(frozen=True, slots=True)
class Line:
    """One event: when, what kind, what happened, and whether it deserves attention."""

    seq: int
    time: str
    kind: str
    text: str
    tone: str  #: "", good, warn or bad


def timeline(journal: Iterable[StoredEvent], language: str) -> list[Line]:
    """Return the story of a journal."""
    lines = []
    for stored in journal:
        event = decode(stored.payload)
        text, tone = _tell(event, language)
        at = datetime.datetime.fromtimestamp(stored.at / SECOND, datetime.UTC).astimezone()
        lines.append(
            Line(stored.seq, at.strftime("%H:%M:%S.%f")[:-3], word(Topic.EVENT, stored.kind, language), text, tone)
        )
    return lines


def _tell(event: AnyEvent, language: str) -> tuple[str, str]:  # noqa: PLR0912 - one arm an event
    def say(topic: Topic, code: str) -> str:
        return word(topic, code, language)

    match event:
        case Opened():
            return f"{event.flow} {event.key} → {event.state}", ""
        case Triggered():
            return f"{event.trigger} ({event.source} → {event.dest}) {event.by}".rstrip(), ""
        case Intent():
            role = "" if event.role is Role.FORWARD else f"{say(Topic.ROLE, event.role)} "
            return f"{role}{event.operation} · {event.message_id}", ""
        case Concluded():
            return _tell_concluded(event, language)
        case Looked():
            return f"{say(Topic.ROLE, event.role)}: {say(Topic.VERDICT, event.verdict)} {event.reason}".rstrip(), "warn"
        case Settled():
            moved = f" → {event.dest}" if event.dest else ""
            tone = "good" if event.dest else "warn"
            return (
                f"{say(Topic.VERDICT, event.verdict)} ({say(Topic.ROLE, event.by)}){moved} {event.reason}".rstrip(),
                tone,
            )
        case LateLooked():
            return (
                f"{say(Topic.VERDICT, event.verdict)} {event.reason}".rstrip(),
                "bad" if event.verdict == "disagrees" else "",
            )
        case TimerFired():
            return event.timer, ""
        case Paused():
            return f"{word(Topic.WAITING, event.reason, language)} · {event.adapter}", "warn"
        case Stuck():
            return f"{say(Topic.CAUSE, event.cause)}: {event.message}", "bad"
        case Resumed():
            return f"{event.by}: {event.reason}", ""
        case Corrected():
            return f"{event.by}: {', '.join(event.new)} ({event.reason})", ""
        case UndoRequested():
            return f"→ {event.target} · {event.by}: {event.reason}", "warn"
        case Undone():
            return f"→ {event.state}", "good"
        case Migrated():
            return f"{event.old_version} → {event.version} · {event.by}: {event.reason}", ""
        case _:
            return f"→ {event.state}", "good"


def _tell_concluded(event: Concluded, language: str) -> tuple[str, str]:
    outcome = word(Topic.OUTCOME, event.outcome, language)
    undo = f"{word(Topic.ROLE, event.role, language)} " if event.role is Role.UNDO else ""
    detail = " ".join(part for part in (event.code, event.message) if part)
    moved = f" → {event.dest}" if event.dest else ""
    tone = {"done": "good", "no_call": "", "in_doubt": "bad"}.get(event.outcome, "good" if event.dest else "warn")
    return f"{undo}{event.operation or event.trigger}: {outcome}{moved} {detail}".rstrip(), tone
