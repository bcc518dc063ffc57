"""Thirty days in hospital: two thousand lines, a centre and a network that misbehave, and books that agree to the cent.

The centre is the simulator as a process that is killed and comes back; the way is the real adapter's, over HTTP; the
store is SQLite. Time is the test's own on both sides: it moves from one due moment to the next.
"""

from __future__ import annotations

import asyncio
import datetime
import json
import os
import random
import signal
import socket
import sys
from collections import Counter
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Decimal
from enum import StrEnum
from pathlib import Path
from typing import Any

import httpx
import pytest

from adapters.catalogue import LocalCatalogue
from adapters.neimenggu import Neimenggu
from adapters.neimenggu.settings import NeimengguSettings
from engine.environment import DAY, HOUR, MINUTE, SECOND
from engine.events import Cause, Intent, Verdict
from engine.facts import loads
from engine.faultpoints import Crash, FaultPoint
from engine.plan import project
from engine.store import Store
from engine.visit import Visit
from service import demo
from service.catalogue.importing import replace
from service.fees import fees_view
from storage import Entry, Vault, open_books, open_store, upgrade
from tests.conftest import TEST_KEY
from tests.crash import truth
from tests.shipped import catalogue, flow
from tests.simulators.neimenggu.desk import credentials, day_key, sealed
from tests.toy import ToyEnvironment
from tests.world import World

KEY = "ZY30"
SHANGHAI = datetime.timezone(datetime.timedelta(hours=8))
ADMITTED = datetime.datetime(2026, 3, 2, 9, tzinfo=SHANGHAI)
DAYS, LINES = 30, 2_000
UPLOADED_EVERY = 3 * HOUR
PDF = b"%PDF-1.4 invented"
CENT = Decimal("0.01")
SECRETS = {"VISITFLOW_NEIMENGGU_KEY": "0123456789ABCDEF" * 2, "VISITFLOW_NEIMENGGU_PASSWORD": "secret"}
WHO = ("wang", "asked the centre by telephone")
Fault = dict[str, Any]


# -- what the hospital knows
#: Code of the hospital → name, code of the centre, kind (ALC404), fee category, catalogue (ALA012), price.
ITEMS = {
    "H-VIT": ("维生素片", "XA11CBW032X0040", "0", "11", "02", "18.3333"),
    "H-ANT": ("抗生素针", "XJ01XYA000X0010", "0", "11", "02", "42.5000"),
    "H-BED": ("床位费", "ZL110200001", "1", "32", "01", "45.0000"),
    "H-INJ": ("肌肉注射", "ZL120400001", "1", "72", "01", "6.2500"),
    "H-TRN": ("关节松动训练", "ZL340200001", "1", "54", "01", "58.8000"),
    "H-FIX": ("外固定支架", "HC0100000001", "9", "51", "9", "1180.0000"),
}
#: What is in no catalogue: kind, fee category, price.
OWN = {
    "N-DRUG": ("drug", "11", "12.3400"),
    "N-TREAT": ("treatment", "72", "30.0000"),
    "N-MAT": ("material", "51", "7.7700"),
}
#: Matched by mistake with a code that the centre does not have; and one that nobody has matched.
WRONG, UNKNOWN = "H-WRONG", "H-NEW"


def entries(version: dict[str, str], *more: str) -> list[Entry]:
    """Return the catalogue with these versions of the centre's entries (vmed)."""
    known = {**ITEMS, WRONG: ("未知项目", "ZL999999999", "1", "72", "01", "5.0000")}
    known |= dict.fromkeys(more, ("新项目", "ZL120400001", "1", "72", "01", "5.0000"))
    found = []
    for code, (name, theirs, kind, category, list_, _) in known.items():
        content = {"alc402": theirs, "alc403": f"虚构{name}", "alc404": kind, "aka063": category, "aka065": "1"}
        found.append(Entry(code, content | {"vmed": version.get(code, "1"), "ala012": list_}))
    return found


