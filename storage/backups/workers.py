"""Who works on a database right now: nobody's schema is changed and nobody's store is replaced under their hands."""

from __future__ import annotations

from typing import Any

from sqlalchemy import inspect, select
from sqlalchemy.engine import Connection

from engine.environment import MINUTE, SECOND, Micros
from engine.errors import NotLegal
from engine.processes import Processes, SystemProcesses
from engine.store import Worker
from storage.schema import current
from storage.tables import WorkerRow

_workers: Any = WorkerRow.__table__  # type: ignore[attr-defined]

#: A process of another host that was heard of so recently counts as alive: it tells of itself every few seconds.
SILENCE = 2 * MINUTE


class WorkersRun(NotLegal):
    """Processes work on this database."""

    code = "workers_run"


def live_workers(
    connection: Connection, now: Micros, processes: Processes | None = None, *, before: int | None = None
) -> list[Worker]:
    """Return the processes that work on a database: on this host by their number, elsewhere by their last sign.

    With ``before`` only those of programs older than that revision, or of which nobody knows.
    """
    processes = processes or SystemProcesses()
    there = inspect(connection)
    if not there.has_table(_workers.name):
        return []
    known = {column["name"] for column in there.get_columns(_workers.name)}  # of a schema that may be an older one
    rows = connection.execute(select(*(column for column in _workers.c if column.name in known))).mappings().all()
    found = [
        Worker(row["worker"], row["host"], row["pid"], row["process_started"], row["seen_at"])
        for row in rows
        if before is None or int(row.get("schema") or 0) < before
    ]
    here = processes.host()
    return [
        worker
        for worker in found
        if (processes.alive(worker) if worker.host == here else now - worker.seen_at < SILENCE)
    ]


def refuse_live_workers(
    connection: Connection,
    now: Micros,
    what: str,
    processes: Processes | None = None,
    *,
    before: int | None = None,
) -> None:
    """Raise WorkersRun, naming them, their schema and what to do, when processes work on the database.

    ``before``: as for :func:`live_workers`.
    """
    found = live_workers(connection, now, processes, before=before)
    if not found:
        return
    schema = current(connection)
    named = "; ".join(
        f"pid {worker.pid} on {worker.host} (seen {max(0, now - worker.seen_at) // SECOND} s ago)" for worker in found
    )
    raise WorkersRun(
        f"{what} while processes work on the database with schema {schema}: {named}; stop them first"
        " (systemctl stop visitflow), also on other machines",
        workers=[{"host": worker.host, "pid": worker.pid} for worker in found],
    )
