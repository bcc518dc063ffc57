"""Is this process alive, and can it do its work? Live: its loop turns. Ready: store, schema, runner and disk."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import structlog

from engine.environment import SECOND, Environment, Micros
from engine.errors import VisitflowError
from engine.runner import Runner
from engine.store import Store
from engine.trace import where
from service.settings import Settings
from service.watching.survey import disk_free
from storage.registers import Registers

log = structlog.get_logger("visitflow.watching")

#: Answers so young are given again: whoever asks often must not become a load.
_FRESH: Micros = 5 * SECOND
#: Seconds that a check may take; a database that hangs is not ready.
_PATIENCE = 5.0
#: The runner looks several times a second.
RUNNER_IDLE: Micros = 15 * SECOND
#: The counter that is written to see whether the store takes writes.
_COUNTER = "health"


@dataclass(frozen=True, slots=True)
class Health:
    """What the checks said: each its name and whether it passed."""

    checks: dict[str, bool]

    @property
    def ready(self) -> bool:
        """Tell whether all passed."""
        return all(self.checks.values())


class Doctor:
    """Checks one process."""

    def __init__(
        self, settings: Settings, store: Store, registers: Registers, runner: Runner, environment: Environment
    ) -> None:
        """Nothing is checked yet."""
        self._settings = settings
        self._store = store
        self._registers = registers
        self._runner = runner
        self._environment = environment
        self._checking = asyncio.Lock()
        self._last: tuple[Micros, Health] | None = None

    async def ready(self) -> Health:
        """Check whether work can be done now; what was found stands for a few seconds."""
        async with self._checking:
            now = self._environment.monotonic()
            if self._last is None or now - self._last[0] >= _FRESH:
                checks = {
                    "store_writable": await _passes(lambda: self._store.reserve(_COUNTER, 1)),
                    "schema_current": await _passes(self._registers.census.check_schema),
                    "runner_claims": self.runner_turns(now),
                    "disk_space": self.disk_suffices(),
                }
                self._last = (now, Health(checks))
            return self._last[1]

    def runner_turns(self, now: Micros) -> bool:
        """Tell whether the runner has looked for due visits lately, and was answered."""
        turned = self._runner.figures.turned_at
        return turned > 0 and now - turned < RUNNER_IDLE

    def disk_suffices(self) -> bool:
        """Tell whether there is enough space where the store is."""
        try:
            return disk_free(self._settings) >= self._settings.disk_free_mb * 1024 * 1024
        except OSError:
            return False


async def _passes(check: Callable[[], Awaitable[object]]) -> bool:
    try:
        async with asyncio.timeout(_PATIENCE):
            await check()
    except (VisitflowError, TimeoutError) as error:
        log.warning("not_ready", error=where(error))
        return False
    return True
