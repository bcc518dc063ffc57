"""A hospital for one schedule: two service processes on one store, peers, a HIS, a supervisor, and trouble."""

from __future__ import annotations

import asyncio
import datetime
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache, partial
from typing import Any, ClassVar, Self, cast

from adapters.jiangsu.gateway import GatewaySettings, JiangsuGateway
from engine.actions import ActionKind, legal_actions
from engine.adapter import Adapter, Call, Operation
from engine.catalogue import Catalogue
from engine.commands import Commands
from engine.definitions import FlowDefinition
from engine.environment import SECOND, Micros, time_ordered_id
from engine.errors import StoreError, VisitflowError
from engine.events import Cause, Role, Verdict
from engine.machine import Flow
from engine.outcomes import Effect, InDoubt, NotSent, Outcome
from engine.peers import Limits, Peers
from engine.peers.breaker import State
from engine.registry import Registry
from engine.runner import Runner, RunnerSettings
from engine.store import Status, Store, VisitFilter, Worker
from engine.visit import Visit, fold
from flows import load_catalogue
from service.limiting.keeper import Keeper
from simulators.common.numbers import read_json, write_json
from simulators.jiangsu.gateway import Gateway
from storage import MemoryStore
from storage.registers import open_registers
from tests.jiangsu import opening, outpatient
from tests.simulation.disk import Disk
from tests.simulation.fate import Fate
from tests.simulation.loop import Process, World
from tests.simulation.network import LATEST, Broken, Network, Unreachable, Wire
from tests.toy import ToyAdapter, ToyPeer, toy_catalogue, toy_flow

BEGIN = 1_700_000_000.0
#: Seconds of trouble; then everything is mended and must come to rest.
TROUBLE = 420.0
PATIENCE = 7 * 86400.0
_EVENTS = ("die", "die", "stop", "stop", "full", "clock", "second")
_JIANGSU_READS = ("1101", "9105", "9104", "6101", "2206", "9001", "9002")


@dataclass
class Clock:
    """The wall clock of the host, which somebody may set, and the ids of one process."""

    world: World
    shift: list[float]  #: shared by all processes of the host
    numbers: list[int]

    def now(self) -> Micros:
        return int((BEGIN + self.world.elapsed + self.shift[0]) * SECOND)

    def monotonic(self) -> Micros:
        return int(self.world.elapsed * SECOND)

    async def sleep(self, duration: Micros) -> None:
        await asyncio.sleep(duration / SECOND)

    def new_id(self) -> str:
        self.numbers[0] += 1
        return time_ordered_id(self.now(), self.numbers[0])

    def random(self) -> float:
        return self.world.fate.draw("jitter")


class WiredToy:
    """The toy peer behind the network. It takes the same message twice as one, as good peers do."""

    name = "toy"
    operations: ClassVar[Mapping[str, Operation]] = ToyAdapter.operations

    def __init__(self, peer: ToyPeer, network: Network) -> None:
        self._peer, self._network = peer, network

    @classmethod
    def from_settings(cls, settings: Mapping[str, Any]) -> Self:
        raise NotImplementedError

    def message_id(self, now: Micros, number: int) -> str:
        return f"TOY{number:06d}"

    async def call(self, call: Call) -> Outcome:
        if not call.guard():
            return NotSent("lease lost")
        effect = self.operations[call.operation].effect

        self._network.sent[call.message_id] = asyncio.get_running_loop().time()

        def deliver() -> Outcome:
            known = any(message == call.message_id for _, message in self._peer.received)
            self._peer.received.append((call.operation, call.message_id))
            if known and effect is Effect.ONCE:
                return InDoubt("the same message again")
            return self._peer.apply(call)

        try:
            answer: Outcome = await self._network.exchange(
                call.operation, deliver, call.timeout / SECOND, repeatable=True
            )
        except Unreachable:
            return NotSent("refused")
        except (Broken, TimeoutError) as error:
            return InDoubt(type(error).__name__)
        return answer

    async def close(self) -> None:
        pass


