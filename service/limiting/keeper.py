"""Keeps a process's peers: shares limits with other processes, obeys what people decided, calls visits back.

One look a second reads two small tables. It writes only when a peer's state has changed, and, for peers with limits,
every ten seconds; never for a call.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

import structlog

from engine.environment import SECOND, Environment, Micros
from engine.errors import StoreError
from engine.peers import Board, Hold, Peer, PeerRow, Peers
from engine.peers.board import PARTS
from engine.peers.breaker import State
from engine.plan import SETTLING
from engine.store import Store

log = structlog.get_logger("visitflow.peers")

#: How often it looks, how often it says that this process lives, and how long that is believed.
LOOK: Micros = SECOND
RENEW: Micros = 10 * SECOND
BELIEVED: Micros = 30 * SECOND
#: Its own part of a limit it trusts for so much less than others do.
MARGIN: Micros = 5 * SECOND
#: So many visits are called to see whether one of them can be the trial, a read among them preferred.
TRIALS = 20
#: So many are called back at once when a peer without limits is back.
BACK = 200
#: What other processes say of a peer that does not answer them; one that a person holds is held here, too.
_LEFT_ALONE = (State.PAUSED, State.TRIAL)


@dataclass(slots=True)
class _Kept:
    """What is known of one peer beside what the peer itself knows."""

    peer: Peer
    told: PeerRow | None = None
    told_at: Micros = 0  #: monotonic
    obeyed: Hold | None = None  #: the decision that was obeyed last
    tried: Micros = -1  #: the pause for whose end visits were called
    calling_back: bool = True  #: visits may wait for this peer though it is not paused


class Keeper:
    """Keeps the peers of one process."""

    def __init__(
        self,
        peers: Peers,
        board: Board,
        store: Store,
        environment: Environment,
        worker: str,
        wake: Callable[[], None],
        pace: Micros = LOOK,
    ) -> None:
        """``wake`` has the runner look for due visits; ``pace``: how often it looks."""
        self._pace = pace
        self.peers = peers
        self._board, self._store, self._environment = board, store, environment
        self._worker, self._wake = worker, wake
        self._kept: dict[str, _Kept] = {}
        self._turned = asyncio.Event()
        peers.changed = self._turned.set

    async def run(self) -> None:
        """Look once: when something has changed, or when it is time."""
        with suppress(TimeoutError):
            async with asyncio.timeout(self._pace / SECOND):
                await self._turned.wait()
        self._turned.clear()
        await self.look()

    def turned(self) -> None:
        """Look now: somebody has decided something."""
        self._turned.set()

    async def look(self) -> None:
        """Obey, share, call back. Raises StoreError."""
        holds = {hold.peer: hold for hold in await self._board.holds()}
        rows = await self._board.rows(self._environment.now())
        for peer in self.peers:
            kept = self._kept.setdefault(peer.name, _Kept(peer))
            if (hold := holds.get(peer.name)) is not None:
                _obey(kept, hold)
            others = [row for row in rows if row.peer == peer.name and row.worker != self._worker]
            await self._tell(kept, others)
            await self._call(kept, others)

    async def close(self) -> None:
        """Give this process's parts back."""
        with suppress(StoreError):
            await self._board.forget(self._worker, self._environment.now())

    # -- sharing
    async def _tell(self, kept: _Kept, others: list[PeerRow]) -> None:
        """Write this process's row where it has changed or grows old, and take the part of the limits it is given."""
        peer, now = kept.peer, self._environment.monotonic()
        standing, limited = peer.standing(), peer.limits.limited
        wants = limited and (peer.wanted or standing.waiting > 0 or standing.in_the_air > 0)
        told = kept.told
        changed = told is None or (told.state, told.since) != (standing.state.value, standing.since)
        unlike = told is not None and limited and (told.wants != wants and (bool(others) or wants))
        old = told is not None and now - kept.told_at >= RENEW
        has = told is not None and (told.slots > 0 or told.parts > 0)
        contested = limited and (wants or has) and any(row.wants for row in others)
        quiet = told is None and standing.state is State.CLOSED and not limited
        if quiet or not (changed or unlike or (old and (limited or standing.state is not State.CLOSED)) or contested):
            self._distrust(kept, now)
            return
        peer.wanted = False
        wall = self._environment.now()
        row = PeerRow(
            peer=peer.name,
            worker=self._worker,
            state=standing.state.value,
            since=standing.since,
            until=standing.until,
            failures=standing.failures,
            slots=0,
            parts=0,
            wants=wants,
            seen_until=wall + BELIEVED,
        )
        kept.told = await self._board.tell(row, wall, peer.limits.concurrent, standing.in_the_air)
        kept.told_at = now
        self._allow(peer, kept.told)

    def _allow(self, peer: Peer, row: PeerRow) -> None:
        limits = peer.limits
        share = row.parts / PARTS
        peer.turnstile.allow(
            None if limits.concurrent is None else row.slots,
            None if limits.rate is None else limits.rate * share,
            limits.at_once * share,
        )

    def _distrust(self, kept: _Kept, now: Micros) -> None:
        """Call nobody any more by a part that others may believe to be free: the store has been away for too long."""
        if kept.told is not None and kept.peer.limits.limited and now - kept.told_at > BELIEVED - MARGIN:
            kept.peer.turnstile.allow(0, kept.peer.limits.rate, 1)

    # -- calling visits
    async def _call(self, kept: _Kept, others: list[PeerRow]) -> None:
        """Call visits that wait for the peer: some for the trial; when it is back all, as many as there is room for.

        A process whose cable is out goes on taking visits, and lets each of them wait. As long as another one leaves
        alone a peer that answers here, what waits for it is called here.
        """
        peer = kept.peer
        breaker = peer.breaker
        paused = f"peer_paused:{peer.name}"
        waiting = (f"{paused}:{SETTLING}", paused)
        if not breaker.closed:
            kept.calling_back = True
            now = self._environment.monotonic()
            if breaker.may_try(now) and kept.tried != breaker.until:
                kept.tried = breaker.until
                await self._store.wake(waiting, self._environment.now(), TRIALS)
                self._wake()
            return
        if kept.calling_back or any(row.state in _LEFT_ALONE for row in others):
            most = min(BACK, peer.turnstile.room) if peer.limits.limited else BACK
            if most:
                called = await self._store.wake(waiting, self._environment.now(), most)
                kept.calling_back = called == most
                if called:
                    self._wake()
                    log.info("called_back", peer=peer.name, visits=called)


def _obey(kept: _Kept, hold: Hold) -> None:
    """Do what a person decided last, once."""
    if hold == kept.obeyed:
        return
    kept.obeyed = hold
    if hold.held:
        kept.peer.hold()
    elif not kept.peer.breaker.closed:
        kept.peer.release()
