"""The HTTP API: shapes, statuses, problem+json with stable codes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from tests.service.wired import Wired
from tests.toy import refuse
from tests.world import World


@pytest.fixture
async def world() -> World:
    return await World().start()


@pytest.fixture
async def client(world: World) -> AsyncIterator[httpx.AsyncClient]:
    async with Wired(world).client() as made:
        yield made


async def opened(client: httpx.AsyncClient, key: str = "K1", **data: Any) -> dict[str, Any]:
    body = {"flow": "toy.visit", "key": key, "data": {"patient": "invented", **data}}
    response = await client.post("/api/v1/visits", json=body)
    assert response.status_code == 201
    answer: dict[str, Any] = response.json()
    return answer


async def test_a_visit_is_opened_once(client: httpx.AsyncClient) -> None:
    first = await opened(client)
    body = {"flow": "toy.visit", "key": "K1", "data": {"patient": "invented"}}
    again = await client.post("/api/v1/visits", json=body)
    assert (again.status_code, again.json()["visit"]) == (200, first["visit"])


async def test_money_in_a_body_keeps_its_cents(client: httpx.AsyncClient, world: World) -> None:
    raw = b'{"flow": "toy.visit", "key": "K1", "data": {"patient": "p", "price": 135.10}}'
    response = await client.post("/api/v1/visits", content=raw)
    assert response.status_code == 201
    assert (await world.visit(response.json()["visit"])).data["price"] == "135.10"


async def test_a_visit_shows_why_it_is_stuck_and_what_may_be_done(client: httpx.AsyncClient, world: World) -> None:
    world.peer.fail("settle", refuse)
    visit = (await opened(client, invoice="I1"))["visit"]
    await world.run()
    shown = (await client.get(f"/api/v1/visits/{visit}")).json()
    assert (shown["status"], shown["cause"], shown["stuck"]["cause"]) == ("stuck", "refused", "refused")
    assert shown["stuck"]["evidence"]["events"]
    assert {"resume", "settle", "cancel", "correct"} <= {action["action"] for action in shown["actions"]}
    listed = (await client.get("/api/v1/visits", params={"status": "stuck"})).json()
    assert [each["visit"] for each in listed] == [visit]
    journal = (await client.get(f"/api/v1/visits/{visit}/journal")).json()
    assert [event["kind"] for event in journal][-1] == "stuck"
    exchanges = (await client.get(f"/api/v1/visits/{visit}/exchanges")).json()
    assert exchanges and "request" not in exchanges[0]


async def test_actions_by_http(client: httpx.AsyncClient, world: World) -> None:
    visit = (await opened(client))["visit"]
    await world.run()
    who = {"by": "wang", "reason": "why"}
    path = f"/api/v1/visits/{visit}"
    assert (await client.post(f"{path}/correct", json=who | {"changes": {"patient": "x"}})).status_code == 200
    assert (
        await client.post(f"{path}/trigger", json={"trigger": "settle", "data": {"invoice": "I"}})
    ).status_code == 200
    await world.run()
    assert (await client.post(f"{path}/reverse", json=who | {"state": "registered"})).status_code == 200
    await world.run()
    assert (await client.post(f"{path}/resume", json=who)).status_code == 200
    assert (await client.post(f"{path}/cancel", json=who)).status_code == 200
    await world.run()
    assert (await client.get(path)).json()["state"] == "cancelled"


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "code"),
    [
        ("POST", "/visits", b"{", 422, "bad_input"),
        ("POST", "/visits", b"[]", 422, "bad_input"),
        ("POST", "/visits", b"[" * 100_000, 422, "bad_input"),
        ("POST", "/visits", b'{"flow": "toy.visit"}', 422, "bad_input"),
        ("POST", "/visits", b'{"flow": "toy.visit", "key": "K", "nonsense": 1}', 422, "bad_input"),
        ("POST", "/visits", b'{"flow": "nothing", "key": "K"}', 404, "unknown_flow"),
        ("POST", "/visits", b'{"flow": "toy.visit", "key": "K", "data": {}}', 422, "invalid_data"),
        ("POST", "/visits", b'"' + b"x" * 1_100_000 + b'"', 413, "oversize"),
        ("GET", "/visits/nobody", None, 404, "unknown_visit"),
        ("GET", "/visits/nobody/journal", None, 404, "unknown_visit"),
        ("GET", "/visits?limit=nonsense", None, 422, "bad_input"),
        ("POST", "/visits/nobody/trigger", b'{"trigger": "settle"}', 404, "unknown_visit"),
        ("POST", "/visits/nobody/settle", b'{"by": "w", "reason": "r", "verdict": "maybe"}', 422, "bad_input"),
    ],
)
async def test_problems_have_stable_codes(
    client: httpx.AsyncClient, world: World, method: str, path: str, body: bytes | None, status: int, code: str
) -> None:
    response = await client.request(method, f"/api/v1{path}", content=body)
    assert (response.status_code, response.json()["code"]) == (status, code)
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json()["title"]
    assert (await client.get("/api/v1/visits")).json() == []


async def test_a_trigger_that_is_not_legal_says_which_are(client: httpx.AsyncClient, world: World) -> None:
    visit = (await opened(client))["visit"]
    await world.run()
    response = await client.post(f"/api/v1/visits/{visit}/trigger", json={"trigger": "finish"})
    assert (response.status_code, response.json()["legal"]) == (409, ["settle"])


async def test_health_counts_forgotten_visits(client: httpx.AsyncClient) -> None:
    assert (await client.get("/healthz")).json()["status"] == "ok"


async def test_the_openapi_document_describes_every_body(client: httpx.AsyncClient) -> None:
    document = (await client.get("/openapi.json")).json()
    posts = [operation["post"] for operation in document["paths"].values() if "post" in operation]
    assert len(posts) >= 19
    assert all("requestBody" in operation for operation in posts)
