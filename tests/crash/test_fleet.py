"""Half a minute of a fleet in trouble, and its plans; the long run is ``python -m tests.crash.fleet``."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from tests.crash.network import allowed
from tests.crash.ordeal import trouble
from tests.crash.troubles import plan


def test_a_seed_brings_the_same_troubles_again() -> None:
    first, again, other = (plan(seed, seconds=300, visits=50, workers=3, lease=3) for seed in (7, 7, 8))
    assert first == again
    assert first.troubles != other.troubles


def test_a_plan_has_everything_in_it() -> None:
    drawn = plan(1, seconds=300, visits=2000, workers=3, lease=3.0)
    kinds = Counter(each.kind for each in drawn.troubles)
    assert set(kinds) == {"kill", "stop", "cut", "hold", "kill_database", "stop_database"}
    assert {each.worker for each in drawn.troubles} == {0, 1, 2}
    assert all(each.lasts > 3.0 for each in drawn.troubles if each.kind == "stop"), "longer than the lease"
    assert len(drawn.opened) == 2000
    assert 0 < len(drawn.cancelled) < len(drawn.by_worker) < 2000


@pytest.mark.slow
@pytest.mark.postgres
@pytest.mark.skipif(not allowed(), reason="no network namespaces here: they need Linux, root and ip")
async def test_a_fleet_with_cables_that_are_pulled(tmp_path: Path) -> None:
    fate = plan(20261137, seconds=18.0, visits=50, workers=3, lease=3.0, cables=True)
    told = await trouble(tmp_path, fate, "embedded", cables=True)
    assert told.struck["unplug"] == 3
    assert told.lives > fate.workers


@pytest.mark.slow
@pytest.mark.postgres
@pytest.mark.parametrize("dispatch", ["embedded", "procrastinate"])
async def test_a_fleet_in_trouble_forgets_nothing_and_does_nothing_twice(tmp_path: Path, dispatch: str) -> None:
    fate = plan(20261121, seconds=18.0, visits=50, workers=3, lease=3.0)
    told = await trouble(tmp_path, fate, dispatch)
    assert told.struck["kill"] > 0
    assert told.struck["stop"] > 0
    assert told.struck["cut"] + told.struck["hold"] > 0
    assert told.struck["kill_database"] + told.struck["stop_database"] > 0
    assert told.lives > fate.workers
    if dispatch == "procrastinate":
        assert told.figures["told"] > 0, "no job brought a visit"
