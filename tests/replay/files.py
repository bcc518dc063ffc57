"""Recordings as files: ``recorded/<flow>/<version>/definition.json`` and ``<story>.jsonl`` beside it.

The first line of a story says where it comes from. Each further line is one event: ``event`` is the text that the
journal keeps, word for word; ``says`` what changed, against the line before, in what the engine makes of the visit;
``gone`` what is in it no more. ``peer`` stands with an event that a commit ended with, after which a process may die:
what took effect at the peer since the last such line.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from engine.facts import dumps
from engine.store import StoredEvent
from tests.replay.documents import Change, change, changed, natural
from tests.replay.saying import Document

RECORDED = Path(__file__).with_name("recorded")
#: Why recordings were changed, oldest first.
LOG = "accepted.md"
DEFINITION = "definition.json"


@dataclass(frozen=True, slots=True)
class Line:
    """One event, the whole of what the engine said after it, and how the outside stood."""

    event: StoredEvent
    says: Document
    durable: bool = False
    peer: tuple[str, ...] = ()  #: all that took effect so far; of use only after a durable event


@dataclass(frozen=True, slots=True)
class Recording:
    """One story. ``model``: its steps and peers are models (flows/exploring); otherwise the real ones."""

    flow: str
    version: str  #: that the visit was opened on
    story: str
    visit_id: str
    model: bool
    release: str  #: of visitflow, that the journal was written by
    lines: tuple[Line, ...] = field(repr=False)

    @property
    def events(self) -> list[StoredEvent]:
        """The journal."""
        return [line.event for line in self.lines]

    def __str__(self) -> str:
        """Return the name that messages and tests use."""
        return f"{self.flow}/{self.version}/{self.story}"


def path_of(root: Path, recording: Recording) -> Path:
    """Return where a recording is kept."""
    return root / recording.flow / recording.version / f"{recording.story}.jsonl"


def text_of(recording: Recording) -> str:
    """Return the text of a recording's file."""
    head = {"visit_id": recording.visit_id, "model": recording.model, "release": recording.release}
    rows = [dumps(head)]
    says: Document = {}
    peer: tuple[str, ...] = ()
    for line in recording.lines:
        what = change(says, line.says)
        values = json.loads(dumps(_shared(what.values, says)))  # sorted
        row: dict[str, Any] = {"event": json.loads(line.event.payload), "says": values}
        if _event_text(row["event"]) != line.event.payload:
            row["event"] = line.event.payload
        if what.gone:
            row["gone"] = sorted(what.gone, key=natural)
        if line.durable:
            row["peer"] = list(line.peer[len(peer) :])
            peer = line.peer
        says = line.says
        rows.append(json.dumps(row, ensure_ascii=False, separators=(",", ":")))
    return "\n".join(rows) + "\n"


def read(path: Path) -> Recording:
    """Read a recording. Raises ValueError, LookupError when the file is damaged."""
    first, *rest = path.read_text(encoding="utf-8").splitlines()
    head = json.loads(first)
    lines = []
    says: Document = {}
    peer: tuple[str, ...] = ()
    for seq, row in enumerate(map(json.loads, rest), 1):
        payload = row["event"] if isinstance(row["event"], str) else _event_text(row["event"])
        says = changed(says, Change(_unshared(row["says"], says), row.get("gone", [])))
        peer = (*peer, *row.get("peer", ()))
        at, kind = _stamp(payload)
        lines.append(Line(StoredEvent(seq, at, kind, payload), says, "peer" in row, peer))
    version = path.parent
    return Recording(
        flow=version.parent.name,
        version=version.name,
        story=path.stem,
        visit_id=head["visit_id"],
        model=head["model"],
        release=head["release"],
        lines=tuple(lines),
    )


def recordings(root: Path = RECORDED) -> Iterator[Recording]:
    """Return all recordings, in order of their names."""
    for path in sorted(root.glob("*/*/*.jsonl")):
        yield read(path)


def definitions(root: Path = RECORDED) -> dict[tuple[str, str], str]:
    """Return the recorded definitions, as stored, by flow and version."""
    return {
        (path.parent.parent.name, path.parent.name): path.read_text(encoding="utf-8").rstrip("\n")
        for path in sorted(root.glob(f"*/*/{DEFINITION}"))
    }


def _event_text(event: Any) -> str:
    """Return an event in the form in which the journal keeps it: no spaces, in the order of its fields."""
    return json.dumps(event, ensure_ascii=False, separators=(",", ":"))


def _stamp(payload: str) -> tuple[int, str]:
    raw = json.loads(payload)
    return raw["at"], raw["kind"]


#: Stands for the call that the line before held open: it is kept in legs, suspects and evidence as well.
_SAME = {"as": "fold/call"}


def _shared(value: Any, before: Document) -> Any:
    call = before.get("fold", {}).get("call")
    if call is not None and value == call:
        return _SAME
    return {name: _shared(each, before) for name, each in value.items()} if isinstance(value, dict) else value


def _unshared(value: Any, before: Document) -> Any:
    if value == _SAME:
        return before["fold"]["call"]
    return {name: _unshared(each, before) for name, each in value.items()} if isinstance(value, dict) else value
