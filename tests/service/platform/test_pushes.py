"""The outbox: at most once unless it certainly never left; nothing waits for it; what was sent is kept (P54)."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import httpx
import pytest

from adapters.platform import PlatformClient
from adapters.platform.calling import PLATFORM_METHODS
from adapters.platform.client import PlatformSettings
from adapters.platform.contracts import loads
from engine import tables
from engine.catalogue import Catalogue
from engine.commands import Commands
from engine.definitions import FlowDefinition
from engine.environment import MINUTE, SECOND, SystemEnvironment
from engine.errors import DuplicateKey, InvalidData
from engine.registry import Registry
from engine.runner import Runner
from engine.store import Store
from engine.visit import Visit, fold
from service.application import Application
from service.platform.pushes import FLOW, Outbox, hand_over
from storage import MemoryStore
from tests.adapters.platform.peers import json as answer_json
from tests.adapters.platform.peers import refusal_of, reply_of, request_of
from tests.jiangsu import ROOT

PUSHES = [name for name, each in PLATFORM_METHODS.items() if each.interface.kind.value == "notify"]
PAUSE = SECOND // 20
YES = answer_json(reply_of(PLATFORM_METHODS["19.1.3"]))


@dataclass
class Post:
    store: Store
    application: Application
    outbox: Outbox
    answers: list[httpx.Response | Exception]
    sent: list[Any] = field(default_factory=list)

    async def push(self, key: str = "K1", operation: str = "19.1.3", **more: Any) -> None:
        await hand_over(self.application, key, operation, request_of(PLATFORM_METHODS[operation]) | more)

    async def visit(self, key: str = "K1") -> Visit:
        found = await self.store.find(FLOW, key)
        assert found is not None
        return fold(found.visit_id, await self.store.history(found.visit_id))

    async def answered(self, request: httpx.Request) -> httpx.Response:
        await asyncio.sleep(0)
        self.sent.append(loads(request.content))
        said = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(said, Exception):
            raise said
        return said


@asynccontextmanager
async def post(*answers: httpx.Response | Exception) -> AsyncIterator[Post]:
    environment, store = SystemEnvironment(), MemoryStore()
    catalogue = Catalogue({}, {"platform": PlatformClient})
    registry = Registry(store, catalogue, environment)
    raw = tables.load((Path(ROOT) / "flows/platform/push.yaml").read_text(encoding="utf-8"))
    await registry.load([FlowDefinition.model_validate(raw)])
    made: list[Post] = []

    async def answered(request: httpx.Request) -> httpx.Response:
        return await made[0].answered(request)

    adapters = {"platform": PlatformClient(PlatformSettings(), httpx.MockTransport(answered))}
    runner = Runner(store, registry.version, adapters, environment)
    commands = Commands(store, registry, environment, runner.worker, runner.wake, runner)
    wired = SimpleNamespace(
        store=store, registry=registry, adapters=adapters, environment=environment, commands=commands, runner=runner
    )
    application = cast(Application, wired)
    made.append(Post(store, application, Outbox(application, first_pause=PAUSE), list(answers or (YES,))))
    await runner.start()
    try:
        yield made[0]
    finally:
        await runner.stop()
    await adapters["platform"].close()


@pytest.mark.parametrize("operation", PUSHES)
async def test_every_push_is_sent_once(operation: str) -> None:
    async with post(answer_json(reply_of(PLATFORM_METHODS[operation]))) as box:
        await box.push(operation=operation)
        assert await box.outbox.send_due() == 1
        assert (await box.visit()).state == "sent"
        assert await box.outbox.send_due() == 0
        assert len(box.sent) == 1


def test_there_are_21() -> None:
    assert len(PUSHES) == 21


async def test_the_same_key_is_the_same_push() -> None:
    async with post() as box:
        await box.push()
        await box.push()
        await box.outbox.send_due()
        await box.push()
        await box.outbox.send_due()
        assert len(box.sent) == 1
        with pytest.raises(DuplicateKey):
            await box.push(operation="19.1.4")


@pytest.mark.parametrize(
    ("said", "state"),
    [
        (httpx.ReadTimeout("x"), "unclear"),
        (httpx.Response(500), "unclear"),
        (httpx.Response(200, content=b"?"), "unclear"),
        (answer_json(refusal_of(PLATFORM_METHODS["19.1.3"], "90001")), "unclear"),
        (answer_json(refusal_of(PLATFORM_METHODS["19.1.3"], "40004")), "unclear"),
        (answer_json(refusal_of(PLATFORM_METHODS["19.1.3"], "20003")), "refused"),
    ],
    ids=["timeout", "500", "noise", "90001", "40004", "20003"],
)
async def test_what_may_have_left_is_never_sent_again(said: Any, state: str) -> None:
    async with post(said, YES) as box:
        await box.push()
        for _ in range(5):
            await box.outbox.send_due()
            await asyncio.sleep(2 * PAUSE / SECOND)
        visit = await box.visit()
        assert (visit.state, visit.closed, len(box.sent)) == (state, True, 1)


async def test_what_never_left_is_sent_again_later_and_once() -> None:
    async with post(httpx.ConnectError("x"), httpx.ConnectError("x"), YES) as box:
        await box.push()
        assert await box.outbox.send_due() == 1
        assert await box.outbox.send_due() == 0  # not at once
        for _ in range(40):
            await asyncio.sleep(PAUSE / SECOND)
            await box.outbox.send_due()
        visit = await box.visit()
        assert (visit.state, visit.data["tries"], len(box.sent)) == ("sent", 3, 3)


async def test_two_processes_send_one_push_once() -> None:
    async with post() as box:
        for number in range(20):
            await box.push(f"K{number}")
        other = Outbox(box.application, first_pause=PAUSE)
        done = await asyncio.gather(*(each.send_due() for each in (box.outbox, other, box.outbox)))
        assert sum(done) == len(box.sent) == 20


async def test_a_process_that_dies_while_sending_leaves_it_unclear() -> None:
    async with post() as box:
        await box.push()
        found = await box.store.find(FLOW, "K1")
        assert found is not None
        await box.application.commands.trigger(found.visit_id, "begin")
        await asyncio.sleep(0.1)
        assert await box.outbox.send_due() == 0
        assert not box.sent
        projection = await box.store.get(found.visit_id)
        assert projection.due_at is not None  # the timer: unclear
        assert projection.due_at - projection.updated_at <= 5 * MINUTE


async def test_a_push_that_does_not_fit_is_refused_by_member() -> None:
    async with post() as box:
        for operation, request in (("19.1.3", {}), ("13.2.1", {}), ("9.9.9", {})):
            with pytest.raises(InvalidData) as caught:
                await hand_over(box.application, "K", operation, request)
            assert json.dumps(caught.value.as_dict())
        with pytest.raises(InvalidData, match="request: 20001"):
            await hand_over(box.application, "K", "19.1.3", {})


async def test_without_flow_or_platform_it_is_off() -> None:
    async with post() as box:
        assert box.outbox.is_on
        assert not Outbox(box.application, "elsewhere").is_on
        box.outbox.start()
        await asyncio.sleep(0.01)
        await box.outbox.stop()
