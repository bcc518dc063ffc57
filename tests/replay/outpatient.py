"""Stories of ``jiangsu.outpatient`` with its real steps, its real adapter and the simulated centre.

The general stories (scripts.py) have models of steps and data. These hold the rest: what real replies bring, which
conditions hold, what an action asks a person for.
"""

from __future__ import annotations

import datetime
import zlib
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx

from adapters.jiangsu.gateway import GatewaySettings, JiangsuGateway
from engine.adapter import Call
from engine.definitions import FlowDefinition
from engine.environment import SECOND
from engine.events import Concluded, Intent, decode
from engine.machine import Flow
from engine.outcomes import Done
from engine.plan import view_of
from engine.store import Store, StoredEvent
from engine.visit import Visit
from flows import load_catalogue
from tests.jiangsu import KEY, Centre, agree, line, opening, outpatient
from tests.replay.files import Recording
from tests.replay.flows import compiled
from tests.replay.stage import MOST_ROUNDS, WHO, WHY, NeverEnds, NotedStore, lines
from tests.toy import ToyEnvironment
from tests.world import World

FLOW = "jiangsu.outpatient"
#: What holds a number that the simulated centre draws from its counter.
_NUMBERED = ("visit_no", "pre_settle_id", "settle_id")
_CHINA = datetime.timezone(datetime.timedelta(hours=8))


@dataclass
class OutpatientPeer:
    """The simulated centre, its clock the test's; ``lost`` are requests (False) and replies (True) that get lost."""

    environment: ToyEnvironment
    lost: dict[str, bool] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.centre = Centre(interfere=self._interfere)
        self.centre.gateway.centre.now = lambda: datetime.datetime.fromtimestamp(self.environment.time / SECOND, _CHINA)

    def _interfere(self, body: dict[str, Any], apply: Callable[[], dict[str, Any]]) -> None:
        number = str(body.get("transactionName"))
        if number in self.lost:
            if self.lost.pop(number):
                apply()
            raise httpx.ReadError("connection lost")

    @property
    def log(self) -> list[str]:
        """The ids of all messages that took effect."""
        messages = self.centre.gateway.centre.ledger.messages
        return [message.msgid for message in messages if message.result == "applied"]

    async def start(self, store: Store) -> World:
        """Begin a process: new adapter, new registry, same store, same centre."""
        adapter = JiangsuGateway(GatewaySettings(), httpx.MockTransport(self.centre.answer))
        made = World(
            store=store,
            environment=self.environment,
            catalogue=load_catalogue(),
            adapter=adapter,
            definitions=[outpatient()],
        )
        return await made.start()

    async def restore(self, log: Iterable[str], events: Iterable[StoredEvent], flow: Flow, world: World) -> None:
        """Bring the centre to where it stood after ``log``, by sending the same messages at the same times."""
        sent: dict[str, tuple[int, Call]] = {}
        drawn: dict[str, int] = {}  #: the centre's counter after a message, as far as a reply told
        visit = Visit("")
        for event in (decode(stored.payload) for stored in events):
            match event:
                case Intent():
                    sent[event.message_id] = event.at, _call(event.operation, event.request, event.message_id)
                case Concluded(outcome="done") if visit.call is None and (
                    edge := flow.edge(event.trigger, event.source, event.target)
                ):
                    if edge.bound is not None:
                        request = edge.bound.step.request(view_of(flow, visit, event.at))
                        sent[event.message_id] = event.at, _call(event.operation, request, event.message_id)
            if isinstance(event, Concluded):
                numbers = [str(event.data[name])[-6:] for name in _NUMBERED if event.data.get(name)]
                drawn |= {event.message_id: int(numbers[0])} if numbers else {}
            visit.apply(event)
        (adapter,) = world.adapters.values()
        for message in log:
            if message in sent:
                self.environment.time, call = sent[message]
                if message in drawn:  # the centre gives out the numbers that it gave out then
                    self.centre.gateway.centre.ledger.counter = drawn[message] - 1
                outcome = await adapter.call(call)
                assert isinstance(outcome, Done), (call.operation, outcome)

    def agree(self, visit: Visit) -> None:
        """Hold that the centre's books say what the visit says, and that no message came twice."""
        ledger = self.centre.gateway.centre.ledger
        agree(visit.data, ledger.totals().get(KEY, {}))
        arrived = Counter(message.msgid for message in ledger.messages)
        assert [message for message, count in arrived.items() if count > 1] == []


