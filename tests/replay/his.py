"""Stories of ``his.doctor_settlement`` with its real steps and the simulated back end."""

from __future__ import annotations

import zlib
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import httpx

from adapters.his.adapter import HisBackend, HisSettings
from engine.adapter import Call
from engine.definitions import FlowDefinition
from engine.environment import DAY, HOUR, MINUTE, SECOND
from engine.events import Intent, decode
from engine.outcomes import Done, Outcome, Refused
from engine.store import Store, StoredEvent
from engine.visit import Visit
from flows import load_catalogue
from simulators.common.http import Request, Response
from tests import his
from tests.replay.files import Recording
from tests.replay.flows import compiled
from tests.replay.stage import MOST_ROUNDS, WHO, WHY, NeverEnds, NotedStore, lines
from tests.toy import ToyEnvironment
from tests.world import World

FLOW = his.FLOW
KEY = "R0001"
_WINDOW = "window"
_REFUND = {"his": {"refund": {"refund_no": "RF1", "money": his.PERSONAL}}}


class _Noting(HisBackend):
    """An adapter that notes the ids of messages that took effect: 004 carries none."""

    def __init__(self, peer: HisPeer) -> None:
        super().__init__(HisSettings(password_variable=""), httpx.MockTransport(peer.hospital.answer))
        self._peer = peer

    async def call(self, call: Call) -> Outcome:
        before = len(self._peer.settlements)
        outcome = await super().call(call)
        if len(self._peer.settlements) > before:
            self._peer.log.append(call.message_id)
        return outcome


@dataclass
class HisPeer:
    """The simulated back end, its clock the test's; ``lost`` says whether a settlement whose answer is lost applies."""

    environment: ToyEnvironment
    due: bool = True
    lost: list[bool] = field(default_factory=list)
    log: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.hospital = his.Hospital(self.environment, interfere=self._interfere)
        self.hospital.arrange("POST /registrations", {"RegNo": KEY})
        if self.due:
            self.hospital.bill(KEY)

    def _interfere(self, request: Request, apply: Callable[[], Response]) -> Response | None:
        if request.path.endswith("SettleByDoctor") and self.lost:
            if self.lost.pop(0):
                apply()
            raise httpx.ReadError("connection lost")
        return None

    @property
    def settlements(self) -> list[dict[str, Any]]:
        return self.hospital.settlements(KEY)

    async def start(self, store: Store) -> World:
        """Begin a process: new adapter, new registry, same store, same back end."""
        made = World(
            store=store,
            environment=self.environment,
            catalogue=load_catalogue(),
            adapter=_Noting(self),
            definitions=[his.doctor_settlement()],
        )
        return await made.start()

    async def restore(self, log: Iterable[str], events: Iterable[StoredEvent], world: World) -> None:
        """Bring the back end to where it stood after ``log``, by sending the same settlements at the same times."""
        sent = {event.message_id: event for event in map(_decoded, events) if isinstance(event, Intent)}
        (adapter,) = world.adapters.values()
        for message in log:
            if message == _WINDOW:
                self.pay_at_the_window()
                continue
            event = sent[message]
            self.environment.time = event.at
            outcome = await adapter.call(Call(event.operation, event.request, message, 30 * SECOND, lambda: True))
            assert isinstance(outcome, Done | Refused), outcome

    def pay_at_the_window(self) -> None:
        """Have the patient pay at the window instead."""
        (bill,) = self.hospital.back_end.ledger.bills
        self.hospital.arrange("POST /window", {"BILLID": bill})
        self.log.append(_WINDOW)

    def agree(self, visit: Visit) -> None:
        """Hold that the back end's books say what the visit says; what the window did, only people can know."""
        known = visit.data["his"].get("settlement") is not None
        his.agree(visit.data, [each for each in self.settlements if known or each["door"] != _WINDOW])


def _decoded(stored: StoredEvent) -> Any:
    return decode(stored.payload)


