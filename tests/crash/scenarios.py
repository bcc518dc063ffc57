"""One scenario for every flow: what is there before, what the HIS asks for and when, and the way back.

The table below is all that a new flow needs. ``walks`` names each call of a run in which nothing goes wrong, in order:
``settle@pre_settled`` is the step of that edge, ``-settle@pre_settled`` the step of its undo. What the compiled flows
can call and no scenario walks is found by ``test_every_call_of_every_flow_has_a_scenario``.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from engine.definitions import FlowDefinition, SettleKind
from engine.environment import HOUR, MINUTE, Micros
from engine.events import AnyEvent, Concluded, Role
from engine.machine import Bound, Edge, Flow, Method
from engine.outcomes import Effect
from engine.visit import Visit
from tests.jiangsu import line
from tests.shipped import catalogue
from tests.shipped import shipped as all_flows

Facts = dict[str, Any]
#: Sends one request to the centre's gateway, as another desk of the hospital would.
Ask = Callable[[Facts], Facts]


@dataclass(frozen=True)
class Act:
    """What the HIS asks for when the visit rests in ``state``."""

    state: str
    trigger: str
    data: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Desk:
    """Another desk of the hospital, and the centre's own people: what happens before the visit."""

    ask: Ask
    deduct: Callable[[Facts], Facts]

    def do(self, code: str, msgid: str, **parameters: Any) -> Facts:
        """Make one transaction, which must succeed."""
        body = {"action": "transaction", "transactionName": code, "messageId": msgid, "businessParams": parameters}
        answer = self.ask(body | parameters.pop("envelope", {}))
        assert answer["success"], answer
        data: Facts = answer.get("data") or {}
        return data


def nothing(_desk: Desk, _key: str) -> Facts:
    """Nothing has happened before."""
    return {}


def _bill(desk: Desk, key: str) -> Facts:
    """Settle an outpatient at the other desk; return bill and amounts."""
    number = f"B-{key}"
    mode = {"identifyMode": "2", "qrCodeInfo": f"CARD-{key}"}
    desk.ask({"action": "init"})
    desk.do("9001", f"P{key}1")
    person = desk.ask({"action": "transaction", "transactionName": "1101"} | mode)["data"]["psn_no"]
    visit = desk.do("2201", f"P{key}2", psn_no=person, ipt_otp_no=number, visit_type="1")["visit_no"]
    numbers = {"visit_no": visit, "ipt_otp_no": number}
    lines = [{name: value for name, value in line("1", "80.00", "1", "80.00").items() if name != "name"}]
    desk.do("2204", f"P{key}3", **numbers, feedetail=[each | {"pric": 80, "cnt": 1, "umamt": 80} for each in lines])
    trial = desk.do("2206", f"P{key}4", **numbers)["pre_settle_id"]
    amounts = desk.do("2207", f"P{key}5", **numbers, pre_settle_id=trial, mdtrt_id=f"F{key}")
    kept = {name: amounts[name] for name in ("total_amt", "fund_amt", "self_amt")}
    return {"bill_no": f"F{key}", "ipt_otp_no": number, **kept}


def bill(desk: Desk, key: str) -> Facts:
    """A bill was settled."""
    return {"bills": [_bill(desk, key)]}


def deduction(desk: Desk, key: str) -> Facts:
    """A bill was settled, and review took something off it."""
    number = _bill(desk, key)["ipt_otp_no"]
    return {"deduct_no": desk.deduct({"ipt_otp_no": number})["deduct_no"]}


def sign_in(desk: Desk, key: str) -> Facts:
    """Somebody has signed in."""
    desk.ask({"action": "init"})
    return {"sign_no": desk.do("9001", f"P{key}1")["sign_no"]}


# -- what a visit is opened with; nobody of this exists
_PLACE = {
    "diagnosis": "S62.600",
    "dept_code": "0301",
    "dept_name": "骨科",
    "doctor_code": "D0007",
    "doctor_name": "甘宁远",
    "tel": "025-0000",
    "adm_time": "20231115083000",
    "identify_mode": "2",
}
_RECORD = {"chief_complaint": "右手外伤", "treatment": "清创缝合"}
_STAY_RECORD = {"chief_complaint": "右手外伤", "treatment_course": "清创缝合", "dscg_condition": "好转"}
_LINES = [line("1", "80.0000", "1", "80.00"), line("2", "18.3333", "3", "55.00"), line("3", "7.5000", "2", "15.00")]
_MORE = [line("4", "20.0000", "2", "40.00"), line("5", "1.5000", "1", "1.50")]


def outpatient(key: str, _known: Facts) -> Facts:
    """An outpatient; lines and invoice come later."""
    return _PLACE | {"qr_code_info": f"CARD-{key}", "record": _RECORD}


def inpatient(key: str, _known: Facts) -> Facts:
    """A stay; lines come day by day."""
    return _PLACE | {"qr_code_info": f"CARD-{key}", "ipt_no": f"ZY{key}", "adm_bed": "12"}


