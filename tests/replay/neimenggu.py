"""Stories of the Inner Mongolia flows with their real steps, their real adapter and the simulated centre.

The scenarios are those that are crashed at every call (tests/crash/neimenggu.py). The people of a recording are
invented, and even their numbers stay outside: in its centre everybody has one that no person can have.
"""

from __future__ import annotations

import datetime
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any
from unittest.mock import patch

import httpx

from adapters.catalogue import LocalCatalogue
from adapters.neimenggu import Neimenggu
from adapters.neimenggu.interfaces import INTERFACES
from adapters.neimenggu.settings import NeimengguSettings
from engine.adapter import Call
from engine.definitions import FlowDefinition
from engine.environment import SECOND
from engine.events import Intent, Triggered, UndoRequested, decode
from engine.outcomes import Effect, Outcome
from engine.store import Store, StoredEvent
from engine.visit import Visit
from simulators.common.faults import Exchange
from simulators.common.http import Response
from simulators.neimenggu.centre import Centre
from simulators.neimenggu.office import Office
from tests.crash.neimenggu import SCENARIOS, SECRETS, NmScript, NmWire, compare
from tests.crash.scenarios import Scenario
from tests.crash.wire import Broken
from tests.replay.files import Recording
from tests.replay.flows import catalogue, compiled
from tests.replay.stage import MOST_ROUNDS, NeverEnds, NotedStore, lines
from tests.shipped import flow
from tests.toy import ToyEnvironment
from tests.world import World

KEY = "K0001"
_ARRANGED = "office "  #: how a log entry begins that says what the centre's people did
_SCENARIOS = {scenario.name: scenario for scenario in SCENARIOS}


def nobodys(number: str) -> str:
    """Return an identity number like ``number`` whose check digit is wrong."""
    return number[:17] + ("0" if number[17] != "0" else "1")


class _NotedOffice(Office):
    """A centre whose people note what they do; everybody has a number that nobody has."""

    def __init__(self, centre: Centre, log: list[str]) -> None:
        super().__init__(centre)
        self._log = log
        for person in centre.world.people.values():
            person["aac002"] = nobodys(person["aac002"])

    def arrange(self, what: str, body: Any) -> dict[str, Any]:
        done = super().arrange(what, body)
        if what.startswith("POST "):
            self._log.append(_ARRANGED + what)
        return done


class _Noting(Neimenggu):
    """An adapter that says which message is on its way: 002 carries no ids."""

    def __init__(self, wire: NotedWire) -> None:
        settings = {"url": "http://centre/nm-his", "username": "hospital", "log_out_after": None}
        made = NeimengguSettings.model_validate(settings)
        super().__init__(made, httpx.MockTransport(wire.through), wire.environment)
        self.equip(wire.kept.equipment)
        self._town = wire

    async def call(self, call: Call) -> Outcome:
        self._town.under_way = call
        return await super().call(call)


@dataclass
class NotedWire(NmWire):
    """The way to the centre. ``lost``: operations whose next message gets lost; True: it took effect before."""

    lost: dict[str, bool] = field(default_factory=dict)
    log: list[str] = field(default_factory=list)  #: what took effect, in order
    under_way: Call | None = None

    def open_office(self, now: Callable[[], datetime.datetime]) -> Office:
        """Return a centre that notes what its people do."""
        return _NotedOffice(Centre(now=now), self.log)

    def adapter(self, _name: str) -> Neimenggu:
        """Return an adapter that says which message is on its way."""
        return _Noting(self)

    async def through(self, request: httpx.Request) -> httpx.Response:
        """Bring one request there and its answer back."""
        return await self._through(request)

    def numbered(self, exchange: Exchange) -> Exchange:
        """Return an exchange that notes the message when it takes effect."""
        number, noted = len(self.arrived), super().numbered(exchange)
        call = self.under_way

        def apply() -> Response:
            answer = noted.apply()
            if call is not None and self._is(exchange, call) and self.said[number] == "0":
                self.log.append(call.message_id)
            return answer

        return replace(noted, apply=apply)

    def carry(self, exchange: Exchange) -> Response:
        """Lose what is to get lost."""
        call = self.under_way
        if call is not None and self._is(exchange, call) and call.operation in self.lost:
            if self.lost.pop(call.operation):
                exchange.apply()
            raise Broken
        return super().carry(exchange)

    @staticmethod
    def _is(exchange: Exchange, call: Call) -> bool:
        interface = INTERFACES[call.operation]
        return interface.effect is not Effect.READ and exchange.about["method"] == interface.method


