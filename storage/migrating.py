"""Running migrations, which is all that alembic is for."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy.engine import Connection


def up(connection: Connection, migrations: Path, to: str = "head") -> None:
    """Run the migrations that a database lacks, up to a revision, within the transaction that is open."""
    config = _config(migrations)
    config.attributes["connection"] = connection
    command.upgrade(config, to)


def oldest_of(migrations: Path) -> int:
    """Return the number of the oldest revision whose program works with what all migrations together make (ADR 37)."""
    scripts = ScriptDirectory.from_config(_config(migrations)).walk_revisions()
    return max(int(getattr(script.module, "works_with", script.revision)) for script in scripts)


def _config(migrations: Path) -> Config:
    config = Config()
    config.set_main_option("script_location", str(migrations).replace("%", "%%"))
    return config
