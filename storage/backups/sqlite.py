"""Copies of the embedded store, by SQLite's own backup interface."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sqlalchemy import NullPool, create_engine, event, inspect, make_url
from sqlalchemy.engine import Connection, Engine

from engine.environment import SECOND, Micros
from engine.errors import BadInput, StoreError
from storage.backups.manifest import Manifest, Progress, counts_of, create_private, digest_of, keys_of, write_manifest
from storage.backups.workers import refuse_live_workers
from storage.dialects import Sqlite
from storage.keyring import visit_keys
from storage.schema import BACKUP_MARK, needed, upgrade_backup
from storage.sql_store import SqlStore
from storage.vault import Vault

#: Pages copied between two looks at the world: 4 MB of 4 KB pages, some milliseconds.
STEP = 1000


class Archive(Sqlite):
    """A backup as a database that nobody writes: opened immutable, so that not even a log is made beside it."""

    def engine(self) -> Engine:
        """Return an engine that cannot write."""
        path = make_url(self._url).database or ""
        address = f"file:{quote(str(Path(path).resolve()))}?mode=ro&immutable=1"
        engine = create_engine(
            "sqlite://",
            creator=lambda: sqlite3.connect(address, uri=True, check_same_thread=False, isolation_level=None),
            poolclass=NullPool,
        )

        @event.listens_for(engine, "begin")
        def _begin(connection: Connection) -> None:
            connection.exec_driver_sql("BEGIN")

        return engine


class SqliteCopies:
    """Copies of one SQLite file."""

    def __init__(self, url: str) -> None:
        """``url`` is ``sqlite:///path``. Raises BadInput."""
        self._url = url
        Sqlite(url)
        self._path = Path(make_url(url).database or "")

    def make(self, to: Path, now: Micros, progress: Progress | None = None) -> Manifest:
        """Copy page by page from one moment's view, which is held open: writers go on and the copy never begins anew.

        What they write meanwhile stays in the write-ahead log until the copy is made: the log grows by that much.
        """
        _refuse_existing(to)
        if not self._path.is_file():
            raise BadInput(f"there is no database {self._path}", field="store")
        partial = to.with_name(to.name + ".partial")
        _remove(partial)
        create_private(partial).close()
        try:
            with closing(_connect(self._path)) as source, closing(_connect(partial)) as target:
                source.execute("BEGIN")
                schema = _schema(source)  # the first read fixes the view
                source.backup(target, pages=STEP, progress=_told(progress), sleep=0.001)
                source.execute("ROLLBACK")
                target.execute("PRAGMA journal_mode=DELETE")  # one file, complete in itself
                target.execute("UPDATE alembic_version SET version_num = ?", (BACKUP_MARK + schema,))
            _durable(partial)
            counts, keys = _contents(partial)
            size, digest = partial.stat().st_size, digest_of(partial)
        except sqlite3.Error as error:
            _remove(partial)
            raise StoreError(f"copying failed: {error}") from None
        except BaseException:
            _remove(partial)
            raise
        manifest = Manifest(
            kind="sqlite", schema=schema, made_at=now, counts=counts, keys=keys, bytes=size, sha256=digest
        )
        partial.replace(to)
        write_manifest(to, manifest)
        return manifest

    def check(self, backup: Path, manifest: Manifest, progress: Progress | None = None) -> list[str]:
        """Return what is wrong with the file."""
        _require_kind(manifest)
        if digest_of(backup, progress) != manifest.sha256:
            return ["the digest is not that of the manifest: the file is damaged or another one"]
        found = []
        try:
            with closing(_connect(backup, immutable=True)) as connection:
                rows = [str(row[0]) for row in connection.execute("PRAGMA integrity_check(20)")]
            found += [f"integrity: {row}" for row in rows if row != "ok"]
            counts, keys = _contents(backup)
        except sqlite3.Error as error:
            return [f"integrity: {error}"]
        if counts != manifest.counts or keys != manifest.keys:
            found.append("tables do not hold what the manifest says")
        return found

    def archived(self, backup: Path, vault: Vault) -> SqlStore:
        """Return the backup as a store to be read, never started."""
        archive = Archive(f"sqlite:///{backup}")
        engine = archive.engine()
        try:
            keyless = not inspect(engine).has_table(visit_keys.name)
        finally:
            engine.dispose()
        return SqlStore(archive, vault, check_schema=False, keyless=keyless)

    def refuse_to_overwrite(self, replace: bool, now: Micros) -> None:
        """Look whether there is a store in the place."""
        if not self._path.exists():
            return
        engine = Sqlite(self._url).engine()
        try:
            with engine.connect() as connection:
                refuse_live_workers(connection, now, "a store cannot be replaced")
                visits = counts_of(connection).get("visits", 0)
        finally:
            engine.dispose()
        if visits and not replace:
            raise BadInput(
                f"{self._path} holds {visits} visits; with --replace it is put aside, not deleted", field="replace"
            )

    def begin(self, backup: Path, manifest: Manifest, progress: Progress | None = None) -> str:
        """Copy the backup to a file beside the store's, in which it is made ready."""
        _require_kind(manifest)
        making = self._making
        _remove(making)
        if digest_of(backup, progress, copy_to=making) != manifest.sha256:
            _remove(making)
            raise BadInput(f"{backup} is damaged: its digest is not that of its manifest", field="path")
        url = f"sqlite:///{making}"
        upgrade_backup(url)
        return url

    def finish(self, url: str, now: Micros) -> str | None:
        """Put the file that is ready in the store's place; the store before is kept beside it."""
        with closing(_connect(self._making)) as connection:
            connection.execute("UPDATE alembic_version SET version_num = ?", (needed(),))
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            connection.execute("PRAGMA journal_mode=DELETE")
        _durable(self._making)
        aside = None
        if self._path.exists():
            stamp = datetime.fromtimestamp(now / SECOND, UTC).strftime("%Y%m%dT%H%M%SZ")
            aside = self._path.with_name(f"{self._path.name}.before-{stamp}")
            for suffix in ("", "-wal", "-shm"):
                file = Path(f"{self._path}{suffix}")
                if file.exists():
                    file.rename(f"{aside}{suffix}")
        self._making.replace(self._path)
        _durable(self._path)
        return None if aside is None else str(aside)

    @property
    def _making(self) -> Path:
        return self._path.with_name(self._path.name + ".restoring")


