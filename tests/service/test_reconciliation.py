"""Which bills belong to a day, and that a day's reconciliation is opened once."""

from __future__ import annotations

import datetime
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from adapters.jiangsu.gateway import GatewaySettings, JiangsuGateway
from engine.environment import DAY, MINUTE, SECOND
from engine.errors import ActionNotLegal, BadInput, TriggerNotLegal, UnknownFlow
from engine.store import Status
from engine.visit import Visit
from flows import load_catalogue, load_site
from service import reconciliation
from service.application import Application, application
from service.reconciliation import bills_of, compare_again, confirm, day_report, open_reconciliation, parse_day
from service.settings import Settings
from steps.jiangsu.times import SHANGHAI
from tests.conftest import TEST_KEY
from tests.jiangsu import ROOT, Centre, opening
from tests.toy import ToyEnvironment
from tests.world import World

NOON = int(datetime.datetime(2023, 11, 15, 12, 0, tzinfo=SHANGHAI).timestamp()) * SECOND
TODAY = datetime.date(2023, 11, 15)
TOMORROW = TODAY + datetime.timedelta(days=1)
WHO = ("wang", "asked the centre")


class Day:
    """A service whose clock is the test's, with a centre that goes by the same clock."""

    def __init__(self, wired: Application, environment: ToyEnvironment, centre: Centre, world: World) -> None:
        self.wired, self.environment, self.centre, self.world = wired, environment, centre, world

    async def settle(self, key: str, **changes: Any) -> Visit:
        """Bring a visit to its end."""
        data = opening(invoice_no=f"FP{key}", **changes)
        projection, _ = await self.wired.commands.open("jiangsu.outpatient", key, data)
        await self.world.run(10 * MINUTE)
        return await self.world.visit(projection.visit_id)

    async def run(self) -> None:
        await self.world.run(10 * MINUTE)

    async def report(self, day: datetime.date = TODAY) -> dict[str, Any]:
        last = (await reconciliation.runs_of(self.wired.store, day))[-1]
        return day_report(await self.wired.commands.report(last.visit_id))

    def clock(self) -> datetime.datetime:
        return datetime.datetime.fromtimestamp(self.environment.time / SECOND, SHANGHAI)


@asynccontextmanager
async def hospital(folder: Path, flows: list[str] | None = None) -> AsyncIterator[Day]:
    environment = ToyEnvironment(NOON)
    site = load_site(ROOT / "flows.yaml")
    if flows is not None:
        site.definitions[:] = [each for each in site.definitions if each.flow in flows]
    settings = Settings(store="memory://", data=folder, exchange_keys=TEST_KEY)  # type: ignore[arg-type]
    async with application(settings, site=site, environment=environment) as wired:
        centre = Centre()
        adapter = JiangsuGateway(GatewaySettings(), httpx.MockTransport(centre.answer))
        world = World(wired.store, environment, load_catalogue(), adapter, site.definitions)
        day = Day(wired, environment, centre, await world.start())
        centre.gateway.centre.now = day.clock
        yield day


@pytest.fixture
async def day(tmp_path: Path) -> AsyncIterator[Day]:
    async with hospital(tmp_path) as running:
        yield running


# -- our side
async def test_a_bill_belongs_to_the_day_of_its_receipt(day: Day) -> None:
    visit = await day.settle("MZ1")
    assert await bills_of(day.wired.store, TODAY) == [
        {"bill_no": "FPMZ1", "ipt_otp_no": "MZ1", "total_amt": "135.00", "fund_amt": "108.00", "self_amt": "27.00"}
    ]
    assert visit.data["receipt_time"] == reconciliation.settled_moment(visit)
    assert await bills_of(day.wired.store, TOMORROW) == []
    assert await bills_of(day.wired.store, TODAY - datetime.timedelta(days=1)) == []