class His:
    """Hands over what the wards write down, and keeps the books that the centre's are held against."""

    def __init__(self) -> None:
        self._chance = random.Random(30)
        self.lines: dict[str, dict[str, Any]] = {}
        self.taken_back: set[str] = set()

    @property
    def total(self) -> Decimal:
        """What all of it comes to that stands."""
        return sum((Decimal(line["amount"]) for line in self.standing.values()), Decimal(0))

    @property
    def standing(self) -> dict[str, dict[str, Any]]:
        """The lines that were not taken back."""
        return {number: line for number, line in self.lines.items() if number not in self.taken_back}

    def day(self, day: int, count: int, wards: Callable[[int], str | None] = lambda _index: None) -> dict[str, Any]:
        """Write down a day's order and ``count`` lines; ``wards`` names the item of a line where chance should not."""
        date = f"{ADMITTED + datetime.timedelta(days=day):%Y-%m-%d}"
        order = f"YZ{day // 3}"  # the same for three days, written anew each day
        orders = [{"order": order, "words": f"第{day}日医嘱", "doctor": "虚构医师", "nurse": "虚构护士"}]
        made = [self._line(date, order, wards(index)) for index in range(count)]
        return {"fees": made, "orders": orders}

    def refund(self, day: int, line_id: str) -> dict[str, Any]:
        """Take half of a line back, or all of a single one."""
        original = self.lines[line_id]
        quantity = max(1, int(original["quantity"]) // 2)
        date = f"{ADMITTED + datetime.timedelta(days=day):%Y-%m-%d}"
        line = {**original, **self._identity(), "prescribed_on": date, "refund_of": line_id, "order": "999"}
        return self._kept(line, -quantity)

    def _line(self, date: str, order: str, code: str | None) -> dict[str, Any]:
        code = code or self._chance.choices([*ITEMS, *OWN], [9, 9, 4, 9, 6, 1, 2, 2, 2])[0]
        line: dict[str, Any] = {**self._identity(), "prescribed_on": date, "hospital_code": code}
        line["order"] = order if self._chance.random() < 0.5 else "999"
        if code in OWN:
            kind, category, price = OWN[code]
            line |= {"off_catalogue": kind, "fee_category": category, "name": "院内项目", "price": price}
        else:
            price = ITEMS[code][5] if code in ITEMS else "5.0000"
            line |= {"name": "院内项目" if code not in ITEMS else ITEMS[code][0], "price": price}
        line |= {"dosage_form": "片", "specification": "10mg", "trace_codes": ["8100000000000000000"]}
        return self._kept(line, self._chance.randint(1, 6))

    def _identity(self) -> dict[str, str]:
        number = len(self.lines) + 1
        return {"line_id": f"L{number:05d}", "prescription": f"CF{number:05d}"}

    def _kept(self, line: dict[str, Any], quantity: int) -> dict[str, Any]:
        amount = (Decimal(line["price"]) * quantity).quantize(CENT, ROUND_HALF_UP)
        line |= {"quantity": str(quantity), "amount": f"{amount}"}
        self.lines[line["line_id"]] = line
        return line


# -- the centre
class Centre:
    """The simulator as a process that may be killed, and comes back on the same port with its book."""

    def __init__(self, folder: Path) -> None:
        with socket.socket() as first, socket.socket() as second:
            first.bind(("127.0.0.1", 0))
            second.bind(("127.0.0.1", 0))
            ports = first.getsockname()[1], second.getsockname()[1]
        command = [sys.executable, "-m", "simulators.neimenggu", "--port", str(ports[0])]
        ready = folder / "centre.ready"
        more = ["--control-port", str(ports[1]), "--data", str(folder / "centre"), "--ready-file", str(ready)]
        environment = {name: value for name, value in os.environ.items() if not name.startswith("VISITFLOW_")}
        self.process = demo.Process("centre", command + more, environment, folder / "centre.log", ready)
        self.injected = 0  #: faults so far
        self._client = httpx.Client(timeout=30, trust_env=False, verify=False)  # a certificate store takes its time

    def control(self, method: str, path: str, body: Any = None) -> Any:
        """Call the control port."""
        url = f"{self.process.ready['control']}{path}"
        answer = self._client.request(method, url, json=body)
        assert answer.status_code == 200, answer.text
        return loads(answer.content)

    def close(self) -> None:
        """End the process, and our connection to it."""
        self._client.close()
        self.process.stop()

    def fault(self, fault: Fault) -> None:
        """Set a fault."""
        self.control("POST", "/faults", fault)
        self.injected += int(fault.get("times", 1))

    def stay(self) -> dict[str, Any]:
        """Return the centre's books of the stay."""
        found: dict[str, Any] = self.control("GET", f"/ledger?akc190={KEY}")["stays"][-1]
        return found

    def log_in_elsewhere(self) -> None:
        """Log in as another program of the hospital does, which tells nobody."""
        today = datetime.datetime.fromisoformat(self.control("GET", "/ledger?lines=no")["time"]).date()
        message = sealed(day_key(today), json.dumps(credentials()))
        url = f"{self.process.ready['url']}/nm-his/public/sendHis/login.html"
        answer = self._client.post(url, data={"message": message}).json()
        assert int(answer["code"]) == 0, answer

    @property
    def is_dead(self) -> bool:
        """Tell whether the process has ended."""
        child = self.process.child
        return child is not None and child.poll() is not None

    def die(self) -> None:
        """End it as a power cut would."""
        child = self.process.child
        assert child is not None
        child.send_signal(signal.SIGKILL)
        child.wait()


class Late(StrEnum):
    """When an upload arrives whose sender has given it up."""

    BEFORE_THE_LOOKS = "before"  #: when somebody looks what has become of it
    AFTER_THE_LOOKS = "after"  #: when it has been sent again


class Road(httpx.AsyncBaseTransport):
    """The way to the centre: real sockets, and a network that holds messages back.

    Before anything leaves, the centre's clock is set to the test's. Whoever finds the centre dead has it started again,
    and comes in vain.
    """

    def __init__(self, town: Town) -> None:
        self._town, self._real = town, httpx.AsyncHTTPTransport(verify=False)
        self._held: tuple[Late, httpx.Request] | None = None

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if self._town.centre.is_dead:
            await asyncio.to_thread(self._town.centre.process.start)
            self._town.forget_clock()
            raise httpx.ConnectError("nobody listens", request=request)
        self._town.set_clock()
        uploads = request.url.path.endswith("sendMedInfo.html")
        if uploads and self._town.late is not None:
            copy = httpx.Request(request.method, request.url, headers=request.headers, content=await request.aread())
            self._held, self._town.late = (self._town.late, copy), None
            raise httpx.ReadError("lost", request=request)
        if self._held is not None and (self._held[0] is Late.BEFORE_THE_LOOKS or uploads):
            (when, held), self._held = self._held, None
            if when is Late.AFTER_THE_LOOKS:
                answer = await self._real.handle_async_request(request)
                await answer.aread()
                await self._arrive(held)
                return answer
            await self._arrive(held)
        return await self._real.handle_async_request(request)

    async def _arrive(self, held: httpx.Request) -> None:
        """Let a message arrive whose answer nobody waits for."""
        await (await self._real.handle_async_request(held)).aread()

    async def aclose(self) -> None:
        await self._real.aclose()


@dataclass
class Town:
    """Hospital and centre, one clock, and a supervisor who answers what only a person can."""

    folder: Path
    centre: Centre
    his: His = field(default_factory=His)
    environment: ToyEnvironment = field(default_factory=lambda: ToyEnvironment(int(ADMITTED.timestamp()) * SECOND))
    ahead: float = 0.0  #: seconds by which the centre's clock is ahead of ours
    stuck: list[tuple[Cause, str]] = field(default_factory=list)  #: what a person was needed for
    deaths: int = 0  #: of our process
    trap: tuple[FaultPoint, str] | None = None
    id: str = ""
    late: Late | None = None  #: the next upload is held back
    _clock: float = 0.0

    # -- processes
    async def start(self) -> None:
        """Start our side on the store as it stands."""
        url = f"sqlite:///{self.folder / 'visitflow.db'}"
        self.store: Store = open_store(url, Vault.parse(TEST_KEY))
        await self.store.start()
        self.books = open_books(self.store)
        settings = {"url": f"{self.centre.process.ready['url']}/nm-his", "username": "hospital"}
        given = NeimengguSettings.model_validate(settings | {"log_out_after": None, "connect_timeout": "1s"})
        self.adapter = Neimenggu(given, Road(self), self.environment)
        items = LocalCatalogue()
        for adapter in (self.adapter, items):
            adapter.equip(self.books.equipment)
        definition = flow("neimenggu.inpatient")
        shorter = [
            each.model_copy(update={"timeout": 2 * SECOND}) if each.timeout is not None else each
            for each in definition.transitions
        ]
        timers = tuple(
            each.model_copy(update={"every": UPLOADED_EVERY}) if each.name == "upload" else each
            for each in definition.timers
        )
        self.world = await World(
            store=self.store,
            environment=self.environment,
            catalogue=catalogue(),
            adapter=self.adapter,
            others={"catalogue": items},
            definitions=[definition.model_copy(update={"transitions": tuple(shorter), "timers": timers})],
            hook=self._hook,
        ).start()

    async def stop(self) -> None:
        """End our side."""
        await self.adapter.close()
        await self.store.close()

    def _hook(self, point: FaultPoint, operation: str) -> None:
        if self.trap == (point, operation):
            self.trap = None
            raise Crash

    async def _dies(self) -> None:
        self.deaths += 1
        await self.stop()
        await self.start()
        await self.store.expire_worker("test", self.environment.now())
        self.environment.time += SECOND

    def forget_clock(self) -> None:
        """The centre is a new process: its clock has to be set."""
        self._clock = 0.0

    def set_clock(self) -> None:
        """Set the centre's clock to ours, as it is wrong by ``ahead``."""
        now = self.environment.time / SECOND + self.ahead
        if now != self._clock:
            when = datetime.datetime.fromtimestamp(now, SHANGHAI)
            self.centre.control("PUT", "/clock", {"set": when.isoformat()})
            self._clock = now

    # -- time
    async def until(self, end: int) -> Visit:
        """Let time pass, across deaths, and have a person answer where one is asked."""
        while True:
            try:
                await self.world.run(max(0, end - self.environment.time))
            except Crash:
                await self._dies()
                continue
            visit = await self.visit()
            if visit.held:  # taken back, and looked at: it may go on
                await self.world.commands.resume(self.id, *WHO)
            elif visit.trouble is None:
                self.environment.time = max(self.environment.time, end)
                return visit
            else:
                await self._supervise(visit)

    async def wait(self, patience: int) -> Visit:
        """Let time pass from now."""
        return await self.until(self.environment.time + patience)

    async def say(self, trigger: str, **data: Any) -> Visit:
        """Trigger as the HIS does, and see what follows at once."""
        await self.world.commands.trigger(self.id, trigger, data or None, "HIS")
        return await self.wait(MINUTE)

    async def visit(self) -> Visit:
        """Return the visit, held against its projection (G4)."""
        visit = await self.world.visit(self.id)
        assert project(await self.world.registry.version(visit.version), visit) == await self.world.get(self.id)
        return visit

    # -- people
    async def _supervise(self, visit: Visit) -> None:
        """Ask the centre by telephone. Whatever needs a person has a cause and says what it is about."""
        trouble = visit.trouble
        assert trouble is not None
        assert trouble.message
        self.stuck.append((trouble.cause, trouble.message))
        match trouble.cause:
            case Cause.DISAGREEMENT:
                await self.world.commands.reverse(self.id, "registered", *WHO)
            case Cause.DOUBT:
                assert visit.call is not None
                assert visit.call.operation == "send_material", trouble
                used = self.centre.control("GET", f"/ledger?akc190={KEY}&lines=no")["invoices"]
                taken = visit.data["material"]["invoice_no"] in used
                verdict = Verdict.APPLIED if taken else Verdict.NOT_APPLIED
                await self.world.commands.settle(self.id, verdict, *WHO, {})
            case _:
                raise AssertionError(trouble)

    # -- the stay
    async def admit(self) -> None:
        """Open the stay of an invented person."""
        person = self.centre.control("GET", "/world")["people"][0]
        await self.adopt(entries({}), "1")
        self.file = (await self.books.files.add(PDF, "application/pdf", "a.pdf", 0))[0].file_id
        facts = {
            "identity_number": person["aac002"],
            "person_name": person["aac003"],
            "sex": person["aac004"],
            "admitted_on": f"{ADMITTED:%Y-%m-%d}",
            "diseases": ["T14.900"],
            "department": "骨科",
            "doctor": "虚构医师",
            "ward": "一病房",
            "bed": "12",
            "application": "S2020001",
        }
        self.id = (await self.world.commands.open("neimenggu.inpatient", KEY, facts))[0].visit_id
        visit = await self.wait(MINUTE)
        assert visit.state == "registered", visit.trouble

    async def adopt(self, found: list[Entry], version: str) -> None:
        """Import a catalogue."""
        await replace(self.books.catalogue, self.environment, "neimenggu", version, found, "wang")


@pytest.fixture
async def town(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Town]:
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)
    upgrade(f"sqlite:///{tmp_path / 'visitflow.db'}")
    made = Town(tmp_path, Centre(tmp_path))
    made.centre.process.start()
    try:
        await made.start()
        yield made
        await made.stop()
    finally:
        made.centre.close()


