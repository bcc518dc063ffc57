"""A back end of interface 004 made of hand-written replies, behind httpx.MockTransport."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import httpx
import jwt

from adapters.his.adapter import HisBackend, HisSettings
from engine.adapter import Call
from engine.environment import SECOND, Micros
from tests.people import identity_number

PASSWORD = "not-a-secret-of-anybody"
VARIABLE = "VISITFLOW_TEST_HIS_PASSWORD"
CARD = identity_number(3)
BILL = {
    "SumFund": "135.00",
    "SBZFJE": "108.00",
    "GRZFJE3": "27.00",
    "SERIAL_NO": "JY1",
    "BILLID": "B1",
    "BILLSTATUS": "0",
    "FeeDetail": [
        {
            "FeeCat": [
                {
                    "Recipe": "CF1",
                    "FeeCatName": "西药费",
                    "items": [
                        {
                            "SumPrice": "135.00",
                            "PerItem": [{"PerItemName": "止痛片", "PerPrice": "55.00", "Price": "18.3333"}],
                        }
                    ],
                }
            ]
        }
    ],
}
RECEIPT = {
    "SumFund": "135.00",
    "SBZFJE": "108.00",
    "GRZFJE3": "27.00",
    "CheckOutNo": "JS1",
    "SerNo": "FP1",
    "Detail": [{"Item": [{"PhaWin": "3号窗口", "Queue": "12", "ItemDetail": [{"PerItemName": "止痛片"}]}]}],
}
SETTLE = {
    "CardNo": CARD,
    "RegSerNo": "R1",
    "PayWay": "WeChatPay",
    "PayNo": "nobody@invented",
    "SerialNumber": "PAY1",
    "Paydate": "2026-11-20",
    "Paytime": "10:31:00",
    "SERIAL_NO": "JY1",
    "Money": "27.00",
    "BILLID": "B1",
}
#: operation → (what a step sends, the response of a good reply)
GOOD: dict[str, tuple[dict[str, Any], Any]] = {
    "unsettled_bill": ({"RegNo": "R1"}, BILL),
    "settle_bill": (SETTLE, RECEIPT),
}

Answer = bytes | str | Exception | httpx.Response


def envelope(status: Any, success: Any, message: str = "", response: Any = None) -> str:
    return json.dumps(
        {"status": status, "isSuccess": success, "msg": message, "msgDev": "stack trace", "response": response},
        ensure_ascii=False,
    )


def success(response: Any) -> str:
    return envelope(0, True, "调用成功", response)


def failure(status: Any, message: str = "失败") -> str:
    return envelope(status, False, message)


def token(number: int = 1, **claims: Any) -> str:
    return jwt.encode({"jti": number, **claims}, "a key of at least thirty-two bytes, here")


class FakeHis:
    """Gives tokens; ``answers`` are given, in order, to whatever else is asked (the last one for ever)."""

    def __init__(self, *answers: Answer, log_in: Answer | None = None, life: int = 7200, **settings: Any) -> None:
        self.answers = list(answers)
        self.log_in = log_in
        self.life = life
        self.requests: list[httpx.Request] = []
        self.logged_in = 0
        self.void: set[str] = set()  #: headers with tokens that have expired
        known = {"password_variable": VARIABLE, **settings}
        self.adapter = HisBackend(HisSettings(**known), httpx.MockTransport(self._answer))

    @property
    def calls(self) -> list[httpx.Request]:
        """What was asked beside logging in."""
        return [each for each in self.requests if not each.url.path.endswith("/Token")]

    def body(self, index: int = -1) -> Any:
        return json.loads(self.calls[index].content)

    async def _answer(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        if request.url.path.endswith("/Token"):
            self.logged_in += 1
            if self.log_in is not None:
                return given(self.log_in)
            now = int(time.time())
            return given(success(token(self.logged_in, iat=now, exp=now + self.life)))
        if request.headers["authorization"] in self.void:
            return given(failure(3, "时间过期"))
        return given(self.answers.pop(0) if len(self.answers) > 1 else self.answers[0])

    async def call(
        self,
        operation: str,
        request: dict[str, Any] | None = None,
        *,
        timeout: Micros = 5 * SECOND,
        guard: Callable[[], bool] = lambda: True,
    ) -> Any:
        sent = GOOD[operation][0] if request is None else request
        return await self.adapter.call(Call(operation, sent, "HIS20261120103100000001", timeout, guard))


def given(answer: Answer) -> httpx.Response:
    if isinstance(answer, Exception):
        raise answer
    if isinstance(answer, httpx.Response):
        return answer
    return httpx.Response(200, content=answer if isinstance(answer, bytes) else answer.encode())
