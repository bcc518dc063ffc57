"""What analysts count: facts drawn from journals, rebuilt from them at will, without anything personal (ADR 31).

Times are microseconds as in ``tables``, ``day`` is the site's day as ``yyyy-mm-dd``, ``ms`` milliseconds, money whole
cents. Rows of one visit are written together, and only where they differ from what is there.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, Text
from sqlmodel import Field, SQLModel


class HistoryVisitRow(SQLModel, table=True):
    """A visit: when, how long, how it ended."""

    __tablename__ = "history_visits"
    __table_args__ = (Index("ix_history_visits_day", "day", "visit_id"),)

    visit_id: str = Field(primary_key=True, max_length=26)
    flow: str = Field(max_length=100)
    version: str = Field(max_length=64)
    key_hash: str = Field(max_length=64)  #: keyed hash of the HIS's number; empty: no key is set
    day: str = Field(max_length=10)  #: of opening
    opened_at: int = Field(sa_type=BigInteger)
    closed_at: int | None = Field(default=None, sa_type=BigInteger)
    state: str = Field(max_length=64)
    ending: str = Field(max_length=16)  #: open, stuck, completed or cancelled
    steps: int  #: attempts, also undos
    failures: int  #: attempts that were not done
    doubts: int
    stops: int  #: how often it was stuck
    variant: str = Field(sa_column=Column(Text, nullable=False))  #: the path: triggers in order
    events: int  #: so many events of the journal are told here
    last_at: int = Field(sa_type=BigInteger)


class HistoryStepRow(SQLModel, table=True):
    """One attempt at a transition or undo, with the call it made."""

    __tablename__ = "history_steps"
    __table_args__ = (Index("ix_history_steps_day", "day", "flow"),)

    visit_id: str = Field(primary_key=True, max_length=26)
    seq: int = Field(primary_key=True)  #: the event with which it began
    flow: str = Field(max_length=100)
    trigger: str = Field(max_length=64)
    role: str = Field(max_length=16)  #: forward or undo
    source: str = Field(max_length=64)
    target: str = Field(max_length=64)
    operation: str = Field(max_length=64)  #: empty: no call
    adapter: str = Field(max_length=64)
    attempt: int
    day: str = Field(max_length=10)
    began_at: int = Field(sa_type=BigInteger)
    ended_at: int | None = Field(default=None, sa_type=BigInteger)
    ms: int | None = Field(default=None, sa_type=BigInteger)
    outcome: str = Field(max_length=16)  #: of the call; also open, no_call, by_hand
    code: str = Field(max_length=40)
    category: str = Field(max_length=32)
    dest: str = Field(max_length=64)  #: where it led; empty: nowhere (yet)
    moved_at: int | None = Field(default=None, sa_type=BigInteger)


class HistoryDoubtRow(SQLModel, table=True):
    """One call of which it was not known whether it happened."""

    __tablename__ = "history_doubts"
    __table_args__ = (Index("ix_history_doubts_day", "day"),)

    visit_id: str = Field(primary_key=True, max_length=26)
    seq: int = Field(primary_key=True)  #: the event that began it
    flow: str = Field(max_length=100)
    trigger: str = Field(max_length=64)
    operation: str = Field(max_length=64)
    adapter: str = Field(max_length=64)
    day: str = Field(max_length=10)
    began_at: int = Field(sa_type=BigInteger)
    settled_at: int | None = Field(default=None, sa_type=BigInteger)
    ms: int | None = Field(default=None, sa_type=BigInteger)
    how: str = Field(max_length=16)  #: probe, reverse, repeat, inquire, person; empty: open
    verdict: str = Field(max_length=16)
    looks: int  #: attempts that did not settle it
    asked: int  #: 1: it stopped for a person


class HistoryStopRow(SQLModel, table=True):
    """One time that a visit was stuck."""

    __tablename__ = "history_stops"
    __table_args__ = (Index("ix_history_stops_day", "day"),)

    visit_id: str = Field(primary_key=True, max_length=26)
    seq: int = Field(primary_key=True)
    flow: str = Field(max_length=100)
    state: str = Field(max_length=64)
    cause: str = Field(max_length=32)
    day: str = Field(max_length=10)
    began_at: int = Field(sa_type=BigInteger)
    ended_at: int | None = Field(default=None, sa_type=BigInteger)
    ms: int | None = Field(default=None, sa_type=BigInteger)
    ended_by: str = Field(max_length=24)  #: kind of event that ended it; empty: it lasts


class HistoryMoneyRow(SQLModel, table=True):
    """One change of an amount that stands: plus when it is paid or settled, minus when it is undone or given back."""

    __tablename__ = "history_money"
    __table_args__ = (Index("ix_history_money_day", "day", "flow"),)

    visit_id: str = Field(primary_key=True, max_length=26)
    seq: int = Field(primary_key=True)
    kind: str = Field(primary_key=True, max_length=32)
    flow: str = Field(max_length=100)
    day: str = Field(max_length=10)
    at: int = Field(sa_type=BigInteger)
    cents: int = Field(sa_type=BigInteger)


class HistoryUploadRow(SQLModel, table=True):
    """Fee lines of a visit that were handed over together and went up together, or still wait."""

    __tablename__ = "history_uploads"
    __table_args__ = (Index("ix_history_uploads_day", "day"),)

    visit_id: str = Field(primary_key=True, max_length=26)
    handed_seq: int = Field(primary_key=True)
    uploaded_seq: int = Field(primary_key=True)  #: 0: not yet
    flow: str = Field(max_length=100)
    day: str = Field(max_length=10)  #: of handing over
    handed_at: int = Field(sa_type=BigInteger)
    uploaded_at: int | None = Field(default=None, sa_type=BigInteger)
    ms: int | None = Field(default=None, sa_type=BigInteger)
    lines: int
