"""Playing a script: the real engine on a memory store, with a peer, a HIS and a supervisor that do what it says."""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field
from itertools import takewhile
from typing import Any, Protocol

from engine.actions import Action, ActionKind, in_last_look, legal_actions
from engine.definitions import FlowDefinition
from engine.environment import SECOND
from engine.events import Cause, Verdict, decode
from engine.faultpoints import Crash
from engine.machine import Edge, Flow
from engine.plan import Fire, plan
from engine.store import Append, Found, NewVisit, Status, Store, StoredEvent
from engine.visit import Visit
from flows.exploring.model import flag_of
from flows.exploring.rules import closing
from storage import MemoryStore
from tests.gates import Reluctant
from tests.replay.files import Line, Recording
from tests.replay.flows import compiled, names, renamed
from tests.replay.peer import BookPeer, Desk
from tests.replay.saying import saying
from tests.replay.scripts import Ending, Script, Told
from tests.toy import ToyEnvironment
from tests.world import World

#: Rounds of "it comes to rest, somebody does something" before a visit counts as one that never ends.
MOST_ROUNDS = 40
#: A story with more events, for eight transitions or fewer, is one that nobody would read.
MOST_EVENTS = 60
#: How long a visit that waits for somebody is left alone, and how many timers may fire meanwhile.
PATIENCE = 15 * 60 * SECOND
MOST_FIRES = 4
WHO, WHY = "supervisor", "as recorded"


class NeverEnds(AssertionError):
    """A visit does not close, whatever people do."""


class TooLong(AssertionError):
    """A story is longer than anybody would read."""


class Logging(Protocol):
    """A peer that notes, in order, what took effect."""

    @property
    def log(self) -> list[str]:
        """The messages, and what people did there."""


class NotedStore(MemoryStore):
    """Notes at each commit what had taken effect at the peer by then."""

    def __init__(self, peer: Logging) -> None:
        super().__init__()
        self._peer = peer
        self.commits: dict[int, tuple[str, ...]] = {}

    async def open(self, visit: NewVisit) -> Found:
        self.commits[1] = ()
        return await super().open(visit)

    async def append(self, append: Append) -> None:
        await super().append(append)
        if append.events:
            self.commits[append.events[-1].seq] = tuple(self._peer.log)


