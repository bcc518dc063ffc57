"""The peers of the platform's flows in this process: a HIS and a platform of few words, behind the real adapters.

A write is booked every time it arrives (nothing is deduplicated but the platform's refunds, by our number); queries are
told from what is booked. ``lose`` loses requests or replies, ``refusals`` are codes by interface.
"""

from __future__ import annotations

import asyncio
import datetime
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import httpx

from adapters.hospital.port import HospitalPort, PortSettings
from adapters.platform.calling import HOSPITAL_METHODS, PLATFORM_METHODS
from adapters.platform.client import PlatformClient, PlatformSettings
from adapters.platform.contracts import INTERFACES, build_refusal, build_reply, dumps, loads, validate_request
from engine.definitions import FlowDefinition
from engine.environment import SECOND
from engine.facts import normalise
from flows import load_site
from tests.adapters.platform.samples import members
from tests.jiangsu import ROOT
from tests.people import identity_number, name
from tests.shipped import catalogue
from tests.toy import ToyEnvironment

__all__ = ["catalogue"]

Facts = dict[str, Any]
SHANGHAI = datetime.timezone(datetime.timedelta(hours=8))
CARD, IDENTITY, PATIENT = "JZK000000000001", identity_number(1), name(1)
_NUMBERS = {(method.name or ""): number for number, method in HOSPITAL_METHODS.items()}
_PATHS = {(method.interface.path or "").strip("/"): number for number, method in PLATFORM_METHODS.items()}
#: 9.1.1 and 13.2.1 share a path, and the platform treats them alike.
_PATHS["prefront/hospitalizationCosts/hisRefund"] = "13.2.1"
#: Flows that only the endpoint knows; they are tested with it.
OF_THE_ENDPOINT = ("platform.reference", "platform.push")
#: Where the payment's number and amount stand in a request that books one.
PAID = {
    "3.1.2": ("outTradeNo", "amount"),
    "6.2.5": ("blTradeNo", "amount"),
    "28.1.6": ("tradeNo", "acPrice"),
    "7.1.2": ("outTradeNo", "payAmount"),
    "10.1.2": ("outTradeNo", "amount"),
    "5.1.4": ("outTradeNo", "amount"),
    "20.1.7": ("payId", "registrationFee"),
    "21.2.4": ("payId", "arAmt"),
    "25.1.1": ("tradeNo", "total"),
    "25.1.7": ("tradeNo", "consultFee"),
    "27.1.2": ("tradeNo", "totalAmount"),
    "29.1.3": ("outTradeNo", "payAmount"),
    "33.1.4": ("outTradeNo", "total"),
    "36.1.2": ("tradeNo", "payAmount"),
}


@cache
def definitions() -> Mapping[str, FlowDefinition]:
    """The platform's flows by name: those that hand on what one of the two sides asks for."""
    site = load_site(ROOT / "docs/examples/platform.yaml").definitions
    return {each.flow: each for each in site if each.flow not in OF_THE_ENDPOINT}


class No(Exception):
    """A peer refuses."""

    def __init__(self, code: str, msg: str = "拒绝") -> None:
        self.code, self.msg = code, msg


@dataclass(frozen=True)
class Deed:
    """One write that a peer has booked."""

    number: str
    body: Facts
    id: int


#: Gets the interface, whether it writes, and what books and answers it; may answer in its stead or raise.
Interference = Callable[[str, bool, Callable[[], httpx.Response]], httpx.Response]


