"""The book of facts: rows of visits replaced together, only where they differ, and never by older ones.

All writers, also in other processes, take one lock first, on the reader's cursor, and leave when somebody has it: a
writer of facts never waits, so it is in no deadlock with writers of visits.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import and_, bindparam, delete, func, insert, or_, select

from storage.history.facts import TABLES, Facts, Table
from storage.history.questions import Period
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
Rows = Mapping[str, dict[Row, Row]]
#: Where a page ended: day and id of its last visit.
Place = tuple[str, str]
BEGINNING: Place = ("", "")


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


@dataclass(frozen=True, slots=True)
class Page:
    """Some visits in order, and their rows: table → visit → rows. ``place`` is where the next page begins."""

    visits: list[str]
    place: Place
    rows: dict[str, dict[str, list[Row]]]


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

    async def page(self, period: Period, after: Place, limit: int) -> Page:
        """Return up to ``limit`` visits opened in a period with all their rows, by day and id, after a place."""
        day, visit_id = _told.c.day, _told.c.visit_id
        chosen = select(day, visit_id).where(
            period.of(_told), day >= after[0], or_(day > after[0], visit_id > after[1])
        )
        chosen = chosen.order_by(day, visit_id).limit(limit)

        def read(connection: Any) -> Page:
            places = [(found[0], found[1]) for found in connection.execute(chosen)]
            ids = [visit for _day, visit in places]
            rows = {name: _grouped(connection, table, ids) for name, table in TABLES.items()}
            return Page(ids, places[-1] if places else after, rows)

        return await self._database.read(read)

    async def visits_in(self, period: Period) -> int:
        """Return how many visits were opened in a period."""
        statement = select(func.count()).select_from(_told).where(period.of(_told))
        return await self._database.read(lambda connection: int(connection.execute(statement).scalar_one()))

    async def patients(self, visits: Sequence[str]) -> dict[str, str]:
        """Return whose visits these are, as keyed hashes: of what is surest in a visit, the first in order."""
        c = _patients.c
        whose = select(c.visit_id, c.patient).where(c.visit_id.in_(list(visits)))
        whose = whose.order_by(c.visit_id, c.known.desc(), c.patient.desc())  # the last of a visit stays
        return await self._database.read(lambda connection: {row[0]: row[1] for row in connection.execute(whose)})

    async def ask(self, statement: Any) -> list[Row]:
        """Return the rows of a question to the facts."""
        return await self._database.read(lambda connection: [tuple(row) for row in connection.execute(statement)])


def _grouped(connection: Any, table: Table, visits: Sequence[str]) -> dict[str, list[Row]]:
    """Return a table's rows of some visits: visit → rows, in the order of the keys."""
    rows = defaultdict[str, list[Row]](list)
    statement = select(*(table.core.c[column] for column in table.columns))
    chosen = statement.where(table.core.c.visit_id.in_(visits)).order_by(*table.core.primary_key.columns)
    for row in connection.execute(chosen):
        rows[row[0]].append(tuple(row))
    return rows


def _rows_of(connection: Any, visits: Sequence[str]) -> dict[str, Rows]:
    """Return what is told of some visits: table → visit → key → row."""
    return {
        name: defaultdict(dict, {visit: {table.key_of(row): row for row in rows} for visit, rows in found.items()})
        for name, table in TABLES.items()
        for found in (_grouped(connection, table, visits),)
    }


def _events(rows: dict[Row, Row]) -> int:
    [row] = rows.values()
    return int(row[TABLES["visits"].columns.index("events")])


def _change(table: Table, before: Rows, found: Iterable[Facts]) -> Change:
    gone: list[Row] = []
    new: list[Row] = []
    for facts in found:
        old = before[facts.visit.visit_id]
        rows = {table.key_of(row): row for row in table.rows(facts)}
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
