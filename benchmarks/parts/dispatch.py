"""How visits find their worker: our own loop, procrastinate in three ways, DBOS and Restate, on the same visit."""

from __future__ import annotations

import time
from dataclasses import dataclass

import psycopg

from benchmarks import dbos_run, restate_run
from benchmarks.apart import apart
from benchmarks.dbos_run import DbosLoad
from benchmarks.engine_run import Load, Measured, told
from benchmarks.figures import Figure, Part, Target, occupied, ratios
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
    with postgres_place(setting.folder) as place:
        for run in range(setting.runs):
            for way in OURS:
                with place.new() as url:
                    visits = max(100, setting.visits // way.share)
                    measured = apart(told, Load(url, visits, MANY, dispatch=way.dispatch))
                ours[way.dispatch].append(measured)
                rates.setdefault(way.words, []).append(measured.rate)
                setting.say(f"dispatch, run {run + 1}: {way.words}: {measured.rate:,.0f} steps/s")
            for words, rate in _others(setting, place):
                rates.setdefault(words, []).append(rate)
                setting.say(f"dispatch, run {run + 1}: {words}: {rate:,.0f} steps/s")
        part.table = _fetches(place)
    _figures(part, rates)
    spent = ours["procrastinate"]
    part.limits = f" {occupied([each.spent for each in spent], spent[0].steps)}. {_commits(ours)}"
    part.notes.append(
        "All visits are opened by one process as fast as it can, adopted by none, and wait for the dispatch: the"
        f" dearest case for jobs. A job a visit is given {1 / OURS[2].share:.0%} of the visits."
    )
    part.notes.append(
        "The table: one connection fetches and finishes jobs that do nothing, by procrastinate's own functions, 500 of"
        " them ready, beside jobs that wait for a time far off, each with its visit as lock; right after they were"
        " written, and after ANALYZE."
    )
    return part


def _others(setting: Setting, place: PostgresPlace) -> list[tuple[str, float]]:
    found = []
    few = max(20, setting.alone)
    if (name := dbos_run.version()) is not None:
        for load in _DBOS:
            with place.new() as url:
                measured = dbos_run.measure(DbosLoad(url, load.mode, few, load.concurrency))
            found.append((f"DBOS {name}, {load.how}", measured.rate))
    if restate_run.server() is not None:
        rate = restate_run.measure(RestateLoad(2 * few, _RESTATE_AT_ONCE))
        found.append((f"{restate_run.version()}, {_RESTATE_AT_ONCE} at once, its own store", rate))
    return found


def _figures(part: Part, rates: dict[str, list[float]]) -> None:
    embedded, jobs = rates[OURS[0].words], rates[OURS[1].words]
    figures = [Figure(words, runs) for words, runs in rates.items()]
    figures[1] = Figure(OURS[1].words, jobs, target=Target(3000))
    part.figures = figures
    part.add("procrastinate to embedded", ratios(jobs, embedded), 2, Target(0.8, digits=1))
    for way in OURS[2:]:
        part.add(f"{way.dispatch}, to embedded", ratios(rates[way.words], embedded), 2)
    theirs = [words for words in rates if words.startswith("DBOS")]
    if theirs:
        best = [max(each) for each in zip(*(rates[words] for words in theirs), strict=True)]
        part.add("procrastinate to the better of DBOS's", ratios(jobs, best), 1, Target(20))
    for words, theirs_runs in rates.items():
        if words.startswith("restate"):
            part.add("procrastinate to Restate", ratios(jobs, theirs_runs), 1, Target(5))


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