# -- what goes wrong
def _upload(fault: str, **more: Any) -> Fault:
    return {"fault": fault, "interface": "4.10", "akc190": KEY, **more}


#: By the number of the hand-over, two a day: what the centre or the network does to its upload.
FAULTS: dict[int, list[Fault]] = {
    2: [_upload("lose_reply")],
    3: [_upload("lose_request")],
    5: [_upload("lose_reply"), {"fault": "lose_reply", "interface": "4.15"}],
    6: [_upload("error", code=99999, applied=True)],
    7: [_upload("error", code=99999, applied=False)],
    8: [_upload("garbage")],
    9: [_upload("garbage", applied=False)],
    10: [_upload("truncate")],
    11: [_upload("empty")],
    12: [_upload("http_500", applied=True)],
    13: [_upload("http_500")],
    14: [_upload("late_reply", delay=2.5)],
    15: [_upload("lose_reply", times=2)],
    17: [_upload("lose_request", times=2)],
    20: [_upload("lose_request"), {"fault": "garbage", "interface": "4.15"}],
    23: [_upload("error", code=99999, applied=True), {"fault": "lose_request", "interface": "4.15", "times": 2}],
    27: [_upload("truncate")],
    31: [_upload("lose_reply", skip=1)],  # the refund, a batch of its own
    33: [_upload("empty", applied=False)],
    49: [_upload("lose_reply")],
    51: [_upload("http_500", applied=True)],
    53: [_upload("die", when="after")],
    55: [_upload("die", when="before")],
}
#: At which hand-over our process dies, and where.
DEATHS = {
    16: FaultPoint.AFTER_INTENT,
    18: FaultPoint.AFTER_REPLY,
    34: FaultPoint.BEFORE_INTENT,
    36: FaultPoint.AFTER_COMMIT,
}
#: Late originals; the last one charges twice, which the sums show in the end.
LATE = {25: Late.BEFORE_THE_LOOKS, 29: Late.BEFORE_THE_LOOKS, 57: Late.AFTER_THE_LOOKS}
EXPIRED, ELSEWHERE, LOST_LOG_IN, MIDNIGHT, KILLED = 19, 21, 37, 39, 41
WRONGLY_MATCHED, NEW_VERSION, UNMATCHED = 22, 43, 45
HAND_OVERS = 2 * DAYS


