"""A platform without a network: what it serves, and a hospital that answers what a test says."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from simulators.common.book import Book
from simulators.platform.clock import Clock
from simulators.platform.door import Door, chance_faults
from simulators.platform.outgoing import Hospital, Told
from simulators.platform.platform import Platform
from simulators.platform.plays import PLAYS
from simulators.platform.plays.stage import Stage
from simulators.platform.records import Order
from simulators.platform.serving import BY_PATH
from simulators.platform.settling import Settling
from simulators.wechat.members import ZERO

NOW = 1795129200.0  # 2026-11-20 07:00:00 in Shanghai
PATHS = {each.number: each for each in BY_PATH.values()} | {"9.1.1": BY_PATH["prefront/hospitalizationCosts/hisRefund"]}


class Sleepless(Clock):
    """Nobody waits: whoever sleeps moves the clock."""

    def __init__(self) -> None:
        super().__init__(lambda: NOW)

    async def sleep(self, seconds: float) -> None:
        self.arrange("jump", seconds)


class Scripted(Hospital):
    """Answers in turn what a test has written down for an interface; the last answer stays."""

    def __init__(self, platform: Platform) -> None:
        super().__init__(platform, "http://hospital.invalid")
        self.script: dict[str, list[Told]] = {}
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.watch: Callable[[str], None] = lambda _number: None

    async def call(self, number: str, sent: Any, *, write: bool = False) -> Told:
        self.calls.append((number, dict(sent)))
        self.watch(number)
        script = self.script.get(number, [Told("yes", "10001", {})])
        return script.pop(0) if len(script) > 1 else script[0]

    def count(self, number: str) -> int:
        return sum(each == number for each, _ in self.calls)


def yes(data: Any = None) -> Told:
    return Told("yes", "10001", {} if data is None else data, {"success": True})


def no(code: str) -> Told:
    return Told("no", code)


NOTHING, WORKING = Told("nothing"), Told("working", "40004")
REFUNDABLE, NOT_REFUNDABLE = yes("refundable"), yes("nonrefundable")


class Desk:
    """One platform."""

    def __init__(self, folder: Path | None = None, **switches: Any) -> None:
        self.platform = Platform(12, None if folder is None else Book(folder), Sleepless())
        if switches:
            self.platform.note("switches", switches)
        self.faults = chance_faults()
        self.door = Door(self.platform, self.faults)
        self.hospital = Scripted(self.platform)
        self.settling = Settling(self.platform, self.hospital)
        self.stage = Stage(self.platform, self.hospital, self.settling)

    def ask(self, number: str, sent: Any = None, **members: Any) -> Any:
        body = json.dumps(members if sent is None else sent).encode()
        return json.loads(self.door.exchange(PATHS[number], body).apply().body)

    def code(self, number: str, **members: Any) -> str:
        return str(self.ask(number, **members)["code"])

    def order(
        self, trade: str = "ZJZF-1", amount: str = "100.00", business: str = "ZJZF", number: str = "3.1.2"
    ) -> Order:
        """Let patient 1 pay something; the hospital has booked it."""
        order = self.settling.pay(business, 1, ZERO + _money(amount), number, {"outTradeNo": trade}, trade)
        order.fate = "booked"
        self.platform.save(order)
        return order

    def refund(self, number: str = "TK1", amount: str = "40.00", trade: str = "ZJZF-1", **more: Any) -> Any:
        who = {"medicalCardNumber": self.platform.card(1)}
        return self.ask("13.2.1", **who | {"outTradeNo": trade, "refundNo": number, "amount": amount} | more)

    async def play(self, business: str, patient: int = 1, **options: Any) -> dict[str, Any]:
        return await PLAYS[business](self.stage, patient, options)


def _money(text: str) -> Any:
    from decimal import Decimal

    return Decimal(text)
