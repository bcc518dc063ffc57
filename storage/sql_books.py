"""The books on the same database as the visits: written by the store's one writer, read beside it."""

from __future__ import annotations

import asyncio
import datetime
import hashlib
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from functools import partial
from typing import Any

from sqlalchemy import and_, delete, func, insert, or_, select, update
from sqlalchemy.engine import Connection

from adapters.equipment import FileMissing, KeptSession
from engine.environment import Micros
from storage.books import CHUNK, Books, CatalogueHead, Entry, KeptFile
from storage.resealing import sealed_file, sealed_session, unsealed_file, unsealed_name, unsealed_session
from storage.sql_store import SqlStore
from storage.tables import CatalogueEntryRow, CatalogueRow, FileRow, PeerSessionRow

_sessions: Any = PeerSessionRow.__table__  # type: ignore[attr-defined]
_files: Any = FileRow.__table__  # type: ignore[attr-defined]
_catalogues: Any = CatalogueRow.__table__  # type: ignore[attr-defined]
_entries: Any = CatalogueEntryRow.__table__  # type: ignore[attr-defined]


class SqlSessionBook:
    """One row a user: compare-and-set by version, and the lease beside it."""

    def __init__(self, store: SqlStore) -> None:
        self._store = store

    async def read(self, peer: str, user: str) -> KeptSession | None:
        """Return the session that was written last. Raises SealBroken, StoreError."""
        statement = select(_sessions).where(_sessions.c.peer == peer, _sessions.c.user == user)

        def read(connection: Connection) -> KeptSession | None:
            row = connection.execute(statement).one_or_none()
            if row is None or row.version == 0:
                return None
            return KeptSession(unsealed_session(self._store.vault, row), row.version, row.used_at, row.state)

        return await self._store.read(read)

    async def write(
        self, peer: str, user: str, session_id: str, used_at: Micros, state: str, expected: int
    ) -> KeptSession | None:
        """Write a session unless another version stands."""
        version = expected + 1
        sealed = sealed_session(self._store.vault, peer, user, version, session_id)
        values = {
            "version": version,
            "used_at": used_at,
            "state": state,
            "key_id": sealed.key_id,
            "body": sealed.body,
        }
        statement: Any
        if expected == 0:
            statement = self._store.dialect.insert(_sessions).values(peer=peer, user=user, **values)
            statement = statement.on_conflict_do_update(
                index_elements=["peer", "user"], set_=values, where=_sessions.c.version == 0
            )
        else:
            mine = (_sessions.c.peer == peer, _sessions.c.user == user, _sessions.c.version == expected)
            statement = update(_sessions).where(*mine).values(values)
        touched = await self._touches(statement)
        return KeptSession(session_id, version, used_at, state) if touched else None

    async def hold(self, peer: str, user: str, owner: str, now: Micros, until: Micros) -> bool:
        """Take the lease unless another owner has it."""
        empty = {"version": 0, "used_at": 0, "state": "", "key_id": "", "body": b""}
        lease = {"lease_owner": owner, "lease_until": until}
        statement = self._store.dialect.insert(_sessions).values(peer=peer, user=user, **empty, **lease)
        free = or_(_sessions.c.lease_owner.is_(None), _sessions.c.lease_owner == owner, _sessions.c.lease_until <= now)
        statement = statement.on_conflict_do_update(index_elements=["peer", "user"], set_=lease, where=free)
        return await self._touches(statement)

    async def release(self, peer: str, user: str, owner: str) -> None:
        """Give the lease up."""
        mine = (_sessions.c.peer == peer, _sessions.c.user == user, _sessions.c.lease_owner == owner)
        statement = update(_sessions).where(*mine).values(lease_owner=None, lease_until=None)
        await self._store.write(lambda connection: connection.execute(statement) and None)

    async def _touches(self, statement: Any) -> bool:
        """Run a write; tell whether it touched its row."""
        touched: bool = await self._store.write(partial(_touches, statement.returning(_sessions.c.peer)))
        return touched


