"""The same seven-step visit as a DBOS workflow, in a process of its own: ``python -m benchmarks.dbos_run JSON``.

A DBOS step is durable when its result is (one commit a step; no intent before it): less is written than by visitflow.
The measured time begins with the start of the first workflow and ends when the result of the last one is durable.
"""

from __future__ import annotations

import asyncio
import json
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from benchmarks.apart import server_cpu
from benchmarks.flow import STEPS
from benchmarks.places import file_of


@dataclass(frozen=True, slots=True)
class DbosLoad:
    """What to run.

    ``mode``: ``calls`` (workflows called from threads), ``started`` (``start_workflow`` from threads), ``coroutines``
    (async workflows on one event loop), ``queue``. ``wal``: SQLite with a write-ahead log, which DBOS does not set.
    """

    url: str
    mode: str
    visits: int
    concurrency: int
    wal: bool = True

    @property
    def how(self) -> str:
        """Return the mode and how many at once."""
        return "one at a time" if self.concurrency == 1 else f"{self.mode}, {self.concurrency} at once"


@dataclass(frozen=True, slots=True)
class DbosMeasured:
    """What came of it, and the settings that were found in force."""

    rate: float  #: steps per second
    settings: str
    commits: int  #: SQLite without write-ahead log only: transactions that changed the file
    micros: float = 0.0  #: of processor a step, the server's as well


def version() -> str | None:
    """Return the version of DBOS, None where it is not installed."""
    try:
        return metadata.version("dbos")
    except metadata.PackageNotFoundError:
        return None


def measure(load: DbosLoad) -> DbosMeasured:
    """Run ``load`` in a new process. Raises RuntimeError with the end of what it said when it fails."""
    command = [sys.executable, "-m", "benchmarks.dbos_run", json.dumps(asdict(load))]
    done = subprocess.run(
        command, capture_output=True, text=True, cwd=Path(__file__).parents[1], timeout=600, check=False
    )
    if done.returncode:
        raise RuntimeError(f"DBOS, {load.how}: {done.stderr.strip().splitlines()[-1:]}")
    return DbosMeasured(**json.loads(done.stdout.splitlines()[-1]))


def _run(load: DbosLoad) -> DbosMeasured:
    """Set DBOS up and time ``load``."""
    from dbos import DBOS

    lite = load.url.startswith("sqlite")
    if lite and load.wal:
        connection = sqlite3.connect(file_of(load.url))
        connection.execute("PRAGMA journal_mode=WAL")  # stays with the file
        connection.close()
    DBOS(
        config={
            "name": "bench",
            "system_database_url": load.url if lite else load.url.replace("postgresql://", "postgresql+psycopg://", 1),
            "sys_db_pool_size": max(20, min(load.concurrency, 60)),
            "log_level": "ERROR",
        }
    )

    @DBOS.step()
    def step(visit: str, number: int) -> dict[str, str]:
        return {"number": f"M{number:06d}"}

    @DBOS.workflow()
    def visit(key: str) -> dict[str, str]:
        data: dict[str, str] = {}
        for number in range(STEPS):
            data |= step(key, number)
        return data

    @DBOS.step()
    async def astep(visit: str, number: int) -> dict[str, str]:
        return {"number": f"M{number:06d}"}

    @DBOS.workflow()
    async def avisit(key: str) -> dict[str, str]:
        data: dict[str, str] = {}
        for number in range(STEPS):
            data |= await astep(key, number)
        return data

    DBOS.launch()
    if load.mode == "queue":
        DBOS.register_queue("visits", worker_concurrency=load.concurrency, polling_interval_sec=0.02)
    modes: dict[str, Callable[[], float]] = {
        "calls": lambda: _threads(load, visit),
        "started": lambda: _threads(load, lambda key: DBOS.start_workflow(visit, key).get_result()),
        "coroutines": lambda: asyncio.run(_coroutines(load, avisit)),
        "queue": lambda: _queue(load, lambda key: DBOS.enqueue_workflow("visits", visit, key)),
    }
    visit("warm")
    commits = _changes(load)
    used = time.process_time() + server_cpu(load.url)
    seconds = modes[load.mode]()
    used = time.process_time() + server_cpu(load.url) - used
    steps = load.visits * STEPS
    measured = DbosMeasured(steps / seconds, _settings(lite), _changes(load) - commits, 1e6 * used / steps)
    DBOS.destroy()
    return measured


def _threads(load: DbosLoad, run: Callable[[str], Any]) -> float:
    keys = [f"K{n}" for n in range(load.visits)]
    if load.concurrency == 1:
        began = time.perf_counter()
        for key in keys:
            run(key)
        return time.perf_counter() - began
    with ThreadPoolExecutor(load.concurrency) as pool:
        began = time.perf_counter()
        list(pool.map(run, keys))
        return time.perf_counter() - began


async def _coroutines(load: DbosLoad, visit: Callable[[str], Any]) -> float:
    places = asyncio.Semaphore(load.concurrency)

    async def one(number: int) -> None:
        async with places:
            await visit(f"K{number}")

    began = time.perf_counter()
    await asyncio.gather(*(one(number) for number in range(load.visits)))
    return time.perf_counter() - began


def _queue(load: DbosLoad, enqueue: Callable[[str], Any]) -> float:
    began = time.perf_counter()
    with ThreadPoolExecutor(16) as pool:
        handles = list(pool.map(enqueue, [f"K{n}" for n in range(load.visits)]))
    for handle in handles:
        handle.get_result(polling_interval_sec=0.02)
    return time.perf_counter() - began


def _changes(load: DbosLoad) -> int:
    """Return the counter in the header of an SQLite file, which each transaction raises unless there is a WAL."""
    if load.wal or not load.url.startswith("sqlite"):
        return 0
    with file_of(load.url).open("rb") as file:
        return int.from_bytes(file.read(28)[24:])


def _settings(lite: bool) -> str:
    """Return what is in force on a connection of DBOS's own engine."""
    import sqlalchemy
    from dbos._dbos import _get_dbos_instance

    names = ("journal_mode", "synchronous") if lite else ("server_version", "fsync", "synchronous_commit")
    found = []
    with _get_dbos_instance()._sys_db.engine.connect() as connection:
        for name in names:
            value = connection.execute(sqlalchemy.text(f"PRAGMA {name}" if lite else f"SHOW {name}")).scalar()
            value = {0: "OFF", 1: "NORMAL", 2: "FULL", 3: "EXTRA"}.get(value, value) if name == "synchronous" else value
            found.append(f"{name}={value}")
    return " ".join(found)


if __name__ == "__main__":
    print(json.dumps(asdict(_run(DbosLoad(**json.loads(sys.argv[1]))))))
