"""Everything that can come of a call: what it does at the peer, what the engine sees, and where a process dies."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from engine.environment import SECOND
from engine.faultpoints import FaultPoint
from engine.outcomes import Busy, Category, Done, InDoubt, NotSent, Outcome, Refused

#: What the engine sees of a call: a word of OUTCOMES, and where the process dies, if it does.
Seen = tuple[str, FaultPoint | None]


@dataclass(frozen=True, slots=True)
class Answer:
    """One thing that can come of a call. ``applies``: True, False, or None for "later, perhaps"."""

    words: str
    applies: bool | None
    outcome: str
    crash: FaultPoint | None = None

    @property
    def unknown(self) -> bool:
        """Tell whether nobody on our side knows what happened (G8)."""
        return self.crash is None and self.outcome in ("silence", "unreadable", "broken", "busy")

    @property
    def doubtful(self) -> bool:
        """Tell whether a write is open or in doubt after this."""
        open_after = (FaultPoint.AFTER_INTENT, FaultPoint.AFTER_SEND, FaultPoint.AFTER_REPLY)
        return self.unknown or self.crash in open_after

    @property
    def seen(self) -> Seen:
        """Return what the engine sees of it."""
        return self.outcome, self.crash


def _broken() -> Outcome:
    raise RuntimeError("the adapter failed")


OUTCOMES: Mapping[str, Callable[[], Outcome]] = {
    "done": lambda: Done({"disagrees": False}),
    "disagrees": lambda: Done({"disagrees": True}),
    "unreadable": lambda: Done({}),
    "broken": _broken,
    "silence": lambda: InDoubt("no answer"),
    "refused": lambda: Refused("no", "no"),
    "done_already": lambda: Refused("goal", "done already", Category.ALREADY_DONE),
    "nothing_to_undo": lambda: Refused("goal", "nothing to undo", Category.NOTHING_TO_UNDO),
    "occupied": lambda: Refused("later", "occupied", Category.LATER),
    "not_sent": lambda: NotSent("no connection"),
    "busy": lambda: Busy(SECOND),
    "reversed": lambda: Done({"reversed": True}),
    "found": lambda: Done({"applied": True, "strayed": False}),
    "found, strayed": lambda: Done({"applied": True, "strayed": True}),
    "not found": lambda: Done({"applied": False, "strayed": False}),
    "not found, strayed": lambda: Done({"applied": False, "strayed": True}),
}

WRITE = (
    Answer("is done", True, "done"),
    Answer("is done, and the answer is lost", True, "silence"),
    Answer("is lost on its way, no answer", False, "silence"),
    Answer("is delayed on its way, no answer", None, "silence"),
    Answer("is refused", False, "refused"),
    Answer("is refused: that is the case already", False, "done_already"),
    Answer("is refused: nothing to undo", False, "nothing_to_undo"),
    Answer("is refused for now: occupied", False, "occupied"),
    Answer("cannot be sent", False, "not_sent"),
    Answer("is being worked on, says the peer, and gets done", True, "busy"),
    Answer("is being worked on, says the peer, and does not get done", False, "busy"),
    Answer("is done, and the answer cannot be read", True, "unreadable"),
    Answer("is done, and the adapter fails", True, "broken"),
    Answer("is done, and sums disagree", True, "disagrees"),
    Answer("is about to be made, and the process dies", False, "done", FaultPoint.BEFORE_INTENT),
    Answer("is intended, and the process dies", False, "done", FaultPoint.AFTER_INTENT),
    Answer("is sent and done, and the process dies", True, "done", FaultPoint.AFTER_SEND),
    Answer("is sent and lost, and the process dies", False, "done", FaultPoint.AFTER_SEND),
    Answer("is sent and delayed, and the process dies", None, "done", FaultPoint.AFTER_SEND),
    Answer("is done, and the process dies before that is durable", True, "done", FaultPoint.AFTER_REPLY),
    Answer("is done, and the process dies after that is durable", True, "done", FaultPoint.AFTER_COMMIT),
)
REVERSAL = (
    Answer("is acknowledged", True, "reversed"),
    Answer("is done, and the answer is lost", True, "silence"),
    Answer("is lost on its way, no answer", False, "silence"),
    Answer("is refused", False, "refused"),
    Answer("cannot be sent", False, "not_sent"),
    Answer("is intended, and the process dies", False, "reversed", FaultPoint.AFTER_INTENT),
    Answer("is sent and done, and the process dies", True, "reversed", FaultPoint.AFTER_SEND),
    Answer("is acknowledged, and the process dies before that is durable", True, "reversed", FaultPoint.AFTER_REPLY),
)


def inquiry_answers(told: str) -> tuple[Answer, ...]:
    """Return what can come of an inquiry: as of a read, but its intent is durable first."""
    return (
        *read_answers(told),
        Answer("is intended, and the process dies", False, told, FaultPoint.AFTER_INTENT),
    )


def read_answers(told: str) -> tuple[Answer, ...]:
    """Return what can come of a read that the peer would answer with ``told``."""
    return (
        Answer(f"is answered: {told}", False, told),
        Answer("is refused", False, "refused"),
        Answer("cannot be sent", False, "not_sent"),
        Answer("stays without an answer", False, "silence"),
        Answer("is about to be made, and the process dies", False, told, FaultPoint.BEFORE_INTENT),
        Answer("is answered, and the process dies", False, told, FaultPoint.AFTER_REPLY),
    )
