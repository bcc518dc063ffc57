"""Two thousand schedules, the kept stories, and proof that the simulation bites."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from engine import execution
from engine.outcomes import InDoubt, NotSent
from flows.source import read_yaml
from tests.jiangsu import ROOT
from tests.simulation import campaign
from tests.simulation.campaign import kind_of, play, shorten
from tests.simulation.fate import Fate
from tests.simulation.hospital import FLOWS

SCHEDULES, PARTS = 2000, 8
STORIES = read_yaml(ROOT / "tests" / "simulation" / "stories.yaml", "stories.yaml").data


@pytest.mark.slow
@pytest.mark.parametrize("part", range(PARTS))
def test_whatever_happens_everything_comes_to_rest_and_the_books_agree(part: int) -> None:
    each = SCHEDULES // PARTS
    tally = campaign.run(part * each, each)
    assert tally.schedules == each, [f"seed {found.seed}: {found.broken}" for found in tally.failed]
    assert [f"seed {found.seed}: {found.broken}" for found in tally.failed] == []
    assert tally.faults > each
    assert tally.kills > each // 2


def held_off(first: int, count: int) -> tuple[list[str], int, int]:
    """Play schedules with limits and breakers: what broke, in how many calls were held off, and how often."""
    played = [play(seed, gated=True) for seed in range(first, first + count)]
    broken = [f"seed {each.seed}: {each.broken}" for each in played if each.broken is not None]
    return broken, sum(each.pauses > 0 for each in played), sum(each.pauses for each in played)


def test_with_limits_and_breakers_everything_comes_to_rest_as_well() -> None:
    broken, paused, _ = held_off(0, 24)
    assert broken == []
    assert paused > 4


@pytest.mark.slow
@pytest.mark.parametrize("part", range(4))
def test_with_limits_and_breakers_many_schedules_come_to_rest(part: int) -> None:
    broken, paused, times = held_off(1000 + part * 100, 100)
    assert broken == []
    assert paused > 20 and times > 60


@pytest.mark.parametrize("story", STORIES, ids=lambda story: f"{story['seed']}: {story['was']}")
def test_a_kept_story_ends_well(story: dict[str, Any]) -> None:
    outcome = play(story["seed"], story["only"])
    assert outcome.broken is None
    if story["only"] is not None:  # null: every fault of the seed
        assert {name.split("=")[0] for name in outcome.struck} <= set(story["only"])


def test_every_flow_is_played() -> None:
    assert set(Counter(kind_of(seed) for seed in range(40))) == set(FLOWS)


def test_a_seed_tells_the_same_story_every_time() -> None:
    first, again = play(11), play(11)
    assert (first.story, first.struck, first.turns) == (again.story, again.struck, again.turns)


def test_leaving_a_fault_out_changes_no_other_draw() -> None:
    whole, short = Fate(3), Fate(3, frozenset({"wire#2"}))
    drawn = [(fate.fault("wire", 0.9, "ab"), fate.fault("wire", 0.9, "ab"), fate.draw("x")) for fate in (whole, short)]
    assert drawn[0][1:] == drawn[1][1:]
    assert drawn[1][0] is None


def test_a_broken_engine_is_found_and_its_story_is_short(monkeypatch: pytest.MonkeyPatch) -> None:
    honest = execution.Executor._not_done

    def careless(self: Any, flow: Any, journal: Any, way: Any, bound: Any, base: Any, outcome: Any) -> None:
        outcome = NotSent(outcome.reason) if isinstance(outcome, InDoubt) else outcome
        honest(self, flow, journal, way, bound, base, outcome)

    monkeypatch.setattr(execution.Executor, "_not_done", careless)
    found = campaign.run(0, 20, most_failures=1).failed[0]
    assert found.broken is not None
    short = shorten(found)
    assert short.broken is not None
    assert len(short.struck) < len(found.struck) / 2
    assert len(short.struck) <= 3
