"""The tables of the service beside the visits: who may what, what was asked, and who is told. Times as ``tables``."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, SmallInteger, Text
from sqlmodel import Field, SQLModel


def _text(*, empty: bool = False) -> Column[str]:
    return Column(Text, nullable=empty)


class PeerStateRow(SQLModel, table=True):
    """One peer as one process sees it, and what it has of the peer's limits."""

    __tablename__ = "peer_rows"

    peer: str = Field(primary_key=True, max_length=64)
    worker: str = Field(primary_key=True, max_length=120)
    state: str = Field(max_length=16)
    since: int = Field(sa_type=BigInteger)
    until: int | None = Field(default=None, sa_type=BigInteger)
    failures: int
    slots: int
    parts: int
    wants: bool
    seen_until: int = Field(sa_type=BigInteger)  #: afterwards the process is gone, and what it had is free


class PeerHoldRow(SQLModel, table=True):
    """What a person decided last about a peer. The row is also what processes lock that divide its limits."""

    __tablename__ = "peer_holds"

    peer: str = Field(primary_key=True, max_length=64)
    held: bool
    by: str = Field(max_length=100)
    reason: str = Field(sa_column=_text())
    at: int = Field(sa_type=BigInteger)


class AccountRow(SQLModel, table=True):
    """A person who may sign in."""

    __tablename__ = "accounts"

    name: str = Field(primary_key=True, max_length=64)
    role: str = Field(max_length=16)
    password: str = Field(max_length=255)  #: argon2id, with its salt and costs
    created_at: int = Field(sa_type=BigInteger)
    created_by: str = Field(max_length=100)
    changed_at: int = Field(sa_type=BigInteger)  #: sessions that began before are over
    locked_at: int | None = Field(default=None, sa_type=BigInteger)


class ApiKeyRow(SQLModel, table=True):
    """A key of a machine; the secret itself is kept nowhere."""

    __tablename__ = "api_keys"

    key_id: str = Field(primary_key=True, max_length=26)
    name: str = Field(max_length=64)
    role: str = Field(max_length=16)
    digest: str = Field(max_length=64)  #: SHA-256 of the secret, which has 256 bits of its own
    created_at: int = Field(sa_type=BigInteger)
    created_by: str = Field(max_length=100)
    expires_at: int | None = Field(default=None, sa_type=BigInteger)
    revoked_at: int | None = Field(default=None, sa_type=BigInteger)


class WebSessionRow(SQLModel, table=True):
    """A person's session in a browser, under the digest of its cookie."""

    __tablename__ = "web_sessions"

    digest: str = Field(primary_key=True, max_length=64)
    account: str = Field(index=True, max_length=64)
    csrf: str = Field(max_length=64)
    address: str = Field(max_length=64)
    began_at: int = Field(sa_type=BigInteger)
    used_at: int = Field(sa_type=BigInteger)


class AskedRequestRow(SQLModel, table=True):
    """A request with an Idempotency-Key, and its answer once there is one."""

    __tablename__ = "asked_requests"

    scope: str = Field(primary_key=True, max_length=100)  #: whose key it is
    key: str = Field(primary_key=True, max_length=200)
    fingerprint: str = Field(max_length=64)
    request_id: str = Field(max_length=26)
    began_at: int = Field(sa_type=BigInteger)
    expires_at: int = Field(sa_type=BigInteger, index=True)
    status: int | None = Field(default=None)
    body: str | None = Field(default=None, sa_column=_text(empty=True))


class ApprovalRow(SQLModel, table=True):
    """An action that one person asked for and another has to approve."""

    __tablename__ = "approvals"
    __table_args__ = (Index("ix_approvals_state", "state", "expires_at"),)

    approval_id: str = Field(primary_key=True, max_length=26)
    visit_id: str = Field(index=True, max_length=26)
    action: str = Field(max_length=16)
    arguments: str = Field(sa_column=_text())  #: JSON
    state: str = Field(max_length=16)
    asked_by: str = Field(max_length=100)
    asked_at: int = Field(sa_type=BigInteger)
    reason: str = Field(sa_column=_text())
    origin: str = Field(max_length=100)
    expires_at: int = Field(sa_type=BigInteger)
    seq: int  #: length of the visit's journal when it was asked for
    decided_by: str | None = Field(default=None, max_length=100)
    decided_at: int | None = Field(default=None, sa_type=BigInteger)
    remark: str | None = Field(default=None, sa_column=_text(empty=True))