async def hand_over(town: Town, number: int) -> None:
    """Hand over half a day's lines, let something go wrong, and let the flow's timer send them."""
    day, his, centre = number // 2, town.his, town.centre
    await town.until(int((ADMITTED + datetime.timedelta(days=day, hours=1 + 6 * (number % 2))).timestamp()) * SECOND)
    wards = {
        WRONGLY_MATCHED: {0: WRONG, 20: WRONG},
        NEW_VERSION: dict.fromkeys((3, 11), "H-ANT"),
        UNMATCHED: {5: UNKNOWN},
    }
    count = LINES - len(his.lines) if number == HAND_OVERS - 1 else 32
    found = his.day(day, count, wards.get(number, {}).get)
    if number > 4 and number < HAND_OVERS - 1:
        found["fees"].append(his.refund(day, f"L{(number - 4) * 33:05d}"))
    await town.say("hand_over", **found)
    for fault in FAULTS.get(number, ()):
        centre.fault(fault)
    if number in LATE:
        town.late = LATE[number]
        centre.injected += 1
    if number in DEATHS:
        town.trap = DEATHS[number], "upload_lines"
        centre.injected += 1
    if number in (EXPIRED, ELSEWHERE, LOST_LOG_IN):
        town.set_clock()
        centre.control("DELETE", "/sessions")
        centre.injected += 1
    if number == ELSEWHERE:
        centre.log_in_elsewhere()
    if number == LOST_LOG_IN:
        centre.fault({"fault": "lose_reply", "interface": "4.1"})
    if number == KILLED:
        centre.die()
        centre.injected += 1
    if number == NEW_VERSION:
        centre.control("PUT", "/items", {"code": ITEMS["H-ANT"][1], "version": "2"})
        centre.injected += 1
    if number == MIDNIGHT:  # the centre's day has begun, ours has ten seconds left
        late = ADMITTED.replace(hour=23, minute=59, second=50) + datetime.timedelta(days=day)
        town.ahead = 20.0
        await town.until(int(late.timestamp()) * SECOND)
        centre.injected += 1
    await town.wait(UPLOADED_EVERY + 10 * MINUTE)
    if number in (ELSEWHERE, LOST_LOG_IN):  # until the session that nobody knows has expired
        await town.wait(3 * HOUR)
    town.ahead = 0.0


