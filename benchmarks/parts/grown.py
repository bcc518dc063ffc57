"""A PostgreSQL that grows to ten million journal events."""

from __future__ import annotations

import psycopg

from benchmarks.apart import apart
from benchmarks.closed import grow
from benchmarks.engine_run import Load, Measured, advance
from benchmarks.figures import Part, Target, occupied
from benchmarks.parts.setting import MANY, Setting
from benchmarks.places import postgres_place


def grown(setting: Setting) -> Part:
    """The rate with none, a million and ten million events in the store."""
    part = Part("grown", f"growth to {max(setting.grown):,} journal events, PostgreSQL")
    seen: dict[int, list[Measured]] = {}
    visits = setting.visits // 4
    with postgres_place(setting.folder) as place, place.new() as url:
        apart(advance, Load(url, min(500, visits), MANY))  # makes the tables
        for events in setting.grown:
            held = apart(grow, url, events) if events else 0
            sizes = _sizes(url)
            apart(advance, Load(url, min(500, visits), MANY))  # reads the upper pages for the first time
            for run in range(setting.runs):
                seen.setdefault(events, []).append(apart(advance, Load(url, visits, MANY)))
                setting.say(f"grown, {held:,} events, run {run + 1}: {seen[events][-1].rate:,.0f} steps/s")
            part.add(f"{events:,} events: steps/s", [each.rate for each in seen[events]])
            part.add(f"{events:,} events: µs of processor a step, the server's too", [x.micros for x in seen[events]])
            part.notes.append(f"{events:,} events: tables and indices of {sizes}.")
    first, last = (seen[each] for each in (min(setting.grown), max(setting.grown)))
    rates = [one.rate / other.rate for one, other in zip(last, first, strict=True)]
    part.add("ratio of the rates, most to none", rates, 2, Target(0.9, digits=1))
    part.limits = f" With the most {occupied([each.spent for each in last], last[0].steps)}, the server's apart."
    part.notes.append(f"{visits:,} visits are run, one database for all runs; what the runs add stays in it.")
    return part


def _sizes(url: str) -> str:
    with psycopg.connect(url, autocommit=True) as connection:
        found = connection.execute(
            "SELECT relname, pg_total_relation_size(oid), pg_indexes_size(oid) FROM pg_class"
            " WHERE relname IN ('visits', 'events') ORDER BY relname"
        ).fetchall()
    return ", ".join(
        f"{name} {total / 1e6:,.0f} MB ({indices / 1e6:,.0f} of it indices)" for name, total, indices in found
    )
