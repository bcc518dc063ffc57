"""Peers as the service sees them: limits shared over one store, visits called back, a person's word."""

from __future__ import annotations

from dataclasses import replace

import pytest

from engine.environment import SECOND
from engine.outcomes import NotSent
from engine.peers import Hold, Limits, PeerRow, Peers
from engine.peers.breaker import State
from engine.store import NewVisit, Status, Store, VisitFilter
from service.access.overload import Overload, Room, TooMuch
from service.limiting.keeper import BELIEVED, Keeper
from storage.registers import open_registers
from tests.conftest import STORES
from tests.service.wired import Wired, opened, settings
from tests.storage.test_contract import claimed, event, projection
from tests.toy import ToyEnvironment, lose_reply, not_sent
from tests.world import World

every_store = pytest.mark.parametrize("store_url", STORES, indirect=True)


def row(worker: str, *, wants: bool = True, seen_until: int = 10**18) -> PeerRow:
    return PeerRow("toy", worker, "closed", 1, None, 0, 0, 0, wants, seen_until)


# -- the board
@every_store
async def test_processes_divide_a_limit_and_the_dead_leave_theirs(store: Store) -> None:
    board = open_registers(store).peers
    alone = await board.tell(row("a"), 0, 4, 0)
    assert (alone.slots, alone.parts) == (4, 1000)
    assert (await board.tell(row("b"), 0, 4, 0)).slots == 0, "nothing is free yet"
    assert (await board.tell(row("a"), 0, 4, 3)).slots == 3, "what is in the air is kept"
    assert (await board.tell(row("b"), 0, 4, 0)).slots == 1
    assert (await board.tell(row("a"), 0, 4, 1)).slots == 2
    assert (await board.tell(row("b"), 0, 4, 0)).slots == 2
    await board.tell(row("b", seen_until=50), 0, 4, 0)
    assert (await board.tell(row("a"), 100, 4, 0)).slots == 4, "b has not been heard of"
    assert [each.worker for each in await board.rows(100)] == ["a"]
    await board.forget("a", 100)
    assert await board.rows(100) == []


@every_store
async def test_a_decision_is_read_back(store: Store) -> None:
    board = open_registers(store).peers
    await board.tell(row("a"), 0, None, 0)
    assert await board.holds() == [], "that somebody divides a limit decides nothing"
    hold = Hold("toy", True, "wang", "the centre is being moved", 5)
    await board.decide(hold)
    await board.decide(replace(hold, held=False, at=9))
    assert await board.holds() == [replace(hold, held=False, at=9)]


# -- visits
@every_store
async def test_due_visits_are_claimed_by_priority(store: Store) -> None:
    for number, priority in enumerate((2, 2, 1, 0), 1):
        made = projection(number)
        await store.open(NewVisit(made, (event(1),), f"print{number}", priority=priority))
    assert [each.projection.key for each in await store.claim_due("w", 5000, 9000, 10, 0)] == ["K4"]
    assert [each.projection.key for each in await store.claim_due("w", 5000, 9000, 1, 2)] == ["K1"]
    (left,) = await store.claim_due("w", 5000, 9000, 10, 1)
    assert (left.projection.key, left.priority) == ("K3", 1)
    assert [each.projection.key for each in await store.claim_due("w", 5000, 9000, 10)] == ["K2"]


@every_store
async def test_waking_takes_those_that_wait_for_what_is_named_first(store: Store) -> None:
    waiting = ("peer_paused:toy", "peer_paused:toy:settling", "peer_paused:other", "trigger:settle")
    for number, what in enumerate(waiting, 1):
        made = projection(number, due_at=10**9, waiting_for=what)
        await store.open(NewVisit(made, (event(1),), f"print{number}"))
    leased = projection(5, due_at=10**9, waiting_for=waiting[0])
    await store.open(NewVisit(leased, (event(1),), "print5"))
    held = await claimed(store, 5)
    named = ("peer_paused:toy:settling", "peer_paused:toy")
    assert await store.wake(named, 3000, 1) == 1
    (first,) = await store.claim_due("w", 3000, 6000, 10)
    assert first.projection.key == "K2"
    assert await store.wake(named, 3000, 10) == 1, "who is being moved is left alone"
    registers = open_registers(store)
    assert await registers.census.audit(3000, 1000, 10) == [], "to be called early is no gap"
    (second,) = await store.claim_due("w", 3000, 6000, 10)
    assert second.projection.key == "K1"
    await store.release(second.lease)
    assert await store.claim_due("w", 3000, 6000, 10) == [], "not called any more: it wakes when it said"
    await store.release(held.lease)


