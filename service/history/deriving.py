"""Draw the facts of one visit from its journal: the same journal, the same facts, however often and by whomever.

The engine's own fold goes along, so that what counts as a doubt, a move or a stop is what the engine took it for.
Nothing personal comes out: names of states, triggers, operations and codes, times, and sums; no texts of peers or
people, and no names of who acted.
"""

from __future__ import annotations

import datetime
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any
from zoneinfo import ZoneInfo

from engine.environment import SECOND, Micros
from engine.events import (
    AnyEvent,
    Cause,
    Closed,
    Concluded,
    Corrected,
    Intent,
    Looked,
    Opened,
    Role,
    Settled,
    Stuck,
    Triggered,
    UndoRequested,
    Verdict,
    decode,
)
from engine.store import StoredEvent
from engine.visit import Run, Visit
from service.history.amounts import Rule, rules_of
from service.patients import visit_hash
from storage.history import DoubtFact, Facts, MoneyFact, StepFact, StopFact, UploadFact, VisitFact

#: What of a path is kept: a visit that goes round for weeks is told by its beginning.
MOST_VARIANT = 1000
#: Outcomes of a call that did not bring the visit on.
FAILED = ("refused", "not_sent", "in_doubt", "busy")
#: By what a doubt is settled without a person.
WAYS = ("probe", "reverse", "repeat", "inquire")
_CODE = re.compile(r"[\w./:-]{1,40}", re.ASCII)
_MS = SECOND // 1000


@dataclass(frozen=True, slots=True)
class Terms:
    """What facts depend on beside the journal. ``adapter_of`` names the peer of a version's operation."""

    zone: ZoneInfo
    secret: bytes | None  #: keys the hash of the HIS's number; None: it is left out
    adapter_of: Callable[[str, str], str]

    def day(self, at: Micros) -> str:
        """Return the site's day of a moment."""
        return f"{datetime.datetime.fromtimestamp(at / SECOND, self.zone):%Y-%m-%d}"


def facts_of(visit_id: str, journal: Iterable[StoredEvent], terms: Terms) -> Facts:
    """Return the facts of a journal that begins at its beginning.

    Raises:
        IllegalEvent, ValueError: the journal is damaged.
    """
    teller = _Teller(visit_id, terms)
    for stored in journal:
        teller.tell(decode(stored.payload))
    return teller.done()


@dataclass(slots=True)
class _Line:
    """A fee line: with which event it was handed over, and first uploaded."""

    handed: tuple[int, Micros]
    uploaded: tuple[int, Micros] | None = None


