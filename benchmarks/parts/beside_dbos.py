"""The same visit through DBOS: one at a time, and at the best of several ways to run many."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from benchmarks.apart import apart
from benchmarks.dbos_run import DbosLoad, DbosMeasured, measure, version
from benchmarks.engine_run import Load, Measured, whole
from benchmarks.figures import Part, Target, occupied, ratios
from benchmarks.flow import STEPS
from benchmarks.parts.setting import MANY, Setting
from benchmarks.places import Place, SqlitePlace, postgres_place

#: Ways to run many workflows at once, and how many.
_TRIED = (
    *(("calls", many) for many in (4, 16, 64)),
    *(("started", many) for many in (16, 64)),
    *(("coroutines", many) for many in (4, 16, 128)),
    *(("queue", many) for many in (16, 64)),
)


@dataclass(slots=True)
class Runs:
    """All runs at one place, in turns."""

    ours: list[Measured] = field(default_factory=list)
    ours_many: list[Measured] = field(default_factory=list)
    theirs: list[DbosMeasured] = field(default_factory=list)
    theirs_many: list[DbosMeasured] = field(default_factory=list)
    shipped: list[DbosMeasured] = field(default_factory=list)  #: SQLite with DBOS's own journal mode

    def latest(self) -> str:
        """Return the newest run of each for the progress line."""
        names = ("ours", "theirs", "shipped", "ours_many", "theirs_many")
        return ", ".join(f"{name} {getattr(self, name)[-1].rate:,.0f}" for name in names if getattr(self, name))


def dbos(setting: Setting) -> Part:
    """The same visit through DBOS, from opening to closing."""
    part = Part("dbos", "beside DBOS, from opening to closing")
    found = version()
    if found is None:
        part.notes.append("Not measured: `dbos` is not installed (`make bench` installs it).")
        return part
    part.table.append(("place", "how", "steps/s"))
    _beside(setting, part, SqlitePlace(setting.folder))
    with postgres_place(setting.folder) as place:
        _beside(setting, part, place)
    part.notes.append(
        f"DBOS {found}. Each of its steps returns a small dictionary and is durable when its result is; it writes"
        " nothing before the call. Both are timed from the first opening to the last closing. The table shows what was"
        " tried (one run each); the best was then run as often as visitflow, in turns with it."
    )
    return part


def _beside(setting: Setting, part: Part, place: Place) -> None:
    few = max(20, setting.alone // 2)
    single = DbosLoad("", "calls", few, 1)
    best = _best(setting, part, place, single)
    runs = Runs()
    for run in range(setting.runs):
        runs.ours.append(_ours(place, setting.alone, 1))
        runs.theirs.append(_theirs(place, single))
        if isinstance(place, SqlitePlace):
            runs.shipped.append(_theirs(place, replace(single, wal=False)))
        runs.ours_many.append(_ours(place, setting.visits, MANY))
        runs.theirs_many.append(_theirs(place, replace(best, visits=2 * few)))
        setting.say(f"{place.name}, run {run + 1}: {runs.latest()}")
    _figures(part, place.name, best, runs)
    _words(part, place.name, runs, few * STEPS)


def _ours(place: Place, visits: int, in_flight: int) -> Measured:
    with place.new() as url:
        return apart(whole, Load(url, visits, in_flight))


def _theirs(place: Place, load: DbosLoad) -> DbosMeasured:
    with place.new() as url:
        return measure(replace(load, url=url))


def _best(setting: Setting, part: Part, place: Place, single: DbosLoad) -> DbosLoad:
    """Try every way once and return the fastest with more than one workflow at once."""
    best, fastest = single, 0.0
    for load in (single, *(replace(single, mode=mode, concurrency=many) for mode, many in _TRIED)):
        try:
            rate = _theirs(place, load).rate
        except (RuntimeError, OSError) as error:
            setting.say(str(error))
            part.table.append((place.name, load.how, "failed"))
            continue
        setting.say(f"{place.name}, DBOS, {load.how}: {rate:,.0f} steps/s")
        part.table.append((place.name, load.how, f"{rate:,.0f}"))
        if load.concurrency > 1 and rate > fastest:
            best, fastest = load, rate
    return best


def _figures(part: Part, name: str, best: DbosLoad, runs: Runs) -> None:
    ours, theirs = [each.rate for each in runs.ours], [each.rate for each in runs.theirs]
    part.add(f"{name}: visitflow steps/s, one at a time", ours)
    part.add(f"{name}: DBOS, one at a time", theirs)
    part.add(f"{name}: ratio, one at a time", ratios(ours, theirs), 1, Target(4))
    if runs.shipped:
        shipped = [each.rate for each in runs.shipped]
        part.add(f"{name}: DBOS as shipped, one at a time", shipped)
        part.add(f"{name}: ratio to DBOS as shipped", ratios(ours, shipped), 1, Target(4))
    ours_many, theirs_many = [each.rate for each in runs.ours_many], [each.rate for each in runs.theirs_many]
    part.add(f"{name}: visitflow steps/s, {MANY} in flight", ours_many)
    part.add(f"{name}: DBOS at its best ({best.how})", theirs_many)
    part.add(f"{name}: ratio, concurrent", ratios(ours_many, theirs_many), 1, Target(20))


def _words(part: Part, name: str, runs: Runs, steps: int) -> None:
    commits = sum(each.commits for each in runs.ours) / sum(each.steps for each in runs.ours)
    part.limits += f" {name}: visitflow makes {commits:.2f} commits a step one at a time"
    settings = f"`{runs.theirs[0].settings}`"
    if runs.shipped:
        part.limits += f", DBOS {runs.shipped[0].commits / steps:.2f}"
        settings += f" (a write-ahead log was switched on for it); as shipped with `{runs.shipped[0].settings}`"
    part.limits += f"; {occupied([each.spent for each in runs.ours], runs.ours[0].steps)}."
    part.notes.append(f"{name}: DBOS runs with {settings}.")
