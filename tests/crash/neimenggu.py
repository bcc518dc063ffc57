"""The flows of Inner Mongolia: their scenarios, the wire to the simulated centre, and what its people say.

The way is the real adapter's, bytes and all: session, encryption, contracts. 002 knows no message ids, so that the
books are compared by what stands in them and by how often each was asked for.
"""

from __future__ import annotations

import datetime
import functools
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import httpx

from adapters.catalogue import LocalCatalogue
from adapters.neimenggu import Neimenggu
from adapters.neimenggu.interfaces import INTERFACES
from adapters.neimenggu.settings import NeimengguSettings
from engine.adapter import Adapter, Call
from engine.commands import Commands
from engine.environment import HOUR, MINUTE, SECOND
from engine.events import AnyEvent, Cause, Intent, Verdict
from engine.faultpoints import Crash
from engine.outcomes import Effect, Outcome
from engine.store import Status, Store
from engine.visit import PendingCall, Visit
from simulators.common.faults import Exchange, Faults
from simulators.common.http import Request, Response
from simulators.neimenggu import view
from simulators.neimenggu.centre import Centre
from simulators.neimenggu.door import Door
from simulators.neimenggu.office import Office
from storage import Books, MemoryStore, memory_books
from storage.books import CatalogueHead, Entry
from tests.crash import truth
from tests.crash.play import Play
from tests.crash.scenarios import Act, Facts, Scenario
from tests.crash.script import Script
from tests.crash.wire import Broken, Mishap, TooLate, Trap, Wire
from tests.steps.neimenggu.views import ORDER, fee

SHANGHAI = datetime.timezone(datetime.timedelta(hours=8))
#: What the environment of a process holds.
SECRETS = {"VISITFLOW_NEIMENGGU_KEY": "0123456789ABCDEF" * 2, "VISITFLOW_NEIMENGGU_PASSWORD": "secret"}
PDF = b"%PDF-1.4 invented"
#: Three days: of the admission, of the prescriptions, and the one on which all of it is played.
ADMITTED, PRESCRIBED, TODAY = "2023-11-13", "2023-11-14", "2023-11-15"
#: What the hospital's catalogue says of its one item; the centre holds every line to it.
ITEM = {
    "alc402": "HC0100000001",
    "alc403": "虚构外固定支架",
    "alc404": "9",
    "aka063": "51",
    "aka065": "1",
    "vmed": "1",
    "ala012": "9",
}


# -- scenarios
@functools.cache
def _world() -> Centre:
    """Return a centre as it is when it is started, to read its invented people."""
    return Office(Centre()).centre


def _opening(number: int, **more: Any) -> Callable[[str, Facts], Facts]:
    """Return what a visit of the ``number``-th person is opened with."""

    def opening(_key: str, _known: Facts) -> Facts:
        who = _world().world.people[f"9{number:08d}"]
        return {
            "identity_number": who["aac002"],
            "person_name": who["aac003"],
            "sex": who["aac004"],
            "admitted_on": ADMITTED,
            "diseases": ["T14.900"],
            "department": "骨科",
            "doctor": "虚构医师",
            "ward": "一病房",
            "bed": "12",
            **more,
        }

    return opening


def _offsite(**more: Any) -> Callable[[str, Facts], Facts]:
    local = _opening(4, diagnosis="T14.900", diagnosis_words="挤压伤", **more)
    return lambda key, known: {name: value for name, value in local(key, known).items() if name != "sex"}


def _card(number: int) -> dict[str, str]:
    card = _world().world.cards[f"A{number:08d}"]
    return {"card_number": card["aaz500"], "card_identifier": card["aaz501"]}


def _lines(first: int, last: int, **more: Any) -> list[Facts]:
    """Return lines by their numbers; each has a prescription of its own, by which the centre's books tell it."""
    return [
        fee(f"L{each}", "60.00", prescription=f"CF{each}", prescribed_on=PRESCRIBED, **more)
        for each in range(first, last + 1)
    ]


