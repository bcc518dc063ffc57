"""Every call to the HIS back end: crashes at its five points, and all that can happen to its answer."""

from __future__ import annotations

import pytest

from engine.faultpoints import FaultPoint
from tests.crash.his import SCENARIOS, HisTrap, play
from tests.crash.scenarios import Place, Scenario, places, walked
from tests.crash.wire import ANSWERS, Mishap

ALL = list(places(SCENARIOS))
WRITES = [place for place in ALL if place.step.writes]


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda each: each.name)
async def test_a_scenario_walks_what_it_says(scenario: Scenario) -> None:
    played = play(scenario)
    await played.to_the_end()
    assert tuple(walked(played.visit_id, await played.events())) == scenario.walks


@pytest.mark.parametrize("point", list(FaultPoint))
@pytest.mark.parametrize("place", ALL, ids=str)
async def test_a_crash_changes_nothing(place: Place, point: FaultPoint) -> None:
    await play(place.scenario, HisTrap(place.step.operation, place.number, point=point)).to_the_end()


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda each: each.name)
@pytest.mark.parametrize("mishap", [Mishap.CRASH_UNHEARD, Mishap.CRASH_OVERTAKEN, *ANSWERS])
async def test_a_lost_late_or_garbled_answer_changes_nothing(scenario: Scenario, mishap: Mishap) -> None:
    await play(scenario, HisTrap("settle_bill", 1, mishap)).to_the_end()


@pytest.mark.parametrize("mishap", list(ANSWERS))
async def test_neither_does_an_answer_of_the_trial_that_settles_a_doubt(mishap: Mishap) -> None:
    lost = HisTrap("settle_bill", 1, Mishap.LOST_REQUEST)
    await play(SCENARIOS[0], HisTrap("unsettled_bill", 1, mishap, after=lost)).to_the_end()


@pytest.mark.parametrize("point", list(FaultPoint))
async def test_neither_does_a_crash_while_a_doubt_is_settled(point: FaultPoint) -> None:
    lost = HisTrap("settle_bill", 1, Mishap.LOST_REPLY)
    await play(SCENARIOS[0], HisTrap("unsettled_bill", 1, point=point, after=lost)).to_the_end()


def test_the_settlement_is_the_only_write() -> None:
    assert {place.step.operation for place in WRITES} == {"settle_bill"}
