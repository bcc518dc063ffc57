"""HTTP to the gateway: one address, JSON out, bytes in."""

from __future__ import annotations

from collections.abc import Callable

import httpx

from adapters.clocks import PeerClock
from adapters.network import Answer, Network
from engine.environment import Micros


class Transport:
    """One HTTP client for one gateway."""

    def __init__(self, url: str, connect_timeout: float, transport: httpx.AsyncBaseTransport | None = None) -> None:
        """``connect_timeout`` in seconds; ``transport`` replaces the network in tests."""
        self._url = url
        self._network = Network(connect_timeout, transport)

    async def post(self, body: bytes, limit: Micros, guard: Callable[[], bool]) -> Answer:
        """Send ``body`` and return what came back within ``limit``; never raises for what a network does."""
        try:
            request = self._network.client.build_request(
                "POST", self._url, content=body, headers={"Content-Type": "application/json"}
            )
        except httpx.InvalidURL as error:
            return Answer(type(error).__name__, sent=False)
        return await self._network.send(request, limit, guard)

    @property
    def clock(self) -> PeerClock:
        """Return what the gateway's answers tell of its clock."""
        return self._network.clock

    async def close(self) -> None:
        """Close the connections."""
        await self._network.close()
