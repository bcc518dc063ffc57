"""HTTP to a peer: bytes out, bytes in, and when it broke.

httpx tells when in the exchange something failed: all that decides between "certainly not sent" and "in doubt".
"""

from __future__ import annotations

import asyncio
import socket
import struct
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx

from adapters.clocks import PeerClock
from engine.environment import SECOND, Micros

#: Nothing of the request can have reached the peer.
NOT_SENT = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.UnsupportedProtocol,
    httpx.InvalidURL,
)
#: Before each of the two writes that a request takes (httpcore's trace events).
_ABOUT_TO_WRITE = (".send_request_headers.started", ".send_request_body.started")
#: A connection that is given up is reset, also when the process is killed: the system throws away what has not left.
#: Otherwise it would go on delivering it for minutes, and a request would arrive that nobody waits for any more.
_RESET = (socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("hh" if sys.platform == "win32" else "ii", 1, 0))
#: No answer of these peers comes near it; what goes on beyond is not kept in memory.
LARGEST_ANSWER = 64 * 1024 * 1024


class LeaseLost(Exception):
    """The guard said no when the connection stood and the first byte was about to leave (G5)."""


class _TooLarge(Exception):
    """The answer goes on and on."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back. ``body`` is None when nothing did; ``sent`` tells whether the request may have arrived."""

    status: str
    body: bytes | None = None
    http_status: int | None = None
    sent: bool = True
    headers: Mapping[str, str] = field(default_factory=dict)  #: of the answer; names in any letter case


class Network:
    """One HTTP client for one peer. Trusts no proxy of the environment and follows no redirect."""

    def __init__(
        self,
        connect_timeout: float,
        transport: httpx.AsyncBaseTransport | None = None,
        largest: int = LARGEST_ANSWER,
        read_timeout: float | None = None,
    ) -> None:
        """``connect_timeout`` in seconds; ``transport`` replaces the network in tests; ``largest`` answer in bytes.

        ``read_timeout``: seconds that the peer may be silent; default: as long as the call may take.
        """
        self._connect_timeout = connect_timeout
        self._read_timeout = read_timeout
        self._largest = largest
        self.clock = PeerClock()  #: of whoever answers
        limits = httpx.Limits(max_connections=200, max_keepalive_connections=50)
        self.client = httpx.AsyncClient(
            transport=transport or httpx.AsyncHTTPTransport(trust_env=False, limits=limits, socket_options=[_RESET]),
            trust_env=False,
            follow_redirects=False,
        )

    async def send(self, request: httpx.Request, limit: Micros, guard: Callable[[], bool]) -> Answer:
        """Send ``request`` and return what came back within ``limit``; never raises for what a network does."""
        if not guard():
            return Answer("lease lost", sent=False)
        if limit <= 0:  # a once operation given no time would be in doubt for nothing
            return Answer("no time left", sent=False)

        async def ask_again(event: str, info: dict[str, Any]) -> None:
            """Ask once more when waiting for a connection is over: that may have taken long.

            And once more before the body, which goes out a turn of the event loop later: without it nothing happens.
            """
            if event.endswith(_ABOUT_TO_WRITE) and not guard():
                raise LeaseLost

        seconds = limit / SECOND
        read = seconds if self._read_timeout is None else min(self._read_timeout, seconds)
        limits = httpx.Timeout(seconds, connect=min(self._connect_timeout, seconds), read=read, pool=seconds)
        request.extensions |= {"trace": ask_again, "timeout": limits.as_dict()}
        try:
            async with asyncio.timeout(seconds):
                return await self._exchange(request)
        except LeaseLost:
            return Answer("lease lost", sent=False)
        except NOT_SENT as error:
            return Answer(type(error).__name__, sent=False)
        except TimeoutError:
            return Answer("timeout")
        except _TooLarge:
            return Answer(f"the answer is larger than {self._largest} bytes")
        except httpx.HTTPError as error:
            return Answer(type(error).__name__)

    async def _exchange(self, request: httpx.Request) -> Answer:
        response = await self.client.send(request, stream=True)
        try:
            received = bytearray()
            async for chunk in response.aiter_bytes():
                received += chunk
                if len(received) > self._largest:
                    raise _TooLarge
        finally:
            await response.aclose()
        self.clock.learn_date(response.headers.get("date"))
        return Answer(str(response.status_code), bytes(received), response.status_code, headers=response.headers)

    async def close(self) -> None:
        """Close the connections."""
        await self.client.aclose()
