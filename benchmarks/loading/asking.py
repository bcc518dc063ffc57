"""Asking the service for transitions, at a rate or as fast as it answers; one plain connection for each who asks.

Nobody obeys Retry-After here: that is what a service has to bear. Each request names itself (``by``), so that what was
accepted can be looked for in the journals.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from benchmarks.loading.shapes import FLOW, TRIGGERS

#: Seconds that an answer may take before it counts as none.
_PATIENCE = 30.0
#: Who is behind by so many seconds leaves requests out instead of making up for them.
_BEHIND = 0.25


@dataclass(slots=True)
class Asker:
    """One connection with visits of its own."""

    number: int
    key: str
    visits: list[str] = field(default_factory=list)
    turns: list[int] = field(default_factory=list)  #: of each visit: which trigger comes next
    at: int = 0
    sent: int = 0


@dataclass(slots=True)
class Asked:
    """What came of a time of asking."""

    seconds: float
    wanted: float = 0.0  #: requests a second; 0: as fast as answers came
    began: float = 0.0  #: monotonic
    ended: float = 0.0
    offered: int = 0
    left_out: int = 0  #: the asker itself was behind
    statuses: Counter[str] = field(default_factory=Counter)
    without_retry_after: int = 0  #: of 429 and 503
    accepted: list[tuple[str, str]] = field(default_factory=list)  #: visit, name of the request
    waits: list[float] = field(default_factory=list)  #: seconds from trigger to durable answer

    @property
    def rate(self) -> float:
        """Return how many were accepted a second."""
        return len(self.accepted) / max(self.ended - self.began, 1e-9)

    def wait(self, share: float) -> float:
        """Return the wait, milliseconds, that ``share`` of the accepted did not exceed."""
        ordered = sorted(self.waits)
        return 1000 * ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0


class _Connection:
    """HTTP/1.1, kept alive; made anew when it breaks."""

    def __init__(self, host: str, port: int, key: str) -> None:
        self._host, self._port = host, port
        who = f"Authorization: Bearer {key}\r\n" if key else ""
        self._head = f"Host: {host}\r\n{who}Content-Type: application/json\r\n"
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def post(self, path: str, body: object) -> tuple[int, dict[str, str], bytes]:
        """Return status, headers and content; status 0 where there was no answer."""
        content = json.dumps(body).encode()
        head = f"POST {path} HTTP/1.1\r\n{self._head}Content-Length: {len(content)}\r\n\r\n"
        try:
            async with asyncio.timeout(_PATIENCE):
                if self._streams is None:
                    self._streams = await asyncio.open_connection(self._host, self._port)
                reader, writer = self._streams
                writer.write(head.encode() + content)
                raw = await reader.readuntil(b"\r\n\r\n")
                lines = raw.decode("latin-1").split("\r\n")
                headers = {
                    name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])
                }
                answer = await reader.readexactly(int(headers.get("content-length", "0")))
                return int(lines[0].split(" ")[1]), headers, answer
        except (OSError, TimeoutError, asyncio.IncompleteReadError, ValueError):
            self.close()
            return 0, {}, b""

    def close(self) -> None:
        """Close."""
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None


async def open_visits(host: str, port: int, askers: Sequence[Asker], each: int, run: str) -> None:
    """Open ``each`` visits for every asker. Raises RuntimeError where that is refused."""

    async def opening(asker: Asker) -> None:
        connection = _Connection(host, port, asker.key)
        for number in range(each):
            body = {"flow": FLOW, "key": f"{run}-{asker.number}-{number}", "data": {}}
            for _ in range(100):
                status, headers, answer = await connection.post("/api/v1/visits", body)
                if status in (200, 201):
                    break
                await asyncio.sleep(float(headers.get("retry-after", "1")))
            else:
                raise RuntimeError(f"no visit was opened: {status} {answer[:200]!r}")
            asker.visits.append(json.loads(answer)["visit"])
            asker.turns.append(0)
        connection.close()

    gate = asyncio.Semaphore(24)

    async def one(asker: Asker) -> None:
        async with gate:
            await opening(asker)

    await asyncio.gather(*map(one, askers))


async def ask(host: str, port: int, askers: Sequence[Asker], seconds: float, rate: float = 0.0) -> Asked:
    """Ask for ``seconds``, at ``rate`` a second over all askers or, with 0, each as soon as it is answered."""
    asked = Asked(seconds, rate)
    asked.began = time.monotonic()
    end = asked.began + seconds
    every = len(askers) / rate if rate else 0.0

    async def asking(asker: Asker) -> None:
        connection = _Connection(host, port, asker.key)
        due = asked.began + every * asker.number / len(askers)
        while (now := time.monotonic()) < end:
            if rate:
                if due > now:
                    await asyncio.sleep(min(due, end) - now)
                    if due >= end:
                        break
                elif (behind := int((now - due - _BEHIND) / every) if now - due > _BEHIND else 0) > 0:
                    asked.left_out += behind
                    due += behind * every
                due += every
            await _one(asked, asker, connection)
        connection.close()

    await asyncio.gather(*map(asking, askers))
    asked.ended = max(end, time.monotonic())
    return asked


async def _one(asked: Asked, asker: Asker, connection: _Connection) -> None:
    place = asker.at = (asker.at + 1) % len(asker.visits)
    visit, turn = asker.visits[place], asker.turns[place]
    asker.sent += 1
    name = f"n{asker.number}x{asker.sent}"
    asked.offered += 1
    began = time.monotonic()
    body = {"trigger": TRIGGERS[turn], "data": {}, "by": name}
    status, headers, _ = await connection.post(f"/api/v1/visits/{visit}/trigger", body)
    asked.statuses[str(status)] += 1
    if status in (200, 202):
        asked.waits.append(time.monotonic() - began)
        asked.accepted.append((visit, name))
        asker.turns[place] = 1 - turn
    elif status in (429, 503) and not headers.get("retry-after", "").isdecimal():
        asked.without_retry_after += 1
    elif status == 0 and len(asker.visits) > 1:  # nobody knows: the visit is left alone
        del asker.visits[place], asker.turns[place]
        asker.at = 0
