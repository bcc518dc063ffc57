"""Where visits are kept: SQLite (embedded default), PostgreSQL (server), memory (tests and checkers)."""

from __future__ import annotations

from collections.abc import Callable

from engine.store import Store
from storage.books import Books, CatalogueHead, CatalogueStore, Entry, FileStore, KeptFile
from storage.dialects import dialect_of
from storage.memory import MemoryStore
from storage.memory_books import memory_books
from storage.rebuild import Difference, Folded, RebuildReport, rebuild
from storage.schema import upgrade
from storage.sql_books import sql_books
from storage.sql_store import SqlStore
from storage.vault import SealBroken, Vault
from storage.waking import Wake, Wakes


def open_store(
    url: str, vault: Vault, *, fault: Callable[[str], None] | None = None, wakes: Wakes | None = None
) -> Store:
    """Return the store at ``url``: ``sqlite:///path``, ``postgresql://...`` or ``memory://``. Raises BadInput.

    ``wakes`` is told, inside each transaction of a SQL store, which visits it makes due.
    """
    if url == "memory://":
        return MemoryStore()
    return SqlStore(dialect_of(url), vault, fault=fault, wakes=wakes)


def open_books(store: Store) -> Books:
    """Return the books beside a store's visits: on its database, or in memory with a store that is."""
    return sql_books(store) if isinstance(store, SqlStore) else memory_books()


__all__ = [
    "Books",
    "CatalogueHead",
    "CatalogueStore",
    "Difference",
    "Entry",
    "FileStore",
    "Folded",
    "KeptFile",
    "MemoryStore",
    "RebuildReport",
    "SealBroken",
    "SqlStore",
    "Vault",
    "Wake",
    "Wakes",
    "memory_books",
    "open_books",
    "open_store",
    "rebuild",
    "upgrade",
]