def _decoded(stored: StoredEvent) -> Any:
    return decode(stored.payload)


@contextmanager
def _secrets() -> Iterator[None]:
    with patch.dict("os.environ", SECRETS):
        yield


@dataclass
class Told:
    """A scenario, and what gets lost in it."""

    scenario: str
    lost: Mapping[str, bool] = field(default_factory=dict)


#: Stories by flow. Between them they show every call that these flows make, and a doubt of each that writes.
STORIES: dict[str, dict[str, Told]] = {
    "neimenggu.inpatient": {
        "real-timed": Told("inpatient-timed", {"register": True, "approve_fees": True, "send_material": True}),
        "real-new-injury": Told(
            "inpatient-new-injury", {"upload_lines": True, "settlement_sheet": True, "leave": True}
        ),
        "real-rehabilitation": Told("inpatient-rehabilitation", {"cancel_lines": True, "cancel_registration": True}),
    },
    "neimenggu.outpatient": {
        "real-timed": Told("outpatient-timed", {"leave": False, "cancel_lines": False, "cancel_leave": True}),
        "real-new-injury": Told("outpatient-new-injury", {"register": False, "approve_fees": True}),
        "real-rehabilitation": Told(
            "outpatient-rehabilitation", {"upload_lines": False, "settlement_sheet": True, "cancel_registration": True}
        ),
    },
    "neimenggu.offsite": {
        "real-timed": Told("offsite-timed", {"register_offsite": True, "approve_fees": True, "send_material": False}),
        "real-timed-and-lost": Told(
            "offsite-timed",
            {"cancel_offsite_leave": True, "cancel_offsite_lines": True, "cancel_offsite_registration": True},
        ),
        "real-to-the-end": Told(
            "offsite-to-the-end", {"upload_offsite_lines": True, "settlement_sheet": True, "leave_offsite": True}
        ),
    },
}


