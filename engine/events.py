"""The journal's events: what is written down, in order, for ever. A visit is the fold over them (G4).

An event says everything its fold needs: folding never asks the flow's definition or the steps' code, so that a journal
can be read long after both have changed. Fields may be added with a default; none may be removed or change its meaning.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from engine.environment import Micros
from engine.facts import Facts
from engine.outcomes import Category, Effect


class Role(StrEnum):
    """Why a call is made."""

    FORWARD = "forward"  #: the step of a transition
    UNDO = "undo"  #: the step of an undo edge
    PROBE = "probe"  #: a read that tells whether a lost call took effect
    REVERSE = "reverse"  #: undo by the original message id
    REPEAT = "repeat"  #: the same keyed call again
    LATE = "late"  #: a last look, before closing, at a call that was judged not to have happened


class Verdict(StrEnum):
    """What became of a call in doubt."""

    APPLIED = "applied"
    NOT_APPLIED = "not_applied"
    REVERSED = "reversed"
    UNKNOWN = "unknown"


class Cause(StrEnum):
    """Why there is no automatic way forward."""

    REFUSED = "refused"  #: the peer decided against a step
    UNDO_REFUSED = "undo_refused"  #: the peer decided against an undo
    DOUBT = "doubt"  #: it cannot be found out whether a call took effect
    RETRIES_EXHAUSTED = "retries_exhausted"
    DEADLINE = "deadline"
    OVERDUE = "overdue"  #: nobody triggered what the visit waits for
    DISAGREEMENT = "disagreement"  #: sums that must agree do not (G9)
    LATE_ORIGINAL = "late_original"  #: a call judged not to have happened did happen after all
    STEP_ERROR = "step_error"  #: our own code failed
    FLOW_UNAVAILABLE = "flow_unavailable"
    ENGINE_ERROR = "engine_error"  #: a bug of the engine, or a journal that cannot be folded
    RESTORED = "restored"  #: came back from a backup: what was sent since is not known here


class Event(BaseModel):
    """Base of all events; ``at`` is the wall clock when it was made."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    at: Micros


class Asked(Event):
    """An event that somebody asked for: where they sat, and the request that must not be carried out twice."""

    origin: str | None = None  #: for example ``web 10.1.2.3``; None: not told
    request: str | None = None  #: id of the caller's request; a journal holds each at most once


class Opened(Asked):
    """A visit begins, on the flow version ``version`` (a content hash, G7)."""

    kind: Literal["opened"] = "opened"
    flow: str
    version: str
    key: str
    state: str
    data: Facts
    by: str = ""


class Triggered(Asked):
    """Somebody asked for a transition; ``data`` is what they handed over, validated."""

    kind: Literal["triggered"] = "triggered"
    trigger: str
    source: str
    dest: str
    data: Facts = Field(default_factory=dict)
    by: str = ""


class Intent(Event):
    """A call is about to be made; durable before the first byte leaves (G1)."""

    kind: Literal["intent"] = "intent"
    call: str
    role: Role
    trigger: str
    source: str
    dest: str
    adapter: str
    operation: str
    effect: Effect
    message_id: str
    request: Facts
    subject: str | None = None  #: for reverse and repeat: the call in doubt


class Concluded(Event):
    """The outcome of a forward or undo call. Reads come without an intent, hence all the names again.

    ``dest`` is set when the visit moves; ``retry_at`` when the same transition is to be tried again; for an outcome in
    doubt or busy ``look_at`` says when settling begins.
    """

    kind: Literal["concluded"] = "concluded"
    call: str
    role: Role
    trigger: str
    source: str
    target: str  #: the state the transition leads to
    operation: str
    outcome: Literal["done", "refused", "not_sent", "in_doubt", "busy", "no_call"]
    code: str = ""
    message: str = ""
    category: Category | None = None
    dest: str | None = None
    data: Facts = Field(default_factory=dict)
    message_id: str = ""
    retry_at: Micros | None = None
    look_at: Micros | None = None
    believe_at: Micros | None = None  #: taken over: "not applied" is not believed before this
    exchange: str | None = None


