"""The local catalogue as an adapter: what it answers, and that nothing makes it raise."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from pydantic import ValidationError

from adapters.catalogue import LocalCatalogue
from adapters.equipment import Equipment, Equipped
from engine.adapter import Call
from engine.errors import StoreError
from engine.outcomes import Category, Done, NotSent, Outcome, Refused
from storage import CatalogueHead, Entry, memory_books
from storage.memory_books import MemoryCatalogueBook

ITEM = {"alc402": "C1", "alc404": "0", "vmed": "3", "hospital_name": "本院名称"}
ASKED: dict[str, Any] = {"catalogue": "neimenggu", "items": ["A", "B"], "on": "2026-11-20"}


async def ask(adapter: LocalCatalogue, request: Mapping[str, Any], operation: str = "match") -> Outcome:
    return await adapter.call(Call(operation, request, "m", 1_000_000, lambda: True))


async def equipped(book: MemoryCatalogueBook) -> LocalCatalogue:
    adapter = LocalCatalogue.from_settings({})
    assert isinstance(adapter, Equipped)
    books = memory_books()
    adapter.equip(Equipment(books.sessions, books.files, book))
    return adapter


async def test_items_come_with_the_version_and_without_what_is_for_people() -> None:
    book = MemoryCatalogueBook()
    await book.write("g", [Entry("A", ITEM)])
    assert await book.stand(CatalogueHead("neimenggu", "v7", "g", 1, 0, "x"), None)
    outcome = await ask(await equipped(book), ASKED)
    assert outcome == Done({"version": "v7", "items": {"A": {"alc402": "C1", "alc404": "0", "vmed": "3"}}})


async def test_without_an_import_nothing_matches_and_lines_can_wait() -> None:
    assert await ask(await equipped(MemoryCatalogueBook()), ASKED) == Done({"version": "", "items": {}})


@pytest.mark.parametrize(
    "request_", [{}, ASKED | {"on": "20.11."}, ASKED | {"items": "A"}, ASKED | {"more": 1}, ASKED | {"catalogue": ""}]
)
async def test_a_bad_question_is_refused(request_: dict[str, Any]) -> None:
    outcome = await ask(await equipped(MemoryCatalogueBook()), request_)
    assert isinstance(outcome, Refused)
    assert (outcome.code, outcome.category) == ("bad_request", Category.DATA)
    other = await ask(await equipped(MemoryCatalogueBook()), ASKED, "settle")
    assert isinstance(other, Refused)


class _Broken(MemoryCatalogueBook):
    async def version(self, name: str) -> str | None:
        raise StoreError("reading failed: disk")


async def test_a_book_that_cannot_be_read_means_not_sent() -> None:
    assert isinstance(await ask(await equipped(_Broken()), ASKED), NotSent)
    assert isinstance(await ask(LocalCatalogue.from_settings({}), ASKED), NotSent)


class _Replaced(MemoryCatalogueBook):
    """Another import comes to stand between two looks."""

    def __init__(self) -> None:
        super().__init__()
        self.versions = ["v1", "v2", "v2", "v2"]

    async def version(self, name: str) -> str | None:
        return self.versions.pop(0)

    async def match(self, name: str, codes: Sequence[str], on: datetime.date) -> Mapping[str, Mapping[str, str]]:
        return {"A": {"of": str(4 - len(self.versions))}}


async def test_a_reply_is_of_one_version() -> None:
    assert await ask(await equipped(_Replaced()), ASKED) == Done({"version": "v2", "items": {"A": {"of": "3"}}})


def test_there_is_nothing_to_set() -> None:
    with pytest.raises(ValidationError):
        LocalCatalogue.from_settings({"url": "x"})
