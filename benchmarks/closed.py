"""A store that has seen many visits: closed ones, put in by plain SQL after the pattern of one that the engine closed.

Only SQLite.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
from dataclasses import dataclass

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
    """Let the engine close one visit, then copy it ``visits`` times, each with a name and a key of its own."""
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
