"""Schedules from a seed: play one, play many, and cut a failing one down to a short story."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field

import structlog

from tests.simulation.fate import Fate, names
from tests.simulation.hospital import FLOWS, Hospital
from tests.simulation.loop import Idle, World
from tests.simulation.rules import hold


@dataclass
class Outcome:
    """What came of one schedule. ``broken`` is None when everything held."""

    seed: int
    kind: str
    broken: str | None
    struck: list[str]
    story: list[str] = field(default_factory=list)
    turns: int = 0
    elapsed: float = 0.0
    kills: int = 0
    pauses: int = 0  #: times that a process left the peer alone


def kind_of(seed: int) -> str:
    """Return the flow that a seed is played on: every other one on the shipped flow."""
    others = [kind for kind in FLOWS if kind != "jiangsu"]
    return "jiangsu" if seed % 2 == 0 else others[seed // 2 % len(others)]


def play(seed: int, only: Iterable[str] | None = None, *, gated: bool = False) -> Outcome:
    """Play one schedule; with ``only``, leave out every other fault. ``gated``: peers have limits and breakers."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    fate = Fate(seed, None if only is None else frozenset(only))
    world = World(fate)
    hospital: Hospital | None = None
    broken: str | None = None
    asyncio.set_event_loop(world)
    try:
        hospital = Hospital(fate, world, kind_of(seed), gated=gated)
        world.run_until_complete(_whole(hospital))
    except (AssertionError, Idle) as error:
        broken = str(error) or type(error).__name__
    except Exception as error:
        broken = f"{type(error).__name__}: {error}"
    finally:
        _bury(world)
        asyncio.set_event_loop(None)
    story = [] if hospital is None else hospital.story
    kills = sum(not life.process.alive for life in hospital.lives) if hospital is not None else 0
    pauses = 0 if hospital is None else hospital.pauses
    return Outcome(seed, kind_of(seed), broken, fate.struck, story, world.turns, world.elapsed, kills, pauses)


async def _whole(hospital: Hospital) -> None:
    await hospital.play()
    await hold(hospital)


def _bury(world: World) -> None:
    """Throw a world away. Tasks of killed processes must not run their ``finally`` in another world."""
    hook = sys.unraisablehook
    sys.unraisablehook = lambda _unraisable: None
    try:
        for task in asyncio.all_tasks(world):
            task._log_destroy_pending = False  # type: ignore[attr-defined]
            task.get_coro().close()  # type: ignore[union-attr]
    except (RuntimeError, BaseExceptionGroup):
        pass
    finally:
        world._ready.clear()
        world._scheduled.clear()
        world.close()
        sys.unraisablehook = hook


def shorten(found: Outcome, most: int = 400) -> Outcome:
    """Leave faults out as long as the same schedule still fails: first halves, then one by one."""
    best = found
    tried = 0
    size = max(1, len(best.struck) // 2)
    while tried < most:
        kept = names(best.struck)
        smaller = False
        for start in range(0, len(kept), size):
            without = kept[:start] + kept[start + size :]
            tried += 1
            again = play(found.seed, without)
            if again.broken is not None:
                best, smaller = again, True
                break
        if not smaller:
            if size == 1:
                break
            size = max(1, size // 2)
    return best


@dataclass
class Tally:
    """What a campaign came to."""

    schedules: int = 0
    failed: list[Outcome] = field(default_factory=list)
    turns: int = 0
    virtual: float = 0.0
    faults: int = 0
    kills: int = 0
    seconds: float = 0.0

    def add(self, outcome: Outcome) -> None:
        """Count one schedule."""
        self.schedules += 1
        self.turns += outcome.turns
        self.virtual += outcome.elapsed
        self.faults += len(outcome.struck)
        self.kills += outcome.kills
        if outcome.broken is not None:
            self.failed.append(outcome)


def run(
    first: int,
    count: int,
    jobs: int = 1,
    progress: Callable[[Tally, Outcome], None] = lambda _tally, _latest: None,
    most_failures: int = 5,
) -> Tally:
    """Play ``count`` schedules from seed ``first``; stop after some failures."""
    tally = Tally()
    began = time.perf_counter()
    for outcome in _played(range(first, first + count), jobs):
        tally.add(outcome)
        tally.seconds = time.perf_counter() - began
        if tally.schedules % 500 == 0 or outcome.broken is not None:
            progress(tally, outcome)
        if len(tally.failed) >= most_failures:
            break
    return tally


def _played(seeds: range, jobs: int) -> Iterator[Outcome]:
    if jobs == 1:
        yield from map(play, seeds)
        return
    with ProcessPoolExecutor(min(jobs, os.cpu_count() or 1), initializer=gc.freeze) as pool:
        yield from pool.map(play, seeds, chunksize=50)
