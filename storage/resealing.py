"""Seal what is plain, and anew what older keys sealed, a little at a time: each step is one short transaction.

Exchanges, sessions, files and the keys of visits are under the vault's keys. Journals are under their visits' keys and
need nothing when the vault's change; but those of before there were keys are plain, and are sealed here (ADR 36).
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import and_, bindparam, func, literal, or_, select, tuple_, update
from sqlalchemy.engine import Connection

from engine.store import ExchangeRecord, Snapshot
from storage import sealed_columns
from storage.keyring import SEALED_LIKE, Keyring, VisitKey, is_sealed, unsealed_key, visit_keys
from storage.sealed_columns import SealedColumns
from storage.tables import EventRow, ExchangeRow, FileRow, PeerSessionRow, VisitRow
from storage.vault import Sealed, Vault

_exchanges: Any = ExchangeRow.__table__  # type: ignore[attr-defined]
_sessions: Any = PeerSessionRow.__table__  # type: ignore[attr-defined]
_files: Any = FileRow.__table__  # type: ignore[attr-defined]
_visits: Any = VisitRow.__table__  # type: ignore[attr-defined]
_events: Any = EventRow.__table__  # type: ignore[attr-defined]

_SEAL_EVENT = (
    update(_events)
    .where(_events.c.visit_id == bindparam("b_visit"), _events.c.seq == bindparam("b_seq"))
    .values(payload=bindparam("payload"))
)
_SNAPSHOT = select(_visits.c.snapshot_seq, _visits.c.snapshot_body).where(_visits.c.visit_id == bindparam("visit"))

Row = tuple[Any, ...]


def unsealed(vault: Vault, row: Any) -> ExchangeRecord:
    """Return a row of exchanges, decrypted. Raises SealBroken."""
    request, reply, status = vault.open(row.exchange_id, row.visit_id, Sealed(row.key_id, row.body))
    return ExchangeRecord(
        exchange_id=row.exchange_id,
        visit_id=row.visit_id,
        call=row.call,
        at=row.at,
        adapter=row.adapter,
        operation=row.operation,
        request=request,
        reply=reply,
        status=status,
    )


def sealed_session(vault: Vault, peer: str, user: str, version: int, session_id: str) -> Sealed:
    """Encrypt a session id, bound to its user and version: an older row put back is found out."""
    return vault.seal_bytes(session_id.encode(), "session", peer, user, str(version))


def unsealed_session(vault: Vault, row: Any) -> str:
    """Return the session id of a row. Raises SealBroken."""
    bound = ("session", row.peer, row.user, str(row.version))
    return vault.open_bytes(Sealed(row.key_id, row.body), *bound, what=f"the session at {row.peer}").decode()


def sealed_file(vault: Vault, file_id: str, name: str, content: bytes) -> tuple[Sealed, Sealed]:
    """Encrypt a file's name and bytes."""
    return vault.seal_bytes(name.encode(), "name", file_id), vault.seal_bytes(content, "file", file_id)


def unsealed_name(vault: Vault, row: Any) -> str:
    """Return the name of a row of files. Raises SealBroken."""
    what = f"the name of file {row.file_id}"
    return vault.open_bytes(Sealed(row.key_id, row.name), "name", row.file_id, what=what).decode()


def unsealed_file(vault: Vault, row: Any) -> bytes:
    """Return the bytes of a row of files. Raises SealBroken."""
    return vault.open_bytes(Sealed(row.key_id, row.body), "file", row.file_id, what=f"file {row.file_id}")


