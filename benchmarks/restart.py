"""Kill an engine in the middle of many visits, start another, and watch from outside until all have moved again.

``python -m benchmarks.restart hang URL VARIANT VISITS`` is the process that is killed, ``... recover URL VARIANT`` the
one that takes over. Both live until they are killed.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import psutil

from benchmarks.apart import peak_memory
from benchmarks.engine_run import engine
from benchmarks.flow import STEPS, NullAdapter, SilentAdapter, flow
from benchmarks.places import file_of
from engine.adapter import Call
from engine.definitions import FlowDefinition
from engine.fairness import SHARES
from engine.gate import Priority
from engine.outcomes import Outcome
from engine.runner import RunnerSettings
from service.tuning import tune_collector
from storage import upgrade

#: The step in which the visits are when the process dies.
MIDDLE = 3
_LOOK_EVERY = 0.05
_PATIENCE = 300


@dataclass(frozen=True, slots=True)
class Variant:
    """One way of being in the middle. ``waits``: after the step that was broken off, for somebody's trigger."""

    name: str
    title: str
    first_look: str = "0s"
    reads: bool = False
    waits: bool = True

    def definition(self) -> FlowDefinition:
        """Return the flow."""
        return flow(
            reads=self.reads,
            first_look=self.first_look,
            waits_after=MIDDLE + 1 if self.waits else None,
            timeout="10m",  # the calls must not time out before their process is killed
        )


VARIANTS = {
    variant.name: variant
    for variant in (
        Variant("once", "open `once` calls, looked at immediately; then each visit waits for a trigger"),
        Variant("patient", "the same with the default `first_look` of 5 s", first_look="5s"),
        Variant("read", "open reads, repeated; then each visit waits for a trigger", reads=True),
        Variant("onward", "open `once` calls; then each visit goes on through its last steps by itself", waits=False),
    )
}


@dataclass(frozen=True, slots=True)
class Restarted:
    """What an onlooker saw, in seconds since the new process was started."""

    all_moved: float
    all_done: float  #: each is at rest: waiting for its trigger, or closed
    peak: int  #: largest resident size of the new process, in bytes
    cpu: float  #: seconds of processor that it has used


def restart(url: str, variant: Variant, visits: int) -> Restarted:
    """Bring ``visits`` visits into the middle of the flow, kill their process, start another and watch."""
    upgrade(url)
    _begin(url, variant, visits)
    connection = sqlite3.connect(f"file:{file_of(url)}?mode=ro", uri=True, isolation_level=None)
    held = f"SELECT count(*) FROM visits WHERE state = 's{MIDDLE}' AND lease_worker IS NOT NULL"
    if connection.execute(held).fetchone()[0] != visits:
        raise RuntimeError("not all visits are in the middle of the flow, leased by the process that was killed")
    end = f"s{MIDDLE + 1}" if variant.waits else f"s{STEPS}"

    def at_rest() -> int:
        ready = f"SELECT count(*) FROM visits WHERE state = '{end}' AND status != 'ready'"
        return int(connection.execute(ready).fetchone()[0])

    def all_moved() -> bool:
        return connection.execute(f"SELECT 1 FROM visits WHERE state = 's{MIDDLE}' LIMIT 1").fetchone() is None

    began = time.perf_counter()
    process = _start("recover", url, variant)
    try:
        moved = _until(began, all_moved)
        done = _until(began, lambda: at_rest() == visits)
        used = psutil.Process(process.pid).cpu_times()
        return Restarted(moved, done, peak_memory(process.pid), used.user + used.system)
    finally:
        connection.close()
        process.kill()
        process.wait()


def _begin(url: str, variant: Variant, visits: int) -> None:
    """Start the process that brings the visits into the middle; kill it when all of them are there."""
    process = _start("hang", url, variant, str(visits))
    assert process.stdout is not None
    patience = threading.Timer(_PATIENCE, process.kill)
    patience.start()
    try:
        if process.stdout.readline().strip() != b"ready":
            raise RuntimeError("the process that was to be killed ended by itself, or did not get there in time")
    finally:
        patience.cancel()
        os.kill(process.pid, signal.SIGKILL)
        process.wait()


def _start(role: str, url: str, variant: Variant, *more: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "benchmarks.restart", role, url, variant.name, *more]
    return subprocess.Popen(command, stdout=subprocess.PIPE, cwd=Path(__file__).parents[1])


def _until(began: float, reached: Callable[[], bool]) -> float:
    while not reached():
        if time.perf_counter() - began > _PATIENCE:
            raise TimeoutError("the visits did not move in time")
        time.sleep(_LOOK_EVERY)
    return time.perf_counter() - began


class Broken(NullAdapter):
    """A peer that answers each visit until it has come to the middle, and then no more."""

    def __init__(self, visits: int) -> None:
        self._calls: Counter[str] = Counter()
        self._silent = SilentAdapter(visits, lambda: print("ready", flush=True))

    async def call(self, call: Call) -> Outcome:
        """Answer, or wait for ever."""
        visit = call.request["visit"]
        self._calls[visit] += 1
        return await (super().call(call) if self._calls[visit] <= MIDDLE else self._silent.call(call))


async def _hang(url: str, variant: Variant, visits: int) -> None:
    # a call that nobody answers keeps its place, and these visits may not have all places
    settings = RunnerSettings(in_flight=int(visits / SHARES[Priority.NORMAL]) + 1)
    async with engine(url, settings, variant.definition(), Broken(visits)) as running:
        await running.open(visits)
        await running.runner.start()
        await asyncio.Event().wait()


async def _recover(url: str, variant: Variant) -> None:
    async with engine(url, RunnerSettings(), variant.definition()) as running:
        await running.runner.start()
        await asyncio.Event().wait()


def main() -> None:
    """Be one of the two processes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("role", choices=("hang", "recover"))
    parser.add_argument("url")
    parser.add_argument("variant", choices=VARIANTS)
    parser.add_argument("visits", type=int, nargs="?", default=0)
    arguments = parser.parse_args()
    variant = VARIANTS[arguments.variant]
    tune_collector()
    if arguments.role == "hang":
        asyncio.run(_hang(arguments.url, variant, arguments.visits))
    else:
        asyncio.run(_recover(arguments.url, variant))


if __name__ == "__main__":
    main()
