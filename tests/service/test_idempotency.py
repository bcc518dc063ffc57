"""Idempotency-Key: carried out once, answered alike, also at once, after a crash, and after a lost answer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from engine.commands import Asking
from engine.environment import HOUR
from engine.errors import StoreError
from engine.store import Store
from service.client import ApiError, AsyncClient, Client, Unreachable, calls
from tests.conftest import STORES
from tests.service.wired import BASE, Wired, opened
from tests.world import World

KEY = {"Idempotency-Key": "k-1"}


@pytest.fixture
async def wired() -> Wired:
    return Wired(await World().start())


@pytest.fixture
async def client(wired: Wired) -> AsyncIterator[httpx.AsyncClient]:
    async with wired.client(await wired.key("his")) as made:
        yield made


async def ready(client: httpx.AsyncClient, wired: Wired, key: str = "K1") -> str:
    visit = await opened(client, key)
    await wired.world.run()
    return visit


async def settle(client: httpx.AsyncClient, visit: str, invoice: str = "I1", **headers: str) -> httpx.Response:
    body = {"trigger": "settle", "data": {"invoice": invoice}}
    return await client.post(f"/api/v1/visits/{visit}/trigger", json=body, headers=KEY | headers)


async def triggered(wired: Wired, visit: str) -> int:
    return sum(
        1 for event in await wired.world.events(visit) if event.kind == "triggered" and event.request is not None
    )


async def test_the_same_request_is_answered_again(client: httpx.AsyncClient, wired: Wired) -> None:
    visit = await ready(client, wired)
    first = await settle(client, visit)
    await wired.world.run()  # the visit has moved on since
    again = await settle(client, visit)
    assert (again.status_code, again.json()) == (200, first.json())
    assert (first.headers.get("idempotency-replayed"), again.headers["idempotency-replayed"]) == (None, "true")
    assert await triggered(wired, visit) == 1


async def test_another_request_with_the_key_is_refused(client: httpx.AsyncClient, wired: Wired) -> None:
    visit, other = await ready(client, wired), await ready(client, wired, "K2")
    await settle(client, visit)
    for response in (await settle(client, visit, "I2"), await settle(client, other)):
        assert (response.status_code, response.json()["code"]) == (422, "idempotency_key_reused")
    assert await triggered(wired, other) == 0


async def test_a_key_belongs_to_its_caller(client: httpx.AsyncClient, wired: Wired) -> None:
    visit, other = await ready(client, wired), await ready(client, wired, "K2")
    await settle(client, visit)
    async with wired.client(await wired.key("his")) as another:
        assert (await settle(another, other)).status_code == 200


async def test_two_at_once_are_one(client: httpx.AsyncClient, wired: Wired) -> None:
    visit = await ready(client, wired)
    answers = await asyncio.gather(*(settle(client, visit) for _ in range(8)))
    assert {each.status_code for each in answers} == {200}
    assert len({each.text for each in answers}) == 1
    assert sum("idempotency-replayed" in each.headers for each in answers) == 7
    assert await triggered(wired, visit) == 1


async def test_what_was_refused_may_be_asked_again(client: httpx.AsyncClient, wired: Wired) -> None:
    visit = await opened(client)  # nothing has moved yet: not legal
    assert (await settle(client, visit)).status_code == 409
    await wired.world.run()
    assert (await settle(client, visit)).status_code == 200


@pytest.mark.parametrize("crash", ["before", "after"])
async def test_a_crash_between_doing_and_answering(
    client: httpx.AsyncClient, wired: Wired, monkeypatch: pytest.MonkeyPatch, crash: str
) -> None:
    visit = await ready(client, wired)
    real = wired.world.commands.trigger

    async def broken(*args: Any, **kwargs: Any) -> Any:
        if crash == "after":
            await real(*args, **kwargs)
        raise StoreError

    monkeypatch.setattr(wired.world.commands, "trigger", broken)
    assert (await settle(client, visit)).status_code == 503
    monkeypatch.undo()
    again = await settle(client, visit)
    assert again.status_code == 200
    assert await triggered(wired, visit) == 1
    assert (await settle(client, visit)).json() == again.json()


@pytest.mark.parametrize("store_url", STORES, indirect=True)
async def test_keys_outlive_the_process(store: Store) -> None:
    first = Wired(await World(store).start())
    key = await first.key("his")
    async with first.client(key) as client:
        visit = await ready(client, first)
        told = await settle(client, visit)
    second = Wired(await World(store, first.world.environment).start(), registers=first.registers)
    async with second.client(key) as client:
        assert (await settle(client, visit)).json() == told.json()
        assert (await settle(client, visit, "I2")).status_code == 422
        second.world.environment.time += 73 * HOUR  # kept for 72 hours
        assert (await settle(client, visit)).status_code == 409


async def test_the_engine_itself_does_a_request_once(wired: Wired) -> None:
    visit = await wired.world.open()
    await wired.world.run()
    asking = Asking("here", "R1")
    await wired.world.commands.trigger(visit, "settle", {"invoice": "I"}, "w", asking)
    await wired.world.run()
    now = await wired.world.commands.trigger(visit, "settle", {"invoice": "I"}, "w", asking)
    assert now == await wired.world.get(visit)
    assert await triggered(wired, visit) == 1


@pytest.mark.parametrize("key", ["", "x" * 201, "with space"])
async def test_a_key_has_a_form(client: httpx.AsyncClient, wired: Wired, key: str) -> None:
    visit = await ready(client, wired)
    answer = await settle(client, visit, **{"Idempotency-Key": key})
    assert (answer.status_code, answer.json()["field"]) == (422, "Idempotency-Key")


# -- the typed client
class Flaky(httpx.AsyncBaseTransport):
    """Loses answers after the service has given them."""

    def __init__(self, inner: httpx.AsyncBaseTransport, lose: int) -> None:
        self.inner, self.lose, self.sent = inner, lose, 0

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.sent += 1
        response = await self.inner.handle_async_request(request)
        if self.lose:
            self.lose -= 1
            raise httpx.ReadError("lost")
        return response


@pytest.fixture
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    async def at_once(_seconds: float) -> None:
        pass

    monkeypatch.setattr("service.client.asyncio.sleep", at_once)
    monkeypatch.setattr("service.client.time.sleep", lambda _seconds: None)


@pytest.mark.usefixtures("_no_pauses")
async def test_the_client_repeats_what_is_safe(wired: Wired) -> None:
    flaky = Flaky(httpx.ASGITransport(app=wired.api), 2)
    async with AsyncClient(BASE, await wired.key("his"), transport=flaky) as client:
        visit = await client.do(calls.open_visit("toy.visit", "K1", {"patient": "p"}))
        await wired.world.run()
        flaky.lose, flaky.sent = 2, 0
        moved = await client.do(calls.trigger(visit.visit, "settle", {"invoice": "I"}))
        assert (moved.visit, flaky.sent) == (visit.visit, 3)
        assert await triggered(wired, visit.visit) == 1
        with pytest.raises(ApiError) as refused:
            await client.do(calls.trigger(visit.visit, "nonsense"))
        assert refused.value.problem.code == "unknown_trigger"
        shown = await client.do(calls.visit(visit.visit))
        assert shown.data["patient"] == "p" and "resume" in {each.action for each in shown.actions}
        flaky.lose, flaky.sent = 9, 0
        with pytest.raises(Unreachable):
            await client.do(calls.visit(visit.visit))
        assert flaky.sent == 5
        flaky.lose, flaky.sent = 1, 0
        with pytest.raises(Unreachable):
            await client.do(calls.approve("x", "why"))
        assert flaky.sent == 1  # has no key: never by itself


@pytest.mark.usefixtures("_no_pauses")
def test_the_client_waits_when_told_and_reads_pages() -> None:
    sent: list[httpx.Request] = []
    line = {
        "visit": "V", "flow": "f", "version": "v", "key": "k", "state": "s", "status": "ready",
        "opened_at": "", "updated_at": "", "events": 1,
    }  # fmt: skip

    def answer(request: httpx.Request) -> httpx.Response:
        sent.append(request)
        if len(sent) == 1:
            return httpx.Response(503, headers={"Retry-After": "1"}, json={})
        return httpx.Response(200, json=[line | {"visit": f"V{len(sent)}"}] if len(sent) < 4 else [])

    with Client("http://x", transport=httpx.MockTransport(answer)) as client:
        assert [each.visit for each in client.every_visit(status="stuck")] == ["V2", "V3"]
    assert [request.url.params.get("cursor") for request in sent] == [None, None, "V2", "V3"]