class BatchRow(SQLModel, table=True):
    """One action over many visits."""

    __tablename__ = "batches"
    __table_args__ = (Index("ix_batches_state", "state"),)

    batch_id: str = Field(primary_key=True, max_length=26)
    action: str = Field(max_length=16)
    arguments: str = Field(sa_column=_text())  #: JSON
    chosen: str = Field(sa_column=_text())  #: the filter, as JSON
    reason: str = Field(sa_column=_text())
    asked_by: str = Field(max_length=100)
    origin: str = Field(max_length=100)
    token: str = Field(max_length=64)  #: digest of the confirmation token
    state: str = Field(max_length=16)
    created_at: int = Field(sa_type=BigInteger)
    expires_at: int = Field(sa_type=BigInteger)
    finished_at: int | None = Field(default=None, sa_type=BigInteger)
    worker: str | None = Field(default=None, max_length=120)
    held_until: int = Field(default=0, sa_type=BigInteger)


class BatchItemRow(SQLModel, table=True):
    """One visit of a batch, and what became of it."""

    __tablename__ = "batch_items"

    batch_id: str = Field(primary_key=True, max_length=26)
    number: int = Field(primary_key=True)
    visit_id: str = Field(max_length=26)
    request_id: str = Field(max_length=26)
    state: str = Field(max_length=16)
    code: str | None = Field(default=None, max_length=64)
    message: str | None = Field(default=None, sa_column=_text(empty=True))
    at: int | None = Field(default=None, sa_type=BigInteger)


class FeedRow(SQLModel, table=True):
    """One event in the order in which all processes see it; the event itself stands in ``events``."""

    __tablename__ = "feed"

    position: int = Field(sa_column=Column(BigInteger, primary_key=True, autoincrement=False))
    visit_id: str = Field(max_length=26)
    seq: int
    at: int = Field(sa_type=BigInteger, index=True)


class VisitPatientRow(SQLModel, table=True):
    """Whose visit it is, as a keyed hash of a number or a name."""

    __tablename__ = "visit_patients"

    patient: str = Field(primary_key=True, max_length=64)
    visit_id: str = Field(primary_key=True, max_length=26, index=True)
    #: of what: 0 identity number, 1 a centre's number of the person, 2 name
    known: int = Field(default=0, sa_column=Column(SmallInteger, nullable=False, server_default="0"))


class CursorRow(SQLModel, table=True):
    """How far a reader of the feed has come."""

    __tablename__ = "feed_cursors"

    name: str = Field(primary_key=True, max_length=64)
    position: int = Field(sa_type=BigInteger)


class DeliveryRow(SQLModel, table=True):
    """One message to a receiver of webhooks."""

    __tablename__ = "deliveries"
    __table_args__ = (
        Index("ix_deliveries_due", "state", "next_at"),
        Index("ix_deliveries_visit", "endpoint", "visit_id", "number", unique=True),
    )

    delivery_id: str = Field(primary_key=True, max_length=26)
    endpoint: str = Field(max_length=64)
    visit_id: str = Field(max_length=26)
    number: int  #: 1, 2, 3 ... of this visit for this endpoint, without gaps
    seq: int
    kind: str = Field(max_length=24)
    body: str = Field(sa_column=_text())
    state: str = Field(max_length=16)
    attempts: int = Field(default=0)
    created_at: int = Field(sa_type=BigInteger)
    next_at: int = Field(sa_type=BigInteger)
    held_until: int = Field(default=0, sa_type=BigInteger)
    done_at: int | None = Field(default=None, sa_type=BigInteger)


class DeliveryAttemptRow(SQLModel, table=True):
    """One try to deliver."""

    __tablename__ = "delivery_attempts"

    delivery_id: str = Field(primary_key=True, max_length=26)
    number: int = Field(primary_key=True)
    at: int = Field(sa_type=BigInteger)
    status: int | None = Field(default=None)
    error: str | None = Field(default=None, max_length=200)
    millis: int


