"""Play a scenario against the centre in this process, through a crash and whatever happens to an answer."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from engine.adapter import Adapter
from engine.environment import SECOND
from engine.events import AnyEvent
from engine.faultpoints import Crash, nothing
from engine.store import Store
from engine.visit import Visit
from storage import MemoryStore
from tests.crash import truth
from tests.crash.scenarios import Scenario, shipped
from tests.crash.script import Script
from tests.crash.wire import JiangsuWire, Trap, Wire
from tests.shipped import catalogue
from tests.toy import ToyEnvironment
from tests.world import World

KEY = "K0001"


@dataclass
class Play:
    """One visit, its centre, and the process that moves it, which may die once."""

    scenario: Scenario
    adapter: str
    trap: Trap | None = None
    store: Store = field(default_factory=MemoryStore)
    visit_id: str = ""

    async def to_the_end(self) -> None:
        """Play all acts, and then the way back; start anew after the crash."""
        self.environment = ToyEnvironment()
        self.wire = self._lay_wire()
        self._script = self._begin_script()
        await self._prepare()
        known = self.wire.before(self.scenario, KEY)
        world = await self._start()
        opened, _ = await world.commands.open(self.scenario.flow, KEY, self.scenario.opening(KEY, known))
        self.visit_id = opened.visit_id
        try:
            await self._drive(world)
        except Crash:
            await self.store.expire_worker("test", self.environment.now())
            self.environment.time += SECOND
            world = await self._start()
            await self._drive(world)
        self.environment.time += self.wire.after_looks  # whatever was under way has arrived
        await self._check(world)

    def _lay_wire(self) -> Wire:
        return JiangsuWire(self.environment, self.trap)

    def _begin_script(self) -> Script:
        return Script(self.scenario)

    async def _prepare(self) -> None:
        """Put there what the hospital has before the visit."""

    async def _start(self) -> World:
        """Start a process: new adapter, new registry, same store, same centre."""
        scenario = self.scenario
        definition = shipped()[scenario.flow]
        others = self._others()
        roles = {role: name if name in others else self.adapter for role, name in definition.adapters.items()}
        changes = {"adapters": roles, "settings": {**definition.settings, **scenario.settings}}
        world = World(
            store=self.store,
            environment=self.environment,
            catalogue=catalogue(),
            adapter=self.wire.adapter(self.adapter),
            others=others,
            definitions=[definition.model_copy(update=changes)],
            hook=nothing if self.trap is None else self.trap.hook,
        )
        return await world.start()

    def _others(self) -> dict[str, Adapter]:
        """Return the adapters of the flow's other peers, by name."""
        return {}

    async def _drive(self, world: World) -> None:
        """Let time pass, and do what HIS and people do whenever the visit rests."""
        seen = -1
        for _ in range(40):
            await world.run(self.scenario.patience)
            visit, projection = await world.visit(self.visit_id), await world.get(self.visit_id)
            if await self._script.go_on(world.commands, visit, projection.status, self.wire.books):
                continue
            if self._script.over(visit):
                return
            assert visit.seq != seen, f"rests in {visit.state}, {self._script.acts} to do"
            seen = visit.seq
        raise AssertionError("the visit never comes to rest")

    async def events(self) -> list[AnyEvent]:
        """Return the visit's journal."""
        return await World(store=self.store, environment=self.environment).events(self.visit_id)

    async def _check(self, world: World) -> None:
        books = self.wire.books()
        await world.check(self.visit_id)
        visit, events = await world.visit(self.visit_id), await self.events()
        assert self._script.over(visit)
        assert self.trap is None or self.trap.sprung, "nothing went wrong"
        assert self.wire.late == []
        assert truth.blind_repeats(events) == []
        self._compare(visit, events, books)

    def _compare(self, visit: Visit, events: list[AnyEvent], books: dict[str, Any]) -> None:
        assert truth.arrived_twice(books) == []
        assert truth.unannounced(books, events) == []
        truth.compare(visit, events, books, records=self.scenario.records)
