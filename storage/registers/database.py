"""Where the registers are kept: the store's own database, or SQLite in memory beside a store that is in memory."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields
from typing import Any, Protocol, TypeVar

from sqlalchemy import Select, StaticPool, create_engine, insert
from sqlalchemy.dialects import sqlite
from sqlalchemy.engine import Connection

from storage.sql_store import SqlStore
from storage.tables import METADATA, CounterRow

T = TypeVar("T")


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

    def close(self) -> None:
        """Forget everything."""
        self._engine.dispose()


def table_of(model: Any) -> Any:
    """Return the Core table of a SQLModel class."""
    return model.__table__


def record(kind: type[T], row: Any) -> T:
    """Return a row as the record ``kind``, whose fields are named as the columns."""
    values: Mapping[str, Any] = row._mapping
    return kind(**{each.name: values[each.name] for each in fields(kind)})  # type: ignore[arg-type]


def records(kind: type[T], connection: Connection, statement: Any) -> list[T]:
    """Return what ``statement`` finds as records."""
    return [record(kind, row) for row in connection.execute(statement)]


def one(kind: type[T], connection: Connection, statement: Any) -> T | None:
    """Return the one row that ``statement`` finds, or None."""
    row = connection.execute(statement).one_or_none()
    return None if row is None else record(kind, row)


def touched(connection: Connection, statement: Any) -> bool:
    """Run a write and tell whether it touched a row."""
    # of an insert SQLAlchemy keeps the count only when it is asked to; on PostgreSQL it would say -1
    return int(connection.execute(statement, execution_options={"preserve_rowcount": True}).rowcount) > 0
