"""The gate of a process: each peer's limits and breaker, asked before an intent is written."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

import structlog

from engine.environment import SECOND, Environment, Micros
from engine.gate import Entry, Errand, HeldOff, Priority, Reason
from engine.outcomes import Effect, InDoubt, NotSent, Outcome
from engine.peers.breaker import Breaker, State
from engine.peers.settings import Limits, PeerLimits
from engine.peers.turnstile import Turnstile

log = structlog.get_logger("visitflow.peers")

#: How long a call waits for a place in memory, before the visit goes back to its row.
PATIENCE: Micros = 20 * SECOND
#: How long those gather who might be the trial: a read among them is preferred.
GATHER: Micros = SECOND
#: A visit whose peer has no room comes back after as long as it should take, between these.
SOONEST, LATEST = 2 * SECOND, 300 * SECOND
_EFFECTS = (Effect.READ, Effect.KEYED, Effect.ONCE)


@dataclass(frozen=True, slots=True)
class Standing:
    """How a peer stands, as this process sees it; times are the wall clock's."""

    peer: str
    state: State
    since: Micros
    until: Micros | None
    failures: int
    in_the_air: int
    waiting: int
    slots: int | None
    rate: float | None


@dataclass(slots=True)
class _Candidate:
    errand: Errand
    turn: asyncio.Future[bool]


class _Pass:
    """The entry to a peer whose calls are not counted; shared, and worth nothing once the peer was left alone."""

    __slots__ = ("_peer", "adapter")

    def __init__(self, peer: Peer) -> None:
        self.adapter, self._peer = peer.name, peer

    def came_to(self, outcome: Outcome) -> None:
        """Tell the breaker."""
        self._peer.heard(self, outcome)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Nothing was taken."""


class _Place:
    """The entry to a peer whose calls are counted, or the one that is the trial."""

    __slots__ = ("_began", "_counted", "_era", "_heard", "_peer", "_trial", "adapter")

    def __init__(self, peer: Peer, *, counted: bool, trial: bool = False) -> None:
        self.adapter, self._peer, self._era = peer.name, peer, peer.era
        self._counted, self._trial, self._heard = counted, trial, False
        self._began = peer.environment.monotonic()

    def came_to(self, outcome: Outcome) -> None:
        """Tell the breaker."""
        if self._trial:
            self._heard = True
            self._peer.tried(not isinstance(outcome, (NotSent, InDoubt)))
        else:
            self._peer.heard(self._era, outcome)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Give the place back; a trial of which nothing was heard is left to the next."""
        if self._trial and not self._heard:
            self._peer.tried(None)
        if self._counted:
            self._peer.turnstile.leave(self._peer.environment.monotonic() - self._began)


