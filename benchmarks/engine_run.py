"""Run visits through the engine and count: steps, seconds, commits, events, bytes."""

from __future__ import annotations

import asyncio
import base64
import cProfile
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from benchmarks.apart import Meter, Spent, server_cpu
from benchmarks.dispatches import DISPATCHES
from benchmarks.flow import NAME, STEPS, NullAdapter, catalogue, fee_lines, flow
from benchmarks.places import Raw
from benchmarks.profiling import Shares, shares
from engine.adapter import Adapter
from engine.commands import Commands
from engine.definitions import FlowDefinition
from engine.environment import Environment, SystemEnvironment
from engine.registry import Registry
from engine.runner import Runner, RunnerFigures, RunnerSettings
from engine.store import Store
from service.dispatch.schema import upgrade_jobs
from service.tuning import tune_collector
from service.watching.tally import Tally
from storage import Vault, open_store, upgrade

#: The processes of one measurement open each other's journals.
KEY = "bench:" + base64.b64encode(bytes(range(32))).decode()
_OPENED_TOGETHER = 500
#: Seconds after which a run has failed.
_PATIENCE = 300


@dataclass(frozen=True, slots=True)
class Load:
    """What to run. ``data_bytes``: size of what each visit is opened with."""

    url: str
    visits: int
    in_flight: int
    data_bytes: int = 0
    profiled: bool = False
    watched: bool = False  #: counted for /metrics, as `serve` does
    dispatch: str = "embedded"  #: one of DISPATCHES


@dataclass(frozen=True, slots=True)
class Measured:
    """What came of it."""

    steps: int
    spent: Spent
    commits: int
    events: int
    wal: int  #: bytes of the server's WAL (PostgreSQL only)
    profile: Shares | None = None
    server: float = 0.0  #: seconds of processor of the database's server

    @property
    def micros(self) -> float:
        """Return microseconds of processor a step, the server's as well: what does not depend on who else is busy."""
        return 1e6 * (self.spent.cpu + self.server) / self.steps

    @property
    def rate(self) -> float:
        """Return steps per second."""
        return self.steps / self.spent.seconds


class Watched(RunnerFigures):
    """The runner's counters, telling somebody of each visit that is finished."""

    def __init__(self, told: Callable[[int], None]) -> None:
        self._told = told
        super().__init__()

    @property
    def finished(self) -> int:
        """Return how many visits are finished."""
        return self._finished

    @finished.setter
    def finished(self, value: int) -> None:
        self._finished = value
        self._told(value)


@dataclass(frozen=True, slots=True)
class Engine:
    """A store, a runner that is not started yet, and the commands."""

    store: Store
    runner: Runner
    commands: Commands

    async def open(self, visits: int, data_bytes: int = 0) -> None:
        """Open many visits, with keys that no earlier run has used."""
        data, run = fee_lines(data_bytes), secrets.token_hex(4)
        for start in range(0, visits, _OPENED_TOGETHER):
            keys = range(start, min(visits, start + _OPENED_TOGETHER))
            await asyncio.gather(*(self.commands.open(NAME, f"{run}-{n}", data) for n in keys))


def lay_out(url: str, dispatch: str) -> None:
    """Bring a database up to date, with the tables of its dispatch."""
    upgrade(url)
    if dispatch != "embedded":
        upgrade_jobs(url)


@asynccontextmanager
async def engine(
    url: str,
    settings: RunnerSettings,
    definition: FlowDefinition,
    adapter: Adapter | None = None,
    *,
    watched: bool = False,
    dispatch: str = "embedded",
    adopts: bool = True,
    environment: Environment | None = None,
) -> AsyncIterator[Engine]:
    """Set an engine up as the service does, on a database that is brought up to date first.

    Unless it ``adopts``, visits that are opened here wait for the dispatch like those that others opened.
    """
    watch = Tally() if watched else None
    environment = environment or SystemEnvironment()
    chosen = DISPATCHES[dispatch](url, environment)
    store = open_store(url, Vault.parse(KEY), wakes=chosen.wakes)
    await store.start()
    registry = Registry(store, catalogue(), environment)
    await registry.load([definition])
    adapters = {"null": adapter or NullAdapter()}
    runner = Runner(
        store, registry.version, adapters, environment, settings=settings, watch=watch, dispatch=chosen.dispatch
    )
    adopter = runner if adopts else None
    try:
        yield Engine(store, runner, Commands(store, registry, environment, runner.worker, runner.wake, adopter, watch))
    finally:
        await store.close()


def advance(load: Load) -> Measured:
    """Open all visits first, then time the runner until the last one is closed."""
    return _run(load, _advance)


def whole(load: Load) -> Measured:
    """Time everything, from opening to closing; never more than ``in_flight`` visits are open."""
    return _run(load, _whole)


def told(load: Load) -> Measured:
    """Time everything, from opening to closing, of visits that are opened all at once and wait for the dispatch."""
    return _run(load, _told)


def _run(load: Load, how: Callable[[Load, Engine, cProfile.Profile | None], object]) -> Measured:
    lay_out(load.url, load.dispatch)
    tune_collector()
    return asyncio.run(_measure(load, how))


async def _measure(load: Load, how: Callable[..., object]) -> Measured:
    settings, adopts = RunnerSettings(in_flight=load.in_flight), how is not _told
    async with engine(
        load.url, settings, flow(), watched=load.watched, dispatch=load.dispatch, adopts=adopts
    ) as running:
        if how is _advance:
            await running.open(load.visits, load.data_bytes)
        profile = cProfile.Profile() if load.profiled else None
        raw = Raw(load.url)
        commits, events, wal = running.store.figures.commits, running.store.figures.events, raw.wal_position()
        server = server_cpu(load.url)
        meter = Meter()
        await how(load, running, profile)  # type: ignore[misc]
        spent = meter.stop()
        figures = running.store.figures
        measured = Measured(
            steps=load.visits * STEPS,
            spent=spent,
            commits=figures.commits - commits,
            events=figures.events - events,
            wal=raw.wal_position() - wal,
            profile=None if profile is None else shares(profile),
            server=server_cpu(load.url) - server,
        )
        raw.close()
        await running.runner.stop()
        return measured


async def _advance(load: Load, running: Engine, profile: cProfile.Profile | None) -> None:
    done = asyncio.Event()
    running.runner.figures = Watched(lambda finished: done.set() if finished >= load.visits else None)
    if profile is not None:
        profile.enable()
    await running.runner.start()
    async with asyncio.timeout(_PATIENCE):
        await done.wait()
    if profile is not None:
        profile.disable()


async def _told(load: Load, running: Engine, _profile: cProfile.Profile | None) -> None:
    done = asyncio.Event()
    running.runner.figures = Watched(lambda finished: done.set() if finished >= load.visits else None)
    await running.runner.start()
    opening = asyncio.create_task(running.open(load.visits))
    async with asyncio.timeout(_PATIENCE):
        await opening
        await done.wait()


async def _whole(load: Load, running: Engine, _profile: cProfile.Profile | None) -> None:
    places = asyncio.Semaphore(load.in_flight)

    def told(finished: int) -> None:
        if finished:
            places.release()

    running.runner.figures = Watched(told)
    await running.runner.start()

    async def open_one(number: int) -> None:
        await running.commands.open(NAME, f"K{number}", {})

    opening = []
    for number in range(load.visits):
        await places.acquire()
        if load.in_flight == 1:
            await open_one(number)
        else:
            opening.append(asyncio.create_task(open_one(number)))
    for _ in range(load.in_flight):
        await places.acquire()
    await asyncio.gather(*opening)