def _require_kind(manifest: Manifest) -> None:
    if manifest.kind != "sqlite":
        raise BadInput("this backup is of PostgreSQL, the store is SQLite", field="path")


def _refuse_existing(to: Path) -> None:
    if to.exists():
        raise BadInput(f"{to} exists; choose another name", field="path")
    if not to.parent.is_dir():
        raise BadInput(f"the folder {to.parent} does not exist", field="path")


def _connect(path: Path, immutable: bool = False) -> sqlite3.Connection:
    address = f"file:{quote(str(path.resolve()))}?" + ("mode=ro&immutable=1" if immutable else "mode=rw")
    connection = sqlite3.connect(address, uri=True, isolation_level=None, timeout=30)
    if not immutable:
        connection.execute("PRAGMA synchronous=FULL")
    return connection


def _schema(connection: sqlite3.Connection) -> str:
    try:
        row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    except sqlite3.OperationalError:
        row = None
    if row is None or str(row[0]).startswith(BACKUP_MARK):
        raise BadInput("this database holds no schema of ours, or is a backup itself", field="store")
    return str(row[0])


def _contents(path: Path) -> tuple[dict[str, int], list[str]]:
    engine = Archive(f"sqlite:///{path}").engine()
    try:
        with engine.connect() as connection:
            return counts_of(connection), keys_of(connection)
    finally:
        engine.dispose()


def _told(progress: Progress | None) -> Any:
    if progress is None:
        return None
    return lambda _status, remaining, total: progress(total - remaining, total)


def _remove(path: Path) -> None:
    for suffix in ("", "-wal", "-shm", "-journal"):
        Path(f"{path}{suffix}").unlink(missing_ok=True)


def _durable(path: Path) -> None:
    """Have a file and its name in the folder on the disk."""
    for each in (path, path.parent):
        if each.is_dir() and os.name == "nt":
            continue  # a folder cannot be opened there, nor need it be
        handle = os.open(each, os.O_RDONLY if os.name != "nt" else os.O_RDWR)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
