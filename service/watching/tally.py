"""What one process counts while it works: plain numbers in plain dictionaries, read when somebody asks (ADR 27).

Called on the engine's hot path, always from the event loop's own thread. Every key comes from flows and adapters, so
there are as many numbers as definitions allow and none for a visit or a person (G10).
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Sequence

from engine.adapter import Operation
from engine.environment import SECOND, Micros
from engine.events import AnyEvent, Closed, Concluded, Intent, LateLooked, Opened, Role, Settled, Stuck, TimerFired
from engine.histogram import Histogram
from engine.outcomes import Busy, Done, InDoubt, NotSent, Outcome, Refused
from engine.visit import Visit
from engine.watching import Watch

#: Seconds. Centres answer within some tenths of a second on a good day and time out at 30 s or 60 s.
CALL_BOUNDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120)
LATE_BOUNDS = (0.1, 0.5, 1, 5, 15, 60, 300, 900, 3600)

#: An outcome as metrics and spans name it.
OUTCOMES: dict[type, str] = {Done: "done", Refused: "refused", NotSent: "not_sent", InDoubt: "in_doubt", Busy: "busy"}


#: Looking a member up in its enum costs as much as counting.
_FORWARD, _UNDO = Role.FORWARD, Role.UNDO
_CALL_MICROS = tuple(int(bound * SECOND) for bound in CALL_BOUNDS)


class Calls:
    """The calls of one operation. What nearly all of them come to has a place of its own."""

    __slots__ = ("counts", "done", "others", "total")

    def __init__(self) -> None:
        """Begin at nothing."""
        self.counts = [0] * (len(CALL_BOUNDS) + 1)
        self.total: Micros = 0
        self.done = 0  #: made for a transition, and done
        self.others: dict[tuple[Role, type], int] = {}


class Tally:
    """Counts calls and events of one process."""

    def __init__(self) -> None:
        """Begin at nothing, as after every start of a process."""
        self._calls: dict[tuple[str, str], Calls] = {}
        #: (flow, trigger, direction) → transitions made
        self.transitions: Counter[tuple[str, str, str]] = Counter()
        self.opened: Counter[str] = Counter()
        self.closed: Counter[tuple[str, str]] = Counter()
        self.stuck: Counter[tuple[str, str]] = Counter()
        self.retries: Counter[tuple[str, str]] = Counter()
        self.doubts: Counter[str] = Counter()
        self.settled: Counter[tuple[str, str]] = Counter()
        self.late_looks: Counter[tuple[str, str]] = Counter()
        self.timers: Counter[tuple[str, str]] = Counter()
        self.timers_late = Histogram(LATE_BOUNDS)
        #: adapter → calls in a row that did not come through (not sent, in doubt)
        self.failing: dict[str, int] = {}
        self._silent = False  #: some adapter is failing: the only case in which a good call has to look

    def called(
        self,
        visit: Visit,
        adapter: str,
        operation: Operation,
        role: Role,
        message_id: str,
        outcome: Outcome,
        took: Micros,
    ) -> None:
        """Count a call."""
        calls = self._calls.get((adapter, operation.name))
        if calls is None:
            self.failing.setdefault(adapter, 0)
            calls = self._calls[adapter, operation.name] = Calls()
        calls.counts[bisect_left(_CALL_MICROS, took)] += 1
        calls.total += took
        kind = type(outcome)
        if kind is Done and role is _FORWARD:
            calls.done += 1
        else:
            calls.others[role, kind] = calls.others.get((role, kind), 0) + 1
        if kind is NotSent or kind is InDoubt:
            self.failing[adapter] += 1
            self._silent = True
        elif self._silent:
            self.failing[adapter] = 0
            self._silent = any(self.failing.values())

    def calls(self) -> Iterator[tuple[tuple[str, str, str, str], int]]:
        """Yield how many calls there were by adapter, operation, role and outcome."""
        for (adapter, name), calls in self._calls.items():
            if calls.done:
                yield (adapter, name, _FORWARD.value, OUTCOMES[Done]), calls.done
            for (role, kind), count in calls.others.items():
                yield (adapter, name, role.value, OUTCOMES[kind]), count

    def call_seconds(self) -> Iterator[tuple[tuple[str, str], Histogram]]:
        """Yield how long the calls of each operation took."""
        for key, calls in self._calls.items():
            seconds = Histogram(CALL_BOUNDS)
            seconds.counts, seconds.total = list(calls.counts), calls.total / SECOND
            yield key, seconds

    def durable(self, visit: Visit, events: Sequence[AnyEvent]) -> None:
        """Count what events say."""
        for event in events:
            kind = type(event)
            if kind is Concluded:
                self._concluded(visit.flow, event)  # type: ignore[arg-type]
            elif kind is not Intent:
                self._rarer(visit, event)

    def _concluded(self, flow: str, event: Concluded) -> None:
        if event.dest is not None:
            key = (flow, event.trigger, "back" if event.role is _UNDO else "forward")
            self.transitions[key] = self.transitions.get(key, 0) + 1
        elif event.look_at is not None:
            self.doubts[flow] += 1
        elif event.retry_at is not None:
            self.retries[flow, event.operation] += 1

    def _rarer(self, visit: Visit, event: AnyEvent) -> None:
        flow = visit.flow
        match event:
            case Opened():
                self.opened[flow] += 1
            case Closed():
                self.closed[flow, event.state] += 1
            case Stuck():
                self.stuck[flow, event.cause.value] += 1
            case Settled():
                self.settled[flow, event.verdict.value] += 1
                if event.dest is not None:
                    self.transitions[flow, _SETTLED, "forward"] += 1
            case LateLooked():
                self.late_looks[flow, event.verdict] += 1
            case TimerFired():
                self.timers[flow, event.timer] += 1
                self.timers_late.add(max(0, event.at - event.due) / SECOND)


#: A transition that was known only when a doubt was settled: which one it was, the event does not say.
_SETTLED = "(settled)"


class Watches:
    """Tells several, one after the other."""

    def __init__(self, *told: Watch) -> None:
        """``told`` are told in this order."""
        self._told = told

    def called(
        self,
        visit: Visit,
        adapter: str,
        operation: Operation,
        role: Role,
        message_id: str,
        outcome: Outcome,
        took: Micros,
    ) -> None:
        """Pass a call on."""
        for each in self._told:
            each.called(visit, adapter, operation, role, message_id, outcome, took)

    def durable(self, visit: Visit, events: Sequence[AnyEvent]) -> None:
        """Pass events on."""
        for each in self._told:
            each.durable(visit, events)


__all__ = ["OUTCOMES", "Tally", "Watches"]
