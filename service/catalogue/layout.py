"""The columns of a catalogue: reads the YAML beside this module, which explains itself."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Literal

from pydantic import BaseModel, ConfigDict

from engine.errors import BadInput
from engine.tables import table

_PACKAGE = "service.catalogue"
#: The one column that every catalogue has: the hospital's own code.
CODE = "hospital_code"
VALID_FROM, VALID_TO = "valid_from", "valid_to"


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Column(_Model):
    """One column."""

    name: str
    zh: str
    en: str
    also: tuple[str, ...] = ()
    required: Literal["always", "off_catalogue", "not_off_catalogue", "never"] = "never"
    length: int = 100
    table: str = ""
    kind: Literal["text", "date", "price"] = "text"
    derived: Mapping[str, Mapping[str, str]] = {}

    @property
    def headers(self) -> tuple[str, ...]:
        """Return every header that is understood."""
        return (self.name, self.zh, self.en, *self.also)


class Layout(_Model):
    """All columns of one catalogue."""

    catalogue: str
    columns: tuple[Column, ...]
    off_catalogue: Mapping[str, Mapping[str, str]] = {}

    def column(self, header: str) -> Column | None:
        """Return the column that a header names."""
        return next((each for each in self.columns if plain(header) in map(plain, each.headers)), None)


def plain(header: str) -> str:
    """Return a header without what people vary: case, blanks, underscores, the mark of a required column."""
    return "".join(header.split()).strip("*＊\ufeff").replace("_", "").replace("-", "").lower()


def layouts() -> list[str]:
    """Return the names of all catalogues that can be imported."""
    found = (each.name for each in files(_PACKAGE).iterdir())
    return sorted(name.removesuffix(".yaml") for name in found if name.endswith(".yaml"))


@cache
def layout(name: str) -> Layout:
    """Return the columns of a catalogue. Raises BadInput."""
    if name not in layouts():
        raise BadInput(f"expected one of {', '.join(layouts())}", field="catalogue")
    return Layout.model_validate(table(__file__, f"{name}.yaml"))
