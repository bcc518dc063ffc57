"""The book of facts: rows of visits replaced together, only where they differ, and never by older ones.

All writers, also in other processes, take one lock first, on the reader's cursor, and leave when somebody has it: a
writer of facts never waits, so it is in no deadlock with writers of visits.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import and_, bindparam, delete, func, insert, or_, select

from storage.history.facts import TABLES, Facts, Table
from storage.registers.database import Database, table_of
from storage.registers.feed import moved_on
from storage.service_tables import CursorRow, FeedRow, VisitPatientRow
from storage.tables import VisitRow

READER = "history"
_feed: Any = table_of(FeedRow)
_cursors: Any = table_of(CursorRow)
_visits: Any = table_of(VisitRow)
_patients: Any = table_of(VisitPatientRow)
_told: Any = TABLES["visits"].core
_LOCK = select(_cursors.c.position).where(_cursors.c.name == READER)

Row = tuple[Any, ...]
#: Rows by visit, then by primary key.
Rows = dict[str, dict[Row, Row]]


@dataclass(frozen=True, slots=True)
class Change:
    """What differs in one table."""

    table: Table
    gone: list[Row]  #: primary keys
    new: list[Row]


@dataclass(frozen=True, slots=True)
class Kept:
    """What keeping facts came to. Not ``done``: somebody else was at it, or knew more; the same again will do."""

    done: bool
    visits: tuple[str, ...] = ()  #: of which something differed


class HistoryRegister:
    """The facts on the store's database."""

    def __init__(self, database: Database) -> None:
        """Keep them in ``database``."""
        self._database = database

    async def changed(self, after: int, limit: int) -> tuple[int, list[str]]:
        """Return the position of the last of up to ``limit`` events of the feed, and whose events they are."""
        statement = select(_feed.c.position, _feed.c.visit_id).where(_feed.c.position > after)
        newest = statement.order_by(_feed.c.position).limit(limit)
        rows = await self._database.read(lambda connection: list(connection.execute(newest)))
        return (rows[-1][0] if rows else after), sorted({visit for _position, visit in rows})

    async def lagging(self, after: str, limit: int) -> list[str]:
        """Return visits with an id above ``after`` of which more is known than is told here, in order."""
        behind = or_(_told.c.visit_id.is_(None), _told.c.events < _visits.c.seq)
        statement = (
            select(_visits.c.visit_id)
            .outerjoin(_told, _told.c.visit_id == _visits.c.visit_id)
            .where(_visits.c.visit_id > after, behind)
            .order_by(_visits.c.visit_id)
            .limit(limit)
        )
        return await self._database.read(lambda connection: list(connection.execute(statement).scalars()))

    async def keep(self, found: Sequence[Facts], move: tuple[int, int] | None = None) -> Kept:
        """Write facts of some visits where they differ; with ``move`` the reader goes on from old to new position."""
        ids = [each.visit.visit_id for each in found]
        before = await self._database.read(lambda connection: _rows_of(connection, ids))
        known = {visit: _events(before["visits"][visit]) for visit in ids if before["visits"][visit]}
        newer = [each for each in found if each.visit.events >= known.get(each.visit.visit_id, 0)]
        changes = [_change(table, before[name], newer) for name, table in TABLES.items()]
        touched = tuple(sorted({row[0] for each in changes for row in (*each.gone, *each.new)}))

        def work(connection: Any) -> bool:
            position = connection.execute(self._database.for_update(_LOCK)).scalar()
            if position is None or (move is not None and position != move[0]):
                return False
            now = select(_told.c.visit_id, _told.c.events).where(_told.c.visit_id.in_(touched))
            if {row[0]: row[1] for row in connection.execute(now)} != {
                visit: known[visit] for visit in touched if visit in known
            }:
                return False
            for each in changes:
                _write(connection, each)
            return move is None or moved_on(connection, READER, *move)

        if not touched and move is None:
            return Kept(True)
        return Kept(await self._database.write(work), touched)

    async def differing(self, found: Sequence[Facts]) -> tuple[str, ...]:
        """Return the visits whose facts differ from those given; nothing is written."""
        ids = [each.visit.visit_id for each in found]
        before = await self._database.read(lambda connection: _rows_of(connection, ids))
        changes = [_change(table, before[name], found) for name, table in TABLES.items()]
        return tuple(sorted({row[0] for each in changes for row in (*each.gone, *each.new)}))

    async def page(
        self, first: str, last: str, flow: str | None, after: tuple[str, str], limit: int
    ) -> dict[str, list[Row]]:
        """Return up to ``limit`` visits opened from day ``first`` to ``last``, with all their rows of every table.

        ``after``: day and id of the last visit of the page before. Visits come by day and id, rows by their visits.
        """
        day, visit_id = _told.c.day, _told.c.visit_id
        chosen = select(day, visit_id).where(day >= max(first, after[0]), day <= last)
        chosen = chosen.where(or_(day > after[0], visit_id > after[1]))
        if flow is not None:
            chosen = chosen.where(_told.c.flow == flow)
        chosen = chosen.order_by(day, visit_id).limit(limit)

        def read(connection: Any) -> dict[str, list[Row]]:
            ids = [found for _day, found in connection.execute(chosen)]
            rows = _rows_of(connection, ids)
            return {name: [row for visit in ids for row in rows[name][visit].values()] for name in TABLES}

        return await self._database.read(read)

    async def visits_between(self, first: str, last: str, flow: str | None) -> int:
        """Return how many visits were opened from day ``first`` to ``last``."""
        within = and_(_told.c.day >= first, _told.c.day <= last)
        statement = select(func.count()).select_from(_told).where(within)
        if flow is not None:
            statement = statement.where(_told.c.flow == flow)
        return await self._database.read(lambda connection: int(connection.execute(statement).scalar_one()))

    async def patients(self, visits: Sequence[str]) -> dict[str, str]:
        """Return whose visits these are, as keyed hashes; of several numbers in one visit the first in order."""
        whose = (
            select(_patients.c.visit_id, func.min(_patients.c.patient))
            .where(_patients.c.visit_id.in_(list(visits)))
            .group_by(_patients.c.visit_id)
        )
        return await self._database.read(lambda connection: {row[0]: row[1] for row in connection.execute(whose)})

    async def ask(self, statement: Any) -> list[Row]:
        """Return the rows of a question to the facts."""
        return await self._database.read(lambda connection: [tuple(row) for row in connection.execute(statement)])