@dataclass
class Town:
    """One visit, the centre and the people, as a story has them."""

    definition: FlowDefinition
    told: Told
    environment: ToyEnvironment
    wire: NotedWire = field(init=False)

    def __post_init__(self) -> None:
        self.wire = NotedWire(self.environment)

    @property
    def scenario(self) -> Scenario:
        """The scenario with what nobody has in place of identity numbers."""
        found = _SCENARIOS[self.told.scenario]

        def opening(key: str, known: dict[str, Any]) -> dict[str, Any]:
            facts = found.opening(key, known)
            return facts | {"identity_number": nobodys(facts["identity_number"])}

        return replace(found, opening=opening)

    async def start(self, store: Store) -> World:
        """Begin a process: new adapter, new registry, same store, same centre."""
        file = await self.wire.furnish()
        self.people = NmScript(self.scenario, self.wire, lambda: file)
        items = LocalCatalogue()
        items.equip(self.wire.kept.equipment)
        made = World(
            store=store,
            environment=self.environment,
            catalogue=catalogue(),
            adapter=self.wire.adapter(""),
            others={"catalogue": items},
            definitions=[self.definition],
        )
        return await made.start()

    async def to_the_end(self, world: World, visit_id: str) -> Visit:
        """Let time pass, and do what HIS and people do whenever the visit rests. Raises NeverEnds."""
        for _ in range(MOST_ROUNDS):
            await world.run(self.scenario.patience)
            visit, projection = await world.visit(visit_id), await world.get(visit_id)
            if self.people.over(visit):
                self.environment.time += self.wire.after_looks
                return visit
            await self.people.go_on(world.commands, visit, projection.status, self.wire.books)
        raise NeverEnds(f"{self.definition.flow} {self.told.scenario} does not close")

    async def restore(self, log: Iterable[str], events: Iterable[StoredEvent], key: str) -> None:
        """Bring the centre to where it stood after ``log``, by sending the same messages at the same times."""
        adapter = self.wire.adapter("")
        sent = {event.message_id: event for event in map(_decoded, events) if isinstance(event, Intent)}
        for entry in log:
            if entry.startswith(_ARRANGED):
                self.wire.office.arrange(entry.removeprefix(_ARRANGED), {"akc190": key})
                continue
            event = sent[entry]
            self.environment.time = event.at
            await adapter.call(Call(event.operation, event.request, entry, 30 * SECOND, lambda: True))
            assert self.wire.log[-1] == entry, f"{event.operation} took effect then, and not now"

    def agree(self, visit: Visit, events: Iterable[StoredEvent]) -> None:
        """Hold that the centre's books say what the visit says, and nothing came that is not written down."""
        compare(visit, [_decoded(event) for event in events], self.wire.books())

    def has_done(self, events: Iterable[StoredEvent]) -> None:
        """Leave out of the people's acts what they have done already."""
        for event in map(_decoded, events):
            match event:
                case Triggered(by="HIS"):
                    while self.people.acts.pop(0).trigger != event.trigger:
                        pass
                case UndoRequested():
                    self.people.acts, self.people.cancelled = [], True
        reviewed = f"{_ARRANGED}POST /reviews" in self.wire.log
        if reviewed and self.people.acts and self.people.acts[0].trigger == "REVIEW":
            del self.people.acts[0]


def environment_of(version: str, story: str) -> ToyEnvironment:
    """Return an environment whose ids no other story has."""
    return ToyEnvironment(first=zlib.crc32(f"{version}/{story}".encode()) << 20)


async def play_real(definition: FlowDefinition, release: str) -> dict[str, tuple[Recording, dict[str, str]]]:
    """Play every story of this flow; ``definition`` is the shipped one."""
    version, played = definition.content_hash(), {}
    for name, told in STORIES[definition.flow].items():
        with _secrets():
            town = Town(definition, told, environment_of(version, name))
            store = NotedStore(town.wire)
            world = await town.start(store)
            opening = town.scenario.opening(KEY, {})
            visit_id = (await world.commands.open(definition.flow, KEY, opening))[0].visit_id
            town.wire.lost = dict(told.lost)
            closed = await town.to_the_end(world, visit_id)
        assert not town.wire.lost, f"{name}: never called: {town.wire.lost}"
        events = await store.journal(visit_id)
        town.agree(closed, events)
        flows = {version: compiled(definition, version, model=False)}
        recorded = tuple(lines(visit_id, events, flows, store.commits))
        played[name] = (
            Recording(definition.flow, version, name, visit_id, False, release, recorded),
            {version: definition.canonical()},
        )
    return played


async def go_on(recording: Recording, seq: int, log: list[str], store: Store, environment: ToyEnvironment) -> Visit:
    """Take a visit to its close that ``store`` holds as a dead process left it after event ``seq``.

    Raises:
        NeverEnds: the visit does not close.
        AssertionError: the centre's books are not what the visit says.
    """
    events, now = recording.events[:seq], environment.time
    with _secrets():
        town = Town(flow(recording.flow), STORIES[recording.flow][recording.story], environment)
        world = await town.start(store)
        await town.restore(log, events, KEY)
        environment.time = now
        town.has_done(events)
        after = await town.to_the_end(world, recording.visit_id)
    await world.check(recording.visit_id)
    town.agree(after, await store.journal(recording.visit_id))
    return after