@dataclass
class Peer:
    """What both peers have in common."""

    environment: ToyEnvironment = field(default_factory=ToyEnvironment)
    refusals: dict[str, tuple[str, str]] = field(default_factory=dict)
    lost_requests: dict[str, int] = field(default_factory=dict)  #: how many requests of an interface get lost
    lost_replies: dict[str, int] = field(default_factory=dict)
    unreached: dict[str, int] = field(default_factory=dict)  #: how many never leave
    made: list[Deed] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    bodies: list[Facts] = field(default_factory=list)
    interfere: Interference | None = None

    def transport(self) -> httpx.MockTransport:
        """Return the wire to this peer."""
        return httpx.MockTransport(self._call)

    async def _call(self, request: httpx.Request) -> httpx.Response:
        raise NotImplementedError

    def times(self, number: str) -> int:
        return self.asked.count(number)

    def last(self, number: str) -> Facts:
        return [body for each, body in zip(self.asked, self.bodies, strict=True) if each == number][-1]

    def of(self, *numbers: str) -> list[Deed]:
        return [deed for deed in self.made if deed.number in numbers]

    @property
    def now(self) -> str:
        moment = datetime.datetime.fromtimestamp(self.environment.time / SECOND, SHANGHAI)
        return moment.strftime("%Y-%m-%d %H:%M:%S")

    async def respond(self, number: str, request: httpx.Request) -> httpx.Response:
        await asyncio.sleep(0)
        interface = INTERFACES[number]
        read = validate_request(interface, loads(request.content))
        body: Facts = {"rows": read} if isinstance(read, list) else read  # type: ignore[assignment]
        assert isinstance(body, dict), body
        self.asked.append(number)
        self.bodies.append(body)
        writes = interface.kind.value != "query"
        if self._counts(self.unreached, number):
            raise httpx.ConnectError("unreached", request=request)

        def apply() -> httpx.Response:
            return httpx.Response(200, content=self._answer(number, dict(body)))

        if self._counts(self.lost_requests, number):
            raise httpx.ReadError("lost", request=request)
        answer = apply() if self.interfere is None else self.interfere(number, writes, apply)
        if self._counts(self.lost_replies, number):
            raise httpx.ReadError("lost", request=request)
        return answer

    def _counts(self, left: dict[str, int], number: str) -> bool:
        if left.get(number, 0) <= 0:
            return False
        left[number] -= 1
        return True

    def _answer(self, number: str, body: Facts) -> bytes:
        interface = INTERFACES[number]
        try:
            if number in self.refusals:
                raise No(*self.refusals[number])
            data, beside = self.serve(number, body)
        except No as no:
            if interface.reply().envelope.value == "message":
                return dumps({"success": False, "message": no.msg}).encode()
            return dumps(build_refusal(interface, no.code, no.msg)).encode()
        return dumps(build_reply(interface, data, beside=beside)).encode()

    def book(self, number: str, body: Facts) -> int:
        self.made.append(Deed(number, body, len(self.made) + 1))
        return len(self.made)

    def serve(self, number: str, body: Facts) -> tuple[Any, Facts]:
        raise NotImplementedError


