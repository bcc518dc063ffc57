"""What is measured, part by part, and against which targets."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks import dbos_run, restart
from benchmarks.apart import apart, sync_micros
from benchmarks.bare import BareMeasured, bare
from benchmarks.closed import fill
from benchmarks.engine_run import Load, Measured, advance, whole
from benchmarks.figures import Figure, Part, Target, occupied, ratios
from benchmarks.places import Place, PostgresPlace, Raw, SqlitePlace, file_of, postgres_place

MANY = 500


@dataclass(frozen=True, slots=True)
class Setting:
    """How much is measured."""

    folder: Path | None
    say: Callable[[str], None]
    runs: int = 3
    visits: int = 10_000  #: with 500 in flight
    alone: int = 300  #: one at a time
    restarted: int = 20_000
    closed: int = 1_000_000
    sized: int = 2_000

    def quick(self) -> Setting:
        """Return a trial: the figures mean little."""
        return replace(self, runs=1, visits=1000, alone=40, restarted=1000, closed=10_000, sized=300)


# -- (a), (b), (c): the engine beside a bare loop
def many(setting: Setting) -> Part:
    """500 visits in flight on SQLite."""
    part = Part("many", f"{MANY} visits in flight, SQLite")
    _beside_bare(setting, part, SqlitePlace(setting.folder), MANY, Target(10_000), Target(0.15, digits=2))
    return part


def alone(setting: Setting) -> Part:
    """One visit at a time on SQLite."""
    part = Part("alone", "one visit at a time, SQLite")
    _beside_bare(setting, part, SqlitePlace(setting.folder), 1, None, Target(0.4, digits=2))
    with tempfile.TemporaryDirectory(dir=setting.folder) as folder:
        micros = sync_micros(Path(folder))
    part.limits += f" In the same minutes the disk took {micros:,.0f} µs to make 4 KB durable (`fdatasync`, median)."
    return part


def postgres(setting: Setting) -> Part:
    """Both on PostgreSQL."""
    part = Part("postgres", "PostgreSQL")
    with postgres_place(setting.folder) as place:
        _beside_bare(setting, part, place, MANY, None, Target(0.15, digits=2))
        _beside_bare(setting, part, place, 1, None, Target(0.4, digits=2))
        part.notes.append(_server(place))
    return part


def _beside_bare(
    setting: Setting, part: Part, place: Place, in_flight: int, least: Target | None, ratio: Target
) -> None:
    visits = setting.alone if in_flight == 1 else setting.visits
    ours: list[Measured] = []
    theirs: list[BareMeasured] = []
    for run in range(setting.runs):
        with place.new() as url, place.new() as other:
            ours.append(apart(advance, Load(url, visits, in_flight)))
            theirs.append(apart(bare, url, other, in_flight, ours[-1].commits))
        setting.say(
            f"{place.name}, {in_flight} in flight, run {run + 1}: {ours[-1].rate:,.0f} steps/s, bare {theirs[-1].rate:,.0f}"
        )
    name = "one at a time" if in_flight == 1 else f"{in_flight} in flight"
    loop = "raw commit loop" if in_flight == 1 else "bare loop"
    our_rates, their_rates = [each.rate for each in ours], [each.rate for each in theirs]
    part.add(f"durable steps/s, {name}", our_rates, 0, least)
    part.add(f"{loop}, same rows and commits", their_rates)
    part.add(f"ratio to the {loop}", ratios(our_rates, their_rates), 2, ratio)
    _volumes(part, ours, name)
    part.notes.append(
        f"{name.capitalize()}: {visits:,} visits, {ours[-1].steps:,} steps, {ours[-1].events:,} events; commits: engine"
        f" {ours[-1].commits:,}, loop {theirs[-1].commits:,}."
    )
    part.limits += (
        f" {name.capitalize()}: {occupied([each.spent for each in ours], ours[0].steps)}; the loop uses"
        f" {sum(each.spent.cpu for each in theirs) * 1e6 / sum(each.steps for each in theirs):,.0f} µs a step."
    )


def _volumes(part: Part, ours: list[Measured], name: str) -> None:
    part.add(f"commits a step, {name}", [each.commits / each.steps for each in ours], 3)
    if any(each.wal for each in ours):
        part.add(f"bytes of WAL a step, {name}", [each.wal / each.steps for each in ours])
    else:
        part.add(f"bytes written a step, {name}", [each.spent.written / each.steps for each in ours])


def _server(place: PostgresPlace) -> str:
    raw = Raw(place.url)
    names = ("server_version", "fsync", "synchronous_commit", "full_page_writes", "wal_sync_method", "shared_buffers")
    found = [f"{name}={raw.execute(f'SHOW {name}').fetchone()[0]}" for name in names]
    raw.close()
    return f"Server found with {', '.join(f'`{each}`' for each in found)}; client on the same machine, by Unix socket."


# -- (d): beside DBOS
def dbos(setting: Setting) -> Part:
    """The same visit through DBOS, from opening to closing."""
    part = Part("dbos", "beside DBOS, from opening to closing")
    found = dbos_run.version()
    if found is None:
        part.notes.append("Not measured: `dbos` is not installed (`make bench` installs it).")
        return part
    part.table.append(("place", "how", "steps/s"))
    _beside_dbos(setting, part, SqlitePlace(setting.folder))
    with postgres_place(setting.folder) as place:
        _beside_dbos(setting, part, place)
    part.notes.append(
        f"DBOS {found}. Each of its steps returns a small dictionary and is durable when its result is: one commit a step,"
        " no intent before the call. visitflow writes intent and outcome of the same step. Both are timed from the first"
        " opening to the last closing. The table shows what was tried (one run each); the best was then run as often as"
        " visitflow."
    )
    return part


def _tried(visits: int) -> list[tuple[str, int, int]]:
    """Return what to try: mode, how many at once, visits."""
    grid = [("calls", 4), ("calls", 16), ("calls", 64), ("started", 16), ("started", 64)]
    grid += [("coroutines", 4), ("coroutines", 16), ("coroutines", 128), ("queue", 16), ("queue", 64)]
    return [(mode, concurrency, visits) for mode, concurrency in grid]


def _beside_dbos(setting: Setting, part: Part, place: Place) -> None:
    few = max(20, setting.alone // 2)

    def theirs(load: dbos_run.DbosLoad) -> dbos_run.DbosMeasured:
        with place.new() as url:
            return dbos_run.measure(replace(load, url=url))

    best, found = dbos_run.DbosLoad("", "calls", few, 1), 0.0
    for mode, concurrency, visits in [("calls", 1, few), *_tried(few)]:
        load = dbos_run.DbosLoad("", mode, visits, concurrency)
        try:
            measured = theirs(load)
        except (RuntimeError, TimeoutError, OSError) as error:
            setting.say(str(error))
            part.table.append((place.name, load.how, "failed"))
            continue
        setting.say(f"{place.name}, DBOS, {load.how}: {measured.rate:,.0f} steps/s")
        part.table.append((place.name, load.how, f"{measured.rate:,.0f}"))
        if measured.rate > found and concurrency > 1:
            best, found = load, measured.rate
    lite = isinstance(place, SqlitePlace)
    single = dbos_run.DbosLoad("", "calls", few, 1)
    rates: dict[str, list[float]] = {"ours": [], "theirs": [], "ours_many": [], "theirs_many": [], "shipped": []}
    settings = {}
    for run in range(setting.runs):
        for key, load in (("theirs", single), ("theirs_many", replace(best, visits=2 * few))):
            measured = theirs(load)
            rates[key].append(measured.rate)
            settings[key] = measured.settings
        if lite:
            measured = theirs(replace(single, wal=False))
            rates["shipped"].append(measured.rate)
            settings["shipped"] = measured.settings
        for key, visits, in_flight in (("ours", setting.alone, 1), ("ours_many", setting.visits, MANY)):
            with place.new() as url:
                rates[key].append(apart(whole, Load(url, visits, in_flight)).rate)
        setting.say(
            f"{place.name}, run {run + 1}: "
            + ", ".join(f"{key} {value[-1]:,.0f}" for key, value in rates.items() if value)
        )
    name = place.name
    part.add(f"{name}: visitflow steps/s, one at a time", rates["ours"])
    part.add(f"{name}: DBOS, one at a time", rates["theirs"])
    part.add(f"{name}: ratio, one at a time", ratios(rates["ours"], rates["theirs"]), 1, Target(4))
    if lite:
        part.add(f"{name}: DBOS as shipped, one at a time", rates["shipped"])
        part.add(f"{name}: ratio to DBOS as shipped", ratios(rates["ours"], rates["shipped"]), 1, Target(4))
    part.add(f"{name}: visitflow steps/s, {MANY} in flight", rates["ours_many"])
    part.add(f"{name}: DBOS at its best ({best.how})", rates["theirs_many"])
    part.add(f"{name}: ratio, concurrent", ratios(rates["ours_many"], rates["theirs_many"]), 1, Target(20))
    part.notes.append(
        f"{name}, DBOS found with `{settings['theirs']}`" + (f"; as shipped `{settings['shipped']}`." if lite else ".")
    )


# -- (e): restart
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
        part.notes.append(f"`{variant.name}`: {variant.title}.")
    part.notes.append(
        f"Each visit has made {restart.MIDDLE} steps and its next call is in the air, intent durable (reads: none is"
        f" written), leased by a process with `in_flight={visits}` that is then killed by SIGKILL. The new process has default"
        " settings. Seconds count from its start, interpreter and imports included, as an onlooker sees the rows; moved"
        " means that the next state is committed. Memory is the largest resident size of the new process."
    )
    return part


# -- (f): closed visits
def closed(setting: Setting) -> Part:
    """A million closed visits in the store."""
    part = Part("closed", f"{setting.closed:,} closed visits in the store, SQLite")
    place = SqlitePlace(setting.folder)
    full_rates, empty_rates = [], []
    with place.new() as full:
        filled = apart(fill, full, setting.closed)
        setting.say(f"filled: {filled}")
        # Once unmeasured: the first run after filling also reads the lists' upper pages for the first time.
        apart(advance, Load(full, min(500, setting.visits), MANY))
        for run in range(setting.runs):
            with place.new() as empty:
                empty_rates.append(apart(advance, Load(empty, setting.visits, MANY)).rate)
            full_rates.append(apart(advance, Load(full, setting.visits, MANY)).rate)
            setting.say(f"closed, run {run + 1}: {full_rates[-1]:,.0f} steps/s, without {empty_rates[-1]:,.0f}")
        size = file_of(full).stat().st_size
    part.add(f"steps/s with {setting.closed:,} closed visits", full_rates)
    part.add("steps/s with none", empty_rates)
    part.add("ratio", ratios(full_rates, empty_rates), 2, Target(0.9, digits=1))
    fewer = (
        "all of them" if filled.events_each == filled.events_all else f"of {filled.events_all}: the disk is too small"
    )
    part.notes.append(
        f"{filled.events_each} events each ({fewer}), {size / 1e9:.1f} GB; {setting.visits:,} visits a run."
    )
    return part


# -- (g): size of the data
def size(setting: Setting) -> Part:
    """What a step costs when the visit's data is large."""
    part = Part("size", f"size of a visit's data, {MANY} in flight, SQLite")
    base: Figure | None = None
    for kilobytes in (0, 1, 10, 100):
        visits = (
            setting.sized if kilobytes < 10 else setting.sized // 2 if kilobytes == 10 else max(50, setting.sized // 6)
        )
        seen: list[Measured] = []
        for _ in range(setting.runs):
            with SqlitePlace(setting.folder).new() as url:
                seen.append(apart(advance, Load(url, visits, MANY, data_bytes=kilobytes * 1000)))
        name = f"{kilobytes} KB" if kilobytes else "none"
        setting.say(f"data {name}: {seen[-1].rate:,.0f} steps/s")
        micros = part.add(f"{name}: µs a step", [1e6 / each.rate for each in seen])
        base = base or micros
        part.add(f"{name}: µs of processor a step", [1e6 * each.spent.cpu / each.steps for each in seen])
        part.add(f"{name}: bytes written a step", [each.spent.written / each.steps for each in seen])
        part.add(f"{name}: commits a step", [each.commits / each.steps for each in seen], 3)
    part.notes.append(
        "Data are fee lines that the visit is opened with; opening is not timed. Bytes written are those handed to write"
        " calls by the process: write-ahead log and the pages it is later moved to."
    )
    assert base is not None
    part.limits = " Opening writes the data once; a step writes only what it adds. What still grows is reading it when the visit is claimed and handing it to the steps."
    return part


# -- where the time goes
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


PARTS: dict[str, Callable[[Setting], Part]] = {
    "many": many,
    "alone": alone,
    "postgres": postgres,
    "dbos": dbos,
    "restart": restarted,
    "closed": closed,
    "size": size,
    "profile": profile,
}
