"""The keys of visits, and what they seal: events, snapshots, and what the service keeps of a visit (ADR 36).

A visit's key is made with the visit, sealed by the vault, and stands in one short row. Whoever claims a visit gets its
key with it and keeps it beside the lease, so that writing asks for none. Deleting the row's body shreds the visit.

Sealed text begins with ``1:``. What was written before there were keys is JSON, which never begins so, and is read as
it is; but only where the row says that plain events may be: nobody can put one in place of a sealed one.
"""

from __future__ import annotations

import re
import sys
import threading
from binascii import a2b_base64, b2a_base64
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import bindparam, func, select, update
from sqlalchemy.engine import Connection

from engine.errors import Shredded
from engine.store import Snapshot, StoredEvent
from storage.chance import Chance
from storage.dialects import Dialect
from storage.tables import VisitKeyRow
from storage.vault import KEY_BYTES, Cipher, KeyMissing, SealBroken, Sealed, Vault, bound_to, key_missing

_fresh = Chance(KEY_BYTES)
visit_keys: Any = VisitKeyRow.__table__  # type: ignore[attr-defined]

#: Whose key seals what belongs to no visit: batches, kept answers.
SERVICE = "-"
_MARK = "1:"
_LOOKS_SEALED = re.compile(re.escape(_MARK) + r"[A-Za-z0-9+/]{38,}={0,2}")
#: How a database tells plain text from sealed.
SEALED_LIKE = f"{_MARK}%"
#: More leases than this at once, and the oldest keys are looked up again when they are needed.
_MOST_KEPT = 20_000

_KEYS_OF = select(visit_keys.c.visit_id, visit_keys.c.key_id, visit_keys.c.body, visit_keys.c.plain_until).where(
    visit_keys.c.visit_id.in_(bindparam("owners", expanding=True))
)


Row = Sequence[Any]


class KeyColumns(NamedTuple):
    """What of a row of visit_keys says how its visit is read. ``plain_until`` None: there is no such row."""

    visit_id: str
    key_id: str | None
    body: bytes | None
    plain_until: int | None


def unsealed_key(vault: Vault, row: Any) -> bytes:
    """Return the key that a row of visit_keys holds. Raises SealBroken, KeyMissing."""
    what = "the key of the service's rows" if row.visit_id == SERVICE else f"the key of visit {row.visit_id}"
    return vault.open_bytes(Sealed(row.key_id, row.body or b""), "visit key", row.visit_id, what=what)


def is_sealed(text: str) -> bool:
    """Tell whether text is sealed, or plain JSON of before there were keys."""
    return text.startswith(_MARK)


def looks_sealed(text: str) -> bool:
    """Tell sealed text from what a person wrote, which may begin as it does."""
    return _LOOKS_SEALED.fullmatch(text) is not None


