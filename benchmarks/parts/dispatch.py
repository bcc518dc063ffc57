"""How visits find their worker: our own loop, procrastinate in three ways, DBOS and Restate, on the same visit."""

from __future__ import annotations

import time
from dataclasses import dataclass

import psycopg

from benchmarks import dbos_run, restate_run
from benchmarks.apart import apart
from benchmarks.dbos_run import DbosLoad
from benchmarks.engine_run import Load, Measured, told
from benchmarks.figures import Part, Target, occupied, ratios
from benchmarks.parts.setting import MANY, Setting
from benchmarks.places import PostgresPlace, postgres_place
from benchmarks.restate_run import RestateLoad
from service.dispatch.schema import upgrade_jobs

#: Ways to run many of DBOS's workflows that did best on PostgreSQL, and its queue, which is what it dispatches by.
_DBOS = (DbosLoad("", "calls", 0, 4), DbosLoad("", "queue", 0, 16))
_RESTATE_AT_ONCE = 64
#: How many jobs wait while procrastinate is asked for one.
_WAITING = (0, 1_000, 10_000)
_SECONDS = 3.0


@dataclass(frozen=True, slots=True)
class Way:
    """One way to dispatch: its words, its name among ``DISPATCHES``, and which share of the visits it is given."""

    words: str
    dispatch: str
    share: int = 1


OURS = (
    Way("visitflow, embedded", "embedded"),
    Way("visitflow, procrastinate (a job tells of up to 16 visits)", "procrastinate"),
    Way("visitflow, procrastinate, a job a visit", "a job a visit", 4),
    Way("visitflow, procrastinate, a job a visit, the visit as its lock", "a job a visit, locked", 4),
)


