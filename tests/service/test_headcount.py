"""Counting visits for pages: at once where that is quick, beside the page where it is not."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from engine.errors import StoreError
from engine.store import Status
from service import headcount
from service.headcount import Headcount
from storage.memory import MemoryStore
from storage.tally import CLOSED, Tally

DONE = Tally("f", "v", "done", Status.CLOSED, None, 7)
OPEN = Tally("f", "v", "here", Status.READY, None, 1)


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[str]]:
    """What counting does: each call waits for its seconds, or raises."""

    def prepare(*closed: float | Exception) -> list[str]:
        asked: list[str] = []
        ways = iter(closed)

        async def count(_store: Any, statuses: frozenset[Status]) -> list[Tally]:
            if statuses != CLOSED:
                return [OPEN]
            asked.append("closed")
            way = next(ways)
            if isinstance(way, Exception):
                raise way
            await asyncio.sleep(way)
            return [DONE]

        monkeypatch.setattr(headcount, "tally", count)
        return asked

    return prepare


async def test_what_is_counted_quickly_is_counted_each_time(counted: Callable[..., list[str]]) -> None:
    asked = counted(0, 0)
    heads = Headcount(MemoryStore())
    for _ in range(2):
        found = await heads.now()
        assert (found.tallies, found.whole) == ([OPEN, DONE], True)
    assert len(asked) == 2


async def test_a_page_does_not_wait_for_what_takes_long(
    counted: Callable[..., list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(headcount, "PATIENCE", 0.01)
    asked = counted(0.1, 0)
    heads = Headcount(MemoryStore())
    first = await heads.now()
    assert (first.tallies, first.whole) == ([OPEN], False)
    assert not (await heads.now()).whole and len(asked) == 1  # nobody counts twice at a time
    while not (found := await heads.now()).whole:
        await asyncio.sleep(0.01)
    assert found.tallies == [OPEN, DONE]
    assert (await heads.now()).whole and len(asked) == 1  # good for a while


async def test_without_the_store_the_last_count_stays(counted: Callable[..., list[str]]) -> None:
    asked = counted(0, StoreError("away"), 0)
    heads = Headcount(MemoryStore())
    for count in (1, 2, 3):
        assert (await heads.now()).whole and len(asked) == count


async def test_counting_ends_with_the_service(counted: Callable[..., list[str]]) -> None:
    counted(3600)
    heads = Headcount(MemoryStore())
    assert not (await heads.now()).whole
    await heads.close()
    await Headcount(MemoryStore()).close()
