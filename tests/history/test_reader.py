"""The reader of the feed on every store: nothing missed, nothing told twice, nothing older over something newer."""

from __future__ import annotations

import asyncio
import dataclasses
from typing import Any

import pytest
from sqlalchemy import delete, insert, select, update

from engine.environment import HOUR
from engine.errors import Shredded, StoreError
from engine.store import Store, VisitFilter
from storage.history import TABLES, Facts, VisitFact
from storage.registers.database import table_of
from storage.registers.history import READER
from storage.service_tables import CursorRow, FeedRow
from storage.tables import EventRow
from tests.conftest import DURABLE, STORES
from tests.console.seed import Seed, seeded
from tests.history.conftest import drawn, history_of, reader_of, registers_of

every = pytest.mark.parametrize("store_url", STORES, indirect=True)
durable = pytest.mark.parametrize("store_url", DURABLE, indirect=True)


async def told(seed: Seed) -> dict[str, list[tuple[Any, ...]]]:
    """All facts there are."""
    history = history_of(seed)
    found = {}
    for name, table in TABLES.items():
        columns = [table.core.c[column] for column in table.columns]
        found[name] = await history.ask(select(*columns).order_by(*table.core.primary_key.columns))
    return found


async def write(seed: Seed, statement: Any) -> None:
    await history_of(seed)._database.write(lambda connection: connection.execute(statement).rowcount)


async def cursor(seed: Seed) -> int | None:
    return await registers_of(seed).feed.cursor(READER)


@every
async def test_following_and_rebuilding_come_to_the_same(hospital: Seed) -> None:
    first = await told(hospital)
    assert len(first["visits"]) == 7 and len(first["doubts"]) == 1 and first["money"] and first["uploads"]
    report = await reader_of(hospital).rebuild(repair=False)
    assert (report.visits, report.differing, report.unreadable) == (await _known(hospital), [], [])
    await reader_of(hospital).rebuild(repair=True)
    assert await told(hospital) == first


async def _known(seed: Seed) -> int:
    return len(await seed.world.store.visits(VisitFilter(limit=1000)))


@every
async def test_news_are_told_and_only_once(hospital: Seed) -> None:
    before, position = await told(hospital), await cursor(hospital)
    assert await reader_of(hospital).work() is False
    assert await told(hospital) == before and await cursor(hospital) == position
    await hospital.world.commands.trigger(hospital.visits["waiting"], "settle", {"invoice_no": "P0009"}, by="his")
    await hospital.world.run(HOUR)
    await drawn(hospital)
    after = await told(hospital)
    assert (await cursor(hospital) or 0) > (position or 0)
    changed = {row[0] for name in TABLES for row in {*after[name]} ^ {*before[name]}}
    assert changed == {hospital.visits["waiting"]}
    assert sum(row[-1] for row in after["money"]) == sum(row[-1] for row in before["money"]) + 27000


@every
async def test_two_readers_at_once_tell_it_once(store: Store) -> None:
    seed = await seeded(store=store)
    readers = [reader_of(seed) for _ in range(3)]
    for _ in range(20):
        await asyncio.gather(*(reader.work() for reader in readers))
    assert len((await told(seed))["visits"]) == 7
    assert (await readers[0].rebuild(repair=False)).differing == []


