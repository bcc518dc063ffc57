"""The webhook: at least once, in order for each visit, signed, never in a visit's way."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from engine.environment import DAY, HOUR, SECOND
from engine.store import Store
from service import signed_post
from service.signed_post import Endpoint, signature, verify
from service.webhooks import Webhook
from tests.conftest import STORES
from tests.service.wired import Wired
from tests.toy import refuse
from tests.world import World

SECRET = "whsec-1"
ENDPOINT = Endpoint("http://his.example/hook", (SECRET,))


class Receiver(httpx.AsyncBaseTransport):
    """The HIS: checks signatures, remembers what it was told, and answers as the test says."""

    def __init__(self, answer: Callable[[dict[str, Any]], int] = lambda _body: 204) -> None:
        self.answer = answer
        self.told: list[dict[str, Any]] = []
        self.requests: list[httpx.Request] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        body = json.loads(request.content)
        self.requests.append(request)
        status = self.answer(body)
        if status == 0:
            raise httpx.ConnectError("down")
        if status == 200 or status == 204:
            self.told.append(body)
        return httpx.Response(status)


async def pair(answer: Callable[[dict[str, Any]], int] = lambda _body: 204) -> tuple[Wired, Webhook, Receiver]:
    wired = Wired(await World().start())
    receiver = Receiver(answer)
    hook = Webhook(wired.application, ENDPOINT, receiver)
    await hook.gather()
    return wired, hook, receiver


async def deliver(wired: Wired, hook: Webhook, hours: float = 0) -> None:
    """Publish, gather and send until nothing is due; then let time pass, in steps of ten minutes."""
    for _ in range(int(hours * 6) + 1):
        while await wired.desk.hub.publish() or await hook.gather() or await hook.send():
            pass
        if hours:
            wired.world.environment.time += 600 * SECOND


async def test_the_his_is_told_in_order_and_signed() -> None:
    wired, hook, receiver = await pair()
    visits = [await wired.world.open(f"K{number}", invoice=f"I{number}") for number in range(3)]
    await wired.world.run()
    await deliver(wired, hook)
    for visit in visits:
        told = [body for body in receiver.told if body["visit"] == visit]
        assert [body["number"] for body in told] == list(range(1, len(told) + 1))
        assert [body["seq"] for body in told] == sorted(body["seq"] for body in told)
        assert (told[0]["event"], told[-1]["event"]) == ("opened", "closed")
        assert "invented" not in json.dumps(told)
    now = wired.world.environment.now() // SECOND
    for request in receiver.requests:
        assert verify(SECRET, request.headers["visitflow-signature"], request.content, now)
        assert request.headers["visitflow-delivery"] == json.loads(request.content)["delivery"]
    assert len(receiver.told) == len({body["delivery"] for body in receiver.told})


def test_a_signature_is_of_body_time_and_secret() -> None:
    header = signature(("new", "old"), 1000, b"{}")
    assert verify("old", header, b"{}", 1000) and verify("new", header, b"{}", 1299)
    assert not verify("other", header, b"{}", 1000)
    assert not verify("new", header, b"{ }", 1000)
    assert not verify("new", header, b"{}", 1301)  # a replay
    assert not verify("new", header.replace("t=1000", "t=1200"), b"{}", 1200)
    for nonsense in ("", "t=,v1=", "v1=x", "t=x,v1=y", "t=1000"):
        assert not verify("new", nonsense, b"{}", 1000)


async def test_a_receiver_that_fails_is_tried_again_in_order() -> None:
    failures = iter([500, 0, 302, 404] + [204] * 100)
    wired, hook, receiver = await pair(lambda _body: next(failures))
    visit = await wired.world.open(invoice="I")
    await wired.world.run()
    await deliver(wired, hook, hours=1)
    assert [body["number"] for body in receiver.told] == list(range(1, len(receiver.told) + 1))
    first = receiver.told[0]["delivery"]
    found = await wired.application.registers.deliveries.get(first)
    assert found is not None
    delivery, tries = found
    assert (delivery.state, delivery.visit_id) == ("delivered", visit)
    assert [(each.status, each.error) for each in tries] == [
        (500, "status 500"),
        (None, "ConnectError"),
        (302, "status 302"),
        (404, "status 404"),
        (204, None),
    ]
    assert [request.headers["visitflow-attempt"] for request in receiver.requests[:5]] == list("12345")


async def test_one_visit_does_not_hold_another_up() -> None:
    wired, hook, receiver = await pair(lambda body: 500 if body["key"] == "BAD" else 204)
    await wired.world.open("BAD", invoice="I")
    good = await wired.world.open("GOOD", invoice="J")
    await wired.world.run()
    await deliver(wired, hook)
    assert {body["visit"] for body in receiver.told} == {good} and receiver.told[-1]["event"] == "closed"
    assert {json.loads(each.content)["number"] for each in receiver.requests if b'"BAD"' in each.content} == {1}


async def test_a_dead_receiver_never_blocks_a_visit_and_ends_as_dead_letters() -> None:
    wired, hook, receiver = await pair(lambda _body: 0)
    visit = await wired.world.open(invoice="I")
    await wired.world.run()
    assert (await wired.world.get(visit)).status.value == "closed"
    await deliver(wired, hook, hours=30)
    register = wired.application.registers.deliveries
    first = (await register.all(None, None, None, 100))[-1]
    assert (first.state, first.number) == ("dead", 1)
    gone = (await register.get(first.delivery_id)) or (None, [])
    assert gone[1][-1].at - gone[1][0].at <= DAY
    receiver.answer = lambda _body: 204
    await deliver(wired, hook, hours=30)
    assert first.delivery_id not in {body["delivery"] for body in receiver.told}
    async with wired.client() as client:
        path = f"/api/v1/deliveries/{first.delivery_id}"
        assert (await client.post(f"{path}/resend", json={"reason": "back", "by": "w"})).json()["state"] == "pending"
        await deliver(wired, hook)
        assert (await client.get(path)).json()["state"] == "delivered"
    assert receiver.told[-1]["number"] == 1  # its number tells the receiver where it belongs


async def test_a_slow_receiver_is_given_up_and_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signed_post, "TIMEOUT", 0.01)
    wired, hook, receiver = await pair()

    async def trickle(request: httpx.Request) -> httpx.Response:
        await asyncio.sleep(60)
        raise AssertionError

    monkeypatch.setattr(receiver, "handle_async_request", trickle)
    await wired.world.open()
    await wired.desk.hub.publish()
    await hook.gather()
    assert await hook.send() == 1
    delivery = (await wired.application.registers.deliveries.all(None, None, None, 1))[0]
    assert (delivery.state, delivery.attempts) == ("pending", 1)


@pytest.mark.parametrize("store_url", STORES, indirect=True)
async def test_nothing_is_lost_or_written_down_twice_across_restarts(store: Store) -> None:
    world = await World(store).start()
    wired, receiver = Wired(world), Receiver()
    hooks = [Webhook(wired.application, ENDPOINT, receiver) for _ in range(2)]
    await hooks[0].gather()
    visits = [await world.open(f"K{number}", invoice="I") for number in range(4)]
    await world.run()
    while await wired.desk.hub.publish():
        pass
    await asyncio.gather(*(hook.gather() for hook in hooks * 2))
    for _ in range(200):
        if not sum(await asyncio.gather(*(hook.send() for hook in hooks))):
            break
    for visit in visits:
        told = [body["number"] for body in receiver.told if body["visit"] == visit]
        assert told == list(range(1, len(told) + 1)) and len(told) > 3
    registers = wired.application.registers
    assert set(await registers.deliveries.counts()) == {"delivered"}
    wired.world.environment.time += 60 * DAY
    await registers.deliveries.forget(wired.world.environment.now() - DAY)
    assert (await registers.deliveries.counts())["delivered"] == len(visits)  # numbers go on


async def test_a_sender_that_died_is_followed_by_another() -> None:
    wired, hook, receiver = await pair()
    await wired.world.open()
    await wired.desk.hub.publish()
    await hook.gather()
    now = wired.world.environment.now()
    assert len(await wired.application.registers.deliveries.claim("his", now, now + 60 * SECOND, 8)) == 1
    assert await hook.send() == 0
    wired.world.environment.time += HOUR
    assert await hook.send() == 1 and len(receiver.told) == 1


async def test_a_new_endpoint_is_told_from_now_on() -> None:
    wired = Wired(await World().start())
    await wired.world.open("OLD")
    await wired.desk.hub.publish()
    receiver = Receiver()
    hook = Webhook(wired.application, ENDPOINT, receiver)
    await deliver(wired, hook)
    await wired.world.open("NEW")
    await deliver(wired, hook)
    assert [body["key"] for body in receiver.told] == ["NEW"]


async def test_being_stuck_is_told_with_its_cause() -> None:
    wired, hook, receiver = await pair()
    wired.world.peer.fail("settle", refuse)
    await wired.world.open(invoice="I")
    await wired.world.run()
    await deliver(wired, hook)
    assert receiver.told[-1]["event"] == "stuck" and receiver.told[-1]["cause"] == "refused"