class Peer:
    """One peer, as this process treats it. ``changed`` is told when its state has changed."""

    def __init__(
        self,
        name: str,
        limits: PeerLimits,
        environment: Environment,
        weights: Mapping[Priority, int],
        waiting: int,
        changed: Callable[[], None],
    ) -> None:
        """Begin closed, with all that ``limits`` allow."""
        self.name, self.limits, self.environment = name, limits, environment
        self.breaker = Breaker(limits.breaker)
        self.turnstile = Turnstile(environment, weights, waiting)
        self.turnstile.allow(limits.concurrent, limits.rate, limits.at_once)
        self.since = environment.now()  #: wall clock: of the present state
        self.callback: Callable[[], None] = changed
        self.era: _Pass = _Pass(self)
        self.wanted = False  #: somebody asked for a place since this was last looked at
        self._candidates: list[_Candidate] = []

    # -- asked by the engine
    def admit(self, errand: Errand) -> Entry | HeldOff | None:
        """Decide at once, or None: it has to wait."""
        if not self.breaker.closed:
            return None if self.breaker.may_try(self.environment.monotonic()) else self._held_off()
        if not self.limits.limited:
            return self.era
        self.wanted = True
        if self.turnstile.enter():
            return _Place(self, counted=True)
        return self._no_room(errand.priority) if self.turnstile.full(errand.priority) else None

    async def wait(self, errand: Errand) -> Entry | HeldOff:
        """Wait for a place, or to be the trial."""
        if not self.breaker.closed:
            return await self._stand_for_trial(errand)
        if not await self.turnstile.wait(errand.priority, PATIENCE):
            return self._no_room(errand.priority) if self.breaker.closed else self._held_off()
        place = _Place(self, counted=True)
        if (held := self._held_since()) is None:
            return place
        with place:
            return held

    def _held_since(self) -> HeldOff | None:
        """Return what to tell somebody who waited while the peer was given up."""
        return None if self.breaker.closed else self._held_off()

    # -- told by entries
    def heard(self, era: _Pass, outcome: Outcome) -> None:
        """Take note of what an ordinary call came to; one that began before the last pause says nothing."""
        if era is not self.era:
            return
        if not isinstance(outcome, (NotSent, InDoubt)):
            self.breaker.answered()
        elif self.breaker.failed(self.environment.monotonic()):
            log.warning("peer_paused", peer=self.name, failures=self.breaker.failures)
            self._turned()

    def tried(self, answered: bool | None) -> None:
        """Take note of what the trial came to."""
        self.breaker.end_trial(self.environment.monotonic(), answered)
        log.info("peer_tried", peer=self.name, answered=answered, state=self.breaker.state.value)
        self._turned()

    # -- decided by a person
    def hold(self) -> None:
        """Stop it."""
        self.breaker.hold()
        self._turned()

    def release(self) -> None:
        """Let it go."""
        self.breaker.release()
        self._turned()

    def standing(self) -> Standing:
        """Return how it stands."""
        ahead = self.breaker.until - self.environment.monotonic()
        paused = self.breaker.state is State.PAUSED
        return Standing(
            self.name,
            self.breaker.state,
            self.since,
            self.environment.now() + max(0, ahead) if paused else None,
            self.breaker.failures,
            self.turnstile.used,
            self.turnstile.waiting,
            self.turnstile.slots,
            self.limits.rate,
        )

    def send_away(self) -> None:
        """Send everybody away who waits: the process ends, or the peer is left alone."""
        self.turnstile.send_away()
        for each in self._candidates:
            if not each.turn.done():
                each.turn.set_result(False)
        self._candidates.clear()

    def _turned(self) -> None:
        """Begin a new state: what is still in the air belongs to the old one."""
        self.era, self.since = _Pass(self), self.environment.now()
        if not self.breaker.closed:
            self.turnstile.send_away()
        self.callback()

    def _held_off(self) -> HeldOff:
        ahead = max(0, self.breaker.until - self.environment.monotonic())
        return HeldOff("peer_paused", self.environment.now() + max(ahead, SOONEST))

    def _no_room(self, priority: Priority) -> HeldOff:
        """Come back when it should be one's turn; not all at the same moment."""
        expected = min(max(self.turnstile.estimate(priority), SOONEST), LATEST)
        spread = 0.75 + self.environment.random() / 2
        reason: Reason = "peer_busy"
        return HeldOff(reason, self.environment.now() + int(expected * spread))

    # -- the trial
    async def _stand_for_trial(self, errand: Errand) -> Entry | HeldOff:
        turn: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._candidates.append(_Candidate(errand, turn))
        if errand.operation.effect is Effect.READ:
            self._choose()
        elif len(self._candidates) == 1:
            asyncio.get_running_loop().call_later(GATHER / SECOND, self._choose)
        try:
            chosen = await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled() and turn.result():
                self.tried(None)
            raise
        return _Place(self, counted=False, trial=True) if chosen else self._held_off()

    def _choose(self) -> None:
        """Make the most harmless candidate the trial, and send the others back."""
        waiting = [each for each in self._candidates if not each.turn.done()]
        self._candidates.clear()
        if waiting and self.breaker.may_try(self.environment.monotonic()):
            waiting.sort(key=lambda each: (_EFFECTS.index(each.errand.operation.effect), each.errand.priority))
            self.breaker.begin_trial()
            waiting.pop(0).turn.set_result(True)
        for each in waiting:
            each.turn.set_result(False)


@dataclass(slots=True)
class Peers:
    """All peers of a process; the engine's gate."""

    limits: Limits
    environment: Environment
    waiting: int = 100  #: calls of one priority that wait for one peer in memory
    changed: Callable[[], None] = lambda: None
    _peers: dict[str, Peer] = field(default_factory=dict)

    def admit(self, errand: Errand) -> Entry | HeldOff | None:
        """Let an errand pass or hold it off, at once; None: it has to wait."""
        return self.peer(errand.adapter).admit(errand)

    async def wait(self, errand: Errand) -> Entry | HeldOff:
        """Let an errand pass when its turn comes; hold it off when that takes too long."""
        return await self.peer(errand.adapter).wait(errand)

    def peer(self, name: str) -> Peer:
        """Return a peer, known from now on."""
        found = self._peers.get(name)
        if found is None:
            weights = self.limits.weights.by_priority()
            found = Peer(name, self.limits.of(name), self.environment, weights, self.waiting, self._changed)
            self._peers[name] = found
        return found

    def know(self, names: Iterable[str]) -> None:
        """Know these peers, also before the first call."""
        for name in names:
            self.peer(name)

    def __iter__(self) -> Iterator[Peer]:
        """Return the known peers."""
        return iter(list(self._peers.values()))

    def send_away(self) -> None:
        """Send everybody away who waits: the process ends."""
        for peer in self:
            peer.send_away()

    def _changed(self) -> None:
        self.changed()
