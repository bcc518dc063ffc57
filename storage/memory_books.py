"""The books in memory: the same contract without a database, for tests, checkers and ``memory://``."""

from __future__ import annotations

import datetime
import hashlib
from collections.abc import AsyncIterator, Mapping, Sequence

from adapters.equipment import FileMissing, KeptSession
from engine.environment import Micros
from storage.books import Books, CatalogueHead, Entry, KeptFile


class MemorySessionBook:
    """Sessions in a dictionary."""

    def __init__(self) -> None:
        """Begin empty."""
        self._kept: dict[tuple[str, str], KeptSession] = {}
        self._leases: dict[tuple[str, str], tuple[str, Micros]] = {}

    async def read(self, peer: str, user: str) -> KeptSession | None:
        """Return the session that was written last."""
        return self._kept.get((peer, user))

    async def write(
        self, peer: str, user: str, session_id: str, used_at: Micros, state: str, expected: int
    ) -> KeptSession | None:
        """Write a session unless another version stands."""
        stands = self._kept.get((peer, user))
        if (0 if stands is None else stands.version) != expected:
            return None
        kept = self._kept[peer, user] = KeptSession(session_id, expected + 1, used_at, state)
        return kept

    async def hold(self, peer: str, user: str, owner: str, now: Micros, until: Micros) -> bool:
        """Take the lease unless another owner has it."""
        holder, ends = self._leases.get((peer, user), (owner, now))
        if holder != owner and ends > now:
            return False
        self._leases[peer, user] = (owner, until)
        return True

    async def release(self, peer: str, user: str, owner: str) -> None:
        """Give the lease up."""
        if self._leases.get((peer, user), ("", 0))[0] == owner:
            del self._leases[peer, user]


class MemoryFileShelf:
    """Files in a dictionary."""

    def __init__(self) -> None:
        """Begin empty."""
        self._kept: dict[str, tuple[KeptFile, bytes]] = {}

    async def add(self, content: bytes, kind: str, name: str, at: Micros) -> tuple[KeptFile, bool]:
        """Keep a file once."""
        file_id = hashlib.sha256(content).hexdigest()
        created = file_id not in self._kept
        kept, _ = self._kept.setdefault(file_id, (KeptFile(file_id, kind, len(content), at, name), content))
        return kept, created

    async def about(self, file_id: str) -> KeptFile:
        """Return what is known of a file."""
        return self._found(file_id)[0]

    async def read(self, file_id: str) -> bytes:
        """Return a file's bytes."""
        return self._found(file_id)[1]

    def _found(self, file_id: str) -> tuple[KeptFile, bytes]:
        if file_id not in self._kept:
            raise FileMissing(field="file")
        return self._kept[file_id]


class MemoryCatalogueBook:
    """Catalogues in dictionaries."""

    def __init__(self) -> None:
        """Begin empty."""
        self._heads: dict[str, CatalogueHead] = {}
        self._generations: dict[str, dict[tuple[str, str], Entry]] = {}

    async def version(self, name: str) -> str | None:
        """Return the version that stands."""
        head = self._heads.get(name)
        return None if head is None else head.version

    async def match(self, name: str, codes: Sequence[str], on: datetime.date) -> Mapping[str, Mapping[str, str]]:
        """Return what the catalogue says of items on a day."""
        day, wanted = on.isoformat(), set(codes)
        return {
            entry.code: entry.content
            for entry in await self.entries(name)
            if entry.code in wanted and entry.valid_from <= day <= entry.valid_to
        }

    async def head(self, name: str) -> CatalogueHead | None:
        """Return which import stands."""
        return self._heads.get(name)

    async def heads(self) -> list[CatalogueHead]:
        """Return all catalogues."""
        return [self._heads[name] for name in sorted(self._heads)]

    async def entries(self, name: str) -> list[Entry]:
        """Return the entries that stand."""
        head = self._heads.get(name)
        kept = {} if head is None else self._generations.get(head.generation, {})
        return [kept[key] for key in sorted(kept)]

    async def write(self, generation: str, entries: Sequence[Entry]) -> None:
        """Add entries to a generation."""
        self._generations.setdefault(generation, {}).update({(each.code, each.valid_from): each for each in entries})

    async def stand(self, head: CatalogueHead, instead_of: CatalogueHead | None) -> bool:
        """Make a generation the one that stands."""
        if self._heads.get(head.name) != instead_of or len(self._generations.get(head.generation, {})) != head.entries:
            return False
        self._heads[head.name] = head
        return True

    async def discard(self, generation: str) -> AsyncIterator[int]:
        """Take a generation away."""
        if all(head.generation != generation for head in self._heads.values()):
            yield len(self._generations.pop(generation, {}))

    async def forgotten(self, before: str) -> list[str]:
        """Return generations of imports that were broken off."""
        standing = {head.generation for head in self._heads.values()}
        return sorted(each for each in self._generations if each not in standing and each < before)


def memory_books() -> Books:
    """Return empty books."""
    return Books(MemorySessionBook(), MemoryFileShelf(), MemoryCatalogueBook())
