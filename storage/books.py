"""What is kept beside the visits for adapters and the service, held against every store by the same tests (ADR 20).

``adapters.equipment`` says what adapters see of it; the wider protocols here are what the service fills them by.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from adapters.equipment import CatalogueBook, Equipment, FileShelf, SessionBook
from engine.environment import Micros

#: Ends of a time that has none, as dates; both inclusive.
ALWAYS_FROM, ALWAYS_TO = "0001-01-01", "9999-12-31"
#: How many entries of a catalogue one commit writes or takes away, so that an import never holds visits up.
CHUNK = 500


@dataclass(frozen=True, slots=True)
class KeptFile:
    """What is known of a file without its bytes."""

    file_id: str  #: SHA-256 of the bytes, lower-case hex
    kind: str  #: media type
    size: int  #: bytes
    added_at: Micros
    name: str = field(repr=False)  #: as it was first called; may name a patient (G10)


class FileStore(FileShelf, Protocol):
    """The shelf with its door."""

    async def add(self, content: bytes, kind: str, name: str, at: Micros) -> tuple[KeptFile, bool]:
        """Keep a file, durably; return what is kept and whether it is new. The same bytes are kept once."""

    async def about(self, file_id: str) -> KeptFile:
        """Return what is known of a file. Raises FileMissing."""


@dataclass(frozen=True, slots=True)
class Entry:
    """What a catalogue says of one item of the hospital for some time. Dates as yyyy-mm-dd, both inclusive."""

    code: str  #: the hospital's
    content: Mapping[str, str]
    valid_from: str = ALWAYS_FROM
    valid_to: str = ALWAYS_TO


@dataclass(frozen=True, slots=True)
class CatalogueHead:
    """Which import of a catalogue stands."""

    name: str
    version: str
    generation: str
    entries: int
    imported_at: Micros
    imported_by: str


class CatalogueStore(CatalogueBook, Protocol):
    """The book with its pen. An import writes a generation that nobody sees, then makes it the one that stands."""

    async def head(self, name: str) -> CatalogueHead | None:
        """Return which import stands."""

    async def heads(self) -> list[CatalogueHead]:
        """Return all catalogues, by name."""

    async def entries(self, name: str) -> list[Entry]:
        """Return the entries that stand, by code and date."""

    async def write(self, generation: str, entries: Sequence[Entry]) -> None:
        """Add entries to a generation that does not stand yet."""

    async def stand(self, head: CatalogueHead, instead_of: CatalogueHead | None) -> bool:
        """Make a generation the one that stands, all of it at once.

        Returns False, changing nothing, when ``instead_of`` does not stand or not all entries have been written.
        """

    def discard(self, generation: str) -> AsyncIterator[int]:
        """Take away the entries of a generation that does not stand; yields how many, commit by commit."""

    async def forgotten(self, before: str) -> list[str]:
        """Return generations that do not stand and are older than the id ``before``: imports that were broken off."""


@dataclass(frozen=True, slots=True)
class Books:
    """All of it."""

    sessions: SessionBook
    files: FileStore
    catalogue: CatalogueStore

    @property
    def equipment(self) -> Equipment:
        """Return what adapters see."""
        return Equipment(self.sessions, self.files, self.catalogue)
