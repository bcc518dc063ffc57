"""A store that has seen many visits: closed ones, put in by plain SQL after the pattern of one that the engine closed.

Their journals are sealed for the pattern's place: nobody can read them, and nobody who moves other visits does.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
from dataclasses import dataclass

import psycopg

from benchmarks.engine_run import Load, advance
from benchmarks.places import file_of

_CHUNK = 50_000
#: Beside text and payload, an event has a row header, numbers and an entry in an index.
_BESIDE = 130


@dataclass(frozen=True, slots=True)
class Filled:
    """What was put in."""

    visits: int
    events_each: int
    events_all: int  #: how many a visit of the engine has; more than ``events_each`` where the disk was too small
    bytes: int


def fill(url: str, visits: int) -> Filled:
    """Fill an SQLite file: let the engine close one visit, then copy it ``visits`` times under names of their own."""
    advance(Load(url, 1, 1))
    path = file_of(url)
    connection = sqlite3.connect(path, isolation_level=None)
    for pragma in ("journal_mode=OFF", "synchronous=OFF", "cache_size=-200000"):
        connection.execute(f"PRAGMA {pragma}")
    (pattern,) = connection.execute("SELECT visit_id FROM visits").fetchone()
    every, size = connection.execute("SELECT count(*), sum(length(payload)) FROM events").fetchone()
    fitting = int(shutil.disk_usage(path.parent).free * 0.5 / visits / (size / every + _BESIDE))
    kept = max(2, min(every, fitting))
    for table, own, which in (
        ("visits", {"visit_id": "printf('%026d', n)", "key": "'C' || n", "fingerprint": "printf('%064d', n)"}, ""),
        ("events", {"visit_id": "printf('%026d', n)"}, f"AND (seq < {kept} OR kind = 'closed')"),
    ):
        _copy(connection, table, own, f"WHERE visit_id = '{pattern}' {which}", visits)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.close()
    handle = os.open(path, os.O_RDWR)
    os.fsync(handle)  # the measurement must not wait for these bytes
    os.close(handle)
    return Filled(visits, kept, every, path.stat().st_size)


def grow(url: str, events: int) -> int:
    """Add copies to a PostgreSQL until it holds about so many events; return how many it holds."""
    with psycopg.connect(url, autocommit=True) as connection:
        if connection.execute("SELECT 1 FROM visits WHERE key LIKE 'pattern%'").fetchone() is None:
            advance(Load(url, 1, 1))
            connection.execute("UPDATE visits SET key = 'pattern' WHERE visit_id = (SELECT max(visit_id) FROM visits)")
        (pattern,) = connection.execute("SELECT visit_id FROM visits WHERE key = 'pattern'").fetchone() or ("",)
        (each,) = connection.execute("SELECT count(*) FROM events WHERE visit_id = %s", [pattern]).fetchone() or (1,)
        (there,) = connection.execute("SELECT count(*) FROM visits WHERE key LIKE 'C%'").fetchone() or (0,)
        own = {"visit_id": "lpad(n::text, 26, '0')", "key": "'C' || n", "fingerprint": "lpad(n::text, 64, '0')"}
        for start in range(there + 1, events // each + 1, _CHUNK):
            end = min(events // each, start + _CHUNK - 1)
            for table in ("visits", "events"):
                found = connection.execute(
                    "SELECT column_name FROM information_schema.columns WHERE table_name = %s ORDER BY 1",
                    [table],
                )
                names = [str(name) for (name,) in found]
                values = ", ".join(own.get(name, f"pattern.{name}") for name in names)
                connection.execute(
                    f"INSERT INTO {table} ({', '.join(names)}) SELECT {values}"  # type: ignore[arg-type]
                    f" FROM generate_series({start}, {end}) AS n CROSS JOIN {table} AS pattern"
                    f" WHERE pattern.visit_id = '{pattern}'"
                )
        connection.execute("VACUUM ANALYZE")
        connection.execute("CHECKPOINT")
        (held,) = connection.execute("SELECT count(*) FROM events").fetchone() or (0,)
        return int(held)


def _copy(connection: sqlite3.Connection, table: str, own: dict[str, str], where: str, visits: int) -> None:
    """Insert a row for each row of the pattern and each number, in the order of the primary key."""
    connection.execute(f"CREATE TEMP TABLE pattern_{table} AS SELECT * FROM {table} {where}")
    names = [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]
    values = ", ".join(own.get(name, name) for name in names)
    for start in range(1, visits + 1, _CHUNK):
        end = min(visits, start + _CHUNK - 1)
        connection.execute(
            f"WITH RECURSIVE numbers(n) AS (SELECT {start} UNION ALL SELECT n + 1 FROM numbers WHERE n < {end})"
            f" INSERT INTO {table} ({', '.join(names)}) SELECT {values} FROM numbers CROSS JOIN pattern_{table}"
        )