@dataclass
class His(Peer):
    """The HIS behind us. What it has booked is in ``made``; what was cancelled stays there, beside its cancellation."""

    surcharge: str = "0.00"
    begun: bool = False  #: the health examination
    insurer: str = "80.00"  #: what the insurer pays of an order of 100.00
    given_back: list[Facts] = field(default_factory=list)  #: rows of 14.2.1 that the desk has made
    at_the_window: Callable[[], int] = lambda: 0  #: how many orders the window has taken back (5.2.1)

    def adapter(self) -> HospitalPort:
        return HospitalPort(PortSettings(), self.transport())

    async def _call(self, request: httpx.Request) -> httpx.Response:
        return await self.respond(_NUMBERS[request.url.path.strip("/")], request)

    def serve(self, number: str, body: Facts) -> tuple[Any, Facts]:
        if INTERFACES[number].kind.value == "query":
            return getattr(self, f"_q{number.replace('.', '_')}")(body), {}
        deed = self.book(number, body)
        data, beside = answer_of(number, deed, body)
        return (data | {"medAmount": self.insurer} if number == "5.1.2" else data), beside

    def payments(self, order: str) -> list[Facts]:
        """What is booked under a payment's number."""
        found = [(deed, *PAID[deed.number]) for deed in self.made if deed.number in PAID]
        return [
            {
                "tradeNo": order,
                "amount": deed.body[amount],
                "tradeTime": self.now,
                "payType": deed.body.get("payType", "WeChatPay"),
                "body": "虚构",
                "complete": True,
            }
            for deed, key, amount in found
            if deed.body.get(key) == order
        ]

    def _q14_2_2(self, body: Facts) -> Any:
        return self.payments(body["tradeNo"])

    def _q14_2_1(self, body: Facts) -> Any:
        orders = [str(deed.body[PAID[deed.number][0]]) for deed in self.made if deed.number in PAID]
        taken_back = self.of("20.1.8", "21.2.3", "29.1.4", "33.1.5", "36.1.3")
        rows = [row | {"refundNo": ""} for order in dict.fromkeys(orders) for row in self.payments(order)]
        rows += self.given_back
        for deed in taken_back:
            (paid, *_) = self.payments(orders[-1])
            rows.append(paid | {"refundNo": f"R{deed.id}", "amount": "-" + str(paid["amount"])})
        return [row | {"name": PATIENT, "hisCardCode": CARD} for row in rows]

    def _q8_1_3(self, body: Facts) -> Any:
        found = [deed for deed in self.of("8.1.2") if deed.body["refundNo"] == body["refundNo"]]
        return {"outRefundId": f"T{found[0].id}" if found else "", "status": "1" if found else "3"}

    def _q5_1_5(self, _body: Facts) -> Any:
        orders = self.of("5.1.1")
        if not orders or self.of("5.1.4") or len(self.of("5.1.3")) + self.at_the_window() >= len(orders):
            raise No("10002", "没有未完成订单")
        state = {"tradeState": "1" if self.of("5.1.2") else "0", "detailIds": orders[-1].body["detailIds"]}
        return (
            ORDER | {"medAmount": self.insurer, "tradeCreateTime": self.now, "hisTradeId": f"D{orders[-1].id}"} | state
        )

    def _q24_1_5(self, _body: Facts) -> Any:
        rows: list[Facts] = []
        for deed in self.of("24.1.4", "24.1.6", "24.1.7", "24.1.8"):
            body = deed.body
            if deed.number in ("24.1.6", "24.1.7"):
                rows = [row | {"status": "1"} if row["regId"] == body["regId"] else row for row in rows]
            if deed.number == "24.1.8":
                rows += [self._slot(f"L{n}", "7", line) for n, line in enumerate(body["orderList"])]
            elif deed.number != "24.1.6":
                rows.append(self._slot(f"G{deed.id}", "0", body))
        return rows

    def _slot(self, number: str, status: str, body: Facts) -> Facts:
        names = ("orderId", "orderName", "roomId", "selectedDate", "planTimeName")
        made = {name: body.get(name, "2026-11-21" if name == "selectedDate" else "甲") for name in names}
        more = {"statusDes": "状态", "roomName": "超声室", "planTimeId": "T1"}
        return {"regId": number, "status": status} | more | made

    def _q28_1_5(self, _body: Facts) -> Any:
        return "1" if len(self.of("28.1.6")) > len(self.of("28.1.7")) else "0"

    def _q28_1_8(self, _body: Facts) -> Any:
        return "1" if self.begun else "0"

    def _q21_2_5(self, _body: Facts) -> Any:
        return {"surcharge": self.surcharge}

    def _q33_1_2(self, _body: Facts) -> Any:
        return []

    def _q2_1_1(self, body: Facts) -> Any:
        if not self.of("1.2.1", "1.2.2"):
            raise No("20215", "卡号信息不存在")
        data = INTERFACES["2.1.1"].reply().data
        assert data is not None
        return members(data, full=False) | {"medicalCardNumber": body["medicalCardNumber"]}

    def _q15_1_3(self, _body: Facts) -> Any:
        if not self.of("15.1.2"):
            raise No("10002", "没有排队")
        return {"queueNumber": "7", "currentOrderNumber": 2, "roomName": "一诊室"}

    def _q42_1_1(self, _body: Facts) -> Any:
        data = INTERFACES["42.1.1"].reply().data
        assert data is not None
        state = {"triageState": "1" if self.of("42.1.2") else "0"}
        about = {name: body("42.1.2")["requests"]["42.1.2"][name] for name in ("deptId", "doctorId")}
        return [members(data, full=False) | state | about]

    def _q23_1_2(self, body: Facts) -> Any:
        data = INTERFACES["23.1.2"].reply().data
        assert data is not None
        return members(data, full=False) | {
            "id": body["id"],
            "signStatus": "signed" if self.of("23.1.3") else "notSign",
        }

    def _q37_1_1(self, _body: Facts) -> Any:
        passes = self.of("37.1.3")
        if not passes or len(self.of("37.1.4")) >= len(passes):
            raise No("10002", "没有陪护证")
        data = INTERFACES["37.1.1"].reply().data
        assert data is not None
        made = members(data, full=False) | {"caregiversId": f"C{passes[-1].id}", "flagInvalid": "0"}
        changed = self.of("37.1.2")
        newest = changed[-1].body if changed else passes[-1].body
        return made | {name: newest[name] for name in ("phone", "termOfValidity", "relationShip")}