class VisitKey:
    """One opened key; ``plain_until``: so many events from the beginning may be plain text."""

    __slots__ = ("_cipher", "_event", "owner", "plain_until")

    def __init__(self, owner: str, cipher: Cipher | None, plain_until: int) -> None:
        """``cipher`` None: there is no key yet, all is plain."""
        self.owner = owner
        self._cipher = cipher
        self._event = bound_to(owner, "event", "")
        self.plain_until = plain_until

    @property
    def made(self) -> bool:
        """Tell whether there is a key: not yet, where nothing was written since there are any."""
        return self._cipher is not None

    def seal(self, text: str, *place: str) -> str:
        """Return text that only this key opens, and only as what stands at ``place``."""
        assert self._cipher is not None
        body = self._cipher.seal(text.encode(), bound_to(self.owner, *place))
        return _MARK + b2a_base64(body, newline=False).decode("ascii")

    def open(self, text: str, *place: str) -> str:
        """Return the text. Raises SealBroken: put here from elsewhere, changed, or of another key."""
        if not is_sealed(text):
            return text
        try:
            body = a2b_base64(text[len(_MARK) :], strict_mode=True)
        except ValueError:
            body = b""
        try:
            if self._cipher is None:
                raise ValueError
            return self._cipher.open(body, bound_to(self.owner, *place)).decode()
        except ValueError:
            what = f"{' '.join(place)} of {'the service' if self.owner == SERVICE else 'visit ' + self.owner}"
            raise SealBroken(
                f"{what} does not fit its key: the row was changed or put here from elsewhere; restore a backup"
            ) from None

    def seal_event(self, event: StoredEvent) -> str:
        """Return an event's payload, sealed for its place: :meth:`seal` for "event" and its number, written out.

        This runs for every event there is.
        """
        assert self._cipher is not None
        body = self._cipher.seal(event.payload.encode(), self._event + b"%d" % event.seq)
        return _MARK + b2a_base64(body, newline=False).decode("ascii")

    def open_event(self, seq: int, payload: str) -> str:
        """Return an event's payload. Raises SealBroken, also for plain text where none may be."""
        if seq > self.plain_until and not is_sealed(payload):
            raise SealBroken(
                f"event {seq} of visit {self.owner} is plain text where only sealed ones are written: it was put there"
            )
        return self.open(payload, "event", str(seq))

    def stored_event(self, row: Row) -> StoredEvent:
        """Return a row (seq, at, kind, payload) as an event that can be read. Raises SealBroken."""
        seq, at, kind, payload = row
        return StoredEvent(seq, at, kind, self.open_event(seq, payload))

    def seal_snapshot(self, snapshot: Snapshot) -> str:
        """Return a snapshot's body, sealed."""
        return self.seal(snapshot.body, "snapshot", str(snapshot.seq))

    def open_snapshot(self, seq: int, body: str) -> Snapshot:
        """Return a snapshot. Raises SealBroken, also for plain text where none may be."""
        if not self.plain_until and not is_sealed(body):
            raise SealBroken(f"the snapshot of visit {self.owner} is plain text: it was put there")
        return Snapshot(seq, self.open(body, "snapshot", str(seq)))