class SqlFileShelf:
    """One row a file, name and bytes encrypted."""

    def __init__(self, store: SqlStore) -> None:
        self._store = store

    async def add(self, content: bytes, kind: str, name: str, at: Micros) -> tuple[KeptFile, bool]:
        """Keep a file once."""

        def prepare() -> tuple[KeptFile, dict[str, Any]]:
            file_id = hashlib.sha256(content).hexdigest()
            sealed, body = sealed_file(self._store.vault, file_id, name, content)
            made = KeptFile(file_id, kind, len(content), at, name)
            row = {"file_id": file_id, "kind": kind, "size": len(content), "added_at": at, "key_id": body.key_id}
            return made, row | {"name": sealed.body, "body": body.body}

        made, row = await asyncio.to_thread(prepare)  # some megabytes: not in the loop's time
        statement = self._store.dialect.insert(_files).values(row).on_conflict_do_nothing()
        if await self._store.write(partial(_touches, statement.returning(_files.c.file_id))):
            return made, True
        return await self.about(made.file_id), False

    async def about(self, file_id: str) -> KeptFile:
        """Return what is known of a file. Raises FileMissing, SealBroken."""
        columns = [column for column in _files.c if column.name != "body"]

        def read(connection: Connection) -> KeptFile:
            row = connection.execute(select(*columns).where(_files.c.file_id == file_id)).one_or_none()
            if row is None:
                raise FileMissing(field="file")
            name = unsealed_name(self._store.vault, row)
            return KeptFile(row.file_id, row.kind, row.size, row.added_at, name)

        return await self._store.read(read)

    async def read(self, file_id: str) -> bytes:
        """Return a file's bytes. Raises FileMissing, SealBroken."""

        def read(connection: Connection) -> bytes:
            row = connection.execute(select(_files).where(_files.c.file_id == file_id)).one_or_none()
            if row is None:
                raise FileMissing(field="file")
            return unsealed_file(self._store.vault, row)

        return await self._store.read(read)


