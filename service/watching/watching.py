"""All that watches one process, wired: what is counted, what is read of the store, what is shown."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import suppress

import structlog

from adapters.clocks import Clocked
from engine.adapter import Adapter
from engine.environment import SECOND, Environment, Micros
from engine.errors import StoreError
from engine.peers import Peers
from engine.runner import Runner
from engine.store import Store
from service.access.overload import Overload
from service.settings import Settings
from service.watching import figures
from service.watching.exposition import Exposition
from service.watching.figures import Figure
from service.watching.health import Doctor
from service.watching.survey import Surveyor, disk_free
from service.watching.tally import Tally
from storage.registers import Registers

log = structlog.get_logger("visitflow.watching")

#: How often the loop is looked at, seconds; a turn that comes so late is told in the log.
_LOOK, _LATE = 1.0, 2.0


class Watching:
    """What watches one process."""

    def __init__(
        self,
        settings: Settings,
        environment: Environment,
        store: Store,
        registers: Registers,
        adapters: Mapping[str, Adapter],
        runner: Runner,
        tally: Tally,
        peers: Peers,
    ) -> None:
        """``tally`` is told by the engine."""
        self.tally = tally
        self.peers = peers
        self.overload = Overload(settings, environment, store.figures, lambda: self.surveyor.last.due)
        self.surveyor = Surveyor(registers, environment)
        self.doctor = Doctor(settings, store, registers, runner, environment)
        self.lag = 0.0  #: seconds by which the loop's last turn was late
        self._settings = settings
        self._environment = environment
        self._adapters = adapters
        self._looking: asyncio.Task[None] | None = None
        self._exposition = Exposition(
            (
                lambda: figures.of_tally(tally),
                lambda: figures.of_survey(self.surveyor.last, environment.now()),
                lambda: figures.of_runner(runner, environment),
                lambda: figures.of_store(store.figures),
                lambda: figures.of_peers(adapters),
                lambda: figures.of_gate(peers),
                lambda: figures.of_schedules(self.surveyor.last.schedules),
                figures.of_build,
                self._own,
            )
        )

    def start(self) -> None:
        """Begin to look at the loop."""
        self._looking = asyncio.create_task(self._look(), name="loop_lag")

    async def stop(self) -> None:
        """Look no more."""
        if self._looking is not None:
            self._looking.cancel()
            with suppress(asyncio.CancelledError):
                await self._looking

    async def metrics(self) -> bytes:
        """Return all metrics; where the store cannot be read, the last figures of it, and a count of that."""
        with suppress(StoreError):
            await self.surveyor.survey()
        return self._exposition.text()

    def clocks(self) -> dict[str, Micros]:
        """Return how far each peer's clock is ahead of ours, as far as that is known."""
        known = ((name, each.clock_ahead()) for name, each in self._adapters.items() if isinstance(each, Clocked))
        return {name: ahead for name, ahead in known if ahead is not None}

    def _own(self) -> Iterator[Figure]:
        yield "visitflow_loop_lag_seconds", (), self.lag
        for why, count in self.overload.refused.items():
            yield "visitflow_requests_refused_total", (why,), count
        yield "visitflow_scrape_errors_total", (), self.surveyor.failures
        with suppress(OSError):
            yield "visitflow_disk_free_bytes", (), disk_free(self._settings)

    async def _look(self) -> None:
        while True:
            began = self._environment.monotonic()
            await asyncio.sleep(_LOOK)
            self.lag = max(0.0, (self._environment.monotonic() - began) / SECOND - _LOOK)
            if self.lag > _LATE:
                log.warning("loop_late", seconds=round(self.lag, 1))
