"""The outpatient flow against a simulated centre in this process: the real adapter, the real rules, no network."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx

from engine.definitions import FlowDefinition
from flows import load_site
from simulators.common.numbers import read_json, write_json
from simulators.jiangsu.gateway import Gateway

KEY = "MZ0001"
ROOT = Path(__file__).parent.parent


def outpatient() -> FlowDefinition:
    """The shipped flow, as the shipped flows.yaml loads it."""
    return next(each for each in load_site(ROOT / "flows.yaml").definitions if each.flow == "jiangsu.outpatient")


def opening(**changes: Any) -> dict[str, Any]:
    """What a HIS would hand over; the person exists nowhere."""
    data: dict[str, Any] = {
        "identify_mode": "2",
        "qr_code_info": "TEST-CREDENTIAL-1",
        "adm_time": "20231115083000",
        "diagnosis": "S62.600",
        "dept_code": "0301",
        "dept_name": "骨科门诊",
        "doctor_code": "D0007",
        "doctor_name": "甘宁远",
        "fee_lines": [
            line("1", "80.0000", "1", "80.00"),
            line("2", "18.3333", "3", "55.00"),
        ],
        "invoice_no": "FP0001",
    }
    return {name: value for name, value in (data | changes).items() if value is not None}


def line(number: str, price: str, count: str, amount: str) -> dict[str, Any]:
    return {
        "rxno": "RX1",
        "feedetl_sn": number,
        "list_type": "2",
        "med_list_codg": f"ITEM{number}",
        "name": f"项目{number}",
        "pric": price,
        "cnt": count,
        "umamt": amount,
        "fee_ocur_time": "20231115090000",
    }


Interference = Callable[[dict[str, Any], Callable[[], dict[str, Any]]], httpx.Response | None]


@dataclass
class Centre:
    """A simulated centre behind a transport; ``interfere`` may replace any answer."""

    gateway: Gateway = field(default_factory=Gateway)
    interfere: Interference | None = None

    async def answer(self, request: httpx.Request) -> httpx.Response:
        body = read_json(request.content)
        await asyncio.sleep(0)
        if self.interfere is not None:
            replaced = self.interfere(body, lambda: self.gateway.handle(body))
            if replaced is not None:
                return replaced
        return httpx.Response(200, content=write_json(self.gateway.handle(body)).encode())

    def applied(self) -> Counter[str]:
        """How often each transaction took effect."""
        messages = self.gateway.centre.ledger.messages
        return Counter(message.code for message in messages if message.result == "applied")


def agree(data: dict[str, Any], totals: dict[str, Any]) -> None:
    """Assert that the centre's ledger says what the visit's data says."""

    def ours(name: str) -> Decimal:
        return Decimal(data.get(name, "0.00"))

    assert totals.get("registrations", 0) == (1 if "visit_no" in data else 0)
    assert totals.get("line_total", 0) == ours("uploaded_total")
    assert totals.get("settlements", 0) == (1 if "settle_id" in data else 0)
    assert totals.get("settled_total", 0) == ours("total_amt")
    assert totals.get("fund", 0) == ours("fund_amt")
    assert totals.get("self", 0) == ours("self_amt")
