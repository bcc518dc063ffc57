"""Scenarios of the patient platform's flows, with both peers in this process: crashes, lost and garbled answers.

After each, a visit ends where it would have ended, and the peers' books hold what they would have held: nothing twice,
nothing less.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import httpx

from engine.adapter import Adapter
from engine.commands import Commands
from engine.environment import DAY, MINUTE, SECOND, Micros
from engine.events import Cause, Verdict
from engine.faultpoints import Crash, nothing
from engine.machine import Flow
from engine.store import Status, Store
from engine.visit import Visit
from storage import MemoryStore
from tests.crash import truth
from tests.crash.scenarios import Act, Facts, Step, _steps, walked
from tests.crash.wire import AFTER_LOOKS, BETWEEN_LOOKS, Mishap, Trap
from tests.platform import CARD, His, Platform, answer_of, body, catalogue, clinic, definitions, refund_query, wish
from tests.toy import ToyEnvironment
from tests.world import World

KEY = "K0001"
WHO = ("wang", "asked the HIS's people")
#: What can happen to an answer here. Codes that nobody knows and halves of replies are the adapters' tests.
MISHAPS = (
    Mishap.CRASH_UNHEARD,
    Mishap.CRASH_OVERTAKEN,
    Mishap.LOST_REQUEST,
    Mishap.LOST_REPLY,
    Mishap.LATE_ORIGINAL,
    Mishap.GARBAGE,
    Mishap.GARBAGE_UNAPPLIED,
)
#: A lock that may have been lost is not asked for again: it lapses, and the patient chooses anew.
LAPSES = ("laboratory-lock@opened",)


@dataclass(frozen=True)
class Scenario:
    """One way through a flow, and back where it says so."""

    name: str
    flow: str
    opening: Facts
    rests: str
    walks: tuple[str, ...]
    acts: tuple[Act, ...] = ()
    back: bool = False
    refusals: Mapping[str, tuple[str, str]] = field(default_factory=dict)  #: by interface of the HIS
    platform_refusals: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    payments: Mapping[str, str] = field(default_factory=dict)  #: what the platform was paid
    patience: Micros = 20 * MINUTE
    insurer: str = "80.00"  #: what the insurer pays of 100.00


@cache
def compiled(flow: str) -> Flow:
    """Return a flow of the platform, compiled."""
    return Flow(definitions()[flow], catalogue())


@cache
def steps(flow: str) -> Mapping[str, Step]:
    """Return every call that a flow can make, by its name."""
    return {step.walk: step for edge in compiled(flow).all_edges() for step in _steps(flow, edge)}


@dataclass(frozen=True)
class Place:
    """The ``number``-th call of an operation in a scenario."""

    scenario: Scenario
    step: Step
    number: int

    def __str__(self) -> str:
        return f"{self.scenario.name}-{self.step.walk}"


def places(scenarios: tuple[Scenario, ...]) -> Iterator[Place]:
    """Return each call of each scenario once."""
    seen: set[tuple[str, str]] = set()
    for scenario in scenarios:
        known, passed = steps(scenario.flow), Counter[str]()
        for walk in scenario.walks:
            step = known[walk]
            passed[step.operation] += 1
            if (scenario.flow, walk) not in seen:
                seen.add((scenario.flow, walk))
                yield Place(scenario, step, passed[step.operation])


@dataclass
class Play:
    """One visit, its peers, and the process that moves it, which may die once."""

    scenario: Scenario
    trap: Trap | None = None
    visit_id: str = ""
    acts: list[Act] = field(default_factory=list)
    asked: list[Cause] = field(default_factory=list)
    late: list[tuple[Micros, Callable[[], Any]]] = field(default_factory=list)

    async def to_the_end(self) -> Play:
        """Play all acts and the way back; start anew after the crash."""
        self.set_the_stage(ToyEnvironment(), MemoryStore())
        world = await self._start()
        opened, _ = await world.commands.open(self.scenario.flow, KEY, self.scenario.opening)
        self.visit_id = opened.visit_id
        try:
            await self._drive(world)
        except Crash:
            await self.store.expire_worker("test", self.environment.now())
            self.environment.time += SECOND
            world = await self._start()
            await self._drive(world)
        self.environment.time += AFTER_LOOKS
        self._arrivals()
        await world.check(self.visit_id)
        assert self.trap is None or self.trap.sprung, "nothing went wrong"
        self.visit = await world.visit(self.visit_id)
        self.events = await world.events(self.visit_id)
        assert truth.blind_repeats(self.events) == []
        return self

    def set_the_stage(self, environment: ToyEnvironment, store: Store) -> None:
        """Put both peers there, as they are before anything has happened."""
        self.environment, self.store = environment, store
        self.his, self.platform = His(self.environment), Platform(self.environment)
        self.his.refusals |= dict(self.scenario.refusals)
        self.his.insurer = self.scenario.insurer
        self.his.at_the_window = lambda: len(self.platform.of("5.2.1"))
        self.platform.refusals |= dict(self.scenario.platform_refusals)
        self.platform.payments |= dict(self.scenario.payments)
        self.his.interfere = self.platform.interfere = self._interfere
        self.acts, self.cancelled = list(self.scenario.acts), False

    def _adapters(self) -> tuple[Adapter, dict[str, Adapter]]:
        """Return the HIS's adapter, and the others by name."""
        return self.his.adapter(), {"platform": self.platform.adapter()}

    async def _start(self) -> World:
        adapter, others = self._adapters()
        world = World(
            store=self.store,
            environment=self.environment,
            catalogue=catalogue(),
            adapter=adapter,
            others=others,
            definitions=[definitions()[self.scenario.flow]],
            hook=nothing if self.trap is None else self.trap.hook,
        )
        return await world.start()

    async def _drive(self, world: World) -> None:
        for _ in range(40):
            patience = 20 * MINUTE if self.acts else self.scenario.patience
            await world.run(patience, until=self._arrivals_pending)
            visit, projection = await world.visit(self.visit_id), await world.get(self.visit_id)
            if projection.status is Status.READY and visit.trouble is None:  # a doubt that takes its time
                await world.run(3 * 60 * MINUTE, until=self._arrivals_pending)
                visit, projection = await world.visit(self.visit_id), await world.get(self.visit_id)
            if not await self._go_on(world.commands, visit, projection.status):
                ends = "cancelled" if self.scenario.back else self.scenario.rests
                assert (visit.state, self.acts) == (ends, []), f"rests in {visit.state}: {visit.trouble}"
                return
        raise AssertionError("the visit never comes to rest")

    def _arrivals_pending(self) -> bool:
        self._arrivals()
        return False

    async def _go_on(self, commands: Commands, visit: Visit, status: Status) -> bool:
        if visit.trouble is not None:
            await self._person(commands, visit)
        elif status is Status.READY or visit.run is not None:
            return False
        elif self.acts and visit.state == self.acts[0].state:
            act = self.acts.pop(0)
            await commands.trigger(visit.visit_id, act.trigger, act.data, "platform")
        elif not self.acts and self.scenario.back and not self.cancelled and visit.state == self.scenario.rests:
            await commands.cancel(visit.visit_id, *WHO)
            self.cancelled = True
        else:
            return False
        return True

    async def _person(self, commands: Commands, visit: Visit) -> None:
        """Answer truthfully, from the peers' books."""
        trouble, call = visit.trouble, visit.call
        assert trouble is not None
        assert trouble.cause is Cause.DOUBT, trouble
        assert call is not None
        self._arrivals()
        peer = self.platform if call.adapter == "platform" else self.his
        booked = [deed for deed in peer.of(call.operation) if deed.body == peer.last(call.operation)]
        known = visit.data.get("answers", {}).get(call.operation)
        if not booked or known is not None:
            await commands.settle(visit.visit_id, Verdict.NOT_APPLIED, *WHO)
        else:
            data, beside = answer_of(call.operation, booked[-1].id, booked[-1].body)
            answer = {**beside, **({} if data is None else {"data": data})}
            told = {"answers": {call.operation: answer}} if peer is self.his else {}
            await commands.settle(visit.visit_id, Verdict.APPLIED, *WHO, told)
        self.asked.append(trouble.cause)

    # -- the wire
    def _arrivals(self) -> None:
        due = [apply for at, apply in self.late if at <= self.environment.time]
        self.late = [(at, apply) for at, apply in self.late if at > self.environment.time]
        for apply in due:
            apply()

    def _interfere(self, number: str, _writes: bool, apply: Callable[[], httpx.Response]) -> httpx.Response:
        self._arrivals()
        trap = self.trap
        if trap is None or not trap.armed or number not in _aliases(trap.operation):
            return apply()
        trap.armed, trap.sprung = False, True
        return self._strike(trap.mishap, apply)

    def _strike(self, mishap: Mishap, apply: Callable[[], httpx.Response]) -> httpx.Response:
        now = self.environment.time
        match mishap:
            case Mishap.CRASH:
                apply()
                raise Crash
            case Mishap.CRASH_UNHEARD:
                raise Crash
            case Mishap.CRASH_OVERTAKEN:
                self.late.append((now + BETWEEN_LOOKS, apply))
                raise Crash
            case Mishap.LOST_REQUEST:
                raise httpx.ReadError("lost")
            case Mishap.LOST_REPLY:
                apply()
                raise httpx.ReadError("lost")
            case Mishap.LATE_ORIGINAL:
                self.late.append((now + BETWEEN_LOOKS, apply))
                raise httpx.ReadTimeout("late")
            case Mishap.GARBAGE:
                apply()
        return httpx.Response(200, content=b"\x81<html>\xe9\xb8")

    def booked(self) -> Counter[str]:
        """What both peers have booked, by interface."""
        return Counter(deed.number for deed in (*self.his.made, *self.platform.made))

    def walked(self) -> tuple[str, ...]:
        return tuple(walked(self.visit_id, self.events))