class AlertRow(SQLModel, table=True):
    """One thing that is wrong, from when it was first seen until somebody has been told that it is over."""

    __tablename__ = "alerts"
    __table_args__ = (Index("ix_alerts_open", "open_key", unique=True), Index("ix_alerts_due", "next_at"))

    alert_id: str = Field(primary_key=True, max_length=26)
    rule: str = Field(max_length=64)
    subject: str = Field(max_length=200)
    open_key: str | None = Field(default=None, max_length=265)  #: rule and subject while it is not over: one of each
    severity: str = Field(max_length=16)
    state: str = Field(max_length=16)
    value: str = Field(max_length=64)
    since: int = Field(sa_type=BigInteger)
    seen_at: int = Field(sa_type=BigInteger)
    fired_at: int | None = Field(default=None, sa_type=BigInteger)
    over_at: int | None = Field(default=None, sa_type=BigInteger)
    told: int = Field(default=0)  #: messages that were accepted
    told_at: int | None = Field(default=None, sa_type=BigInteger)
    attempts: int = Field(default=0)  #: failed tries of the message that is due
    next_at: int | None = Field(default=None, sa_type=BigInteger)  #: when a message is due; None: none is
    held_until: int = Field(default=0, sa_type=BigInteger)


class LeaseRow(SQLModel, table=True):
    """What only one process at a time does for all of them."""

    __tablename__ = "leases"

    name: str = Field(primary_key=True, max_length=64)
    holder: str = Field(max_length=120)
    token: int = Field(sa_type=BigInteger)  #: goes up each time that another process takes it
    held_until: int = Field(sa_type=BigInteger)


class ScheduleRow(SQLModel, table=True):
    """How far a schedule of flows.yaml has come. What it does stands there, not here."""

    __tablename__ = "schedules"

    name: str = Field(primary_key=True, max_length=64)
    through: int = Field(sa_type=BigInteger)  #: every moment up to this one is done, or left out on purpose
    next_at: int | None = Field(default=None, sa_type=BigInteger)
    paused_at: int | None = Field(default=None, sa_type=BigInteger)
    paused_by: str | None = Field(default=None, max_length=100)
    paused_why: str | None = Field(default=None, sa_column=_text(empty=True))
    last_run: str | None = Field(default=None, max_length=26)


class ScheduleRunRow(SQLModel, table=True):
    """One run of a schedule: of a moment, by the clock or by a person."""

    __tablename__ = "schedule_runs"
    __table_args__ = (
        Index("ix_schedule_runs_open", "open_key", unique=True),
        Index("ix_schedule_runs_due", "schedule", "due_at", unique=True),
        Index("ix_schedule_runs_ended", "ended_at"),
    )

    run_id: str = Field(primary_key=True, max_length=26)
    schedule: str = Field(max_length=64)
    due_at: int = Field(sa_type=BigInteger)  #: the moment that it is the run of
    open_key: str | None = Field(default=None, max_length=64)  #: the schedule while it is under way: one of each
    made_by: str = Field(max_length=100)
    reason: str = Field(sa_column=_text())
    began_at: int = Field(sa_type=BigInteger)
    ended_at: int | None = Field(default=None, sa_type=BigInteger)
    holder: str = Field(max_length=120)
    held_until: int = Field(sa_type=BigInteger)
    attempts: int
    result: str | None = Field(default=None, max_length=16)
    told: str = Field(sa_column=_text())


class AuditRow(SQLModel, table=True):
    """What somebody did that no visit's journal holds: signing in, looking at what is masked, changing accounts."""

    __tablename__ = "audit"

    audit_id: str = Field(primary_key=True, max_length=26)
    at: int = Field(sa_type=BigInteger)
    actor: str = Field(max_length=100, index=True)
    role: str = Field(max_length=16)
    action: str = Field(max_length=40)
    target: str = Field(max_length=200)
    reason: str = Field(sa_column=_text())
    origin: str = Field(max_length=100)
    outcome: str = Field(max_length=40)
