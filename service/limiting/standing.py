"""How peers stand, for people: this process's own view, what other processes say, what somebody decided."""

from __future__ import annotations

from dataclasses import dataclass

from engine.environment import Micros
from engine.peers import Hold, PeerRow
from engine.peers.breaker import State
from service.application import Application
from service.errors import UnknownThing


@dataclass(frozen=True, slots=True)
class PeerStanding:
    """One peer, over all processes. ``state``: the gravest that any of them sees."""

    peer: str
    state: State
    since: Micros | None
    until: Micros | None
    failures: int
    in_the_air: int  #: of this process
    waiting: int  #: of this process, in memory
    paused_visits: int  #: visits that wait for it in their rows
    concurrent: int | None
    rate: float | None
    breaker: bool  #: whether it is left alone by itself
    workers: tuple[PeerRow, ...]
    hold: Hold | None


_GRAVITY = (State.HELD, State.PAUSED, State.TRIAL, State.CLOSED)


async def peer_standings(application: Application) -> list[PeerStanding]:
    """Return all peers that this site configures. Raises StoreError."""
    board, now = application.registers.peers, application.environment.now()
    rows = await board.rows(now)
    holds = {hold.peer: hold for hold in await board.holds()}
    counted = await application.registers.census.standings()
    waiting: dict[str, int] = {}
    for some in counted:
        reason, _, rest = (some.waiting_for or "").partition(":")
        if reason in ("peer_paused", "peer_busy"):
            peer = rest.partition(":")[0]
            waiting[peer] = waiting.get(peer, 0) + some.count
    found = []
    for each in application.peers.peers:
        own, hold = each.standing(), holds.get(each.name)
        others = tuple(row for row in rows if row.peer == each.name)
        if hold is not None and hold.held:
            state, since, until, failures = State.HELD, hold.at, None, own.failures
        else:
            seen = [(State(row.state), row.since, row.until, row.failures) for row in others]
            seen.append((own.state, own.since, own.until, own.failures))
            state, since, until, failures = min(seen, key=lambda one: _GRAVITY.index(one[0]))
        found.append(
            PeerStanding(
                peer=each.name,
                state=state,
                since=since,
                until=until,
                failures=failures,
                in_the_air=own.in_the_air,
                waiting=own.waiting,
                paused_visits=waiting.get(each.name, 0),
                concurrent=each.limits.concurrent,
                rate=each.limits.rate,
                breaker=each.limits.breaker is not None,
                workers=others,
                hold=hold,
            )
        )
    return found


async def decide(application: Application, peer: str, held: bool, by: str, reason: str) -> None:
    """Stop a peer, or let it go, in all processes. The caller writes the audit. Raises UnknownThing."""
    if peer not in application.adapters:
        raise UnknownThing(f"no peer {peer[:64]}; there are: {', '.join(sorted(application.adapters))}", field="peer")
    at = application.environment.now()
    await application.registers.peers.decide(Hold(peer, held, by[:100], reason[:2000], at))
    application.peers.turned()