def _aliases(operation: str) -> tuple[str, ...]:
    return ("9.1.1", "13.2.1") if operation in ("9.1.1", "13.2.1") else (operation,)


# -- scenarios
_ORDER_LINES = ["CF1-1", "CF1-2"]
_INSURED = body("5.1.1", detailIds=_ORDER_LINES)
_REST = body("5.1.4", outTradeNo="YBZF1", amount="20.00", balancePayment="0.00", hisTradeId="D1")
_SETTLE = Act("ordered", "settle", body("5.1.2", hisTradeId="D1"))
_TODAY = body("20.1.7", todayRegisterId="U1", payId="DRGH1", registrationFee="10.00")
_BOOKED = body("21.2.2", recordId="Y1")
_BOOKING_PAID = body("21.2.4", recordId="Y1", payId="YYGH1", arAmt="10.00", surcharge="0.00")
_EXAMINATION = body(
    "24.1.4", appointmentId="A1", orderId="O1", roomId="US1", selectedDate="2026-11-21", planTimeName="1"
)
_CHANGE = body(
    "24.1.7", appointmentId="A1", regId="G1", orderId="O1", roomId="US1", selectedDate="2026-11-22", planTimeName="2"
)
_DEPOSIT = body("10.1.2", outTradeNo="ORDER1", payTime="2023-11-15 06:30:00", admissionNumber="Z1")
_PHYSICAL = body("28.1.6", tradeNo="ORDER1", acPrice="198.00", payType="WeChatPay", cflag="1")
_ONLINE = body("25.1.1", tradeNo="ORDER1")
_ONLINE["requests"]["25.1.1"]["charges"][0]["chargeId"] = "Y001"
_LABORATORY = body("33.1.4", recordId="L1", outTradeNo="XMYY1", total="16.00", payType="WeChatPay")
_PASS = body("37.1.3", idCard=CARD, admissionNumber="Z1")


