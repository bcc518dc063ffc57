"""Batch actions: previewed, confirmed, carried out once each, also across a restart."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from engine.environment import MINUTE
from engine.store import Store
from service import batches
from service.batches import BatchWorker
from tests.conftest import STORES
from tests.service.wired import Wired, settings
from tests.toy import refuse
from tests.world import World

RESUME = {"action": "resume", "filter": {"status": "stuck"}, "reason": "the peer is back", "by": "wang"}


@pytest.fixture
async def wired() -> Wired:
    return Wired(await World().start())


@pytest.fixture
async def client(wired: Wired) -> AsyncIterator[httpx.AsyncClient]:
    async with wired.client() as made:
        yield made


async def stuck(wired: Wired, count: int) -> list[str]:
    wired.world.peer.fail("settle", *[refuse] * count)
    visits = [await wired.world.open(f"K{number}", invoice=f"I{number}") for number in range(count)]
    await wired.world.run()
    return visits


def worker(wired: Wired) -> BatchWorker:
    return BatchWorker(wired.application, wired.desk.acting)


async def preview(client: httpx.AsyncClient, **changes: Any) -> dict[str, Any]:
    answer = await client.post("/api/v1/batches", json=RESUME | changes)
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def confirm(client: httpx.AsyncClient, found: dict[str, Any], **changes: str) -> httpx.Response:
    body = {"token": found["token"], "by": "wang"} | changes
    return await client.post(f"/api/v1/batches/{found['batch']}/confirm", json=body)


async def resumed(wired: Wired, visits: list[str]) -> list[int]:
    return [sum(each.kind == "resumed" for each in await wired.world.events(visit)) for visit in visits]


async def test_preview_confirm_progress_result(wired: Wired, client: httpx.AsyncClient) -> None:
    visits = await stuck(wired, 3)
    found = await preview(client)
    assert (found["legal"], found["not_legal"], set(found["sample"])) == (3, 0, set(visits))
    assert await worker(wired).work() == 0  # nothing before it is confirmed
    assert await resumed(wired, visits) == [0, 0, 0]
    assert (await confirm(client, found)).json()["state"] == "running"
    while await worker(wired).work():
        pass
    shown = (await client.get(f"/api/v1/batches/{found['batch']}")).json()
    assert (shown["state"], shown["counts"]) == ("done", {"done": 3})
    items = (await client.get(f"/api/v1/batches/{found['batch']}/items")).json()
    assert [(item["number"], item["state"]) for item in items] == [(1, "done"), (2, "done"), (3, "done")]
    assert await resumed(wired, visits) == [1, 1, 1]
    event = next(each for each in await wired.world.events(visits[0]) if each.kind == "resumed")
    assert event.by == "wang" and found["batch"] in event.reason and event.origin == "open 127.0.0.1"


@pytest.mark.parametrize("changes", [{"token": "x"}, {"by": "li"}])
async def test_only_the_token_of_who_looked_confirms(
    wired: Wired, client: httpx.AsyncClient, changes: dict[str, str]
) -> None:
    await stuck(wired, 1)
    assert (await confirm(client, await preview(client), **changes)).status_code == 409


async def test_a_preview_is_confirmed_once_and_in_time(wired: Wired, client: httpx.AsyncClient) -> None:
    await stuck(wired, 1)
    found, late = await preview(client), await preview(client)
    codes = await asyncio.gather(*(confirm(client, found) for _ in range(4)))
    assert sorted(each.status_code for each in codes) == [200, 409, 409, 409]
    wired.world.environment.time += 16 * MINUTE
    assert (await confirm(client, late)).status_code == 409


async def test_each_visit_has_its_own_result(wired: Wired, client: httpx.AsyncClient) -> None:
    visits = await stuck(wired, 3)
    found = await preview(client)
    await wired.world.commands.cancel(visits[0], "li", "was quicker")
    await wired.world.run()
    await confirm(client, found)
    await worker(wired).work()
    items = (await client.get(f"/api/v1/batches/{found['batch']}/items?state=refused")).json()
    assert [(item["visit"], item["code"]) for item in items] == [(visits[0], "action_not_legal")]


@pytest.mark.parametrize("store_url", STORES, indirect=True)
async def test_a_batch_goes_on_after_a_restart_and_does_nothing_twice(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    wired = Wired(await World(store).start())
    visits = await stuck(wired, 5)
    async with wired.client() as client:
        found = await preview(client)
        await confirm(client, found)
    done = 0
    register = wired.application.registers.batches
    real = register.finish

    async def dies(item: Any) -> None:
        nonlocal done
        done += 1
        if done == 3:
            raise asyncio.CancelledError  # the third was resumed, and nothing says so
        await real(item)

    monkeypatch.setattr(register, "finish", dies)
    with pytest.raises(asyncio.CancelledError):
        await worker(wired).work()
    monkeypatch.undo()
    again = Wired(await World(store, wired.world.environment).start(), registers=wired.registers, worker="another")
    assert await worker(again).work() == 0  # the dead one still has its lease
    wired.world.environment.time += MINUTE
    while await worker(again).work():
        pass
    counts = await register.counts(found["batch"])
    assert counts == {"done": 5}
    assert await resumed(wired, visits) == [1] * 5


async def test_a_batch_is_stopped(wired: Wired, client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, "_SLICE", 1)
    await stuck(wired, 3)
    found = await preview(client)
    await confirm(client, found)
    await worker(wired).work()
    stopped = await client.post(f"/api/v1/batches/{found['batch']}/stop", json={"reason": "wrong ones", "by": "wang"})
    assert stopped.json()["counts"] == {"done": 1, "waiting": 2}
    assert await worker(wired).work() == 0


async def test_too_many_visits_are_refused(
    wired: Wired, client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batches, "MOST", 2)
    await stuck(wired, 3)
    answer = await client.post("/api/v1/batches", json=RESUME)
    assert (answer.status_code, answer.json()["code"]) == (422, "too_many_visits")


async def test_four_eyes_hold_in_a_batch() -> None:
    wired = Wired(await World().start(), settings(four_eyes=True))
    visit = await wired.world.open(invoice="I")
    await wired.world.run()
    async with wired.client() as client:
        found = await preview(client, action="cancel", filter={"flow": "toy.visit"})
        assert found["approval"] == 1
        await confirm(client, found)
        await worker(wired).work()
        items = (await client.get(f"/api/v1/batches/{found['batch']}/items")).json()
        assert items[0]["state"] == "approval"
        asked = (await client.get("/api/v1/approvals")).json()
    assert [each["approval"] for each in asked] == [items[0]["message"]]
    assert "undo_requested" not in [each.kind for each in await wired.world.events(visit)]