@dataclass(slots=True)
class _Teller:
    visit_id: str
    terms: Terms
    visit: Visit = field(init=False)
    facts: Facts = field(init=False)
    rules: Mapping[str, Rule] = field(default_factory=dict)
    steps: dict[str, StepFact] = field(default_factory=dict)  #: by call
    doubt: DoubtFact | None = None
    stop: StopFact | None = None
    path: list[str] = field(default_factory=list)
    standing: dict[str, int] = field(default_factory=dict)  #: cents by kind
    lines: dict[str, _Line] = field(default_factory=dict)
    cancelled: str | None = None  #: state in which a visit that is cancelled closes

    def __post_init__(self) -> None:
        self.visit = Visit(self.visit_id)

    def tell(self, event: AnyEvent) -> None:
        """Go on by one event."""
        visit = self.visit
        run, call, since = visit.run, visit.call, visit.updated_at
        settling = visit.doubt is not None
        visit.apply(event)
        match event:
            case Opened():
                self._opened(event)
            case Intent(role=Role.FORWARD | Role.UNDO):
                self._intent(event)
            case Concluded():
                self._concluded(event, run, since)
            case Looked():
                if self.doubt is not None:
                    self.doubt.looks += 1
            case Settled():
                self._settled(event, None if call is None else call.call, run, settling=settling)
            case Stuck():
                self._stuck(event)
            case UndoRequested():
                self.cancelled, self.facts.visit.closed_at = event.close, None
            case Closed():
                self.facts.visit.closed_at = event.at
        self._stop_ends(event)
        self._money(event)
        self._lines(event)

    def done(self) -> Facts:
        """Return what was told."""
        facts, visit, told = self.facts, self.visit, self.facts.visit
        told.version, told.state, told.last_at, told.events = visit.version, visit.state, visit.updated_at, visit.seq
        if visit.closed:
            told.ending = "cancelled" if self.cancelled == visit.state else "completed"
        elif visit.trouble is not None:
            told.ending = "stuck"
        told.steps, told.doubts, told.stops = len(facts.steps), len(facts.doubts), len(facts.stops)
        told.failures = sum(each.outcome in FAILED for each in facts.steps)
        told.variant = variant(self.path)
        facts.uploads = self._uploads()
        return facts

    # -- events
    def _opened(self, event: Opened) -> None:
        secret = self.terms.secret
        hashed = "" if secret is None else visit_hash(secret, event.flow, event.key)
        day = self.terms.day(event.at)
        self.facts = Facts(VisitFact(self.visit_id, event.flow, event.version, hashed, day, event.at))
        self.rules = rules_of(event.flow)

    def _intent(self, event: Intent) -> None:
        run = self.visit.run
        step = self._step(event, event.dest, event.at, 1 if run is None else run.attempts)
        step.operation, step.adapter = event.operation, event.adapter
        self.steps[event.call] = step

    def _concluded(self, event: Concluded, before: Run | None, since: Micros) -> None:
        step = self.steps.pop(event.call, None)
        if step is None:
            # A read has no intent: it began when it came due, after the event before.
            again = before is not None and (before.trigger, before.role) == (event.trigger, event.role)
            due = before.next_at if again and before is not None else None
            begun = 0 if before is None or not again else before.attempts
            step = self._step(event, event.target, min(event.at, max(since, due or since)), begun + 1)
            if event.outcome != "no_call":
                step.operation = event.operation
                step.adapter = self.terms.adapter_of(self.visit.version, event.operation)
        step.ended_at, step.ms, step.outcome = event.at, (event.at - step.began_at) // _MS, event.outcome
        step.code = event.code if not event.code or _CODE.fullmatch(event.code) else "other"
        step.category = event.category or ""
        if event.dest is not None:
            self._moved(step, event.dest, event.at)
        elif self.visit.doubt is not None:
            self.steps[event.call] = step
            self.doubt = DoubtFact(
                *(self.visit_id, self.visit.seq, step.flow, step.trigger, step.operation, step.adapter),
                *(self.terms.day(event.at), event.at),
            )
            self.facts.doubts.append(self.doubt)

    def _settled(self, event: Settled, call: str | None, before: Run | None, *, settling: bool) -> None:
        if settling and self.doubt is not None:
            doubt, self.doubt = self.doubt, None
            doubt.settled_at, doubt.ms = event.at, (event.at - doubt.began_at) // _MS
            doubt.how, doubt.verdict = event.by if event.by in WAYS else "person", event.verdict.value
        step = None if call is None else self.steps.pop(call, None)
        if event.verdict is not Verdict.APPLIED or event.dest is None or (call is None and before is None):
            return
        if step is None:  # a person says that it is done, though no call of ours did it
            assert before is not None
            began = before.started_at if self.stop is None else self.stop.began_at
            step = self._step(before, before.dest, began, before.attempts + 1)
            step.ended_at, step.ms, step.outcome = event.at, (event.at - began) // _MS, "by_hand"
        self._moved(step, event.dest, event.at)

    def _stuck(self, event: Stuck) -> None:
        if self.stop is not None:
            self._end_stop(event)
        if self.doubt is not None and event.cause is Cause.DOUBT:
            self.doubt.asked = 1
        visit = self.visit
        self.stop = StopFact(
            *(self.visit_id, visit.seq, visit.flow, visit.state),
            *(event.cause.value, self.terms.day(event.at), event.at),
        )
        self.facts.stops.append(self.stop)

    def _stop_ends(self, event: AnyEvent) -> None:
        if self.stop is not None and self.visit.trouble is None:
            self._end_stop(event)
            self.stop = None

    def _end_stop(self, event: AnyEvent) -> None:
        assert self.stop is not None
        self.stop.ended_at, self.stop.ended_by = event.at, event.kind
        self.stop.ms = (event.at - self.stop.began_at) // _MS

    # -- steps
    def _step(self, told: Intent | Concluded | Run, target: str, began: Micros, attempt: int) -> StepFact:
        step = StepFact(
            *(self.visit_id, self.visit.seq, self.visit.flow, told.trigger, told.role.value, told.source, target),
            *("", "", attempt, self.terms.day(began), began),
        )
        self.facts.steps.append(step)
        return step

    def _moved(self, step: StepFact, dest: str, at: Micros) -> None:
        step.dest, step.moved_at = dest, at
        self.path.append(step.trigger)

    # -- money and lines
    def _money(self, event: AnyEvent) -> None:
        visit = self.visit
        made = [leg.trigger for leg in visit.trail]
        for kind, rule in self.rules.items():
            cents, before = rule.standing(visit.data, made), self.standing.get(kind, 0)
            if cents != before:
                self.standing[kind] = cents
                place = (self.visit_id, visit.seq, kind, visit.flow, self.terms.day(event.at), event.at)
                self.facts.money.append(MoneyFact(*place, cents - before))

    def _lines(self, event: AnyEvent) -> None:
        patch = event.new if isinstance(event, Corrected) else getattr(event, "data", None)
        fees = patch.get("fees") if isinstance(patch, Mapping) else None
        if not isinstance(fees, Mapping):
            return
        now = (self.visit.seq, event.at)
        for line_id, told in fees.items():
            if not isinstance(told, Mapping):
                continue
            line = self.lines.get(line_id)
            if line is None and isinstance(event, Opened | Triggered | Corrected | Concluded):
                line = self.lines[line_id] = _Line(now)
            if line is not None and line.uploaded is None and told.get("outcome") == "uploaded":
                line.uploaded = now

    def _uploads(self) -> list[UploadFact]:
        fees = self.visit.data.get("fees")
        known = fees.items() if isinstance(fees, Mapping) else ()
        voided = {name for name, line in known if isinstance(line, Mapping) and line.get("voided")}
        counted = Counter(
            (line.handed, line.uploaded)
            for name, line in self.lines.items()
            if line.uploaded is not None or name not in voided
        )
        rows = []
        for (handed, uploaded), count in sorted(counted.items(), key=lambda each: (each[0][0], each[0][1] or (0, 0))):
            seq, at = uploaded or (0, None)
            ms = None if at is None else (at - handed[1]) // _MS
            day = self.terms.day(handed[1])
            rows.append(UploadFact(self.visit_id, handed[0], seq, self.visit.flow, day, handed[1], at, ms, count))
        return rows


def variant(path: Iterable[Any]) -> str:
    """Return a path as one text: repetitions as ``upload+``, cut with an ellipsis when it is long."""
    told = " > ".join(f"{name}+" if len(list(same)) > 1 else str(name) for name, same in groupby(path))
    return told if len(told) <= MOST_VARIANT else told[: MOST_VARIANT - 1] + "…"
