"""How the processes on one store divide what a peer bears. Pure: who gets how much is computed from rows alone."""

from __future__ import annotations

from collections.abc import Sequence

from engine.environment import SECOND, Micros

#: What does not divide evenly goes round: after so long to the next.
TURN: Micros = 5 * SECOND


def fair(total: int, worker: str, claimants: Sequence[str], now: Micros) -> int:
    """Return the part of ``total`` that ``worker``, one of ``claimants``, should have now; the parts add up to it."""
    ranked = sorted(claimants)
    whole, rest = divmod(total, len(ranked))
    place = (ranked.index(worker) + now // TURN) % len(ranked)
    return whole + (place < rest)


def allotted(
    total: int,
    worker: str,
    wants: bool,
    bound: int,
    held: int,
    others: Sequence[tuple[str, int, bool]],
    now: Micros,
) -> int:
    """Return how much of ``total`` a worker may hold from now on.

    ``bound`` is what it cannot give back yet (calls in the air), ``held`` what it has; ``others`` are names, what they
    hold, and whether they want any. It never takes what another still holds, so the sum stays within ``total``; it
    gives back what is more than its part as soon as somebody wants it, and keeps everything while nobody does.
    """
    claimants = [name for name, _, wanting in others if wanting]
    free = max(0, total - sum(each for _, each, _ in others))
    if not claimants:
        part = total
    elif wants:
        part = fair(total, worker, [*claimants, worker], now)
    else:
        part = 0
    return min(free, max(part, min(bound, held)))
