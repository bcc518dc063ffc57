"""The flows of Inner Mongolia with the real adapter against the simulated centre, which knows every rule of 002."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import httpx
import pytest

from adapters.neimenggu import Neimenggu
from adapters.neimenggu.settings import NeimengguSettings
from engine.environment import DAY, HOUR, SECOND
from engine.events import Cause, Stuck
from engine.outcomes import Done
from engine.store import Store
from engine.visit import Visit
from simulators.common.http import Request
from storage import open_books
from storage.memory import MemoryStore
from tests.shipped import catalogue, flow
from tests.simulators.neimenggu.desk import KEY as CENTRE_KEY
from tests.simulators.neimenggu.desk import NOON, PDF, SHANGHAI, Desk
from tests.steps.neimenggu.peer import Items
from tests.steps.neimenggu.views import ORDER, fee
from tests.toy import ToyEnvironment
from tests.world import World

KEY = "ZY1"
#: What the desk's catalogue says of one material; the simulator holds every line to it.
ITEM = {
    "alc402": "HC0100000001",
    "alc403": "虚构外固定支架",
    "alc404": "9",
    "aka063": "51",
    "aka065": "1",
    "vmed": "1",
    "ala012": "9",
}


class MaterialOnly(Items):
    """Every item is that material."""

    async def call(self, call: Any) -> Any:
        return Done({"version": "1", "items": dict.fromkeys(call.request["items"], ITEM)})


class Town:
    """One centre, one hospital, one clock. ``lose`` says of a method what becomes of its next calls."""

    def __init__(self, name: str, monkeypatch: pytest.MonkeyPatch, **settings: Any) -> None:
        monkeypatch.setenv("VISITFLOW_NEIMENGGU_KEY", CENTRE_KEY)
        monkeypatch.setenv("VISITFLOW_NEIMENGGU_PASSWORD", "secret")
        self.environment = ToyEnvironment(int(NOON.timestamp()) * SECOND)
        self.desk, self.lost = Desk(), dict[str, list[str]]()
        given = NeimengguSettings.model_validate(
            {"url": "http://centre/nm-his", "username": "hospital", "log_out_after": None}
        )
        self.adapter = Neimenggu(given, httpx.MockTransport(self._wire), self.environment)
        self.definition = flow(name)
        if settings:
            changed = {**self.definition.settings, **settings}
            self.definition = self.definition.model_copy(update={"settings": changed})
        self.methods: list[str] = []

    async def _wire(self, request: httpx.Request) -> httpx.Response:
        method = request.url.path.rsplit("/", 1)[-1].removesuffix(".html")
        self.methods.append(method)
        fate = self.lost[method].pop(0) if self.lost.get(method) else ""
        if fate == "request":
            raise httpx.ReadTimeout("lost")
        self.desk.now = datetime.datetime.fromtimestamp(self.environment.time / SECOND, SHANGHAI)
        headers = {name.lower(): value for name, value in request.headers.items()}
        content = await request.aread()
        found = await self.desk.door.handle(
            Request(request.method, str(request.url.raw_path.decode()), content, headers)
        )
        if fate == "reply" or found is None:
            raise httpx.ReadTimeout("lost")
        return httpx.Response(found.status, content=found.body, headers=dict(found.headers))

    async def begin(self, person: int, store: Store | None = None, **data: Any) -> Town:
        self.store = store or MemoryStore()
        books = open_books(self.store)
        self.file = (await books.files.add(PDF, "application/pdf", "a.pdf", 0))[0].file_id
        self.adapter.equip(books.equipment)
        self.world = await World(
            store=self.store,
            environment=self.environment,
            catalogue=catalogue(),
            adapter=self.adapter,
            others={"catalogue": MaterialOnly()},
            definitions=[self.definition],
        ).start()
        who = self.desk.person(person)
        facts = {
            "identity_number": who["aac002"],
            "person_name": who["aac003"],
            "admitted_on": "2026-11-18",
            "diseases": ["T14.900"],
            "department": "骨科",
            "doctor": "虚构医师",
            "ward": "一病房",
            "bed": "12",
            **({} if self.definition.flow == "neimenggu.offsite" else {"sex": who["aac004"]}),
            **data,
        }
        self.id = (await self.world.commands.open(self.definition.flow, KEY, facts))[0].visit_id
        await self.world.run(HOUR // 2)
        return self

    async def say(self, trigger: str, **data: Any) -> Visit:
        await self.world.commands.trigger(self.id, trigger, data or None)
        await self.world.run(HOUR // 2)
        return await self.visit()

    async def wait(self, patience: int) -> Visit:
        end = self.environment.time + patience
        await self.world.run(patience)
        self.environment.time = max(self.environment.time, end)
        return await self.visit()

    async def visit(self) -> Visit:
        await self.world.check(self.id)
        return await self.world.visit(self.id)

    async def to_discharge(self, patience: int = HOUR // 2) -> Visit:
        lines = [fee(f"L{number}", "60.00", prescribed_on="2026-11-19", order="YZ1") for number in range(5)]
        await self.say("hand_over", fees=lines, orders=[ORDER])
        ends = {
            "discharged_on": f"{datetime.datetime.fromtimestamp(self.environment.time / SECOND, SHANGHAI):%Y-%m-%d}",
            "discharge_reason": "1",
            "discharge_diagnoses": ["T14.900"],
            "discharge_words": "挤压伤",
            "record": {name: [{"aac004": "1"}] for name in ("km02", "km03", "km05")},
            "settlement_number": "JS1",
        }
        await self.say("leave", **ends)
        visit = await self.wait(patience)
        assert visit.state == "sheet_ready", visit.trouble
        sheet = visit.data["sheet"]
        invoice = {"file": self.file, "invoice_no": "FP1", "amount": "300.00"}
        return await self.say(
            "settled_with_patient",
            settlement_number="JS1",
            paid_total="300.00",
            paid_by_fund=str(Decimal(sheet["jjin"]).quantize(Decimal("0.01"))),
            paid_by_patient=str(Decimal(sheet["alc408sum"]).quantize(Decimal("0.01"))),
            invoices=[invoice],
        )

    def charged(self) -> Decimal:
        return Decimal(str(self.desk.stay(KEY)["total"]))


@pytest.fixture
def town(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Town]:
    return lambda name="neimenggu.inpatient", **settings: Town(name, monkeypatch, **settings)


async def test_an_old_injury_from_card_to_review(town: Any) -> None:
    made: Town = await town().begin(1, application="S2020001")
    visit = await made.visit()
    assert visit.state == "registered", visit.trouble
    visit = await made.to_discharge()
    assert visit.state == "discharged", visit.trouble
    made.desk.office.arrange("POST /applications", {"akc190": KEY})
    await made.say("application_submitted")
    assert (await made.wait(2 * DAY)).state == "applied"
    made.desk.office.arrange("POST /reviews", {"akc190": KEY})
    visit = await made.wait(2 * DAY)
    assert (visit.state, visit.closed) == ("closed", True)
    assert Decimal(visit.data["final"]["total"]) == 300
    await made.world.commands.cancel(made.id, "supervisor", "too late")
    await made.world.run(HOUR)
    refused = (await made.world.events(made.id))[-1]
    assert isinstance(refused, Stuck)
    assert (refused.cause, "120003" in refused.message) == (Cause.UNDO_REFUSED, True)


async def test_losing_answers_everywhere_charges_nothing_twice(town: Any) -> None:
    made: Town = town(batch_size=2)
    made.lost = {
        "register": ["request", "reply"],
        "sendMedInfo": ["reply", "request", "", "request"],
        "discharge": ["reply"],
        "getJSSheet": ["request"],
        "leaveHos": ["request", "reply"],
        "saveInvoice": ["request"],
        "getPerDetail": ["", "request"],
    }
    await made.begin(1, application="S2020001")
    await made.wait(HOUR)
    await made.to_discharge()
    visit = await made.wait(HOUR)
    assert visit.state == "discharged", visit.trouble
    assert made.charged() == Decimal(300)
    plan = {"file": made.file, "invoice_no": "KF1", "amount": "0.00", "kind": "02"}
    visit = await made.say("send_material", material=plan)
    visit = await made.wait(HOUR)
    assert "KF1" in visit.data["sent_material"], visit.trouble


async def test_a_new_injury(town: Any) -> None:
    made: Town = await town().begin(3)
    visit = await made.visit()
    assert visit.state == "registered", visit.trouble
    assert (await made.to_discharge()).state == "discharged"


async def test_everything_back(town: Any) -> None:
    made: Town = await town().begin(1, application="S2020001")
    await made.to_discharge()
    made.lost = {"leaveHosUndo": ["reply"], "invalidData": ["request"], "regundo": ["reply"]}
    await made.world.commands.cancel(made.id, "supervisor", "as told")
    visit = await made.wait(2 * HOUR)
    assert (visit.state, visit.closed) == ("cancelled", True), visit.trouble


async def test_offsite_there_and_back(town: Any) -> None:
    made: Town = await town("neimenggu.offsite").begin(
        4, card_number="A00000004", diagnosis="T14.900", diagnosis_words="挤压伤"
    )
    visit = await made.visit()
    assert visit.state == "registered", visit.trouble
    assert (await made.to_discharge()).state == "discharged"
    await made.world.commands.cancel(made.id, "supervisor", "as told")
    visit = await made.wait(2 * HOUR)
    assert visit.closed, visit.trouble


async def test_offsite_to_the_end(town: Any) -> None:
    made: Town = await town("neimenggu.offsite").begin(4, card_number="A00000004")
    await made.to_discharge()
    visit = await made.say("application_submitted")
    assert (visit.state, visit.closed) == ("closed", True), visit.trouble
    assert Decimal(visit.data["final"]["total"]) == 300


async def test_lost_offsite_answers_are_settled_though_415_does_not_know_the_stay(town: Any) -> None:
    made: Town = town("neimenggu.offsite", batch_size=2)
    made.lost = {
        "sendBsMedInfo": ["reply", "", "request", "reply"],
        "offsiteLeaveHos": ["request", "reply"],
        "offsiteLeaveHosUndo": ["reply"],
    }
    await made.begin(4, card_number="A00000004")
    await made.to_discharge(patience=2 * HOUR)
    visit = await made.wait(HOUR)
    assert visit.state == "discharged", visit.trouble
    assert made.charged() == Decimal(300)
    await made.world.commands.cancel(made.id, "supervisor", "as told")
    assert (await made.wait(2 * HOUR)).closed