def _call(operation: str, request: Mapping[str, Any], message_id: str) -> Call:
    return Call(operation, request, message_id, 30 * SECOND, lambda: True)


async def _straight(world: World, _peer: OutpatientPeer) -> str:
    """All is handed over at once, and everything goes well; then it was the wrong patient."""
    visit = (await world.commands.open(FLOW, KEY, opening()))[0].visit_id
    await world.run()
    await world.commands.cancel(visit, WHO, WHY)
    await world.run()
    return visit


async def _answers_lost(world: World, peer: OutpatientPeer) -> str:
    """Lines and invoice come later; the reply of the upload and the request of the settlement get lost."""
    peer.lost = {"2204": True, "2207": False}
    visit = (await world.commands.open(FLOW, KEY, opening(fee_lines=None, invoice_no=None)))[0].visit_id
    await world.run()
    await _hand_over(world, visit)
    await world.run()
    await world.commands.trigger(visit, "settle", {"invoice_no": "FP0001"}, "his")
    await world.run()
    return visit


def _has_lines(visit: Visit) -> bool:
    return bool(visit.data.get("fees") or visit.data.get("fee_lines"))


async def _hand_over(world: World, visit_id: str) -> None:
    """Hand a line over, as the visit's version wants it: version 1 uploaded one list."""
    flow = await world.registry.version((await world.store.get(visit_id)).version)
    trigger = "hand_over" if "hand_over" in flow.triggers else "upload"
    await world.commands.trigger(visit_id, trigger, {"fee_lines": [line("1", "80.0000", "1", "80.00")]}, "his")


STORIES: dict[str, Callable[[World, OutpatientPeer], Awaitable[str]]] = {
    "real-straight-and-cancelled": _straight,
    "real-answers-lost": _answers_lost,
}


async def finish(world: World, visit_id: str) -> Visit:
    """Be the HIS and the supervisor of a visit that somebody else began: take it to a close. Raises NeverEnds."""
    for _ in range(MOST_ROUNDS):
        await world.run()
        visit = await world.visit(visit_id)
        if visit.closed:
            return visit
        if visit.trouble is None and visit.state == "registered" and not _has_lines(visit):
            await _hand_over(world, visit_id)
        elif visit.trouble is None and visit.state == "pre_settled" and "invoice_no" not in visit.data:
            await world.commands.trigger(visit_id, "settle", {"invoice_no": "FP0001"}, "his")
        else:
            await world.commands.resume(visit_id, WHO, WHY)
    raise NeverEnds(f"{visit_id} does not close")


async def play_real(definition: FlowDefinition, release: str) -> dict[str, tuple[Recording, dict[str, str]]]:
    """Play every story of this flow; ``definition`` is the shipped one."""
    version, played = definition.content_hash(), {}
    for name, story in STORIES.items():
        environment = ToyEnvironment(first=zlib.crc32(f"{version}/{name}".encode()) << 20)
        peer = OutpatientPeer(environment)
        store = NotedStore(peer)
        started = await peer.start(store)
        visit_id = await story(started, peer)
        peer.agree(await started.visit(visit_id))
        flows = {version: compiled(definition, version, model=False)}
        recorded = tuple(lines(visit_id, await store.journal(visit_id), flows, store.commits))
        played[name] = (
            Recording(FLOW, version, name, visit_id, False, release, recorded),
            {version: definition.canonical()},
        )
    return played
