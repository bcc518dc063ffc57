"""Alerts: told once, again after a while, told to be over; neither a restart nor a second process tells twice."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, cast

import httpx
import pytest
from pydantic import SecretStr

from engine.adapter import Operation
from engine.environment import DAY, HOUR, MINUTE, SECOND
from engine.errors import BadInput
from engine.events import Role
from engine.outcomes import Done, Effect, NotSent
from engine.store import Store
from engine.visit import Visit
from flows import load_site
from service.signed_post import verify
from service.watching.alerting import Alerting
from service.watching.measuring import MEASURES, timed_states
from service.watching.rules import SHIPPED, Rule, Watched, load_rules
from service.watching.tally import Tally
from tests.conftest import STORES
from tests.service.wired import Wired, settings
from tests.world import World

SECRET = "alert-secret"
URL = "http://pager.example/alerts"
READ = Operation("read", Effect.READ)
ROOT = Path(__file__).parents[2]


class Pager:
    """Who is told: checks signatures, remembers, and answers as the test says."""

    def __init__(self) -> None:
        self.status = 200
        self.told: list[dict[str, Any]] = []
        self.now = 0.0

    def __call__(self, request: httpx.Request) -> httpx.Response:
        assert verify(SECRET, request.headers["visitflow-signature"], request.content, self.now)
        if self.status == 200:
            self.told.append(json.loads(request.content))
        return httpx.Response(self.status)

    @property
    def states(self) -> list[str]:
        return [f"{each['rule']} {each['state']}" for each in self.told]


class Site:
    """A site whose clock the test moves."""

    def __init__(self, wired: Wired, pager: Pager) -> None:
        self.wired, self.pager = wired, pager
        self.alerting = self.started()

    def started(self) -> Alerting:
        """A process: new in memory, the same store."""
        return Alerting(self.wired.application, httpx.MockTransport(self.pager))

    async def passes(self, duration: int, *processes: Alerting, every: int = 15 * SECOND) -> None:
        """Let time pass; look and tell as `serve` does."""
        environment = self.wired.world.environment
        end = environment.now() + duration
        while environment.now() < end:
            environment.time += every
            self.pager.now = environment.time / SECOND
            for process in processes or (self.alerting,):
                await process.evaluate()
                while await process.send():
                    pass

    def peer(self, *, answers: bool, times: int = 1) -> None:
        for _ in range(times):
            outcome = Done({}) if answers else NotSent("refused")
            self.wired.tally.called(Visit("V"), "toy", READ, Role.FORWARD, "M", outcome, 1)


def rules(tmp_path: Path, text: str) -> Path:
    file = tmp_path / "rules.yaml"
    file.write_text(text, encoding="utf-8")
    return file


STUCK = "- {name: stuck, watch: stuck, above: 0, for: 1m, repeat: 1h, clear: 2m, zh: 卡住, en: stuck}\n"
PEER = "- {name: peer, watch: peer_failures, above: 4, repeat: 1h, clear: 1m, zh: 不应答, en: down}\n"


async def made(tmp_path: Path, text: str, world: World) -> Site:
    chosen = settings(alert_url=URL, alert_secret=SecretStr(SECRET), alert_rules=rules(tmp_path, text))
    return Site(Wired(world, chosen), Pager())


@pytest.fixture
async def world() -> AsyncIterator[World]:
    yield await World().start()


async def stick(world: World) -> str:
    """Open a visit that gets stuck."""
    visit = await world.open("K1")
    await world.run(patience=MINUTE)
    world.environment.time += 400 * DAY  # nobody triggers what it waits for
    while await world.step():
        pass
    assert (await world.get(visit)).status.value == "stuck"
    return visit


async def test_told_once_again_and_over(tmp_path: Path, world: World) -> None:
    site = await made(tmp_path, STUCK, world)
    visit = await stick(world)
    await site.passes(45 * SECOND)
    assert site.pager.told == []  # not for long enough
    await site.passes(5 * MINUTE)
    assert site.pager.states == ["stuck firing"]
    assert site.pager.told[0]["subject"] == "toy.visit/overdue"
    await site.passes(HOUR, every=MINUTE)
    assert site.pager.states == ["stuck firing"] * 2
    assert [each["number"] for each in site.pager.told] == [1, 2]
    await world.commands.cancel(visit, "wang", "gone")
    await world.run(patience=MINUTE)
    await site.passes(90 * SECOND)
    assert len(site.pager.told) == 2  # it may come back
    await site.passes(3 * MINUTE)
    assert site.pager.states[2:] == ["stuck resolved"]
    await site.passes(2 * HOUR, every=MINUTE)
    assert len(site.pager.told) == 3


async def test_a_restart_tells_nothing_anew(tmp_path: Path, world: World) -> None:
    site = await made(tmp_path, STUCK, world)
    await stick(world)
    await site.passes(5 * MINUTE)
    world.environment.time += 20 * MINUTE  # nothing runs
    for _ in range(5):
        await site.passes(2 * MINUTE, site.started())
    assert site.pager.states == ["stuck firing"]


async def test_two_processes_tell_once(tmp_path: Path, world: World) -> None:
    site = await made(tmp_path, STUCK, world)
    await stick(world)
    await site.passes(10 * MINUTE, site.alerting, site.started())
    assert site.pager.states == ["stuck firing"]


async def test_what_comes_and_goes_is_told_once(tmp_path: Path, world: World) -> None:
    site = await made(tmp_path, PEER, world)
    for _ in range(10):
        site.peer(answers=False, times=5)
        await site.passes(30 * SECOND)
        site.peer(answers=True)
        await site.passes(30 * SECOND)
    assert site.pager.states == ["peer firing"]
    await site.passes(5 * MINUTE)
    assert site.pager.states == ["peer firing", "peer resolved"]


async def test_a_new_process_that_knows_nothing_of_a_peer_does_not_call_it_well(tmp_path: Path, world: World) -> None:
    site = await made(tmp_path, PEER, world)
    site.peer(answers=False, times=5)
    await site.passes(MINUTE)
    Tally.__init__(site.wired.tally)  # a process started anew
    await site.passes(30 * MINUTE)
    assert site.pager.states == ["peer firing"]
    site.peer(answers=False)
    site.peer(answers=True)
    await site.passes(2 * MINUTE)
    assert site.pager.states == ["peer firing", "peer resolved"]


async def test_a_pager_that_is_down_is_tried_again_and_hears_the_last_state(tmp_path: Path, world: World) -> None:
    site = await made(tmp_path, STUCK, world)
    visit = await stick(world)
    site.pager.status = 503
    await site.passes(10 * MINUTE)
    assert site.pager.told == []
    site.pager.status = 200
    await site.passes(15 * MINUTE)
    assert site.pager.states == ["stuck firing"]
    site.pager.status = 503
    await world.commands.cancel(visit, "wang", "gone")
    await world.run(patience=MINUTE)
    await site.passes(5 * MINUTE)
    site.pager.status = 200
    await site.passes(30 * MINUTE)
    assert site.pager.states == ["stuck firing", "stuck resolved"]


async def test_what_was_over_before_anybody_was_told_is_not_told(tmp_path: Path, world: World) -> None:
    site = await made(tmp_path, PEER, world)
    site.pager.status = 503
    site.peer(answers=False, times=5)
    await site.passes(MINUTE)
    site.peer(answers=True)
    await site.passes(3 * MINUTE)
    site.pager.status = 200
    await site.passes(HOUR, every=MINUTE)
    assert site.pager.told == []


async def test_a_rule_that_is_taken_away_ends_silently(tmp_path: Path, world: World) -> None:
    site = await made(tmp_path, STUCK, world)
    await stick(world)
    await site.passes(5 * MINUTE)
    site.wired.settings.alert_rules = rules(tmp_path, PEER)
    await site.passes(HOUR, site.started(), every=MINUTE)
    assert site.pager.states == ["stuck firing"]
    assert site.wired.registers is not None
    assert await site.wired.registers.alerts.open() == []


async def test_past_alerts_are_forgotten_in_the_end(tmp_path: Path, world: World) -> None:
    site = await made(tmp_path, PEER, world)
    site.peer(answers=False, times=5)
    await site.passes(MINUTE)
    site.peer(answers=True)
    await site.passes(5 * MINUTE)
    register = site.wired.application.registers.alerts
    assert [each.state for each in await register.latest(10)] == ["resolved"]
    await site.alerting.forget(world.environment.now() + DAY)
    assert await register.latest(10) == []


async def test_a_test_message_says_so(tmp_path: Path, world: World) -> None:
    site = await made(tmp_path, STUCK, world)
    site.pager.now = world.environment.now() / SECOND
    assert await site.alerting.test() == (200, None)
    assert site.pager.states == ["test test"]


# -- rules
def test_every_kind_that_a_rule_may_watch_is_measured() -> None:
    assert set(cast(Any, Watched).__args__) == set(MEASURES)


def test_the_shipped_rules_are_sound_and_use_every_measure() -> None:
    assert {rule.watch for rule in load_rules()} == set(MEASURES)
    assert SHIPPED.is_file()


async def test_every_measure_can_be_taken(world: World) -> None:
    wired = Wired(world)
    await Alerting(wired.application).evaluate()
    await stick(world)
    await Alerting(wired.application).evaluate()


def test_uploads_are_looked_for_where_a_timer_makes_them() -> None:
    site = load_site(ROOT / "flows.yaml")
    found = {each.flow: timed_states(each, "upload") for each in site.definitions}
    assert any(found.values())
    assert all(set(states) <= {"registered", "charged"} for states in found.values())


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("- {name: a, watch: stuck, above: 0, below: 1, zh: a, en: a}", "either above or below"),
        ("- {name: a, watch: stuk, above: 0, zh: a, en: a}", "0.watch"),
        ("- {name: a, watch: stuck, above: 0, zh: a, en: a, fro: 5m}", "0.fro"),
        ("- {name: a, watch: stuck, above: 0, zh: a, en: a, for: soon}", "0.for"),
        ("- {name: a, watch: timer_idle, above: 0, zh: a, en: a}", "trigger and older_than"),
        (STUCK + STUCK, "twice: stuck"),
        ("- [", r"rules\.yaml:1:4: not valid YAML"),
    ],
)
def test_rules_that_are_wrong_are_refused_with_their_place(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(BadInput, match=told):
        load_rules(rules(tmp_path, text))


def test_below_and_above() -> None:
    rule = Rule.model_validate({"name": "a", "watch": "disk_free", "below": 10, "zh": "a", "en": "a"})
    assert (rule.holds(9.9), rule.holds(10)) == (True, False)


@pytest.mark.parametrize("store_url", STORES, indirect=True)
async def test_every_store_keeps_one_open_alert_of_a_kind(store: Store, tmp_path: Path) -> None:
    world = await World(store=store).start()
    site = await made(tmp_path, STUCK, world)
    await stick(world)
    await site.passes(5 * MINUTE, site.alerting, site.started())
    assert site.pager.states == ["stuck firing"]
    assert len(await site.wired.application.registers.alerts.open()) == 1
