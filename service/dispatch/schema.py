"""procrastinate's tables beside ours: laid out, and brought up to date, by ``visitflow db upgrade``.

procrastinate ships its schema and one SQL file for every change, named by the version that brought it, and leaves the
rest to its user. Which version a database has is kept as the comment on its main table.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import psycopg
from procrastinate.schema import SchemaManager

from engine.errors import SchemaOutdated, StoreError

_MARK = "visitflow: procrastinate "
_NUMBER = re.compile(r"\d+")

Version = tuple[int, ...]


def upgrade_jobs(url: str) -> tuple[str | None, str]:
    """Bring procrastinate's tables at ``url`` up to date, in one transaction; return the version before and after."""
    installed = metadata.version("procrastinate")
    with psycopg.connect(url.replace("postgresql+psycopg://", "postgresql://", 1)) as connection:
        found = laid_out(connection)
        if found is None:
            connection.execute(SchemaManager.get_schema())
        else:
            for file in _since(_version(found)):
                connection.execute(file.read_text(encoding="utf-8"))
        # The version is a number of ours and holds no quote; COMMENT takes no parameters.
        connection.execute(f"COMMENT ON TABLE procrastinate_jobs IS '{_MARK}{installed}'")
    return found, installed


def require_jobs(url: str) -> None:
    """Raise SchemaOutdated unless procrastinate's tables are there and as the installed version wants them."""
    try:
        with psycopg.connect(url.replace("postgresql+psycopg://", "postgresql://", 1)) as connection:
            found = laid_out(connection)
    except psycopg.Error as error:
        raise StoreError(f"reading failed: {type(error).__name__}") from None
    if found is None or any(_since(_version(found))):
        needed = metadata.version("procrastinate")
        raise SchemaOutdated(
            f"procrastinate's tables are {found or 'missing'}, {needed} is installed; run `visitflow db upgrade`",
            found=found,
            needed=needed,
        )


def laid_out(connection: psycopg.Connection[tuple[str | None]]) -> str | None:
    """Return which version of procrastinate the tables are of, None when there are none."""
    row = connection.execute("SELECT obj_description(to_regclass('procrastinate_jobs'), 'pg_class')").fetchone()
    comment = None if row is None else row[0]
    return None if comment is None else comment.removeprefix(_MARK)


def _since(version: Version) -> Iterator[Path]:
    """Yield the changes that came after ``version``, oldest first."""
    for file in sorted(Path(SchemaManager.get_migrations_path()).glob("*.sql")):
        if _version(file.name.split("_")[0]) > version:
            yield file


def _version(text: str) -> Version:
    return tuple(int(number) for number in _NUMBER.findall(text)[:3])
