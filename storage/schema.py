"""The schema's version: bring it up to date, or refuse to work with another one."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy.engine import Connection

from engine.errors import SchemaOutdated
from storage.dialects import dialect_of

_MIGRATIONS = Path(__file__).parent / "migrations"


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    return config


def needed() -> str:
    """Return the revision that this version of the program needs."""
    head = ScriptDirectory.from_config(_config()).get_current_head()
    assert head is not None
    return head


def current(connection: Connection) -> str | None:
    """Return the database's revision, or None for an empty database."""
    return MigrationContext.configure(connection).get_current_revision()


def require_current(connection: Connection) -> None:
    """Raise SchemaOutdated unless the database has the needed revision."""
    found = current(connection)
    if found != needed():
        raise SchemaOutdated(
            f"the database's schema is {found or 'empty'}, this version needs {needed()}; run `visitflow db upgrade`",
            found=found,
            needed=needed(),
        )


def upgrade(url: str) -> tuple[str | None, str]:
    """Bring the database at ``url`` up to date; return the revision before and after."""
    engine = dialect_of(url).writer_engine()
    try:
        with engine.connect() as connection:
            before = current(connection)
            connection.rollback()
            config = _config()
            config.attributes["connection"] = connection
            with connection.begin():
                command.upgrade(config, "head")
            after = current(connection)
        assert after is not None
        return before, after
    finally:
        engine.dispose()