async def test_what_was_settled_after_midnight_belongs_to_the_next_day(day: Day) -> None:
    await day.settle("MZ1")
    data = opening(invoice_no=None)
    late = (await day.wired.commands.open("jiangsu.outpatient", "MZ2", data))[0].visit_id
    await day.run()
    day.environment.time = NOON + DAY // 2 + SECOND
    await day.wired.commands.trigger(late, "settle", {"invoice_no": "FPMZ2"})
    await day.run()
    assert [each["ipt_otp_no"] for each in await bills_of(day.wired.store, TODAY)] == ["MZ1"]
    assert [each["ipt_otp_no"] for each in await bills_of(day.wired.store, TOMORROW)] == ["MZ2"]


async def test_without_a_receipt_the_moment_of_sending_counts(day: Day) -> None:
    """A lost answer found after midnight was sent, and settled, before."""
    day.environment.time = NOON + DAY // 2 - 2 * SECOND

    def lose(body: dict[str, Any], run: Any) -> httpx.Response | None:
        if body.get("transactionName") != "2207":
            return None
        run()
        day.centre.interfere = deaf
        raise httpx.ReadTimeout("lost")

    def deaf(body: dict[str, Any], _run: Any) -> httpx.Response | None:
        if body.get("transactionName") == "6101" and day.clock().date() == TODAY:
            return httpx.Response(500)
        return None

    day.centre.interfere = lose
    visit = await day.settle("MZ1")
    assert visit.state == "discharged"
    bare = Visit(visit.visit_id, trail=visit.trail, data=dict(visit.data))
    del bare.data["receipt_time"]
    assert visit.trail[-3].at > visit.trail[-3].call.at + 2 * SECOND  # type: ignore[union-attr]
    assert reconciliation.settled_moment(bare).startswith("20231115")
    assert [each["ipt_otp_no"] for each in await bills_of(day.wired.store, TODAY)] == ["MZ1"]


async def test_what_was_cancelled_is_no_bill(day: Day) -> None:
    visit = await day.settle("MZ1")
    await day.wired.commands.cancel(visit.visit_id, *WHO)
    await day.run()
    assert await bills_of(day.wired.store, TODAY) == []
    assert reconciliation.settled_moment(await day.world.visit(visit.visit_id)) == ""


async def test_more_visits_than_a_page(day: Day, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reconciliation, "_PAGE", 2)
    for number in range(5):
        await day.settle(f"MZ{number}")
    assert [each["bill_no"] for each in await bills_of(day.wired.store, TODAY)] == [f"FPMZ{n}" for n in range(5)]


@pytest.mark.parametrize("text", ["20231115", "2023-11-15"])
def test_days(text: str) -> None:
    assert parse_day(text) == TODAY


@pytest.mark.parametrize("text", ["", "15.11.2023", "20231399", "yesterday"])
def test_what_is_no_day(text: str) -> None:
    with pytest.raises(BadInput, match="expected a day"):
        parse_day(text)


# -- the visit of a day
async def test_a_day_is_opened_once_and_confirmed(day: Day) -> None:
    await day.settle("MZ1")
    first = await open_reconciliation(day.wired, TODAY)
    assert (first.key, first.state) == ("20231115", "opened")
    assert (await day.report())["needs_a_person"] is False
    await day.run()
    assert (await open_reconciliation(day.wired, TODAY)).visit_id == first.visit_id
    report = await day.report()
    assert (report["state"], report["status"], report["differences"]) == ("confirmed", Status.CLOSED, [])
    assert (report["ours"], report["needs_a_person"]) == (report["centre"], False)
    assert len(day.centre.gateway.centre.ledger.confirmations) == 1
    with pytest.raises(TriggerNotLegal, match="closed"):
        await compare_again(day.wired, TODAY, *WHO)


async def test_a_cancelled_run_makes_room_for_another(day: Day) -> None:
    first = await open_reconciliation(day.wired, TODAY)
    await day.run()
    await day.wired.commands.cancel(first.visit_id, *WHO)
    await day.run()
    assert day.centre.gateway.centre.ledger.confirmations == []
    second = await open_reconciliation(day.wired, TODAY)
    assert (second.key, (await open_reconciliation(day.wired, TODAY)).key) == ("20231115-2", "20231115-2")
    await day.run()
    assert (await day.report())["state"] == "confirmed"


