"""Every call of every flow, through both adapters: crashes at its five points, and all that can happen to its answer.

After each the visit ends where it would have ended, and the centre's books say exactly what the visit says.
"""

from __future__ import annotations

from itertools import product

import pytest

from engine.faultpoints import FaultPoint
from engine.store import Store
from tests.conftest import DURABLE
from tests.crash.his import SCENARIOS as HIS_SCENARIOS
from tests.crash.neimenggu import SCENARIOS as NEIMENGGU_SCENARIOS
from tests.crash.play import Play
from tests.crash.scenarios import SCENARIOS, Place, Scenario, places, shipped, steps, walked
from tests.crash.wire import ADAPTERS, ANSWERS, Mishap, Trap

ALL = list(places())
WRITES = [place for place in ALL if place.step.writes]
#: The library has no question like it: its adapter knows whether it has signed in.
UNASKED = ("jiangsu_dll", "check_sign_in")

every_adapter = pytest.mark.parametrize("adapter", ADAPTERS)


#: One call a visit, and the same operations as in the other flows: explored, and lost and killed through the endpoint
#: in tests/service/gateway and tests/acceptance/test_gateway.py, but not crashed here at every point.
EXPLORED_ONLY = ("jiangsu.transaction",)


def test_every_call_of_every_flow_has_a_scenario() -> None:
    scenarios = (*SCENARIOS, *HIS_SCENARIOS, *NEIMENGGU_SCENARIOS)
    without = [
        f"{flow}: {walk}"
        for flow in shipped()
        if flow not in EXPLORED_ONLY and not flow.startswith("platform.")  # tests/crash/test_platform.py
        for walk in steps(flow)
        if not any(each.flow == flow and walk in each.walks for each in scenarios)
    ]
    assert without == []


@every_adapter
@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda each: each.name)
async def test_a_scenario_walks_what_it_says(scenario: Scenario, adapter: str) -> None:
    play = Play(scenario, adapter)
    await play.to_the_end()
    assert tuple(walked(play.visit_id, await play.events())) == scenario.walks


@every_adapter
@pytest.mark.parametrize("point", list(FaultPoint))
@pytest.mark.parametrize("place", ALL, ids=str)
async def test_a_crash_changes_nothing(place: Place, point: FaultPoint, adapter: str) -> None:
    if (adapter, place.step.operation) == UNASKED and point is FaultPoint.AFTER_SEND:
        return
    await Play(place.scenario, adapter, Trap(place.step.operation, place.number, point=point)).to_the_end()


@pytest.mark.parametrize("store_url", DURABLE, indirect=True)
@pytest.mark.parametrize("point", [FaultPoint.AFTER_INTENT, FaultPoint.AFTER_REPLY])  # all five: test_sigkill
@pytest.mark.parametrize("place", [place for place in WRITES if place.scenario.name == "outpatient"], ids=str)
async def test_a_crash_on_a_durable_store_changes_nothing(store: Store, place: Place, point: FaultPoint) -> None:
    trap = Trap(place.step.operation, place.number, point=point)
    await Play(place.scenario, ADAPTERS[0], trap, store).to_the_end()


@every_adapter
@pytest.mark.parametrize("mishap", [Mishap.CRASH_UNHEARD, Mishap.CRASH_OVERTAKEN, *ANSWERS])
@pytest.mark.parametrize("place", WRITES, ids=str)
async def test_a_lost_late_or_garbled_answer_changes_nothing(place: Place, mishap: Mishap, adapter: str) -> None:
    await Play(place.scenario, adapter, Trap(place.step.operation, place.number, mishap)).to_the_end()


@every_adapter
@pytest.mark.parametrize("point", list(FaultPoint))
@pytest.mark.parametrize(
    ("place", "aid"), [(place, aid) for place in WRITES for aid in place.step.aids if place.number == 1], ids=str
)
async def test_a_crash_while_settling_a_doubt_changes_nothing(
    place: Place, aid: str, point: FaultPoint, adapter: str
) -> None:
    lost = Trap(place.step.operation, place.number, Mishap.LOST_REQUEST)
    await Play(place.scenario, adapter, Trap(aid, point=point, after=lost)).to_the_end()


@every_adapter
@pytest.mark.parametrize(
    ("place", "aid", "mishap"),
    [
        (place, aid, mishap)
        for place, mishap in product(WRITES, ANSWERS)
        for aid in place.step.aids
        if aid in ("reverse", place.step.operation) and place.number == 1
    ],
    ids=str,
)
async def test_a_lost_late_or_garbled_answer_to_a_reversal_or_repetition_changes_nothing(
    place: Place, aid: str, mishap: Mishap, adapter: str
) -> None:
    lost = Trap(place.step.operation, place.number, Mishap.LOST_REQUEST)
    await Play(place.scenario, adapter, Trap(aid, mishap=mishap, after=lost)).to_the_end()