_HANDED_OVER = {"fees": _lines(1, 3, order="YZ1"), "orders": [ORDER]}
_LEAVING: Facts = {
    "discharged_on": TODAY,
    "discharge_reason": "1",
    "discharge_diagnoses": ["T14.900"],
    "discharge_words": "挤压伤",
    "record": {name: [{"aac004": "1"}] for name in ("km02", "km03", "km05")},
    "settlement_number": "JS1",
}
#: What the patient pays is read from the sheet; the invoice is for all of it.
_SETTLED = Act("sheet_ready", "settled_with_patient")
_PLAN = Act("discharged", "send_material", {"material": {"invoice_no": "KF1", "amount": "0.00", "kind": "02"}})
_GROUNDS = ("find_injuries@card_checked", "find_treatments@injuries_listed", "register@grounds_listed")
_TIMED = (
    *("hand_over@registered", "upload@registered", "upload_batch@uploading", "upload_batch@uploading"),
    *("hand_over@charged", "upload@charged", "upload_batch@uploading"),
    *("leave@charged", "approve@charged", "fetch_sheet@approved"),
)
_BACK = ("-discharge@patient_settled", "-upload_batch@uploading")
_AGAIN = ("approve@charged", "fetch_sheet@approved")


def _local(kind: str, applications: str, opening: Callable[..., Callable[[str, Facts], Facts]]) -> tuple[Scenario, ...]:
    """Return the scenarios of a flow for people of the own region."""
    flow = f"neimenggu.{kind}"
    return (
        Scenario(
            name=f"{kind}-timed",
            flow=flow,
            opening=opening(1, card=_card(1), application=f"{applications}2020001"),
            acts=(
                Act("registered", "hand_over", _HANDED_OVER),  # goes up with the timer, in two batches
                Act("charged", "hand_over", {"fees": _lines(4, 4)}),  # a third
                Act("charged", "leave", _LEAVING),
                _SETTLED,
                _PLAN,
            ),
            settings={"batch_size": 2},
            patience=HOUR + MINUTE,  # the timer uploads every hour
            rests="discharged",
            walks=(
                *("check_card@opened", *_GROUNDS, *_TIMED),
                *("discharge@patient_settled", "look_at_review@discharged", "send_material@discharged"),
                *(*_BACK, "-register@grounds_listed"),
            ),
        ),
        Scenario(
            name=f"{kind}-new-injury",
            flow=flow,
            opening=opening(3, qr_code=_world().world.cards["A00000003"]["qrcode"]),
            acts=(
                Act("registered", "hand_over", {"fees": _lines(1, 1)}),
                Act("registered", "leave", _LEAVING),
                Act("sheet_ready", "hand_over", {"fees": _lines(2, 2)}),
                Act("sheet_ready", "leave", _LEAVING),
                _SETTLED,
                Act("discharged", "application_submitted"),
                Act("applied", "look_at_review"),
                Act("applied", "REVIEW"),
                Act("applied", "look_at_review"),
            ),
            patience=5 * MINUTE,
            rests="closed",
            back=False,
            walks=(
                *("check_qr_code@opened", "find_injuries@card_checked", "find_reports@injuries_listed"),
                *("register@grounds_listed", "hand_over@registered", "leave@registered", "upload_batch@uploading"),
                *(*_AGAIN, "hand_over@sheet_ready", "upload_batch@uploading"),
                *(*_AGAIN, "leave@sheet_ready", *_AGAIN),
                *("discharge@patient_settled", "look_at_review@discharged"),
                *("look_at_review@applied", "look_at_review@applied"),
            ),
        ),
        Scenario(
            name=f"{kind}-rehabilitation",
            flow=flow,
            opening=opening(2, treatment_kind="4", certificate="GS-of-another"),
            acts=(
                Act("injuries_listed", "find_injuries_again"),
                Act("injuries_listed", "choose_injury", {"certificate": "R2020002"}),
                Act("grounds_listed", "choose_treatment", {"application": f"{applications}2020002"}),
                Act("registered", "hand_over", {"fees": _lines(1, 2)}),
                Act("registered", "leave", _LEAVING),
            ),
            patience=5 * MINUTE,
            rests="sheet_ready",
            walks=(
                *("find_injuries@card_checked", "find_injuries_again@injuries_listed"),
                *("find_treatments@injuries_listed", "register@grounds_listed"),
                *("hand_over@registered", "leave@registered", "upload_batch@uploading"),
                *("look_at_drug_share@charged", *_AGAIN, "-upload_batch@uploading", "-register@grounds_listed"),
            ),
        ),
    )


def _outpatient(number: int, **more: Any) -> Callable[[str, Facts], Facts]:
    local = _opening(number, **more)
    return lambda key, known: {name: value for name, value in local(key, known).items() if name not in ("ward", "bed")}


