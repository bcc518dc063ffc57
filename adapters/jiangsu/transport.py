"""HTTP to the gateway: bytes out, bytes in, and when it broke.

httpx tells when in the exchange something failed: all that decides between "certainly not sent" and "in doubt".
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import httpx

from engine.environment import SECOND, Micros

#: Nothing of the request can have reached the gateway.
NOT_SENT = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.UnsupportedProtocol,
    httpx.InvalidURL,
)
#: Before each of the two writes that a request takes (httpcore's trace events).
_ABOUT_TO_WRITE = (".send_request_headers.started", ".send_request_body.started")


class LeaseLost(Exception):
    """The guard said no when the connection stood and the first byte was about to leave (G5)."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back. ``body`` is None when nothing did; ``sent`` tells whether the request may have arrived."""

    status: str
    body: bytes | None = None
    http_status: int | None = None
    sent: bool = True


class Transport:
    """One HTTP client for one gateway."""

    def __init__(self, url: str, connect_timeout: float, transport: httpx.AsyncBaseTransport | None = None) -> None:
        """``connect_timeout`` in seconds; ``transport`` replaces the network in tests."""
        self._url = url
        self._connect_timeout = connect_timeout
        self._client = httpx.AsyncClient(
            transport=transport,
            trust_env=False,
            follow_redirects=False,
            headers={"Content-Type": "application/json"},
            limits=httpx.Limits(max_connections=200, max_keepalive_connections=50),
        )

    async def post(self, body: bytes, limit: Micros, guard: Callable[[], bool]) -> Answer:
        """Send ``body`` and return what came back within ``limit``; never raises for what a network does."""
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
        limits = httpx.Timeout(seconds, connect=min(self._connect_timeout, seconds), pool=seconds)
        try:
            async with asyncio.timeout(seconds):
                response = await self._client.post(
                    self._url, content=body, timeout=limits, extensions={"trace": ask_again}
                )
        except LeaseLost:
            return Answer("lease lost", sent=False)
        except NOT_SENT as error:
            return Answer(type(error).__name__, sent=False)
        except TimeoutError:
            return Answer("timeout")
        except httpx.HTTPError as error:
            return Answer(type(error).__name__)
        return Answer(str(response.status_code), response.content, response.status_code)

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()