async def test_two_open_at_once_with_other_bills(day: Day, monkeypatch: pytest.MonkeyPatch) -> None:
    honest = reconciliation.bills_of

    async def meanwhile(store: Any, of: datetime.date) -> list[dict[str, Any]]:
        monkeypatch.setattr(reconciliation, "bills_of", honest)
        await open_reconciliation(day.wired, TODAY, by="another")
        await day.settle("MZ1")
        return await honest(store, of)

    monkeypatch.setattr(reconciliation, "bills_of", meanwhile)
    found = await open_reconciliation(day.wired, TODAY)
    assert [each.visit_id for each in await reconciliation.runs_of(day.wired.store, TODAY)] == [found.visit_id]


async def test_a_day_that_has_not_begun(day: Day) -> None:
    with pytest.raises(BadInput, match="has not begun"):
        await open_reconciliation(day.wired, TOMORROW)


async def test_a_site_without_the_flow(tmp_path: Path) -> None:
    async with hospital(tmp_path, ["jiangsu.outpatient"]) as running:
        with pytest.raises(UnknownFlow):
            await open_reconciliation(running.wired, TODAY)


async def _different(day: Day) -> None:
    """Settle two visits; of one the centre says something else."""
    await day.settle("MZ1")
    await day.settle("MZ2")
    day.centre.gateway.office.arrange("PUT /amounts", {"ipt_otp_no": "MZ2", "hifp_pay": "100.00"})
    await open_reconciliation(day.wired, TODAY)
    await day.run()


async def test_a_difference_is_reported_and_compared_again(day: Day) -> None:
    await _different(day)
    report = await day.report()
    assert report["differences"] == [
        {
            "kind": "amounts",
            "bill_no": "FPMZ2",
            "ipt_otp_no": "MZ2",
            "field": "fund_amt",
            "ours": "108.00",
            "theirs": "100.00",
        }
    ]
    assert (report["needs_a_person"], report["cause"]) == (True, "disagreement")
    assert report["message"] == "bill FPMZ2 (visit MZ2) fund_amt: expected 108.00, got 100.00"
    with pytest.raises(BadInput, match="who and why"):
        await compare_again(day.wired, TODAY, "wang", " ")
    day.centre.gateway.office.arrange("PUT /amounts", {"ipt_otp_no": "MZ2"})
    await compare_again(day.wired, TODAY, *WHO)
    await day.run()
    assert ((await day.report())["state"], (await day.report())["differences"]) == ("confirmed", [])


async def test_the_centres_totals_are_confirmed_by_a_person(day: Day) -> None:
    await _different(day)
    await confirm(day.wired, TODAY, *WHO)
    await day.run()
    report = await day.report()
    assert (report["state"], report["needs_a_person"], len(report["differences"])) == ("confirmed", False, 1)


async def test_bills_on_one_side_only(day: Day) -> None:
    await day.settle("MZ1")
    await day.settle("MZ2")
    standing = day.centre.gateway.centre.standing("MZ2")
    assert standing is not None
    standing.settlements[0].mdtrt_id = "OTHER"
    await open_reconciliation(day.wired, TODAY)
    await day.run()
    rows = [
        (each["kind"], each["bill_no"], each["ours"], each["theirs"]) for each in (await day.report())["differences"]
    ]
    assert rows == []  # the totals are the same: nobody asks about bills
    standing.settlements[0].total += 1
    await day.wired.commands.reverse((await day.report())["visit"], "opened", *WHO)
    await day.run()
    await compare_again(day.wired, TODAY, *WHO)
    await day.run()
    rows = [
        (each["kind"], each["bill_no"], each["ours"], each["theirs"]) for each in (await day.report())["differences"]
    ]
    assert rows == [("missing_there", "FPMZ2", "135.00", None), ("missing_here", "OTHER", None, "136.00")]


async def test_nothing_to_compare_again(day: Day) -> None:
    with pytest.raises(ActionNotLegal, match="not reconciled yet"):
        await confirm(day.wired, TODAY, *WHO)