async def correct(town: Town, first: str, second: str) -> None:
    """Hand one refused line over with the right item, and void the other."""
    line = town.his.lines[first]
    item = ITEMS["H-INJ"]
    line |= {"hospital_code": "H-INJ", "price": item[5], "explanation": "对照有误，已更正"}
    line["amount"] = f"{Decimal(item[5]) * int(line['quantity']):.2f}"
    town.his.taken_back.add(second)
    await town.say("hand_over", fees=[line], void=[second])
    await town.wait(UPLOADED_EVERY + HOUR)


async def discharge(town: Town) -> Visit:
    """Leave; find that something was charged twice, begin anew; settle with the patient, send material."""
    centre = town.centre
    day = ADMITTED + datetime.timedelta(days=DAYS)
    leaving = {
        "discharged_on": f"{day:%Y-%m-%d}",
        "discharge_reason": "1",
        "discharge_diagnoses": ["T14.900"],
        "discharge_words": "挤压伤",
        "record": {name: [{"aac004": "1"}] for name in ("km02", "km03", "km05")},
        "settlement_number": "JS30",
    }
    await town.until(int(day.timestamp()) * SECOND)
    centre.fault({"fault": "lose_reply", "interface": "4.12"})
    await town.say("leave", **leaving)
    visit = await town.wait(UPLOADED_EVERY + HOUR)
    assert visit.state == "charged", visit.trouble  # a person took all lines back, the timer has sent them anew
    centre.fault({"fault": "lose_reply", "interface": "4.16"})
    await town.say("leave", **leaving)
    visit = await town.wait(HOUR)
    assert visit.state == "sheet_ready", visit.trouble
    sheet, total = visit.data["sheet"], town.his.total
    half = (total / 2).quantize(CENT)
    invoices = [("FP1", half), ("FP2", total - half)]
    centre.fault({"fault": "lose_request", "interface": "4.13"})
    centre.fault({"fault": "lose_reply", "interface": "4.13"})
    await town.say(
        "settled_with_patient",
        settlement_number="JS30",
        paid_total=f"{total:.2f}",
        paid_by_fund=f"{Decimal(sheet['jjin']):.2f}",
        paid_by_patient=f"{Decimal(sheet['alc408sum']):.2f}",
        invoices=[{"file": town.file, "invoice_no": number, "amount": f"{amount}"} for number, amount in invoices],
    )
    await town.wait(HOUR)
    centre.fault({"fault": "lose_reply", "interface": "4.18"})
    await town.say("send_material", material={"file": town.file, "invoice_no": "KF1", "amount": "0.00", "kind": "02"})
    return await town.wait(HOUR)