def filing(key: str, _known: Facts) -> Facts:
    """A filing for whom the card shows."""
    days = {"start_day": "20231116", "end_day": "20231130", "apply_day": "20231115"}
    place = {"out_area": "990100", "out_hospital": "虚构康复医院", "reason": "本地无此专科"}
    return {"identify_mode": "2", "qr_code_info": f"CARD-{key}"} | days | place


def appeal(_key: str, known: Facts) -> Facts:
    """An appeal against the one deduction."""
    return {"begin": "20000101000000", "end": "20991231235959", "appeal_reason": "属于工伤范围", **known}


def day(key: str, known: Facts) -> Facts:
    """The day of the bill; without one a day of the past on which nothing was settled, another for each key."""
    number = "20231115" if known else f"19{zlib.crc32(key.encode()) % 90 + 10}0101"
    minute = "0000" if known else f"{zlib.crc32(key[::-1].encode()) % 3600 // 60:02d}{len(key) % 60:02d}"
    return {"begin": f"{number}00{minute}", "end": f"{number}235959", **known}


def other_day(key: str, _known: Facts) -> Facts:
    """A day with a bill that the centre does not know."""
    amounts = {"total_amt": "10.00", "fund_amt": "8.00", "self_amt": "2.00"}
    return day(key, {}) | {"bills": [{"bill_no": f"F{key}", "ipt_otp_no": f"X{key}", **amounts}]}


def session(_key: str, known: Facts) -> Facts:
    """A session of the operator; with a number when somebody has signed in already."""
    return {"operator": "001", **known}


@dataclass(frozen=True)
class Scenario:
    """One way through a flow, and back. It comes to rest in ``rests`` after the last act."""

    name: str
    flow: str
    opening: Callable[[str, Facts], Facts]
    rests: str
    walks: tuple[str, ...]
    acts: tuple[Act, ...] = ()
    before: Callable[[Desk, str], Facts] = nothing
    settings: Mapping[str, Any] = field(default_factory=dict)
    back: bool = True  #: taken back to the beginning when it rests
    stops: bool = False  #: stops at a disagreement, which a person has seen: the visit is resumed
    records: int = 0  #: medical records that the centre has in the end, which stay
    patience: Micros = 30 * MINUTE  #: how long HIS and people wait before they look again


_CHANGE = {"tel": "025-1111", "dept_name": "手外科"}
_CARD = ("check_sign_in@opened", "read_card@signed_in", "register@card_read")
_UNDONE = ("-settle@pre_settled", "-upload@uploading", "-register@card_read")
_BEFORE_THE_CLOCK = 5 * MINUTE  #: the timer compares clocks every 10 minutes
_TOTALS = ("check_sign_in@opened", "compare@signed_in")

SCENARIOS = (
    Scenario(
        name="outpatient",
        flow="jiangsu.outpatient",
        opening=outpatient,
        acts=(
            Act("registered", "change_registration", _CHANGE),
            Act("registered", "hand_over", {"fees": _LINES}),
            Act("pre_settled", "settle", {"invoice_no": "FP0001"}),
        ),
        settings={"batch_size": 2},
        rests="discharged",
        records=1,
        walks=(
            *_CARD,
            "change_registration@registered",
            *("upload@uploading", "upload@uploading"),
            *("pre_settle@charged", "settle@pre_settled", "fetch_receipt@settled", "upload_record@receipted"),
            *_UNDONE,
        ),
    ),
    Scenario(
        name="inpatient",
        flow="jiangsu.inpatient",
        opening=inpatient,
        acts=(
            Act("registered", "change_registration", _CHANGE),
            Act("registered", "hand_over", {"fees": _LINES}),  # goes up with the timer, in two batches
            Act("charged", "hand_over", {"fees": _MORE[:1]}),  # a third, with the timer
            Act("charged", "change_registration", {"adm_bed": "14"}),
            Act("charged", "hand_over", {"fees": _MORE[1:]}),
            Act(
                "charged",
                "leave",
                {"dscg_time": "20231120100000", "dscg_trt_rslt": "1", "dscg_diagnosis": "S62.600"},
            ),
            Act("pre_settled", "settle", {"invoice_no": "FP0002"}),
            Act("receipted", "upload_record", {"record": _STAY_RECORD}),
        ),
        settings={"batch_size": 2, "record": "required"},
        patience=2 * HOUR,  # the timer uploads every hour
        rests="discharged",
        records=1,
        walks=(
            *_CARD,
            "change_registration@registered",
            *("upload_batch@uploading", "upload_batch@uploading", "upload_batch@uploading"),
            "change_registration@charged",
            "upload_batch@uploading",
            *("pre_settle@charged", "settle@pre_settled", "fetch_receipt@settled", "upload_record@receipted"),
            *("-settle@pre_settled", "-upload_batch@uploading", "-register@card_read"),
        ),
    ),
    Scenario(
        name="filing",
        flow="jiangsu.special_filing",
        opening=filing,
        rests="filed",
        back=False,
        walks=("read_card@opened", "file@known"),
    ),
    Scenario(
        name="appeal",
        flow="jiangsu.appeal",
        opening=appeal,
        before=deduction,
        rests="appealed",
        back=False,
        walks=("list_deductions@opened", "appeal@listed"),
    ),
    Scenario(
        name="appeal-looked-again",
        flow="jiangsu.appeal",
        opening=lambda key, known: {name: appeal(key, known)[name] for name in ("begin", "end")},
        before=deduction,
        acts=(Act("listed", "list_again"),),
        rests="listed",
        walks=("list_deductions@opened", "list_again@listed"),
    ),
    Scenario(
        name="day-that-agrees",
        flow="jiangsu.reconcile",
        opening=day,
        before=bill,
        rests="confirmed",
        walks=(*_TOTALS, "confirm@compared", "-confirm@compared"),
    ),
    Scenario(
        name="day-that-differs",
        flow="jiangsu.reconcile",
        opening=other_day,
        acts=(Act("different", "confirm"),),
        stops=True,
        rests="confirmed",
        walks=(
            *_TOTALS,
            *("compare_bill@compared", "name_differences@compared", "confirm@different", "-confirm@different"),
        ),
    ),
    Scenario(
        name="session",
        flow="jiangsu.session",
        patience=_BEFORE_THE_CLOCK,
        opening=session,
        acts=(Act("signed_in", "check_clock"), Act("signed_in", "sign_out")),
        rests="signed_out",
        back=False,
        walks=("sign_in@opened", "check_clock@signed_in", "sign_out@signed_in"),
    ),
    Scenario(
        name="session-taken-back",
        flow="jiangsu.session",
        patience=_BEFORE_THE_CLOCK,
        opening=session,
        rests="signed_in",
        walks=("sign_in@opened", "-sign_in@opened"),
    ),
    Scenario(
        name="session-adopted-and-taken-back",
        flow="jiangsu.session",
        patience=_BEFORE_THE_CLOCK,
        opening=session,
        before=sign_in,
        rests="signed_in",
        walks=("-adopt@opened",),
    ),
)