@every
async def test_a_reader_that_dies_between_goes_on(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    seed = await seeded(store=store)
    monkeypatch.setattr("service.history.reader._VISITS", 2)
    history, keep, calls = history_of(seed), history_of(seed).keep, 0

    async def dies(*arguments: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == 2:
            raise StoreError("the database is away")
        return await keep(*arguments)

    monkeypatch.setattr(history, "keep", dies)
    reader = reader_of(seed)
    reader._after = None  # only the feed
    with pytest.raises(StoreError):
        await reader.work()
    assert len((await told(seed))["visits"]) == 2 and await cursor(seed) == 0
    await drawn(seed)
    assert len((await told(seed))["visits"]) == 7
    assert (await reader_of(seed).rebuild(repair=False)).differing == []


@durable
async def test_what_the_feed_has_forgotten_is_caught_up_with(store: Store) -> None:
    seed = await seeded(store=store)
    await write(seed, delete(table_of(FeedRow)))
    reader = reader_of(seed)
    while await reader.work():
        pass
    assert len((await told(seed))["visits"]) == 7
    assert (await reader.rebuild(repair=False)).differing == []


@every
async def test_facts_that_were_changed_by_hand_are_found_and_mended(hospital: Seed) -> None:
    good, money = await told(hospital), TABLES["money"].core
    await write(hospital, update(money).where(money.c.kind == "fund").values(cents=1))
    await write(hospital, delete(TABLES["stops"].core))
    closed = hospital.visits["closed"]
    extra = {"visit_id": closed, "seq": 99, "kind": "fund", "flow": "x", "day": "2026-11-20", "at": 1, "cents": 5}
    await write(hospital, insert(money).values(**extra))
    report = await reader_of(hospital).rebuild(repair=False)
    expected = {hospital.visits[name] for name in ("closed", "approval", "overdue", "refused", "doubt")}
    assert set(report.differing) == expected and await told(hospital) != good
    assert set((await reader_of(hospital).rebuild(repair=True)).differing) == expected
    assert await told(hospital) == good


@durable
async def test_one_damaged_journal_holds_up_nobody(hospital: Seed) -> None:
    before, events = await told(hospital), table_of(EventRow)
    damaged = hospital.visits["closed"]
    await write(hospital, update(events).where(events.c.visit_id == damaged, events.c.seq == 3).values(payload="{"))
    report = await reader_of(hospital).rebuild(repair=True)
    assert report.unreadable == [damaged]
    assert await told(hospital) == before, "what was told of it stays"


@durable
async def test_what_was_shredded_stays_counted(hospital: Seed, monkeypatch: pytest.MonkeyPatch) -> None:
    before, gone = await told(hospital), hospital.visits["closed"]
    journal = hospital.world.store.journal

    async def shredded(visit: str) -> Any:
        if visit == gone:
            raise Shredded
        return await journal(visit)

    monkeypatch.setattr(hospital.world.store, "journal", shredded)
    report = await reader_of(hospital).rebuild(repair=True)
    assert (report.shredded, report.unreadable, report.differing) == (1, [], [])
    assert await told(hospital) == before


@every
async def test_older_facts_never_come_over_newer_ones(hospital: Seed) -> None:
    before = await told(hospital)
    row = next(row for row in before["visits"] if row[0] == hospital.visits["closed"])
    fact = VisitFact(*row)
    stale = Facts(dataclasses.replace(fact, events=fact.events - 1, state="settled", closed_at=None))
    kept = await history_of(hospital).keep([stale])
    assert (kept.done, kept.visits) == (True, ())
    assert await told(hospital) == before


@durable
async def test_a_writer_leaves_when_another_was_quicker(hospital: Seed, monkeypatch: pytest.MonkeyPatch) -> None:
    history = history_of(hospital)
    [row] = [row for row in (await told(hospital))["visits"] if row[0] == hospital.visits["closed"]]
    mine = Facts(dataclasses.replace(VisitFact(*row), events=100, variant="mine"))
    theirs = Facts(dataclasses.replace(VisitFact(*row), events=101, variant="theirs"))
    write_ = history._database.write

    async def after_them(work: Any) -> Any:
        monkeypatch.setattr(history._database, "write", write_)
        assert (await history.keep([theirs])).done
        return await write_(work)

    monkeypatch.setattr(history._database, "write", after_them)
    assert (await history.keep([mine])).done is False
    [row] = [row for row in (await told(hospital))["visits"] if row[0] == hospital.visits["closed"]]
    assert VisitFact(*row).variant == "theirs"


@every
async def test_the_cursor_is_not_moved_from_elsewhere(hospital: Seed) -> None:
    position = await cursor(hospital) or 0
    assert (await history_of(hospital).keep([], (position - 1, position + 5))).done is False
    assert await cursor(hospital) == position
    cursors = table_of(CursorRow)
    await write(hospital, delete(cursors).where(cursors.c.name == READER))
    assert (await history_of(hospital).keep([], (0, 5))).done is False, "nobody has begun"


@every
async def test_long_news_are_taken_in_pieces(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    seed = await seeded(store=store)
    monkeypatch.setattr("service.history.reader._EVENTS", 7)
    reader = reader_of(seed)
    rounds = 0
    while await reader.work():
        rounds += 1
    _first, last = await registers_of(seed).feed.ends()
    assert rounds >= last // 7 and await cursor(seed) == last
    assert (await reader.rebuild(repair=False)).differing == []