# -- the keeper
def paused_world() -> tuple[World, Peers]:
    environment = ToyEnvironment()
    declared = {"default": {"breaker": {"failures": 2, "pause": "30s"}}}
    peers = Peers(Limits.model_validate(declared), environment)
    peers.know(["toy"])
    return World(environment=environment, gate=peers), peers


def keeper_of(world: World, peers: Peers, worker: str = "test") -> Keeper:
    return Keeper(peers, open_registers(world.store).peers, world.store, world.environment, worker, lambda: None)


async def test_visits_are_called_for_the_trial_and_back_when_the_peer_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.peers.peers.GATHER", 1000)
    world, peers = paused_world()
    await world.start()
    keeper = keeper_of(world, peers)
    world.peer.fail("read", *[not_sent] * 2)
    visits = [await world.open(f"K{n}", invoice="I1") for n in range(6)]
    await world.step()
    assert peers.peer("toy").breaker.state is State.PAUSED
    waiting = await world.store.visits(VisitFilter(status=Status.READY))
    assert [each.waiting_for for each in waiting].count("peer_paused:toy") == 4
    await keeper.look()
    assert await world.step() == 0, "left alone"
    world.environment.time += 31 * SECOND
    await keeper.look()
    assert await world.step() > 0
    assert peers.peer("toy").breaker.closed, "a call found that it is back"
    for _ in range(20):
        await keeper.look()
        await world.step()
    assert {(await world.get(each)).status for each in visits[2:]} == {Status.CLOSED}


async def test_a_doubt_is_what_the_trial_looks_at_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.peers.peers.GATHER", 1000)
    world, peers = paused_world()
    await world.start()
    keeper = keeper_of(world, peers)
    doubtful = await world.open("K1", invoice="I1")
    world.peer.fail("settle", lose_reply)
    await world.step()
    peer = peers.peer("toy")
    assert (await world.visit(doubtful)).doubt is not None
    peer.heard(peer.era, NotSent("refused"))
    assert peer.breaker.state is State.PAUSED
    others = [await world.open(f"L{n}", invoice="I1") for n in range(3)]
    world.environment.time += 6 * SECOND
    await world.step()
    before = len(world.peer.received)
    world.environment.time += 31 * SECOND
    monkeypatch.setattr("service.limiting.keeper.TRIALS", 1)
    await keeper.look()
    await world.step()
    assert world.peer.received[before][0] == "look"
    assert len(others) == 3


async def test_what_a_process_without_a_cable_lets_wait_is_called_by_one_that_has_one() -> None:
    world, cut_off = paused_world()
    await world.start()
    healthy = Peers(Limits(), world.environment)
    healthy.know(["toy"])
    board = open_registers(world.store).peers
    a, b = (
        Keeper(each, board, world.store, world.environment, name, lambda: None)
        for name, each in (("a", cut_off), ("b", healthy))
    )
    await b.look()
    world.peer.fail("read", *[not_sent] * 2)
    for number in range(6):
        await world.open(f"K{number}", invoice="I1")
    await world.step()
    assert cut_off.peer("toy").breaker.state is State.PAUSED
    now = world.environment.now()
    assert await world.store.claim_due("b", now, now + SECOND, 10) == []
    await a.look()
    await b.look()
    called = await world.store.claim_due("b", now, now + SECOND, 10)
    assert len(called) == 4, "all that wait for the peer, within a look"
    for each in called:
        await world.store.release(each.lease)
    await a.close()
    await b.look()
    assert await world.store.claim_due("b", now, now + SECOND, 10) == [], "nobody leaves it alone any more"


async def test_what_a_person_decides_holds_in_every_process() -> None:
    world, peers = paused_world()
    await world.start()
    other = Peers(Limits(), world.environment)
    other.know(["toy"])
    board = open_registers(world.store).peers
    keepers = [
        Keeper(each, board, world.store, world.environment, name, lambda: None)
        for name, each in (("a", peers), ("b", other))
    ]
    await board.decide(Hold("toy", True, "wang", "the centre is being moved", 5))
    for keeper in keepers:
        await keeper.look()
    assert {each.peer("toy").breaker.state for each in (peers, other)} == {State.HELD}
    await board.decide(Hold("toy", False, "wang", "moved", 6))
    for keeper in keepers:
        await keeper.look()
    assert {each.peer("toy").breaker.state for each in (peers, other)} == {State.CLOSED}


