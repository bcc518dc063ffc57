"""Several worker processes on one database: from the moment they all may begin to the last visit's end."""

from __future__ import annotations

import asyncio
import multiprocessing
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from multiprocessing.context import SpawnProcess
from multiprocessing.synchronize import Event

import psycopg

from benchmarks.engine_run import engine, lay_out
from benchmarks.flow import STEPS, NullAdapter, SlowAdapter, flow
from engine.runner import RunnerSettings
from service.tuning import tune_collector

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
    lay_out(load.url, load.dispatch)
    asyncio.run(_open(load))
    context = multiprocessing.get_context("spawn")
    ready, begin, stop = [context.Event() for _ in range(load.workers)], context.Event(), context.Event()
    workers = [context.Process(target=_worker, args=(load, each, begin, stop)) for each in ready]
    for each in workers:
        each.start()
    try:
        _until_ready(ready, workers)
        begin.set()
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


def _until_ready(ready: Sequence[Event], workers: Sequence[SpawnProcess]) -> None:
    deadline = time.monotonic() + _PATIENCE
    while not all(each.is_set() for each in ready):
        if time.monotonic() > deadline or not all(each.is_alive() for each in workers):
            raise RuntimeError("a worker did not get ready")
        time.sleep(_LOOK)


def _worker(load: WorkersLoad, ready: Event, begin: Event, stop: Event) -> None:
    asyncio.run(_work(load, ready, begin, stop))


async def _work(load: WorkersLoad, ready: Event, begin: Event, stop: Event) -> None:
    adapter = SlowAdapter() if load.slow else NullAdapter()
    settings = RunnerSettings(in_flight=load.in_flight)
    # A claim that fills one worker leaves nothing to another that comes a moment later.
    settings = replace(settings, batch=min(settings.batch, load.in_flight))
    async with engine(load.url, settings, flow(), adapter, dispatch=load.dispatch) as running:
        tune_collector()
        ready.set()
        await asyncio.to_thread(begin.wait, _PATIENCE)
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
