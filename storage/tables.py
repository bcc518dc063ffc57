"""The tables. Times are microseconds since 1970 (UTC) in BIGINT columns."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, Integer, LargeBinary, SmallInteger, String, Text, text
from sqlmodel import Field, SQLModel

import storage.history_tables
import storage.service_tables  # noqa: F401 - METADATA below is of these as well


class VisitRow(SQLModel, table=True):
    """A visit as the lists show it (a fold over its events, G4) and the lease on it (not part of the fold)."""

    __tablename__ = "visits"
    __table_args__ = (
        # a number is also looked for without its flow
        Index("ix_visits_key", "key", "flow", unique=True),
        # lists are of the newest, of all visits or of those of a flow, a status, a state
        Index("ix_visits_flow", "flow", "visit_id"),
        Index("ix_visits_status", "status", "visit_id"),
        Index(
            "ix_visits_closed",
            "flow",
            "state",
            "visit_id",
            sqlite_where=text("status = 'closed'"),
            postgresql_where=text("status = 'closed'"),
        ),
        Index(
            "ix_visits_wake_at",
            "wake_at",
            sqlite_where=text("wake_at IS NOT NULL"),
            postgresql_where=text("wake_at IS NOT NULL"),
        ),
        Index(
            "ix_visits_priority",
            "priority",
            "wake_at",
            sqlite_where=text("wake_at IS NOT NULL"),
            postgresql_where=text("wake_at IS NOT NULL"),
        ),
        Index(
            "ix_visits_unpublished",
            "visit_id",
            sqlite_where=text("seq > published"),
            postgresql_where=text("seq > published"),
        ),
    )

    visit_id: str = Field(primary_key=True, max_length=26)
    flow: str = Field(max_length=100)
    version: str = Field(max_length=64)
    key: str = Field(max_length=100)
    state: str = Field(max_length=64)
    status: str = Field(max_length=16)
    cause: str | None = Field(default=None, max_length=32)
    waiting_for: str | None = Field(default=None, sa_column=Column(Text))
    seq: int
    opened_at: int = Field(sa_type=BigInteger)
    updated_at: int = Field(sa_type=BigInteger)
    due_at: int | None = Field(default=None, sa_type=BigInteger)
    fingerprint: str = Field(max_length=64)
    #: when the visit wants a worker: ``due_at`` while free, the end of the lease while leased
    wake_at: int | None = Field(default=None, sa_type=BigInteger)
    #: with which it then wants one: 0 urgent, 1 normal, 2 background; a hint
    priority: int = Field(default=1, sa_column=Column(SmallInteger, nullable=False, server_default="1"))
    token: int = Field(default=0, sa_type=BigInteger)  #: fencing token: raised by every claim (G5)
    lease_worker: str | None = Field(default=None, max_length=120)
    lease_until: int | None = Field(default=None, sa_type=BigInteger)
    snapshot_seq: int | None = Field(default=None)
    snapshot_body: str | None = Field(default=None, sa_column=Column(Text))
    #: so many events of the journal stand in the feed
    published: int = Field(sa_column=Column(Integer, nullable=False, server_default="0"))


class EventRow(SQLModel, table=True):
    """One line of a journal. Only ever inserted."""

    __tablename__ = "events"

    visit_id: str = Field(primary_key=True, max_length=26)
    seq: int = Field(primary_key=True)
    at: int = Field(sa_type=BigInteger)
    kind: str = Field(max_length=24)
    payload: str = Field(sa_column=Column(Text, nullable=False))  #: sealed under the visit's key: storage.keyring


class VisitKeyRow(SQLModel, table=True):
    """The key under which a visit's journal is sealed (ADR 36), or that of the service's own rows (visit_id "-").

    ``key_id`` is the vault's key that seals this one; "": the visit was opened before there were keys and has none yet;
    NULL: shredded.
    """

    __tablename__ = "visit_keys"
    __table_args__ = (
        Index("ix_visit_keys_key_id", "key_id", "visit_id"),
        Index(
            "ix_visit_keys_plain",
            "visit_id",
            sqlite_where=text("plain_until > 0"),
            postgresql_where=text("plain_until > 0"),
        ),
        {"sqlite_with_rowid": False},
    )

    visit_id: str = Field(primary_key=True, max_length=26)
    key_id: str | None = Field(default=None, max_length=64)
    body: bytes | None = Field(default=None, sa_column=Column(LargeBinary))  #: nonce, tag, ciphertext
    plain_until: int  #: so many events from the beginning may be plain text; 0: none, a plain one was put there
    shredded_at: int | None = Field(default=None, sa_type=BigInteger)


class ExchangeRow(SQLModel, table=True):
    """One raw exchange, encrypted (G10)."""

    __tablename__ = "exchanges"

    exchange_id: str = Field(primary_key=True, max_length=26)
    visit_id: str = Field(index=True, max_length=26)
    call: str = Field(max_length=26)
    at: int = Field(sa_type=BigInteger)
    adapter: str = Field(max_length=64)
    operation: str = Field(max_length=64)
    key_id: str = Field(max_length=64, index=True)
    body: bytes = Field(sa_column=Column(LargeBinary, nullable=False))  #: nonce, tag, ciphertext


class WorkerRow(SQLModel, table=True):
    """A process that may hold leases."""

    __tablename__ = "workers"

    worker: str = Field(primary_key=True, max_length=120)
    host: str = Field(max_length=255)
    pid: int
    process_started: int = Field(sa_type=BigInteger)
    seen_at: int = Field(sa_type=BigInteger)
    schema_: str | None = Field(default=None, sa_column=Column("schema", String(32)))  #: that its program makes


class FlowVersionRow(SQLModel, table=True):
    """A flow version as it was when it was first used (G7)."""

    __tablename__ = "flow_versions"

    version: str = Field(primary_key=True, max_length=64)
    flow: str = Field(index=True, max_length=100)
    number: int
    definition: str = Field(sa_column=Column(Text, nullable=False))
    first_seen: int = Field(sa_type=BigInteger)


class CounterRow(SQLModel, table=True):
    """A durable counter: ``next`` has not been given out."""

    __tablename__ = "counters"

    name: str = Field(primary_key=True, max_length=120)
    next: int = Field(sa_type=BigInteger)


class PeerSessionRow(SQLModel, table=True):
    """The session of one user at a peer, and the lease for logging in and out. Version 0: leased before the first."""

    __tablename__ = "peer_sessions"

    peer: str = Field(primary_key=True, max_length=64)
    user: str = Field(primary_key=True, max_length=100)
    version: int = Field(sa_type=BigInteger)
    used_at: int = Field(sa_type=BigInteger)
    state: str = Field(max_length=16)
    key_id: str = Field(max_length=64)
    body: bytes = Field(sa_column=Column(LargeBinary, nullable=False))  #: the session id, encrypted
    lease_owner: str | None = Field(default=None, max_length=120)
    lease_until: int | None = Field(default=None, sa_type=BigInteger)


class FileRow(SQLModel, table=True):
    """A file under the SHA-256 of its bytes. Only ever inserted."""

    __tablename__ = "files"

    file_id: str = Field(primary_key=True, max_length=64)
    kind: str = Field(max_length=100)  #: media type, told by the content
    size: int = Field(sa_type=BigInteger)  #: bytes, before encryption
    added_at: int = Field(sa_type=BigInteger)
    key_id: str = Field(max_length=64, index=True)
    name: bytes = Field(sa_column=Column(LargeBinary, nullable=False))  #: encrypted: it may name a patient
    body: bytes = Field(sa_column=Column(LargeBinary, nullable=False))  #: encrypted


class CatalogueRow(SQLModel, table=True):
    """Which import of a catalogue stands: changed in one row, so that all entries change at once."""

    __tablename__ = "catalogues"

    name: str = Field(primary_key=True, max_length=64)
    version: str = Field(max_length=64)
    generation: str = Field(max_length=26)
    entries: int
    imported_at: int = Field(sa_type=BigInteger)
    imported_by: str = Field(max_length=100)


class CatalogueEntryRow(SQLModel, table=True):
    """What one import says of one item of the hospital, for some time. Rows of other generations are not seen."""

    __tablename__ = "catalogue_entries"

    generation: str = Field(primary_key=True, max_length=26)
    code: str = Field(primary_key=True, max_length=100)  #: the hospital's
    valid_from: str = Field(primary_key=True, max_length=10)  #: yyyy-mm-dd, inclusive
    valid_to: str = Field(max_length=10)  #: yyyy-mm-dd, inclusive
    content: str = Field(sa_column=Column(Text, nullable=False))  #: the other columns, as JSON


#: All tables above, as migrations compare them with a database.
METADATA = SQLModel.metadata
