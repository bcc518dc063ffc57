"""The form of the settlement sheet as objects: reads ``form.yaml``, which explains itself."""

from __future__ import annotations

from enum import StrEnum
from functools import cache
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from adapters.neimenggu.codes import code_tables
from engine.tables import table

#: Places of a row: a label takes one, a value its span.
PLACES = 6


class Kind(StrEnum):
    """How a value is shown."""

    TEXT = "text"
    CODE = "code"
    MONEY = "money"
    NUMBER = "number"
    DATE = "date"
    MOMENT = "moment"
    ORDINAL = "ordinal"  #: the number of an item's row


#: What stands to the right of its place.
NUMERIC = (Kind.MONEY, Kind.NUMBER)


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Words(_Model):
    """One text in both languages."""

    zh: str
    en: str

    def said(self, language: str) -> str:
        """Return the text in a language, ``zh`` or ``en``."""
        return self.en if language == "en" else self.zh


class Place(Words):
    """Something that is shown: its label, where it is read from, and as what it is shown."""

    member: str = ""
    kind: Kind
    tables: tuple[str, ...] = ()

    @field_validator("tables")
    @classmethod
    def _known(cls, tables: tuple[str, ...]) -> tuple[str, ...]:
        if unknown := set(tables) - set(code_tables()):
            raise ValueError(f"no such code table: {', '.join(sorted(unknown))}")
        return tables

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if (self.kind is Kind.CODE) != bool(self.tables):
            raise ValueError(f"{self.zh}: a code needs tables, and nothing else has any")
        if (self.kind is Kind.ORDINAL) == bool(self.member):
            raise ValueError(f"{self.zh}: expected a member, but none for an ordinal")
        return self


class Cell(Place):
    """A label and a value in a row."""

    span: Annotated[int, Field(ge=1, lt=PLACES)] = 1


class Section(Words):
    """A block of rows under a heading."""

    rows: tuple[tuple[Cell, ...], ...]

    @field_validator("rows")
    @classmethod
    def _full(cls, rows: tuple[tuple[Cell, ...], ...]) -> tuple[tuple[Cell, ...], ...]:
        for row in rows:
            if sum(1 + cell.span for cell in row) != PLACES:
                raise ValueError(f"the row of {row[0].zh} does not fill {PLACES} places")
        return rows


class Column(Place):
    """A column of the items; ``width`` in parts of the whole."""

    width: Annotated[int, Field(gt=0)]
    total: bool = False


class Items(Words):
    """The list of the self-paid items."""

    none: Words
    total: Words
    columns: tuple[Column, ...]


class ReviewWords(Words):
    """How far the amounts are settled."""

    stamp: Words | None = None


class Form(_Model):
    """The whole form."""

    title: Words
    number: Place
    unit: Words
    sections: tuple[Section, ...]
    items: Items
    reviews: dict[str, ReviewWords]
    warnings: dict[str, Words]
    words: dict[str, Words]

    def cells(self) -> tuple[Cell, ...]:
        """Return the cells of all sections in order."""
        return tuple(cell for section in self.sections for row in section.rows for cell in row)

    def label(self, member: str, language: str) -> str:
        """Return how the form calls a member."""
        places = (self.number, *self.cells(), *self.items.columns)
        return next((place.said(language) for place in places if place.member == member), member)


@cache
def form() -> Form:
    """Return the form."""
    return Form.model_validate(table(__file__, "form.yaml"))
