"""A session from sign-in to sign-out: real adapter, simulated gateway in this process, time as the test says."""

from __future__ import annotations

import datetime
from dataclasses import replace
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import pytest

from adapters.jiangsu.gateway import GatewaySettings, JiangsuGateway
from engine.definitions import FlowDefinition
from engine.environment import HOUR, MINUTE, SECOND
from engine.errors import DuplicateKey, InvalidData
from engine.events import Cause, Verdict
from engine.store import Status
from engine.visit import Visit
from flows import load_catalogue, load_site
from simulators.jiangsu.gateway import Gateway
from steps.jiangsu.session import CheckClock
from storage import MemoryStore
from tests.jiangsu import ROOT, Centre
from tests.steps.views import view
from tests.toy import ToyEnvironment
from tests.world import World

SHANGHAI = ZoneInfo("Asia/Shanghai")
MORNING = int(datetime.datetime(2026, 11, 21, 7, 30, tzinfo=SHANGHAI).timestamp()) * SECOND
KEY = "001-20261121"


def session() -> FlowDefinition:
    return next(each for each in load_site(ROOT / "flows.yaml").definitions if each.flow == "jiangsu.session")


class Day:
    """One morning: a world, a centre whose clock is ``ahead`` of ours, and the session visit."""

    def __init__(self) -> None:
        self.environment = ToyEnvironment(MORNING)
        self.ahead = 0
        gateway = Gateway()
        gateway.centre.now = self.clock
        self.centre = Centre(gateway)

    def clock(self) -> datetime.datetime:
        return datetime.datetime.fromtimestamp(self.environment.time // SECOND + self.ahead, SHANGHAI)

    async def begin(self, **data: Any) -> World:
        self.world = await World(
            store=MemoryStore(),
            environment=self.environment,
            catalogue=load_catalogue(),
            adapter=JiangsuGateway(GatewaySettings(), httpx.MockTransport(self.centre.answer)),
            definitions=[session()],
        ).start()
        projection, _ = await self.world.commands.open("jiangsu.session", KEY, {"operator": "001", **data})
        self.id = projection.visit_id
        await self.world.run(patience=0)
        return self.world

    async def visit(self) -> Visit:
        await self.world.check(self.id)
        return await self.world.visit(self.id)


async def test_a_day() -> None:
    day = Day()
    world = await day.begin()
    visit = await day.visit()
    assert (visit.state, visit.data["signed_at"]) == ("signed_in", "20261121073000")
    assert day.centre.gateway.sign_no == visit.data["sign_no"]
    await world.run(patience=HOUR + SECOND)
    visit = await day.visit()
    assert visit.data["centre_time"] == visit.data["our_time"] == "20261121083000"
    assert visit.data["skew_seconds"] == 0
    assert [leg.trigger for leg in visit.trail] == ["sign_in"]  # looking at a clock leaves nothing to undo
    await world.run(patience=24 * HOUR)
    visit = await day.visit()
    assert (visit.state, visit.closed, visit.data["signed_out_at"]) == ("signed_out", True, "20261121235000")
    assert day.centre.gateway.sign_no == ""
    checks = sum(event.kind == "concluded" and event.operation == "centre_time" for event in await world.events(day.id))
    assert checks == 98  # 07:40, 07:50 ... 23:50


@pytest.mark.parametrize(("ahead", "stops"), [(60, False), (61, True), (-60, False), (-61, True)])
async def test_skew(ahead: int, stops: bool) -> None:
    day = Day()
    world = await day.begin()
    day.ahead = ahead
    await world.run(patience=10 * MINUTE + SECOND)
    visit = await day.visit()
    assert visit.data["skew_seconds"] == ahead
    assert (visit.trouble is not None) is stops
    if visit.trouble is not None:
        assert visit.trouble.cause is Cause.DISAGREEMENT
        assert visit.data["centre_time"] in visit.trouble.message
        assert "20261121074000" in visit.trouble.message
        # a person sets the clock and resumes: the next look agrees
        day.ahead = 0
        await world.commands.resume(day.id, "wang", "已校时")
        await world.run(patience=10 * MINUTE)
        assert (await day.visit()).data["skew_seconds"] == 0
        assert (await day.visit()).trouble is None


def test_the_allowed_skew_is_the_sites_to_say() -> None:
    at = datetime.datetime(2026, 11, 21, 8, 0, tzinfo=SHANGHAI)
    seen = replace(view(), now=int(at.timestamp()) * SECOND, settings={"max_skew_seconds": 5})
    assert CheckClock().fold(seen, {"centre_time": "20261121080005"}).disagreements == ()
    assert len(CheckClock().fold(seen, {"centre_time": "20261121080006"}).disagreements) == 1
    with pytest.raises(ValueError, match="unconverted"):
        CheckClock().fold(seen, {"centre_time": "20261321080006"})


async def test_a_sign_in_by_the_adapter_is_adopted_and_renewed_without_a_call() -> None:
    day = Day()
    world = await day.begin(sign_no="20261121001", signed_at="20261121072959", reason="first_use")
    assert (await day.visit()).state == "signed_in"
    assert day.centre.gateway.sign_no == ""  # nothing was sent
    renewed = {"sign_no": "20261121002", "signed_at": "20261121080000", "reason": "gone"}
    for _ in range(3):
        await world.commands.trigger(day.id, "renewed", renewed)
        await world.run(patience=0)
    visit = await day.visit()
    assert {name: visit.data[name] for name in renewed} == renewed
    assert [leg.trigger for leg in visit.trail] == ["adopt"]
    nameless = {"signed_at": "20261121090000", "reason": "gone"}
    await world.commands.trigger(day.id, "renewed", nameless)
    await world.run(patience=0)
    assert (await day.visit()).data["sign_no"] == "20261121002"  # the centre gave none: the old one stays good (J39)
    with pytest.raises(InvalidData):
        await world.commands.trigger(day.id, "renewed", {"signed_at": "today", "reason": "gone"})


async def test_a_lost_answer_to_9001_is_repeated_and_signing_in_can_be_undone() -> None:
    day = Day()
    lost = []

    def lose_first(body: dict[str, Any], apply: Any) -> httpx.Response | None:
        if body.get("transactionName") == "9001" and not lost:
            lost.append(apply())
            raise httpx.ReadTimeout("lost")
        return None

    day.centre.interfere = lose_first
    world = await day.begin()
    assert (await day.visit()).doubt is not None
    await world.run(patience=MINUTE)
    visit = await day.visit()
    assert visit.state == "signed_in"
    assert visit.data["sign_no"] == day.centre.gateway.sign_no != lost[0]["data"]["sign_no"]
    await world.commands.cancel(day.id, "wang", "换人值班")
    await world.run(patience=MINUTE)
    visit = await day.visit()
    assert (visit.state, visit.closed, "sign_no" in visit.data) == ("cancelled", True, False)
    assert list(day.centre.gateway.centre.ledger.sign_ins) == [lost[0]["data"]["sign_no"]]  # which nobody uses


async def test_a_sign_in_told_by_telephone() -> None:
    day = Day()

    def lose_all(body: dict[str, Any], apply: Any) -> httpx.Response | None:
        if body.get("transactionName") == "9001":
            raise httpx.ReadTimeout("lost")
        return None

    day.centre.interfere = lose_all
    world = await day.begin()
    await world.run(patience=HOUR)
    visit = await day.visit()
    assert visit.trouble is not None and visit.trouble.cause is Cause.DOUBT
    await world.commands.settle(day.id, Verdict.APPLIED, "wang", "中心告知", {"sign_no": "20261121009"})
    assert (await day.visit()).data["sign_no"] == "20261121009"


async def test_a_centre_that_is_down_is_waited_for() -> None:
    day = Day()
    world = await day.begin()

    def down(body: dict[str, Any], apply: Any) -> httpx.Response | None:
        raise httpx.ConnectError("refused")

    day.centre.interfere = down
    await world.run(patience=2 * HOUR)
    assert (await day.visit()).trouble is None
    day.centre.interfere = None
    await world.run(patience=15 * HOUR)
    assert (await day.visit()).state == "signed_out"


async def test_the_key_of_the_day_opens_once() -> None:
    day = Day()
    world = await day.begin()
    projection, created = await world.commands.open("jiangsu.session", KEY, {"operator": "001"})
    assert (projection.visit_id, created, projection.status) == (day.id, False, Status.WAITING)
    with pytest.raises(DuplicateKey):
        await world.commands.open("jiangsu.session", KEY, {"operator": "001", "sign_no": "1"})