#: An insurance order: 100.00 in all, 80.00 by the insurer.
ORDER: Mapping[str, Any] = {
    "tradeAmount": "100.00",
    "preferentialAmount": "0.00",
    "medPayList": [{"payTypeName": "统筹", "payAmount": "80.00"}],
}


def answer_of(number: str, deed: int, body: Facts) -> tuple[Any, Facts]:
    """What the HIS answers a write with: a sample of its contract, with numbers made of the deed's."""
    reply = INTERFACES[number].reply()
    beside = {"refundNo": f"R{deed}"} if number == "21.2.3" else {}
    if reply.data is None or reply.data.type.value == "nothing":
        return None, beside
    if not reply.data.fields:
        return ("1" if reply.data.table else "成功"), beside
    told = members(reply.data, full=False)
    told |= {name: f"{letter}{deed}" for name, letter in _IDS.items() if name in told}
    if number in ("5.1.1", "5.1.2"):
        told |= {name: ORDER[name] for name in ORDER if name in told}
        told |= {"medAmount": "80.00"} if number == "5.1.2" else {"preMedAmount": "80.00"}
        told["hisTradeId"] = body.get("hisTradeId", f"D{deed}")
    if number == "10.1.2":
        told["amount"] = body["amount"]
    if number == "24.1.8":
        told["successDetailIdList"] = [line["orderId"] for line in body["orderList"]]
    return told, beside


_IDS = {
    "outPrepayId": "P",
    "outRefundId": "T",
    "hisRegistrationId": "H",
    "invoiceId": "I",
    "newInvoiceId": "N",
    "refundNo": "R",
    "refoundNo": "R",
    "regId": "G",
    "id": "E",
    "outOrderId": "O",
    "hosRecordId": "L",
    "patInHosId": "Z",
    "caregiversId": "C",
}


