"""A centre of few words for whole flows: what each transaction answers is a function; an answer may get lost."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import httpx

from adapters.jiangsu.gateway import GatewaySettings, JiangsuGateway
from engine.events import AnyEvent, Concluded
from engine.store import Store
from flows import load_catalogue, load_site
from storage import MemoryStore
from tests.adapters.gateway import failure
from tests.toy import ToyEnvironment
from tests.world import World

ROOT = Path(__file__).parents[2]
Params = Mapping[str, Any]


class No(Exception):
    """The centre refuses: gateway code and business code."""

    def __init__(self, code: int, business: str) -> None:
        self.code, self.business = code, business


class Desk:
    """Answers by transaction number. ``lost`` counts the answers of a transaction that never arrive."""

    def __init__(self, **answers: Callable[[Params], Any]) -> None:
        self.answers = {name.lstrip("t"): answer for name, answer in answers.items()}
        self.lost: dict[str, int] = {}
        self.sent: list[tuple[str, Params]] = []
        self.adapter = JiangsuGateway(GatewaySettings(), httpx.MockTransport(self._answer))

    def times(self, transaction: str) -> int:
        """Return how often a transaction was sent."""
        return [name for name, _ in self.sent].count(transaction)

    def last(self, transaction: str) -> Params:
        """Return what a transaction was sent with the last time."""
        return [params for name, params in self.sent if name == transaction][-1]

    async def _answer(self, request: httpx.Request) -> httpx.Response:
        body = _read(request.content)
        name = body.get("transactionName", body["action"])
        if name == "init":
            return _success({})
        if name in ("signin_status", "9001"):
            return _success({"signedIn": True, "signNo": "S1", "sign_no": "S1"})
        params = dict(body.get("businessParams", body))
        params["messageId"] = body.get("messageId", "")
        self.sent.append((name, params))
        try:
            data = self.answers[name](params)
        except No as no:
            return httpx.Response(200, content=failure(no.code, businessErrorCode=no.business).encode())
        if self.lost.get(name, 0) > 0:
            self.lost[name] -= 1
            raise httpx.ReadTimeout("lost")
        return _success(data)


def _read(content: bytes) -> dict[str, Any]:
    from engine.facts import loads

    found: dict[str, Any] = loads(content)
    return found


def _success(data: Any) -> httpx.Response:
    import json

    text = json.dumps({"success": True, "code": 200, "message": "成功", "data": data}, ensure_ascii=False)
    return httpx.Response(200, content=text.encode())


async def world(desk: Desk, store: Store | None = None, environment: ToyEnvironment | None = None) -> World:
    """Return an engine that has just started, with all shipped flows and ``desk`` as the centre."""
    made = World(
        store=store or MemoryStore(),
        environment=environment or ToyEnvironment(),
        catalogue=load_catalogue(),
        adapter=desk.adapter,
        definitions=load_site(ROOT / "flows.yaml").definitions,
    )
    return await made.start()


async def begin(made: World, flow: str, key: str, data: Mapping[str, Any]) -> str:
    """Open a visit and let it go as far as it goes by itself, for ten minutes."""
    projection, _ = await made.commands.open(flow, key, data)
    await made.run(600_000_000)
    return projection.visit_id


def calls(events: list[AnyEvent]) -> list[str]:
    """Return the operations that were concluded, in order."""
    return [event.operation for event in events if isinstance(event, Concluded) and event.operation]
