"""What an export holds: the columns of every table with their types, and rows on their way out.

Nothing in it names a person: the HIS's number and the patient are keyed hashes, as elsewhere (``service/patients``).
"""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Integer

from engine.environment import SECOND, Micros
from service.history.figures import yuan
from storage.history import TABLES
from storage.registers.history import Page

Row = tuple[Any, ...]


class Type(StrEnum):
    """What a column holds."""

    TEXT = "text"
    INT = "int"
    TIME = "time"  #: microseconds inside, with the site's offset from UTC outside
    MONEY = "money"  #: cents inside, yuan with two decimals outside


@dataclass(frozen=True, slots=True)
class Column:
    """One column of an export."""

    name: str
    type: Type


def _column(table: str, name: str) -> Column:
    if name == "cents":
        return Column("amount", Type.MONEY)
    if name == "at" or name.endswith("_at"):
        return Column(name, Type.TIME)
    return Column(name, Type.INT if isinstance(TABLES[table].core.c[name].type, Integer) else Type.TEXT)


#: The columns by table; that of the visits says whose they are as well.
EXPORTED: Mapping[str, tuple[Column, ...]] = {
    name: (
        *(_column(name, column) for column in table.columns),
        *((Column("patient", Type.TEXT),) if name == "visits" else ()),
    )
    for name, table in TABLES.items()
}


@dataclass(frozen=True, slots=True)
class Batch:
    """One page of visits, with their patients' hashes."""

    page: Page
    patients: Mapping[str, str]

    def of(self, table: str) -> Iterator[Row]:
        """Yield the rows of a table as they are inside, in the order of ``EXPORTED``."""
        rows = self.page.rows[table]
        for visit in self.page.visits:
            for row in rows.get(visit, ()):
                yield (*row, self.patients.get(visit, "")) if table == "visits" else row


@dataclass(frozen=True, slots=True)
class Outside:
    """How values are written as text."""

    zone: ZoneInfo

    def time(self, at: Micros) -> str:
        """Return a moment as ISO 8601 with milliseconds and offset."""
        return datetime.datetime.fromtimestamp(at / SECOND, self.zone).isoformat(timespec="milliseconds")

    def rows(self, batch: Batch, table: str) -> Iterator[list[Any]]:
        """Yield the rows of a table as text and whole numbers; None where there is nothing."""
        special = [
            (index, self.time if column.type is Type.TIME else yuan)
            for index, column in enumerate(EXPORTED[table])
            if column.type in (Type.TIME, Type.MONEY)
        ]
        for row in batch.of(table):
            told = list(row)
            for index, write in special:
                if told[index] is not None:
                    told[index] = write(told[index])
            yield told
