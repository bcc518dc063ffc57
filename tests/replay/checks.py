"""Reading recordings with today's code: what a running visit would notice of a change, in words for a person."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from pydantic import ValidationError

from engine.definitions import FlowDefinition
from engine.errors import FlowUnavailable
from engine.events import decode
from engine.facts import dumps
from engine.machine import Flow
from engine.store import History, Snapshot
from engine.visit import IllegalEvent, Visit, fold
from tests.replay.documents import differences
from tests.replay.files import Recording
from tests.replay.flows import compiled
from tests.replay.saying import PARTS, saying

#: Definitions as stored, by flow and version.
Definitions = Mapping[tuple[str, str], str]

#: So many differences of one recording are told; the rest follows from the first ones as a rule.
MOST_TOLD = 8
HINT = "docs/extending.md, Recorded journals, says what to do"


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that is otherwise than recorded. ``seq`` is the event after which it shows; 0: before the first."""

    recording: str
    release: str
    seq: int
    kind: str
    path: str
    expected: Any
    now: Any

    def __str__(self) -> str:
        """Return one line: where, what was recorded, what is now."""
        empty = "offered" if self.path.startswith("actions/") else '""'
        expected, now = (_brief(value) or empty for value in (self.expected, self.now))
        return f"event {self.seq} ({self.kind}) · {self.path}: recorded {expected}, now {now}"


def replayed(recording: Recording, definitions: Definitions) -> list[Difference]:
    """Return what today's code makes otherwise of a recording, event by event; it ends where nothing can follow."""

    def differs(seq: int, kind: str, path: str, expected: Any, now: Any) -> Difference:
        return Difference(str(recording), recording.release, seq, kind, path, expected, now)

    flows: dict[str, Flow] = {}
    visit = Visit(recording.visit_id)
    found: list[Difference] = []
    for line in recording.lines:
        seq, kind = line.event.seq, line.event.kind
        try:
            visit.apply(decode(line.event.payload))
        except (ValidationError, IllegalEvent) as error:
            return [*found, differs(seq, kind, "event", "it can be read and folded", _first_line(error))]
        try:
            if visit.version not in flows:
                flows[visit.version] = flow_of(recording, visit.version, definitions)
        except FlowUnavailable as error:
            return [*found, differs(seq, kind, "flow version", "it can be compiled", error.message)]
        now = saying(flows[visit.version], visit)
        found += [
            differs(seq, kind, path, *values)
            for part in PARTS
            for path, *values in differences(line.says[part], now[part], part)
        ]
    return found


def flow_of(recording: Recording, version: str, definitions: Definitions) -> Flow:
    """Return a version that a recording was on, compiled by today's code. Raises FlowUnavailable."""
    text = definitions.get((recording.flow, version))
    if text is None:
        raise FlowUnavailable(f"{recording.flow}/{version} was not recorded")
    return _compiled(text, version, recording.model)


@cache
def _compiled(text: str, version: str, model: bool) -> Flow:
    try:
        definition = FlowDefinition.model_validate_json(text)
    except ValidationError as error:
        raise FlowUnavailable(f"the definition cannot be read any more: {_first_line(error)}") from error
    return compiled(definition, version, model=model)


def unlike_snapshots(recording: Recording) -> Iterator[str]:
    """Return where today's fold of a recorded snapshot and the events after it is not the fold of all events."""
    events = recording.events
    whole = fold(recording.visit_id, History(None, events))
    for line in recording.lines[:-1]:
        snapshot = Snapshot(line.event.seq, dumps(line.says["fold"]))
        found = fold(recording.visit_id, History(snapshot, events[line.event.seq :]))
        if found != whole:
            expected, now = (json.loads(visit.snapshot().body) for visit in (whole, found))
            path, *values = next(differences(expected, now))
            told = f"{path}: {_brief(values[0])} by all events, {_brief(values[1])} from the snapshot"
            yield f"{recording}: snapshot after event {line.event.seq}: {told}"


def told(found: Sequence[Difference]) -> str:
    """Return differences in words: by recording, each path where it first differs, with what to do."""
    paragraphs: dict[str, list[str]] = {}
    seen: set[tuple[str, str]] = set()
    for each in found:
        if (each.recording, each.path) in seen:
            continue
        seen.add((each.recording, each.path))
        head = (
            f"{each.recording} (recorded by visitflow {each.release}): a running visit at this point would now differ"
        )
        paragraphs.setdefault(head, []).append(f"  {each}")
    lines = []
    for head, each_line in paragraphs.items():
        lines += [head, *each_line[:MOST_TOLD]]
        if len(each_line) > MOST_TOLD:
            lines.append(f"  and {len(each_line) - MOST_TOLD} more that differ later")
    return "\n".join([*lines, HINT]) if lines else ""


def _brief(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 120 else f"{text[:117]}..."


def _first_line(error: Exception) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())}"[:300]
