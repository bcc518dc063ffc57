"""Copies of the server store, by PostgreSQL's own tools."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from sqlalchemy import make_url, text
from sqlalchemy.engine import Connection

from engine.environment import Micros
from engine.errors import BadInput, StoreError
from storage.backups.manifest import Manifest, Progress, counts_of, create_private, digest_of, keys_of, write_manifest
from storage.backups.workers import refuse_live_workers
from storage.dialects import Dialect, dialect_of
from storage.schema import BACKUP_MARK, current, name_schema, needed, refuse_backup, upgrade_backup
from storage.sql_store import SqlStore
from storage.tables import METADATA
from storage.vault import Vault

_REVISION = "alembic_version"


def _require_kind(manifest: Manifest) -> None:
    if manifest.kind != "postgresql":
        raise BadInput("this backup is of SQLite, the store is PostgreSQL", field="path")


class PostgresCopies:
    """Copies of one PostgreSQL database, as one file in pg_dump's custom format.

    The row that names the schema is left out of the copy: a database that somebody restores without us does not start.
    """

    def __init__(self, url: str) -> None:
        """``url`` is ``postgresql://...``."""
        self._url = url
        self._dialect: Dialect = dialect_of(url)

    def make(self, to: Path, now: Micros, progress: Progress | None = None) -> Manifest:
        """Dump one moment's view; writers go on."""
        if to.exists():
            raise BadInput(f"{to} exists; choose another name", field="path")
        if not to.parent.is_dir():
            raise BadInput(f"the folder {to.parent} does not exist", field="path")
        partial = to.with_name(to.name + ".partial")
        partial.unlink(missing_ok=True)
        engine = self._dialect.engine()
        try:
            with engine.connect().execution_options(isolation_level="REPEATABLE READ") as connection:
                schema = current(connection)
                refuse_backup(connection, schema)
                if schema is None:
                    raise BadInput("this database holds no schema of ours", field="store")
                view = str(connection.execute(text("SELECT pg_export_snapshot()")).scalar_one())
                counts, keys = counts_of(connection), keys_of(connection)
                create_private(partial).close()
                words = ("--format=custom", f"--snapshot={view}", f"--exclude-table-data={_REVISION}", "--no-owner")
                self._tool("pg_dump", *words, f"--file={partial}")
            digest, size = digest_of(partial, progress), partial.stat().st_size
        except BaseException:
            partial.unlink(missing_ok=True)
            raise
        finally:
            engine.dispose()
        manifest = Manifest(
            kind="postgresql", schema=schema, made_at=now, counts=counts, keys=keys, bytes=size, sha256=digest
        )
        partial.replace(to)
        write_manifest(to, manifest)
        return manifest

    def check(self, backup: Path, manifest: Manifest, progress: Progress | None = None) -> list[str]:
        """Return what is wrong with the file; its journals can be read only after it has been restored."""
        _require_kind(manifest)
        if digest_of(backup, progress) != manifest.sha256:
            return ["the digest is not that of the manifest: the file is damaged or another one"]
        try:
            self._tool("pg_restore", f"--file={os.devnull}", str(backup), connect=False)
        except StoreError as error:
            return [error.message]
        return []

    def archived(self, backup: Path, vault: Vault) -> SqlStore | None:
        """Return None: a dump is not a database."""
        return None

    def refuse_to_overwrite(self, replace: bool, now: Micros) -> None:
        """Look whether there is a store in the database."""
        engine = self._dialect.engine()
        try:
            with engine.connect() as connection:
                refuse_live_workers(connection, now, "a store cannot be replaced")
                visits = counts_of(connection).get("visits", 0)
        finally:
            engine.dispose()
        if visits and not replace:
            raise BadInput(
                f"the database holds {visits} visits; with --replace they are deleted: make a backup first",
                field="replace",
            )

    def begin(self, backup: Path, manifest: Manifest, progress: Progress | None = None) -> str:
        """Load the dump into the database, whole or not at all; until the end it names no schema and does not start."""
        _require_kind(manifest)
        if digest_of(backup, progress) != manifest.sha256:
            raise BadInput(f"{backup} is damaged: its digest is not that of its manifest", field="path")
        self._load(backup, BACKUP_MARK + manifest.db_schema)
        upgrade_backup(self._url)
        return self._url

    def finish(self, url: str, now: Micros) -> str | None:
        """Take the mark of a backup away, last of all."""
        with self._transaction() as connection:
            name_schema(connection, needed())
        return None

    @contextmanager
    def _transaction(self) -> Iterator[Connection]:
        engine = self._dialect.engine()
        try:
            with engine.connect() as connection, connection.begin():
                yield connection
        finally:
            engine.dispose()

    # -- tools
    def _load(self, backup: Path, mark: str) -> None:
        """Put the dump in the place of our tables, in one transaction: broken off, what was there stands."""
        names = (*(table.name for table in reversed(METADATA.sorted_tables)), _REVISION)
        drops = "".join(f'DROP TABLE IF EXISTS "{name}" CASCADE;\n' for name in names)
        marked = f"\nINSERT INTO public.{_REVISION} (version_num) VALUES ('{mark}');\nCOMMIT;\n"
        words = ("--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", f"--dbname={self._address}")
        reading = [self._found("pg_restore"), "--no-owner", "--file=-", str(backup)]
        writing = [self._found("psql"), *words]
        with (
            tempfile.TemporaryFile() as told,
            subprocess.Popen(  # noqa: S603 - our words
                writing, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=told, env=self._environment
            ) as psql,
            subprocess.Popen(reading, stdout=subprocess.PIPE, stderr=told) as dump,  # noqa: S603
        ):
            assert psql.stdin is not None and dump.stdout is not None
            with suppress(BrokenPipeError):  # psql has stopped at an error, which it has told
                # No notices (views go with their tables): the first line told is the reason.
                psql.stdin.write(f"BEGIN;\nSET LOCAL client_min_messages = warning;\n{drops}".encode())
                shutil.copyfileobj(dump.stdout, psql.stdin)
                if dump.wait() == 0:  # else the end comes without a COMMIT
                    psql.stdin.write(marked.encode())
            dump.stdout.close()
            with suppress(BrokenPipeError):
                psql.stdin.close()
            if psql.wait() or dump.wait():
                told.seek(0)
                lines = told.read().decode("utf-8", "replace").strip().splitlines()
                raise StoreError(
                    f"loading failed, nothing was changed: {lines[0][:300] if lines else 'no reason told'}"
                )

    @property
    def _address(self) -> str:
        """Return the database's address without the password, which other people's process lists would show."""
        return make_url(self._url).set(drivername="postgresql", password=None).render_as_string()

    @property
    def _environment(self) -> dict[str, str]:
        password = make_url(self._url).password
        return dict(os.environ) | ({"PGPASSWORD": str(password)} if password else {})

    def _found(self, name: str) -> str:
        path = shutil.which(name)
        if path is None:
            raise BadInput(
                f"{name} is not on the PATH: install PostgreSQL's client tools of the server's version (or newer), or"
                f" have the server's administrator run {name}; a store on SQLite needs neither",
                field="store",
            )
        return path

    def _tool(self, name: str, *words: str, connect: bool = True) -> None:
        command: Sequence[str] = [self._found(name), *words, *([f"--dbname={self._address}"] if connect else [])]
        done = subprocess.run(command, env=self._environment, capture_output=True, check=False)  # noqa: S603 - our words
        if done.returncode:
            told = done.stderr.decode("utf-8", "replace").strip().splitlines()
            raise StoreError(f"{name} failed: {told[-1][:300] if told else done.returncode}")
