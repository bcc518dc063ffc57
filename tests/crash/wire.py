"""A simulated peer in this process, behind a real adapter, and everything that can go wrong between.

The centre of Jiangsu stands behind two adapters: the gateway's gets a transport in place of the network, the library's
a host in place of the process; both hand the very bytes to the simulator's doors. Time is the test's, so a late message
arrives when the clock says so.
"""

from __future__ import annotations

import asyncio
import datetime
import itertools
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, ClassVar, cast

import httpx

from adapters.jiangsu.dll import JiangsuDll
from adapters.jiangsu.dll.process import Answer, Host
from adapters.jiangsu.gateway import GatewaySettings, JiangsuGateway
from adapters.jiangsu.transactions import TRANSACTIONS
from engine.adapter import Adapter
from engine.environment import SECOND, Micros
from engine.faultpoints import Crash, FaultPoint
from simulators.common.faults import Exchange, Fault
from simulators.common.http import Request, Response
from simulators.common.numbers import read_json, write_json
from simulators.jiangsu.centre import SHANGHAI
from simulators.jiangsu.control import ledger_view
from simulators.jiangsu.doors import DLL, GATEWAY, doors
from simulators.jiangsu.gateway import Gateway
from tests.crash.scenarios import Desk, Scenario
from tests.toy import ToyEnvironment

ADAPTERS = ("jiangsu_gateway", "jiangsu_dll")

#: When a late original arrives: between the two looks, and when both have seen nothing. Less than ``late_look``.
BETWEEN_LOOKS, AFTER_LOOKS = 15 * SECOND, 40 * SECOND


class Mishap(StrEnum):
    """What becomes of one call."""

    CRASH = "crash"  #: the process dies, at a point of its own
    CRASH_UNHEARD = "crash_unheard"  #: it dies after sending, and what it sent gets lost
    CRASH_OVERTAKEN = "crash_overtaken"  #: ... and what it sent arrives 15 s later
    LOST_REQUEST = "lost_request"
    LOST_REPLY = "lost_reply"
    LATE_REPLY = "late_reply"  #: applied; the answer comes when nobody waits any longer
    LATE_ORIGINAL = "late_original"  #: no answer; applied 15 s later
    VERY_LATE_ORIGINAL = "very_late_original"  #: no answer; applied 40 s later
    GARBAGE = "garbage"
    GARBAGE_UNAPPLIED = "garbage_unapplied"
    EMPTY = "empty"
    HALF = "half"
    UNKNOWN_CODE = "unknown_code"  #: a code that may come from before or after sending (J16, J46)
    UNKNOWN_CODE_UNAPPLIED = "unknown_code_unapplied"


CRASHES = (Mishap.CRASH, Mishap.CRASH_UNHEARD, Mishap.CRASH_OVERTAKEN)
ANSWERS = tuple(each for each in Mishap if each not in CRASHES)


class Broken(Exception):
    """The connection, or the host, is gone without an answer."""


class TooLate(Exception):
    """No answer in time."""


@dataclass
class Trap:
    """Springs once: at the ``number``-th call of an operation, by a mishap; a crash at its ``point``."""

    operation: str
    number: int = 1
    mishap: Mishap = Mishap.CRASH
    point: FaultPoint = FaultPoint.AFTER_SEND
    after: Trap | None = None  #: armed only when this one has sprung
    sprung: bool = False
    passed: Counter[FaultPoint] = field(default_factory=Counter)
    armed: bool = False

    def hook(self, point: FaultPoint, operation: str) -> None:
        """Stand in for the engine's empty hook."""
        if self.after is not None:
            self.after.hook(point, operation)
            if not self.after.sprung or not (self.passed or point is FaultPoint.BEFORE_INTENT):
                return  # the call that the other one struck is still going on
        if self.sprung or operation != self.operation:
            return
        self.passed[point] += 1  # one call is made durable while the next has begun: each point counts for itself
        if self.passed[point] != self.number:
            return
        on_the_wire = self.mishap is not Mishap.CRASH or self.point is FaultPoint.AFTER_SEND
        if on_the_wire:
            self.armed = point is FaultPoint.AFTER_INTENT
        elif point is self.point:
            self.sprung = True
            raise Crash

    def strikes(self, exchange: Exchange) -> Mishap | None:
        """Tell what happens to this message; counts it off."""
        if self.after is not None and (mishap := self.after.strikes(exchange)) is not None:
            return mishap
        if not self.armed or not self.meant(exchange):
            return None
        self.armed, self.sprung = False, True
        return self.mishap

    def meant(self, exchange: Exchange) -> bool:
        """Tell whether a message is of the operation."""
        return TRANSACTIONS[self.operation].number in exchange.about.values()


