"""Where the registers are kept: the store's own database, or SQLite in memory beside a store that is in memory."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from typing import Any, Generic, Protocol, TypeVar

import structlog
from sqlalchemy import Select, StaticPool, create_engine, insert
from sqlalchemy.dialects import sqlite
from sqlalchemy.engine import Connection

from engine.errors import Shredded
from storage.keyring import KeyColumns, VisitKey
from storage.sealed_columns import SealedColumns
from storage.sql_store import SqlStore
from storage.tables import METADATA, CounterRow
from storage.vault import KeyMissing, SealBroken

log = structlog.get_logger("visitflow.storage")

T = TypeVar("T")
Values = Mapping[str, Any]


class Database(Protocol):
    """What the registers need of a database."""

    async def write(self, work: Callable[[Connection], T]) -> T:
        """Run ``work`` in a transaction; on return it is durable. Raises StoreError."""

    async def read(self, work: Callable[[Connection], T]) -> T:
        """Run ``work``, which only reads. Raises StoreError."""

    def insert(self, table: Any) -> Any:
        """Return an insert that knows ``on_conflict_do_...``."""

    def for_update(self, statement: Select[Any]) -> Select[Any]:
        """Lock the selected rows, leaving out those that somebody else has locked: it never waits."""

    def sealed(self, connection: Connection, columns: SealedColumns, rows: Sequence[Values]) -> list[dict[str, Any]]:
        """Return rows as they are kept: with their sealed columns sealed. In a transaction that writes."""

    def opened(
        self, connection: Connection, columns: SealedColumns, rows: Sequence[Values], *, strict: bool = False
    ) -> list[dict[str, Any]]:
        """Return kept rows as they were. Raises SealBroken; where ``strict``, Shredded."""

    def opened_events(self, rows: Sequence[Values]) -> list[dict[str, Any]]:
        """Return events with the columns of their visits' keys as rows with readable payloads.

        What was changed in the database is left out and told in the log: one row must not hold up all readers.
        Raises KeyMissing.
        """


class SqlDatabase:
    """The store's database: written by its one writer, so that nothing here ever waits for a lock of a visit."""

    def __init__(self, store: SqlStore) -> None:
        """Use the database of ``store``."""
        self._store = store

    async def write(self, work: Callable[[Connection], T]) -> T:
        """Run ``work`` with the writer's next commit."""
        result: T = await self._store.write(work)
        return result

    async def read(self, work: Callable[[Connection], T]) -> T:
        """Run ``work`` beside the writer."""
        return await self._store.read(work)

    def insert(self, table: Any) -> Any:
        """Return the dialect's insert."""
        return self._store.dialect.insert(table)

    def for_update(self, statement: Select[Any]) -> Select[Any]:
        """Lock rows where the database locks rows."""
        return self._store.dialect.lock_for_claim(statement, skip=True)

    def sealed(self, connection: Connection, columns: SealedColumns, rows: Sequence[Values]) -> list[dict[str, Any]]:
        """Return rows with their sealed columns sealed."""
        keys = self._store.keys.for_writing(connection, [columns.owner(row) for row in rows])
        return [{**row, **columns.sealed(row, keys[columns.owner(row)])} for row in rows]

    def opened(
        self, connection: Connection, columns: SealedColumns, rows: Sequence[Values], *, strict: bool = False
    ) -> list[dict[str, Any]]:
        """Return kept rows as they were."""
        keys = self._store.keys.read(connection, list({columns.owner(row) for row in rows}))
        found = []
        for row in rows:
            key = keys.get(columns.owner(row), VisitKey(columns.owner(row), None, 0))
            if isinstance(key, Shredded):
                if strict:
                    raise key
                found.append({**row, **columns.shredded})
            else:
                found.append({**row, **columns.opened(row, key)})
        return found

    def opened_events(self, rows: Sequence[Values]) -> list[dict[str, Any]]:
        """Return events as rows with readable payloads."""
        keys: dict[str, VisitKey] = {}
        found = []
        for row in rows:
            visit_id = row["visit_id"]
            try:
                if (key := keys.get(visit_id)) is None:
                    key = self._store.keys.opened(KeyColumns(*(row[name] for name in KeyColumns._fields)))
                    keys[visit_id] = key
                found.append({**row, "payload": key.open_event(row["seq"], row["payload"])})
            except KeyMissing:
                raise
            except SealBroken as error:
                log.error("event_unreadable", visit=visit_id, seq=row["seq"], error=error.message)
        return found


