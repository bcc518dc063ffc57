"""Several worker processes on one database: from the moment they all may begin to the last visit's end."""

from __future__ import annotations

import asyncio
import multiprocessing
import time
from dataclasses import dataclass, replace
from multiprocessing.synchronize import Barrier, Event

import psycopg

from benchmarks.engine_run import engine
from benchmarks.flow import STEPS, NullAdapter, SlowAdapter, flow
from engine.runner import RunnerSettings
from service.dispatch.schema import upgrade_jobs
from service.tuning import tune_collector
from storage import upgrade

_PATIENCE = 300.0
_LOOK = 0.02


@dataclass(frozen=True, slots=True)
class WorkersLoad:
    """What to run; ``in_flight`` is each worker's."""

    url: str
    workers: int
    visits: int
    in_flight: int
    slow: bool
    dispatch: str


def measure(load: WorkersLoad) -> float:
    """Return steps per second of all workers together. Raises RuntimeError when they do not come to an end."""
    upgrade(load.url)
    if load.dispatch != "embedded":
        upgrade_jobs(load.url)
    asyncio.run(_open(load))
    context = multiprocessing.get_context("spawn")
    ready, stop = context.Barrier(load.workers + 1), context.Event()
    workers = [context.Process(target=_worker, args=(load, ready, stop)) for _ in range(load.workers)]
    for each in workers:
        each.start()
    try:
        ready.wait(_PATIENCE)
        began = time.perf_counter()
        _until_closed(load)
        return load.visits * STEPS / (time.perf_counter() - began)
    finally:
        stop.set()
        for each in workers:
            each.join(30)
            each.kill()
            each.join()


async def _open(load: WorkersLoad) -> None:
    async with engine(load.url, RunnerSettings(), flow(), dispatch=load.dispatch, adopts=False) as running:
        await running.open(load.visits)


def _worker(load: WorkersLoad, ready: Barrier, stop: Event) -> None:
    asyncio.run(_work(load, ready, stop))


async def _work(load: WorkersLoad, ready: Barrier, stop: Event) -> None:
    adapter = SlowAdapter() if load.slow else NullAdapter()
    settings = RunnerSettings(in_flight=load.in_flight)
    # A claim that fills one worker leaves nothing to another that comes a moment later.
    settings = replace(settings, batch=min(settings.batch, load.in_flight))
    async with engine(load.url, settings, flow(), adapter, dispatch=load.dispatch) as running:
        tune_collector()
        await asyncio.to_thread(ready.wait, _PATIENCE)
        await running.runner.start()
        await asyncio.to_thread(stop.wait, _PATIENCE)
        await running.runner.stop()


def _until_closed(load: WorkersLoad) -> None:
    deadline = time.monotonic() + _PATIENCE
    with psycopg.connect(load.url, autocommit=True) as connection:
        while True:
            row = connection.execute("SELECT count(*) FROM visits WHERE status <> 'closed'").fetchone()
            if row == (0,):
                return
            if time.monotonic() > deadline:
                raise RuntimeError(f"{row} visits are not closed")
            time.sleep(_LOOK)