@dataclass
class Stage:
    """One visit, its peer, and the people around it."""

    flow: Flow
    store: Store
    peer: BookPeer
    environment: ToyEnvironment
    script: Script
    visit_id: str = ""
    asked: set[tuple[str, str]] = field(default_factory=set)  #: triggers, and the states in which they were given
    helped: set[str] = field(default_factory=set)  #: calls that a supervisor was asked about
    fires: int = 0  #: timers that were waited for
    definitions: dict[str, FlowDefinition] = field(default_factory=dict)  #: every version that the visit was on

    async def start(self, definition: FlowDefinition) -> None:
        """Begin a process, in which ``definition`` is the current version."""
        catalogue = names(definition, model=True)
        self.definitions[definition.content_hash()] = definition
        first, *others = self.peer.adapters(catalogue).values() or [Desk("nobody", {}, self.peer)]
        self.world = await World(
            store=self.store,
            environment=self.environment,
            catalogue=catalogue,
            adapter=first,
            others={each.name: each for each in others},
            definitions=[definition],
            hook=self.peer.hook,
            gate=Reluctant(self.environment) if self.script.held_off else None,
        ).start()

    async def open(self, key: str) -> None:
        """Open the visit with what the HIS knows: all that goes by itself, up to the first trigger it has to give."""
        held = self.script.told is Told.OPENING
        wanted = takewhile(lambda edge: edge.definition.auto, map(self._edge, self.script.route)) if held else ()
        data = {flag_of(name): True for edge in wanted for name, _ in edge.when}
        self.visit_id = (await self.world.commands.open(self.flow.name, key, data))[0].visit_id

    async def to_the_end(self) -> None:
        """Let time pass and people act until the visit is closed. Raises NeverEnds."""
        ending, midway, idle = self.script.ending, self.script.midway, self.script.idle
        for _ in range(MOST_ROUNDS):
            await self._rest()
            visit = await self.world.visit(self.visit_id)
            if visit.closed:
                if ending is Ending.CLOSE or visit.state == self.flow.definition.cancelled:
                    return
                await self._end(ending, visit)
                ending = Ending.CLOSE
            elif visit.trouble is not None and visit.trouble.cause is not Cause.OVERDUE:
                await self._help(visit)
            elif await self._time_comes(visit, idle):
                idle = False
            elif midway is not None:
                await self._midway(midway, visit)
                midway = None
            else:
                await self._go_on(visit)
        raise NeverEnds(f"{self.flow.name}: {self.script.name} never ends")

    def _too_long(self) -> bool:
        """Tell whether it goes round for ever, as timers do when nobody comes."""
        return isinstance(self.store, NotedStore) and max(self.store.commits, default=0) > 4 * MOST_EVENTS

    async def _rest(self) -> None:
        """Run until nothing is due; a process that dies is started again."""
        for _ in range(MOST_ROUNDS):
            try:
                await self.world.run(patience=PATIENCE, until=self._too_long)
                if self._too_long():
                    raise TooLong(self.script.name)
            except Crash:
                await self.store.expire_worker("test", self.environment.now())
                self.environment.time += SECOND
                await self.start(self.world.definitions[0])
            else:
                projection = await self.world.get(self.visit_id)
                if projection.status is not Status.READY or projection.due_at is None:
                    return
                self.environment.time = projection.due_at
        raise NeverEnds(f"{self.flow.name}: {self.script.name} dies again and again")

    async def _time_comes(self, visit: Visit, idle: bool) -> bool:
        """Wait for a timer or, ``idle``, until somebody is called; tell whether that was waited for."""
        following = plan(await self.world.flow(self.visit_id), visit)
        fires = following is not None and isinstance(following.move, Fire) and self.fires < MOST_FIRES
        if following is None or not (idle or fires):
            return False
        self.fires += fires
        self.environment.time = max(self.environment.time, following.at)
        return True

    # -- people
    async def _end(self, ending: Ending, visit: Visit) -> None:
        if ending is Ending.CANCEL:
            await self._act(await self._offered(visit, ActionKind.CANCEL))
        else:
            await self._act(await self._offered(visit, ActionKind.REVERSE))

    async def _midway(self, midway: ActionKind, visit: Visit) -> None:
        if midway is ActionKind.MIGRATE:
            newer = renamed(self.world.definitions[0], visit.state)
            await self.start(newer)
            await self.world.commands.migrate(self.visit_id, WHO, WHY)
        else:
            await self._act(await self._offered(visit, midway))

    async def _help(self, visit: Visit) -> None:
        """Mend what only people can mend, then do what the script prefers; asked again about a call, tell the truth."""
        self.peer.mend()
        call = "" if visit.call is None else visit.call.call
        first = ActionKind.SETTLE if call in self.helped else self.script.person
        self.helped |= {call} - {""}
        action = await self._offered(visit, first, ActionKind.RESUME, ActionKind.CANCEL)
        if visit.trouble is not None and visit.trouble.cause is Cause.LATE_ORIGINAL:
            self.peer.make_agree()
        elif action is not None and action.kind is ActionKind.SETTLE and visit.call is None:
            self.peer.by_hand(visit)
        await self._act(action)

    async def _offered(self, visit: Visit, *kinds: ActionKind) -> Action | None:
        """Return the first action of one of ``kinds`` that is offered and true."""
        actions = legal_actions(await self.world.flow(self.visit_id), visit)
        for kind in kinds:
            for action in actions:
                if action.kind is kind and (kind is not ActionKind.SETTLE or self._true(visit, action.target)):
                    return action
        return None

    def _true(self, visit: Visit, verdict: str) -> bool:
        if visit.call is None:
            return in_last_look(visit) or verdict == Verdict.APPLIED
        return self.peer.happened(visit.call) == (verdict == Verdict.APPLIED)

    async def _act(self, action: Action | None) -> None:
        if action is None:
            raise NeverEnds(f"{self.flow.name}: {self.script.name}: nothing can be done")
        commands, visit = self.world.commands, self.visit_id
        match action.kind:
            case ActionKind.RESUME:
                await commands.resume(visit, WHO, WHY)
            case ActionKind.SETTLE:
                await commands.settle(visit, Verdict(action.target), WHO, WHY)
            case ActionKind.REVERSE:
                await commands.reverse(visit, action.target, WHO, WHY)
            case ActionKind.CANCEL:
                await commands.cancel(visit, WHO, WHY)
            case _:
                raise AssertionError(action)

    async def _go_on(self, visit: Visit) -> None:
        """Be the HIS: ask for the next transition of the route; a visit that is held is let go on."""
        flow, commands = await self.world.flow(self.visit_id), self.world.commands
        edge = self._next(flow, visit)
        if edge is None:
            action = await self._offered(visit, ActionKind.RESUME, ActionKind.CANCEL)
            await self._act(action)
            return
        missing: dict[str, Any] = {flag_of(name): True for name, _ in edge.when if not visit.data.get(flag_of(name))}
        wrong: dict[str, Any] = {flag_of(name): None for name, _ in edge.unless if visit.data.get(flag_of(name))}
        by_trigger = self.script.told is not Told.CORRECT and edge.input is not None
        if wrong or (missing and not by_trigger):
            await commands.correct(self.visit_id, wrong | ({} if by_trigger else missing), WHO, WHY)
        if by_trigger or not missing or not edge.definition.auto:
            self.asked.add((edge.trigger, edge.source))
            await commands.trigger(self.visit_id, edge.trigger, missing if by_trigger else None, "his")

    def _next(self, flow: Flow, visit: Visit) -> Edge | None:
        """Return the transition of the route that leaves the present state; where it goes round, each in its turn."""
        names = flow.definition.migrates
        gone = {(leg.trigger, leg.source) for leg in visit.trail} | self.asked

        def is_gone(way: tuple[str, str, str]) -> bool:
            trigger, source, _ = way
            return (trigger, source) in gone or (trigger, names.get(source)) in gone

        for trigger, source, dest in sorted(self.script.route, key=is_gone):
            if visit.state in (source, names.get(source)):
                for target in (dest, names.get(dest, dest)):
                    if (edge := flow.edge(trigger, visit.state, target)) is not None:
                        return edge
        return None

    def _edge(self, way: tuple[str, str, str]) -> Edge:
        edge = self.flow.edge(*way)
        assert edge is not None
        return edge