class SqlCatalogueBook:
    """Entries by generation, and one row that says which generation stands."""

    def __init__(self, store: SqlStore) -> None:
        self._store = store

    async def version(self, name: str) -> str | None:
        """Return the version that stands."""
        head = await self.head(name)
        return None if head is None else head.version

    async def match(self, name: str, codes: Sequence[str], on: datetime.date) -> Mapping[str, Mapping[str, str]]:
        """Return what the catalogue says of items on a day; all of it from one generation."""
        day, wanted = on.isoformat(), list(dict.fromkeys(codes))

        standing = select(_catalogues.c.generation).where(_catalogues.c.name == name)

        def read(connection: Connection) -> dict[str, dict[str, str]]:
            while True:
                generation = connection.execute(standing).scalar_one_or_none()
                found: dict[str, dict[str, str]] = {}
                for start in range(0, len(wanted), CHUNK):
                    statement = select(_entries.c.code, _entries.c.content).where(
                        _entries.c.generation == generation,
                        _entries.c.code.in_(wanted[start : start + CHUNK]),
                        and_(_entries.c.valid_from <= day, _entries.c.valid_to >= day),
                    )
                    found |= {row.code: json.loads(row.content) for row in connection.execute(statement)}
                if connection.execute(standing).scalar_one_or_none() == generation:
                    return found  # else another import took its place while we read, and this one is being taken away

        return await self._store.read(read)

    async def head(self, name: str) -> CatalogueHead | None:
        """Return which import stands."""
        return next(iter(await self._heads(_catalogues.c.name == name)), None)

    async def heads(self) -> list[CatalogueHead]:
        """Return all catalogues, by name."""
        return await self._heads()

    async def _heads(self, *where: Any) -> list[CatalogueHead]:
        statement = select(_catalogues).where(*where).order_by(_catalogues.c.name)
        return await self._store.read(
            lambda connection: [
                CatalogueHead(row.name, row.version, row.generation, row.entries, row.imported_at, row.imported_by)
                for row in connection.execute(statement)
            ]
        )

    async def entries(self, name: str) -> list[Entry]:
        """Return the entries that stand, by code and date."""
        statement = (
            select(_entries)
            .join(_catalogues, _catalogues.c.generation == _entries.c.generation)
            .where(_catalogues.c.name == name)
        )
        found = await self._store.read(
            lambda connection: [
                Entry(row.code, json.loads(row.content), row.valid_from, row.valid_to)
                for row in connection.execute(statement)
            ]
        )
        return sorted(found, key=lambda each: (each.code, each.valid_from))  # the same order whatever the collation

    async def write(self, generation: str, entries: Sequence[Entry]) -> None:
        """Add entries to a generation, some hundreds in each commit."""
        for start in range(0, len(entries), CHUNK):
            rows = [
                {
                    "generation": generation,
                    "code": each.code,
                    "valid_from": each.valid_from,
                    "valid_to": each.valid_to,
                    "content": json.dumps(dict(each.content), ensure_ascii=False, sort_keys=True),
                }
                for each in entries[start : start + CHUNK]
            ]
            await self._store.write(partial(_insert_entries, rows))

    async def stand(self, head: CatalogueHead, instead_of: CatalogueHead | None) -> bool:
        """Make a generation the one that stands, in one small transaction."""
        values = {
            "version": head.version,
            "generation": head.generation,
            "entries": head.entries,
            "imported_at": head.imported_at,
            "imported_by": head.imported_by,
        }
        written = select(func.count()).select_from(_entries).where(_entries.c.generation == head.generation)
        statement: Any
        if instead_of is None:
            statement = self._store.dialect.insert(_catalogues).values(name=head.name, **values)
            statement = statement.on_conflict_do_nothing()
        else:
            stands = (_catalogues.c.name == head.name, _catalogues.c.generation == instead_of.generation)
            statement = update(_catalogues).where(*stands).values(values)

        def work(connection: Connection) -> bool:
            if connection.execute(written).scalar_one() != head.entries:
                return False
            return _touches(statement.returning(_catalogues.c.name), connection)

        stood: bool = await self._store.write(work)
        return stood

    async def discard(self, generation: str) -> AsyncIterator[int]:
        """Take away a generation that does not stand, some hundreds of rows in each commit."""
        standing = select(_catalogues.c.generation).where(_catalogues.c.generation == generation)
        some = (
            select(_entries.c.code, _entries.c.valid_from)
            .where(_entries.c.generation == generation, ~standing.exists())
            .order_by(_entries.c.code, _entries.c.valid_from)
            .limit(CHUNK)
        )

        def work(connection: Connection) -> int:
            keys = connection.execute(some).all()
            if keys:
                last = keys[-1]
                up_to = or_(
                    _entries.c.code < last.code,
                    and_(_entries.c.code == last.code, _entries.c.valid_from <= last.valid_from),
                )
                connection.execute(delete(_entries).where(_entries.c.generation == generation, up_to))
            return len(keys)

        while count := await self._store.write(work):
            yield count

    async def forgotten(self, before: str) -> list[str]:
        """Return generations of imports that were broken off before ``before``."""
        standing = select(_catalogues.c.generation)
        statement = (
            select(_entries.c.generation)
            .where(_entries.c.generation < before, _entries.c.generation.not_in(standing))
            .distinct()
            .order_by(_entries.c.generation)
        )
        return await self._store.read(lambda connection: list(connection.execute(statement).scalars()))


def _touches(statement: Any, connection: Connection) -> bool:
    """Run a write with RETURNING; an insert's rowcount says nothing on PostgreSQL."""
    return connection.execute(statement).first() is not None


def _insert_entries(rows: Sequence[Mapping[str, str]], connection: Connection) -> None:
    connection.execute(insert(_entries), rows)


def sql_books(store: SqlStore) -> Books:
    """Return the books on the database of a store."""
    return Books(SqlSessionBook(store), SqlFileShelf(store), SqlCatalogueBook(store))
