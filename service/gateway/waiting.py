"""Waiting for a visit to come to rest, or to get far enough. The visit goes on whether or not anybody waits."""

from __future__ import annotations

from collections.abc import Callable

from engine.environment import SECOND, Environment, Micros
from engine.store import Projection, Status, Store

_FIRST_PAUSE = SECOND // 200
_LONGEST_PAUSE = SECOND // 10

Reached = Callable[[Projection], bool]


def at_rest(projection: Projection) -> bool:
    """Tell whether nothing happens with a visit until somebody or a later time comes."""
    return projection.status is not Status.READY


async def rest(
    store: Store,
    environment: Environment,
    visit_id: str,
    patience: Micros,
    reached: Reached = lambda _projection: False,
) -> Projection:
    """Return the visit when it is at rest, when ``reached`` says so, or when ``patience`` is over.

    Looks in the store, so that it does not matter which process moves the visit.
    """
    deadline = environment.monotonic() + patience
    pause = _FIRST_PAUSE
    while True:
        projection = await store.get(visit_id)
        if at_rest(projection) or reached(projection) or environment.monotonic() >= deadline:
            return projection
        await environment.sleep(pause)
        pause = min(2 * pause, _LONGEST_PAUSE)
