"""Where a measurement keeps its database: SQLite files in a folder, or a PostgreSQL server of its own."""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

import psycopg

from tests import postgres


class Place(Protocol):
    """Gives new, empty databases."""

    name: str

    def new(self) -> Any:
        """Return a context manager that gives the URL of a new database and drops it in the end."""


class SqlitePlace:
    """Each database is a file in a folder of its own."""

    name = "SQLite"

    def __init__(self, folder: Path | None) -> None:
        """``folder``: None for the system's temporary folder."""
        self._folder = folder

    @contextmanager
    def new(self) -> Iterator[str]:
        """Give the URL of a new file."""
        made = tempfile.mkdtemp(prefix="visitflow-bench-", dir=self._folder)
        try:
            yield f"sqlite:///{made}/visits.db"
        finally:
            shutil.rmtree(made, ignore_errors=True)


class PostgresPlace:
    """Each database is a new one on a server."""

    name = "PostgreSQL"

    def __init__(self, url: str) -> None:
        """``url``: of the server."""
        self.url = url

    @contextmanager
    def new(self) -> Iterator[str]:
        """Give the URL of a new database."""
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute("CHECKPOINT")
        with postgres.database(self.url) as url:
            yield url


@contextmanager
def postgres_place(folder: Path | None) -> Iterator[PostgresPlace]:
    """Start a server below ``folder``, stop it afterwards. VISITFLOW_TEST_POSTGRES names another."""
    before = tempfile.tempdir
    tempfile.tempdir = str(folder) if folder is not None else before
    try:
        with postgres.server() as url:
            yield PostgresPlace(url)
    finally:
        tempfile.tempdir = before


def file_of(url: str) -> Path:
    """Return the file of an SQLite URL."""
    return Path(url.removeprefix("sqlite:///"))


class Raw:
    """A driver's connection with the few calls that both drivers need here; transactions are begun by hand."""

    def __init__(self, url: str) -> None:
        """``url``: ``sqlite:///path`` or ``postgresql://...``."""
        self._lite = url.startswith("sqlite")
        self._connection: Any
        if self._lite:
            self._connection = sqlite3.connect(file_of(url), isolation_level=None)
            self._connection.execute("PRAGMA journal_mode=WAL")
            self._connection.execute("PRAGMA synchronous=FULL")
        else:
            self._connection = psycopg.connect(url, autocommit=True, options="-c synchronous_commit=on")
        self._cursor = self._connection.cursor()

    def sql(self, text: str) -> str:
        """Return ``text``, written with ``%s``, as this driver wants it."""
        return text.replace("%s", "?") if self._lite else text

    def begin(self) -> None:
        """Begin a transaction that writes."""
        self._cursor.execute("BEGIN IMMEDIATE" if self._lite else "BEGIN")

    def commit(self) -> None:
        """Commit."""
        self._cursor.execute("COMMIT")

    def execute(self, text: str, row: Sequence[Any] = ()) -> Any:
        """Run a statement, already in this driver's form; return the cursor."""
        return self._cursor.execute(text, row)

    def many(self, text: str, rows: Sequence[Sequence[Any]]) -> None:
        """Run a statement for each row."""
        if len(rows) == 1:
            self._cursor.execute(text, rows[0])
        else:
            self._cursor.executemany(text, rows)

    def columns(self) -> list[str]:
        """Return the names of the last result's columns."""
        return [column[0] for column in self._cursor.description]

    def wal_position(self) -> int:
        """Return how many bytes of WAL the PostgreSQL server has written, 0 for SQLite."""
        if self._lite:
            return 0
        return int(self.execute("SELECT pg_current_wal_insert_lsn() - '0/0'::pg_lsn").fetchone()[0])

    def close(self) -> None:
        """Close."""
        self._connection.close()
