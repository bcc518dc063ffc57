"""Faults on demand: which request, what goes wrong. Never part of the real protocol; set through the control port.

What a broken answer looks like, and what a request is about, is the peer's business: see ``Exchange``.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from simulators.common.http import Response

KINDS = (
    "lose_reply",  # applied, then the connection dies
    "lose_request",  # the connection dies, nothing applied
    "late_reply",  # applied, answered after `delay`
    "late_apply",  # the connection dies now, applied after `delay`: a late original
    "garbage",  # answered with bytes that mean nothing (applied unless `applied` is false)
    "truncate",  # half an answer
    "empty",  # an empty answer that looks like a success (applied unless `applied` is false)
    "http_500",
    "error",  # answered with `code` and `message` (applied if `applied`)
    "hang",  # never answered (applied if `applied`)
    "die",  # the process ends, `when` before or after applying
)


class BadFault(ValueError):
    """The fault that was asked for is not one."""


@dataclass
class Fault:
    """One fault, for the requests that match."""

    fault: str
    about: Mapping[str, str] = field(default_factory=dict)  #: what the request must be about
    times: int = 1  #: -1: for ever
    skip: int = 0
    delay: float = 1.0
    code: int | None = None  #: None: the peer's usual one
    message: str = "模拟错误"
    applied: bool | None = None
    when: str = "after"

    @classmethod
    def parse(cls, raw: Any, about: Callable[[str, str], tuple[str, str]]) -> Fault:
        """Read what the control port got. ``about`` reads a member that says which requests. Raises BadFault."""
        if not isinstance(raw, dict):
            raise BadFault("expected an object")
        own = {each.name for each in fields(cls)} - {"about"}
        wanted = {name: value for name, value in raw.items() if name not in own and value is not None}
        try:
            fault = cls(
                about=dict(about(name, str(value)) for name, value in wanted.items()),
                **{name: value for name, value in raw.items() if name in own},
            )
        except TypeError as error:
            raise BadFault(str(error)) from None
        fault.delay = float(fault.delay)
        if fault.fault not in KINDS:
            raise BadFault(f"fault must be one of {', '.join(KINDS)}")
        return fault

    def matches(self, exchange: Exchange) -> bool:
        """Tell whether a request is meant."""
        return all(exchange.about.get(name) == value for name, value in self.about.items())


@dataclass(frozen=True, eq=False)
class Exchange:
    """One request at one door: what it is about, and how it is answered rightly and wrongly."""

    about: Mapping[str, str | None]
    apply: Callable[[], Response]
    error: Callable[[Fault], Response]
    spoilt: Callable[[bytes], Response]  #: these bytes, as if all were well
    cut: Callable[[Response], Response]


@dataclass
class Faults:
    """The faults that are set, and those that have struck."""

    waiting: list[Fault] = field(default_factory=list)
    struck: list[str] = field(default_factory=list)
    late: dict[asyncio.Task[None], Exchange] = field(default_factory=dict)  #: still to be applied

    def take(self, exchange: Exchange) -> Fault | None:
        """Return the fault for this request, counting it off."""
        for fault in self.waiting:
            if not fault.matches(exchange):
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

    async def answer(self, exchange: Exchange) -> Response | None:
        """Answer a request, rightly or by the fault that waits for it; None cuts the connection."""
        fault = self.take(exchange)
        return exchange.apply() if fault is None else await self._strike(fault, exchange)

    async def _strike(self, fault: Fault, exchange: Exchange) -> Response | None:  # noqa: PLR0912 - one arm a fault
        apply = exchange.apply
        match fault.fault:
            case "lose_request":
                return None
            case "lose_reply":
                apply()
                return None
            case "late_reply":
                answer = apply()
                await asyncio.sleep(fault.delay)
                return answer
            case "late_apply":
                task = asyncio.create_task(self._later(fault.delay, apply))
                self.late[task] = exchange
                return None
            case "garbage" | "empty":
                if fault.applied is not False:
                    apply()
                return exchange.spoilt(b"" if fault.fault == "empty" else b"\x00\xff<html>\xe9\xb8")
            case "truncate":
                return exchange.cut(apply())
            case "http_500":
                if fault.applied:
                    apply()
                return Response(b"Internal Server Error", status=500, content_type="text/plain")
            case "error":
                if fault.applied:
                    apply()
                return exchange.error(fault)
            case "hang":
                if fault.applied:
                    apply()
                await asyncio.Event().wait()
            case "die":
                if fault.when == "after":
                    apply()
                os._exit(70)
        raise AssertionError(fault.fault)

    async def _later(self, delay: float, apply: Callable[[], Response]) -> None:
        await asyncio.sleep(delay)
        task = asyncio.current_task()
        assert task is not None
        del self.late[task]  # from now on it is not late, it is here
        apply()