def _rows_of(connection: Any, visits: Sequence[str]) -> dict[str, Rows]:
    """Return what is told of some visits: table → visit → key → row, in the order of the keys."""
    found: dict[str, Rows] = {}
    for name, table in TABLES.items():
        core, rows = table.core, defaultdict[str, dict[Row, Row]](dict)
        columns = [core.c[column] for column in table.columns]
        statement = select(*columns).where(core.c.visit_id.in_(list(visits)))
        for row in connection.execute(statement.order_by(*core.primary_key.columns)):
            rows[row[0]][tuple(row[index] for index in table.key)] = tuple(row)
        found[name] = rows
    return found


def _events(rows: dict[Row, Row]) -> int:
    [row] = rows.values()
    return int(row[TABLES["visits"].columns.index("events")])


def _change(table: Table, before: Rows, found: Iterable[Facts]) -> Change:
    gone: list[Row] = []
    new: list[Row] = []
    for facts in found:
        old = before[facts.visit.visit_id]
        rows = {tuple(row[index] for index in table.key): row for row in table.rows(facts)}
        new += [row for key, row in rows.items() if old.get(key) != row]
        gone += [key for key, row in old.items() if rows.get(key) != row]
    return Change(table, gone, new)


def _write(connection: Any, change: Change) -> None:
    core, columns = change.table.core, change.table.columns
    names = [columns[index] for index in change.table.key]
    if change.gone:
        which = and_(*(core.c[name] == bindparam(f"b_{name}") for name in names))
        keys = [{f"b_{name}": value for name, value in zip(names, key, strict=True)} for key in change.gone]
        connection.execute(delete(core).where(which), keys)
    if change.new:
        connection.execute(insert(core), [dict(zip(columns, row, strict=True)) for row in change.new])
