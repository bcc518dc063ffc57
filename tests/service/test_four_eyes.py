"""Four eyes: one asks, another approves; durable, expiring, bound to the visit as it was."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from engine.actions import ActionKind
from engine.environment import HOUR
from engine.errors import StoreError
from engine.store import Status
from service.acting import Acting, Deed, Who
from storage.registers import Approval
from tests.service.wired import Wired, opened, settings
from tests.toy import lose_request
from tests.world import World

WHY = {"reason": "asked by telephone"}


@pytest.fixture
async def wired() -> Wired:
    return Wired(await World().start(), settings(four_eyes=True))


@pytest.fixture
async def wang(wired: Wired) -> AsyncIterator[httpx.AsyncClient]:
    async with wired.client(await wired.key("supervisor", "wang")) as made:
        yield made


@pytest.fixture
async def li(wired: Wired) -> AsyncIterator[httpx.AsyncClient]:
    async with wired.client(await wired.key("supervisor", "li")) as made:
        yield made


async def settled(client: httpx.AsyncClient, wired: Wired) -> str:
    visit = await opened(client, invoice="I1")
    await wired.world.run()
    assert (await wired.world.get(visit)).state not in ("opened", "registered")
    return visit


async def ask(client: httpx.AsyncClient, visit: str, state: str = "registered") -> dict[str, Any]:
    answer = await client.post(f"/api/v1/visits/{visit}/reverse", json=WHY | {"state": state})
    assert answer.status_code == 202, answer.text
    asked: dict[str, Any] = answer.json()
    return asked


async def test_one_asks_and_another_approves(wired: Wired, wang: httpx.AsyncClient, li: httpx.AsyncClient) -> None:
    visit = await settled(wang, wired)
    before = await wired.world.get(visit)
    asked = await ask(wang, visit)
    assert (asked["state"], asked["asked_by"], asked["target"]) == ("asked", "wang", "registered")
    assert await wired.world.get(visit) == before  # nothing has happened
    assert (await li.get(f"/api/v1/visits/{visit}")).json()["approvals"] == [asked]
    assert (await li.get("/api/v1/approvals?state=asked")).json() == [asked]
    path = f"/api/v1/approvals/{asked['approval']}"
    own = await wang.post(f"{path}/approve", json=WHY)
    assert (own.status_code, own.json()["code"]) == (403, "own_request")
    under_another_name = await wang.post(f"{path}/approve", json=WHY | {"by": "li"})
    assert under_another_name.json()["code"] == "own_request"
    done = await li.post(f"{path}/approve", json={"reason": "seen the receipt"})
    assert (done.status_code, done.json()["state"], done.json()["decided_by"]) == (200, "done", "li")
    await wired.world.run()
    assert (await wired.world.get(visit)).state == "registered"
    event = next(each for each in await wired.world.events(visit) if each.kind == "undo_requested")
    assert event.by == "wang" and "approved by li: seen the receipt" in event.reason
    again = await li.post(f"{path}/approve", json=WHY)
    assert (again.status_code, again.json()["code"]) == (409, "not_open")


async def test_settling_by_hand_needs_two(wired: Wired, wang: httpx.AsyncClient, li: httpx.AsyncClient) -> None:
    wired.world.peer.fail("settle", *[lose_request] * 3)
    wired.world.peer.fail("look", *[lose_request] * 90)
    wired.world.peer.fail("reverse", *[lose_request] * 90)
    visit = await opened(wang, invoice="I1")
    await wired.world.run()
    assert (await wired.world.get(visit)).status is Status.STUCK
    body = WHY | {"verdict": "not_applied"}
    asked = await wang.post(f"/api/v1/visits/{visit}/settle", json=body)
    assert asked.status_code == 202
    approved = await li.post(f"/api/v1/approvals/{asked.json()['approval']}/approve", json=WHY)
    assert approved.status_code == 200, approved.text
    assert "settled" in [each.kind for each in await wired.world.events(visit)]


async def test_what_moves_no_money_needs_one(wired: Wired, wang: httpx.AsyncClient) -> None:
    visit = await opened(wang)
    await wired.world.run()
    answer = await wang.post(f"/api/v1/visits/{visit}/correct", json=WHY | {"changes": {"patient": "x"}})
    assert answer.status_code == 200


async def test_without_the_setting_one_is_enough() -> None:
    wired = Wired(await World().start())
    async with wired.client() as client:
        visit = await settled(client, wired)
        answer = await client.post(f"/api/v1/visits/{visit}/reverse", json=WHY | {"state": "registered", "by": "w"})
    assert answer.status_code == 200


async def test_what_is_not_legal_is_not_asked_for(wired: Wired, wang: httpx.AsyncClient) -> None:
    visit = await settled(wang, wired)
    answer = await wang.post(f"/api/v1/visits/{visit}/reverse", json=WHY | {"state": "nowhere"})
    assert (answer.status_code, answer.json()["code"]) == (409, "action_not_legal")
    assert (await wang.get("/api/v1/approvals")).json() == []


async def test_a_request_is_refused(wired: Wired, wang: httpx.AsyncClient, li: httpx.AsyncClient) -> None:
    asked = await ask(wang, await settled(wang, wired))
    path = f"/api/v1/approvals/{asked['approval']}"
    assert (await wang.post(f"{path}/refuse", json=WHY)).status_code == 403
    assert (await li.post(f"{path}/refuse", json=WHY)).json()["state"] == "refused"
    assert (await li.post(f"{path}/approve", json=WHY)).status_code == 409


async def test_a_request_expires(wired: Wired, wang: httpx.AsyncClient, li: httpx.AsyncClient) -> None:
    asked = await ask(wang, await settled(wang, wired))
    wired.world.environment.time += 25 * HOUR
    late = await li.post(f"/api/v1/approvals/{asked['approval']}/approve", json=WHY)
    assert (late.status_code, late.json()["code"]) == (409, "not_open")


async def test_a_visit_that_has_moved_is_asked_about_anew(
    wired: Wired, wang: httpx.AsyncClient, li: httpx.AsyncClient
) -> None:
    visit = await opened(wang)
    await wired.world.run()  # registered: a call at the peer, and nothing says that it is not about money
    actions = (await wang.get(f"/api/v1/visits/{visit}")).json()["actions"]
    asked = await ask(wang, visit, next(each["target"] for each in actions if each["action"] == "reverse"))
    await wired.world.commands.correct(visit, {"patient": "x"}, "w", "r")
    path = f"/api/v1/approvals/{asked['approval']}"
    answer = await li.post(f"{path}/approve", json=WHY)
    assert (answer.status_code, answer.json()["code"]) == (409, "approval_outdated")
    assert (await li.get(path)).json()["state"] == "failed"


async def test_the_same_request_asks_once(wired: Wired, wang: httpx.AsyncClient) -> None:
    visit = await settled(wang, wired)
    body, key = WHY | {"state": "registered"}, {"Idempotency-Key": "k"}
    answers = [await wang.post(f"/api/v1/visits/{visit}/reverse", json=body, headers=key) for _ in range(2)]
    assert [each.status_code for each in answers] == [202, 202]
    assert answers[0].json() == answers[1].json()
    assert len((await wang.get("/api/v1/approvals")).json()) == 1


async def test_a_crash_after_the_approval_is_made_up_for_once(
    wired: Wired, wang: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    visit = await settled(wang, wired)
    asked = await ask(wang, visit)
    acting: Acting = wired.desk.acting
    real = wired.world.commands.reverse

    async def done_but_not_told(*args: Any, **kwargs: Any) -> Any:
        await real(*args, **kwargs)
        raise StoreError

    monkeypatch.setattr(wired.world.commands, "reverse", done_but_not_told)
    with pytest.raises(StoreError):
        await acting.approve(asked["approval"], "li", "yes")
    monkeypatch.undo()
    await wired.world.run()
    approval, _ = await acting.carry_out(asked["approval"])
    assert approval.state == "done"
    assert sum(each.kind == "undo_requested" for each in await wired.world.events(visit)) == 1


async def test_nobody_asks_without_a_name(wired: Wired) -> None:
    visit = await wired.world.open(invoice="I1")
    await wired.world.run()
    with pytest.raises(Exception, match="operator"):
        await wired.desk.acting.do(visit, Deed(ActionKind.REVERSE, "registered"), Who("", "why", "cli"))
    asked = await wired.desk.acting.do(visit, Deed(ActionKind.CANCEL), Who("w", "why", "cli"))
    assert isinstance(asked, Approval)
