"""What differs between SQLite and PostgreSQL, and nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol

from sqlalchemy import Select, create_engine, event, make_url
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection, Engine

from engine.errors import BadInput


class Dialect(Protocol):
    """One kind of database."""

    def engine(self) -> Engine:
        """Return a new engine for reading."""

    def writer_engine(self) -> Engine:
        """Return a new engine for the one writer connection."""

    def insert(self, table: Any) -> Any:
        """Return an insert that knows ``on_conflict_do_...``."""

    def lock_for_claim(self, statement: Select[Any], *, skip: bool) -> Select[Any]:
        """Lock the selected visits, leaving out (``skip``) or waiting for those that another claimer has locked."""


class Sqlite:
    """The embedded store: WAL, synchronous=FULL, so that a commit survives a power cut."""

    def __init__(self, url: str) -> None:
        """``url`` is ``sqlite:///path``. Raises BadInput when the folder does not exist."""
        path = make_url(url).database
        if not path or path == ":memory:":
            raise BadInput("the SQLite store needs a file: sqlite:///path/visitflow.db", field="store")
        if not Path(path).parent.is_dir():
            raise BadInput(f"the folder {Path(path).parent} does not exist", field="store")
        self._url = url

    def engine(self) -> Engine:
        """Return an engine whose transactions only read."""
        return self._make("BEGIN")

    def writer_engine(self) -> Engine:
        """Return an engine that takes the write lock at once: never a deadlock, never a lost update."""
        return self._make("BEGIN IMMEDIATE")

    def insert(self, table: Any) -> Any:
        """Return SQLite's insert."""
        return sqlite.insert(table)

    def lock_for_claim(self, statement: Select[Any], *, skip: bool) -> Select[Any]:
        """Return the statement as it is: the write transaction has the whole database locked."""
        return statement

    def _make(self, begin: str) -> Engine:
        engine = create_engine(self._url, connect_args={"timeout": 30, "check_same_thread": False})

        @event.listens_for(engine, "connect")
        def _prepare(connection: Any, _record: object) -> None:
            connection.isolation_level = None  # transactions are begun below, not by the driver
            for pragma in ("journal_mode=WAL", "synchronous=FULL", "busy_timeout=30000", "foreign_keys=ON"):
                connection.execute(f"PRAGMA {pragma}")

        @event.listens_for(engine, "begin")
        def _begin(connection: Connection) -> None:
            connection.exec_driver_sql(begin)

        return engine


#: Milliseconds between two statements of a write, which ordinarily takes less than one. Claims pass over locked visits.
_LONGEST_PAUSE = 10_000


class Postgres:
    """The server store, by psycopg 3."""

    def __init__(self, url: str) -> None:
        """``url`` is ``postgresql://...``."""
        self._url = make_url(url).set(drivername="postgresql+psycopg")

    def engine(self) -> Engine:
        """Return an engine that notices lost connections before it uses them."""
        return create_engine(self._url, pool_size=4, pool_pre_ping=True, connect_args={"connect_timeout": 10})

    def writer_engine(self) -> Engine:
        """Return the writer's engine; the writer connects anew after every failure.

        The server ends a transaction that nobody continues: the process that began it sleeps, or its host is gone.
        """
        options = f"-c synchronous_commit=on -c idle_in_transaction_session_timeout={_LONGEST_PAUSE}"
        return create_engine(
            self._url, pool_size=1, max_overflow=0, connect_args={"connect_timeout": 10, "options": options}
        )

    def insert(self, table: Any) -> Any:
        """Return PostgreSQL's insert."""
        return postgresql.insert(table)

    def lock_for_claim(self, statement: Select[Any], *, skip: bool) -> Select[Any]:
        """Lock rows; several claimers each get others."""
        return statement.with_for_update(skip_locked=skip)


def dialect_of(url: str) -> Dialect:
    """Return the dialect of a store URL. Raises BadInput."""
    if url.startswith("sqlite:///"):
        return Sqlite(url)
    if url.startswith(("postgresql://", "postgres://", "postgresql+psycopg://")):
        return Postgres(url.replace("postgres://", "postgresql://", 1))
    raise BadInput("expected sqlite:///path or postgresql://user@host/database", field="store")
