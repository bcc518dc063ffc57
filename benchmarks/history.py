"""Exports and figures over many visits: ``python -m benchmarks.history [--visits 1000000] [--postgres]``.

The facts of one real visit (an outpatient of the shipped flow against a simulated centre) are copied, spread over
thirty days and varied in their durations; then each export and each figure runs in a process of its own, whose largest
resident size is told beside its time. Drawing facts is measured with copies of a journal. Prints Markdown.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast
from zoneinfo import ZoneInfo

from sqlalchemy import text
from sqlalchemy.engine import Connection

from benchmarks.apart import peak_memory
from benchmarks.engine_run import KEY
from benchmarks.places import SqlitePlace, postgres_place
from engine.environment import DAY
from service.application import Application
from service.history.exports.columns import Outside
from service.history.exports.files import Form, export
from service.history.figures import TOPICS, Asking, figures
from service.history.reader import HistoryReader
from storage import Vault, open_store, upgrade
from storage.history import TABLES
from storage.history.questions import Period
from storage.registers import open_registers

_PERIOD = Period("2026-11-01", "2026-11-30")
_CHUNK = 20_000
_DAYS = 30
#: Journals that are drawn from, to measure that.
_JOURNALS = 2_000


def main() -> None:
    """Read the command line, measure, print; with ``--one`` do one measurement and print it as JSON."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.history", description=__doc__)
    parser.add_argument("--visits", type=int, default=100_000)
    parser.add_argument("--postgres", action="store_true", help="on a PostgreSQL of its own instead of SQLite")
    parser.add_argument("--folder", type=Path, help="where databases and exports are put")
    parser.add_argument("--one", nargs=2, metavar=("URL", "WHAT"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        url, what = arguments.one
        print(json.dumps(asyncio.run(_one(url, what, arguments.folder))))
        return
    with _place(arguments.postgres, arguments.folder) as place, place.new() as url:
        upgrade(url)
        rate = asyncio.run(_drawing(url))
        began = time.monotonic()
        asyncio.run(_fill(url, arguments.visits))
        print(f"filled in {time.monotonic() - began:.0f} s", file=sys.stderr)
        _report(place.name, url, arguments.visits, rate, arguments.folder)


@contextmanager
def _place(postgres: bool, folder: Path | None) -> Iterator[Any]:
    if postgres:
        with postgres_place(folder) as place:
            yield place
    else:
        yield SqlitePlace(folder)


def _report(name: str, url: str, visits: int, rate: dict[str, float], folder: Path | None) -> None:
    print(f"{name}, {visits:,} visits in {_DAYS} days, {os.cpu_count()} cores, Python {platform.python_version()}\n")
    print("| what | seconds | of processor, with starting | peak memory, MB | size, MB |")
    print("| --- | --- | --- | --- | --- |")
    for what in [f"export {form.value}" for form in Form] + [f"figures {topic}" for topic in TOPICS]:
        words = [sys.executable, "-m", "benchmarks.history", "--one", url, what]
        words += ["--folder", str(folder)] if folder else []
        found = json.loads(subprocess.run(words, check=True, capture_output=True, text=True).stdout)
        size = f"{found['bytes'] / 1e6:,.0f}" if found["bytes"] else "–"
        print(
            f"| {what} | {found['seconds']:,.2f} | {found['processor']:,.2f} | {found['memory'] / 1e6:,.0f} | {size} |",
            flush=True,
        )
    print(f"\nDrawing facts: {rate['visits']:,.0f} visits of {rate['events']:.0f} events each a second of processor.")


async def _one(url: str, what: str, folder: Path | None) -> dict[str, float]:
    """Make one export, or ask for one figure; return what it took."""
    store = open_store(url, Vault.parse(KEY))
    await store.start()
    history, (kind, _, name), written = open_registers(store).history, what.partition(" "), 0
    began = time.monotonic()
    if kind == "export":
        with tempfile.TemporaryDirectory(dir=folder) as made:
            out = Path(made) / "out"
            await export(history, _PERIOD, Form(name), out, Outside(ZoneInfo("Asia/Shanghai")))
            took = time.monotonic() - began
            written = _size(out)
    else:
        await figures(name, Asking(history, _PERIOD))
        took = time.monotonic() - began
    await store.close()
    return {"seconds": took, "processor": time.process_time(), "memory": peak_memory(), "bytes": written}


def _size(path: Path) -> int:
    return sum(each.stat().st_size for each in ([path] if path.is_file() else path.iterdir()))


async def _drawing(url: str) -> dict[str, float]:
    """Draw the facts of copies of one journal; leave the pattern's own facts behind."""
    # here and not above: a process that measures memory must not hold the tests' hospital
    from tests.console.seed import seeded
    from tests.history.conftest import drawn

    store = open_store(url, Vault.parse(KEY))
    await store.start()
    seed = await seeded(store=store)
    await drawn(seed)
    pattern = seed.visits["closed"]
    await _copies(store, pattern)
    reader = HistoryReader(cast(Application, seed.wired.application))
    began = time.process_time()
    report = await reader.rebuild(repair=True)
    took = time.process_time() - began
    events = len(await store.journal(pattern))
    await _only(store, pattern)
    await store.close()
    return {"visits": report.visits / took, "events": float(events)}


async def _copies(store: Any, pattern: str) -> None:
    """Copy the pattern and its journal under new ids, unsealed, as journals of before there were keys (ADR 36)."""
    journal = await store.journal(pattern)

    def insert(connection: Connection, table: str, rows: Sequence[Mapping[str, Any]]) -> None:
        names = list(rows[0])
        values = ", ".join(f":{name}" for name in names)
        connection.execute(text(f"INSERT INTO {table} ({', '.join(names)}) VALUES ({values})"), rows)

    def work(connection: Connection) -> None:
        found = connection.execute(text("SELECT * FROM visits WHERE visit_id = :v"), {"v": pattern}).one()
        visit, numbers = dict(found._mapping), [f"{n:026}" for n in range(_JOURNALS)]
        names = [{"visit_id": n, "key": f"{visit['key']}-{n}", "published": visit["seq"]} for n in numbers]
        insert(connection, "visits", [visit | name for name in names])
        insert(connection, "visit_keys", [{"visit_id": n, "key_id": "", "plain_until": 10**6} for n in numbers])
        event = [{"seq": e.seq, "at": e.at, "kind": e.kind, "payload": e.payload} for e in journal]
        insert(connection, "events", [each | {"visit_id": n} for n in numbers for each in event])

    await store.write(work)


async def _only(store: Any, pattern: str) -> None:
    """Leave the pattern's facts alone."""

    def work(connection: Any) -> None:
        for table in TABLES:
            connection.execute(text(f"DELETE FROM history_{table} WHERE visit_id <> :v"), {"v": pattern})

    await store.write(work)


async def _fill(url: str, visits: int) -> None:
    """Copy the pattern's facts ``visits`` times over thirty days."""
    store = open_store(url, Vault.parse(KEY))
    await store.start()
    number = "printf('%026d', n)" if url.startswith("sqlite") else "lpad(n::text, 26, '0')"
    day = (
        "printf('2026-11-%02d', n % 30 + 1)"
        if url.startswith("sqlite")
        else "'2026-11-' || lpad((n % 30 + 1)::text, 2, '0')"
    )
    for name, table in TABLES.items():
        own = {"visit_id": number, "day": day, "ms": "ms + (n % 997) * 7919 % 997"}
        own |= {
            each: f"{each} + (n % 30 - 19) * {DAY}" for each in table.columns if each == "at" or each.endswith("_at")
        }
        values = ", ".join(own.get(each, each) for each in table.columns)
        for start in range(0, visits, _CHUNK):
            end = min(visits, start + _CHUNK) - 1
            statement = text(
                f"WITH RECURSIVE numbers(n) AS (SELECT {start} UNION ALL SELECT n + 1 FROM numbers WHERE n < {end})"
                f" INSERT INTO history_{name} ({', '.join(table.columns)})"
                f" SELECT {values} FROM numbers CROSS JOIN history_{name} WHERE visit_id > '1'"
            )
            await store.write(lambda connection, made=statement: connection.execute(made).rowcount)
    await store.write(lambda connection: connection.execute(text("ANALYZE")).rowcount)
    await store.close()


if __name__ == "__main__":
    main()
