"""SIGKILL at every point of every write: forward, back, and the reversal that settles a doubt.

A campaign is one store, one centre and many lives. Each life of the worker takes over what the dead ones left, brings
a new visit to its point, and is killed there by the operating system, while earlier visits are still being settled. A
last life finishes.
"""

from __future__ import annotations

import signal
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path

import psutil
import pytest

from adapters.jiangsu.transactions import TRANSACTIONS
from engine.faultpoints import FaultPoint
from engine.visit import Visit
from tests.conftest import DURABLE
from tests.crash.hospital import GATEWAY, Hospital, Way, Worker, eventually, hospital
from tests.crash.scenarios import SCENARIOS, Act, Place, Scenario, nothing, places


def _played(scenario: Scenario) -> Scenario:
    """Return a scenario as it can be played often on one day, and without waiting for a timer."""
    match scenario.name:
        case "day-that-agrees":
            return replace(scenario, before=nothing)
        case "inpatient":
            return replace(scenario, acts=(*scenario.acts[:2], Act("registered", "upload"), *scenario.acts[2:]))
    return scenario


#: Sign-ins are keyed and make visits of their own: they are crashed in one process only.
PLAYED = {each.name: _played(each) for each in SCENARIOS if each.flow != "jiangsu.session"}
#: How many other visits are in flight, so that commits are shared and several leases are taken over.
COMPANY = 2
#: What the library is killed at.
MONEY = ("register", "upload_lines", "settle", "cancel_settlement")

every_durable_store = pytest.mark.parametrize("store_url", DURABLE, indirect=True)


@dataclass(frozen=True)
class Death:
    """Where a worker dies: at a point of a call, or of the reversal of that call, whose request is lost."""

    place: Place
    point: FaultPoint
    company: int = 0
    reversal: bool = False

    @property
    def key(self) -> str:
        where = f"{self.place.scenario.name}{self.place.step.walk}{self.place.number}".replace("@", "-")
        return f"{where}-{self.point}-{self.company}{'R' * self.reversal}".replace("_", "")[-50:]

    @property
    def operation(self) -> str:
        return "reverse" if self.reversal else self.place.step.operation

    @property
    def number(self) -> int:
        return 1 if self.reversal else self.place.number

    @property
    def code(self) -> str:
        return TRANSACTIONS[self.operation].number

    @property
    def bystanders(self) -> list[str]:
        return [f"{self.key}-{number}" for number in range(self.company)]


def writes(*scenarios: str) -> list[Place]:
    """Return every write of these scenarios."""
    return [place for place in places() if place.step.writes and place.scenario.name in scenarios]


def deaths(found: Iterable[Place], company: int = 0) -> list[Death]:
    """Return every point of these writes."""
    return [Death(place, point, company) for place in found for point in FaultPoint]


def reversals(company: int) -> list[Death]:
    """Return every point of the reversal of an outpatient's settlement."""
    (settle,) = (place for place in writes("outpatient") if place.step.walk == "settle@pre_settled")
    return [Death(settle, point, company, reversal=True) for point in FaultPoint]


async def die(place: Hospital, death: Death) -> Visit:
    """Have a new worker killed there; return the visit as the dead one left it."""
    if death.reversal:  # the request is lost: two looks, then the reversal
        place.fault(transaction="2207", ipt_otp_no=death.key, fault="lose_request")
    in_the_air = death.point is FaultPoint.AFTER_SEND  # the centre gets it and does not answer: killed from outside
    struck = place.struck("hang")
    if in_the_air:
        named = death.place.scenario.name in ("outpatient", "inpatient") and not death.reversal
        which = {"ipt_otp_no": death.key, "skip": death.number - 1} if named else {"times": -1}
        place.fault(transaction=death.code, fault="hang", applied=True, **which)
    trap = {"key": death.key, "operation": death.operation, "point": death.point, "number": death.number}
    worker = place.nursery.spawn(trap=None if in_the_air else trap | {"action": "kill"})
    for key in death.bystanders:
        worker.order(key)
    place.begin(worker, PLAYED[death.place.scenario.name], death.key)
    visit = worker.wait_for("opened", key=death.key)["visit"]

    async def there() -> bool:
        if in_the_air:
            return place.struck("hang") > struck and await arrived(place, death, visit)
        return worker.has_ended

    await place.played_until(there, f"{death} is reached")
    if in_the_air:
        worker.kill()
        place.control("DELETE", "/faults")
    _killed(worker, death)
    await place.no_zombies()
    return await place.visit(visit)


async def arrived(place: Hospital, death: Death, visit_id: str) -> bool:
    """Tell whether the centre's books show the message that is in the air."""
    visit = await place.visit(visit_id)
    if visit.call is None:
        return False
    ledger = place.books()
    if death.reversal:
        return visit.call.message_id in ledger["reversed"]
    return visit.call.operation == death.operation and visit.call.message_id in {
        message["msgid"] for message in ledger["messages"]
    }


def _killed(worker: Worker, death: Death) -> None:
    assert worker.ended() == -signal.SIGKILL, death
    if death.point is not FaultPoint.AFTER_SEND:
        trapped = worker.wait_for("trapped")
        assert (trapped["operation"], trapped["point"]) == (death.operation, death.point)