class MemoryDatabase:
    """SQLite in memory, in the loop's own thread: each piece of work is one atomic step."""

    def __init__(self) -> None:
        """Begin empty."""
        connect = {"check_same_thread": False}
        self._engine = create_engine("sqlite://", poolclass=StaticPool, connect_args=connect)
        METADATA.create_all(self._engine)
        with self._engine.begin() as connection:
            connection.execute(insert(table_of(CounterRow)), {"name": "feed", "next": 1})

    async def write(self, work: Callable[[Connection], T]) -> T:
        """Run ``work`` in a transaction."""
        with self._engine.begin() as connection:
            return work(connection)

    async def read(self, work: Callable[[Connection], T]) -> T:
        """Run ``work``."""
        return await self.write(work)

    def insert(self, table: Any) -> Any:
        """Return SQLite's insert."""
        return sqlite.insert(table)

    def for_update(self, statement: Select[Any]) -> Select[Any]:
        """Return the statement as it is."""
        return statement

    def sealed(self, connection: Connection, columns: SealedColumns, rows: Sequence[Values]) -> list[dict[str, Any]]:
        """Return rows as they are: what is in memory is not sealed."""
        return [dict(row) for row in rows]

    def opened(
        self, connection: Connection, columns: SealedColumns, rows: Sequence[Values], *, strict: bool = False
    ) -> list[dict[str, Any]]:
        """Return rows as they are."""
        return [dict(row) for row in rows]

    def opened_events(self, rows: Sequence[Values]) -> list[dict[str, Any]]:
        """Return rows as they are."""
        return [dict(row) for row in rows]

    def close(self) -> None:
        """Forget everything."""
        self._engine.dispose()


def table_of(model: Any) -> Any:
    """Return the Core table of a SQLModel class."""
    return model.__table__


def record(kind: type[T], values: Values) -> T:
    """Return a row as the record ``kind``, whose fields are named as the columns."""
    return kind(**{each.name: values[each.name] for each in fields(kind)})  # type: ignore[arg-type]


def rows_of(connection: Connection, statement: Any) -> list[Values]:
    """Return what ``statement`` finds, by column."""
    return [dict(row._mapping) for row in connection.execute(statement)]


def records(kind: type[T], connection: Connection, statement: Any) -> list[T]:
    """Return what ``statement`` finds as records."""
    return [record(kind, row) for row in rows_of(connection, statement)]


def one(kind: type[T], connection: Connection, statement: Any) -> T | None:
    """Return the one row that ``statement`` finds, or None."""
    return next(iter(records(kind, connection, statement)), None)


class Sealing(Generic[T]):
    """Records of one kind whose table has sealed columns."""

    def __init__(self, database: Database, kind: type[T], columns: SealedColumns) -> None:
        self._database = database
        self._kind = kind
        self.columns = columns

    def insert(self, connection: Connection, values: Values) -> None:
        """Insert a row, sealed."""
        connection.execute(insert(self.columns.table), self.sealed(connection, values))

    def sealed(self, connection: Connection, values: Values) -> dict[str, Any]:
        """Return a row with its sealed columns sealed; it names at least the row and whose key it is under."""
        return self._database.sealed(connection, self.columns, [values])[0]

    def records(self, connection: Connection, statement: Any, *, strict: bool = False) -> list[T]:
        """Return what ``statement`` finds, readable. Raises SealBroken; where ``strict``, Shredded."""
        rows = self._database.opened(connection, self.columns, rows_of(connection, statement), strict=strict)
        return [record(self._kind, row) for row in rows]

    def one(self, connection: Connection, statement: Any) -> T | None:
        """Return the one row that ``statement`` finds, or None. Raises SealBroken, Shredded."""
        return next(iter(self.records(connection, statement, strict=True)), None)


def touched(connection: Connection, statement: Any) -> bool:
    """Run a write and tell whether it touched a row."""
    # of an insert SQLAlchemy keeps the count only when it is asked to; on PostgreSQL it would say -1
    return int(connection.execute(statement, execution_options={"preserve_rowcount": True}).rowcount) > 0
