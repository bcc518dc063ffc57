"""Stories of the platform's flows with their real steps: the scenarios of ``tests/crash/platform.py``, writes lost.

They come by the ways that the generic stories do not: there conditions hold all the way, here by what the peers say.
"""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from adapters.hospital import HospitalPort
from adapters.hospital.port import PortSettings
from adapters.platform import PlatformClient
from adapters.platform.client import PlatformSettings
from engine.adapter import Adapter, Call
from engine.definitions import FlowDefinition
from engine.environment import DAY, SECOND
from engine.events import AnyEvent, Intent, Triggered, UndoRequested
from engine.outcomes import Outcome
from engine.store import Store
from engine.visit import Visit
from tests import people
from tests.crash.platform import KEY, LAPSES, SCENARIOS, Play, Scenario, places
from tests.crash.wire import Mishap, Trap
from tests.platform import Peer
from tests.replay.files import Recording
from tests.replay.flows import compiled
from tests.replay.stage import NotedStore, lines
from tests.toy import ToyEnvironment

#: What stands in recordings where the samples have an identity number: those are kept for ever.
_NOBODY = "无此人"


def _nameless(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _nameless(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_nameless(each) for each in value]
    return _NOBODY if value == people.identity_number(7) else value


def _without_identities(scenario: Scenario) -> Scenario:
    acts = tuple(replace(each, data=_nameless(each.data)) for each in scenario.acts)
    return replace(scenario, opening=_nameless(scenario.opening), acts=acts)


STORIES = tuple(map(_without_identities, SCENARIOS))
FLOWS = frozenset(each.flow for each in STORIES)
_BY_NAME: Mapping[str, Scenario] = {each.name: each for each in STORIES}
_SOUND: dict[str, Counter[str]] = {}
_A_YEAR = 400 * DAY
#: Behind the scenario's name: what happens to the answer of a write.
_REAL, _LOST = "real-", {"reply-lost": Mishap.LOST_REPLY, "request-lost": Mishap.LOST_REQUEST}


class _NotingHospital(HospitalPort):
    """An adapter that notes the ids of messages that took effect: 003 carries none."""

    def __init__(self, play: RecordedPlay) -> None:
        super().__init__(PortSettings(), play.his.transport())
        self._play = play

    async def call(self, call: Call) -> Outcome:
        return await self._play.noting(self._play.his, call, super().call(call))


class _NotingPlatform(PlatformClient):
    def __init__(self, play: RecordedPlay) -> None:
        super().__init__(PlatformSettings(), play.platform.transport())
        self._play = play

    async def call(self, call: Call) -> Outcome:
        return await self._play.noting(self._play.platform, call, super().call(call))


@dataclass
class RecordedPlay(Play):
    """A scenario of which it is noted which messages took effect; another time it is gone on with from there."""

    log: list[str] = field(default_factory=list)

    def _adapters(self) -> tuple[Adapter, dict[str, Adapter]]:
        return _NotingHospital(self), {"platform": _NotingPlatform(self)}

    async def noting(self, peer: Peer, call: Call, made: Any) -> Outcome:
        """Await a call and note it when ``peer`` has something new in its books."""
        before = len(peer.made)
        outcome: Outcome = await made
        if len(peer.made) > before:
            self.log.append(call.message_id)
        return outcome

    async def record(self, first: int) -> NotedStore:
        """Play it from the beginning to the end; return the store with what had taken effect at each commit."""
        store = NotedStore(self)
        self.set_the_stage(ToyEnvironment(first=first), store)
        world = await self._start()
        opened, _ = await world.commands.open(self.scenario.flow, KEY, self.scenario.opening)
        self.visit_id = opened.visit_id
        await self._drive(world)
        assert self.trap is None or self.trap.sprung, "nothing went wrong"
        return store

    async def go_on(
        self, log: Iterable[str], events: list[AnyEvent], environment: ToyEnvironment, store: Store
    ) -> Visit:
        """Bring the peers to where they stood after ``log``, and the visit from ``events`` to its end."""
        now = environment.time
        self.set_the_stage(environment, store)
        self.his.interfere = self.platform.interfere = None
        sent = {event.message_id: event for event in events if isinstance(event, Intent)}
        hospital, others = self._adapters()
        for message in log:
            event = sent[message]
            environment.time = event.at
            adapter = others.get(event.adapter, hospital)
            await adapter.call(Call(event.operation, event.request, message, 30 * SECOND, lambda: True))
        environment.time = now
        asked = sum(isinstance(event, Triggered) and event.by == "platform" for event in events)
        self.acts = self.acts[asked:]
        self.cancelled = any(isinstance(event, UndoRequested) for event in events)
        if lapses(self.scenario, events):
            self.scenario, self.acts = replace(self.scenario, rests="not_locked"), []
        world = await self._start()
        await self._drive(world)
        if not (await world.visit(self.visit_id)).closed:  # it rests where only time goes on
            await world.run(_A_YEAR)
        await world.check(self.visit_id)
        return await world.visit(self.visit_id)


def _stories(flow: str) -> Iterator[tuple[str, Scenario, Trap | None]]:
    """Return the scenarios of a flow as they are, and once with each write's answer lost, applied and not."""
    mine = tuple(each for each in STORIES if each.flow == flow)
    for scenario in mine:
        yield f"{_REAL}{scenario.name}", scenario, None
    for place in places(mine):
        if place.step.writes and str(place) not in LAPSES:
            walk = place.step.walk.replace("@", "-").replace("_", "-").strip("-")
            way = "undo-" if place.step.walk.startswith("-") else ""
            for name, mishap in _LOST.items():
                trap = Trap(place.step.operation, place.number, mishap)
                yield f"{_REAL}{place.scenario.name}-{way}{walk}-{name}", place.scenario, trap


def scenario_of(story: str) -> Scenario:
    """Return the scenario that a recorded story plays: the longest whose name it begins with."""
    name = story.removeprefix(_REAL)
    return _BY_NAME[max((each for each in _BY_NAME if f"{name}-".startswith(f"{each}-")), key=len)]


def lapses(scenario: Scenario, events: list[AnyEvent]) -> bool:
    """Tell whether a lock was in the air: nobody asks for it again, it lapses (P107)."""
    last = events[-1]
    return isinstance(last, Intent) and f"{scenario.name}-{last.trigger}@{last.source}" in LAPSES


async def booked(scenario: Scenario) -> Counter[str]:
    """Return what the peers have booked when nothing goes wrong, by interface."""
    if scenario.name not in _SOUND:
        play = RecordedPlay(scenario)
        await play.record(0)
        _SOUND[scenario.name] = play.booked()
    return _SOUND[scenario.name]


async def play_all(definition: FlowDefinition, release: str) -> dict[str, tuple[Recording, dict[str, str]]]:
    """Play every story of a flow; ``definition`` is the shipped one."""
    version, played = definition.content_hash(), {}
    flows = {version: compiled(definition, version, model=False)}
    for name, scenario, trap in _stories(definition.flow):
        play = RecordedPlay(scenario, trap)
        store = await play.record(zlib.crc32(f"{version}/{name}".encode()) << 20)
        recorded = tuple(lines(play.visit_id, await store.journal(play.visit_id), flows, store.commits))
        recording = Recording(definition.flow, version, name, play.visit_id, False, release, recorded)
        played[name] = recording, {version: definition.canonical()}
    return played
