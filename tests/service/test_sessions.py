"""An adapter's own sign-ins are written down, whatever state the day's session is in; calls never wait for it."""

from __future__ import annotations

import asyncio
import datetime
import threading
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import structlog

from adapters.jiangsu import JiangsuGateway
from adapters.jiangsu.dll import JiangsuDll
from adapters.jiangsu.session import SignInReason
from engine.definitions import FlowDefinition
from engine.environment import MINUTE, SECOND
from engine.errors import StoreError
from engine.store import VisitFilter
from service.sessions import Sessions, SignedIn
from simulators.jiangsu.gateway import Gateway
from tests.adapters.gateway import GOOD, FakeGateway, failure, success
from tests.patience import PATIENCE
from tests.steps.test_jiangsu_session import KEY, Day


@pytest.fixture(autouse=True)
def _all_logs(_quiet_logs: None) -> None:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(20))


class Desk(Day):
    """A day whose session is signed in, and a listener on something that signs in as adapters do."""

    on_sign_in: Any = None
    operator_id = "001"

    async def start(self) -> Desk:
        await self.begin()
        self.sessions = Sessions(self.world.commands, self.world.store, self.environment)
        self.sessions.listen({"jiangsu_gateway": self}, self.world.definitions)
        return self

    async def data(self, key: str = KEY) -> dict[str, Any]:
        found = await self.world.store.find("jiangsu.session", key)
        assert found is not None, [each.key for each in await self.world.store.visits(VisitFilter())]
        await self.world.check(found.visit_id)
        return {"state": found.state, **(await self.world.visit(found.visit_id)).data}

    async def written(self) -> None:
        await self.sessions.settled()
        await self.world.run(patience=0)


async def test_a_first_sign_in_opens_the_session_of_the_day() -> None:
    desk = await Desk().start()
    desk.environment.time += 24 * 3600 * SECOND
    desk.on_sign_in("20261122001", SignInReason.FIRST_USE)
    assert await desk.world.store.find("jiangsu.session", "001-20261122") is None  # the adapter has not waited
    await desk.written()
    data = await desk.data("001-20261122")
    assert (data["state"], data["sign_no"], data["reason"]) == ("signed_in", "20261122001", "first_use")
    assert data["signed_at"] == "20261122073000"


async def test_later_ones_are_noted_in_it_in_order() -> None:
    desk = await Desk().start()
    for number in range(3):
        desk.on_sign_in(f"2026112100{number}", SignInReason.GONE)
        await desk.written()
    data = await desk.data()
    assert (data["state"], data["sign_no"], data["reason"]) == ("signed_in", "20261121002", "gone")
    events = await desk.world.events(desk.id)
    notes = [event for event in events if event.kind == "triggered" and event.trigger == "renewed"]
    assert [event.data["sign_no"] for event in notes] == ["20261121000", "20261121001", "20261121002"]
    assert {event.by for event in notes} == {"adapter:jiangsu_gateway"}


async def test_after_sign_out_a_second_session_of_the_day_begins() -> None:
    desk = await Desk().start()
    await desk.world.commands.trigger(desk.id, "sign_out")
    await desk.world.run(patience=0)
    desk.on_sign_in("20261121007", SignInReason.FIRST_USE)
    desk.on_sign_in("20261121007", SignInReason.FIRST_USE)  # told twice: one session
    await desk.written()
    assert (await desk.data(f"{KEY}-2"))["sign_no"] == "20261121007"
    assert (await desk.data())["state"] == "signed_out"
    assert len(await desk.world.store.visits(VisitFilter())) == 2


async def test_a_stuck_session_takes_no_note() -> None:
    desk = await Desk().start()
    desk.ahead = 300
    await desk.world.run(patience=11 * MINUTE)
    assert (await desk.visit()).trouble is not None
    desk.on_sign_in("20261121008", SignInReason.GONE)
    await desk.written()
    assert (await desk.data(f"{KEY}-2"))["sign_no"] == "20261121008"


async def test_a_session_under_way_is_waited_for() -> None:
    desk = await Desk().start()
    await desk.world.commands.trigger(desk.id, "check_clock")  # asked for, not made yet
    desk.on_sign_in("20261121009", SignInReason.GONE)
    slept = desk.environment.sleep

    async def meanwhile(duration: int) -> None:
        await slept(duration)
        await desk.world.run(patience=0)

    desk.environment.sleep = meanwhile  # type: ignore[method-assign]
    await desk.written()
    assert (await desk.data())["sign_no"] == "20261121009"
    assert await desk.world.store.find("jiangsu.session", f"{KEY}-2") is None


