"""The way to the peers: messages are lost, late, doubled, overtaken; connections are refused or die."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import httpx

from tests.simulation.fate import Fate
from tests.simulation.loop import outside

#: How long after its sender has given up a message may still arrive, seconds. Flows look once more after that.
LATEST = 40.0
_FAULTS = ("unreachable", "request_lost", "answer_lost", "late", "reset_before", "reset_after", "slow", "silent_error")


class Unreachable(Exception):
    """No connection: nothing was sent."""


class Broken(Exception):
    """The connection died; nobody knows how far the message came."""


@dataclass
class Network:
    """All wires of the hospital. ``chance`` of something going wrong with one exchange."""

    fate: Fate
    chance: float = 0.12
    arrived: list[tuple[float, str]] = field(default_factory=list)
    sent: dict[str, float] = field(default_factory=dict)  #: when a message left, where its sender says so

    async def exchange(self, place: str, deliver: Callable[[], Any], patience: float, *, repeatable: bool) -> Any:
        """Carry a message and return the answer.

        ``repeatable``: the peer takes the same message twice as one, so the network may double it.

        Raises:
            Unreachable, Broken, TimeoutError.
        """
        loop, fate = asyncio.get_running_loop(), self.fate
        fault = fate.fault(place, self.chance, (*_FAULTS, "doubled") if repeatable else _FAULTS)
        if fault == "unreachable":
            await asyncio.sleep(fate.between("wire", 0.001, 2))
            raise Unreachable
        answered: asyncio.Future[Any] = loop.create_future()
        there = fate.between("wire", 0.001, 0.2)
        if fault == "slow":
            there = fate.between("wire", 0.2, patience * 0.9)
        elif fault == "late":
            there = patience + fate.between("wire", 0.1, LATEST)

        def arrive(answers: bool) -> None:
            self.arrived.append((loop.time(), place))
            answer = deliver()
            if answers:
                loop.call_later(fate.between("wire", 0.001, 0.2), give, answer, context=outside())

        def give(answer: Any) -> None:
            if not answered.done():
                answered.set_result(answer)

        if fault not in ("request_lost", "reset_before"):
            answers = fault not in ("answer_lost", "reset_after")
            loop.call_later(there, arrive, answers, context=outside())
        if fault == "doubled":
            loop.call_later(there + fate.between("wire", 0.0, 20), arrive, False, context=outside())
        if fault in ("reset_before", "reset_after"):
            await asyncio.sleep(there + fate.between("wire", 0.0, 3))
            raise Broken
        async with asyncio.timeout(patience):
            answer = await answered
        if fault == "silent_error":
            raise Broken  # an answer came, and was not one
        return answer


class Wire(httpx.AsyncBaseTransport):
    """The network as the adapters' HTTP client sees it."""

    def __init__(
        self, network: Network, serve: Callable[[bytes], bytes], place: Callable[[bytes], tuple[str, bool]]
    ) -> None:
        """``place`` names a request, and tells whether its doubling does no harm."""
        self._network, self._serve, self._place = network, serve, place

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Carry one request. Raises what httpx raises."""
        body = request.content
        place, repeatable = self._place(body)
        patience = float(request.extensions["timeout"]["read"])
        try:
            answer = await self._network.exchange(place, lambda: self._serve(body), patience, repeatable=repeatable)
        except Unreachable:
            raise httpx.ConnectError("refused", request=request) from None
        except Broken:
            raise httpx.ReadError("connection lost", request=request) from None
        except TimeoutError:
            raise httpx.ReadTimeout("no answer", request=request) from None
        return httpx.Response(200, content=answer, request=request)
