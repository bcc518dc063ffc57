"""What counting for /metrics costs the engine: the same run with and without it, in turns."""

from __future__ import annotations

from dataclasses import replace

from benchmarks.apart import apart
from benchmarks.engine_run import Load, Measured, advance
from benchmarks.figures import Part, Target, occupied, ratios
from benchmarks.parts.setting import MANY, Setting
from benchmarks.places import SqlitePlace


def watched(setting: Setting) -> Part:
    """What counting costs."""
    part = Part("watched", f"counting for /metrics, {MANY} in flight, SQLite")
    seen: dict[bool, list[Measured]] = {False: [], True: []}
    for turn in range(2 * setting.runs):
        for counting in (False, True) if turn % 2 else (True, False):
            with SqlitePlace(setting.folder).new() as url:
                load = replace(Load(url, setting.visits, MANY), watched=counting)
                seen[counting].append(apart(advance, load))
        setting.say(f"turn {turn + 1}: {seen[True][-1].rate:,.0f} steps/s counted, {seen[False][-1].rate:,.0f} not")
    loop = {counting: [1e6 * each.spent.own / each.steps for each in runs] for counting, runs in seen.items()}
    part.add("µs of the event loop a step, not counted", loop[False], 1)
    part.add("µs of the event loop a step, counted", loop[True], 1)
    part.add("counted to not counted, event loop", ratios(loop[True], loop[False]), 3, Target(1.03, False, 2))
    rates = [1 / each for each in ratios([m.rate for m in seen[True]], [m.rate for m in seen[False]])]
    part.add("counted to not counted, seconds", rates, 3)
    part.limits = f" {occupied([each.spent for each in seen[True]], seen[True][0].steps)}."
    return part
