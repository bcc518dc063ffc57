"""The endpoint before a scripted HIS, all in one process: real runner, real port, real time, no network."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, cast

import httpx

from adapters.hospital import HospitalPort
from adapters.hospital.port import PortSettings
from adapters.platform.calling import HOSPITAL_METHODS, Method
from adapters.platform.contracts import dumps, loads
from engine.commands import Commands
from engine.definitions import FlowDefinition
from engine.environment import SystemEnvironment
from engine.events import AnyEvent, decode
from engine.registry import Registry
from engine.runner import Runner, RunnerSettings
from engine.store import Store
from engine.visit import Visit, fold
from service.access.overload import Overload
from service.application import Application
from service.platform.endpoint import build_platform
from service.settings import Settings
from storage import MemoryStore
from tests.adapters.platform.peers import json, refusal_of, reply_of
from tests.service.platform.flows import catalogue, definitions

Said = Mapping[str, Any] | bytes | httpx.Response | Exception
Answer = Said | Callable[[Method, Any], Awaitable[Said]]

BY_NAME = {each.name: each for each in HOSPITAL_METHODS.values()}


@dataclass
class Bench:
    """What a test holds in its hands. ``script``: what the HIS answers by operation; without a line, yes."""

    store: Store
    commands: Commands
    runner: Runner
    script: dict[str, list[Answer]] = field(default_factory=dict)
    heard: list[tuple[str, Any]] = field(default_factory=list)  #: operation and request, in order
    client: httpx.AsyncClient = field(default_factory=httpx.AsyncClient)

    def his(self, operation: str, *answers: Answer) -> None:
        """Script the next answers; the last one is repeated."""
        self.script[operation] = list(answers)

    def refuses(self, operation: str, code: str, message: str = "不行") -> None:
        self.his(operation, refusal_of(HOSPITAL_METHODS[operation], code, message))

    def count(self, operation: str) -> int:
        return sum(each == operation for each, _ in self.heard)

    async def answered(self, request: httpx.Request) -> httpx.Response:
        await asyncio.sleep(0)
        method = BY_NAME[request.url.path.lstrip("/")]
        body = loads(request.content) if request.content else dict(request.url.params)
        self.heard.append((method.operation, body))
        waiting = self.script.get(method.operation)
        if not waiting:
            if method.operation == "16.1.4":
                return httpx.Response(200, content=b"DICM", headers={"content-type": "application/octet-stream"})
            return json(reply_of(method))
        said = waiting.pop(0) if len(waiting) > 1 else waiting[0]
        if callable(said):
            said = await said(method, body)
        if isinstance(said, Exception):
            raise said
        return said if isinstance(said, httpx.Response) else json(said)

    async def post(self, operation: str, body: Any, **headers: str) -> dict[str, Any]:
        """Call an interface by its operation, or a method by its name; hold the answer to the envelope."""
        name = HOSPITAL_METHODS[operation].name if operation in HOSPITAL_METHODS else operation
        content = body if isinstance(body, bytes) else dumps(body).encode()
        response = await self.client.post(f"/hospital/{name}", content=content, headers=headers)
        assert response.status_code == 200
        answer: dict[str, Any] = loads(response.content)
        assert isinstance(answer["success"], bool)
        assert isinstance(answer["msg"], str) and answer["msg"]
        assert answer["success"] == (str(answer["code"]) == "10001")
        return answer

    async def visit(self, flow: str, key: str) -> Visit:
        projection = await self.store.find(flow, key)
        assert projection is not None, (flow, key)
        return fold(projection.visit_id, await self.store.history(projection.visit_id))

    async def events(self, flow: str, key: str) -> list[AnyEvent]:
        visit = await self.visit(flow, key)
        return [decode(each.payload) for each in await self.store.journal(visit.visit_id)]


@asynccontextmanager
async def bench(
    store: Store | None = None,
    flows: tuple[FlowDefinition, ...] | None = None,
    run: bool = True,
    known: Any = None,
    **settings: Any,
) -> AsyncIterator[Bench]:
    """Start a service; ``settings`` are those of the endpoint, without their prefix."""
    store, environment = store or MemoryStore(), SystemEnvironment()
    registry = Registry(store, known or catalogue(), environment)
    await registry.load(list(flows or definitions()))
    made: list[Bench] = []

    async def answered(request: httpx.Request) -> httpx.Response:
        return await made[0].answered(request)

    adapters = {"hospital": HospitalPort(PortSettings(), httpx.MockTransport(answered))}
    runner = Runner(store, registry.version, adapters, environment, settings=RunnerSettings(in_flight=50))
    commands = Commands(store, registry, environment, runner.worker, runner.wake, runner)
    named = {"wait": 5, **settings}
    chosen = Settings(**{f"platform_{name}": value for name, value in named.items()})
    wired = SimpleNamespace(
        settings=chosen,
        store=store,
        registry=registry,
        adapters=adapters,
        environment=environment,
        commands=commands,
        runner=runner,
        watching=SimpleNamespace(overload=Overload(chosen, environment, store.figures, lambda: 0)),
    )
    if run:
        await runner.start()
    api = build_platform(cast(Application, wired), chosen)
    transport = httpx.ASGITransport(app=api, client=("127.0.0.1", 5000))
    try:
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            made.append(Bench(store, commands, runner, client=client))
            yield made[0]
    finally:
        if run:
            await runner.stop()
        await adapters["hospital"].close()