INPATIENT = _local("inpatient", "S", _opening)
OUTPATIENT = _local("outpatient", "M", _outpatient)
OFFSITE = (
    Scenario(
        name="offsite-timed",
        flow="neimenggu.offsite",
        opening=_offsite(card=_card(4)),
        acts=(
            Act("registered", "hand_over", _HANDED_OVER),
            Act("charged", "hand_over", {"fees": _lines(4, 4)}),
            Act("charged", "leave", _LEAVING),
            _SETTLED,
            _PLAN,
        ),
        settings={"batch_size": 2},
        patience=HOUR + MINUTE,
        rests="discharged",
        walks=(
            *("read_card@opened", "find_filings@card_checked", "register@filings_listed", *_TIMED),
            *("discharge@patient_settled", "fetch_sheet_again@discharged", "send_material@discharged"),
            *(*_BACK, "-register@filings_listed"),
        ),
    ),
    Scenario(
        name="offsite-to-the-end",
        flow="neimenggu.offsite",
        opening=_offsite(qr_code=_world().world.cards["A00000004"]["qrcode"], certificate="GS-of-another"),
        acts=(
            Act("filings_listed", "find_filings_again"),
            Act("filings_listed", "choose_filing", {"certificate": "W2020004"}),
            Act("registered", "hand_over", {"fees": _lines(1, 1)}),
            Act("registered", "leave", _LEAVING),
            Act("sheet_ready", "hand_over", {"fees": _lines(2, 2)}),
            Act("sheet_ready", "leave", _LEAVING),
            _SETTLED,
            Act("discharged", "application_submitted"),
        ),
        patience=5 * MINUTE,
        rests="closed",
        back=False,
        walks=(
            *("read_qr_code@opened", "find_filings@card_checked", "find_filings_again@filings_listed"),
            *("register@filings_listed", "hand_over@registered", "leave@registered", "upload_batch@uploading"),
            *(*_AGAIN, "hand_over@sheet_ready", "upload_batch@uploading"),
            *(*_AGAIN, "leave@sheet_ready", *_AGAIN),
            *("discharge@patient_settled", "fetch_sheet_again@discharged", "close@applied"),
        ),
    ),
)
SCENARIOS = (*INPATIENT, *OUTPATIENT, *OFFSITE)


# -- the wire
class NmTrap(Trap):
    """A trap for messages of 002, and for the hospital's own catalogue."""

    def meant(self, exchange: Exchange) -> bool:
        """Tell whether a message is of the operation."""
        return self.operation in INTERFACES and exchange.about["method"] == INTERFACES[self.operation].method


class _Fate(Faults):
    """The centre's faults, which are the wire's to decide."""

    def __init__(self, wire: NmWire) -> None:
        super().__init__()
        self._wire = wire

    async def answer(self, exchange: Exchange) -> Response | None:
        return self._wire.carry(self._wire.numbered(exchange))


