"""Peers of 003 behind a transport: what they answer is scripted, what they were asked is kept."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx

from adapters.hospital import HospitalPort, KeyedHospitalPort
from adapters.hospital.port import PortSettings
from adapters.platform import PlatformClient
from adapters.platform.calling import HOSPITAL_METHODS, PLATFORM_METHODS, Method
from adapters.platform.client import PlatformSettings
from adapters.platform.contracts import build_reply, dumps
from adapters.platform.contracts.model import Envelope
from adapters.platform.peer import ROWS
from engine.adapter import Call
from engine.environment import SECOND
from engine.outcomes import Outcome
from tests.adapters.platform import samples

Adapter = PlatformClient | HospitalPort
Answer = httpx.Response | Exception | Callable[[httpx.Request], httpx.Response]


def methods(adapter: Adapter) -> Mapping[str, Method]:
    return PLATFORM_METHODS if isinstance(adapter, PlatformClient) else HOSPITAL_METHODS


def request_of(method: Method, *, full: bool = True) -> dict[str, Any]:
    """What a step hands over: the contract's members; a list under ``rows``."""
    body = samples.request(method.interface, full=full)
    return {ROWS: body} if isinstance(body, list) else body


def reply_of(method: Method, *, full: bool = True) -> dict[str, Any]:
    """A reply that says yes. A ``done`` table means done."""
    contract = method.interface.reply(method.name)
    data = None if contract.data is None else samples.value(contract.data, full=full)
    if contract.data is not None and contract.data.table == "done":
        data = "1"
    return build_reply(method.interface, data, beside=samples.beside(contract, full=full), name=method.name)


def refusal_of(method: Method, code: str, message: str = "不行") -> dict[str, Any]:
    """A reply that says no, as this interface says it."""
    match method.interface.reply(method.name).envelope:
        case Envelope.STATUS:
            return {"success": False, "message": message, "status": -1}
        case Envelope.MESSAGE:
            return {"success": False, "message": message}
    return {"success": False, "msg": message, "code": code, "data": None}


def json(body: Any) -> httpx.Response:
    return httpx.Response(200, content=body if isinstance(body, bytes) else dumps(body).encode())


@dataclass
class Peer:
    """Answers every request with the same answer, or raises it."""

    answer: Answer
    settings: Mapping[str, Any] = field(default_factory=dict)
    adapter_class: type[Adapter] = PlatformClient
    asked: list[httpx.Request] = field(default_factory=list)

    def __post_init__(self) -> None:
        transport = httpx.MockTransport(self._answered)
        if self.adapter_class is PlatformClient:
            self.adapter: Adapter = PlatformClient(PlatformSettings(**self.settings), transport)
        else:
            port = KeyedHospitalPort if self.adapter_class is KeyedHospitalPort else HospitalPort
            self.adapter = port(PortSettings(**self.settings), transport)

    async def _answered(self, request: httpx.Request) -> httpx.Response:
        await asyncio.sleep(0)
        self.asked.append(request)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer(request) if callable(self.answer) else self.answer

    async def call(
        self,
        operation: str,
        request: Mapping[str, Any] | None = None,
        guard: Callable[[], bool] = lambda: True,
        timeout: int = 30 * SECOND,
    ) -> Outcome:
        method = methods(self.adapter)[operation]
        sent = request_of(method) if request is None else request
        try:
            return await self.adapter.call(Call(operation, sent, "M1", timeout, guard))
        finally:
            await self.adapter.close()
