"""Which kind of copy a store URL takes."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from engine.environment import Micros
from engine.errors import BadInput
from storage.backups.manifest import Manifest, Progress
from storage.backups.postgres import PostgresCopies
from storage.backups.sqlite import SqliteCopies
from storage.sql_store import SqlStore
from storage.vault import Vault


class Copies(Protocol):
    """Making and taking in copies of one database."""

    def make(self, to: Path, now: Micros, progress: Progress | None = None) -> Manifest:
        """Copy the database to a new file while others write; write the manifest. Raises BadInput, StoreError."""

    def check(self, backup: Path, manifest: Manifest, progress: Progress | None = None) -> list[str]:
        """Return what is wrong with a backup as a file: digest, pages, counts. Empty: nothing."""

    def archived(self, backup: Path, vault: Vault) -> SqlStore | None:
        """Return the backup as a store that is only read; None where it has to be restored first."""

    def refuse_to_overwrite(self, replace: bool, now: Micros) -> None:
        """Raise NotLegal where processes work on it, or BadInput where it holds visits and not ``replace``."""

    def begin(self, backup: Path, manifest: Manifest, progress: Progress | None = None) -> str:
        """Load the backup where nobody can start on it yet, schema up to date; return its URL."""

    def finish(self, url: str, now: Micros) -> str | None:
        """Let it be started: it is the store now. Return where the one before it lies, if it was kept."""


def copies_of(url: str) -> Copies:
    """Return what copies the store at ``url``. Raises BadInput."""
    if url.startswith("sqlite:///"):
        return SqliteCopies(url)
    if url.startswith(("postgresql://", "postgres://", "postgresql+psycopg://")):
        return PostgresCopies(url)
    raise BadInput("only a store in a database can be copied: sqlite:///path or postgresql://...", field="store")
