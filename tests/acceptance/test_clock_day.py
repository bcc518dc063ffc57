"""A day by the clock: sign-in, an inpatient's timed uploads, sign-out, and at night the day is reconciled.

The clock is the test's (freezegun for APScheduler, the environment for everything else) and moves ten minutes at a
time, from seven in the morning until one at night. The schedules are the shipped ones.
"""

from __future__ import annotations

import asyncio
import datetime
from typing import Any

import freezegun
import httpx
import pytest

from adapters.jiangsu.gateway import GatewaySettings, JiangsuGateway
from engine.environment import DAY, MINUTE, SECOND
from engine.events import Concluded, Intent, Triggered
from engine.store import VisitFilter
from flows import load_catalogue, load_site
from service.application import Application, application
from service.scheduling import Scheduler
from service.settings import Settings
from steps.jiangsu.times import SHANGHAI
from tests.conftest import TEST_KEY
from tests.jiangsu import ROOT, Centre, line, opening
from tests.toy import ToyEnvironment
from tests.world import World

MORNING = datetime.datetime(2023, 11, 15, 7, 0, tzinfo=SHANGHAI)
STEP = datetime.timedelta(minutes=10)
INPATIENT = {"ipt_no": "ZY1", "adm_bed": "12"}
#: When the ward hands lines over: two in the morning, one in the evening, when the timer has run for the last time.
HANDED_OVER = {"09:20": ["1", "2"], "13:40": ["3"], "17:00": ["4"]}


def lines(numbers: list[str]) -> dict[str, Any]:
    return {"fees": [line(number, "80.0000", "1", "80.00") for number in numbers]}


class Day:
    """The application with its schedules, a centre behind its adapter, and one clock."""

    def __init__(self, wired: Application, frozen: Any) -> None:
        self.wired, self.frozen, self.centre = wired, frozen, Centre()
        self.environment: Any = wired.environment
        adapter = JiangsuGateway(GatewaySettings(operator_id="001"), httpx.MockTransport(self.centre.answer))
        self.world = World(wired.store, self.environment, load_catalogue(), adapter, wired.site.definitions)
        self.centre.gateway.centre.now = lambda: self.now
        self.scheduler = Scheduler(wired)

    @property
    def now(self) -> datetime.datetime:
        return datetime.datetime.fromtimestamp(self.environment.time / SECOND, SHANGHAI)

    async def begin(self) -> None:
        await self.world.start()
        await self.scheduler.start()

    async def pass_to(self, moment: datetime.datetime) -> None:
        """Let it be ``moment``, and everything happen that is due until shortly before the next step."""
        self.frozen.move_to(moment)
        self.environment.time = int(moment.timestamp()) * SECOND
        await self.scheduler.turn()
        for _ in range(12):
            await asyncio.sleep(0.002)
        await self.world.run(9 * MINUTE)

    async def open(self, flow: str, key: str, data: dict[str, Any]) -> str:
        projection, _ = await self.wired.commands.open(flow, key, data)
        await self.world.run(MINUTE)
        return projection.visit_id

    async def find(self, flow: str) -> list[Any]:
        return [await self.world.visit(each.visit_id) for each in await self.wired.store.visits(VisitFilter(flow=flow))]


async def at_what_time(day: Day, visit: str, kind: type[Any], **wanted: str) -> list[str]:
    """Return when events of a kind happened, as HH:MM."""
    found = []
    for stored, event in zip(await day.wired.store.journal(visit), await day.world.events(visit), strict=True):
        if isinstance(event, kind) and all(getattr(event, name) == value for name, value in wanted.items()):
            found.append(f"{datetime.datetime.fromtimestamp(stored.at / SECOND, SHANGHAI):%H:%M}")
    return found


@pytest.mark.slow
async def test_a_day_by_the_clock() -> None:
    environment = ToyEnvironment(int(MORNING.timestamp()) * SECOND)
    settings = Settings(store="memory://", exchange_keys=TEST_KEY, _env_file=None)  # type: ignore[call-arg,arg-type]
    site = load_site(ROOT / "flows.yaml")
    with freezegun.freeze_time(MORNING, real_asyncio=True) as frozen:
        async with application(settings, site=site, environment=environment) as wired:
            day = Day(wired, frozen)
            await day.begin()
            await day.pass_to(MORNING)
            assert await day.find("jiangsu.session") == [], "nobody signs in before half past seven"
            stay = ""
            moment = MORNING
            while moment < MORNING + datetime.timedelta(hours=18):
                moment += STEP
                await day.pass_to(moment)
                clock = f"{moment:%H:%M}"
                if clock == "08:10":
                    data = opening(invoice_no=None, fee_lines=None, **INPATIENT)
                    stay = await day.open("jiangsu.inpatient", "ZY1", data)
                if clock in HANDED_OVER:
                    await wired.commands.trigger(stay, "hand_over", lines(HANDED_OVER[clock]), "ward")
                if clock == "20:30":
                    leave = {"dscg_time": "20231115203000", "dscg_trt_rslt": "1", "dscg_diagnosis": "S62.600"}
                    await wired.commands.trigger(stay, "leave", leave, "ward")
                    await day.world.run(MINUTE)
                    await wired.commands.trigger(stay, "settle", {"invoice_no": "FP1"}, "cashier")
            await day.scheduler.stop()

            (session,) = await day.find("jiangsu.session")
            assert (await at_what_time(day, session.visit_id, Concluded, dest="signed_in"))[0] == "07:30"
            assert (await at_what_time(day, session.visit_id, Triggered, trigger="sign_out")) == ["23:50"]
            assert session.state == "signed_out"
            looks = await at_what_time(day, session.visit_id, Triggered, trigger="check_clock")
            assert (looks[0], looks[-1], len(looks)) == ("07:40", "23:50", 98), "every ten minutes while signed in"

            uploads = await at_what_time(day, stay, Intent, operation="upload_lines")
            handed = [datetime.time.fromisoformat(each) for each in HANDED_OVER]
            assert len(uploads) == 3, "one an hour at most, and none when there is nothing"
            for begun, ended in zip(handed, map(datetime.time.fromisoformat, uploads), strict=True):
                assert 0 < (ended.hour * 60 + ended.minute) - (begun.hour * 60 + begun.minute) <= 60
            visit = await day.world.visit(stay)
            assert (visit.state, str(visit.data["total_amt"])) == ("discharged", "320.00")

            days = {each.key: each for each in await day.find("jiangsu.reconcile")}
            assert list(days) == [f"202311{day:02d}" for day in range(15, 6, -1)], "the days before were made up for"
            reconciled, runs = days["20231115"], await wired.registers.schedules.last()
            assert (runs["sign_in"].result, runs["sign_in"].made_by) == ("opened", "clock")
            assert (runs["reconcile"].result, runs["reconcile"].told) == ("done", "jiangsu.reconcile/20231115")
            assert [each["bill_no"] for each in reconciled.data["bills"]] == ["FP1"]
            assert await wired.store.zombies(environment.now(), DAY) == []
