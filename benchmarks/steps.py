"""Durable steps per second: 500 visits in flight, SQLite synchronous=FULL, an in-process adapter.

A step is an intent and an outcome, both durable. Beside it, in the same run, runs a bare loop that writes the same rows
in as many commits with nothing else around it: the ratio says what the engine costs. ``--write`` renews a page.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import cProfile
import datetime
import os
import platform
import pstats
import secrets
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any, ClassVar, Self

from pydantic import BaseModel

from engine.adapter import Call, Operation
from engine.catalogue import Catalogue
from engine.commands import Commands
from engine.definitions import FlowDefinition
from engine.environment import SystemEnvironment
from engine.outcomes import Done, Effect, Outcome
from engine.registry import Registry
from engine.runner import Runner, RunnerSettings
from engine.steps import BaseStep, Progress, View
from service.tuning import tune_collector
from storage import Vault, open_store, upgrade

STEPS = 7
_BEGIN, _END = "<!-- measured: begin -->", "<!-- measured: end -->"


class NullAdapter:
    """A peer that answers at once."""

    name = "null"
    operations: ClassVar[Mapping[str, Operation]] = {"do": Operation("do", Effect.ONCE)}

    @classmethod
    def from_settings(cls, settings: Mapping[str, Any]) -> Self:
        """Make one."""
        return cls()

    def message_id(self, now: int, number: int) -> str:
        """Return a message id."""
        return f"M{number:06d}"

    async def call(self, call: Call) -> Outcome:
        """Answer."""
        return Done({"number": call.message_id})

    async def close(self) -> None:
        """Do nothing."""


class Do(BaseStep):
    """The step."""

    name, role, operation = "bench.do", "peer", "do"

    def request(self, view: View) -> Mapping[str, Any]:
        """Send the key."""
        return {"visit": view.key}

    def fold(self, view: View, reply: Mapping[str, Any]) -> Progress:
        """Keep the number."""
        return Progress({"number": reply["number"]})


class Data(BaseModel):
    """What a visit knows."""

    number: str | None = None


class System:
    """What the catalogue sees."""

    STEPS: ClassVar[dict[str, Any]] = {"do": Do}
    MODELS: ClassVar[dict[str, Any]] = {"Data": Data}


def flow() -> FlowDefinition:
    """Return a flow of seven ``once`` steps."""
    names = [f"s{n}" for n in range(STEPS + 1)]
    return FlowDefinition.model_validate(
        {
            "flow": "bench",
            "version": 1,
            "adapters": {"peer": "null"},
            "data": "bench.Data",
            "opening": "bench.Data",
            "initial": names[0],
            "final": [names[-1]],
            "cancelled": "cancelled",
            "states": dict.fromkeys([*names, "cancelled"]),
            "transitions": [
                {
                    "trigger": f"t{n}",
                    "from": names[n],
                    "to": names[n + 1],
                    "step": "bench.do",
                    "auto": True,
                    "doubt": ["ask"],
                    "undo": {"impossible": "a benchmark"},
                }
                for n in range(STEPS)
            ],
        }
    )


@dataclass(frozen=True)
class Measured:
    """One run."""

    steps_per_second: float
    seconds: float
    commits: int
    largest_batch: int
    events: int


async def engine_run(folder: Path, visits: int, in_flight: int, profile: cProfile.Profile | None = None) -> Measured:
    """Open ``visits`` visits, then time the runner until the last one is closed."""
    url = f"sqlite:///{folder / 'bench.db'}"
    upgrade(url)
    environment = SystemEnvironment()
    store = open_store(url, Vault.parse("bench:" + base64.b64encode(secrets.token_bytes(32)).decode()))
    await store.start()
    registry = Registry(store, Catalogue({"bench": System}, {"null": NullAdapter}), environment)
    await registry.load([flow()])
    runner = Runner(
        store,
        registry.version,
        {"null": NullAdapter()},
        environment,
        settings=RunnerSettings(in_flight=in_flight),
    )
    commands = Commands(store, registry, environment, runner.worker)
    for start in range(0, visits, 500):
        keys = range(start, min(visits, start + 500))
        await asyncio.gather(*(commands.open("bench", f"K{n}", {}) for n in keys))
    commits, events = store.figures.commits, store.figures.events
    if profile is not None:
        profile.enable()
    began = time.perf_counter()
    await runner.start()
    while runner.figures.finished < visits:  # noqa: ASYNC110 - from outside, as an onlooker
        await asyncio.sleep(0.005)
    seconds = time.perf_counter() - began
    if profile is not None:
        profile.disable()
    figures = store.figures
    await runner.stop()
    await store.close()
    return Measured(
        visits * STEPS / seconds, seconds, figures.commits - commits, figures.largest_batch, figures.events - events
    )


def bare_run(folder: Path, visits: int, commits: int) -> float:
    """Write the same rows in as many commits by a bare loop; return steps per second."""
    path = folder / "bare.db"
    upgrade(f"sqlite:///{path}")
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA synchronous=FULL")
    payload = '{"at":1700000000000000,"kind":"intent",' + '"padding":"' + "x" * 260 + '"}'
    insert = (
        "INSERT INTO visits (visit_id, flow, version, key, state, status, seq, opened_at, updated_at, fingerprint,"
        " token, wake_at) VALUES (?, 'bench', 'v', ?, 's0', 'ready', 1, 1, 1, 'f', 1, 1)"
    )
    connection.execute("BEGIN IMMEDIATE")
    connection.executemany(insert, [(f"{n:026d}", f"K{n}") for n in range(visits)])
    connection.execute("COMMIT")
    size = max(1, visits * STEPS // max(1, commits))
    advance = (
        "UPDATE visits SET version='v', state=?, status='ready', seq=?, updated_at=2, due_at=NULL, waiting_for=NULL,"
        " cause=NULL WHERE visit_id=? AND token=1 AND seq=?"
    )
    began = time.perf_counter()
    for start in range(0, visits, size):
        chunk = range(start, min(visits, start + size))
        for step in range(STEPS):
            seq = 1 + 2 * step
            connection.execute("BEGIN IMMEDIATE")
            connection.executemany(advance, [(f"s{step + 1}", seq + 2, f"{n:026d}", seq) for n in chunk])
            rows = [(f"{n:026d}", seq + k, 1, "intent", payload) for n in chunk for k in (1, 2)]
            connection.executemany("INSERT INTO events VALUES (?, ?, ?, ?, ?)", rows)
            connection.execute("COMMIT")
    seconds = time.perf_counter() - began
    connection.close()
    return visits * STEPS / seconds


def measure(visits: int, in_flight: int, runs: int, place: Path | None) -> str:
    """Run everything ``runs`` times and return the page's part."""
    tune_collector()
    engine: list[Measured] = []
    bare: list[float] = []
    alone: list[float] = []
    for run in range(runs):
        with tempfile.TemporaryDirectory(dir=place) as folder:
            engine.append(asyncio.run(engine_run(Path(folder), visits, in_flight)))
            bare.append(bare_run(Path(folder), visits, engine[-1].commits))
        with tempfile.TemporaryDirectory(dir=place) as folder:
            alone.append(asyncio.run(engine_run(Path(folder), max(100, visits // 40), 1)).steps_per_second)
        print(f"run {run + 1}: {engine[-1].steps_per_second:,.0f} steps/s, bare loop {bare[-1]:,.0f} steps/s")
    middle = statistics.median(each.steps_per_second for each in engine)
    reference = statistics.median(bare)
    profile = cProfile.Profile()
    with tempfile.TemporaryDirectory(dir=place) as folder:
        profiled = asyncio.run(engine_run(Path(folder), visits // 2, in_flight, profile))
    lines = [
        f"Measured on {datetime.date.today():%Y-%m-%d}, {os.cpu_count()} cores, Python {platform.python_version()},"
        f" SQLite {sqlite3.sqlite_version}, by `python -m benchmarks.steps`.",
        "",
        f"| what | median of {runs} | runs |",
        "| --- | --- | --- |",
        f"| durable steps/s, {in_flight} visits in flight | **{middle:,.0f}** |"
        f" {', '.join(f'{each.steps_per_second:,.0f}' for each in engine)} |",
        f"| durable steps/s, one visit at a time | {statistics.median(alone):,.0f} |"
        f" {', '.join(f'{each:,.0f}' for each in alone)} |",
        f"| bare loop, same rows, as many commits | {reference:,.0f} | {', '.join(f'{each:,.0f}' for each in bare)} |",
        f"| ratio to the bare loop | {middle / reference:.2f} |"
        f" {', '.join(f'{e.steps_per_second / b:.2f}' for e, b in zip(engine, bare, strict=True))} |",
        f"| steps a commit | {visits * STEPS / engine[-1].commits:.0f} |"
        f" {', '.join(f'{visits * STEPS / each.commits:.0f}' for each in engine)} |",
        "",
        f"{visits:,} visits of {STEPS} `once` steps each, {engine[-1].events:,} events a run.",
        "",
        f"Profile of the event loop's thread (deterministic profiler, which slows it to"
        f" {profiled.steps_per_second:,.0f} steps/s; own time, share of all):",
        "",
        *_profile_table(profile),
    ]
    return "\n".join(lines)


def _profile_table(profile: cProfile.Profile) -> list[str]:
    statistics_ = pstats.Stats(profile, stream=StringIO())
    entries: dict[Any, Any] = statistics_.stats  # type: ignore[attr-defined]
    total = sum(entry[2] for entry in entries.values())
    rooms: dict[str, float] = {}
    for (file, _line, name), entry in entries.items():
        rooms[_room(file, name)] = rooms.get(_room(file, name), 0.0) + entry[2]
    rows = sorted(rooms.items(), key=lambda item: -item[1])[:14]
    shares = (f"| {room} | {100 * share / total:.0f} % |" for room, share in rows)
    return ["| where | share |", "| --- | --- |", *shares]


def _room(file: str, name: str) -> str:
    for room in ("engine", "storage", "benchmarks"):
        if f"/{room}/" in file:
            return f"`{room}/{Path(file).name}`"
    if "asyncio" in file or "select" in name or "epoll" in name:
        return "asyncio"
    if "pydantic" in file or "pydantic" in name:
        return "pydantic"
    return "Python built-ins and the rest"


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--visits", type=int, default=6000)
    parser.add_argument("--in-flight", type=int, default=500)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument(
        "--folder", type=Path, help="where to put the databases; default: the system's temporary folder"
    )
    parser.add_argument("--write", type=Path, help="page whose measured part is to be renewed")
    arguments = parser.parse_args()
    text = measure(arguments.visits, arguments.in_flight, arguments.runs, arguments.folder)
    print(text)
    if arguments.write is not None:
        page = arguments.write.read_text(encoding="utf-8")
        before, rest = page.split(_BEGIN)
        arguments.write.write_text(f"{before}{_BEGIN}\n{text}\n{_END}{rest.split(_END)[1]}", encoding="utf-8")


if __name__ == "__main__":
    main()