async def test_a_sign_in_in_the_middle_of_the_sessions_own_call() -> None:
    desk = await Desk().start()
    desk.sessions.listen({"jiangsu_gateway": desk.world.adapter}, desk.world.definitions)
    number = (await desk.data())["sign_no"]
    await desk.world.run(patience=11 * MINUTE)
    desk.centre.gateway = Gateway(desk.centre.gateway.centre)  # the gateway was restarted
    await desk.world.run(patience=10 * MINUTE)
    await desk.written()
    data = await desk.data()
    assert data["sign_no"] == desk.centre.gateway.sign_no != number
    assert (data["reason"], data["state"], data["skew_seconds"]) == ("gone", "signed_in", 0)


async def test_a_store_that_is_down_is_waited_for_and_given_up_with_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    desk = await Desk().start()
    honest, down = desk.world.commands.open, 3

    async def failing(*words: Any) -> Any:
        nonlocal down
        down -= 1
        if down >= 0:
            raise StoreError("gone")
        return await honest(*words)

    monkeypatch.setattr(desk.world.commands, "open", failing)
    desk.on_sign_in("20261121010", SignInReason.GONE)
    with structlog.testing.capture_logs() as logs:
        await desk.written()
    assert (await desk.data())["sign_no"] == "20261121010"
    assert [each["event"] for each in logs if each["log_level"] == "warning"] == ["sign_in_not_written_yet"] * 3
    down = 1000
    desk.on_sign_in("20261121011", SignInReason.GONE)
    with structlog.testing.capture_logs() as logs:
        await desk.written()
    assert logs[-1] == {
        "event": "sign_in_not_written",
        "log_level": "warning",
        "session": KEY,
        "sign_no": "20261121011",
        "reason": "gone",
        "why": "gone",
    }


async def test_a_call_is_not_held_up_by_a_store_that_hangs() -> None:
    desk = await Desk().start()
    gateway = FakeGateway(failure(1003), success(GOOD["list_visits"][1]))
    desk.operator_id = gateway.adapter.operator_id
    hang = asyncio.Event()

    async def hanging(*_: Any) -> Any:
        await hang.wait()

    desk.world.commands.open = hanging  # type: ignore[method-assign]
    desk.sessions.listen({"jiangsu_gateway": gateway.adapter}, desk.world.definitions)
    async with asyncio.timeout(PATIENCE):
        outcome = await gateway.call("list_visits")
    assert outcome.reply["visits"] == []
    assert gateway.sent.count("9001") == 2
    with structlog.testing.capture_logs() as logs:
        await asyncio.wait_for(desk.sessions.close(), PATIENCE)
    assert [each["why"] for each in logs] == ["the service is stopping"] * 2


async def test_a_sign_in_on_another_thread() -> None:
    desk = await Desk().start()
    thread = threading.Thread(target=desk.on_sign_in, args=("20261121012", "gone"))
    thread.start()
    thread.join()
    await desk.written()
    assert (await desk.data())["sign_no"] == "20261121012"


async def test_whom_nobody_listens_to() -> None:
    desk = await Desk().start()

    class Silent:
        pass

    class Nameless:
        on_sign_in = None

    class Elsewhere:
        on_sign_in = None
        operator_id = "7"

    others = {"silent": Silent(), "jiangsu_gateway": Nameless(), "elsewhere": Elsewhere()}
    desk.sessions.listen(others, desk.world.definitions)
    assert not hasattr(others["silent"], "on_sign_in")
    assert others["jiangsu_gateway"].on_sign_in is None  # type: ignore[attr-defined]
    assert others["elsewhere"].on_sign_in is None  # type: ignore[attr-defined]


def test_midnight_is_the_sites() -> None:
    late = datetime.datetime(2026, 11, 21, 16, 0, tzinfo=datetime.UTC)  # midnight in Shanghai
    note = SignedIn("f", "a", "001", "", "gone", int(late.timestamp()) * SECOND, ZoneInfo("Asia/Shanghai"))
    assert (note.key, note.data) == ("001-20261122", {"signed_at": "20261122000000", "reason": "gone"})


@pytest.mark.parametrize(
    "adapter",
    [
        JiangsuGateway.from_settings({"operator_id": "007"}),
        JiangsuDll.from_settings({"library": "x", "operator_id": "007"}),
    ],
    ids=lambda each: each.name,
)
async def test_every_adapter_that_signs_in_by_itself_is_listened_to(adapter: Any) -> None:
    desk = await Desk().start()
    flow = session_of(adapter.name, desk.world.definitions)
    desk.sessions.listen({adapter.name: adapter}, [flow])
    adapter.on_sign_in("20261121007", SignInReason.FIRST_USE)
    await desk.written()
    kept = await desk.data(KEY.replace("001", "007", 1))
    assert (kept["operator"], kept["sign_no"], kept["reason"]) == ("007", "20261121007", "first_use")


def session_of(adapter: str, definitions: list[FlowDefinition]) -> FlowDefinition:
    """The session flow of a site whose centre is reached through ``adapter``."""
    flow = next(each for each in definitions if each.flow == "jiangsu.session")
    return flow.model_copy(update={"adapters": {"centre": adapter}})
