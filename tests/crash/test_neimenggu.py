"""Every call of the flows of Inner Mongolia: crashes at its five points, and all that can happen to its answer."""

from __future__ import annotations

import pytest

from engine.faultpoints import FaultPoint
from engine.store import Store
from tests.conftest import DURABLE
from tests.crash.neimenggu import OUTPATIENT, SCENARIOS, SECRETS, NmTrap, play
from tests.crash.scenarios import Place, Scenario, places, walked
from tests.crash.wire import ANSWERS, Mishap

ALL = list(places(SCENARIOS))
WRITES = [place for place in ALL if place.step.writes]
#: Outpatients are inpatients with another code (2.4): the same steps on the same edges, of which the writes are enough.
SAME = {scenario.name for scenario in OUTPATIENT}
CRASHED = [place for place in ALL if place.step.writes or place.scenario.name not in SAME]
#: Doubts whose settling is disturbed once more, and by which operation each is settled.
DOUBTS = [
    (place, aid) for place in WRITES for aid in place.step.aids if place.number == 1 and place.scenario.name not in SAME
]
#: What can become of the answer to a question without effects; the rest is alike.
READ = (Mishap.LOST_REPLY, Mishap.GARBAGE, Mishap.UNKNOWN_CODE)


@pytest.fixture(autouse=True)
def _secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda each: each.name)
async def test_a_scenario_walks_what_it_says(scenario: Scenario) -> None:
    played = play(scenario)
    await played.to_the_end()
    assert tuple(walked(played.visit_id, await played.events())) == scenario.walks


@pytest.mark.parametrize("point", list(FaultPoint))
@pytest.mark.parametrize("place", CRASHED, ids=str)
async def test_a_crash_changes_nothing(place: Place, point: FaultPoint) -> None:
    await play(place.scenario, NmTrap(place.step.operation, place.number, point=point)).to_the_end()


@pytest.mark.parametrize("store_url", DURABLE, indirect=True)
@pytest.mark.parametrize("point", [FaultPoint.AFTER_INTENT, FaultPoint.AFTER_REPLY])
@pytest.mark.parametrize("place", [place for place in WRITES if place.scenario.name == "inpatient-timed"], ids=str)
async def test_a_crash_on_a_durable_store_changes_nothing(store: Store, place: Place, point: FaultPoint) -> None:
    await play(place.scenario, NmTrap(place.step.operation, place.number, point=point), store).to_the_end()


@pytest.mark.parametrize("mishap", [Mishap.CRASH_UNHEARD, Mishap.CRASH_OVERTAKEN, *ANSWERS])
@pytest.mark.parametrize("place", WRITES, ids=str)
async def test_a_lost_late_or_garbled_answer_changes_nothing(place: Place, mishap: Mishap) -> None:
    await play(place.scenario, NmTrap(place.step.operation, place.number, mishap)).to_the_end()


@pytest.mark.parametrize("point", list(FaultPoint))
@pytest.mark.parametrize(("place", "aid"), DOUBTS, ids=str)
async def test_a_crash_while_settling_a_doubt_changes_nothing(place: Place, aid: str, point: FaultPoint) -> None:
    lost = NmTrap(place.step.operation, place.number, Mishap.LOST_REQUEST)
    await play(place.scenario, NmTrap(aid, point=point, after=lost)).to_the_end()


@pytest.mark.parametrize(
    ("place", "aid", "mishap"),
    [(place, aid, mishap) for place, aid in DOUBTS for mishap in (READ if aid == "list_stays" else ANSWERS)],
    ids=str,
)
async def test_a_lost_late_or_garbled_answer_while_settling_a_doubt_changes_nothing(
    place: Place, aid: str, mishap: Mishap
) -> None:
    lost = NmTrap(place.step.operation, place.number, Mishap.LOST_REPLY)
    await play(place.scenario, NmTrap(aid, mishap=mishap, after=lost)).to_the_end()
