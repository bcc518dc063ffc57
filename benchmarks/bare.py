"""The bare loop: the very rows that the engine has written, written again by a driver and nothing else.

What to write is read from the database of an engine's run, so that sizes and contents are the engine's own: for each
visit the update that leases it, then for each flush the update of the visit and the inserts of its events. The same
number of visits is under way at once, and the writes are spread over exactly as many commits as the engine made. Rows
are laid out before the clock starts.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

from benchmarks.apart import Meter, Spent
from benchmarks.flow import STEPS
from benchmarks.places import Raw
from storage import upgrade

_CLAIM = "UPDATE visits SET token=token+1, lease_worker=%s, lease_until=%s, wake_at=%s WHERE visit_id=%s"
_FOLDED = "version=%s, state=%s, status=%s, seq=%s, updated_at=%s, due_at=%s, waiting_for=%s, cause=%s"
_ADVANCE = f"UPDATE visits SET {_FOLDED} WHERE visit_id=%s AND token=%s AND seq=%s"
_RELEASE = (
    f"UPDATE visits SET {_FOLDED}, wake_at=%s, lease_worker=NULL, lease_until=NULL"
    " WHERE visit_id=%s AND token=%s AND seq=%s"
)
_STATEMENTS = (_CLAIM, _ADVANCE, _RELEASE)

Row = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class BareMeasured:
    """What came of it."""

    steps: int
    spent: Spent
    commits: int
    events: int
    wal: int

    @property
    def rate(self) -> float:
        """Return steps per second."""
        return self.steps / self.spent.seconds


@dataclass(frozen=True, slots=True)
class Write:
    """One write of one visit: which statement with which row, and its events."""

    statement: str
    row: Row
    events: list[Row]


@dataclass(frozen=True, slots=True)
class Recorded:
    """The rows that an engine's run left behind: one list of writes a visit, and what was there before."""

    visit_columns: list[str]
    event_columns: list[str]
    opened: list[Row]
    first_events: list[Row]
    writes: list[list[Write]]


def bare(source: str, target: str, in_flight: int, commits: int) -> BareMeasured:
    """Write what the database ``source`` holds into a new one at ``target``, in ``commits`` commits."""
    recorded = _read(source)
    upgrade(target)
    raw = Raw(target)
    insert = _insert(raw, "events", recorded.event_columns)
    raw.begin()
    raw.many(_insert(raw, "visits", recorded.visit_columns), recorded.opened)
    raw.many(insert, recorded.first_events)
    raw.commit()
    statements = [(name, raw.sql(name)) for name in _STATEMENTS]
    batches = [_sorted_out(batch) for batch in _spread(_in_order(recorded.writes, in_flight), commits)]
    wal = raw.wal_position()
    meter = Meter()
    for updates, events in batches:
        raw.begin()
        for name, text in statements:
            if rows := updates[name]:
                raw.many(text, rows)
        if events:
            raw.many(insert, events)
        raw.commit()
    spent = meter.stop()
    measured = BareMeasured(
        steps=len(recorded.writes) * STEPS,
        spent=spent,
        commits=len(batches),
        events=sum(len(events) for _, events in batches),
        wal=raw.wal_position() - wal,
    )
    raw.close()
    return measured


def _insert(raw: Raw, table: str, columns: list[str]) -> str:
    return raw.sql(f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({', '.join(['%s'] * len(columns))})")


def _read(url: str) -> Recorded:
    raw = Raw(url)
    visits = raw.execute("SELECT * FROM visits ORDER BY visit_id").fetchall()
    visit_columns = raw.columns()
    events = raw.execute("SELECT * FROM events ORDER BY visit_id, seq").fetchall()
    event_columns = raw.columns()
    raw.close()
    name, kind = event_columns.index("visit_id"), event_columns.index("kind")
    journals: dict[str, list[Row]] = {}
    for event in events:
        journals.setdefault(event[name], []).append(event)
    named = [dict(zip(visit_columns, row, strict=True)) for row in visits]
    first = [journals[visit["visit_id"]][0] for visit in named]
    return Recorded(
        visit_columns=visit_columns,
        event_columns=event_columns,
        opened=[tuple(_as_opened(visit).values()) for visit in named],
        first_events=first,
        writes=[_writes(visit, journals[visit["visit_id"]][1:], kind) for visit in named],
    )


def _as_opened(visit: dict[str, Any]) -> dict[str, Any]:
    at = visit["opened_at"]
    return visit | {
        "state": "s0",
        "status": "ready",
        "seq": 1,
        "updated_at": at,
        "due_at": at,
        "wake_at": at,
        "token": 0,
    }


def _writes(visit: dict[str, Any], events: list[Row], kind: int) -> list[Write]:
    """Cut a journal where the engine flushed it: after each intent, and at the end."""
    name, at = visit["visit_id"], visit["updated_at"]
    writes = [Write(_CLAIM, ("worker:" + name, at, at, name), [])]
    flushes: list[list[Row]] = [[]]
    for event in events:
        flushes[-1].append(event)
        if event[kind] == "intent":
            flushes.append([])
    seq = 1
    for number, flush in enumerate(flushes):
        before, seq = seq, seq + len(flush)
        last = number == len(flushes) - 1
        status, due = ("closed", None) if last else ("ready", at)
        folded = (visit["version"], f"s{number}", status, seq, at, due, None, None)
        keys = (name, visit["token"], before)
        writes.append(
            Write(_RELEASE, (*folded, None, *keys), flush) if last else Write(_ADVANCE, (*folded, *keys), flush)
        )
    return writes


def _in_order(writes: list[list[Write]], in_flight: int) -> list[Write]:
    """Return all writes in the order of an engine that has ``in_flight`` visits under way."""
    ordered: list[Write] = []
    for start in range(0, len(writes), in_flight):
        group = writes[start : start + in_flight]
        for number in range(max(len(each) for each in group)):
            ordered.extend(each[number] for each in group if number < len(each))
    return ordered


def _spread(writes: list[Write], commits: int) -> Iterator[list[Write]]:
    """Cut the writes into as many commits, as evenly as can be; never more commits than writes."""
    commits = max(1, min(commits, len(writes)))
    rest = iter(writes)
    for number in range(commits):
        size = (number + 1) * len(writes) // commits - number * len(writes) // commits
        yield list(islice(rest, size))


def _sorted_out(batch: list[Write]) -> tuple[dict[str, list[Row]], list[Row]]:
    updates: dict[str, list[Row]] = {name: [] for name in _STATEMENTS}
    for write in batch:
        updates[write.statement].append(write.row)
    return updates, [event for write in batch for event in write.events]