@dataclass
class Life:
    """One process from its start to its death."""

    process: Process
    disk: Disk
    runner: Runner | None = None
    commands: Commands | None = None
    task: asyncio.Task[Any] | None = None
    keeping: asyncio.Task[Any] | None = None

    @property
    def ready(self) -> bool:
        return self.process.alive and self.commands is not None


@dataclass
class Hospital:
    """Everything of one schedule."""

    fate: Fate
    world: World
    kind: str
    visits: int = 2
    store: MemoryStore = field(default_factory=MemoryStore)
    lives: list[Life] = field(default_factory=list)
    story: list[str] = field(default_factory=list)
    opened: dict[str, str] = field(default_factory=dict)
    kills: int = 0
    by_hand: set[str] = field(default_factory=set)  #: keys whose books a person has mended
    shift: list[float] = field(default_factory=lambda: [0.0])
    numbers: list[int] = field(default_factory=lambda: [0])
    resumed: Counter[str] = field(default_factory=Counter)
    processes: int = 1
    gated: bool = False  #: peers have limits and breakers, which processes share
    pauses: int = 0  #: times that a process left the peer alone

    def __post_init__(self) -> None:
        self.network = Network(self.fate)
        self.clock = Clock(self.world, self.shift, self.numbers)
        self.toy = ToyPeer()
        self.gateway = Gateway()
        self.gateway.centre.now = lambda: datetime.datetime.fromtimestamp(
            BEGIN + self.world.elapsed, datetime.timezone(datetime.timedelta(hours=8))
        )
        self.definition, self.catalogue = FLOWS[self.kind]()
        self.flow = Flow(self.definition, self.catalogue)
        self.board = open_registers(self.store).peers

    def tell(self, what: str) -> None:
        """Add a line to the story."""
        self.story.append(f"{self.world.elapsed:9.3f}  {what}")

    # -- processes: engine.processes.Processes, as each life sees it
    def host(self) -> str:
        return "host"

    def described(self, worker: str, now: Micros) -> Worker:
        number = next(n for n, life in enumerate(self.lives) if life.runner and life.runner.worker == worker)
        return Worker(worker, "host", number, 0, now)

    def alive(self, worker: Worker) -> bool:
        return self.lives[worker.pid].process.alive

    def start_process(self) -> Life:
        """Start a process; it may die, stop, and be refused by the disk while it starts."""
        name = f"p{len(self.lives)}"
        life = Life(Process(name), Disk(self.store, self.fate, "disk"))
        self.lives.append(life)
        life.task = life.process.start(lambda: self._live(life))
        self.tell(f"{name} starts")
        return life

    async def _live(self, life: Life) -> None:
        registry = Registry(life.disk, self.catalogue, self.clock)  # type: ignore[arg-type]
        await registry.load([self.definition])
        settings = RunnerSettings(in_flight=10, batch=5, poll=4 * SECOND)
        adapter = self._adapter()
        life.runner = Runner(
            life.disk,  # type: ignore[arg-type]
            registry.version,
            {adapter.name: adapter},
            self.clock,
            settings=settings,
            processes=self,
            gate=self._gate(adapter.name) if self.gated else None,
        )
        if self.gated:
            await self._keep(life)
        await life.runner.start()
        life.commands = Commands(life.disk, registry, self.clock, life.runner.worker, life.runner.wake, life.runner)  # type: ignore[arg-type]
        await asyncio.Event().wait()

    def _gate(self, peer: str) -> Peers:
        """Limits so narrow that calls wait and are sent back, and a breaker that gives up soon."""
        breaker = {"failures": 1, "pause": "5s", "longest": "30s"}
        bears = {"concurrent": 1 + self.fate.pick("slots", 2), "rate": 0.5, "burst": 2, "breaker": breaker}
        peers = Peers(Limits.model_validate({"default": bears}), self.clock, waiting=1)
        peers.know([peer])
        return peers

    async def _keep(self, life: Life) -> None:
        """Keep the process's peers, as the service does beside the runner."""
        assert life.runner is not None
        peers, store = life.runner.gate, cast(Store, life.disk)
        assert isinstance(peers, Peers)
        keeper = Keeper(peers, self.board, store, self.clock, life.runner.worker, life.runner.wake, 20 * SECOND)

        def changed() -> None:
            self.pauses += any(peer.breaker.state is State.PAUSED for peer in peers)
            keeper.turned()

        async def keep() -> None:
            while True:
                with suppress(StoreError):
                    await keeper.run()

        peers.changed = changed
        life.keeping = life.process.start(keep)

    def _adapter(self) -> Adapter:
        if self.kind != "jiangsu":
            return WiredToy(self.toy, self.network)

        def serve(body: bytes) -> bytes:
            return write_json(self.gateway.handle(read_json(body))).encode()

        def place(body: bytes) -> tuple[str, bool]:
            asked = read_json(body)
            name = str(asked.get("transactionName") or asked.get("action"))
            return name, name in _JIANGSU_READS or asked.get("action") != "transaction"

        return JiangsuGateway(GatewaySettings(), Wire(self.network, serve, place))

    # -- trouble
    async def trouble(self) -> None:
        """Kill, stop, fill the disk, set the clock, at times of the seed's choosing; start again what died."""
        fate = self.fate
        while self.world.elapsed < TROUBLE:
            await asyncio.sleep(fate.between("calm", 0.5, 40))
            event = fate.fault("trouble", 0.5, _EVENTS)
            living = [life for life in self.lives if life.process.alive]
            life = living[fate.pick("whom", len(living))] if living else None
            match event:
                case "die" if life is not None:
                    life.process.dies_after = life.process.steps + 1 + fate.pick("when", 60)
                    self.tell(f"{life.process.name} will die")
                case "stop" if life is not None:
                    life.process.stopped_until = self.world.elapsed + fate.between("stop", 1, 90)
                    self.tell(f"{life.process.name} is stopped until {life.process.stopped_until:.1f}")
                case "full":
                    for each in self.lives:
                        each.disk.full_until = self.world.elapsed + fate.between("full", 1, 60)
                    self.tell("the disk is full")
                case "clock":
                    self.shift[0] += fate.between("clock", -600, 600)
                    self.tell(f"the clock is {self.shift[0]:+.0f} s")
                case "second" if len(living) < 2:
                    self.start_process()

    async def manager(self) -> None:
        """Start a process whenever none is left, as a service manager does."""
        while True:
            self.revive()
            await asyncio.sleep(self.fate.between("manager", 0.5, 8))

    def revive(self) -> None:
        """Start a process when none is left; one that failed by itself is gone too."""
        for life in self.lives:
            if life.process.alive and life.task is not None and life.task.done():
                life.process.alive = False
                life.task.exception()
        if not any(life.process.alive for life in self.lives):
            self.kills += 1
            self.start_process()

    # -- people
    async def ask(self, what: Callable[[Commands], Awaitable[Any]]) -> Any:
        """Ask any living process; None when it refuses, fails, or does not answer in half a minute."""
        ready = [life for life in self.lives if life.ready]
        if not ready:
            return None
        life = ready[self.fate.pick("door", len(ready))]
        commands = life.commands
        assert commands is not None

        async def work() -> Any:
            return await what(commands)

        task = life.process.start(work)
        await asyncio.wait([task], timeout=30)
        if not task.done():
            return None
        error = task.exception()
        if error is None:
            return task.result()
        if not isinstance(error, VisitflowError):
            raise error
        return None

    async def his(self) -> None:
        """Open visits, more than once; hand over late what is missing; click twice."""
        for number in range(self.visits):
            await asyncio.sleep(self.fate.between("his", 0, 60))
            key = f"MZ{number:04d}"
            opening_it = partial(_open, self.definition.flow, key, self._opening(number))
            while (answer := await self.ask(opening_it)) is None:
                await asyncio.sleep(self.fate.between("his", 1, 10))
            projection, _ = answer
            assert self.opened.setdefault(key, projection.visit_id) == projection.visit_id, "two visits with one key"
        while self.world.elapsed < TROUBLE:
            await asyncio.sleep(self.fate.between("his", 20, 120))
            await self.hand_over()

    def _opening(self, number: int) -> dict[str, Any]:
        complete = self.fate.pick("complete", 2) == 0
        if self.kind == "jiangsu":
            changes = {} if complete else {"invoice_no": None}
            return opening(qr_code_info=f"TEST-CREDENTIAL-{number}", **changes)
        return {"patient": "invented"} | ({"invoice": "I1"} if complete else {})

    async def hand_over(self) -> None:
        """Bring what visits wait for."""
        data = {"invoice_no": "FP0001"} if self.kind == "jiangsu" else {"invoice": "I1"}
        for visit_id in self.opened.values():
            projection = await self.store.get(visit_id)
            if "settle" in (projection.waiting_for or "").removeprefix("trigger:").split("|"):
                visit = projection.visit_id
                await self.ask(lambda commands, visit=visit: commands.trigger(visit, "settle", data))  # type: ignore[misc]

    async def supervisor(self) -> None:
        """Look after stuck visits now and then; sometimes do something nobody would expect."""
        while self.world.elapsed < TROUBLE:
            await asyncio.sleep(self.fate.between("supervisor", 30, 150))
            for visit_id in list(self.opened.values()):
                await self.look_after(visit_id, at_the_end=False)

    async def look_after(self, visit_id: str, *, at_the_end: bool) -> None:
        """Do one sensible thing with a visit that is stuck or, rarely, a surprising one with any visit."""
        projection = await self.store.get(visit_id)
        visit = fold(visit_id, await self.store.history(visit_id))
        actions = {f"{a.kind.value} {a.target}".strip(): a for a in legal_actions(self.flow, visit)}
        surprise = self.fate.fault("surprise", 0.06, ("cancel cancelled", "reverse", "resume"))
        if surprise is not None and not at_the_end:
            chosen = next((name for name in actions if name.startswith(surprise)), None)
        elif projection.status is Status.STUCK:
            chosen = self._sensible(visit, list(actions), at_the_end)
        elif at_the_end and projection.waiting_for == "resume":
            chosen = "resume" if self.resumed[visit_id] < 3 else "cancel cancelled"
        else:
            return
        if chosen is None or chosen not in actions:
            return
        self.tell(f"supervisor: {chosen} on {visit.key}")
        self.resumed[visit_id] += chosen == "resume"
        if visit.trouble is not None and visit.trouble.cause is Cause.LATE_ORIGINAL:
            self._mend(visit)
        action = actions[chosen]
        match action.kind:
            case ActionKind.RESUME:
                await self.ask(lambda commands: commands.resume(visit_id, "supervisor", "looked"))
            case ActionKind.CANCEL:
                await self.ask(lambda commands: commands.cancel(visit_id, "supervisor", "looked"))
            case ActionKind.REVERSE:
                await self.ask(lambda commands: commands.reverse(visit_id, action.target, "supervisor", "looked"))
            case ActionKind.SETTLE:
                data = dict.fromkeys(action.needs, "135.00")
                verdict = Verdict(action.target)
                await self.ask(lambda commands: commands.settle(visit_id, verdict, "supervisor", "asked", data))

    def _sensible(self, visit: Visit, actions: list[str], at_the_end: bool) -> str | None:
        """A person asks the peer by telephone before saying what happened; else tries again, and in the end cancels."""
        assert visit.trouble is not None
        if self.kind == "toy.ask" and visit.call is not None and visit.doubt is not None:
            if self._toy_happened(visit):
                return "settle applied"
            # The engine asks late enough, by its clock; when that was set, a person looks at their own watch.
            watch = self.world.elapsed - self.network.sent.get(visit.call.message_id, 0.0)
            return "settle not_applied" if not self.shift[0] or watch > 30 + LATEST else None
        if visit.trouble.cause is Cause.LATE_ORIGINAL and "settle not_applied" in actions:
            return "settle not_applied"
        run = visit.run
        undoing = visit.trouble.cause is Cause.UNDO_REFUSED and run is not None and "settle applied" in actions
        if self.kind != "jiangsu" and undoing and run is not None:  # is there anything left to undo?
            operation = {"unregister": "register", "unsettle": "settle"}.get(run.trigger, "")
            if operation and not self.toy.live(operation, visit.key):
                return "settle applied"
        if at_the_end and self.resumed[visit.visit_id] > 6 and "cancel cancelled" in actions:
            return "cancel cancelled"
        return "resume"

    def _toy_happened(self, visit: Visit) -> bool:
        call = visit.call
        assert call is not None
        target = call.operation.removeprefix("un")
        if call.role is Role.UNDO:
            return not self.toy.live(target, visit.key)
        return any(effect.message_id == call.message_id for effect in self.toy.live(target, visit.key))

    def _mend(self, visit: Visit) -> None:
        """A late original was found: a person takes it back at the peer."""
        self.by_hand.add(visit.key)
        known = {leg.call.message_id for leg in visit.trail if leg.call is not None}
        if self.kind == "jiangsu":
            for message in list(self.gateway.centre.ledger.effects):
                mine = any(
                    m.msgid == message and m.ipt_otp_no == visit.key for m in self.gateway.centre.ledger.messages
                )
                if mine and message not in known:
                    self.gateway.handle({"action": "reverse", "originalMessageId": message})
            return
        for effect in self.toy.effects:
            if effect.live and effect.visit == visit.key and effect.message_id not in known:
                effect.live = False

    def toy_operations(self) -> Mapping[str, Operation]:
        """Return what the toy peer offers."""
        return WiredToy.operations

    # -- the whole
    async def play(self) -> None:
        """Trouble, then peace; at the end everything must be at rest."""
        if self.kind == "jiangsu":
            self.gateway.handle({"action": "init", "config": {}})
        self.start_process()
        if self.fate.pick("two", 2):
            self.start_process()
        managing = asyncio.create_task(self.manager())
        troubles = [asyncio.create_task(work()) for work in (self.trouble, self.his, self.supervisor)]
        await asyncio.gather(*troubles)
        self.fate.healed = True
        self.tell("peace")
        for life in self.lives:
            life.process.stopped_until = 0.0
            life.process.dies_after = None
            life.disk.full_until = 0.0
        end = self.world.elapsed + PATIENCE
        while self.world.elapsed < end:
            await asyncio.sleep(100)
            if await self._at_rest():
                managing.cancel()
                return
            await self.hand_over()
            for visit_id in self.opened.values():
                await self.look_after(visit_id, at_the_end=True)
        raise AssertionError("it never comes to rest")

    async def _at_rest(self) -> bool:
        found = await self.store.visits(VisitFilter())
        return all(projection.status is Status.CLOSED for projection in found) and len(self.opened) == self.visits


