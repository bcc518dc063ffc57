"""What the library of ``library.c`` forwards to: hand-written answers, or the simulated centre."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from adapters.jiangsu.dll import JiangsuDll
from engine.adapter import Call
from engine.environment import SECOND, Micros
from engine.outcomes import Outcome
from simulators.common.http import Request, Response, Server
from tests.adapters.gateway import GOOD, MESSAGE_ID, PERSON

AMOUNTS = '"medfee_sumamt": 135.00, "hifp_pay": 108.00, "psn_cash_pay": 27.00'
#: transaction → output of a good reply, as JSON text
OUTPUTS = {
    "9001": '{"sign_no": "20241201001"}',
    "1101": f'{{"psn_no": "{PERSON}", "psn_name": "赵测甲", "emp_name": "虚构机械厂", "age": 44}}',
    "2204": '[{"rxno": "RX1", "feedetl_sn": "1", "umamt": 120.00, "ownpay_amt": 0.00}]',
    "2206": f'{{"ipt_otp_no": "MZ0001", "mdtrt_id": "0000", {AMOUNTS}}}',
    "2207": f'{{"ipt_otp_no": "MZ0001", "mdtrt_id": "INV1", {AMOUNTS}}}',
    "6101": f'{{"ipt_otp_no": "MZ0001", "mdtrt_id": "INV1", {AMOUNTS}, "msgid": "{MESSAGE_ID}"}}',
    "1320": f"{{{AMOUNTS}}}",
    "1321": f'{{"ipt_otp_no": "MZ0001", "medrcdno": "INV1", {AMOUNTS}}}',
    "1800": '{"centre_time": "20241201103000"}',
    "3101": '{"appeal_no": "A1"}',
    "9103": '{"settlements": [], "pageCount": 1}',
    "9104": '{"lines": [], "pageCount": 1}',
    "9105": '{"visits": []}',
    "9106": '{"deductions": [], "pageCount": 1}',
}

Given = bytes | tuple[int, bytes] | Callable[[dict[str, Any]], bytes]


def success(output: str = "null", **more: str) -> bytes:
    return reply("0", output=output, **more)


def refusal(text: str) -> bytes:
    return reply("-1", err_msg=json.dumps(text, ensure_ascii=False))


def reply(infcode: str, output: str = "null", err_msg: str = '""') -> bytes:
    return f'{{"infcode": "{infcode}", "err_msg": {err_msg}, "output": {output}}}'.encode("gbk")


@dataclass
class Peer:
    """Answers ``POST /dll/<function>``; ``answers`` by transaction replace the good ones, a list one by one."""

    answers: dict[str, Given | list[Given]] = field(default_factory=dict)
    raw: list[bytes] = field(default_factory=list)
    initialised: int = 0
    delay: float = 0.0
    in_flight: int = 0
    most: int = 0
    processes: set[str] = field(default_factory=set)

    async def handle(self, request: Request) -> Response:
        if request.path.endswith("INIT"):
            self.initialised += 1
            return _response((0, b""))
        self.raw.append(request.body)
        self.processes.add(request.headers["x-process"])
        self.in_flight += 1
        self.most = max(self.most, self.in_flight)
        await asyncio.sleep(self.delay)
        self.in_flight -= 1
        if not request.body.startswith(b"{"):
            number = request.body.decode("gbk").split("^")[0]
            return self._given(number, {}, success())
        body = json.loads(request.body.decode("gbk"))
        number = body["infno"]
        return self._given(number, body, success(OUTPUTS.get(number, "null")))

    def _given(self, number: str, body: dict[str, Any], good: bytes) -> Response:
        given = self.answers.get(number, good)
        if isinstance(given, list):
            given = given.pop(0) if given else good
        return _response(given(body) if callable(given) else given)

    @property
    def asked(self) -> list[dict[str, Any]]:
        return [json.loads(each.decode("gbk")) for each in self.raw]

    @property
    def sent(self) -> list[str]:
        """Transactions that arrived, in order."""
        return [each["infno"] for each in self.asked]


def _response(given: bytes | tuple[int, bytes]) -> Response:
    value, out = given if isinstance(given, tuple) else (0, given)
    return Response(out, headers=(("X-Return", str(value)),))


@dataclass
class Desk:
    """The real adapter with a compiled library, the peer behind it, and a file of faults."""

    adapter: JiangsuDll
    peer: Peer
    faults: Path
    server: Server

    def fault(self, *lines: str) -> None:
        self.faults.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")

    async def call(
        self,
        operation: str,
        request: dict[str, Any] | None = None,
        *,
        timeout: Micros = 10 * SECOND,
        guard: Callable[[], bool] = lambda: True,
        message_id: str = MESSAGE_ID,
    ) -> Outcome:
        sent = GOOD[operation][0] if request is None else request
        return await self.adapter.call(Call(operation, sent, message_id, timeout, guard))

    @property
    def starts(self) -> int:
        return self.adapter._supervisor.starts