def left_behind(visit: Visit, death: Death) -> bool:
    """Tell whether the journal ends where a death at this point must leave it."""
    under_way = visit.call
    if death.reversal:
        under_way = None if visit.doubt is None else visit.doubt.aid
    before = sum(leg.call is not None and leg.call.operation == death.operation for leg in visit.trail)
    open_call = under_way is not None and under_way.operation == death.operation
    if not death.reversal and before != death.number - 1:  # another batch: its outcome shares a commit with an intent
        open_call = False
    return open_call == (death.point in (FaultPoint.AFTER_INTENT, FaultPoint.AFTER_SEND, FaultPoint.AFTER_REPLY))


async def campaign(folder: Path, store_url: str, planned: list[Death], way: Way = GATEWAY) -> None:
    """Die all these deaths, then let everything come to its end, and compare."""
    named = dict.fromkeys(death.place.scenario.name for death in planned)
    async with hospital(folder, store_url, way=way, scenarios=[PLAYED[name] for name in named]) as place:
        for death in planned:
            visit = await die(place, death)
            assert left_behind(visit, death), death
            if way.library is not None:
                await no_host_survives(place, way.library)
        worker = place.nursery.spawn()
        await place.all_over()
        worker.stop()
        await place.check()


@pytest.mark.slow
@pytest.mark.timeout(300)
@every_durable_store
async def test_kills_at_an_outpatients_writes_change_nothing(store_url: str, tmp_path: Path) -> None:
    planned = deaths(writes("outpatient"), COMPANY) + reversals(COMPANY)
    assert len(planned) == 50
    await campaign(tmp_path, store_url, planned)


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("store_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("scenarios", [("inpatient",), tuple(name for name in PLAYED if not name.endswith("patient"))])
async def test_kills_at_the_writes_of_every_other_flow_change_nothing(
    store_url: str, scenarios: tuple[str, ...], tmp_path: Path
) -> None:
    planned = deaths(writes(*scenarios))
    assert len(planned) == (50 if scenarios == ("inpatient",) else 30)
    await campaign(tmp_path, store_url, planned)


@pytest.mark.slow
@every_durable_store
async def test_one_visit_survives_a_kill_at_each_of_its_writes(store_url: str, tmp_path: Path) -> None:
    scenario = PLAYED["outpatient"]
    async with hospital(tmp_path, store_url, scenarios=[scenario]) as place:
        for each in writes("outpatient"):
            trap = {"key": "ALL", "operation": each.step.operation, "number": 1, "point": FaultPoint.AFTER_REPLY}
            worker = place.nursery.spawn(trap=trap | {"action": "kill"})
            place.begin(worker, scenario, "ALL")

            async def ended(worker: Worker = worker) -> bool:
                return worker.has_ended

            await place.played_until(ended, f"killed at {each}")
            assert worker.ended() == -signal.SIGKILL, each
        worker = place.nursery.spawn()
        await place.all_over()
        worker.stop()
        await place.check()


# -- the library
def hosts(library: Path) -> list[psutil.Process]:
    """Return the processes that hold this library."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if str(library) in process.cmdline() and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
    return found


async def no_host_survives(place: Hospital, library: Path) -> None:
    """Wait until the hosts of a dead engine are gone; what they send meanwhile would be found in the books."""
    before = place.messages()

    async def gone() -> bool:
        return hosts(library) == []

    await eventually(gone, "the hosts of a dead engine end")
    assert place.messages() == before, "a host sent something after its engine had died"


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("store_url", ["sqlite"], indirect=True)
async def test_kills_of_an_engine_that_calls_the_library_change_nothing(
    library: Path, store_url: str, tmp_path: Path
) -> None:
    planned = deaths(place for place in writes("outpatient") if place.step.operation in MONEY)
    assert len(planned) == 25  # two batches
    await campaign(tmp_path, store_url, planned, Way(library))


@pytest.mark.slow
@pytest.mark.parametrize("store_url", ["sqlite"], indirect=True)
async def test_kills_of_the_librarys_host_change_nothing(library: Path, store_url: str, tmp_path: Path) -> None:
    scenario, way = PLAYED["outpatient"], Way(library)
    async with hospital(tmp_path, store_url, way=way, scenarios=[scenario]) as place:
        worker = place.nursery.spawn()
        for operation, applied in product(MONEY, (True, False)):
            key, struck = f"{operation}-{applied}".replace("_", "-"), place.struck("hang")
            code = TRANSACTIONS[operation].number
            place.fault(transaction=code, ipt_otp_no=key, fault="hang", applied=applied)
            place.begin(worker, scenario, key)

            async def in_the_air(before: int = struck) -> bool:
                return place.struck("hang") > before

            await place.played_until(in_the_air, f"{code} is in the air")
            (host,) = hosts(library)
            host.kill()
            await place.all_over()
            assert not psutil.pid_exists(host.pid)
        assert not worker.has_ended, "the engine stays up"
        worker.stop()
        await place.check()
        assert hosts(library) == []
