"""Rebuilding: lists that differ from their journals are found, named, and mended only when asked (G4)."""

from __future__ import annotations

from dataclasses import asdict, replace
from types import SimpleNamespace
from typing import Any, cast

import pytest

from engine.store import Append, Snapshot, Status, Store, StoredEvent, VisitFilter
from service.application import Application
from service.rebuild import rebuild_store
from storage import MemoryStore
from tests.conftest import STORES
from tests.toy import refuse
from tests.world import World

every_store = pytest.mark.parametrize("store_url", STORES, indirect=True)


async def two_visits(store: Store) -> tuple[World, list[str]]:
    """One visit that is closed and one that is stuck."""
    world = await World(store=store).start()
    visits = [await world.open("K1", invoice="I1")]
    await world.run()
    world.peer.fail("settle", refuse)
    visits.append(await world.open("K2", invoice="I2"))
    await world.run()
    assert [(await world.get(visit)).status for visit in visits] == [Status.CLOSED, Status.STUCK]
    return world, visits


async def rebuilt(world: World, *, repair: bool = False) -> dict[str, Any]:
    wired = SimpleNamespace(store=world.store, registry=world.registry)
    return await rebuild_store(cast(Application, wired), repair)


@every_store
async def test_lists_that_say_what_the_journals_say_are_left_alone(store: Store) -> None:
    world, _ = await two_visits(store)
    before = await store.visits(VisitFilter())
    assert await rebuilt(world, repair=True) == {"visits": 2, "repaired": 0, "shredded": 0, "differences": []}
    assert await store.visits(VisitFilter()) == before


@every_store
@pytest.mark.parametrize(
    "wrong",
    [
        {"state": "read"},
        {"status": Status.READY, "due_at": 5},
        {"cause": None},
        {"waiting_for": "retry"},
        {"version": "another", "key": "K3"},
        {"opened_at": 1, "updated_at": 2},
    ],
    ids="-".join,
)
async def test_a_list_that_differs_from_its_journal_is_named_and_mended(store: Store, wrong: dict[str, Any]) -> None:
    world, (_, visit) = await two_visits(store)
    right = await store.get(visit)
    assert await store.replace_projection(replace(right, **wrong), right.seq)
    told = [
        {"visit": visit, "field": name, "stored": value, "folded": asdict(right)[name]} for name, value in wrong.items()
    ]
    found = await rebuilt(world)
    assert (found["visits"], found["repaired"]) == (2, 0)
    assert sorted(found["differences"], key=lambda each: list(wrong).index(each["field"])) == told
    assert await store.get(visit) == replace(right, **wrong), "looking changes nothing"
    assert (await rebuilt(world, repair=True))["repaired"] == 1
    assert await store.get(visit) == right
    assert (await rebuilt(world))["differences"] == []


async def keep_snapshot(world: World, visit: str, snapshot: Snapshot) -> None:
    now = world.environment.now()
    claim = await world.store.claim(visit, "test", now, now + 1)
    assert claim is not None
    await world.store.append(Append(claim.lease, snapshot.seq, (), claim.projection, snapshot=snapshot, release=True))


@every_store
async def test_a_snapshot_that_is_not_the_fold_is_found_and_thrown_away(store: Store) -> None:
    world, (_, visit) = await two_visits(store)
    await keep_snapshot(world, visit, replace(await world.visit(visit), state="done").snapshot())
    differences = (await rebuilt(world))["differences"]
    assert [(each["visit"], each["field"]) for each in differences] == [(visit, "snapshot")]
    assert (await rebuilt(world, repair=True))["repaired"] == 1
    assert await store.snapshot(visit) is None
    assert (await rebuilt(world))["differences"] == []


@every_store
async def test_a_snapshot_that_is_the_fold_is_kept(store: Store) -> None:
    world, (_, visit) = await two_visits(store)
    right = (await world.visit(visit)).snapshot()
    await keep_snapshot(world, visit, right)
    assert (await rebuilt(world, repair=True))["differences"] == []
    assert await store.snapshot(visit) == right


async def test_a_journal_with_a_hole_is_named_and_the_others_are_looked_at() -> None:
    world, (first, second) = await two_visits(MemoryStore())
    assert isinstance(world.store, MemoryStore)
    whole = world.store.journal

    async def with_a_hole(visit_id: str) -> list[StoredEvent]:
        events = await whole(visit_id)
        return [replace(each, seq=each.seq + (each.seq > 1)) for each in events] if visit_id == first else events

    world.store.journal = with_a_hole  # type: ignore[method-assign]
    report = await rebuilt(world, repair=True)
    assert (report["visits"], report["repaired"]) == (2, 0)
    assert [(each["visit"], each["field"], each["folded"]) for each in report["differences"]] == [
        (first, "journal", "event 3 follows event 1")
    ]
    assert await world.store.get(second)
