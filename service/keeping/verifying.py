"""Looking at a backup: is the file whole, do the keys open it, do its journals tell what its lists show?"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import inspect, select
from sqlalchemy.engine import Connection

from engine.catalogue import Catalogue
from engine.environment import Environment
from engine.errors import BadInput
from engine.registry import Registry
from service.rebuild import rebuild_store
from storage import SealBroken, SqlStore, Vault
from storage.backups import Manifest, copies_of, read_manifest
from storage.keyring import unsealed_key
from storage.resealing import unsealed, unsealed_name, unsealed_session
from storage.tables import ExchangeRow, FileRow, PeerSessionRow, VisitKeyRow

_SEALED: Sequence[tuple[Any, Callable[[Vault, Any], object]]] = (
    (ExchangeRow, unsealed),
    (FileRow, unsealed_name),
    (PeerSessionRow, unsealed_session),
    (VisitKeyRow, unsealed_key),
)


@dataclass(frozen=True, slots=True)
class Opened:
    """A store and its flows, without a site: what rebuilding needs."""

    store: SqlStore
    registry: Registry


@dataclass(slots=True)
class Verified:
    """What was found. ``problems`` empty: the backup can be relied on. ``journals`` False: they were not compared."""

    manifest: Manifest
    problems: list[str] = field(default_factory=list)
    journals: bool = False
    differences: list[dict[str, Any]] = field(default_factory=list)

    @property
    def sound(self) -> bool:
        """Tell whether nothing is wrong."""
        return not self.problems and not self.differences


def keys_fit(connection: Connection, vault: Vault) -> list[str]:
    """Return what is wrong with the keys: each key that sealed something is tried on one row of each table."""
    found = []
    there = set(inspect(connection).get_table_names())  # an older schema has fewer
    for row_type, opened in _SEALED:
        table = row_type.__table__
        if table.name not in there:
            continue
        ids = [each for each in connection.execute(select(table.c.key_id).distinct()).scalars() if each]
        for key_id in ids:
            row = connection.execute(select(table).where(table.c.key_id == key_id).limit(1)).one()
            try:
                opened(vault, row)
            except SealBroken as error:
                found.append(f"{table.name}: {error.message}")
    return found


async def verify(
    backup: Path,
    vault: Vault,
    catalogue: Catalogue,
    environment: Environment,
    progress: Callable[[str, int, int], None] = lambda *_: None,
) -> Verified:
    """Look at a backup; nothing is written, neither to it nor anywhere else. Raises BadInput: it is none."""
    manifest = read_manifest(backup)
    url = "sqlite:///" + str(backup) if manifest.kind == "sqlite" else "postgresql:///"
    copies = copies_of(url)
    found = Verified(manifest, copies.check(backup, manifest, lambda done, all_: progress("file", done, all_)))
    store = None if found.problems else copies.archived(backup, vault)
    if store is None:
        return found
    try:
        found.problems += await store.read(lambda connection: keys_fit(connection, vault))
        visits = manifest.counts.get("visits", 0)
        opened = Opened(store, Registry(store, catalogue, environment))
        report = await rebuild_store(opened, False, lambda done: progress("visits", done, visits))
        found.journals, found.differences = True, report["differences"]
    finally:
        await store.close()
    return found


def refuse_foreign_keys(problems: Sequence[str]) -> None:
    """Raise BadInput when keys do not fit."""
    if problems:
        raise BadInput(
            f"the keys do not fit this backup: {problems[0]}; add the keys of its time to VISITFLOW_EXCHANGE_KEYS,"
            " behind the current one",
            field="VISITFLOW_EXCHANGE_KEYS",
        )