async def _open(flow: str, key: str, data: dict[str, Any], commands: Commands) -> Any:
    return await commands.open(flow, key, data)


@cache
def _jiangsu() -> tuple[FlowDefinition, Catalogue]:
    return outpatient(), load_catalogue()


def _toy(**changes: Any) -> Callable[[], tuple[FlowDefinition, Catalogue]]:
    """Patience is longer than the network remembers, as docs/reliability.md asks of every flow."""
    settling = {"first_look": "5s", "look_again": "10s", "late_look": "60s", "tries": 3}
    return cache(lambda: (toy_flow(settling=settling, **changes), toy_catalogue()))


_BY_ASKING = {"doubt": ["ask"], "undo": {"trigger": "unsettle", "step": "toy.unsettle", "doubt": ["ask"]}}
FLOWS: dict[str, Callable[[], tuple[FlowDefinition, Catalogue]]] = {
    "jiangsu": _jiangsu,
    "toy.reverse": _toy(),
    "toy.probe": _toy(
        register={"doubt": [{"probe": "toy.look"}, "ask"]}, settle={"doubt": [{"probe": "toy.look"}, "ask"]}
    ),
    "toy.ask": _toy(settle=_BY_ASKING),
    "toy.keyed": _toy(
        settle={"step": "toy.refund", "doubt": ["repeat", {"probe": "toy.look"}, "ask"], "undo": {"impossible": "no"}}
    ),
}
