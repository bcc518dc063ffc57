"""Hot statements: written once for a dialect and run by the driver as they are, many rows at a time.

Core's own execution costs more than the database for statements that run ten thousand times a second. And the driver
gives the interpreter lock up and takes it again for every row of an ``executemany``, so that the event loop gets in
between each time; one statement for many rows lets SQLite and the loop work side by side (docs/performance.md).
Table and column names come from the SQLModel tables; values must be of types that the driver takes as is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Any, Protocol

from sqlalchemy import Column
from sqlalchemy.engine import Connection
from sqlalchemy.engine.interfaces import Dialect
from sqlalchemy.sql.elements import ClauseElement

Row = tuple[Any, ...]

#: How many rows one statement takes; a statement is prepared for each of these and kept by the driver.
CHUNKS = (256, 64, 16, 4, 2, 1)


class Driver(Protocol):
    """What sqlite3 and psycopg have in common."""

    def execute(self, statement: Any, parameters: Any = ..., /) -> Any:
        """Run one statement and return its cursor."""


def driver_of(connection: Connection) -> Driver:
    """Return the driver's own connection."""
    driver: Driver = connection.connection.driver_connection  # type: ignore[assignment]
    return driver


class Statement(Protocol):
    """One insert or update, for any number of rows."""

    def run(self, driver: Driver, rows: Sequence[Row]) -> int:
        """Run for all rows; return how many rows of the database were touched."""


class _InChunks:
    """For SQLite: the rows are written out as VALUES, in chunks of a few sizes."""

    def __init__(self, texts: dict[int, str]) -> None:
        self._texts = texts

    def run(self, driver: Driver, rows: Sequence[Row]) -> int:
        touched = start = 0
        for size in CHUNKS:
            while len(rows) - start >= size:
                values = list(chain.from_iterable(rows[start : start + size])) if size > 1 else rows[start]
                touched += driver.execute(self._texts[size], values).rowcount
                start += size
        return touched


class _Unnested:
    """For PostgreSQL: each column travels as one array."""

    def __init__(self, text: str) -> None:
        self._text = text

    def run(self, driver: Driver, rows: Sequence[Row]) -> int:
        columns = [list(column) for column in zip(*rows, strict=True)]
        touched: int = driver.execute(self._text, columns).rowcount
        return touched


# Names of tables and columns are the only thing that is written into these statements.
# ruff: noqa: S608


def insert_many(table: Any, dialect: Dialect) -> Statement:
    """Return the insert of whole rows, columns in the table's order."""
    columns = list(table.columns)
    head = f"INSERT INTO {table.name} ({', '.join(column.name for column in columns)})"
    if dialect.name == "postgresql":
        types = [_type(column, dialect) for column in columns]
        return _Unnested(f"{head} SELECT * FROM unnest({_arrays(types)})")
    row = f"({', '.join('?' * len(columns))})"
    return _InChunks({size: f"{head} VALUES {', '.join([row] * size)}" for size in CHUNKS})


def update_many(
    table: Any, by: Sequence[str], sets: Sequence[str], plain: dict[str, str], dialect: Dialect
) -> Statement:
    """Return the update of rows that equal ``by``.

    A row given to it holds the values of ``by``, then those of ``sets``. ``plain`` are columns set to an SQL
    expression, the same for all rows.
    """
    names = [*(f"by_{name}" for name in by), *sets]
    fixed = [f"{name} = {expression}" for name, expression in plain.items()]
    if dialect.name == "postgresql":
        types = [_type(table.c[name], dialect) for name in (*by, *sets)]
        source = f"unnest({_arrays(types)}) AS v({', '.join(names)})"
        changes = ", ".join([*(f"{name} = v.{name}" for name in sets), *fixed])
        where = " AND ".join(f"{table.name}.{name} = v.by_{name}" for name in by)
        return _Unnested(f"UPDATE {table.name} SET {changes} FROM {source} WHERE {where}")
    first = len(by) + 1
    changes = ", ".join([*(f"{name} = v.column{first + n}" for n, name in enumerate(sets)), *fixed])
    where = " AND ".join(f"{table.name}.{name} = v.column{n}" for n, name in enumerate(by, 1))
    row = f"({', '.join('?' * len(names))})"
    texts = {
        size: f"UPDATE {table.name} SET {changes} FROM (VALUES {', '.join([row] * size)}) AS v WHERE {where}"
        for size in CHUNKS
    }
    alone = ", ".join([*(f"{name} = ?{first + n}" for n, name in enumerate(sets)), *fixed])
    texts[1] = f"UPDATE {table.name} SET {alone} WHERE " + " AND ".join(
        f"{name} = ?{n}" for n, name in enumerate(by, 1)
    )
    return _InChunks(texts)


class Prepared:
    """One Core statement, written out once and run by the driver for one set of parameters."""

    def __init__(self, statement: ClauseElement, names: Sequence[str] | None, dialect: Dialect) -> None:
        """``names`` are the columns that an insert brings; None: the statement has its own parameters."""
        compiled = statement.compile(dialect=dialect, column_keys=None if names is None else list(names))
        self._sql = str(compiled)
        self._order: Sequence[str] | None = getattr(compiled, "positiontup", None)
        self._given = {} if names is not None else dict(compiled.params)

    def run(self, driver: Driver, row: Mapping[str, Any]) -> Any:
        """Run, and return the driver's cursor."""
        values = {**self._given, **row}
        return driver.execute(self._sql, values if self._order is None else [values[name] for name in self._order])


def _arrays(types: Sequence[str]) -> str:
    return ", ".join(f"%s::{kind}[]" for kind in types)


def _type(column: Column[Any], dialect: Dialect) -> str:
    """Return a column's type for an array of it."""
    return "text" if "CHAR" in (text := column.type.compile(dialect)).upper() else text
