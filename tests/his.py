"""The hospital's back end in this process: the real adapter, the simulator's rules and bytes, no network."""

from __future__ import annotations

import asyncio
import datetime
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import httpx

from adapters.his.adapter import HisBackend, HisSettings
from engine.definitions import FlowDefinition
from engine.environment import SECOND
from flows import load_site
from simulators.common.http import Request, Response
from simulators.his.back_end import SHANGHAI, BackEnd
from simulators.his.door import Door
from simulators.his.office import Office
from tests.jiangsu import ROOT
from tests.toy import ToyEnvironment

FLOW = "his.doctor_settlement"
ITEMS = ({"name": "骨折固定带", "price": "80.00", "count": "1"}, {"name": "止痛片", "price": "18.3333", "count": "3"})
#: What ITEMS come to: total, fund (80 %), personal part.
TOTAL, FUND, PERSONAL = "135.00", "108.00", "27.00"

Facts = dict[str, Any]
#: Gets a request and what answers it rightly; may replace the answer, or raise what a network raises.
Interference = Callable[[Request, Callable[[], Response]], Response | None]


@cache
def doctor_settlement() -> FlowDefinition:
    """The shipped flow, as the shipped flows.yaml loads it."""
    return next(each for each in load_site(ROOT / "flows.yaml").definitions if each.flow == FLOW)


def opening(reg_no: str, **more: Any) -> Facts:
    """What a visit is opened with."""
    return {"his": {"reg_no": reg_no, "card_no": f"C{reg_no}", **more}}


def payment(number: str = "PAY1", money: str = PERSONAL, **more: Any) -> Facts:
    """What the trigger ``paid`` brings; the account is nobody's."""
    made = {
        "pay_way": "WeChatPay",
        "pay_no": "nobody@invented",
        "serial_number": number,
        "pay_date": "2026-11-20",
        "pay_time": "10:31:00",
        "money": money,
    }
    return {"his": {"payment": made | more}}


@dataclass
class Hospital:
    """A back end behind a transport; its clock is the test's."""

    environment: ToyEnvironment = field(default_factory=ToyEnvironment)
    office: Office = field(default_factory=lambda: Office(BackEnd()))
    interfere: Interference | None = None
    asked: list[str] = field(default_factory=list)  #: interfaces, in order
    exchanges: list[Request] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.door = Door(self.office)
        self.back_end.now = lambda: datetime.datetime.fromtimestamp(self.environment.time / SECOND, SHANGHAI)

    @property
    def back_end(self) -> BackEnd:
        return self.office.back_end

    def adapter(self, **settings: Any) -> HisBackend:
        """An adapter as a process that has just started has it."""
        return HisBackend(HisSettings(password_variable="", **settings), httpx.MockTransport(self.answer))

    def arrange(self, what: str, body: Mapping[str, Any]) -> Facts:
        return self.office.arrange(what, dict(body))

    def bill(self, reg_no: str, **more: Any) -> str:
        """Register a patient and have a doctor order something; return the bill's number."""
        if reg_no not in self.back_end.ledger.registrations:
            self.arrange("POST /registrations", {"RegNo": reg_no})
        return str(self.arrange("POST /bills", {"RegNo": reg_no, "items": list(ITEMS)} | more)["BILLID"])

    async def answer(self, request: httpx.Request) -> httpx.Response:
        await asyncio.sleep(0)
        sent = Request("POST", request.url.path, request.content, dict(request.headers))
        self.asked.append(request.url.path.rpartition("/")[2])
        self.exchanges.append(sent)
        response = self._response(sent)
        if response.promised not in (None, len(response.body)):
            raise httpx.RemoteProtocolError("cut", request=request)
        return httpx.Response(response.status, content=response.body)

    def _response(self, sent: Request) -> Response:
        exchange = self.door.exchange(sent)
        replaced = None if self.interfere is None else self.interfere(sent, exchange.apply)
        return exchange.apply() if replaced is None else replaced

    def settlements(self, reg_no: str) -> list[Facts]:
        """What the books say of a registration."""
        return [each for each in self.back_end.ledger.view()["settlements"] if each["RegNo"] == reg_no]


def agree(data: Mapping[str, Any], settlements: list[Facts]) -> None:
    """Assert that the HIS's books say what a visit's data says: settled once, or not at all."""
    settled = data["his"].get("settlement")
    assert len(settlements) == (settled is not None)
    if settled is None:
        return
    (theirs,) = settlements
    assert [settled[name] for name in ("total", "fund", "personal")] == [
        str(theirs[name]) for name in ("SumFund", "SBZFJE", "GRZFJE3")
    ]
    assert theirs["SerialNumber"] == data["his"]["payment"]["serial_number"]
    if settled["receipt"] != "missing":
        assert settled["check_out_no"] == theirs["CheckOutNo"]


def read_out(settlement: Facts) -> Facts:
    """What the HIS's people read out of their books, as a person hands it over."""
    names = {
        "check_out_no": "CheckOutNo",
        "ser_no": "SerNo",
        "total": "SumFund",
        "fund": "SBZFJE",
        "personal": "GRZFJE3",
    }
    return {"his": {"settlement": {ours: str(settlement[theirs]) for ours, theirs in names.items()}}}