@dataclass
class Wire:
    """The way to a peer, and what can happen on it; time is the test's."""

    environment: ToyEnvironment
    trap: Trap | None = None
    late: list[tuple[Micros, Callable[[], Any]]] = field(default_factory=list)
    _arriving: Micros = 0
    between_looks: ClassVar[Micros] = BETWEEN_LOOKS
    after_looks: ClassVar[Micros] = AFTER_LOOKS

    def before(self, _scenario: Scenario, _key: str) -> dict[str, Any]:
        """Let happen what happens before the visit; return what is known then."""
        return {}

    def books(self) -> dict[str, Any]:
        """Return what the peer's control port would show."""
        raise NotImplementedError

    def adapter(self, name: str) -> Adapter:
        """Return an adapter as a process that has just started has it."""
        raise NotImplementedError

    @property
    def now(self) -> Micros:
        """Return the peer's time: while something late arrives, when it was due."""
        return self._arriving or self.environment.time

    def arrivals(self) -> None:
        """Let what is due by now arrive."""
        due = [(at, apply) for at, apply in self.late if at <= self.environment.time]
        self.late = [(at, apply) for at, apply in self.late if at > self.environment.time]
        for at, apply in due:
            self._arriving = at
            apply()
        self._arriving = 0

    def carry(self, exchange: Exchange) -> Response:
        """Bring one message there and its answer back. Raises Broken, TooLate, Crash."""
        self.arrivals()
        mishap = None if self.trap is None else self.trap.strikes(exchange)
        return exchange.apply() if mishap is None else self._strike(mishap, exchange)

    def _strike(self, mishap: Mishap, exchange: Exchange) -> Response:
        apply, now = exchange.apply, self.environment.time
        match mishap:
            case Mishap.CRASH:
                apply()
                raise Crash
            case Mishap.CRASH_UNHEARD:
                raise Crash
            case Mishap.CRASH_OVERTAKEN:
                self.late.append((now + self.between_looks, apply))
                raise Crash
            case Mishap.LOST_REQUEST:
                raise Broken
            case Mishap.LOST_REPLY:
                apply()
                raise Broken
            case Mishap.LATE_REPLY:
                apply()
                raise TooLate
            case Mishap.LATE_ORIGINAL:
                self.late.append((now + self.between_looks, apply))
                raise TooLate
            case Mishap.VERY_LATE_ORIGINAL:
                self.late.append((now + self.after_looks, apply))
                raise TooLate
            case Mishap.GARBAGE:
                apply()
                return exchange.spoilt(b"\x81<html>\xe9\xb8")
            case Mishap.GARBAGE_UNAPPLIED:
                return exchange.spoilt(b"\x81<html>\xe9\xb8")
            case Mishap.EMPTY:
                apply()
                return exchange.spoilt(b"")
            case Mishap.HALF:
                return exchange.cut(apply())
            case Mishap.UNKNOWN_CODE:
                apply()
                return exchange.error(_UNKNOWN)
            case Mishap.UNKNOWN_CODE_UNAPPLIED:
                return exchange.error(_UNKNOWN)
        raise AssertionError(mishap)


_UNKNOWN = Fault("error", code=2001, message="动态库调用失败")


@dataclass
class JiangsuWire(Wire):
    """The way to the centre of Jiangsu."""

    gateway: Gateway = field(default_factory=Gateway)
    processes: Any = field(default_factory=lambda: itertools.count(1))

    def __post_init__(self) -> None:
        self._doors = doors(self.gateway)
        self.gateway.centre.now = lambda: datetime.datetime.fromtimestamp(self.now / SECOND, SHANGHAI)

    def before(self, scenario: Scenario, key: str) -> dict[str, Any]:
        """Let another desk of the hospital, and the centre's people, do what they do before."""
        desk = Desk(
            lambda body: self.gateway.handle(read_json(write_json(body).encode())),
            lambda body: self.gateway.office.arrange("POST /deductions", body),
        )
        return scenario.before(desk, key)

    def books(self) -> dict[str, Any]:
        """Return what the centre's control port would show."""
        self.arrivals()
        return ledger_view(self.gateway.centre) | {"sign_nos": set(self.gateway.centre.ledger.sign_ins)}

    def send(self, path: str, body: bytes, headers: Mapping[str, str] | None = None) -> Response:
        """Bring one request there and its answer back. Raises Broken, TooLate, Crash."""
        return self.carry(self._doors[path].exchange(Request("POST", path, body, dict(headers or {}))))

    def adapter(self, name: str) -> Adapter:
        """Return one of the two adapters."""
        if name == JiangsuGateway.name:
            return JiangsuGateway(GatewaySettings(), httpx.MockTransport(self._post))
        return _Dll(self)

    async def _post(self, request: httpx.Request) -> httpx.Response:
        await asyncio.sleep(0)
        try:
            response = self.send(GATEWAY, request.content)
        except Broken:
            raise httpx.ReadError("reset", request=request) from None
        except TooLate:
            raise httpx.ReadTimeout("late", request=request) from None
        if response.promised not in (None, len(response.body)):
            raise httpx.RemoteProtocolError("cut", request=request)
        return httpx.Response(response.status, content=response.body)


class _Dll(JiangsuDll):
    """The library's adapter with a host that is no process of its own."""

    def __init__(self, wire: JiangsuWire) -> None:
        settings = {"library": "none", "fixmedins_code": "H32132200561", "first_pause": 0.0, "longest_pause": 0.0}
        made = JiangsuDll.from_settings(settings)
        super().__init__(made._settings)
        self._wire = wire

    async def _start(self) -> Host:
        return cast("Host", _Bridge(self._wire))


class _Bridge:
    """A host: one process that has loaded the library, and dies of a call that does not come back."""

    def __init__(self, wire: JiangsuWire) -> None:
        self._wire = wire
        self.pid = next(wire.processes)
        self.value, self.text, self.alive = 0, b"", True
        wire.send(f"{DLL}Si_INIT", b"", self._headers)

    @property
    def _headers(self) -> dict[str, str]:
        return {"x-process": str(self.pid)}

    async def call(self, request: bytes, _limit: Micros, guard: Callable[[], bool]) -> Answer:
        await asyncio.sleep(0)
        if not self.alive:
            return Answer("the host is gone", sent=False)
        if not guard():
            return Answer("lease lost", sent=False)
        try:
            response = self._wire.send(f"{DLL}Si_Busi", request, self._headers)
        except (Broken, TooLate) as error:
            self.alive = False
            return Answer(f"the DLL's host ended during the call ({type(error).__name__})")
        value = int(dict(response.headers)["X-Return"])
        return Answer(str(value), value, response.body.split(b"\0")[0])

    async def kill(self) -> None:
        self.alive = False

    async def close(self) -> None:
        self.alive = False