async def play(definition: FlowDefinition, script: Script, release: str) -> tuple[Recording, dict[str, str]]:
    """Play a script; return the recording and the definitions, as stored, of all versions that it needs.

    Raises:
        NeverEnds: the visit does not close.
        TooLong: see MOST_EVENTS.
        AssertionError: what the peer has at the end is not what the visit says.
    """
    version = definition.content_hash()
    flow = compiled(definition, version, model=True)
    peer = BookPeer(flow, dict(script.answers), script.times)
    store = NotedStore(peer)
    key = f"{definition.flow}:{script.name}"[-64:]
    environment = ToyEnvironment(first=zlib.crc32(f"{version}/{script.name}".encode()) << 20)
    stage = Stage(flow, store, peer, environment, script)
    await stage.start(definition)
    await stage.open(key)
    await stage.to_the_end()
    stored = await store.journal(stage.visit_id)
    if len(stored) > MOST_EVENTS * max(1, len(script.route) / 8):
        raise TooLong(script.name)
    flows = {name: compiled(each, name, model=True) for name, each in stage.definitions.items()}
    closed = await stage.world.visit(stage.visit_id)
    broken = closing(flows[closed.version], closed, peer.books, None)
    if broken is not None and any(answer.applies is None for answer in script.answers.values()):
        raise NeverEnds(f"{script.name}: nobody looks for what comes so late")  # where only a person is asked (J29)
    if broken is not None and peer.ambiguous:
        raise NeverEnds(f"{script.name}: an operation that goes both ways is more than these books can tell")
    assert broken is None, (script.name, broken)
    recording = Recording(
        flow=definition.flow,
        version=version,
        story=script.name,
        visit_id=stage.visit_id,
        model=True,
        release=release,
        lines=tuple(lines(stage.visit_id, stored, flows, store.commits)),
    )
    return recording, {name: each.canonical() for name, each in stage.definitions.items()}


def lines(
    visit_id: str, stored: list[StoredEvent], flows: dict[str, Flow], commits: dict[int, tuple[str, ...]]
) -> list[Line]:
    """Return the lines of a journal: what today's engine says after each event."""
    visit, found = Visit(visit_id), []
    for event in stored:
        visit.apply(decode(event.payload))
        durable = event.seq in commits
        found.append(Line(event, saying(flows[visit.version], visit), durable, commits.get(event.seq, ())))
    return found
