"""The schema's version: bring it up to date, or refuse to work with another one.

Programs of two adjacent versions may work side by side (ADR 37). A migration that the program before it can work with
says so, ``works_with = "009"``; the database keeps the oldest revision whose program may use it, for programs that do
not know the migration.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sqlalchemy import delete, insert, inspect, select, text
from sqlalchemy.engine import Connection

from engine.errors import SchemaOutdated
from storage.dialects import dialect_of
from storage.tables import CounterRow

_counters: Any = CounterRow.__table__  # type: ignore[attr-defined]
_OLDEST = "oldest_program"
_MIGRATIONS = Path(__file__).parent / "migrations"

#: Stands before the revision in a backup: a copy that is put in the store's place by hand does not start, for it would
#: send again what was sent after it was made. Only a restore takes the mark away, when every visit is held.
BACKUP_MARK = "backup-"


def revisions() -> list[str]:
    """Return the revisions that this version of the program knows, oldest first: ``versions/v009_lists.py`` is 009."""
    return sorted(path.name[1:].partition("_")[0] for path in (_MIGRATIONS / "versions").glob("v[0-9]*_*.py"))


def needed() -> str:
    """Return the revision that this version of the program needs."""
    return revisions()[-1]


def current(connection: Connection) -> str | None:
    """Return the database's revision, or None for an empty database."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    found: str | None = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    return found


def oldest() -> int:
    """Return the number of the oldest revision whose program works with what this version of the program makes."""
    from storage.migrating import oldest_of  # here and below: only who upgrades waits for alembic

    return oldest_of(_MIGRATIONS)


def is_usable(connection: Connection, found: str | None) -> bool:
    """Tell whether this program may work on a database: its schema, or a newer one that was made with it in mind."""
    if found == needed():
        return True
    if found is None or not found.isdigit() or int(found) < int(needed()):
        return False
    kept = connection.execute(select(_counters.c.next).where(_counters.c.name == _OLDEST)).scalar()
    return kept is not None and int(kept) <= int(needed())


def require_current(connection: Connection) -> None:
    """Raise SchemaOutdated unless this program may work on the database."""
    found = current(connection)
    refuse_backup(connection, found)
    if not is_usable(connection, found):
        raise SchemaOutdated(
            f"the database's schema is {found or 'empty'}, this version needs {needed()}; run `visitflow db upgrade`",
            found=found,
            needed=needed(),
        )


def refuse_backup(connection: Connection, found: str | None) -> None:
    """Raise SchemaOutdated for a copy that `db restore` has not taken in, or not to the end."""
    marked = found is not None and found.startswith(BACKUP_MARK)
    if marked or (found is None and inspect(connection).has_table("visits")):
        raise SchemaOutdated(
            "this database is a backup: it is older than what the peers know; take it in with `visitflow db restore`",
            found=found,
            needed=needed(),
        )


def refuse_newer(found: str) -> None:
    """Raise SchemaOutdated for a schema that this version of the program does not know, and cannot bring anywhere."""
    if not found.startswith(BACKUP_MARK) and found not in revisions():
        raise SchemaOutdated(
            f"the database's schema is {found}, this version of the program knows up to {needed()}: install the newer"
            " version again, or restore a backup made before the upgrade",
            found=found,
            needed=needed(),
        )


def upgrade(url: str) -> tuple[str | None, str]:
    """Bring the database at ``url`` up to date; return the revision before and after."""
    engine = dialect_of(url).writer_engine()
    try:
        with engine.connect() as connection:
            before = current(connection)
            refuse_backup(connection, before)
            connection.rollback()
            with connection.begin():
                _up(connection)
            after = current(connection)
        assert after is not None
        return before, after
    finally:
        engine.dispose()


def upgrade_backup(url: str) -> None:
    """Bring a backup's schema up to date, in one transaction; it stays marked as a backup throughout."""
    engine = dialect_of(url).engine()
    try:
        with engine.connect() as connection, connection.begin():
            found = current(connection) or ""
            name_schema(connection, found.removeprefix(BACKUP_MARK))
            _up(connection)
            name_schema(connection, BACKUP_MARK + needed())
    finally:
        engine.dispose()


def _up(connection: Connection) -> None:
    """Run what is missing, and write down which programs may use what it leads to."""
    from storage.migrating import up

    up(connection, _MIGRATIONS)
    connection.execute(delete(_counters).where(_counters.c.name == _OLDEST))
    connection.execute(insert(_counters).values(name=_OLDEST, next=oldest()))


def name_schema(connection: Connection, revision: str) -> None:
    """Write down which revision the database has: for backups, which migrations know nothing of."""
    connection.execute(text("DELETE FROM alembic_version"))
    connection.execute(text("INSERT INTO alembic_version (version_num) VALUES (:revision)"), {"revision": revision})