class Resealing:
    """The way through one database; where it broke off, the next begins and finds what is left."""

    def __init__(self, keys: Keyring, vault: Vault) -> None:
        self._keys = keys
        self._vault = vault
        self._looked: dict[str, Row] = {}

    def step(self, connection: Connection, batch: int) -> int:
        """Seal up to ``batch`` rows, files one at a time; return how many. 0: nothing is left.

        The service's rows about visits come before the journals: once a journal is sealed, all of its visit is.
        """
        done = (
            _reseal_exchanges(connection, self._vault, batch)
            or _reseal_sessions(connection, self._vault, batch)
            or _reseal_file(connection, self._vault)
            or self._reseal_keys(connection, batch)
            or self._seal_columns(connection, batch)
            or self._seal_journals(connection, batch)
        )
        if not done:
            self._looked.clear()
        return done

    def left(self, connection: Connection) -> int:
        """Return how many rows are plain or under older keys; events of a journal count each."""
        counts = [
            select(func.count()).select_from(table).where(table.c.key_id.not_in(("", self._vault.current)))
            for table in (_exchanges, _sessions, _files, visit_keys)
        ]
        counts += [select(func.count()).select_from(each.table).where(_plain(each)) for each in sealed_columns.ALL]
        counts.append(select(func.coalesce(func.sum(visit_keys.c.plain_until), 0)).where(visit_keys.c.plain_until > 0))
        return sum(int(connection.execute(each).scalar_one()) for each in counts)

    def _reseal_keys(self, connection: Connection, batch: int) -> int:
        current = self._vault.current
        some = select(visit_keys).order_by(visit_keys.c.key_id, visit_keys.c.visit_id).limit(batch)
        older = (and_(visit_keys.c.key_id > "", visit_keys.c.key_id < current), visit_keys.c.key_id > current)
        rows = next(filter(None, (connection.execute(some.where(which)).all() for which in older)), ())
        for row in rows:
            key = unsealed_key(self._vault, row)
            same = (visit_keys.c.visit_id == row.visit_id, visit_keys.c.body == row.body)  # not shredded meanwhile
            connection.execute(update(visit_keys).where(*same).values(self._keys.sealed_row(row.visit_id, key)))
        return len(rows)

    def _seal_columns(self, connection: Connection, batch: int) -> int:
        """Seal plain columns of the service's tables, each table from its beginning to its end once."""
        for each in sealed_columns.ALL:
            names = [each.table.c[name] for name in each.key]
            some = select(each.table).where(_plain(each)).order_by(*names).limit(batch)
            if (last := self._looked.get(each.table.name)) is not None:
                some = some.where(tuple_(*names) > tuple_(*map(literal, last)))
            rows = [dict(row._mapping) for row in connection.execute(some)]
            if rows:
                self._looked[each.table.name] = tuple(rows[-1][name] for name in each.key)
                keys = self._keys.for_writing(connection, [each.owner(row) for row in rows])
                for row in rows:
                    plain = {name: row[name] for name in each.columns if row[name] and not is_sealed(row[name])}
                    place = {name: row[name] for name in each.key}
                    same = [each.table.c[name] == value for name, value in (place | plain).items()]
                    sealed = each.sealed(place | plain, keys[each.owner(row)])
                    connection.execute(update(each.table).where(*same).values(sealed))
                return len(rows)
        return 0

    def _seal_journals(self, connection: Connection, batch: int) -> int:
        """Seal plain events, of each journal the last ones first, so that the plain ones are always the beginning."""
        plain = select(visit_keys.c.visit_id, visit_keys.c.plain_until).where(visit_keys.c.plain_until > 0)
        found = connection.execute(plain.order_by(visit_keys.c.visit_id).limit(batch)).all()
        keys = self._keys.for_writing(connection, [row.visit_id for row in found])
        done = 0
        for visit_id, until in found:
            done += self._seal_journal(connection, keys[visit_id], until, batch - done)
            if done >= batch:
                break
        return done

    def _seal_journal(self, connection: Connection, key: VisitKey, until: int, most: int) -> int:
        mine = _events.c.visit_id == key.owner
        lowest = max(0, until - most)
        some = select(_events.c.seq, _events.c.payload).where(mine, _events.c.seq > lowest, _events.c.seq <= until)
        sealed = [
            {"b_visit": key.owner, "b_seq": seq, "payload": key.seal(payload, "event", str(seq))}
            for seq, payload in connection.execute(some)
            if not is_sealed(payload)
        ]
        if sealed:
            connection.execute(_SEAL_EVENT, sealed)
        if lowest == 0:
            row = connection.execute(_SNAPSHOT, {"visit": key.owner}).one_or_none()
            if row is not None and row.snapshot_seq is not None and not is_sealed(row.snapshot_body):
                snapshot = Snapshot(row.snapshot_seq, row.snapshot_body)
                same = (_visits.c.visit_id == key.owner, _visits.c.snapshot_body == row.snapshot_body)
                connection.execute(update(_visits).where(*same).values(snapshot_body=key.seal_snapshot(snapshot)))
        connection.execute(update(visit_keys).where(visit_keys.c.visit_id == key.owner).values(plain_until=lowest))
        key.plain_until = lowest
        return until - lowest


def _plain(columns: SealedColumns) -> Any:
    return or_(
        *(columns.table.c[name].not_like(SEALED_LIKE) & (columns.table.c[name] != "") for name in columns.columns)
    )


def _reseal_exchanges(connection: Connection, vault: Vault, batch: int) -> int:
    rows = connection.execute(select(_exchanges).where(_exchanges.c.key_id != vault.current).limit(batch)).all()
    for row in rows:
        sealed = vault.seal(unsealed(vault, row))
        connection.execute(
            update(_exchanges)
            .where(_exchanges.c.exchange_id == row.exchange_id)
            .values(key_id=sealed.key_id, body=sealed.body)
        )
    return len(rows)


def _reseal_sessions(connection: Connection, vault: Vault, batch: int) -> int:
    stale = _sessions.c.key_id != vault.current
    rows = connection.execute(select(_sessions).where(stale, _sessions.c.version > 0).limit(batch)).all()
    count = 0
    for row in rows:
        sealed = sealed_session(vault, row.peer, row.user, row.version, unsealed_session(vault, row))
        # A session written meanwhile is under another version, and under the current key or ours to do again.
        changed = connection.execute(
            update(_sessions)
            .where(_sessions.c.peer == row.peer, _sessions.c.user == row.user, _sessions.c.version == row.version)
            .values(key_id=sealed.key_id, body=sealed.body)
        )
        count += changed.rowcount
    return count


def _reseal_file(connection: Connection, vault: Vault) -> int:
    row = connection.execute(select(_files).where(_files.c.key_id != vault.current).limit(1)).one_or_none()
    if row is None:
        return 0
    name, body = sealed_file(vault, row.file_id, unsealed_name(vault, row), unsealed_file(vault, row))
    connection.execute(
        update(_files).where(_files.c.file_id == row.file_id).values(key_id=body.key_id, name=name.body, body=body.body)
    )
    return 1
