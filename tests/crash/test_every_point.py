"""Crash and restart at each of the five points of every step and every undo of the outpatient flow.

After each, on every store: the visit is where it would have been, and the centre's ledger and ours agree.
"""

from __future__ import annotations

from dataclasses import dataclass

import httpx
import pytest

from engine.faultpoints import Crash, FaultPoint
from engine.store import Status, Store
from tests.conftest import STORES
from tests.jiangsu import KEY, Centre, agree, opening, restart, world
from tests.toy import ToyEnvironment

FORWARD = {
    "check_sign_in": "signin_status",
    "read_card": "1101",
    "register": "2201",
    "upload_lines": "2204",
    "pre_settle": "2206",
    "settle": "2207",
    "receipt": "6101",
}
UNDO = {"cancel_settlement": "2208", "cancel_lines": "2205", "cancel_registration": "2202"}

every_store = pytest.mark.parametrize("store_url", STORES, indirect=True)
every_point = pytest.mark.parametrize("point", list(FaultPoint))


class ConnectionLost(httpx.ReadError):
    """The connection died after the request had left."""

    def __init__(self) -> None:
        super().__init__("connection lost")


@dataclass
class Trap:
    """Springs once: at one point of one operation."""

    point: FaultPoint
    operation: str
    number: str
    sprung: bool = False

    def hook(self, point: FaultPoint, operation: str) -> None:
        if not self.sprung and (point, operation) == (self.point, self.operation):
            self.sprung = True
            raise Crash

    def after_send(self, number: str) -> None:
        if not self.sprung and self.point is FaultPoint.AFTER_SEND and number == self.number:
            self.sprung = True
            raise Crash


@every_store
@every_point
@pytest.mark.parametrize("operation", FORWARD)
async def test_a_crash_in_a_step_changes_nothing(store: Store, point: FaultPoint, operation: str) -> None:
    environment, trap = ToyEnvironment(), Trap(point, operation, FORWARD[operation])
    centre = Centre(after_send=trap.after_send)
    dying = await world(store, centre, environment, trap.hook)
    visit = (await dying.commands.open("jiangsu.outpatient", KEY, opening()))[0].visit_id
    with pytest.raises(Crash):
        await dying.run()
    living = await restart(store, centre, environment)
    await living.run()
    await living.check(visit)
    projection = await living.get(visit)
    assert (projection.state, projection.status) == ("discharged", Status.CLOSED)
    agree((await living.visit(visit)).data, centre.totals)
    assert centre.totals["settled_total"] == 135
    assert centre.twice() == []


@every_store
@every_point
@pytest.mark.parametrize("operation", UNDO)
async def test_a_crash_in_an_undo_changes_nothing(store: Store, point: FaultPoint, operation: str) -> None:
    environment, trap = ToyEnvironment(), Trap(point, operation, UNDO[operation])
    centre = Centre(after_send=trap.after_send)
    dying = await world(store, centre, environment, trap.hook)
    visit = (await dying.commands.open("jiangsu.outpatient", KEY, opening()))[0].visit_id
    await dying.run()
    await dying.commands.cancel(visit, "supervisor", "wrong number")
    with pytest.raises(Crash):
        await dying.run()
    living = await restart(store, centre, environment)
    await living.run()
    await living.check(visit)
    projection = await living.get(visit)
    assert (projection.state, projection.status) == ("cancelled", Status.CLOSED)
    data = (await living.visit(visit)).data
    agree(data, centre.totals)
    assert centre.totals["registrations"] == centre.totals["settled_total"] == 0
    assert centre.twice() == []


@every_store
@every_point
@pytest.mark.parametrize("operation", ["list_visits", "list_lines", "receipt", "reverse"])
async def test_a_crash_while_settling_a_doubt_changes_nothing(store: Store, point: FaultPoint, operation: str) -> None:
    """The request of a write is lost, so that probe (twice) and reversal are made; the crash strikes one of them."""
    lost = {"list_visits": "2201", "list_lines": "2204", "receipt": "2207", "reverse": "2207"}[operation]
    numbers = {"list_visits": "9105", "list_lines": "9104", "receipt": "6101", "reverse": "reverse"}
    environment, trap = ToyEnvironment(), Trap(point, operation, numbers[operation])
    losing = [lost]

    def lose(body: dict[str, object], _apply: object) -> None:
        if body.get("transactionName") in losing:
            losing.clear()
            raise ConnectionLost

    centre = Centre(after_send=trap.after_send, interfere=lose)
    dying = await world(store, centre, environment, trap.hook)
    visit = (await dying.commands.open("jiangsu.outpatient", KEY, opening()))[0].visit_id
    with pytest.raises(Crash):
        await dying.run()
    living = await restart(store, centre, environment)
    await living.run()
    await living.check(visit)
    projection = await living.get(visit)
    assert (projection.state, projection.status) == ("discharged", Status.CLOSED)
    agree((await living.visit(visit)).data, centre.totals)
    assert centre.totals["settled_total"] == 135
