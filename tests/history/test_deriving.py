"""What is drawn from a journal: held against recorded journals of every shipped flow."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from engine.events import decode
from engine.store import StoredEvent
from service.history import deriving
from service.history.amounts import Rule, rules_of, table
from service.history.deriving import Terms, facts_of, variant
from storage.history import TABLES, Facts
from tests.jiangsu import ROOT
from tests.replay.files import Recording, recordings

TERMS = Terms(ZoneInfo("Asia/Shanghai"), b"secret", lambda _version, operation: f"peer of {operation}")
RECORDED = {str(each): each for each in recordings()}


def story(flow: str, name: str) -> Recording:
    return next(each for each in RECORDED.values() if each.flow == flow and each.story == name)


def test_a_cancelled_visit_gives_its_money_back_to_the_cent() -> None:
    found = story("jiangsu.outpatient", "real-straight-and-cancelled")
    facts = facts_of(found.visit_id, found.events, TERMS)
    assert facts.visit.ending == "cancelled" and facts.visit.closed_at is not None
    assert [(each.kind, each.cents) for each in facts.money] == [
        *(("total", 13500), ("fund", 10800), ("self", 2700)),
        *(("total", -13500), ("fund", -10800), ("self", -2700)),
    ]
    path = facts.visit.variant.split(" > ")
    assert path[:3] == ["check_sign_in", "read_card", "register"] and path[-3:] == [
        *("cancel_registration", "undo_read_card", "undo_check_sign_in"),
    ]
    undone = [each for each in facts.steps if each.role == "undo"]
    assert [each.trigger for each in undone] == path[-8:]


def test_lost_answers_are_doubts_with_how_they_were_settled() -> None:
    found = story("jiangsu.outpatient", "real-answers-lost")
    facts = facts_of(found.visit_id, found.events, TERMS)
    assert [(each.how, each.verdict, each.looks) for each in facts.doubts] == [
        ("probe", "applied", 0),
        ("reverse", "reversed", 2),
    ]
    assert all(
        each.settled_at is not None and each.ms == (each.settled_at - each.began_at) // 1000 for each in facts.doubts
    )
    assert facts.visit.doubts == 2 and facts.visit.failures == 2
    lost = [each for each in facts.steps if each.outcome == "in_doubt"]
    # the first took effect and moved the visit when that was known; the second did not, and was made once more
    assert [bool(each.moved_at) for each in lost] == [True, False]
    assert [(each.trigger, each.attempt) for each in facts.steps if each.trigger == lost[1].trigger] == [
        (lost[1].trigger, 1),
        (lost[1].trigger, 2),
    ]


def test_a_payment_and_its_refund_cancel_out() -> None:
    found = story("his.doctor_settlement", "real-late-and-refused")
    facts = facts_of(found.visit_id, found.events, TERMS)
    assert [(each.kind, each.cents) for each in facts.money] == [("paid", 2700), ("refunded", -2700)]


def test_lines_wait_from_handing_over_to_their_first_upload() -> None:
    found = next(
        each
        for each in RECORDED.values()
        if (each.flow, each.story) == ("jiangsu.outpatient", "real-answers-lost") and each.version.startswith("e660c")
    )
    facts = facts_of(found.visit_id, found.events, TERMS)
    [group] = facts.uploads
    handed = next(each for each in found.events if '"fees":{' in each.payload)
    assert (group.lines, group.handed_seq, group.handed_at) == (1, handed.seq, handed.at)
    assert group.uploaded_at is not None and group.ms == (group.uploaded_at - group.handed_at) // 1000


@pytest.mark.parametrize("name", RECORDED)
def test_every_recorded_journal_can_be_told_at_every_point(name: str) -> None:
    found = RECORDED[name]
    for length in range(1, len(found.events) + 1):
        facts = facts_of(found.visit_id, found.events[:length], TERMS)
        assert facts.visit.events == length
        _hangs_together(facts, found.events[:length])
    assert rows_of(facts) == rows_of(facts_of(found.visit_id, found.events, TERMS))


def rows_of(facts: Facts) -> dict[str, list[Any]]:
    return {name: list(table.rows(facts)) for name, table in TABLES.items()}


def _hangs_together(facts: Facts, journal: list[StoredEvent]) -> None:
    kinds = [each.kind for each in journal]
    told = facts.visit
    assert told.stops == kinds.count("stuck") == len(facts.stops)
    assert sum(each.ended_at is None for each in facts.stops) <= 1
    assert (told.ending == "stuck") == any(each.ended_at is None for each in facts.stops)
    assert (told.closed_at is not None) == (told.ending in ("completed", "cancelled"))
    events = [decode(each.payload) for each in journal]
    moves = [each for each in events if each.kind in ("concluded", "settled") and each.dest is not None]  # type: ignore[union-attr]
    moved = [each for each in facts.steps if each.moved_at is not None]
    assert sorted((each.moved_at, each.dest) for each in moved) == sorted((each.at, each.dest) for each in moves)  # type: ignore[union-attr, type-var]
    keys = [table.key_of(row) for table in TABLES.values() for row in table.rows(facts)]
    assert len(keys) == len(
        {(name, *key) for name, table in TABLES.items() for key in map(table.key_of, table.rows(facts))}
    )
    for each in facts.steps:
        assert each.ms is None or each.ms >= 0
        assert (each.outcome == "open") == (each.ended_at is None)
    for kind in {each.kind for each in facts.money}:
        assert (
            sum(each.cents for each in facts.money if each.kind == kind) * (1, -1)[kind in ("refunded", "cancelled")]
            >= 0
        )


#: Members whose values say nothing about anybody.
_HARMLESS = {"flow", "version", "state", "source", "dest", "target", "trigger", "operation", "adapter", "kind", "code"}
_HARMLESS |= {"role", "effect", "outcome", "category", "cause", "verdict", "close", "timer", "late_step"}


def _texts(value: Any, name: str = "") -> Iterator[str]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _texts(item, key)
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item, name)
    elif isinstance(value, str) and name not in _HARMLESS and len(value) > 3:
        yield value


def test_nothing_that_a_journal_says_of_a_person_is_told() -> None:
    for found in RECORDED.values():
        facts = facts_of(found.visit_id, found.events, TERMS)
        told = {
            value
            for name, table in TABLES.items()
            for row in table.rows(facts)
            for column, value in zip(table.columns, row, strict=True)
            if isinstance(value, str) and column not in {"visit_id", "day", *_HARMLESS} - {"code"}
        }
        said = {text for each in found.events for text in _texts(json.loads(each.payload))}
        assert not told & said - {*deriving.WAYS, "person"}, found


def test_a_code_that_could_be_words_is_not_told(monkeypatch: pytest.MonkeyPatch) -> None:
    found = story("jiangsu.outpatient", "real-straight-and-cancelled")
    concluded = next(each for each in found.events if each.kind == "concluded")
    raw = json.loads(concluded.payload) | {"code": "王小明 3005"}
    said = [
        each if each is not concluded else StoredEvent(each.seq, each.at, each.kind, json.dumps(raw))
        for each in found.events
    ]
    assert "other" in {each.code for each in facts_of(found.visit_id, said, TERMS).steps}


def test_without_a_key_there_is_no_hash_and_with_another_another() -> None:
    found = story("jiangsu.outpatient", "real-straight-and-cancelled")
    hashes = {
        facts_of(found.visit_id, found.events, Terms(TERMS.zone, key, TERMS.adapter_of)).visit.key_hash
        for key in (None, b"a", b"b")
    }
    assert len(hashes) == 3 and "" in hashes


def test_days_are_the_sites() -> None:
    assert TERMS.day(1_795_136_400_000_000) == "2026-11-20"
    midnight = 1_795_104_000_000_000  # 2026-11-20 00:00 in China
    assert (TERMS.day(midnight), TERMS.day(midnight - 1)) == ("2026-11-20", "2026-11-19")


def test_repetitions_are_told_once_and_long_paths_are_cut() -> None:
    assert variant(["a", "b", "b", "b", "c", "b"]) == "a > b+ > c > b"
    long = variant(str(number) for number in range(1000))
    assert len(long) == deriving.MOST_VARIANT and long.endswith("…")


def test_every_shipped_flow_says_what_is_money() -> None:
    from engine import tables

    names = {
        tables.load(path.read_text(encoding="utf-8"))["flow"] for path in sorted((ROOT / "flows").glob("*/*.yaml"))
    }
    covered = {name for name in names if name in table() or f"{name.partition('.')[0]}.*" in table()}
    assert names == covered, f"say in service/history/amounts.yaml what is money in {sorted(names - covered)}"
    assert {name for name in table() if not name.endswith(".*")} <= names, "a flow that is no more"
    assert rules_of("nobody.knows") == {}


@pytest.mark.parametrize(
    ("data", "cents"),
    [
        ({"x": {"y": "12.34"}}, 1234),
        ({"x": {"y": "0.005"}}, 1),  # half up, as the centre rounds
        ({"x": {"y": "-3"}}, -300),
        ({"x": {}}, 0),
        ({"x": "12"}, 0),
        ({"x": {"y": "NaN"}}, 0),
        ({"x": {"y": "much"}}, 0),
        ({}, 0),
    ],
)
def test_an_amount_is_read_or_is_none(data: dict[str, Any], cents: int) -> None:
    rule = Rule.model_validate({"amount": ["x", "y"], "while": ["pay"]})
    assert rule.standing(data, ["pay"]) == cents
    assert rule.standing(data, ["register"]) == 0
    back = Rule.model_validate({"amount": ["x", "y"], "after": ["pay"], "gives_back": True})
    assert back.standing(data, ["pay", "z"]) == -cents and back.standing(data, []) == 0
