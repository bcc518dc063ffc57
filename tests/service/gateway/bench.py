"""The endpoint before a simulated centre, all in one process: real runner, real adapter, real time, no network."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from decimal import Decimal
from types import SimpleNamespace
from typing import Any, cast

import httpx

from adapters.jiangsu.gateway import GatewaySettings, JiangsuGateway
from engine.commands import Commands
from engine.definitions import FlowDefinition, Retry, Settling
from engine.environment import SystemEnvironment
from engine.registry import Registry
from engine.runner import Runner, RunnerSettings
from engine.store import Store
from flows import load_catalogue, load_site
from service.access.overload import Overload
from service.application import Application
from service.gateway.endpoint import PATH, build_gateway
from service.sessions import Sessions
from service.settings import Settings
from storage import MemoryStore
from tests.jiangsu import ROOT, Centre

BRIEF = Retry.model_validate({"first": "20ms", "factor": 1, "cap": "20ms", "total": "200ms", "attempts": 3})
SETTLING = Settling.model_validate(
    {"first_look": "10ms", "look_again": "10ms", "looks": 2, "tries": 2, "late_look": "20ms"}
)


def definitions() -> list[FlowDefinition]:
    """The shipped flows, with little patience."""
    return [
        each.model_copy(
            update={
                "settling": SETTLING.model_copy(update={"backoff": BRIEF}),
                "policies": dict.fromkeys(each.policies, BRIEF),
            }
        )
        for each in load_site(ROOT / "flows.yaml").definitions
    ]


@dataclass
class Bench:
    """What a test holds in its hands."""

    client: httpx.AsyncClient
    centre: Centre
    store: Store
    commands: Commands
    speak: Callable[[httpx.Request], Awaitable[httpx.Response]] | None = None  #: instead of the centre

    async def answer(self, request: httpx.Request) -> httpx.Response:
        """Answer as the centre does, or as ``speak`` says."""
        return await (self.speak or self.centre.answer)(request)

    async def post(self, body: Mapping[str, Any] | bytes, **headers: str) -> dict[str, Any]:
        """Send one body; hold the answer to what every answer of 000 has."""
        content = body if isinstance(body, bytes) else json.dumps(body, default=_number).encode()
        response = await self.client.post(PATH, content=content, headers={"Content-Type": "application/json"} | headers)
        assert response.status_code == 200
        answer: dict[str, Any] = json.loads(response.content, parse_float=Decimal)
        assert isinstance(answer["success"], bool)
        assert isinstance(answer["code"], int)
        assert isinstance(answer["message"], str) and answer["message"]
        assert answer["success"] == (answer["code"] == 200)
        if not answer["success"]:
            assert 1000 <= answer["code"] < 1100 or 2000 <= answer["code"] < 4000
        if answer["code"] >= 3000:
            assert {"transactionCode", "businessErrorCode", "businessErrorMsg"} <= set(answer)
        return answer

    async def transaction(self, name: str, params: Mapping[str, Any] | None = None, **more: Any) -> dict[str, Any]:
        """Ask for one transaction."""
        body = {"action": "transaction", "transactionName": name, **more}
        return await self.post(body if params is None else {**body, "businessParams": params})

    async def data(self, name: str, params: Mapping[str, Any] | None = None, **more: Any) -> dict[str, Any]:
        """Return the data of a transaction that succeeds."""
        answer = await self.transaction(name, params, **more)
        assert answer["success"], answer
        found: dict[str, Any] = answer["data"]
        return found

    def books(self) -> str:
        """What the centre's ledger holds of visits, lines and money."""
        return repr(self.centre.gateway.centre.ledger.totals())


def _number(value: Any) -> Any:
    if isinstance(value, Decimal):
        return float(value)  # as JavaScript and C# write it
    raise TypeError


@asynccontextmanager
async def bench(
    store: Store | None = None, environment: SystemEnvironment | None = None, **settings: Any
) -> AsyncIterator[Bench]:
    """Start a service; ``settings`` are those of the endpoint, without their prefix."""
    store, centre, environment = store or MemoryStore(), Centre(), environment or SystemEnvironment()
    centre.gateway.centre.reader = centre.gateway.centre.reader or "TEST-CARD-1"
    catalogue = load_catalogue()
    registry = Registry(store, catalogue, environment)
    flows = definitions()
    await registry.load(flows)
    made: list[Bench] = []

    async def answer(request: httpx.Request) -> httpx.Response:
        return await made[0].answer(request)

    adapters = {"jiangsu_gateway": JiangsuGateway(GatewaySettings(), httpx.MockTransport(answer))}
    runner = Runner(store, registry.version, adapters, environment, settings=RunnerSettings(in_flight=50))
    commands = Commands(store, registry, environment, runner.worker, runner.wake, runner)
    sessions = Sessions(commands, store, environment)
    sessions.listen(adapters, flows)
    chosen = Settings(**{"gateway_patience": 5, **{f"gateway_{name}": value for name, value in settings.items()}})
    wired = SimpleNamespace(
        settings=chosen,
        site=load_site(ROOT / "flows.yaml"),
        store=store,
        registry=registry,
        adapters=adapters,
        environment=environment,
        commands=commands,
        runner=runner,
        watching=SimpleNamespace(overload=Overload(chosen, environment, store.figures, lambda: 0)),
    )
    await runner.start()
    api = build_gateway(cast(Application, wired), chosen)
    transport = httpx.ASGITransport(app=api, client=("127.0.0.1", 5000))
    try:
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8321") as client:
            made.append(Bench(client, centre, store, commands))
            yield made[0]
    finally:
        await sessions.close()
        await runner.stop()
        await adapters["jiangsu_gateway"].close()
