"""Where the time goes: no target, but what to look at next."""

from __future__ import annotations

from benchmarks.apart import apart
from benchmarks.engine_run import Load, advance
from benchmarks.figures import Part
from benchmarks.parts.setting import MANY, Setting
from benchmarks.places import SqlitePlace


def profile(setting: Setting) -> Part:
    """A profile of the event loop's thread, many in flight and one at a time."""
    part = Part("profile", "where the event loop's thread spends its time, SQLite")
    part.table.append(("where", f"{MANY} in flight", "one at a time"))
    columns = []
    for visits, in_flight in ((setting.visits // 2, MANY), (setting.alone, 1)):
        with SqlitePlace(setting.folder).new() as url:
            measured = apart(advance, Load(url, visits, in_flight, profiled=True))
        part.notes.append(f"The profiler slows {in_flight} in flight to {measured.rate:,.0f} steps/s.")
        columns.append(dict(measured.profile or []))
    for place in columns[0]:
        part.table.append((place, *(f"{100 * column.get(place, 0):.0f} %" for column in columns)))
    return part