def dispatch(setting: Setting) -> Part:
    """All ways in turns, on one server, from the first opening to the last closing."""
    part = Part("dispatch", "how visits find their worker, PostgreSQL")
    ours: dict[str, list[Measured]] = {way.dispatch: [] for way in OURS}
    rates: dict[str, list[float]] = {}
    micros: dict[str, list[float]] = {}
    with postgres_place(setting.folder) as place:
        for run in range(setting.runs):
            for way in OURS:
                with place.new() as url:
                    visits = max(100, setting.visits // 2 // way.share)
                    measured = apart(told, Load(url, visits, MANY, dispatch=way.dispatch))
                ours[way.dispatch].append(measured)
                rates.setdefault(way.words, []).append(measured.rate)
                micros.setdefault(way.words, []).append(measured.micros)
                setting.say(f"run {run + 1}: {way.words}: {measured.rate:,.0f} steps/s, {measured.micros:,.0f} µs")
            for words, rate, used in _others(setting, place):
                rates.setdefault(words, []).append(rate)
                micros.setdefault(words, []).append(used)
                setting.say(f"run {run + 1}: {words}: {rate:,.0f} steps/s, {used:,.0f} µs")
        part.table = _fetches(place)
    _figures(part, rates, micros)
    spent = ours["procrastinate"]
    part.limits = f" {occupied([each.spent for each in spent], spent[0].steps)}. {_commits(ours)}"
    part.notes.append(
        "All visits are opened by one process as fast as it can, adopted by none, and wait for the dispatch: the"
        f" dearest case for jobs. A job a visit is given {1 / OURS[2].share:.0%} of the visits."
    )
    if restate_run.server() is None:
        part.notes.append("Restate was not measured: benchmarks/restate_run.py says what it needs.")
    part.notes.append(
        "The table: one connection fetches and finishes jobs that do nothing, by procrastinate's own functions, 500 of"
        " them ready, beside jobs that wait for a time far off, each with its visit as lock; right after they were"
        " written, and after ANALYZE."
    )
    return part


def _others(setting: Setting, place: PostgresPlace) -> list[tuple[str, float, float]]:
    found = []
    few = max(20, setting.alone)
    if (name := dbos_run.version()) is not None:
        for load in _DBOS:
            with place.new() as url:
                measured = dbos_run.measure(DbosLoad(url, load.mode, few, load.concurrency))
            found.append((f"DBOS {name}, {load.how}", measured.rate, measured.micros))
    if restate_run.server() is not None:
        theirs = restate_run.measure(RestateLoad(2 * few, _RESTATE_AT_ONCE))
        words = f"{restate_run.version()}, {_RESTATE_AT_ONCE} at once, its own store"
        found.append((words, theirs.rate, theirs.micros))
    return found


def _figures(part: Part, rates: dict[str, list[float]], micros: dict[str, list[float]]) -> None:
    for words, runs in rates.items():
        part.add(f"{words}: steps/s", runs, target=Target(3000) if words == OURS[1].words else None)
    for words, runs in micros.items():
        part.add(f"{words}: µs of processor a step, server and all", runs)
    _ratios(part, "steps/s", rates, aims=True)
    less = {words: [1 / each for each in runs] for words, runs in micros.items()}
    _ratios(part, "steps a second of processor", less, aims=False)


def _ratios(part: Part, what: str, of: dict[str, list[float]], *, aims: bool) -> None:
    """Add how often ours does what the others do; ``aims``: with the targets."""
    embedded, jobs = of[OURS[0].words], of[OURS[1].words]
    part.add(f"{what}: procrastinate to embedded", ratios(jobs, embedded), 2, Target(0.8, digits=1) if aims else None)
    for way in OURS[2:]:
        part.add(f"{what}: {way.dispatch}, to embedded", ratios(of[way.words], embedded), 2)
    theirs = [runs for words, runs in of.items() if words.startswith("DBOS")]
    if theirs:
        best = [max(each) for each in zip(*theirs, strict=True)]
        part.add(f"{what}: procrastinate to the better of DBOS's", ratios(jobs, best), 1, Target(20) if aims else None)
    for words, runs in of.items():
        if words.startswith("restate"):
            part.add(f"{what}: procrastinate to Restate", ratios(jobs, runs), 1, Target(5) if aims else None)


def _commits(ours: dict[str, list[Measured]]) -> str:
    rows = []
    for way in OURS:
        steps = sum(each.steps for each in ours[way.dispatch])
        wal = sum(each.wal for each in ours[way.dispatch]) / steps
        rows.append(f"{way.dispatch} {wal:,.0f}")
    return f"Bytes of the server's log a step: {', '.join(rows)}."


def _fetches(place: PostgresPlace) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = [("waiting jobs", "fetched and finished/s", "after ANALYZE")]
    for waiting in _WAITING:
        rates = []
        for analyze in (False, True):
            with place.new() as url:
                upgrade_jobs(url)
                rates.append(f"{_fetch(url, waiting, analyze):,.0f}")
        rows.append((f"{waiting:,}", *rates))
    return rows


def _fetch(url: str, waiting: int, analyze: bool) -> float:
    """Fetch and finish jobs one after the other; return how many a second."""
    insert = (
        "INSERT INTO procrastinate_jobs (queue_name, task_name, lock, queueing_lock, scheduled_at)"
        " SELECT 'q', 't', v, v, now() + make_interval(hours => %s) FROM generate_series(%s::int, %s) AS n,"
        " LATERAL (SELECT 'V' || n) AS x(v)"
    )
    with psycopg.connect(url, autocommit=True, options="-c synchronous_commit=off") as connection:
        connection.execute(insert, [5, 1, waiting])
        connection.execute(insert, [0, waiting + 1, waiting + 500])
        if analyze:
            connection.execute("ANALYZE procrastinate_jobs")
        registered = connection.execute("SELECT * FROM procrastinate_register_worker_v1()").fetchone()
        assert registered is not None
        began, count = time.perf_counter(), 0
        while time.perf_counter() - began < _SECONDS:
            row = connection.execute("SELECT id FROM procrastinate_fetch_job_v2(NULL, %s)", registered).fetchone()
            if row is None or row[0] is None:
                break
            connection.execute("SELECT procrastinate_finish_job_v1(%s, 'succeeded', true)", row)
            count += 1
        return count / (time.perf_counter() - began)
