"""Recording adds, changes only for a reason, and takes nothing away."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from engine import settling
from engine.definitions import FlowDefinition
from engine.events import Settled
from engine.visit import Visit
from tests.replay import __main__ as command
from tests.replay import record as recording_module
from tests.replay.checks import replayed
from tests.replay.choosing import Played
from tests.replay.documents import change, changed, differences
from tests.replay.files import LOG, definitions, path_of, read, recordings, text_of
from tests.replay.flows import compiled, renamed
from tests.replay.record import record
from tests.replay.scripts import scripts
from tests.replay.stage import play
from tests.toy import toy_flow


@pytest.fixture(autouse=True)
def _two_stories(monkeypatch: pytest.MonkeyPatch) -> None:
    async def two(definition: FlowDefinition, release: str) -> dict[str, Played]:
        flow = compiled(definition, definition.content_hash(), model=True)
        wanted = [each for each in scripts(flow) if each.name in ("straight", "each-call-silence-not-done")]
        return {each.name: await play(definition, each, release) for each in wanted}

    monkeypatch.setattr(recording_module, "everything", two)


def kept(root: Path) -> dict[str, str]:
    return {str(path.relative_to(root)): path.read_text(encoding="utf-8") for path in root.rglob("*") if path.is_file()}


async def test_the_second_run_adds_nothing(tmp_path: Path) -> None:
    report = await record([toy_flow()], tmp_path)
    assert report.added and not report.differences and not report.takes
    before = kept(tmp_path)
    again = await record([toy_flow()], tmp_path)
    assert (again.added, again.differences, again.takes) == ([], [], [])
    assert kept(tmp_path) == before


async def test_a_new_version_is_added_beside_the_old_one(tmp_path: Path) -> None:
    older = toy_flow(flow="west.visit")
    await record([older], tmp_path)
    before = kept(tmp_path)
    newer = renamed(older, "registered")
    assert (await record([newer], tmp_path)).added
    assert kept(tmp_path).items() > before.items()
    assert {version for _, version in definitions(tmp_path)} == {older.content_hash(), newer.content_hash()}


async def test_what_is_read_otherwise_needs_a_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    await record([toy_flow()], tmp_path)
    before = kept(tmp_path)
    honest = Visit._settled

    def patient(self: Visit, event: Settled) -> None:
        honest(self, event)
        for suspect in self.suspects:
            suspect.at += 1

    monkeypatch.setitem(_folds(), Settled, patient)
    report = await record([], tmp_path)
    assert {each.path for each in report.differences} >= {"fold/suspects/0/at"}
    assert kept(tmp_path) == before
    await record([], tmp_path, "suspects are looked at a little later")
    assert [found for each in recordings(tmp_path) for found in replayed(each, definitions(tmp_path))] == []
    note = (tmp_path / LOG).read_text(encoding="utf-8")
    assert "suspects are looked at a little later" in note and "each-call-silence-not-done" in note
    journals = [[event.payload for event in each.events] for each in recordings(tmp_path)]
    monkeypatch.undo()
    assert journals == [[event.payload for event in each.events] for each in recordings(tmp_path)]


async def test_another_journal_of_a_story_becomes_a_second_take(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await record([toy_flow()], tmp_path)
    before = kept(tmp_path)
    monkeypatch.setattr(settling, "_reason", lambda _outcome: "other words")
    monkeypatch.setattr(settling, "_late_look", lambda _flow, _journal: (None, None))
    report = await record([toy_flow()], tmp_path)
    assert report.takes == [f"toy.visit/{toy_flow().content_hash()}/each-call-silence-not-done.2"]
    assert kept(tmp_path) == before
    await record([toy_flow()], tmp_path, "no last look any more")
    after = kept(tmp_path)
    assert {name for name in after if name not in before} >= {f"{report.takes[0]}.jsonl", LOG}
    assert before.items() <= after.items()
    again = await record([toy_flow()], tmp_path)
    assert (again.added, again.takes) == ([], [])


async def test_the_order_of_members_makes_no_other_journal(tmp_path: Path) -> None:
    await record([toy_flow()], tmp_path)
    each = next(recordings(tmp_path))
    turned = [json.dumps(dict(reversed(json.loads(line.event.payload).items()))) for line in each.lines]
    lines = [
        replace(line, event=replace(line.event, payload=text)) for line, text in zip(each.lines, turned, strict=True)
    ]
    (path := path_of(tmp_path, each)).write_text(text_of(replace(each, lines=tuple(lines))), encoding="utf-8")
    assert [event.payload for event in read(path).events] == turned
    report = await record([toy_flow()], tmp_path)
    assert (report.added, report.differences, report.takes) == ([], [], [])


def test_a_reason_has_words(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "argv", ["tests.replay", "--accept", " "])
    with pytest.raises(SystemExit):
        command.main()
    assert "--accept needs a reason" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ({}, {"a": {"b": [1, {"c": None}]}}),
        ({"a": [1, 2, 3], "b": 1}, {"a": [1]}),
        ({"a": {"x": "long" * 20, "y": 1}}, {"a": {"x": "long" * 20, "y": True}}),
        ({"a": {"x": 1}}, {"a": [1]}),
        ({"a": 0, "b": None}, {"a": False, "b": {}}),
        ({"a": [{"x": 1}, {"x": 2}]}, {"a": [{"x": 1}, {"x": 3}, {"x": 4}]}),
    ],
)
def test_a_change_leads_from_one_document_to_the_other(old: dict[str, object], new: dict[str, object]) -> None:
    assert list(differences(changed(old, change(old, new)), new)) == []
    assert list(differences(changed(new, change(new, old)), old)) == []
    assert list(differences(old, new))


def _folds() -> dict[type, object]:
    from engine import visit

    return visit._FOLDS
