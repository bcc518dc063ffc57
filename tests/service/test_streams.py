"""Server-Sent Events: in order, without gaps, resumable, bounded."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from engine.store import Store
from service.api import streams
from service.api.streams import board_events, visit_events
from storage.registers import open_registers
from tests.conftest import STORES
from tests.patience import PATIENCE
from tests.service.wired import Wired, opened
from tests.world import World


@pytest.fixture
async def wired(monkeypatch: pytest.MonkeyPatch) -> Wired:
    monkeypatch.setattr(streams, "KEEP_ALIVE", 0.02)
    return Wired(await World().start())


class Listener:
    """Reads a stream as a browser does."""

    def __init__(self, body: Any) -> None:
        self._body: AsyncIterator[str] = body
        self.id = ""

    async def next(self) -> tuple[str, dict[str, Any]] | None:
        """Return the next event, or None at a sign of life."""
        while True:
            chunk = await asyncio.wait_for(anext(self._body), PATIENCE)
            fields = dict(line.partition(": ")[::2] for line in chunk.strip().splitlines())
            self.id = fields.get("id", self.id)
            if "data" in fields:
                return fields["event"], json.loads(fields["data"])
            if "retry" not in fields:
                return None

    async def all(self) -> list[tuple[str, dict[str, Any]]]:
        found = []
        while (event := await self.next()) is not None:
            found.append(event)
        return found

    async def close(self) -> None:
        await self._body.aclose()  # type: ignore[attr-defined]


async def listen(wired: Wired, visit: str | None = None, last: str | None = None, **query: Any) -> Listener:
    request: Any = type("R", (), {})()
    request.app = wired.api
    request.state = type("S", (), {})()
    request.headers, request.cookies, request.client = {}, {}, type("C", (), {"host": "127.0.0.1"})()
    request.method = "GET"
    request.state.principal = await wired.desk.door.recognise(request)
    if visit is None:
        made = await board_events(request, query.get("flow"), query.get("after"), last)
    else:
        made = await visit_events(request, visit, query.get("after"), last)
    return Listener(made.body_iterator)


async def test_a_visit_is_followed_and_taken_up_again(wired: Wired) -> None:
    visit = await wired.world.open()
    listener = await listen(wired, visit)
    assert [name for name, _ in await listener.all()] == ["opened"]
    await wired.world.run()
    first = await listener.next()
    assert first is not None and first[1]["seq"] == 2
    await listener.close()
    again = await listen(wired, visit, listener.id)
    seqs = [data["seq"] for _, data in await again.all()]
    assert seqs == list(range(3, (await wired.world.get(visit)).seq + 1))
    assert "invented" not in json.dumps(seqs)
    await again.close()
    assert wired.desk.streams == {}


@pytest.mark.parametrize("store_url", STORES, indirect=True)
async def test_the_board_sees_every_event_once_and_in_order(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "KEEP_ALIVE", 0.02)
    wired = Wired(await World(store).start())
    listener = await listen(wired, after=0)
    visits = [await wired.world.open(f"K{number}") for number in range(5)]
    assert await wired.desk.hub.publish() == 5
    before = [data for _, data in await listener.all()]
    await listener.close()
    await wired.world.run()
    while await wired.desk.hub.publish():
        pass
    listener = await listen(wired, last=listener.id)  # comes back, and has missed nothing
    after = [data for _, data in await listener.all()]
    await listener.close()
    for visit in visits:
        seqs = [data["seq"] for data in before + after if data["visit"] == visit]
        assert seqs == list(range(1, (await wired.world.get(visit)).seq + 1))


@pytest.mark.parametrize("store_url", STORES, indirect=True)
async def test_two_publishers_number_each_event_once(store: Store) -> None:
    world = await World(store).start()
    feeds = [open_registers(store).feed for _ in range(2)]
    if store.__class__.__name__ == "MemoryStore":
        feeds[1] = feeds[0]
    for number in range(30):
        await world.open(f"K{number}")
    counts = await asyncio.gather(*(feed.publish() for feed in feeds * 3))
    while await feeds[0].publish():
        pass
    found = await feeds[0].read(0, 1000)
    assert len({(each.visit_id, each.seq) for each in found}) == len(found) == 30 >= sum(counts)
    assert [each.position for each in found] == list(range(1, 31))


async def test_news_wake_a_listener(wired: Wired, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "KEEP_ALIVE", 5)
    listener = await listen(wired)
    waiting = asyncio.create_task(listener.next())
    await asyncio.sleep(0)
    await wired.world.open()
    await wired.desk.hub.publish()
    event = await asyncio.wait_for(waiting, PATIENCE)
    assert event is not None and event[0] == "opened"
    await listener.close()


async def test_a_filtered_board_moves_on(wired: Wired) -> None:
    listener = await listen(wired, flow=["other.flow"], after=0)
    await wired.world.open()
    await wired.desk.hub.publish()
    assert await listener.all() == []
    assert listener.id == "1"  # what was left out is not looked at again
    await listener.close()


@pytest.mark.parametrize("last", ["99", "1"])
async def test_what_was_forgotten_is_said(wired: Wired, last: str) -> None:
    for number in range(3):
        await wired.world.open(f"K{number}")
    await wired.desk.hub.publish()
    wired.world.environment.time += 10
    assert await wired.desk.hub.feed.prune(wired.world.environment.now()) == 2  # never the last one
    listener = await listen(wired, last=last)
    assert await listener.next() == ("reset", {})
    await listener.close()


async def test_a_stream_ends_with_the_key(wired: Wired) -> None:
    listener = await listen(wired)
    assert await listener.next() is None
    await wired.key("his")  # no longer open to anybody
    with pytest.raises(StopAsyncIteration):
        for _ in range(3):
            await listener.next()


async def test_streams_end_when_the_service_stops(wired: Wired) -> None:
    listener = await listen(wired)
    await listener.next()
    wired.desk.hub.close()
    with pytest.raises(StopAsyncIteration):
        await listener.next()


async def test_streams_are_limited(wired: Wired) -> None:
    wired.desk.streams["open"] = streams.MOST_STREAMS_EACH
    async with wired.client() as client:
        visit = await opened(client)
        for path in ("events", f"visits/{visit}/events"):
            refused = await client.get(f"/api/v1/{path}")
            assert (refused.status_code, refused.json()["code"]) == (429, "too_many_streams")
        assert (await client.get("/api/v1/events", headers={"Last-Event-ID": "x"})).status_code == 422
