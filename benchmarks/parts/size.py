"""What a step costs in time and bytes as a visit's data grow."""

from __future__ import annotations

from dataclasses import replace

from benchmarks.apart import apart
from benchmarks.engine_run import Load, Measured, advance
from benchmarks.figures import Part, occupied
from benchmarks.parts.setting import MANY, Setting
from benchmarks.places import SqlitePlace


def size(setting: Setting) -> Part:
    """What a step costs when the visit's data is large."""
    part = Part("size", f"size of a visit's data, {MANY} in flight, SQLite")
    seen: dict[int, list[Measured]] = {}
    for kilobytes, share in ((0, 1.0), (1, 1.0), (10, 0.5), (100, 0.15)):
        seen[kilobytes] = []
        for _ in range(setting.runs):
            load = Load("", int(setting.sized * share), MANY, data_bytes=kilobytes * 1000)
            with SqlitePlace(setting.folder).new() as url:
                seen[kilobytes].append(apart(advance, replace(load, url=url)))
        setting.say(f"data of {kilobytes} KB: {seen[kilobytes][-1].rate:,.0f} steps/s")
    for kilobytes, runs in seen.items():
        name = f"{kilobytes} KB" if kilobytes else "no data"
        part.add(f"{name}: µs a step", [1e6 / each.rate for each in runs])
        part.add(f"{name}: µs of processor a step", [1e6 * each.spent.cpu / each.steps for each in runs])
        part.add(f"{name}: bytes written a step", [each.spent.written / each.steps for each in runs])
        part.add(f"{name}: commits a step", [each.commits / each.steps for each in runs], 3)
    part.notes.append(
        "Data are fee lines that the visit is opened with; opening is not timed. Bytes are those that the process hands"
        " to write calls: to the write-ahead log, and to the database when the log is moved there."
    )
    largest = seen[100]
    part.limits = f" At 100 KB {occupied([each.spent for each in largest], largest[0].steps)}."
    return part
