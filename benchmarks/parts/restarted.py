"""A process that is killed with 20,000 visits in flight, and the one after it."""

from __future__ import annotations

from benchmarks import restart
from benchmarks.figures import Part, Target
from benchmarks.parts.setting import Setting
from benchmarks.places import SqlitePlace


def restarted(setting: Setting) -> Part:
    """20,000 visits in flight, SIGKILL, a new process."""
    visits = setting.restarted
    part = Part("restart", f"restart with {visits:,} visits in flight, SQLite")
    for variant in restart.VARIANTS.values():
        seen = []
        for run in range(setting.runs):
            with SqlitePlace(setting.folder).new() as url:
                seen.append(restart.restart(url, variant, visits))
            setting.say(f"restart, {variant.name}, run {run + 1}: {seen[-1]}")
        below = Target(10, at_least=False)
        part.add(f"{variant.name}: s until the last has moved", [each.all_moved for each in seen], 1, below)
        if not variant.waits:
            part.add(f"{variant.name}: s until the last is closed", [each.all_done for each in seen], 1)
        peak = [each.peak / 1e6 for each in seen]
        part.add(f"{variant.name}: MB at the most", peak, 0, Target(300, at_least=False))
        busy = sum(each.cpu for each in seen) / sum(each.all_done for each in seen)
        part.limits += f" `{variant.name}`: the new process uses {100 * busy:.0f} % of one core."
        part.notes.append(f"`{variant.name}`: {variant.title}.")
    part.notes.append(
        f"Each visit has made {restart.MIDDLE} steps and its next call is in the air, its intent durable (reads"
        f" have none) and leased by a process with `in_flight={visits}` that is then killed by SIGKILL. The new process"
        " has default settings. Seconds count from its start, interpreter and imports included, as an onlooker sees the"
        " rows; moved means that the next state is committed. Memory is the largest resident size of the new process."
    )
    return part
