"""What stands beside a backup: what it is of, how much it holds, and the digest that tells whether it is whole."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, BinaryIO, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from sqlalchemy import func, inspect, select
from sqlalchemy.engine import Connection

from engine.environment import Micros
from engine.errors import BadInput
from storage.tables import METADATA, ExchangeRow, FileRow, PeerSessionRow, VisitKeyRow

_BLOCK = 1 << 20

#: Told how many bytes or pages are done, and of how many.
Progress = Callable[[int, int], None]


class Manifest(BaseModel):
    """Beside ``copy.db`` as ``copy.db.json``. Holds nothing of any visit."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    format: Literal[1] = 1
    kind: Literal["sqlite", "postgresql"]
    db_schema: str = Field(alias="schema", serialization_alias="schema")  #: the schema's revision
    made_at: Micros  #: what became durable later is not in it
    counts: dict[str, int]  #: rows by table
    keys: list[str]  #: ids of the keys that sealed something in it
    bytes: int
    sha256: str


def manifest_path(backup: Path) -> Path:
    """Return where the manifest of a backup lies."""
    return backup.with_name(backup.name + ".json")


def write_manifest(backup: Path, manifest: Manifest) -> None:
    """Write it beside the backup, durably."""
    write_whole(manifest_path(backup), manifest.model_dump_json(by_alias=True, indent=2).encode() + b"\n")


def read_manifest(backup: Path) -> Manifest:
    """Return a backup's manifest. Raises BadInput where backup or manifest is missing or not one."""
    if not backup.is_file():
        raise BadInput(f"there is no file {backup}", field="path")
    path = manifest_path(backup)
    try:
        return Manifest.model_validate_json(path.read_bytes())
    except OSError:
        raise BadInput(f"{path} is missing: a backup is the two files that `db backup` writes", field="path") from None
    except ValidationError:
        raise BadInput(f"{path} is not the manifest of a backup", field="path") from None


def write_whole(path: Path, content: bytes) -> None:
    """Write a file so that it is there whole or not at all, readable by its owner only."""
    partial = path.with_name(path.name + ".partial")
    partial.unlink(missing_ok=True)
    with create_private(partial) as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)


def create_private(path: Path) -> BinaryIO:
    """Open a new file that only its owner may read. Raises FileExistsError."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    return os.fdopen(os.open(path, flags, 0o600), "wb")


def digest_of(path: Path, progress: Progress | None = None, copy_to: Path | None = None) -> str:
    """Return a file's SHA-256, reading it once; with ``copy_to`` write what was read there, durably."""
    digest, done, size = hashlib.sha256(), 0, path.stat().st_size
    target = None if copy_to is None else create_private(copy_to)
    try:
        with path.open("rb") as source:
            while block := source.read(_BLOCK):
                digest.update(block)
                if target is not None:
                    target.write(block)
                done += len(block)
                if progress is not None:
                    progress(done, size)
        if target is not None:
            target.flush()
            os.fsync(target.fileno())
    finally:
        if target is not None:
            target.close()
    return digest.hexdigest()


def counts_of(connection: Connection) -> dict[str, int]:
    """Return the rows of each table of ours that the database has."""
    there = set(inspect(connection).get_table_names())
    tables = [table for table in METADATA.sorted_tables if table.name in there]
    return {table.name: connection.execute(select(func.count()).select_from(table)).scalar_one() for table in tables}


def keys_of(connection: Connection) -> list[str]:
    """Return the ids of the keys that sealed something."""
    there = set(inspect(connection).get_table_names())
    rows: Iterable[Any] = (ExchangeRow, FileRow, PeerSessionRow, VisitKeyRow)
    sealed = [row.__table__ for row in rows if row.__table__.name in there]
    found = {key for table in sealed for key in connection.execute(select(table.c.key_id).distinct()).scalars()}
    return sorted(filter(None, found))