@dataclass
class NmWire(Wire):
    """The way to the centre. ``said``: what it said to each message, also to one whose answer got lost."""

    between_looks = 30 * SECOND
    after_looks = 90 * SECOND
    said: dict[int, str] = field(default_factory=dict)
    arrived: list[tuple[str, str]] = field(default_factory=list)  #: method and stay, of each message that was sent
    kept: Books = field(default_factory=memory_books)  #: of the hospital; they outlive its processes

    def __post_init__(self) -> None:
        now = lambda: datetime.datetime.fromtimestamp(self.now / SECOND, SHANGHAI)  # noqa: E731
        self.office = self.open_office(now)
        for number, kind in ((1, "7"), (2, "3")):  # what outpatients are treated on
            cure = {"aae073": f"M202000{number}", "alca02": f"R202000{number}", "aac001": f"9{number:08d}"}
            self.office.arrange("PUT /cures", cure | {"jxzl": "1", "ale021": kind})
        self._door = Door(self.office, _Fate(self))

    def open_office(self, now: Callable[[], datetime.datetime]) -> Office:
        """Return a centre as it is when it is started."""
        return Office(Centre(now=now))

    def books(self) -> dict[str, Any]:
        """Return what the control port shows, and what the centre said to each message that was sent to it."""
        self.arrivals()
        said: dict[tuple[str, str], list[str]] = {}
        for number, about in enumerate(self.arrived):
            said.setdefault(about, []).append(self.said.get(number, ""))
        return view.ledger(self.office.centre, {}) | {"said": said}

    async def furnish(self) -> str:
        """Put there what the hospital has before any visit: a catalogue, and an invoice, whose id is returned."""
        await self.kept.catalogue.write("1", [Entry("H1", ITEM)])
        await self.kept.catalogue.stand(CatalogueHead("neimenggu", "1", "1", 1, 0, "wang"), None)
        return (await self.kept.files.add(PDF, "application/pdf", "a.pdf", 0))[0].file_id

    @property
    def charged_twice(self) -> bool:
        """Tell whether lines came again that had come before."""
        self.arrivals()
        standing = [stay for stay in self.office.centre.ledger.stays if stay.state != "cancelled"]
        return any(len(stay.lines) > len({line.sent["alc400"] for line in stay.lines}) for stay in standing)

    def adapter(self, _name: str) -> Neimenggu:
        """Return the adapter as a process that has just started has it."""
        settings = {"url": "http://centre/nm-his", "username": "hospital", "log_out_after": None}
        made = NeimengguSettings.model_validate(settings)
        adapter = Neimenggu(made, httpx.MockTransport(self._through), self.environment)
        adapter.equip(self.kept.equipment)
        return adapter

    def numbered(self, exchange: Exchange) -> Exchange:
        """Return an exchange that leaves a note of what the centre said, whenever it is applied."""
        number = len(self.arrived)
        self.arrived.append((str(exchange.about["method"]), str(exchange.about["akc190"])))
        asked = self.office.centre.ledger.asked

        def apply() -> Response:
            before = Counter(asked)
            answer = exchange.apply()
            ((_, _, self.said[number]),) = asked - before
            return answer

        return Exchange(exchange.about, apply, exchange.error, exchange.spoilt, exchange.cut)

    async def _through(self, request: httpx.Request) -> httpx.Response:
        headers = {name.lower(): value for name, value in request.headers.items()}
        target, content = str(request.url.raw_path.decode()), await request.aread()
        try:
            found = await self._door.handle(Request(request.method, target, content, headers))
        except Broken:
            raise httpx.ReadError("reset", request=request) from None
        except TooLate:
            raise httpx.ReadTimeout("late", request=request) from None
        assert found is not None
        if found.promised not in (None, len(found.body)):
            raise httpx.RemoteProtocolError("cut", request=request)
        return httpx.Response(found.status, content=found.body, headers=dict(found.headers))


class _Items(LocalCatalogue):
    """The hospital's catalogue, on a way that a process can die on."""

    def __init__(self, trap: Trap | None) -> None:
        super().__init__()
        self._trap = trap

    async def call(self, call: Call) -> Outcome:
        outcome = await super().call(call)
        if self._trap is not None and self._trap.operation == call.operation and self._trap.armed:
            self._trap.armed, self._trap.sprung = False, True
            raise Crash
        return outcome


# -- what people do
class NmScript(Script):
    """People read from the sheet what the patient pays, and ask the centre's people when nobody else can tell."""

    def __init__(self, scenario: Scenario, wire: NmWire, file: Callable[[], str]) -> None:
        super().__init__(scenario)
        self._wire, self._file = wire, file

    async def go_on(self, commands: Commands, visit: Visit, status: Status, books: Callable[[], truth.Books]) -> bool:
        """Fill in what only now is known; at the agency, people review."""
        rests = visit.trouble is None and visit.run is None and status is not Status.READY
        if rests and self.acts and self.acts[0].state == visit.state:
            if self.acts[0].trigger == "REVIEW":
                del self.acts[0]
                self._wire.office.arrange("POST /reviews", {"akc190": visit.key})
                return True
            self.acts[0] = self._filled(self.acts[0], visit)
        return await super().go_on(commands, visit, status, books)

    def _filled(self, act: Act, visit: Visit) -> Act:
        match act.trigger:
            case "settled_with_patient":
                total, own = (Decimal(visit.data["sheet"][name]) for name in ("alc407sum", "alc408sum"))
                invoice = {"file": self._file(), "invoice_no": "FP1", "amount": f"{total:.2f}"}
                paid = {"paid_total": total, "paid_by_fund": total - own, "paid_by_patient": own}
                amounts = {name: f"{value:.2f}" for name, value in paid.items()}
                return Act(act.state, act.trigger, {"settlement_number": "JS1", **amounts, "invoices": [invoice]})
            case "send_material":
                return Act(act.state, act.trigger, {"material": {**act.data["material"], "file": self._file()}})
            case "application_submitted" if "rolltype" not in act.data and "offsite" not in visit.flow:
                self._wire.office.arrange("POST /applications", {"akc190": visit.key})
        return act

    async def _person(self, commands: Commands, visit: Visit, books: Callable[[], truth.Books]) -> None:
        """Say what the centre's people say; where its total is not ours, take all lines back and begin anew."""
        assert visit.trouble is not None
        cause = visit.trouble.cause
        self.asked.append(cause)
        who = ("wang", "asked the centre by telephone")
        if cause is Cause.DOUBT:
            assert visit.call is not None
            asked_for = ("send_material",)  # 4.18: nothing lists what the centre has
            assert "offsite" in visit.flow or visit.call.operation in asked_for, visit.trouble
            verdict, data = told(visit.call, visit, books())
            await commands.settle(visit.visit_id, verdict, *who, data)
        elif cause is Cause.LATE_ORIGINAL:  # 4.15 does not know offsite stays: a person has looked
            assert "offsite" in visit.flow, visit.trouble
            await commands.settle(visit.visit_id, Verdict.NOT_APPLIED, *who)
        else:  # a late original charged a second time, after both looks: found by the sums of 4.12
            assert cause is Cause.DISAGREEMENT, visit.trouble
            trap = self._wire.trap
            late = trap is not None and trap.mishap is Mishap.VERY_LATE_ORIGINAL
            assert late and self._wire.charged_twice, visit.trouble
            await commands.reverse(visit.visit_id, "registered", *who)
            self.acts.insert(0, Act("registered", "leave", _LEAVING))


