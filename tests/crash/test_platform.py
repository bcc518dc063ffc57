"""Every call of the patient platform's flows: crashes at its five points, and all that can happen to its answer."""

from __future__ import annotations

from functools import cache

import pytest

from engine.faultpoints import FaultPoint
from tests.crash.platform import LAPSES, MISHAPS, SCENARIOS, Place, Play, Scenario, places, steps
from tests.crash.wire import Mishap, Trap
from tests.platform import definitions

ALL = list(places(SCENARIOS))
WRITES = [place for place in ALL if place.step.writes]
BY_NAME = {each.name: each for each in SCENARIOS}
_SOUND: dict[str, Play] = {}


async def sound(scenario: Scenario) -> Play:
    """The scenario as it goes when nothing goes wrong."""
    if scenario.name not in _SOUND:
        _SOUND[scenario.name] = await Play(scenario).to_the_end()
    return _SOUND[scenario.name]


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda each: each.name)
async def test_a_scenario_walks_what_it_says(scenario: Scenario) -> None:
    assert (await sound(scenario)).walked() == scenario.walks


def test_every_call_of_every_flow_has_a_scenario() -> None:
    walks = {(each.flow, walk) for each in SCENARIOS for walk in each.walks}
    without = [(flow, walk) for flow in definitions() for walk in steps(flow) if (flow, walk) not in walks]
    assert [each for each in without if steps(each[0])[each[1]].writes] == []


def lapses(place: Place, trap: Trap) -> bool:
    """Tell whether a lock is lost for good by this."""
    certain = (FaultPoint.BEFORE_INTENT, FaultPoint.AFTER_COMMIT)
    return str(place) in LAPSES and not (trap.mishap is Mishap.CRASH and trap.point in certain)


async def agree(scenario: Scenario, trap: Trap) -> None:
    played = await Play(scenario, trap).to_the_end()
    assert played.booked() == (await sound(scenario)).booked()


@pytest.mark.parametrize("point", list(FaultPoint))
@pytest.mark.parametrize("place", ALL, ids=str)
async def test_a_crash_changes_nothing(place: Place, point: FaultPoint) -> None:
    trap = Trap(place.step.operation, place.number, point=point)
    if not lapses(place, trap):
        await agree(place.scenario, trap)


@pytest.mark.parametrize("mishap", MISHAPS)
@pytest.mark.parametrize("place", WRITES, ids=str)
async def test_a_lost_late_or_garbled_answer_changes_nothing(place: Place, mishap: Mishap) -> None:
    trap = Trap(place.step.operation, place.number, mishap)
    if not lapses(place, trap):
        await agree(place.scenario, trap)


@cache
def names() -> tuple[str, ...]:
    return tuple(BY_NAME)


def test_no_two_scenarios_share_a_name() -> None:
    assert len(names()) == len(SCENARIOS)