async def test_a_part_is_not_trusted_when_the_store_was_away_for_long() -> None:
    environment = ToyEnvironment()
    peers = Peers(Limits.model_validate({"default": {"concurrent": 4}}), environment)
    peers.know(["toy"])
    world = await World(environment=environment, gate=peers).start()
    keeper = keeper_of(world, peers)
    await keeper.look()
    kept = keeper._kept["toy"]
    assert peers.peer("toy").turnstile.slots == 4
    environment.time += BELIEVED
    keeper._distrust(kept, environment.monotonic())
    assert peers.peer("toy").turnstile.slots == 0
    await keeper.look()
    assert peers.peer("toy").turnstile.slots == 4


# -- people
async def test_a_person_stops_a_peer_and_lets_it_go_with_a_reason() -> None:
    wired = Wired(await World().start())
    async with wired.client(await wired.key("supervisor", "wang")) as client:
        visit = await opened(client)
        assert (await client.post("/api/v1/peers/toy/hold", json={})).status_code == 422
        assert (await client.post("/api/v1/peers/nobody/hold", json={"reason": "x"})).status_code == 404
        (held,) = (await client.post("/api/v1/peers/toy/hold", json={"reason": "update", "by": "wang"})).json()
        assert (held["state"], held["decided"]["reason"]) == ("held", "update")
        await wired.application.peers.look()
        assert wired.peers.peer("toy").breaker.state is State.HELD
        (let_go,) = (await client.post("/api/v1/peers/toy/release", json={"reason": "done", "by": "wang"})).json()
        await wired.application.peers.look()
        assert (await client.get("/api/v1/peers")).json()[0]["state"] == "closed"
        assert let_go["decided"]["held"] is False
        assert visit
    entries = await wired.registers.audit.all(None, None, None, 10)  # type: ignore[union-attr]
    assert [(each.action, each.target, each.reason) for each in entries] == [
        ("release_peer", "toy", "done"),
        ("hold_peer", "toy", "update"),
    ]
    async with wired.client(await wired.key("his")) as client:
        assert (await client.post("/api/v1/peers/toy/hold", json={"reason": "x"})).status_code == 403


async def test_the_console_shows_who_waits_for_whom() -> None:
    world, peers = paused_world()
    await world.start()
    wired = Wired(world)
    peers.peer("toy").hold()
    visit = await world.open(invoice="I1")
    await world.step()
    async with wired.client(await wired.key("supervisor")) as client:
        page = (await client.get("/console/peers", headers={"Accept-Language": "zh"})).text
        assert "人工停用" in page and "1 件就诊在等候" in page
        assert "暂停呼叫" in (await client.get(f"/console/visits/{visit}")).text
        done = await client.post("/console/peers/toy", data={"held": "false", "reason": "back", "by": "wang"})
        assert done.status_code == 303
    await wired.application.peers.look()
    assert peers.peer("toy").breaker.closed


# -- too much to do
async def test_work_is_turned_away_with_retry_after_and_looking_is_not() -> None:
    wired = Wired(await World().start(), settings(requests_at_once=2))
    overload = wired.application.watching.overload
    async with wired.client(await wired.key("his")) as client:
        overload.working.used = 2
        refused = await client.post("/api/v1/visits", json={"flow": "toy.visit", "key": "K1", "data": {}})
        assert (refused.status_code, refused.json()["code"], refused.json()["reason"]) == (
            503,
            "overloaded",
            "requests",
        )
        assert 1 <= int(refused.headers["Retry-After"]) <= 5
        assert refused.headers["content-type"] == "application/problem+json"
        assert (await client.get("/api/v1/visits")).status_code == 200
        assert (await client.get("/healthz")).status_code == 200
        overload.working.used = 0
        assert await opened(client)
        assert overload.working.used == 0, "given back"
    assert overload.refused == {"requests": 1}
    assert overload.lately(wired.world.environment.monotonic()) == 1
    assert overload.lately(wired.world.environment.monotonic() + 61 * SECOND) == 0


async def test_each_kind_of_too_much_is_named() -> None:
    world = await World().start()
    due = [0]
    chosen = settings(commits_waiting=5, due_most=10)
    overload = Overload(chosen, world.environment, world.store.figures, lambda: due[0])

    def why(room: Room, *, opens: bool = False) -> str:
        try:
            with overload.place(room, opens=opens):
                return ""
        except TooMuch as refused:
            return refused.why

    assert why(overload.working, opens=True) == ""
    due[0] = 10
    assert why(overload.working, opens=True) == "backlog"
    assert why(overload.working) == "", "what has begun may go on"
    world.store.figures.waiting = 5
    assert why(overload.working) == "commits"
    world.store.figures.waiting = 0
    overload.working.used = overload.working.most
    assert why(overload.working) == "requests" and why(overload.own_room()) == "", "ports of their own have own rooms"
    overload = Overload(settings(memory_mb=1), world.environment, world.store.figures, lambda: 0)
    assert why(overload.looking) == "memory"
