"""Visits that wait for the same hour: a timer fires in all of them at once, and each makes one upload.

They are opened by a process whose clock stands still an hour ago; another, with the right clock, finds them all due.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass

from benchmarks.apart import peak_memory
from benchmarks.engine_run import Watched, engine, lay_out
from benchmarks.flow import NAME
from engine.definitions import FlowDefinition
from engine.environment import HOUR, Micros, SystemEnvironment
from engine.runner import RunnerSettings
from engine.store import Status, VisitFilter
from service.tuning import tune_collector
from storage.tally import tally

_PATIENCE = 600


@dataclass(frozen=True, slots=True)
class Uploaded:
    """What came of it. ``half``: seconds until half of the visits had done theirs."""

    seconds: float
    half: float
    peak: int  #: largest resident size, bytes


class _Earlier(SystemEnvironment):
    """A clock that stands still, so that all that begins now is due in the same instant."""

    def __init__(self, back: Micros) -> None:
        super().__init__()
        self._now = super().now() - back

    def now(self) -> Micros:
        """Return the same moment for ever."""
        return self._now


def timed_flow() -> FlowDefinition:
    """Return a flow that uploads an hour after it was opened, by a timer, and is then done."""
    return FlowDefinition.model_validate(
        {
            "flow": NAME,
            "version": 1,
            "adapters": {"peer": "null"},
            "data": "bench.Data",
            "opening": "bench.Data",
            "initial": "waiting",
            "final": ["uploaded"],
            "cancelled": "cancelled",
            "states": dict.fromkeys(["waiting", "uploaded", "cancelled"]),
            "timers": [{"name": "hourly", "in": ["waiting"], "trigger": "upload", "after": "1h"}],
            "transitions": [
                {
                    "trigger": "upload",
                    "from": "waiting",
                    "to": "uploaded",
                    "step": "bench.do",
                    "doubt": [{"probe": "bench.probe"}, "ask"],
                    "undo": {"impossible": "a benchmark"},
                }
            ],
        }
    )


def wait_for_the_hour(url: str, visits: int, dispatch: str) -> None:
    """Open visits that have been waiting for an hour."""
    lay_out(url, dispatch)
    asyncio.run(_opened(url, visits, dispatch))


async def _opened(url: str, visits: int, dispatch: str) -> None:
    settings, before = RunnerSettings(in_flight=500), _Earlier(HOUR)
    async with engine(url, settings, timed_flow(), dispatch=dispatch, environment=before) as running:
        await running.open(visits)
        await running.runner.start()
        async with asyncio.timeout(_PATIENCE):
            while await running.store.visits(VisitFilter(status=Status.READY, limit=1)):  # noqa: ASYNC110 - of a database
                await asyncio.sleep(0.1)
        waiting = sum(each.visits for each in await tally(running.store, frozenset((Status.WAITING,))))
        await running.runner.stop()
    if waiting != visits:
        raise RuntimeError(f"{waiting} of {visits} visits wait for their hour")


def upload(url: str, visits: int, dispatch: str) -> Uploaded:
    """Start a runner on them; time it until the last has uploaded."""
    tune_collector()
    return asyncio.run(_uploaded(url, visits, dispatch))


async def _uploaded(url: str, visits: int, dispatch: str) -> Uploaded:
    async with engine(url, RunnerSettings(in_flight=500), timed_flow(), dispatch=dispatch) as running:
        half, done = 0.0, asyncio.Event()

        def told(finished: int) -> None:
            nonlocal half
            if finished >= visits // 2 and not half:
                half = time.perf_counter() - began
            if finished >= visits:
                done.set()

        running.runner.figures = Watched(told)
        began = time.perf_counter()
        await running.runner.start()
        async with asyncio.timeout(_PATIENCE):
            await done.wait()
        took = time.perf_counter() - began
        await running.runner.stop()
        closed = sum(each.visits for each in await tally(running.store, frozenset((Status.CLOSED,))))
        if closed != visits:
            raise RuntimeError(f"{closed} of {visits} visits are closed")
        return Uploaded(took, half, peak_memory())