# -- what the flows can call
@cache
def shipped() -> dict[str, FlowDefinition]:
    """Return the shipped flows by name."""
    return {each.flow: each for each in all_flows()}


@cache
def compiled(flow: str) -> Flow:
    """Return a shipped flow, compiled."""
    return Flow(shipped()[flow], catalogue())


@dataclass(frozen=True)
class Step:
    """One call that a flow can make: the step of an edge or of its undo."""

    flow: str
    walk: str  #: as in ``Scenario.walks``
    bound: Bound
    methods: tuple[Method, ...]

    @property
    def operation(self) -> str:
        return self.bound.operation.name

    @property
    def writes(self) -> bool:
        return self.bound.operation.effect is not Effect.READ

    @property
    def aids(self) -> tuple[str, ...]:
        """The operations that settle a doubt about it."""
        named = [each.operation.name for each in self.methods if each.operation is not None]
        repeated = [self.operation for each in self.methods if each.kind is SettleKind.REPEAT]
        return (*named, *repeated)


@cache
def steps(flow: str) -> dict[str, Step]:
    """Return every call that a flow can make, by its name."""
    return {step.walk: step for edge in compiled(flow).all_edges() for step in _steps(flow, edge)}


def _steps(flow: str, edge: Edge) -> Iterator[Step]:
    if edge.bound is not None:
        yield Step(flow, f"{edge.trigger}@{edge.source}", edge.bound, edge.methods)
    if edge.back.bound is not None:
        yield Step(flow, f"-{edge.trigger}@{edge.source}", edge.back.bound, edge.back.methods)


def walked(visit_id: str, events: Iterable[AnyEvent]) -> list[str]:
    """Return what a visit has walked, as ``Scenario.walks`` names it."""
    visit, found = Visit(visit_id), []
    for event in events:
        if isinstance(event, Concluded) and event.operation:
            undone = event.role is Role.UNDO
            made = visit.trail[-1] if undone else event
            found.append(f"{'-' if undone else ''}{made.trigger}@{made.source}")
        visit.apply(event)
    return found


@dataclass(frozen=True)
class Place:
    """The ``number``-th call of an operation in a scenario: where something goes wrong."""

    scenario: Scenario
    step: Step
    number: int

    def __str__(self) -> str:
        return f"{self.scenario.name}-{self.step.walk}{self.number if self.number > 1 else ''}"


def places(scenarios: Iterable[Scenario] = SCENARIOS) -> Iterator[Place]:
    """Return each call of each scenario, a repeated one twice at most, and no edge in two scenarios."""
    seen: set[tuple[str, str]] = set()
    for scenario in scenarios:
        known = steps(scenario.flow)
        calls = [(walk, known[walk]) for walk in scenario.walks if walk in known]
        here: dict[str, int] = {}
        for index, (walk, step) in enumerate(calls):
            here[walk] = here.get(walk, 0) + 1
            if (scenario.flow, walk) not in seen and here[walk] <= 2:
                yield Place(scenario, step, 1 + sum(each.operation == step.operation for _, each in calls[:index]))
        seen |= {(scenario.flow, walk) for walk, _ in calls}
