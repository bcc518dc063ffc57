"""What differs between SQLite and PostgreSQL, and nothing else."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any, Protocol

import psycopg
from sqlalchemy import Select, create_engine, event, make_url
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import InterfaceError, OperationalError

from engine.errors import BadInput
from storage.hot import driver_of


class Dialect(Protocol):
    """One kind of database."""

    embedded: bool  #: in this process: no server to wait for
    begin: str  #: the statement that begins a writing transaction

    def engine(self) -> Engine:
        """Return a new engine for reading."""

    def writer_engine(self) -> Engine:
        """Return a new engine for the one writer connection, whose transactions are begun and ended by hand."""

    def wait_for_others(self, connection: Connection, patiently: bool) -> None:
        """Set whether a transaction waits until another process has finished writing, or fails at once."""

    def failed(self, error: BaseException) -> bool:
        """Tell whether the database itself failed (gone, locked, full), as against one job in it."""

    def busy(self, error: BaseException) -> bool:
        """Tell whether another process was writing, so that the same again will do."""

    def insert(self, table: Any) -> Any:
        """Return an insert that knows ``on_conflict_do_...``."""

    def lock_for_claim(self, statement: Select[Any], *, skip: bool, of: Any = None) -> Select[Any]:
        """Lock the selected visits, leaving out (``skip``) or waiting for those that another claimer has locked.

        ``of``: the table whose rows are locked, where several are joined.
        """


#: How long SQLite waits for another process that is writing, milliseconds.
_PATIENCE = 30000
_PRAGMAS = (
    "journal_mode=WAL",
    "synchronous=FULL",
    "secure_delete=ON",  # what is deleted or sealed is not left in the file's free space
    f"busy_timeout={_PATIENCE}",
    "foreign_keys=ON",
)


class _Failing:
    """What both databases have in common: how they fail."""

    def failed(self, error: BaseException) -> bool:
        """Tell whether the database itself failed (gone, locked, full), as against one job in it."""
        failures = (OperationalError, InterfaceError, sqlite3.OperationalError, psycopg.OperationalError)
        return isinstance(error, (*failures, psycopg.InterfaceError))

    def busy(self, error: BaseException) -> bool:
        """Tell whether another process was writing, so that the same again will do."""
        return getattr(error, "sqlite_errorcode", None) in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


class Sqlite(_Failing):
    """The embedded store: WAL, synchronous=FULL, so that a commit survives a power cut."""

    embedded = True
    begin = "BEGIN IMMEDIATE"  # the write lock at once: never a deadlock, never a lost update

    def __init__(self, url: str) -> None:
        """``url`` is ``sqlite:///path``. Raises BadInput when the folder does not exist."""
        path = make_url(url).database
        if not path or path == ":memory:":
            raise BadInput("the SQLite store needs a file: sqlite:///path/visitflow.db", field="store")
        if not Path(path).parent.is_dir():
            raise BadInput(f"the folder {Path(path).parent} does not exist", field="store")
        self._url = url
        self._patient = True

    def engine(self) -> Engine:
        """Return an engine whose transactions only read."""
        return self._make("BEGIN")

    def writer_engine(self) -> Engine:
        """Return an engine that begins no transactions of its own."""
        return self._make(None)

    def wait_for_others(self, connection: Connection, patiently: bool) -> None:
        """Set how long a transaction waits for another process that is writing."""
        if patiently != self._patient:
            driver_of(connection).execute(f"PRAGMA busy_timeout={_PATIENCE if patiently else 0}")
            self._patient = patiently

    def insert(self, table: Any) -> Any:
        """Return SQLite's insert."""
        return sqlite.insert(table)

    def lock_for_claim(self, statement: Select[Any], *, skip: bool, of: Any = None) -> Select[Any]:
        """Return the statement as it is: the write transaction has the whole database locked."""
        return statement

    def _make(self, begin: str | None) -> Engine:
        engine = create_engine(self._url, connect_args={"timeout": 30, "check_same_thread": False})

        @event.listens_for(engine, "connect")
        def _prepare(connection: Any, _record: object) -> None:
            connection.isolation_level = None  # transactions are begun below, not by the driver
            for pragma in _PRAGMAS:
                connection.execute(f"PRAGMA {pragma}")
            if begin is None:
                self._patient = True

        if begin is not None:

            @event.listens_for(engine, "begin")
            def _begin(connection: Connection) -> None:
                connection.exec_driver_sql(begin)

        return engine


#: Milliseconds between two statements of a write, which ordinarily takes less than one. Claims pass over locked visits.
_LONGEST_PAUSE = 10_000


#: A connection whose other end has gone without a word is given up after half a minute instead of after hours.
LASTING = {
    **{"connect_timeout": 10, "keepalives_idle": 10, "keepalives_interval": 5, "keepalives_count": 4},
    "tcp_user_timeout": 30_000,
}


class Postgres(_Failing):
    """The server store, by psycopg 3."""

    embedded = False
    begin = "BEGIN"

    def __init__(self, url: str) -> None:
        """``url`` is ``postgresql://...``."""
        self._url = make_url(url).set(drivername="postgresql+psycopg")

    def engine(self) -> Engine:
        """Return an engine that notices lost connections before it uses them."""
        return create_engine(self._url, pool_size=4, pool_pre_ping=True, connect_args=LASTING)

    def writer_engine(self) -> Engine:
        """Return the writer's engine; the writer connects anew after every failure.

        The server ends a transaction that nobody continues: the process that began it sleeps, or its host is gone.
        """
        options = f"-c synchronous_commit=on -c idle_in_transaction_session_timeout={_LONGEST_PAUSE}"
        return create_engine(
            self._url,
            pool_size=1,
            max_overflow=0,
            isolation_level="AUTOCOMMIT",  # transactions are begun and ended by hand
            connect_args=LASTING | {"options": options},
        )

    def wait_for_others(self, connection: Connection, patiently: bool) -> None:
        """Do nothing: writers do not lock each other out."""

    def insert(self, table: Any) -> Any:
        """Return PostgreSQL's insert."""
        return postgresql.insert(table)

    def lock_for_claim(self, statement: Select[Any], *, skip: bool, of: Any = None) -> Select[Any]:
        """Lock rows; several claimers each get others."""
        return statement.with_for_update(skip_locked=skip, of=of)


def dialect_of(url: str) -> Dialect:
    """Return the dialect of a store URL. Raises BadInput."""
    if url.startswith("sqlite:///"):
        return Sqlite(url)
    if url.startswith(("postgresql://", "postgres://", "postgresql+psycopg://")):
        return Postgres(url.replace("postgres://", "postgresql://", 1))
    raise BadInput("expected sqlite:///path or postgresql://user@host/database", field="store")
