"""Calls of the hospital, as the front-end machine makes them, and what can go wrong with each on the way."""

from __future__ import annotations

import asyncio
import json
import os
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from simulators.common.chances import Chances
from simulators.common.faults import BadFault
from simulators.common.numbers import read_json, write_json
from simulators.platform.client import Client, NoAnswer
from simulators.platform.data import CALLS
from simulators.platform.platform import Platform
from simulators.wechat.codes import DONE, WORKING

KINDS = (
    "lose_request",  # never sent
    "lose_reply",  # sent, and we hang up
    "late_request",  # we give up; it is sent after `delay`: a late original
    "twice",  # sent twice at once; the first answer counts
    "again",  # sent once more after the answer, which counts
    "delay",  # sent after `delay`
    "die",  # the platform dies, `when` before or after sending
)
#: Interfaces whose `data` says 1 done or 0 not, beside success.
_FLAGGED = ("5.1.3", "5.1.4")


@dataclass
class Trouble:
    """One fault of outgoing calls."""

    fault: str
    interface: str = ""
    trade: str = ""  #: a number that must stand in the request
    times: int = 1  #: -1: for ever
    skip: int = 0
    delay: float = 1.0
    when: str = "after"

    @classmethod
    def parse(cls, raw: Any) -> Trouble:
        """Read what the control port got. Raises BadFault."""
        if not isinstance(raw, dict) or raw.get("fault") not in KINDS:
            raise BadFault(f"fault must be one of {', '.join(KINDS)}")
        if unknown := set(raw) - {each.name for each in fields(cls)}:
            raise BadFault(f"no such member: {', '.join(sorted(unknown))}")
        trouble = cls(**raw)
        trouble.delay = float(trouble.delay)
        return trouble


@dataclass(frozen=True)
class Told:
    """What the hospital said: yes, no, working (40004) or nothing that can be understood."""

    verdict: str
    code: str = ""
    data: Any = None
    body: Mapping[str, Any] = field(default_factory=dict)

    @property
    def fields(self) -> dict[str, Any]:
        """Return `data` if it is an object."""
        return dict(self.data) if isinstance(self.data, dict) else {}


_NOTHING = Told("nothing")


class Hospital:
    """The hospital side as the platform sees it. ``url`` holds {name}, {short} or {number}."""

    def __init__(self, platform: Platform, url: str, names: Mapping[str, str] | None = None) -> None:
        """``names``: methods other than the document's, by number."""
        self._platform, self._client = platform, Client()
        self.url = url if "{" in url else url.rstrip("/") + "/{name}"
        self._names = dict(CALLS) | dict(names or {})
        self.waiting: list[Trouble] = []
        self.struck: list[str] = []
        self.chances = Chances()  #: of what strikes a notice
        self.asked: Counter[tuple[str, str]] = Counter()  #: interface and verdict
        self._late: set[asyncio.Task[None]] = set()

    async def call(self, number: str, sent: Mapping[str, Any], *, write: bool = False) -> Told:
        """Call once. ``write``: one that chance may strike."""
        body = write_json(dict(sent)).encode()
        trouble = self._take(number, body, write)
        told = await self._troubled(trouble, number, body) if trouble else await self._post(number, body)
        self.asked[number, told.verdict] += 1
        return told

    async def ask(self, number: str, sent: Mapping[str, Any]) -> Told:
        """Query, up to three times."""
        told = _NOTHING
        for _ in range(3):
            told = await self.call(number, sent)
            if told.verdict in ("yes", "no"):
                break
            await self._platform.clock.sleep(float(self._platform.switches.notice_every))
        return told

    def close(self) -> None:
        """Give connections back."""
        self._client.close()

    def address(self, number: str) -> str:
        """Return where an interface is."""
        name = self._names[number]
        short = name.removeprefix("hospital.interface.").removeprefix("hospital.inerface.")
        return self.url.replace("{name}", name).replace("{short}", short).replace("{number}", number)

    # -- faults
    def _take(self, number: str, body: bytes, write: bool) -> Trouble | None:
        for trouble in self.waiting:
            if trouble.interface not in ("", number) or (trouble.trade and trouble.trade.encode() not in body):
                continue
            if trouble.skip > 0:
                trouble.skip -= 1
                continue
            trouble.times -= trouble.times > 0
            if trouble.times == 0:
                self.waiting.remove(trouble)
            return trouble
        kind = self.chances.draw() if write else None
        return None if kind is None else Trouble(kind, delay=0.05)

    async def _troubled(self, trouble: Trouble, number: str, body: bytes) -> Told:
        self.struck.append(trouble.fault)
        match trouble.fault:
            case "lose_request":
                return _NOTHING
            case "lose_reply":
                return await self._post(number, body, read=False)
            case "late_request":
                task = asyncio.create_task(self._later(trouble.delay, number, body))
                self._late.add(task)
                task.add_done_callback(self._late.discard)
                return _NOTHING
            case "twice":
                first, _ = await asyncio.gather(self._post(number, body), self._post(number, body))
                return first
            case "again":
                first = await self._post(number, body)
                await self._post(number, body)
                return first
            case "delay":
                await asyncio.sleep(trouble.delay)
                return await self._post(number, body)
            case "die":
                if trouble.when == "after":
                    await self._post(number, body, read=False)
                os._exit(70)
        raise AssertionError(trouble.fault)

    async def _later(self, delay: float, number: str, body: bytes) -> None:
        await asyncio.sleep(delay)
        await self._post(number, body)

    # -- the wire
    async def _post(self, number: str, body: bytes, *, read: bool = True) -> Told:
        limit = float(self._platform.switches.limit)
        try:
            status, answer = await self._client.post(self.address(number), body, limit, read=read)
        except NoAnswer:
            return _NOTHING
        return _understood(number, status, answer)


def _understood(number: str, status: int, answer: bytes) -> Told:
    """Read an answer: both success and code count."""
    try:
        body = read_json(answer)
    except (ValueError, RecursionError):
        return _NOTHING
    if status >= 400 or not isinstance(body, dict) or "success" not in body:
        return _NOTHING
    success, code, data = body["success"] in (True, "true"), str(body.get("code", "")), body.get("data")
    if success and code == DONE and not (number in _FLAGGED and str(data) != "1"):
        return Told("yes", code, data, body)
    return Told("working" if code == WORKING else "no", code, data, body)


def dumped(value: Any) -> Any:
    """Return an answer as the book can hold it."""
    return json.loads(json.dumps(value, default=str))