async def review(town: Town) -> Visit:
    """Apply on the web; the agency takes something off and reviews; the final sheet comes by the timer."""
    centre = town.centre
    centre.control("POST", "/applications", {"akc190": KEY})
    await town.say("application_submitted")
    charges = [line for line in centre.stay()["lines"] if Decimal(line["sent"]["alc407"]) > 20][:3]
    for line in charges:
        centre.control("POST", "/deductions", {"akc190": KEY, "serial": line["serial"], "amount": "10.00"})
    centre.fault({"fault": "lose_reply", "interface": "4.16"})
    assert (await town.wait(2 * DAY)).state == "applied"
    centre.control("POST", "/reviews", {"akc190": KEY})
    return await town.wait(2 * DAY)


async def compare(town: Town, visit: Visit) -> None:
    """Hold the centre's books against the HIS's: to the cent, and every line exactly once."""
    his, stay = town.his, town.centre.stay()
    assert Decimal(stay["total"]) == his.total == Decimal(visit.data["final"]["total"])
    there = Counter(line["sent"]["alc400"] for line in stay["lines"])
    assert there == Counter(line["prescription"] for line in his.standing.values())
    amounts = {line["sent"]["alc400"]: Decimal(line["sent"]["alc407"]) for line in stay["lines"]}
    assert amounts == {line["prescription"]: Decimal(line["amount"]) for line in his.standing.values()}
    assert Decimal(visit.data["final"]["self_paid"]) == Decimal(stay["own"])
    assert Decimal(visit.data["final"]["fund"]) == his.total - Decimal(stay["own"])
    assert {each["number"] for each in stay["invoices"]} == {"FP1", "FP2", "KF1"}
    assert len(stay["orders"]) == len(visit.data["orders"]) == DAYS // 3

    events = await town.world.events(town.id)
    sent = [event for event in events if isinstance(event, Intent) and event.operation == "upload_lines"]
    asked = [each for each in town.centre.control("GET", "/ledger?lines=no")["requests"] if each["akc190"] == KEY]
    arrived = sum(each["count"] for each in asked if each["method"] == "sendMedInfo" and each["code"] == "0")
    assert HAND_OVERS <= arrived <= len(sent)
    assert truth.blind_repeats(events) == []
    # a person was asked for two reasons that no machine can settle, each said in words
    assert [cause for cause, _ in town.stuck] == [Cause.DISAGREEMENT, Cause.DOUBT], town.stuck
    assert "4.12" in town.stuck[0][1]
    assert await town.store.zombies(town.environment.now(), MINUTE) == []
    assert town.centre.injected >= 40, town.centre.injected
    assert town.centre.control("GET", "/faults")["waiting"] == []
    assert town.deaths == len(DEATHS)


