"""A store with a million closed visits beside one with none."""

from __future__ import annotations

from benchmarks.apart import apart
from benchmarks.closed import fill
from benchmarks.engine_run import Load, Measured, advance
from benchmarks.figures import Part, Target, occupied, ratios
from benchmarks.parts.setting import MANY, Setting
from benchmarks.places import SqlitePlace, file_of


def closed(setting: Setting) -> Part:
    """A million closed visits in the store."""
    part = Part("closed", f"{setting.closed:,} closed visits in the store, SQLite")
    place = SqlitePlace(setting.folder)
    with_them: list[Measured] = []
    without: list[Measured] = []
    with place.new() as full:
        filled = apart(fill, full, setting.closed)
        setting.say(f"filled: {filled}")
        apart(advance, Load(full, min(500, setting.visits), MANY))  # reads the upper pages for the first time
        for run in range(setting.runs):
            with place.new() as empty:
                without.append(apart(advance, Load(empty, setting.visits, MANY)))
            with_them.append(apart(advance, Load(full, setting.visits, MANY)))
            setting.say(f"closed, run {run + 1}: {with_them[-1].rate:,.0f} steps/s, without {without[-1].rate:,.0f}")
        size = file_of(full).stat().st_size
    full_rates, empty_rates = [each.rate for each in with_them], [each.rate for each in without]
    part.add(f"steps/s with {setting.closed:,} closed visits", full_rates)
    part.add("steps/s with none", empty_rates)
    part.add("ratio", ratios(full_rates, empty_rates), 2, Target(0.9, digits=1))
    part.limits = (
        f" With them {occupied([each.spent for each in with_them], with_them[0].steps)}; without"
        f" {occupied([each.spent for each in without], without[0].steps)}."
    )
    fewer = "all" if filled.events_each == filled.events_all else f"of {filled.events_all}: the disk is too small"
    part.notes.append(
        f"{filled.events_each} events each ({fewer}), {size / 1e9:.1f} GB; {setting.visits:,} visits are run."
    )
    return part
