"""Faults on demand: which request, what goes wrong. Never part of the real protocol; set through the control port."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from simulators.jiangsu.gateway import DEVICE
from simulators.jiangsu.http import Response
from simulators.jiangsu.numbers import write_json
from simulators.jiangsu.transactions import NAMES

KINDS = (
    "lose_reply",  # applied, then the connection dies
    "lose_request",  # the connection dies, nothing applied
    "late_reply",  # applied, answered after `delay`
    "late_apply",  # the connection dies now, applied after `delay`: a late original
    "garbage",  # answered with bytes that are not JSON (applied unless `applied` is false)
    "truncate",  # half an answer
    "http_500",
    "error",  # answered with `code` (applied only if `applied`)
    "hang",  # never answered (applied if `applied`)
    "die",  # the process ends, `when` before or after applying
)


class BadFault(ValueError):
    """The fault that was asked for is not one."""


@dataclass
class Fault:
    """One fault, for the requests that match."""

    fault: str
    action: str | None = None
    transaction: str | None = None  #: number of the transaction
    ipt_otp_no: str | None = None
    times: int = 1  #: -1: for ever
    skip: int = 0
    delay: float = 1.0
    code: int = 2001
    message: str = "模拟错误"
    applied: bool | None = None
    when: str = "after"

    @classmethod
    def parse(cls, raw: Any) -> Fault:
        """Read what the control port got. Raises BadFault."""
        if not isinstance(raw, dict):
            raise BadFault("expected an object")
        raw = dict(raw)
        if "transactionCode" in raw:
            raw["transaction"] = NAMES.get(str(raw.pop("transactionCode")))
            if raw["transaction"] is None:
                raise BadFault("transactionCode is unknown")
        try:
            fault = cls(**raw)
        except TypeError as error:
            raise BadFault(str(error)) from None
        fault.delay = float(fault.delay)
        if fault.fault not in KINDS:
            raise BadFault(f"fault must be one of {', '.join(KINDS)}")
        return fault

    def matches(self, body: dict[str, Any]) -> bool:
        """Tell whether a request is meant."""
        action = body.get("action")
        if self.action is not None and action != self.action:
            return False
        if self.transaction is not None:
            wanted_by_action = self.transaction == "2209" and action == "reverse"
            if not wanted_by_action and NAMES.get(str(body.get("transactionName"))) != self.transaction:
                return False
        parameters = body.get("businessParams")
        number = parameters.get("ipt_otp_no") if isinstance(parameters, dict) else None
        return self.ipt_otp_no is None or number == self.ipt_otp_no


Apply = Callable[[], dict[str, Any]]


@dataclass
class Faults:
    """The faults that are set, and those that have struck."""

    waiting: list[Fault] = field(default_factory=list)
    struck: list[str] = field(default_factory=list)
    late: set[asyncio.Task[None]] = field(default_factory=set)

    def take(self, body: Any) -> Fault | None:
        """Return the fault for this request, counting it off."""
        if not isinstance(body, dict):
            return None
        for fault in self.waiting:
            if not fault.matches(body):
                continue
            if fault.skip > 0:
                fault.skip -= 1
                continue
            if fault.times > 0:
                fault.times -= 1
            if fault.times == 0:
                self.waiting.remove(fault)
            self.struck.append(fault.fault)
            return fault
        return None

    async def strike(self, fault: Fault, apply: Apply) -> Response | None:  # noqa: PLR0912 - one arm a fault
        """Let ``fault`` happen; None cuts the connection."""
        match fault.fault:
            case "lose_request":
                return None
            case "lose_reply":
                apply()
                return None
            case "late_reply":
                answer = apply()
                await asyncio.sleep(fault.delay)
                return _json(answer)
            case "late_apply":
                task = asyncio.create_task(_later(fault.delay, apply))
                self.late.add(task)
                task.add_done_callback(self.late.discard)
                return None
            case "garbage":
                if fault.applied is not False:
                    apply()
                return Response(b"\x00\xff<html>\xe9\xb8", content_type="text/html")
            case "truncate":
                body = write_json(apply()).encode()
                return Response(body[: len(body) // 2], promised=len(body))
            case "http_500":
                if fault.applied:
                    apply()
                return Response(b"Internal Server Error", status=500, content_type="text/plain")
            case "error":
                if fault.applied:
                    apply()
                return _json({"success": False, "code": fault.code, "message": fault.message, "device": DEVICE})
            case "hang":
                if fault.applied:
                    apply()
                await asyncio.Event().wait()
            case "die":
                if fault.when == "after":
                    apply()
                os._exit(70)
        raise AssertionError(fault.fault)


async def _later(delay: float, apply: Apply) -> None:
    await asyncio.sleep(delay)
    apply()


def _json(answer: dict[str, Any]) -> Response:
    return Response(write_json(answer).encode())