def _plain(flow: str, number: str, walk: str, opening: Facts) -> Iterator[Scenario]:
    name = flow.removeprefix("platform.")
    yield Scenario(name, flow, opening, "booked", (walk,))
    told = {number: ("60101", "不允许")}
    yield Scenario(f"{name}-refused", flow, opening, "failed", (walk, "check@answered"), refusals=told)


def _paid(number: str, order: str, **more: Any) -> Facts:
    return body(number, **{**more, order: "ORDER1"})


def _cancellable(name: str, number: str, cancel: str, rests: str, numbers: Facts, *, order: str) -> Iterator[Scenario]:
    opening = _paid(number, order)
    acts = (Act(rests, "cancel", body(cancel, **numbers)),)
    flow = f"platform.{name}"
    yield Scenario(name, flow, opening, "taken_back", ("book@opened", f"cancel@{rests}"), acts=acts)
    told = {number: ("60103", "金额不符")}
    yield Scenario(f"{name}-refused", flow, opening, "failed", ("book@opened", "check@answered"), refusals=told)


def _small(flow: str, number: str, **more: Any) -> Scenario:
    return Scenario(flow.removeprefix("platform."), flow, body(number, **more), "done", ("make@opened",))


SCENARIOS: tuple[Scenario, ...] = (
    *_plain("platform.outpatient_payment", "3.1.2", "book@opened", clinic("ORDER1")),
    Scenario(
        "outpatient-unseen",
        "platform.outpatient_payment",
        refund_query("ORDER1"),
        "failed",
        ("check@closing",),
    ),
    *_plain("platform.zibo_payment", "6.2.5", "book@opened", _paid("6.2.5", "blTradeNo")),
    *_plain("platform.record_delivery", "27.1.2", "book@opened", _paid("27.1.2", "tradeNo")),
    *_plain("platform.internet_consultation", "25.1.7", "book@opened", _paid("25.1.7", "tradeNo")),
    *_plain("platform.card_topup", "7.1.2", "book@opened", _paid("7.1.2", "outTradeNo")),
    *_plain("platform.deposit", "10.1.2", "book@opened", _DEPOSIT),
    Scenario(
        "deposit-late",
        "platform.deposit",
        _paid("10.1.2", "outTradeNo", amount="100.00", payTime="2023-11-10 10:30:00", admissionNumber="Z1"),
        "given_back",
        ("book@opened", "refund@booked_late"),
        acts=(Act("booked_late", "refund", wish("100.00")),),
    ),
    Scenario(
        "payment-refund",
        "platform.payment_refund",
        {"payment": {"order": "ORDER1", "card": CARD}},
        "finished",
        ("ask_payment@opened", "refund@known", "refund@known"),
        acts=(
            Act("known", "refund", wish("30.00")),
            Act("known", "refund", wish("90.00", refund_no="OURS2")),
            Act("known", "finish"),
        ),
        payments={"ORDER1": "120.00"},
    ),
    Scenario("card-refund", "platform.card_refund", body("8.1.2", refundNo="RE1"), "debited", ("debit@opened",)),
    Scenario(
        "hospital-refund",
        "platform.hospital_refund",
        {"payment": {"order": "ORDER1", "card": CARD}, **wish("20.00", refund_no="OURS1")},
        "debited",
        ("ask_payment@opened", "refund@asked"),
        acts=(Act("paid_out", "debited", {"note": "记账1"}),),
        payments={"ORDER1": "50.00"},
    ),
    # -- insurance
    Scenario(
        "insurance",
        "platform.insurance_payment",
        _INSURED,
        "booked",
        ("create@opened", "settle@ordered", "verify@pay_noticed", "book@verified"),
        acts=(_SETTLE, Act("settled", "paid", _REST)),
    ),
    Scenario(
        "insurance-asked-before-it-is-paid",
        "platform.insurance_payment",
        _INSURED,
        "booked",
        ("create@opened", "settle@ordered", "refund_query@settled", "verify@pay_noticed", "book@verified"),
        acts=(
            _SETTLE,
            Act("settled", "refund_query", refund_query("YBZF0", "5.1.6", hisTradeId="D1")),
            Act("settled", "paid", _REST),
        ),
    ),
    Scenario(
        "insurance-undone-before",
        "platform.insurance_payment",
        _INSURED,
        "ordered",
        ("create@opened", "-create@opened"),
        back=True,
    ),
    Scenario(
        "insurance-undone-after",
        "platform.insurance_payment",
        _INSURED,
        "settled",
        ("create@opened", "settle@ordered", "-create@opened"),
        acts=(_SETTLE,),
        back=True,
    ),
    Scenario(
        "insurance-cancelled-before",
        "platform.insurance_payment",
        _INSURED,
        "taken_back",
        ("create@opened", "cancel_order@ordered"),
        acts=(Act("ordered", "cancel_order", body("5.1.3", hisTradeId=["D1"])),),
    ),
    Scenario(
        "insurance-cancelled-after",
        "platform.insurance_payment",
        _INSURED,
        "taken_back",
        ("create@opened", "settle@ordered", "cancel_order@settled"),
        acts=(
            _SETTLE,
            Act("settled", "cancel_order", body("5.1.3", hisTradeId=["D1"])),
        ),
    ),
    Scenario(
        "insurance-expired",
        "platform.insurance_payment",
        _INSURED,
        "taken_back",
        ("create@opened", "cancel_order@ordered"),
        patience=2 * DAY,
    ),
    Scenario(
        "insurance-settled-and-expired",
        "platform.insurance_payment",
        _INSURED,
        "taken_back",
        ("create@opened", "settle@ordered", "cancel_order@settled"),
        acts=(_SETTLE,),
        patience=2 * DAY,
    ),
    Scenario(
        "insurance-window",
        "platform.insurance_payment",
        _INSURED,
        "taken_back",
        ("create@opened", "window_cancel@ordered"),
        acts=(Act("ordered", "window_cancel"),),
    ),
    Scenario(
        "insurance-window-after",
        "platform.insurance_payment",
        _INSURED,
        "taken_back",
        ("create@opened", "settle@ordered", "window_cancel@settled"),
        acts=(_SETTLE, Act("settled", "window_cancel")),
    ),
    Scenario(
        "insurance-rest-refused-and-expired",
        "platform.insurance_payment",
        _INSURED,
        "taken_back",
        (
            *("create@opened", "settle@ordered", "verify@pay_noticed", "book@verified", "check@pay_answered"),
            "cancel_order@unpaid",
        ),
        acts=(_SETTLE, Act("settled", "paid", _REST)),
        refusals={"5.1.4": ("60101", "不允许")},
        patience=2 * DAY,
    ),
    Scenario(
        "insurance-covered",
        "platform.insurance_payment",
        _INSURED,
        "booked",
        ("create@opened", "settle@ordered"),
        acts=(_SETTLE,),
        insurer="100.00",
        patience=2 * DAY,
    ),
    Scenario(
        "insurance-rest-refused",
        "platform.insurance_payment",
        _INSURED,
        "taken_back",
        (
            *("create@opened", "settle@ordered", "verify@pay_noticed", "book@verified", "check@pay_answered"),
            *("refund_query@unpaid", "cancel_order@unpaid"),
        ),
        acts=(
            _SETTLE,
            Act("settled", "paid", _REST),
            Act("unpaid", "refund_query", refund_query("YBZF1", "5.1.6", hisTradeId="D1")),
            Act("unpaid", "cancel_order", body("5.1.3", hisTradeId=["D1"])),
        ),
        refusals={"5.1.4": ("60101", "不允许")},
    ),
    # -- registration
    Scenario(
        "today",
        "platform.registration_today",
        _TODAY,
        "finished",
        ("register@opened", "report@registered"),
        acts=(Act("registered", "report", {"result": "5"}),),
    ),
    Scenario(
        "today-refused",
        "platform.registration_today",
        _TODAY,
        "failed",
        ("register@opened", "check@answered"),
        refusals={"20.1.7": ("60205", "号源已满")},
    ),
    Scenario(
        "today-cancelled",
        "platform.registration_today",
        _TODAY,
        "cancelled_by_patient",
        ("register@opened", "cancel@registered"),
        acts=(Act("registered", "cancel", body("20.1.8", todayRegisterId="U1", hisRegistrationId="H1")),),
    ),
    Scenario(
        "today-cancelled-by-the-hospital",
        "platform.registration_today",
        _TODAY,
        "cancelled_by_hospital",
        ("register@opened", "cancel_by_hospital@registered", "tell_cancelled@refunded"),
        acts=(Act("registered", "cancel_by_hospital", wish("10.00", refund_no="OURS1")),),
    ),
    Scenario(
        "booked",
        "platform.registration_booked",
        _BOOKED,
        "finished",
        ("book@opened", "ask_surcharge@pay_noticed", "register@surcharge_known", "report@registered"),
        acts=(Act("booked", "pay", _BOOKING_PAID), Act("registered", "report", {"result": "5"})),
    ),
    Scenario(
        "booked-undone", "platform.registration_booked", _BOOKED, "booked", ("book@opened", "-book@opened"), back=True
    ),
    Scenario(
        "booked-missed",
        "platform.registration_booked",
        _BOOKED,
        "finished",
        ("book@opened", "report@booked"),
        acts=(Act("booked", "report", {"result": "3"}),),
    ),
    Scenario(
        "booked-cancelled-unpaid",
        "platform.registration_booked",
        _BOOKED,
        "cancelled_by_patient",
        ("book@opened", "cancel@booked"),
        acts=(Act("booked", "cancel", body("21.2.3", recordId="Y1")),),
    ),
    Scenario(
        "booked-cancelled-paid",
        "platform.registration_booked",
        _BOOKED,
        "cancelled_by_patient",
        ("book@opened", "ask_surcharge@pay_noticed", "register@surcharge_known", "cancel@registered"),
        acts=(Act("booked", "pay", _BOOKING_PAID), Act("registered", "cancel", body("21.2.3", recordId="Y1"))),
    ),
    Scenario(
        "booked-stopped",
        "platform.registration_booked",
        _BOOKED,
        "cancelled_by_hospital",
        (
            *("book@opened", "ask_surcharge@pay_noticed", "register@surcharge_known"),
            *("cancel_by_hospital@registered", "tell_cancelled@refunded"),
        ),
        acts=(Act("booked", "pay", _BOOKING_PAID), Act("registered", "cancel_by_hospital", wish("10.00"))),
    ),
    Scenario(
        "booked-payment-refused",
        "platform.registration_booked",
        _BOOKED,
        "cancelled_by_hospital",
        (
            *("book@opened", "ask_surcharge@pay_noticed", "register@surcharge_known", "check@pay_answered"),
            *("refund_query@unpaid", "tell_cancelled@refunded"),
        ),
        acts=(
            Act("booked", "pay", _BOOKING_PAID),
            Act("unpaid", "refund_query", refund_query("YYGH1")),
            Act("unpaid", "stop"),
        ),
        refusals={"21.2.4": ("60206", "医生已停诊")},
    ),
    Scenario(
        "booked-payment-refused-and-cancelled",
        "platform.registration_booked",
        _BOOKED,
        "cancelled_by_patient",
        (
            *("book@opened", "ask_surcharge@pay_noticed", "register@surcharge_known", "check@pay_answered"),
            "cancel@unpaid",
        ),
        acts=(Act("booked", "pay", _BOOKING_PAID), Act("unpaid", "cancel", body("21.2.3", recordId="Y1"))),
        refusals={"21.2.4": ("60206", "医生已停诊")},
    ),
    Scenario(
        "booked-payment-refused-and-missed",
        "platform.registration_booked",
        _BOOKED,
        "finished",
        (
            *("book@opened", "ask_surcharge@pay_noticed", "register@surcharge_known", "check@pay_answered"),
            "report@unpaid",
        ),
        acts=(Act("booked", "pay", _BOOKING_PAID), Act("unpaid", "report", {"result": "3"})),
        refusals={"21.2.4": ("60206", "医生已停诊")},
    ),
    # -- bookings
    Scenario(
        "examination",
        "platform.examination_booking",
        _EXAMINATION,
        "taken_back",
        ("book@opened", "change@booked", "cancel@booked"),
        acts=(
            Act("booked", "change", _CHANGE),
            Act("booked", "cancel", body("24.1.6", appointmentId="A1", regId="G2", remarks="改天")),
        ),
    ),
    Scenario(
        "examination-undone",
        "platform.examination_booking",
        _EXAMINATION,
        "booked",
        ("book@opened", "-book@opened"),
        back=True,
    ),
    Scenario(
        "examination-changed-and-undone",
        "platform.examination_booking",
        _EXAMINATION,
        "booked",
        ("book@opened", "change@booked", "-change@booked"),
        acts=(Act("booked", "change", _CHANGE),),
        back=True,
    ),
    _small("platform.examination_check_in", "24.1.8"),
    Scenario(
        "physical",
        "platform.physical_booking",
        _PHYSICAL,
        "taken_back",
        ("book@opened", "ask_registered@cancelling", "take_back@known"),
        acts=(Act("booked", "cancel", body("28.1.7", id="E1")),),
    ),
    Scenario(
        "physical-refused",
        "platform.physical_booking",
        _PHYSICAL,
        "failed",
        ("book@opened", "check@answered"),
        refusals={"28.1.6": ("60103", "")},
    ),
    *_cancellable(
        "package", "29.1.3", "29.1.4", "booked", {"outOrderId": "O1", "outTradeNo": "ORDER1"}, order="outTradeNo"
    ),
    *_cancellable("admission", "36.1.2", "36.1.3", "admitted", {"patInHosId": "Z1"}, order="tradeNo"),
    Scenario(
        "laboratory",
        "platform.lab_booking",
        body("33.1.3", recordId="L1", lockTime=15),
        "taken_back",
        ("lock@opened", "book@pay_noticed", "cancel@booked"),
        acts=(
            Act("locked", "pay", _LABORATORY),
            Act("booked", "cancel", body("33.1.5", outOrderId="L2", outTradeNo="XMYY1")),
        ),
    ),
    Scenario(
        "laboratory-refused",
        "platform.lab_booking",
        _LABORATORY,
        "expired",
        ("book@pay_noticed", "check@pay_answered", "refund_query@unpaid"),
        acts=(Act("unpaid", "refund_query", refund_query("XMYY1")), Act("unpaid", "expire")),
        refusals={"33.1.4": ("60205", "号源已满")},
    ),
    # -- online
    Scenario(
        "online-order",
        "platform.internet_payment",
        _ONLINE,
        "finished",
        ("book@opened", "report@booked"),
        acts=(Act("booked", "report", {"served": {"charge_id": "Y001", "status": "1"}}), Act("booked", "finish")),
    ),
    Scenario(
        "online-order-refused",
        "platform.internet_payment",
        _ONLINE,
        "failed",
        ("book@opened", "check@answered"),
        refusals={"25.1.1": ("60104", "")},
    ),
    # -- without money
    Scenario("card", "platform.card", body("1.2.1"), "done", ("create@opened",)),
    Scenario("newborn", "platform.card", body("1.2.2"), "done", ("create_newborn@opened",)),
    Scenario("contact", "platform.card", body("1.2.3"), "done", ("add_contact@opened",)),
    Scenario("patient", "platform.card", body("1.2.4"), "done", ("correct_patient@opened",)),
    Scenario(
        "binding",
        "platform.card_binding",
        body("2.1.2", hospitalId="H1"),
        "unbound",
        ("bind@opened", "unbind@bound"),
        acts=(Act("bound", "unbind", body("2.1.4")),),
    ),
    Scenario(
        "binding-undone",
        "platform.card_binding",
        body("2.1.2", hospitalId="H1"),
        "bound",
        ("bind@opened", "-bind@opened"),
        back=True,
    ),
    Scenario("unbinding", "platform.card_binding", body("2.1.4"), "unbound", ("unbind@opened",)),
    _small("platform.triage", "15.1.2", doctorId="D1"),
    _small("platform.check_in", "42.1.2"),
    _small("platform.education", "23.1.3"),
    Scenario(
        "pass",
        "platform.companion_pass",
        _PASS,
        "deleted",
        ("add@opened", "change@valid", "delete@valid"),
        acts=(
            Act("valid", "change", body("37.1.2", idCard=CARD, caregiversId="C1", phone="13900000000")),
            Act("valid", "delete", body("37.1.4", caregiversId="C1")),
        ),
    ),
    Scenario(
        "pass-changed",
        "platform.companion_pass",
        body("37.1.2", idCard=CARD, caregiversId="C9"),
        "valid",
        ("change@opened",),
    ),
    Scenario(
        "pass-deleted", "platform.companion_pass", body("37.1.4", caregiversId="C9"), "deleted", ("delete@opened",)
    ),
)
