"""The smallest hospital side that keeps the promises of 003 before a HIS that does not: what the real endpoint must do.

One answer for one key for ever, 40004 meanwhile, a number closed before `refundable` is said, and refunds that are
asked for again under their number until the platform gives a clear answer.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import httpx

from simulators.common.http import Request, Response, Server
from simulators.common.numbers import read_json, write_json

#: Keys of the notices that move money.
KEYS = {
    "clinicPayment": ("outTradeNo",),
    "paySuccess": ("outTradeNo",),
    "paymentOfDeposit": ("outTradeNo",),
    "todayRegisterToRegister": ("payId",),
    "todayRegisterCancleRegister": ("todayRegisterId",),
    "cardRefund": ("refundNo",),
}


class Bridge:
    """Stands between the platform and the HIS."""

    def __init__(self, his: str, careful: bool = True) -> None:
        """Not ``careful``: everything is passed on as it comes."""
        self._his, self._careful = his, careful
        self._client = httpx.AsyncClient(timeout=60, trust_env=False)
        self._answers: dict[str, asyncio.Future[bytes]] = {}
        self._closed: set[str] = set()
        self.unknown: set[str] = set()  #: keys whose first call got no answer: nobody knows

    async def handle(self, request: Request) -> Response:
        name = request.path.rpartition(".")[2]
        sent = read_json(request.body)
        if not self._careful:
            return Response(await self._pass_on(request))
        if name == "refundQuery":
            return Response(self._refundable(str(sent["outTradeNo"])))
        if name == "getRefundStatus":
            return Response(self._state(str(sent["refundNo"])))
        if name not in KEYS:
            return Response(await self._pass_on(request))
        key = f"{name} {sent[KEYS[name][0]]}"
        if key.partition(" ")[2] in self._closed:
            return Response(_said("60102"))
        if key in self._answers:
            found = self._answers[key]
            return Response(found.result() if found.done() else _said("40004"))
        self._answers[key] = asyncio.get_running_loop().create_future()
        try:
            answer = await self._pass_on(request)
        except httpx.HTTPError:  # it stays under way for ever: a person has to look
            self.unknown.add(key)
            return Response(_said("40004"))
        self._answers[key].set_result(answer)
        return Response(answer)

    def _refundable(self, trade: str) -> bytes:
        for key, found in self._answers.items():
            if key.endswith(f" {trade}") and not (found.done() and b'"success": false' in found.result()):
                return _said("10001", "nonrefundable")
        self._closed.add(trade)
        return _said("10001", "refundable")

    def _state(self, number: str) -> bytes:
        found = self._answers.get(f"cardRefund {number}")
        if found is None:
            return _said("10001", {"outRefundId": number, "status": "3"})
        done = found.done() and b'"success": true' in found.result()
        return _said("10001", {"outRefundId": number, "status": "1" if done else "2"})

    async def _pass_on(self, request: Request) -> bytes:
        return (await self._client.post(self._his + request.path, content=request.body)).content

    async def close(self) -> None:
        await self._client.aclose()


def _said(code: str, data: Any = None) -> bytes:
    return write_json({"success": code == "10001", "msg": "", "code": code, "data": data}).encode()


async def refund(platform: str, **sent: str) -> dict[str, Any]:
    """Ask the platform for a refund under its number until it is clear: 10002 and silence are not."""
    async with httpx.AsyncClient(timeout=2, trust_env=False) as client:
        for _ in range(10):
            with contextlib.suppress(httpx.HTTPError, ValueError):
                answer = await client.post(f"{platform}//prefront/hospitalizationCosts/hisRefund", json=sent)
                body: dict[str, Any] = answer.json()
                if str(body["code"]) != "10002":
                    return body
    raise AssertionError("no clear answer")


@contextlib.asynccontextmanager
async def bridge(his: str, careful: bool = True) -> AsyncIterator[tuple[str, Bridge]]:
    """Serve one; gives its address."""
    found = Bridge(his, careful)
    server = Server(found.handle)
    port = await server.start("127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{port}", found
    finally:
        await server.stop()
        await found.close()