class Keyring:
    """The keys of one store. Writing methods run in the writer's transaction, one at a time."""

    def __init__(self, vault: Vault, dialect: Dialect, *, keyless: bool = False) -> None:
        """``vault`` seals and opens the keys. ``keyless``: a backup of before there were keys; all in it is plain."""
        self._vault = vault
        self._dialect = dialect
        self._keyless = keyless
        self._kept: dict[str, VisitKey] = {}
        self._made: set[str] = set()
        self._changing = threading.Lock()

    # -- rows
    def require_keys(self, connection: Connection) -> None:
        """Raise KeyMissing or SealBroken unless the vault opens what each of its keys sealed, by one row of each."""
        last = ""  # from one key to the next by the index: visits are many, keys are few
        following = select(func.min(visit_keys.c.key_id)).where(visit_keys.c.key_id > bindparam("last"))
        while key_id := connection.execute(following, {"last": last}).scalar():
            row = connection.execute(select(visit_keys).where(visit_keys.c.key_id == key_id).limit(1)).one()
            unsealed_key(self._vault, row)
            last = key_id

    def sealed_row(self, owner: str, key: bytes) -> dict[str, Any]:
        """Return the columns that hold a key."""
        sealed = self._vault.seal_bytes(key, "visit key", owner)
        return {"key_id": sealed.key_id, "body": sealed.body}

    def opened(self, row: KeyColumns) -> VisitKey:
        """Return the key that a row, or an outer join without one, holds. Raises Shredded, SealBroken, KeyMissing."""
        if row.plain_until is None:
            return VisitKey(row.visit_id, None, 0)
        if row.key_id is None:
            raise Shredded(visit=row.visit_id)
        if not row.key_id:
            return VisitKey(row.visit_id, None, row.plain_until)
        return VisitKey(row.visit_id, Cipher(unsealed_key(self._vault, row)), row.plain_until)

    def refusal(self, row: KeyColumns) -> Shredded | KeyMissing | None:
        """Return why a visit may not be claimed here: nobody can read it, or only a process with more keys."""
        if row.plain_until is not None and row.key_id is None:
            return Shredded(visit=row.visit_id)
        if row.key_id and not self._vault.knows(row.key_id):
            return key_missing(f"the key of visit {row.visit_id}", row.key_id)
        return None

    def columns(self, connection: Connection, owner: str) -> KeyColumns:
        """Return what somebody's row holds now."""
        found = connection.execute(_KEYS_OF, {"owners": [owner]}).one_or_none()
        return KeyColumns(owner, None, None, None) if found is None else KeyColumns(*found)

    # -- writing
    def begin(self) -> None:
        """Begin a transaction. Keys made in the last one are forgotten, for it may have been rolled back.

        What is sealed under a key that was never kept is lost.
        """
        for owner in self._made:
            self.let_go(owner)
        self._made.clear()

    def make(self, owner: str) -> tuple[VisitKey, dict[str, Any]]:
        """Make the key of a new visit; return it and its row, to be inserted with the visit."""
        raw = _fresh.take()
        key = VisitKey(owner, Cipher(raw), 0)
        return key, {"visit_id": owner, "plain_until": 0, "shredded_at": None, **self.sealed_row(owner, raw)}

    def keep(self, key: VisitKey) -> None:
        """Keep a key beside its lease; from any thread."""
        with self._changing:
            if len(self._kept) >= _MOST_KEPT:
                del self._kept[next(iter(self._kept))]
            self._kept[key.owner] = key

    def kept(self, owner: str) -> VisitKey | None:
        """Return the key that is kept. Whether it is that of the database only the writer knows."""
        return self._kept.get(owner)

    def let_go(self, owner: str) -> None:
        """Forget a key with its lease."""
        with self._changing:
            self._kept.pop(owner, None)

    def for_writing(self, connection: Connection, owners: Iterable[str]) -> Mapping[str, VisitKey]:
        """Return keys to seal with; a visit of before there were keys gets one. Raises Shredded, SealBroken."""
        keys = {owner: self._kept.get(owner) for owner in owners}
        missing = [owner for owner, key in keys.items() if key is None]
        if missing:
            found = self.read(connection, missing)
            for owner in missing:
                known = _unless_shredded(found.get(owner))
                key = known if known is not None and known.made else self._first(connection, owner, known)
                self.keep(key)
                keys[owner] = key
        return keys  # type: ignore[return-value]

    def _first(self, connection: Connection, owner: str, known: VisitKey | None) -> VisitKey:
        """Write the first key of somebody who has none. Whoever came first has written the one that holds."""
        key, row = self.make(owner)
        self._made.add(owner)
        statement: Any
        if known is None:
            statement = self._dialect.insert(visit_keys).values(row).on_conflict_do_nothing()
        else:
            mine = (visit_keys.c.visit_id == owner, visit_keys.c.key_id == "")
            statement = update(visit_keys).where(*mine).values(key_id=row["key_id"], body=row["body"])
            key.plain_until = known.plain_until
        if connection.execute(statement.returning(visit_keys.c.visit_id)).first() is None:
            return self.key_of(connection, owner)
        return key

    # -- reading
    def read(self, connection: Connection, owners: Sequence[str]) -> dict[str, VisitKey | Shredded]:
        """Return keys by owner; who has no row is left out. Raises SealBroken, KeyMissing."""
        found: dict[str, VisitKey | Shredded] = {}
        for row in connection.execute(_KEYS_OF, {"owners": list(owners)}):
            try:
                found[row.visit_id] = self.opened(KeyColumns(*row))
            except Shredded as error:
                found[row.visit_id] = error
        return found

    def key_of(self, connection: Connection, owner: str) -> VisitKey:
        """Return the key that opens what somebody's rows hold. Raises Shredded, SealBroken."""
        if self._keyless:
            return VisitKey(owner, None, sys.maxsize)
        return _unless_shredded(self.read(connection, [owner]).get(owner)) or VisitKey(owner, None, 0)

    def open_events(
        self, connection: Connection, visit_id: str, read: Callable[[], Sequence[Row]]
    ) -> list[StoredEvent]:
        """Return the events that ``read`` finds. Raises Shredded, SealBroken.

        What may be plain is asked before, and a first key after: a key is made, and plain text sealed, any time.
        """
        key = self.key_of(connection, visit_id)
        rows = read()
        if not key.made and any(is_sealed(row[3]) for row in rows):
            key = self.key_of(connection, visit_id)
        return [key.stored_event(row) for row in rows]


def _unless_shredded(found: VisitKey | Shredded | None) -> VisitKey | None:
    if isinstance(found, Shredded):
        raise found
    return found
