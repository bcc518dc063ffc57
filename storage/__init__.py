"""Where visits are kept: SQLite (embedded default), PostgreSQL (server), memory (tests and checkers)."""

from __future__ import annotations

from collections.abc import Callable

from engine.store import Store
from storage.dialects import dialect_of
from storage.memory import MemoryStore
from storage.rebuild import Difference, Folded, RebuildReport, rebuild
from storage.schema import upgrade
from storage.sql_store import SqlStore
from storage.vault import SealBroken, Vault


def open_store(url: str, vault: Vault, *, fault: Callable[[str], None] | None = None) -> Store:
    """Return the store at ``url``: ``sqlite:///path``, ``postgresql://...`` or ``memory://``. Raises BadInput."""
    if url == "memory://":
        return MemoryStore()
    return SqlStore(dialect_of(url), vault, fault=fault)


__all__ = [
    "Difference",
    "Folded",
    "MemoryStore",
    "RebuildReport",
    "SealBroken",
    "SqlStore",
    "Vault",
    "open_store",
    "rebuild",
    "upgrade",
]