@dataclass
class _Till:
    """One visit of a story."""

    world: World
    visit_id: str = ""

    async def open(self, **more: Any) -> None:
        self.visit_id = (await self.world.commands.open(FLOW, KEY, his.opening(KEY, **more)))[0].visit_id
        await self.world.run(10 * MINUTE)

    async def trigger(self, trigger: str, data: dict[str, Any] | None = None, patience: int = 10 * MINUTE) -> None:
        await self.world.commands.trigger(self.visit_id, trigger, data, "his")
        await self.world.run(patience)


async def _straight(till: _Till, _peer: HisPeer) -> None:
    """The patient looks twice, pays, and all is settled."""
    await till.open()
    await till.trigger("ask_again")
    await till.trigger("paid", his.payment())


async def _reply_lost(till: _Till, peer: HisPeer) -> None:
    """The settlement's answer is lost: the trial no longer offers the bill."""
    peer.lost = [True]
    await till.open()
    await till.trigger("paid", his.payment())


async def _late_and_refused(till: _Till, peer: HisPeer) -> None:
    """Nobody pays in time; then the request is lost, the second one is refused, twice; the money goes back."""
    peer.lost = [False]
    await till.open(card_no="C-of-another")
    await till.world.run(3 * HOUR)
    await till.trigger("ask_again", patience=3 * HOUR)
    await till.trigger("paid", his.payment())
    await till.trigger("try_again")
    await till.trigger("refunded", _REFUND)


async def _found(till: _Till, peer: HisPeer) -> None:
    """The patient has paid at the window what somebody else tells of; people find that it is one and the same."""
    await till.open()
    peer.pay_at_the_window()
    await till.trigger("paid", his.payment(number=peer.settlements[0]["SerialNumber"]))
    await till.trigger("found_settled", his.read_out(peer.settlements[0]))


async def _nobody_pays(till: _Till, _peer: HisPeer) -> None:
    """A bill that nobody pays."""
    await till.open()
    await till.world.run(2 * DAY)


async def _nothing_due(till: _Till, _peer: HisPeer) -> None:
    """No bill."""
    await till.open()


STORIES: dict[str, Callable[[_Till, HisPeer], Awaitable[None]]] = {
    "real-straight": _straight,
    "real-reply-lost": _reply_lost,
    "real-late-and-refused": _late_and_refused,
    "real-found-settled": _found,
    "real-nobody-pays": _nobody_pays,
    "real-nothing-due": _nothing_due,
}


async def finish(world: World, visit_id: str) -> Visit:
    """Be the patient and the people of a visit that somebody else began: take it to a close. Raises NeverEnds."""
    for _ in range(MOST_ROUNDS):
        await world.run(10 * MINUTE)
        visit = await world.visit(visit_id)
        if visit.closed:
            return visit
        if visit.trouble is None and visit.state in ("priced", "lapsed"):
            await world.commands.trigger(visit_id, "paid", his.payment(), "his")
        elif visit.trouble is None and visit.state == "refund_due":
            await world.commands.trigger(visit_id, "refunded", _REFUND, "his")
        else:
            await world.commands.resume(visit_id, WHO, WHY)
    raise NeverEnds(f"{visit_id} does not close")


async def play_real(definition: FlowDefinition, release: str) -> dict[str, tuple[Recording, dict[str, str]]]:
    """Play every story of this flow; ``definition`` is the shipped one."""
    version, played = definition.content_hash(), {}
    for name, story in STORIES.items():
        environment = ToyEnvironment(first=zlib.crc32(f"{version}/{name}".encode()) << 20)
        peer = HisPeer(environment, due=name != "real-nothing-due")
        store = NotedStore(peer)
        till = _Till(await peer.start(store))
        await story(till, peer)
        peer.agree(await till.world.visit(till.visit_id))
        flows = {version: compiled(definition, version, model=False)}
        recorded = tuple(lines(till.visit_id, await store.journal(till.visit_id), flows, store.commits))
        played[name] = (
            Recording(FLOW, version, name, till.visit_id, False, release, recorded),
            {version: definition.canonical()},
        )
    return played
