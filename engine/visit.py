"""The visit: the fold over its journal (G4), and the guard that refuses an event which cannot come next."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from pydantic import TypeAdapter

from engine.environment import Micros
from engine.events import (
    AnyEvent,
    Cause,
    Closed,
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
    Verdict,
    decode,
)
from engine.facts import merged
from engine.outcomes import Effect
from engine.store import History, Snapshot, StoredEvent


def landing(trail: Sequence[Leg], depth: int, dest: str) -> int | None:
    """Return how many of the first ``depth`` legs an undo to ``dest`` leaves; None: the visit has never been there."""
    return next((left for left in range(depth - 1, -1, -1) if trail[left].source == dest), None)


class IllegalEvent(RuntimeError):
    """An event cannot follow what the journal holds: a bug or a damaged journal, never bad input."""


@dataclass(slots=True)
class Run:
    """A transition (or undo edge) under way: asked for or begun, not finished."""

    trigger: str
    source: str
    dest: str
    role: Role
    started_at: Micros
    next_at: Micros | None
    attempts: int = 0
    paused: Micros = 0  #: how long its calls have had to wait for the peer, which is no fault of the run

    @property
    def patience_from(self) -> Micros:
        """Return from when its patience counts: waiting for a peer uses none of it up."""
        return self.started_at + self.paused


@dataclass(slots=True)
class Pause:
    """The next call waits for its peer. ``times`` counts pauses in a row."""

    adapter: str
    reason: str
    since: Micros
    until: Micros
    times: int = 1


@dataclass(slots=True)
class PendingCall:
    """A call whose intent is durable and whose outcome is not known yet."""

    call: str
    role: Role
    trigger: str
    source: str
    dest: str
    adapter: str
    operation: str
    effect: Effect
    message_id: str
    request: dict[str, Any]
    at: Micros
    seq: int = 0  #: the event that wrote the intent down


@dataclass(slots=True)
class Doubt:
    """How far the settling of ``visit.call`` has come. ``aid`` is a reversal or repetition in the air.

    ``events`` and ``exchanges`` are the evidence so far: what was sent, what came of it, and every look since.
    """

    since: Micros
    reason: str
    next_at: Micros
    method: int = 0
    looks: int = 0
    tries: int = 0
    aid: PendingCall | None = None
    believe_at: Micros | None = None  #: "not applied" is not believed before: whoever sent it may still be sending
    events: list[int] = field(default_factory=list)
    exchanges: list[str] = field(default_factory=list)

    def note(self, seq: int, exchange: str | None) -> None:
        """Add an event, and the exchange that it kept, to the evidence."""
        self.events.append(seq)
        if exchange is not None:
            self.exchanges.append(exchange)


@dataclass(frozen=True, slots=True)
class Leg:
    """One transition that the visit has made and not undone. Twins share it."""

    trigger: str
    source: str
    dest: str
    at: Micros
    call: PendingCall | None = None


@dataclass(slots=True)
class Suspect:
    """A call judged not to have happened: looked at once more before the visit closes."""

    call: PendingCall
    step: str
    at: Micros
    tries: int = 0


@dataclass(slots=True)
class Trouble:
    """Why the visit is stuck; ``seq`` is the event that says so."""

    cause: Cause
    message: str
    at: Micros
    seq: int
    call: str | None
    evidence: dict[str, Any]


@dataclass(slots=True)
class UndoPlan:
    """An undo under way: until ``depth`` legs are left."""

    target: str
    depth: int
    close: str | None


@dataclass(slots=True)
class Visit:
    """Everything the engine knows of a visit. Only :meth:`apply` changes it."""

    visit_id: str
    seq: int = 0
    flow: str = ""
    version: str = ""
    key: str = ""
    state: str = ""
    data: dict[str, Any] = field(default_factory=dict)
    opened_at: Micros = 0
    updated_at: Micros = 0
    entered_at: Micros = 0  #: when the present state was entered
    waiting_since: Micros = 0  #: when somebody last did something in the present state
    trail: list[Leg] = field(default_factory=list)
    run: Run | None = None
    call: PendingCall | None = None
    doubt: Doubt | None = None
    undo: UndoPlan | None = None
    trouble: Trouble | None = None
    held: bool = False  #: after an undo: nothing happens by itself until a person or the HIS says so
    suspects: list[Suspect] = field(default_factory=list)
    timers: dict[str, Micros] = field(default_factory=dict)
    pause: Pause | None = None  #: until the next event
    closed: bool = False

    def apply(self, event: AnyEvent) -> None:
        """Fold one event in.

        Raises:
            IllegalEvent: the event cannot come next.
        """
        if (self.seq == 0) != isinstance(event, Opened):
            raise IllegalEvent(f"{event.kind} as event {self.seq + 1}")
        if self.closed and not isinstance(event, UndoRequested):
            raise IllegalEvent(f"{event.kind} after the visit was closed")
        self.seq += 1
        self.updated_at = event.at
        if self.pause is not None and type(event) is not Paused:
            self._end_pause(event.at)
        _FOLDS[type(event)](self, event)

    # -- one fold per kind of event
    def _opened(self, event: Opened) -> None:
        self.flow, self.version, self.key = event.flow, event.version, event.key
        self.state, self.data = event.state, dict(event.data)
        self.opened_at = self.entered_at = self.waiting_since = event.at

    def _triggered(self, event: Triggered) -> None:
        self._require(self.run is None and self.call is None and self.undo is None, event.kind)
        self._require(event.source == self.state, event.kind)
        self._require(self.trouble is None or self.trouble.cause is Cause.OVERDUE, event.kind)
        self._merge(event.data)
        self.trouble = None
        self.run = Run(event.trigger, event.source, event.dest, Role.FORWARD, event.at, event.at)
        self.held = False
        self.waiting_since = event.at

    def _intent(self, event: Intent) -> None:
        pending = PendingCall(
            call=event.call,
            role=event.role,
            trigger=event.trigger,
            source=event.source,
            dest=event.dest,
            adapter=event.adapter,
            operation=event.operation,
            effect=event.effect,
            message_id=event.message_id,
            request=event.request,
            at=event.at,
            seq=self.seq,
        )
        if event.role in (Role.FORWARD, Role.UNDO):
            # G2: nothing is sent for this visit while a call is open, and not from a state it is not in.
            self._require(self.call is None and event.source == self.state, "intent")
            self.call = pending
            self._running(event.trigger, event.source, event.dest, event.role, event.at).attempts += 1
        else:
            doubt = self._open_doubt(event.subject or "", "intent")
            self._require(event.role is not Role.REPEAT or pending.effect is not Effect.ONCE, "repeat of a once call")
            doubt.aid = pending

    def _concluded(self, event: Concluded) -> None:
        self._require(self.doubt is None, "concluded")
        call = self.call
        if call is not None:
            self._require(call.call == event.call, "concluded")
        elif event.outcome != "no_call":
            self._running(event.trigger, event.source, event.target, event.role, event.at).attempts += 1
        if event.dest is not None:
            self._move(event.role, event.trigger, event.source, event.dest, event.data, event.at)
        elif call is not None and event.look_at is not None:
            self.doubt = Doubt(event.at, event.message, event.look_at, events=[call.seq])
            self.doubt.believe_at = event.believe_at
            self.doubt.note(self.seq, event.exchange)
        else:
            self.call = None
            self._running(event.trigger, event.source, event.target, event.role, event.at).next_at = event.retry_at

    def _looked(self, event: Looked) -> None:
        doubt = self._open_doubt(event.subject, "looked")
        doubt.method, doubt.looks, doubt.tries = event.method, event.looks, event.tries
        doubt.next_at, doubt.aid = event.next_at, None
        doubt.note(self.seq, event.exchange)

    def _settled(self, event: Settled) -> None:
        call, run = self.call, self.run
        if call is not None:
            self._open_doubt(event.subject, "settled")
            role, trigger, source = call.role, call.trigger, call.source
        elif any(suspect.call.call == event.subject for suspect in self.suspects):
            self.suspects = [suspect for suspect in self.suspects if suspect.call.call != event.subject]
            self.trouble = None
            return
        else:
            if run is None:
                raise IllegalEvent("settled without anything to settle")
            role, trigger, source = run.role, run.trigger, run.source
        self.trouble = None
        if event.verdict is Verdict.APPLIED:
            self._require(event.dest is not None, "settled")
            self._move(role, trigger, source, event.dest or source, event.data, event.at, by_hand=True)
            return
        if call is not None and event.late_at is not None and event.late_step is not None:
            self.suspects.append(Suspect(call, event.late_step, event.late_at))
        self.call = self.doubt = None
        if run is not None:
            run.next_at = event.retry_at

    def _late_looked(self, event: LateLooked) -> None:
        for index, suspect in enumerate(self.suspects):
            if suspect.call.call == event.subject:
                if event.verdict == "unknown":
                    suspect.tries = event.tries
                    suspect.at = suspect.at if event.next_at is None else event.next_at
                else:
                    del self.suspects[index]
                return
        raise IllegalEvent(f"late look at {event.subject}, which nobody suspects")

    def _timer_fired(self, event: TimerFired) -> None:
        self.timers[event.timer] = event.due

    def _paused(self, event: Paused) -> None:
        before = self.pause
        self._require(self.trouble is None, "paused")
        since = event.at if before is None else before.since
        times = 1 if before is None else before.times + 1
        self.pause = Pause(event.adapter, event.reason, since, event.until, times)

    def _end_pause(self, at: Micros) -> None:
        pause, self.pause = self.pause, None
        if pause is not None and self.run is not None:
            self.run.paused += max(0, at - pause.since)

    def _stuck(self, event: Stuck) -> None:
        self.trouble = Trouble(event.cause, event.message, event.at, self.seq, event.call, event.evidence)

    def _resumed(self, event: Resumed) -> None:
        self.trouble = None
        if self.undo is None:
            self.held = False
        self.waiting_since = event.at
        if self.run is not None:
            self.run.started_at, self.run.attempts, self.run.next_at = event.at, 0, event.next_at
            self.run.paused = 0
        if self.doubt is not None:
            self.doubt.method = self.doubt.looks = self.doubt.tries = 0
            self.doubt.next_at = event.next_at
        for suspect in self.suspects:
            # The first look is not made earlier for anybody: until then the message may still be on its way.
            if suspect.tries:
                suspect.tries, suspect.at = 0, min(suspect.at, event.next_at)

    def _corrected(self, event: Corrected) -> None:
        self._require(self.call is None, "corrected")
        self._merge(event.new)

    def _undo_requested(self, event: UndoRequested) -> None:
        self._require(self.call is None, "undo_requested")
        self._require(0 <= event.depth <= len(self.trail), "undo_requested")
        self.undo = UndoPlan(event.target, event.depth, event.close)
        self.run, self.trouble, self.closed, self.held = None, None, False, True

    def _undone(self, event: Undone) -> None:
        self._require(self.undo is not None and self.call is None, "undone")
        self.undo, self.held = None, True
        self._enter(event.state, event.at)

    def _migrated(self, event: Migrated) -> None:
        self._require(self.call is None and self.undo is None, "migrated")
        self._require(len(event.legs) == len(self.trail), "migrated")
        self.version, self.state = event.version, event.state
        legs = zip(self.trail, event.legs, strict=True)
        self.trail = [replace(leg, source=source, dest=dest) for leg, (source, dest) in legs]
        if self.run is not None and event.run is not None:
            self.run.source, self.run.dest = event.run
        if self.trouble is not None and self.trouble.cause in MENDED_BY_MIGRATION:
            self.trouble = None

    def _closed(self, event: Closed) -> None:
        self._require(self.call is None and self.run is None and not self.suspects, "closed")
        self.closed = True

    # -- shared
    def _merge(self, patch: Mapping[str, Any]) -> None:
        """Lay ``patch`` over the data (RFC 7396); inner objects are copied, since events hold on to theirs."""
        data = self.data
        for name, value in patch.items():
            if value is None:
                data.pop(name, None)
            elif type(value) is dict:
                data[name] = merged(data.get(name), value)
            else:
                data[name] = value

    def _move(
        self,
        role: Role,
        trigger: str,
        source: str,
        dest: str,
        data: Mapping[str, Any],
        at: Micros,
        *,
        by_hand: bool = False,
    ) -> None:
        self._require(source == self.state, f"{trigger} from {source}")
        self._merge(data)
        if role is Role.UNDO:
            depth = landing(self.trail, len(self.trail), dest)
            if depth is None:
                raise IllegalEvent(f"an undo to {dest}, where the visit has never been")
            del self.trail[depth:]
        elif source != dest or self.call is not None or by_hand:  # going round without a write leaves nothing to undo
            self.trail.append(Leg(trigger, source, dest, at, self.call))
        self.run = self.call = self.doubt = None
        self._enter(dest, at)

    def _enter(self, state: str, at: Micros) -> None:
        if state != self.state:
            self.entered_at = at
            self.timers = {}
        self.waiting_since = at
        self.state = state

    def _running(self, trigger: str, source: str, dest: str, role: Role, at: Micros) -> Run:
        run = self.run
        if run is None or (run.trigger, run.role) != (trigger, role):
            run = self.run = Run(trigger, source, dest, role, at, None)
        return run

    def _open_doubt(self, subject: str, kind: str) -> Doubt:
        if self.call is None or self.doubt is None or self.call.call != subject:
            raise IllegalEvent(f"{kind} about {subject or 'nothing'}, which is not in doubt")
        return self.doubt

    def _require(self, holds: bool, kind: str) -> None:
        if not holds:
            raise IllegalEvent(f"{kind} cannot come as event {self.seq} in state {self.state}")

    # -- out and in
    def snapshot(self) -> Snapshot:
        """Return the whole visit as JSON, to be folded on from."""
        return Snapshot(self.seq, _VISIT.dump_json(self).decode())

    def twin(self) -> Visit:
        """Return the same visit, to be folded on by itself: what events change is its own, what they replace is not."""
        doubt = self.doubt
        return replace(
            self,
            data=dict(self.data),
            trail=[*self.trail],
            run=None if self.run is None else replace(self.run),
            doubt=None if doubt is None else replace(doubt, events=[*doubt.events], exchanges=[*doubt.exchanges]),
            suspects=[replace(suspect) for suspect in self.suspects],
            timers=dict(self.timers),
        )


#: Troubles with the old version's code, which a migration leaves behind. All others stay.
MENDED_BY_MIGRATION = (Cause.FLOW_UNAVAILABLE, Cause.STEP_ERROR, Cause.ENGINE_ERROR)

_FOLDS: dict[type, Any] = {
    Opened: Visit._opened,
    Triggered: Visit._triggered,
    Intent: Visit._intent,
    Concluded: Visit._concluded,
    Looked: Visit._looked,
    Settled: Visit._settled,
    LateLooked: Visit._late_looked,
    TimerFired: Visit._timer_fired,
    Paused: Visit._paused,
    Stuck: Visit._stuck,
    Resumed: Visit._resumed,
    Corrected: Visit._corrected,
    UndoRequested: Visit._undo_requested,
    Undone: Visit._undone,
    Migrated: Visit._migrated,
    Closed: Visit._closed,
}

_VISIT = TypeAdapter(Visit)


def fold(visit_id: str, history: History) -> Visit:
    """Return the visit that a journal tells: from its snapshot, if there is one, and the events after it.

    Raises:
        IllegalEvent: the journal has a gap or an event that cannot come next.
    """
    visit = Visit(visit_id) if history.snapshot is None else _VISIT.validate_json(history.snapshot.body)
    fold_on(visit, history.events)
    return visit


def fold_on(visit: Visit, events: Iterable[StoredEvent]) -> None:
    """Fold stored events into ``visit``. Raises IllegalEvent on a gap."""
    for stored in events:
        if stored.seq != visit.seq + 1:
            raise IllegalEvent(f"event {stored.seq} follows event {visit.seq}")
        visit.apply(decode(stored.payload))
