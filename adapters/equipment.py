"""What an adapter may be handed beside its settings: durable books that outlive a process and that all processes share.

An adapter that wants any of it has a method ``equip(self, equipment: Equipment) -> None``; the service calls it once,
before the first call. ``storage/`` keeps the promises beside the visits (ADR 20); ``storage.memory_books`` does so in
memory, for tests. Every method may raise :class:`engine.errors.StoreError`; then nothing was written.
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from engine.environment import Micros
from engine.errors import BadInput


class FileMissing(BadInput):
    """No such file is kept; hand it over first (`visitflow files add`, POST /api/v1/files)."""

    code = "unknown_file"


@dataclass(frozen=True, slots=True)
class KeptSession:
    """One session of a peer's user."""

    session_id: str = field(repr=False)  #: secret (G10)
    version: int  #: grows by one with every write, beginning with 1
    used_at: Micros  #: last known use, wall clock
    state: str  #: "open" or "closed"


class SessionBook(Protocol):
    """The one session that each user of a peer has, for all processes of an installation."""

    async def read(self, peer: str, user: str) -> KeptSession | None:
        """Return the session that was written last, open or closed."""

    async def write(
        self, peer: str, user: str, session_id: str, used_at: Micros, state: str, expected: int
    ) -> KeptSession | None:
        """Write a session; it is durable on return.

        Returns None, with nothing written, when ``expected`` (0 = no row yet) is not the version that stands.
        """

    async def hold(self, peer: str, user: str, owner: str, now: Micros, until: Micros) -> bool:
        """Take, or take again, the lease for logging in and out. False while another owner has it, by ``now``."""

    async def release(self, peer: str, user: str, owner: str) -> None:
        """Give the lease up; one that is not ours is left alone."""


class FileShelf(Protocol):
    """Files that visits name by their SHA-256; their bytes stand in no visit and no request."""

    async def read(self, file_id: str) -> bytes:
        """Return a file's bytes. Raises FileMissing."""


class CatalogueBook(Protocol):
    """Which code of a centre each item of the hospital has."""

    async def version(self, name: str) -> str | None:
        """Return the version of a catalogue that stands; None: it was never imported."""

    async def match(self, name: str, codes: Sequence[str], on: datetime.date) -> Mapping[str, Mapping[str, str]]:
        """Return, by hospital code, what the catalogue says of it on that day; codes without an entry are absent."""


@dataclass(frozen=True, slots=True)
class Equipment:
    """All of it."""

    sessions: SessionBook
    files: FileShelf
    catalogue: CatalogueBook


@runtime_checkable
class Equipped(Protocol):
    """An adapter that takes equipment."""

    def equip(self, equipment: Equipment) -> None:
        """Keep what is needed of it; called once, before the first call."""
