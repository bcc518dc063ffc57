"""The facts of one visit, as rows of ``history_tables``: fields are named and ordered as the columns."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from engine.environment import Micros
from storage.tables import METADATA


@dataclass(slots=True)
class VisitFact:
    """See :class:`HistoryVisitRow`."""

    visit_id: str
    flow: str
    version: str
    key_hash: str
    day: str
    opened_at: Micros
    closed_at: Micros | None = None
    state: str = ""
    ending: str = "open"
    steps: int = 0
    failures: int = 0
    doubts: int = 0
    stops: int = 0
    variant: str = ""
    events: int = 0
    last_at: Micros = 0


@dataclass(slots=True)
class StepFact:
    """See :class:`HistoryStepRow`."""

    visit_id: str
    seq: int
    flow: str
    trigger: str
    role: str
    source: str
    target: str
    operation: str
    adapter: str
    attempt: int
    day: str
    began_at: Micros
    ended_at: Micros | None = None
    ms: int | None = None
    outcome: str = "open"
    code: str = ""
    category: str = ""
    dest: str = ""
    moved_at: Micros | None = None


@dataclass(slots=True)
class DoubtFact:
    """See :class:`HistoryDoubtRow`."""

    visit_id: str
    seq: int
    flow: str
    trigger: str
    operation: str
    adapter: str
    day: str
    began_at: Micros
    settled_at: Micros | None = None
    ms: int | None = None
    how: str = ""
    verdict: str = ""
    looks: int = 0
    asked: int = 0


@dataclass(slots=True)
class StopFact:
    """See :class:`HistoryStopRow`."""

    visit_id: str
    seq: int
    flow: str
    state: str
    cause: str
    day: str
    began_at: Micros
    ended_at: Micros | None = None
    ms: int | None = None
    ended_by: str = ""


@dataclass(slots=True)
class MoneyFact:
    """See :class:`HistoryMoneyRow`."""

    visit_id: str
    seq: int
    kind: str
    flow: str
    day: str
    at: Micros
    cents: int


@dataclass(slots=True)
class UploadFact:
    """See :class:`HistoryUploadRow`."""

    visit_id: str
    handed_seq: int
    uploaded_seq: int
    flow: str
    day: str
    handed_at: Micros
    uploaded_at: Micros | None = None
    ms: int | None = None
    lines: int = 0


@dataclass(slots=True)
class Facts:
    """Everything that is told of one visit."""

    visit: VisitFact
    steps: list[StepFact] = field(default_factory=list)
    doubts: list[DoubtFact] = field(default_factory=list)
    stops: list[StopFact] = field(default_factory=list)
    money: list[MoneyFact] = field(default_factory=list)
    uploads: list[UploadFact] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Table:
    """One table of facts: its name without ``history_``, its Core table, and the columns in the record's order."""

    name: str
    core: Any
    columns: tuple[str, ...]
    key: tuple[int, ...]  #: where the columns of the primary key stand

    @classmethod
    def of(cls, name: str, record: type[Any]) -> Table:
        """Return the table whose rows are ``record``."""
        core = METADATA.tables[f"history_{name}"]
        columns = tuple(each.name for each in fields(record))
        return cls(name, core, columns, tuple(columns.index(each.name) for each in core.primary_key.columns))

    def key_of(self, row: tuple[Any, ...]) -> tuple[Any, ...]:
        """Return the primary key of a row."""
        return tuple(row[index] for index in self.key)

    def rows(self, facts: Facts) -> Iterator[tuple[Any, ...]]:
        """Yield a visit's rows of this table, as tuples in the order of the columns."""
        found = [facts.visit] if self.name == "visits" else getattr(facts, self.name)
        for each in found:
            yield tuple(getattr(each, name) for name in self.columns)


#: All tables; that of the visits first.
TABLES: Mapping[str, Table] = {
    name: Table.of(name, record)
    for name, record in (
        ("visits", VisitFact),
        ("steps", StepFact),
        ("doubts", DoubtFact),
        ("stops", StopFact),
        ("money", MoneyFact),
        ("uploads", UploadFact),
    )
}