@dataclass
class Platform(Peer):
    """The platform: payments, and refunds that it keeps apart by our number."""

    payments: dict[str, str] = field(default_factory=dict)  #: order → amount

    def adapter(self) -> PlatformClient:
        return PlatformClient(PlatformSettings(), self.transport())

    async def _call(self, request: httpx.Request) -> httpx.Response:
        return await self.respond(_PATHS[request.url.path.strip("/")], request)

    def serve(self, number: str, body: Facts) -> tuple[Any, Facts]:
        match number:
            case "13.2.1":
                known = [deed for deed in self.of("13.2.1") if deed.body["refundNo"] == body["refundNo"]]
                deed = known[0].id if known else self.book(number, body)
                return {"refundNo": f"RE{deed}", "time": self.now}, {}
            case "14.1.2":
                return [self._refund(deed) for deed in self._refunds(body["hospitalRefundNo"])], {}
            case "9.1.2":
                if not self._refunds(body["refundNo"]):
                    return {"flag_success": "REFUND_FAILED"}, {}
                return {"flag_success": "REFUNDED"}, {}
            case "14.1.1":
                return self.transactions(body.get("tradeType")), {}
            case "14.1.3":
                order = body["outTradeNo"]
                if order not in self.payments:
                    raise No("10002", "无此订单")
                paid = {"outTradeNo": order, "payTime": self.now, "state": "SUCCESS", "transactionId": "W1"}
                return paid | {"amount": self.payments[order]}, {}
            case "20.2.2" | "21.1.7":
                if not self._refunds(body["refundNo"]):
                    self.book(number, body)
                return None, {}
            case _:  # state notices, and 5.2.1: the same again changes nothing
                if not any(deed.number == number and deed.body == body for deed in self.made):
                    self.book(number, body)
                return ("1" if number == "5.2.1" else None), {}

    def transactions(self, trade: str | None) -> list[Facts]:
        """What 14.1.1 lists: payments by order, refunds by the platform's number."""
        base = {"payTime": self.now, "stateDes": "成功", "transactionId": "W1", "payType": "WeChatPay"}
        if trade == "PAY":
            return [
                base | {"outTradeNo": order, "sourceOutTradeNo": order, "amount": amount}
                for order, amount in self.payments.items()
            ]
        return [
            base
            | {
                "outTradeNo": f"RE{deed.id}",
                "sourceOutTradeNo": deed.body["outTradeNo"],
                "refundOrderNo": deed.body["refundNo"],
                "amount": f"-{deed.body['amount']}",
            }
            for deed in self.of("13.2.1")
        ]

    def _refunds(self, number: str) -> list[Deed]:
        return [deed for deed in self.of("13.2.1", "20.2.2", "21.1.7") if deed.body["refundNo"] == number]

    def _refund(self, deed: Deed) -> Facts:
        order = deed.body.get("outTradeNo") or deed.body.get("payId") or deed.body.get("businessNo")
        return {
            "refundSuccess": True,
            "outTradeNo": f"RE{deed.id}",
            "sourceOutTradeNo": order,
            "refundOrderNo": deed.body["refundNo"],
            "payTime": self.now,
            "stateDes": "已退款",
            "amount": deed.body["amount"],
            "customName": PATIENT,
            "payerName": PATIENT,
            "transactionId": "W2",
            "orderLog": [],
        }

    def refunded(self, order: str) -> list[tuple[str, str]]:
        """Our numbers and the amounts that went back for an order."""
        found = [deed for deed in self.of("13.2.1", "20.2.2", "21.1.7") if order in deed.body.values()]
        return [(deed.body["refundNo"], str(deed.body["amount"])) for deed in found]


# -- requests as the platform sends them; nobody of this exists
def body(number: str, **more: Any) -> Facts:
    """A request of any interface with its required members, and what ``more`` says otherwise."""
    made = members(INTERFACES[number].request, full=False)
    card = {"medicalCardNumber": CARD} if "medicalCardNumber" in made else {}
    return {"requests": {number: normalise(made | card | more)}}


def clinic(order: str = "ZJZF1", **more: Any) -> Facts:
    """3.1.2."""
    made = {
        "medicalCardNumber": CARD,
        "outTradeNo": order,
        "amount": "120.00",
        "payTime": "2026-11-20 10:30:00",
        "payType": "WeChatPay",
        "balancePayment": "30.00",
        "detailId": ["CF1-1", "CF1-2"],
    }
    return {"requests": {"3.1.2": made | more}}


def refund_query(order: str = "ZJZF1", number: str = "13.1.1", **more: Any) -> Facts:
    """13.1.1."""
    return {"requests": {number: {"medicalCardNumber": CARD, "outTradeNo": order, **more}}}


def wish(amount: str, **more: Any) -> Facts:
    """A refund that the hospital wants."""
    return {"refund": {"amount": amount, **more}}
