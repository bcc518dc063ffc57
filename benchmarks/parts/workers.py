"""One to four worker processes on one PostgreSQL, with a peer that takes 50 ms a call and with one that takes none."""

from __future__ import annotations

from benchmarks.figures import Part, Target, ratios
from benchmarks.parts.setting import MANY, Setting
from benchmarks.places import PostgresPlace, postgres_place
from benchmarks.workers_run import WorkersLoad, measure

WORKERS = (1, 2, 3, 4)
DISPATCHES = ("embedded", "procrastinate")
#: Visits that a worker moves at once while the peer is slow: the peer is what limits it.
FEW = 4


def workers(setting: Setting) -> Part:
    """Throughput by the number of workers."""
    part = Part("workers", "several workers on one PostgreSQL")
    part.table.append(("peer", "dispatch", *(f"{count} worker{'s' * (count > 1)}" for count in WORKERS)))
    with postgres_place(setting.folder) as place:
        for slow in (True, False):
            for dispatch in DISPATCHES:
                _measure(setting, part, place, slow, dispatch)
    part.notes.append(
        f"A slow peer takes 50 ms a call, and each worker moves {FEW} visits at once, so that one worker makes at most"
        f" {FEW / 0.05:,.0f} steps/s; with a fast one it moves {MANY}. All visits have been opened before; each worker"
        " is a process of its own, on the cores that the server has as well. The table shows medians of steps/s."
    )
    return part


def _measure(setting: Setting, part: Part, place: PostgresPlace, slow: bool, dispatch: str) -> None:
    rates: dict[int, list[float]] = {count: [] for count in WORKERS}
    for run in range(setting.runs):
        for count in WORKERS:
            visits = setting.sized // 20 * count if slow else setting.visits // 4
            with place.new() as url:
                load = WorkersLoad(url, count, visits, FEW if slow else MANY, slow, dispatch)
                rates[count].append(measure(load))
            setting.say(
                f"workers, run {run + 1}: {load.dispatch}, slow {slow}, {count}: {rates[count][-1]:,.0f} steps/s"
            )
    peer = "50 ms" if slow else "at once"
    medians = (f"{sorted(runs)[len(runs) // 2]:,.0f}" for runs in rates.values())
    part.table.append((peer, dispatch, *medians))
    for count in (2, 4):
        target = Target(0.85 * count, digits=1) if slow else None
        part.add(f"{dispatch}, answers {peer}: {count} workers to one", ratios(rates[count], rates[1]), 2, target)
