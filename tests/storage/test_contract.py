"""What engine.store promises, held against every store."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from engine.environment import SECOND
from engine.errors import LeaseLost, UnknownVisit
from engine.store import (
    Append,
    Claim,
    ExchangeRecord,
    FlowRecord,
    History,
    Lease,
    NewVisit,
    Projection,
    Snapshot,
    Status,
    Store,
    StoredEvent,
    VisitFilter,
    Worker,
)
from storage import Vault, open_store
from tests.conftest import DURABLE, STORES

every_store = pytest.mark.parametrize("store_url", STORES, indirect=True)
every_durable_store = pytest.mark.parametrize("store_url", DURABLE, indirect=True)


def projection(number: int = 1, **changes: object) -> Projection:
    base = Projection(
        visit_id=f"{number:026d}",
        flow="toy.visit",
        version="v1",
        key=f"K{number}",
        state="opened",
        status=Status.READY,
        seq=1,
        opened_at=1000 + number,
        updated_at=1000 + number,
        due_at=1000 + number,
    )
    return replace(base, **changes)  # type: ignore[arg-type]


def event(seq: int, text: str = "{}") -> StoredEvent:
    return StoredEvent(seq, 1000 + seq, "opened", text)


async def opened(store: Store, number: int = 1, **changes: object) -> Projection:
    made = projection(number, **changes)
    await store.open(NewVisit(made, (event(1),), f"print{number}"))
    return made


def append(claim: Claim, *, release: bool = False, **changes: object) -> Append:
    seq = claim.projection.seq + 1
    moved = replace(claim.projection, seq=seq, updated_at=2000, **changes)  # type: ignore[arg-type]
    return Append(claim.lease, claim.projection.seq, (event(seq, '{"n":"x"}'),), moved, release=release)


async def claimed(store: Store, number: int = 1, worker: str = "w1", now: int = 5000, until: int = 9000) -> Claim:
    claim = await store.claim(f"{number:026d}", worker, now, until)
    assert claim is not None
    return claim


@every_store
async def test_opening_twice_with_one_key_makes_one_visit(store: Store) -> None:
    first = await store.open(NewVisit(projection(1), (event(1),), "a"))
    again = await store.open(NewVisit(replace(projection(2), key="K1"), (event(1),), "b"))
    assert (first.created, again.created) == (True, False)
    assert (again.projection, again.fingerprint) == (projection(1), "a")
    assert await store.journal(projection(2).visit_id) == []


@every_store
async def test_many_open_the_same_key_at_once(store: Store) -> None:
    found = await asyncio.gather(
        *(store.open(NewVisit(replace(projection(n), key="same"), (event(1),), "f")) for n in range(1, 30))
    )
    assert sum(each.created for each in found) == 1
    assert len({each.projection.visit_id for each in found}) == 1


@every_store
async def test_appended_events_are_read_back(store: Store) -> None:
    await opened(store)
    claim = await claimed(store)
    await store.append(append(claim, state="read"))
    journal = await store.journal(claim.lease.visit_id)
    assert [(each.seq, each.payload) for each in journal] == [(1, "{}"), (2, '{"n":"x"}')]
    assert (await store.get(claim.lease.visit_id)).state == "read"


@every_store
async def test_every_field_of_a_projection_is_read_back(store: Store) -> None:
    waiting: dict[str, Any] = {"status": Status.WAITING, "waiting_for": "retry", "due_at": 7000}
    stuck: dict[str, Any] = {"status": Status.STUCK, "waiting_for": "resume", "cause": "doubt", "due_at": None}
    made = await opened(store, **waiting)
    assert await store.get(made.visit_id) == made
    for changes in ({"version": "v2", "state": "read"} | stuck, waiting | {"cause": None}, stuck):
        written = append(await claimed(store), release=True, **changes)
        await store.append(written)
        assert await store.get(made.visit_id) == written.projection
        assert await store.find(made.flow, made.key) == written.projection
        assert await store.visits(VisitFilter()) == [written.projection]


@every_durable_store
async def test_what_was_appended_survives_the_store(store: Store, store_url: str, vault: Vault) -> None:
    await opened(store)
    await store.append(append(await claimed(store), state="read", release=True))
    other = open_store(store_url, vault)
    await other.start()
    try:
        assert (await other.get(projection().visit_id)).state == "read"
        assert len(await other.journal(projection().visit_id)) == 2
    finally:
        await other.close()


@every_store
async def test_a_lost_lease_writes_nothing(store: Store) -> None:
    await opened(store)
    stale = await claimed(store, until=6000)
    fresh = await claimed(store, worker="w2", now=7000)
    with pytest.raises(LeaseLost):
        await store.append(append(stale, state="stale"))
    assert (await store.get(stale.lease.visit_id)).state == "opened"
    assert len(await store.journal(stale.lease.visit_id)) == 1
    await store.append(append(fresh, state="fresh"))
    assert (await store.get(stale.lease.visit_id)).state == "fresh"


@every_store
async def test_a_write_that_builds_on_an_older_journal_is_refused(store: Store) -> None:
    await opened(store)
    claim = await claimed(store)
    await store.append(append(claim))
    with pytest.raises(LeaseLost):
        await store.append(append(claim))


@every_store
async def test_a_stale_write_in_a_batch_does_not_take_the_others_down(store: Store) -> None:
    for number in range(1, 21):
        await opened(store, number)
    claims = [await claimed(store, number, until=6000) for number in range(1, 21)]
    await claimed(store, 7, worker="w2", now=7000)
    results = await asyncio.gather(
        *(store.append(append(claim, state="moved")) for claim in claims), return_exceptions=True
    )
    assert [isinstance(result, LeaseLost) for result in results] == [number == 7 for number in range(1, 21)]
    states = {each.key: each.state for each in await store.visits(VisitFilter())}
    assert all(state == ("opened" if key == "K7" else "moved") for key, state in states.items())


@every_store
async def test_one_visit_is_never_leased_twice(store: Store) -> None:
    for number in range(1, 101):
        await opened(store, number)
    found = await asyncio.gather(*(store.claim_due(f"w{n}", 5000, 9000, 30) for n in range(8)))
    names = [claim.lease.visit_id for claims in found for claim in claims]
    assert len(names) == len(set(names)) == 100


@every_store
async def test_due_visits_come_longest_due_first_and_bounded(store: Store) -> None:
    await opened(store, 1, due_at=300)
    await opened(store, 2, due_at=100)
    await opened(store, 3, due_at=200)
    await opened(store, 4, due_at=99_999)
    await opened(store, 5, due_at=None, status=Status.STUCK, cause="doubt")
    assert [claim.projection.key for claim in await store.claim_due("w", 5000, 9000, 2)] == ["K2", "K3"]
    assert [claim.projection.key for claim in await store.claim_due("w", 5000, 9000, 9)] == ["K1"]


@every_store
async def test_of_named_visits_those_that_are_due_are_leased_once(store: Store) -> None:
    ids = [await opened(store, number, due_at=100 * number) for number in range(1, 6)]
    far = await opened(store, 6, due_at=99_999)
    asked = [*(each.visit_id for each in ids[:4]), far.visit_id, "01ARZ3NDEKTSV4RRFFQ69G5FAV"]
    assert await store.claim_among([], "w", 5000, 9000, 9) == []
    first = await store.claim_among(asked, "w", 5000, 9000, 3)
    assert len(first) == 3
    rest = await store.claim_among([*asked, *asked], "w", 5000, 9000, 9)
    assert {claim.projection.key for claim in (*first, *rest)} == {"K1", "K2", "K3", "K4"}
    assert all(claim.history.events for claim in (*first, *rest))
    found = await asyncio.gather(*(store.claim_among(asked, f"w{n}", 9000, 12_000, 9) for n in range(8)))
    names = [claim.lease.visit_id for claims in found for claim in claims]
    assert len(names) == len(set(names)) == 4, "their leases have ended, and each is leased to one"


@every_store
async def test_a_lease_that_ended_makes_the_visit_due_again_with_a_higher_token(store: Store) -> None:
    await opened(store)
    first = (await store.claim_due("w1", 5000, 6000, 9))[0]
    assert await store.claim_due("w2", 5999, 9000, 9) == []
    second = (await store.claim_due("w2", 6000, 9000, 9))[0]
    assert second.lease.token > first.lease.token


@every_store
async def test_renewing_keeps_a_lease_and_tells_of_lost_ones(store: Store) -> None:
    await opened(store, 1)
    await opened(store, 2)
    kept, lost = await claimed(store, 1, until=6000), await claimed(store, 2, until=6000)
    await claimed(store, 2, worker="w2", now=7000)
    assert await store.renew([kept.lease, lost.lease], 20_000) == {lost.lease.visit_id}
    assert await store.claim(kept.lease.visit_id, "w3", 19_999, 30_000) is None
    await store.append(append(kept))


@every_store
async def test_releasing_brings_the_due_time_back(store: Store) -> None:
    await opened(store, 1, due_at=100)
    claim = await claimed(store, 1, until=50_000)
    assert await store.next_wake() == 50_000
    await store.release(claim.lease)
    assert await store.next_wake() == 100
    again = await claimed(store, 1, until=60_000)
    await store.append(append(again, due_at=777, release=True))
    assert await store.next_wake() == 777
    await store.release(claim.lease)  # long lost: no error, no effect
    assert await store.next_wake() == 777


@every_store
async def test_a_dead_workers_visits_come_due_at_once(store: Store) -> None:
    await store.register(Worker("dead", "host", 1, 2, 3))
    await opened(store, 1, due_at=100)
    claim = await claimed(store, 1, worker="dead", until=10**15)
    assert [each.worker for each in await store.workers()] == ["dead"]
    assert await store.expire_worker("dead", 6000) == 1
    assert await store.workers() == []
    again = (await store.claim_due("w", 6000, 9000, 9))[0]
    assert again.lease.token > claim.lease.token


@every_store
async def test_an_unknown_visit_is_named(store: Store) -> None:
    for work in (store.get("nobody"), store.claim("nobody", "w", 1, 2)):
        with pytest.raises(UnknownVisit) as caught:
            await work
        assert caught.value.code == "unknown_visit"
    assert await store.find("toy.visit", "nobody") is None


@every_store
async def test_lists_narrow_and_page(store: Store) -> None:
    for number in range(1, 8):
        await opened(store, number, status=Status.STUCK if number % 2 else Status.READY, cause="doubt")
    stuck = await store.visits(VisitFilter(status=Status.STUCK))
    assert [each.key for each in stuck] == ["K7", "K5", "K3", "K1"]
    page = await store.visits(VisitFilter(limit=3))
    rest = await store.visits(VisitFilter(limit=9, before=page[-1].visit_id))
    assert [each.key for each in page + rest] == [f"K{n}" for n in range(7, 0, -1)]
    assert [each.key for each in await store.visits(VisitFilter(key="K3"))] == ["K3"]
    assert [each.key for each in await store.visits(VisitFilter(changed_since=1006))] == ["K7", "K6"]


@every_store
async def test_counters_never_repeat(store: Store) -> None:
    firsts = await asyncio.gather(*(store.reserve("messages", 10) for _ in range(20)))
    assert sorted(firsts) == list(range(0, 200, 10))
    assert await store.reserve("other", 5) == 0


@every_durable_store
async def test_counters_go_on_after_a_restart(store: Store, store_url: str, vault: Vault) -> None:
    await store.reserve("messages", 10)
    other = open_store(store_url, vault)
    await other.start()
    assert await other.reserve("messages", 1) == 10
    await other.close()


@every_store
async def test_snapshots_shorten_the_history(store: Store) -> None:
    await opened(store)
    claim = await claimed(store)
    await store.append(replace(append(claim, release=True), snapshot=Snapshot(2, "body")))
    history = await store.history(claim.lease.visit_id)
    assert (history.snapshot, list(history.events)) == (Snapshot(2, "body"), [])
    again = await claimed(store)
    await store.append(append(again, release=True))
    assert [each.seq for each in (await claimed(store)).history.events] == [3]


@every_store
async def test_claimed_together_each_visit_has_all_events_after_its_own_snapshot(store: Store) -> None:
    for number in range(1, 5):
        await opened(store, number)
    for number in range(2, 5):  # the second has no snapshot, the third one in the middle, the fourth one at the end
        snapshot = Snapshot(2, "body") if number > 2 else None
        await store.append(replace(append(await claimed(store, number), release=True), snapshot=snapshot))
    for _ in range(2):
        await store.append(append(await claimed(store, 3), release=True))
    claims = await store.claim_due("w", 10_000, 20_000, 9)
    found = {claim.projection.key: claim.history for claim in claims}
    assert {key: [each.seq for each in history.events] for key, history in found.items()} == {
        "K1": [1],
        "K2": [1, 2],
        "K3": [3, 4],
        "K4": [],
    }
    assert {key for key, history in found.items() if history.snapshot is not None} == {"K3", "K4"}


@every_store
async def test_flow_versions_are_kept_once(store: Store) -> None:
    record = FlowRecord("abc", "toy.visit", 1, "{}", 5)
    await store.save_flow(record)
    await store.save_flow(replace(record, first_seen=9))
    assert await store.flow("abc") == record
    assert await store.flow("nothing") is None
    assert await store.flows() == [record]


@every_store
async def test_exchanges_are_read_back(store: Store) -> None:
    await opened(store)
    claim = await claimed(store)
    kept = ExchangeRecord("x" * 26, claim.lease.visit_id, "call", 5, "toy", "settle", b"\x00ask", None, "timeout")
    await store.append(replace(append(claim), exchanges=(kept,)))
    assert await store.exchanges(claim.lease.visit_id) == [kept]


@every_store
async def test_the_audit_finds_who_would_never_be_moved(store: Store) -> None:
    await opened(store, 1, due_at=None)
    await opened(store, 2, due_at=100)
    await opened(store, 3, due_at=10**15)
    await opened(store, 4, due_at=None, status=Status.STUCK)
    found = await store.zombies(200 * SECOND, SECOND)
    assert sorted(each.key for each in found) == ["K1", "K2"]


@every_store
async def test_a_visit_opened_under_a_lease_is_nobody_elses_until_it_ends(store: Store) -> None:
    made = projection()
    lease = Lease(made.visit_id, 1, "opener", 5000)
    assert (await store.open(NewVisit(made, (event(1),), "print", lease))).created
    assert await store.claim_due("other", 4000, 9000, 10) == []
    assert await store.claim(made.visit_id, "other", 4000, 9000) is None
    assert await store.next_wake() == 5000
    own = Claim(lease, made, History(None, (event(1),)))
    await store.append(append(own, state="moved"))
    (claim,) = await store.claim_due("other", 5000, 9000, 10)
    assert claim.lease.token == 2
    with pytest.raises(LeaseLost):
        await store.append(append(replace(own, projection=claim.projection), state="stale"))


@every_store
async def test_opening_again_under_a_lease_changes_nothing(store: Store) -> None:
    first = await opened(store)
    lease = Lease("9" * 26, 1, "opener", 5000)
    again = await store.open(NewVisit(replace(first, visit_id="9" * 26), (event(1),), "print1", lease))
    assert (again.created, again.projection.visit_id) == (False, first.visit_id)
    assert len(await store.claim_due("other", 4000, 9000, 10)) == 1
