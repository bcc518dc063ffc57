"""Recording: what is new is added, what would change is changed only for a reason, nothing is taken away."""

from __future__ import annotations

import datetime
import json
import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from importlib.metadata import version as release_of
from pathlib import Path

from engine.definitions import FlowDefinition
from engine.events import decode
from engine.visit import Visit
from tests.replay import his, neimenggu, outpatient, platform
from tests.replay.checks import Definitions, Difference, flow_of, replayed
from tests.replay.choosing import Played, chosen, everything, features
from tests.replay.features import Feature
from tests.replay.files import DEFINITION, LOG, RECORDED, Recording, definitions, path_of, recordings, text_of
from tests.replay.saying import saying

#: Stories with real steps and peers, by flow. All of them are kept.
REAL: dict[str, Callable[[FlowDefinition, str], Awaitable[dict[str, Played]]]] = {
    outpatient.FLOW: outpatient.play_real,
    his.FLOW: his.play_real,
    **dict.fromkeys(neimenggu.STORIES, neimenggu.play_real),
}

_TAKE = re.compile(r"(?P<story>.*?)(?:\.(?P<take>\d+))?")


@dataclass(slots=True)
class Report:
    """What a run came to. ``differences`` and ``takes`` need a reason; without one they were not written."""

    added: list[str] = field(default_factory=list)
    differences: list[Difference] = field(default_factory=list)  #: recorded journals that today's code reads otherwise
    takes: list[str] = field(default_factory=list)  #: stories of which today's engine writes another journal


async def record(definitions_: Sequence[FlowDefinition], root: Path = RECORDED, accept: str | None = None) -> Report:
    """Bring the recordings under ``root`` up to date with ``definitions_`` and today's code.

    A new version of a flow gets recordings of its own. With ``accept``, the reason, recordings that today's code reads
    otherwise say from now on what it makes of them (their events stay), and a story of which today's engine writes
    another journal gets a second take beside the first.
    """
    report = Report()
    stored = definitions(root)
    kept = list(recordings(root))
    for recording in kept:
        found = replayed(recording, stored)
        report.differences += found
        if found and accept is not None:
            _write(root, _renewed(recording, stored))
    known = set[Feature]().union(*map(features, kept))
    for definition in definitions_:
        mine = [each for each in kept if (each.flow, each.version) == (definition.flow, definition.content_hash())]
        release = release_of("visitflow")
        real = await REAL[definition.flow](definition, release) if definition.flow in REAL else {}
        played = {} if definition.flow in neimenggu.STORIES else await everything(definition, release)
        if definition.flow in platform.FLOWS:
            played |= await platform.play_all(definition, release)
        for take in _other_takes(mine, played | real):
            report.takes.append(str(take))
            if accept is not None:
                _write(root, take)
        recorded = {_story(each) for each in mine}
        fresh = {story: each for story, each in real.items() if story not in recorded}
        played = {story: each for story, each in played.items() if story not in recorded}
        known = known.union(*(features(each) for each, _ in real.values()))
        for recording, needed in (fresh | chosen(played, known)).values():
            report.added.append(str(recording))
            assert not path_of(root, recording).exists()
            _write(root, recording)
            _write_definitions(root, recording.flow, needed)
            known |= features(recording)
    if accept is not None and (report.differences or report.takes):
        _note(root, accept, report)
    return report


def _other_takes(mine: Sequence[Recording], played: dict[str, Played]) -> list[Recording]:
    """Return the journals that today's engine writes of recorded stories and that no take of them holds."""
    takes: dict[str, list[Recording]] = {}
    for recording in mine:
        takes.setdefault(_story(recording), []).append(recording)
    found = []
    for story, known in takes.items():
        if story not in played:
            continue
        now = played[story][0]
        if _told(now) not in map(_told, known):
            found.append(replace(now, story=f"{story}.{len(known) + 1}"))
    return found


def _told(recording: Recording) -> list[tuple[int, str]]:
    """Return what a journal says; in which order an object names its members says nothing."""
    return [(event.seq, json.dumps(json.loads(event.payload), sort_keys=True)) for event in recording.events]


def _story(recording: Recording) -> str:
    match = _TAKE.fullmatch(recording.story)
    assert match is not None
    return match["story"]


def _renewed(recording: Recording, stored: Definitions) -> Recording:
    """Return a recording with what today's code says. Raises what that code raises when it cannot read it at all."""
    visit, lines = Visit(recording.visit_id), []
    for line in recording.lines:
        visit.apply(decode(line.event.payload))
        lines.append(replace(line, says=saying(flow_of(recording, visit.version, stored), visit)))
    return replace(recording, lines=tuple(lines))


def _write(root: Path, recording: Recording) -> None:
    path = path_of(root, recording)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text_of(recording), encoding="utf-8")


def _write_definitions(root: Path, flow: str, needed: dict[str, str]) -> None:
    for version, text in needed.items():
        path = root / flow / version / DEFINITION
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            path.write_text(text + "\n", encoding="utf-8")


def _note(root: Path, reason: str, report: Report) -> None:
    """Write down why recordings were changed, and which."""
    changed = sorted({each.recording for each in report.differences})
    told = [
        f"{len(names)} {what}" for names, what in ((changed, "read otherwise"), (report.takes, "written otherwise"))
    ]
    path = root / LOG
    head = path.read_text(encoding="utf-8") if path.exists() else "# Why recordings were changed\n"
    names = "".join(f"  - {name}\n" for name in [*changed, *report.takes])
    path.write_text(f"{head}\n{datetime.date.today()}: {reason} ({', '.join(told)})\n{names}", encoding="utf-8")