@pytest.mark.slow
@pytest.mark.timeout(600)
async def test_thirty_days(town: Town) -> None:
    his = town.his
    await town.admit()
    for number in range(HAND_OVERS):
        await hand_over(town, number)
        shown_now = fees_view(await town.visit())
        waiting = shown_now["counts"]
        if number == WRONGLY_MATCHED:  # two lines stand alone, with what the centre says to them
            shown = [line for line in shown_now["lines"] if line["state"] == "refused"]
            assert [(line["code"], bool(line["text"])) for line in shown] == [(shown[0]["code"], True)] * 2
            await correct(town, *[line["line_id"] for line in shown])
        elif number == NEW_VERSION:
            assert waiting["refused"] >= 2
            await town.adopt(entries({"H-ANT": "2"}), "2")
            await town.wait(UPLOADED_EVERY + HOUR)
        elif number == UNMATCHED:
            assert waiting["unmatched"] == 1
            await town.adopt(entries({"H-ANT": "2"}, UNKNOWN), "3")
            await town.wait(UPLOADED_EVERY + HOUR)
        if number in (WRONGLY_MATCHED, NEW_VERSION, UNMATCHED):
            waiting = fees_view(await town.visit())["counts"]
        left = {state: count for state, count in waiting.items() if state not in ("uploaded", "voided")}
        assert not any(left.values()), (number, left)
    assert len(his.lines) == LINES
    assert town.stuck == []

    visit = await discharge(town)
    assert visit.state == "discharged", visit.trouble
    visit = await review(town)
    assert (visit.state, visit.closed) == ("closed", True)
    await compare(town, visit)
