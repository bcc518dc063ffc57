"""One engine between a HIS and a platform, for stories of the platform's flows."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from engine.environment import MINUTE, Micros
from engine.visit import Visit
from storage import MemoryStore
from tests.platform import Facts, His, Platform, catalogue, definitions
from tests.toy import ToyEnvironment
from tests.world import World

WHO = ("wang", "asked the HIS's people")


@dataclass
class Counter:
    """A visit of one flow, and its peers."""

    flow: str
    settings: dict[str, Any] = field(default_factory=dict)  #: changes to the definition
    environment: ToyEnvironment = field(default_factory=ToyEnvironment)
    visit_id: str = ""

    def __post_init__(self) -> None:
        self.his, self.platform = His(self.environment), Platform(self.environment)

    async def start(self) -> Counter:
        definition = definitions()[f"platform.{self.flow}"]
        self.world = World(
            store=MemoryStore(),
            environment=self.environment,
            catalogue=catalogue(),
            adapter=self.his.adapter(),
            others={"platform": self.platform.adapter()},
            definitions=[definition.model_copy(update=self.settings)],
        )
        await self.world.start()
        return self

    async def open(self, key: str, data: Facts, patience: Micros = 20 * MINUTE) -> Visit:
        projection, _ = await self.world.commands.open(f"platform.{self.flow}", key, data)
        self.visit_id = projection.visit_id
        return await self.rest(patience)

    async def rest(self, patience: Micros = 20 * MINUTE) -> Visit:
        await self.world.run(patience)
        await self.world.check(self.visit_id)
        return await self.visit()

    async def visit(self) -> Visit:
        return await self.world.visit(self.visit_id)

    async def trigger(self, trigger: str, data: Facts | None = None) -> Visit:
        await self.world.commands.trigger(self.visit_id, trigger, data, "platform")
        return await self.rest()


async def counter(flow: str, **changes: Any) -> Counter:
    return await Counter(flow, changes).start()


def stands(visit: Visit) -> tuple[str, bool]:
    """Where a visit stands, and whether it is closed."""
    return visit.state, visit.closed


def cause(visit: Visit) -> str:
    """Why a visit is stuck."""
    return "" if visit.trouble is None else visit.trouble.cause.value