def told(call: PendingCall, visit: Visit, books: truth.Books) -> tuple[Verdict, Facts]:
    """Return what the centre says of the last message of a kind, and what its answer would have brought."""
    said = books["said"].get((INTERFACES[call.operation].method, visit.key), [""])
    if "0" not in (said if call.effect is Effect.KEYED else said[-1:]):
        return Verdict.NOT_APPLIED, {}
    stay = next(each for each in reversed(books["stays"]) if each["akc190"] == visit.key)
    if call.operation in ("upload_lines", "upload_offsite_lines"):
        return Verdict.APPLIED, {"uploaded_total": str(stay["total"])}
    return Verdict.APPLIED, {}


# -- what must hold
_ONCE = {each.operation: each.method for each in INTERFACES.values() if each.effect is Effect.ONCE}


def compare(visit: Visit, events: list[AnyEvent], books: Mapping[str, Any]) -> None:
    """Assert that the centre's books hold of this visit exactly what the visit says."""
    intents = Counter(event.operation for event in events if isinstance(event, Intent))
    for operation, method in _ONCE.items():
        sent = len(books["said"].get((method, visit.key), ()))
        assert sent <= intents[operation], f"{operation}: {sent} arrived, {intents[operation]} written down (G1)"
    standing = [each for each in books["stays"] if each["akc190"] == visit.key and each["state"] != "cancelled"]
    data = visit.data
    assert len(standing) == bool(data.get("registered"))
    lines = Counter(each["sent"]["alc400"] for stay in standing for each in stay["lines"])
    ours = {line_id: line for line_id, line in data.get("fees", {}).items() if line.get("outcome") == "uploaded"}
    assert lines == Counter(line["prescription"] for line in ours.values())
    total = sum((Decimal(line["amount"]) for line in ours.values()), Decimal(0))
    assert sum((Decimal(stay["total"]) for stay in standing), Decimal(0)) == total
    for stay in standing:
        assert stay["left"] == (data["discharged_on"] if data.get("discharged") else "")
        sent = {number for number, each in data.get("sent_material", {}).items() if each["undone"] == "no"}
        assert {each["number"] for each in stay["invoices"]} == sent
        known = {number for number, each in data.get("orders", {}).items() if each.get("sent")}
        assert known <= set(stay["orders"])


class NmPlay(Play):
    """One visit and the simulated centre."""

    wire: NmWire

    def _lay_wire(self) -> Wire:
        return NmWire(self.environment, self.trap)

    def _begin_script(self) -> Script:
        return NmScript(self.scenario, self.wire, lambda: self.file)

    def _others(self) -> dict[str, Adapter]:
        items = _Items(self.trap)
        items.equip(self.wire.kept.equipment)
        return {"catalogue": items}

    async def _prepare(self) -> None:
        self.file = await self.wire.furnish()

    def _compare(self, visit: Visit, events: list[AnyEvent], books: dict[str, Any]) -> None:
        compare(visit, events, books)


def play(scenario: Scenario, trap: Trap | None = None, store: Store | None = None) -> NmPlay:
    """Return a play of a scenario; its flow keeps its own adapters."""
    return NmPlay(scenario, "neimenggu", trap, MemoryStore() if store is None else store)
