"""SIGKILL at every point of every write: forward, back, and the reversal that settles a doubt; on both stores.

One campaign a store. Each life of the worker takes over what the dead ones left, brings a new visit to its point, and
is killed there by the operating system, while earlier visits are still being settled. A last life finishes.
"""

from __future__ import annotations

import signal
from dataclasses import dataclass
from pathlib import Path

import pytest

from engine.faultpoints import FaultPoint
from engine.visit import Visit
from tests.conftest import DURABLE
from tests.crash.hospital import Hospital, Worker, eventually, hospital

FORWARD = {"register": "2201", "upload_lines": "2204", "settle": "2207"}
UNDO = {"cancel_settlement": "2208", "cancel_lines": "2205", "cancel_registration": "2202"}
REVERSAL = {"reverse": "2209"}
WRITES = FORWARD | UNDO | REVERSAL
#: Once alone, and once with other visits in flight, so that commits are shared and several leases are taken over.
COMPANY = (0, 2)

every_durable_store = pytest.mark.parametrize("store_url", DURABLE, indirect=True)


@dataclass(frozen=True)
class Death:
    """Where a worker dies, and for which visit."""

    key: str
    operation: str
    point: FaultPoint
    company: int = 0

    @property
    def cancels(self) -> bool:
        return self.operation in UNDO

    @property
    def bystanders(self) -> list[str]:
        return [f"{self.key}-{number}" for number in range(self.company)]


def deaths() -> list[Death]:
    """Return every point of every write, in each company."""
    return [
        Death(f"KILL{company}-{WRITES[operation]}-{point}".replace("_", "-"), operation, point, company)
        for company in COMPANY
        for operation in WRITES
        for point in FaultPoint
    ]


async def die(place: Hospital, death: Death) -> Visit:
    """Have a new worker killed there; return the visit as the dead one left it."""
    if death.operation in REVERSAL:  # the settlement's request is lost: two looks, then the reversal
        place.fault(transaction="2207", ipt_otp_no=death.key, fault="lose_request")
    in_the_air = death.point is FaultPoint.AFTER_SEND  # the centre gets it and does not answer: killed from outside
    if in_the_air:
        which = {"times": -1} if death.operation in REVERSAL else {"ipt_otp_no": death.key}  # 2209 names no visit
        place.fault(transaction=WRITES[death.operation], fault="hang", applied=True, **which)
    trap = {"key": death.key, "operation": death.operation, "point": death.point}
    worker = place.nursery.spawn(trap=None if in_the_air else trap | {"action": "kill"})
    for key in death.bystanders:
        worker.order(key)
    worker.order(death.key, cancel=death.cancels)
    visit = worker.wait_for("opened", key=death.key)["visit"]
    if in_the_air:
        await eventually(lambda: arrived(place, death, visit), f"{death}: the request reached the centre")
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
    ledger = place.control("GET", "/ledger")
    if death.operation in REVERSAL:
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
    if death.operation in REVERSAL:
        under_way = None if visit.doubt is None else visit.doubt.aid
    open_call = under_way is not None and under_way.operation == death.operation
    return open_call == (death.point in (FaultPoint.AFTER_INTENT, FaultPoint.AFTER_SEND, FaultPoint.AFTER_REPLY))


@pytest.mark.slow
@pytest.mark.timeout(300)
@every_durable_store
async def test_seventy_kills_change_nothing(store_url: str, tmp_path: Path) -> None:
    async with hospital(tmp_path, store_url) as place:
        died = []
        for death in deaths():
            visit = await die(place, death)
            assert left_behind(visit, death), death
            died.append(death)
        assert len(died) == 70  # with two stores: 140
        worker = place.nursery.spawn()
        await place.all_closed()
        worker.stop()
        await place.check(cancelled=frozenset(each.key for each in died if each.cancels))


@pytest.mark.slow
@every_durable_store
async def test_one_visit_survives_a_kill_at_each_of_its_writes(store_url: str, tmp_path: Path) -> None:
    async with hospital(tmp_path, store_url) as place:
        for operation in FORWARD | UNDO:
            trap = {"key": "ALL", "operation": operation, "point": FaultPoint.AFTER_REPLY, "action": "kill"}
            worker = place.nursery.spawn(trap=trap)
            worker.order("ALL", cancel=operation == "cancel_settlement")
            assert worker.ended() == -signal.SIGKILL, operation
        worker = place.nursery.spawn()
        await place.all_closed()
        worker.stop()
        await place.check(cancelled=frozenset({"ALL"}))
