"""What is read of the store for metrics and alerts: seldom, together, and shared by everybody who asks meanwhile."""

from __future__ import annotations

import asyncio
import shutil
from dataclasses import dataclass, field
from pathlib import Path

from engine.environment import MINUTE, SECOND, Environment, Micros
from engine.errors import StoreError
from service.settings import Settings
from storage.registers import Gap, Registers, Standing

#: A survey younger than this is good enough for everybody.
FRESH: Micros = 10 * SECOND
#: Closed visits are counted by walking an index that only grows.
CLOSED_FRESH: Micros = 5 * MINUTE
#: A visit may be due for so long before somebody has to explain it.
GRACE: Micros = MINUTE
#: More gaps than these are not named one by one.
MOST_GAPS = 1000


@dataclass(frozen=True, slots=True)
class Survey:
    """How all visits stood at ``at``."""

    at: Micros = 0
    standings: list[Standing] = field(default_factory=list)
    closed: int = 0
    doubts: dict[str, list[Micros]] = field(default_factory=dict)
    due: int = 0
    due_delay: Micros = 0
    gaps: list[Gap] = field(default_factory=list)
    deliveries: dict[str, int] = field(default_factory=dict)
    alerts: dict[tuple[str, str], int] = field(default_factory=dict)
    schedules: dict[str, tuple[str, Micros]] = field(default_factory=dict)  #: last result, and when


def disk_free(settings: Settings) -> int:
    """Return the free bytes where the embedded store, or else the data folder, is (or will be)."""
    prefix = "sqlite:///"
    url = settings.store_url
    folder = Path(url.removeprefix(prefix)).parent if url.startswith(prefix) else settings.data.resolve()
    while not folder.exists():
        folder = folder.parent
    return shutil.disk_usage(folder).free


class Surveyor:
    """Makes surveys, one at a time."""

    def __init__(self, registers: Registers, environment: Environment) -> None:
        """Nothing is read yet."""
        self._registers = registers
        self._environment = environment
        self._reading = asyncio.Lock()
        self._closed: tuple[Micros, int] | None = None
        self.last = Survey()
        self.failures = 0

    async def survey(self, fresh: Micros = FRESH) -> Survey:
        """Return how things stand, at most ``fresh`` old. Raises StoreError."""
        async with self._reading:
            now = self._environment.now()
            if not self.last.at or not 0 <= now - self.last.at < fresh:
                try:
                    self.last = await self._read(now)
                except StoreError:
                    self.failures += 1
                    raise
            return self.last

    async def _read(self, now: Micros) -> Survey:
        census, registers = self._registers.census, self._registers
        if self._closed is None or not 0 <= now - self._closed[0] < CLOSED_FRESH:
            self._closed = (now, await census.closed())
        due, delay = await census.due(now)
        alerts: dict[tuple[str, str], int] = {}
        for alert in await registers.alerts.open():
            alerts[alert.rule, alert.state] = alerts.get((alert.rule, alert.state), 0) + 1
        return Survey(
            at=now,
            standings=await census.standings(),
            closed=self._closed[1],
            doubts=await census.doubts(),
            due=due,
            due_delay=delay,
            gaps=await census.audit(now, GRACE, MOST_GAPS),
            deliveries=await registers.deliveries.counts(),
            alerts=alerts,
            schedules={
                name: (run.result, run.ended_at)
                for name, run in (await registers.schedules.last()).items()
                if run.result is not None and run.ended_at is not None
            },
        )
