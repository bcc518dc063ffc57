"""The hospital's own table of matched items as a peer: the same protocol, no network.

One operation, ``match``: request ``{"catalogue": name, "items": [hospital code, ...], "on": "yyyy-mm-dd"}``, reply
``{"version": text, "items": {hospital code: {field: text}}}``. Items without an entry for that day are absent, and
without an import there is no version ("") and no item: lines wait for their match and find it by themselves once it is
imported, where a refusal would leave each visit stuck and need a person for each (N83).
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from adapters.equipment import CatalogueBook, Equipment
from engine.adapter import Call, Operation
from engine.environment import Micros
from engine.errors import StoreError
from engine.outcomes import Category, Done, Effect, NotSent, Outcome, Refused

#: What stands in a catalogue for people to read, and in no reply: a visit's journal would carry it in every match.
FOR_PEOPLE = frozenset(("hospital_name",))


class _Settings(BaseModel):
    model_config = ConfigDict(extra="forbid")


class _Match(BaseModel):
    model_config = ConfigDict(extra="forbid")

    catalogue: str = Field(min_length=1, max_length=64)
    items: list[str]
    on: datetime.date


class LocalCatalogue:
    """Answers from the book that ``visitflow catalogue import`` fills."""

    operations: ClassVar[Mapping[str, Operation]] = {
        "match": Operation("match", Effect.READ, "目录匹配", "match items with the catalogue")
    }

    def __init__(self) -> None:
        self.name = "catalogue"
        self._book: CatalogueBook | None = None

    @classmethod
    def from_settings(cls, settings: Mapping[str, Any]) -> Self:
        """Make the adapter; there is nothing to set. Raises ValidationError."""
        _Settings.model_validate(dict(settings))
        return cls()

    def equip(self, equipment: Equipment) -> None:
        """Take the book."""
        self._book = equipment.catalogue

    def message_id(self, now: Micros, number: int) -> str:
        """Return an id; nobody else sees it."""
        return f"catalogue-{number}"

    async def call(self, call: Call) -> Outcome:
        """Match; never raises for what it is asked or for what the book does."""
        if call.operation != "match":
            return Refused("unknown_operation", f"expected match, got {call.operation}", Category.DATA)
        try:
            asked = _Match.model_validate(call.request)
        except ValidationError as error:
            problem = error.errors(include_url=False, include_input=False)[0]
            field = ".".join(str(part) for part in problem["loc"])
            return Refused("bad_request", f"{field}: {problem['msg']}", Category.DATA)
        if self._book is None:
            return NotSent("the catalogue was not handed to the adapter")
        try:
            return Done(await _matched(self._book, asked))
        except StoreError as error:
            return NotSent(f"the catalogue cannot be read: {error.code}")

    async def close(self) -> None:
        """Do nothing."""


async def _matched(book: CatalogueBook, asked: _Match) -> dict[str, Any]:
    """Return the reply, all of it of the version that it names."""
    while True:
        version = await book.version(asked.catalogue)
        if version is None:
            return {"version": "", "items": {}}
        found = await book.match(asked.catalogue, asked.items, asked.on)
        if await book.version(asked.catalogue) == version:
            items = {code: _for_steps(content) for code, content in found.items()}
            return {"version": version, "items": items}


def _for_steps(content: Mapping[str, str]) -> dict[str, str]:
    return {field: value for field, value in content.items() if field not in FOR_PEOPLE}
