"""Encrypt anew under the current key what older keys sealed: exchanges, sessions, files; a little at a time."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select, update
from sqlalchemy.engine import Connection

from engine.store import ExchangeRecord
from storage.tables import ExchangeRow, FileRow, PeerSessionRow
from storage.vault import Sealed, Vault

_exchanges: Any = ExchangeRow.__table__  # type: ignore[attr-defined]
_sessions: Any = PeerSessionRow.__table__  # type: ignore[attr-defined]
_files: Any = FileRow.__table__  # type: ignore[attr-defined]


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


def reseal(connection: Connection, vault: Vault, batch: int) -> int:
    """Encrypt up to ``batch`` rows anew, files one at a time; return how many. 0: nothing is under an older key."""
    return (
        _reseal_exchanges(connection, vault, batch)
        or _reseal_sessions(connection, vault, batch)
        or _reseal_file(connection, vault)
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
