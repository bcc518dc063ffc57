"""A hundred thousand visits whose timed upload is due in the same minute."""

from __future__ import annotations

from benchmarks.apart import apart
from benchmarks.due_run import upload, wait_for_the_hour
from benchmarks.figures import Part, Target
from benchmarks.parts.setting import MANY, Setting
from benchmarks.places import Place, SqlitePlace, postgres_place


def due(setting: Setting) -> Part:
    """Timed uploads that all come due at once."""
    part = Part("due", f"timed uploads of {setting.due:,} waiting visits, due in the same minute")
    _on(setting, part, SqlitePlace(setting.folder), "embedded")
    with postgres_place(setting.folder) as place:
        for dispatch in ("embedded", "procrastinate"):
            _on(setting, part, place, dispatch)
    part.notes.append(
        f"One worker with {MANY} visits in flight and a peer that answers at once. All timers have been due since"
        " before its start; each fires (an event), and the visit makes its one call and closes. Seconds count from the"
        " runner's start to the last visit."
    )
    return part


def _on(setting: Setting, part: Part, place: Place, dispatch: str) -> None:
    seen = []
    for run in range(min(setting.runs, 2)):
        with place.new() as url:
            apart(wait_for_the_hour, url, setting.due, dispatch)
            seen.append(apart(upload, url, setting.due, dispatch))
        setting.say(f"due, {place.name}, {dispatch}, run {run + 1}: {seen[-1]}")
    name = f"{place.name}, {dispatch}"
    part.add(f"{name}: s until the last has uploaded", [each.seconds for each in seen], 1, Target(60, at_least=False))
    part.add(f"{name}: s until half of them have", [each.half for each in seen], 1)
    part.add(f"{name}: uploads/s", [setting.due / each.seconds for each in seen])
    part.add(f"{name}: MB at the most", [each.peak / 1e6 for each in seen], 0, Target(300, at_least=False))
