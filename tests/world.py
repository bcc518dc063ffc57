"""One engine for a test: store, flows, commands and executor, with time that the test moves."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from engine.adapter import Adapter
from engine.calling import Caller
from engine.catalogue import Catalogue
from engine.commands import Commands
from engine.definitions import FlowDefinition
from engine.environment import SECOND, Micros
from engine.events import AnyEvent, decode
from engine.execution import Executor
from engine.faultpoints import Hook, nothing
from engine.gate import Gate
from engine.machine import Flow
from engine.plan import project
from engine.registry import Registry
from engine.store import Projection, Status, Store
from engine.visit import Visit, fold
from engine.watching import Watch
from storage import MemoryStore
from tests.toy import ToyAdapter, ToyEnvironment, ToyPeer, toy_catalogue, toy_flow


@dataclass
class World:
    """The engine without its runner: the test claims and advances, so that every order is the test's."""

    store: Store = field(default_factory=MemoryStore)
    environment: Any = field(default_factory=ToyEnvironment)
    catalogue: Catalogue = field(default_factory=toy_catalogue)
    adapter: Any = field(default_factory=ToyAdapter)
    definitions: list[FlowDefinition] = field(default_factory=lambda: [toy_flow()])
    hook: Hook = nothing
    watch: Watch | None = None
    gate: Gate | None = None
    others: Mapping[str, Adapter] = field(default_factory=dict)  #: of a flow that speaks to several peers
    adapters: Mapping[str, Adapter] = field(init=False)

    async def start(self) -> World:
        """Open store and flows; a second world on the same store is a process started anew."""
        self.adapters = {self.adapter.name: self.adapter, **self.others}
        self.registry = Registry(self.store, self.catalogue, self.environment)
        await self.registry.load(self.definitions)
        self.commands = Commands(self.store, self.registry, self.environment, "test", watch=self.watch)
        self.caller = Caller(
            self.store, self.adapters, self.environment, hook=self.hook, watch=self.watch, gate=self.gate
        )
        self.executor = Executor(self.caller, self.registry.version)
        return self

    @property
    def peer(self) -> ToyPeer:
        return self.adapter.peer  # type: ignore[no-any-return]

    async def open(self, key: str = "K1", **data: Any) -> str:
        flow = self.definitions[0].flow
        projection, _ = await self.commands.open(flow, key, {"patient": "invented", **data})
        return projection.visit_id

    async def step(self, lease: Micros = 30 * SECOND) -> int:
        """Claim what is due and advance it; return how many visits that were."""
        now = self.environment.now()
        claims = await self.store.claim_due("test", now, now + lease, 100)
        for claim in claims:
            await self.executor.advance(claim)
        return len(claims)

    async def run(self, patience: Micros = 3600 * SECOND, until: Callable[[], bool] = lambda: False) -> None:
        """Let time pass, from one due moment to the next, until nothing is due within ``patience``."""
        end = self.environment.now() + patience
        for _ in range(1000):
            while await self.step():
                if until():
                    return
            wake = await self.store.next_wake()
            if wake is None or wake > end:
                return
            self.environment.time = max(self.environment.time, wake)
        raise AssertionError("the visit never comes to rest")

    async def visit(self, visit_id: str) -> Visit:
        return fold(visit_id, await self.store.history(visit_id))

    async def events(self, visit_id: str) -> list[AnyEvent]:
        return [decode(stored.payload) for stored in await self.store.journal(visit_id)]

    async def get(self, visit_id: str) -> Projection:
        return await self.store.get(visit_id)

    async def flow(self, visit_id: str) -> Flow:
        return await self.registry.version((await self.visit(visit_id)).version)

    async def check(self, visit_id: str) -> None:
        """Hold what must hold of every visit at rest: projection is the fold (G4), and nobody is forgotten."""
        visit = await self.visit(visit_id)
        assert project(await self.flow(visit_id), visit) == await self.get(visit_id)
        projection = await self.get(visit_id)
        assert projection.status in (Status.STUCK, Status.CLOSED) or projection.due_at is not None