class Looked(Event):
    """One attempt to settle a doubt that did not settle it; ``method`` is the one to go on with, at ``next_at``."""

    kind: Literal["looked"] = "looked"
    subject: str
    role: Role
    verdict: Verdict
    reason: str = ""
    method: int
    looks: int  #: how often in a row "not applied" was seen
    tries: int  #: failed tries of the current method
    next_at: Micros
    exchange: str | None = None


class Settled(Asked):
    """A doubt is settled. ``dest`` is set when the call is now known to have taken effect and the visit moves."""

    kind: Literal["settled"] = "settled"
    subject: str
    verdict: Verdict
    by: str  #: probe, reverse, repeat or an operator's name
    reason: str = ""
    dest: str | None = None
    data: Facts = Field(default_factory=dict)
    retry_at: Micros | None = None
    late_at: Micros | None = None  #: when to look again for a late original; None: nothing to look with
    late_step: str | None = None
    exchange: str | None = None


class LateLooked(Event):
    """The last look at a call that was judged not to have happened."""

    kind: Literal["late_looked"] = "late_looked"
    subject: str
    verdict: Literal["agrees", "disagrees", "unknown"]
    reason: str = ""
    tries: int = 0
    next_at: Micros | None = None
    exchange: str | None = None


class TimerFired(Event):
    """A timer of the present state came due."""

    kind: Literal["timer_fired"] = "timer_fired"
    timer: str
    due: Micros


class Paused(Event):
    """The next call has to wait for its peer. Nothing was sent, nothing counts; ``until`` is when it is asked again."""

    kind: Literal["paused"] = "paused"
    adapter: str
    reason: Literal["peer_paused", "peer_busy"]
    until: Micros


class Stuck(Event):
    """No automatic way forward. ``evidence`` names events (seq), calls and exchanges, never contents."""

    kind: Literal["stuck"] = "stuck"
    cause: Cause
    message: str
    call: str | None = None
    evidence: Facts = Field(default_factory=dict)


class Resumed(Asked):
    """A person lets the engine try again: counters start afresh."""

    kind: Literal["resumed"] = "resumed"
    by: str
    reason: str
    next_at: Micros


class Corrected(Asked):
    """A person corrected data; old and new values are kept."""

    kind: Literal["corrected"] = "corrected"
    by: str
    reason: str
    old: Facts
    new: Facts


class UndoRequested(Asked):
    """Go back, newest first, until ``depth`` transitions of the trail are left; then perhaps close in ``close``."""

    kind: Literal["undo_requested"] = "undo_requested"
    target: str
    depth: int
    close: str | None = None
    by: str
    reason: str


class Undone(Event):
    """The undo reached its target; ``state`` is where the visit stands now."""

    kind: Literal["undone"] = "undone"
    state: str


class Migrated(Asked):
    """A person moved the visit to another flow version (G7)."""

    kind: Literal["migrated"] = "migrated"
    by: str
    reason: str
    old_version: str
    version: str
    state: str
    legs: list[tuple[str, str]] = Field(default_factory=list)  #: source and dest of each leg, as the new version says
    run: tuple[str, str] | None = None  #: the same for a transition that was asked for


class Closed(Event):
    """The visit is in a final state and nothing is left to look after."""

    kind: Literal["closed"] = "closed"
    state: str


AnyEvent = Annotated[
    Opened
    | Triggered
    | Intent
    | Concluded
    | Looked
    | Settled
    | LateLooked
    | TimerFired
    | Paused
    | Stuck
    | Resumed
    | Corrected
    | UndoRequested
    | Undone
    | Migrated
    | Closed,
    Field(discriminator="kind"),
]

_ADAPTER: TypeAdapter[Any] = TypeAdapter(AnyEvent)


def decode(payload: str | bytes) -> AnyEvent:
    """Read an event from the journal's JSON text.

    Raises:
        pydantic.ValidationError: the text is not an event of any known kind.
    """
    event: AnyEvent = _ADAPTER.validate_json(payload)
    return event


def encode(event: Event) -> str:
    """Return the event as the JSON text that the journal keeps."""
    # pydantic-core directly: this runs for every event, and model_dump_json only passes the call on
    return event.__pydantic_serializer__.to_json(event, exclude_none=True).decode()
