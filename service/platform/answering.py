"""Reading the answer to a call off its visit: done, refused, or not settled yet. Never a guess (P47)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from engine.environment import SECOND, Micros
from engine.events import Cause, Concluded, Opened, Triggered
from engine.store import Status
from service.platform.desk import Desk, Known

_FIRST_PAUSE: Micros = SECOND // 200
_LONGEST_PAUSE: Micros = SECOND // 10


@dataclass(frozen=True, slots=True)
class Accepted:
    """The visit has the answer: ``data``, and members beside it."""

    reply: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Declined:
    """It certainly was not done."""

    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Asked:
    """A call as a visit's journal has it: ``at`` is the place of its event, ``content`` what was asked."""

    at: int
    content: Mapping[str, Any]


def asked_before(known: Known, number: str) -> list[Asked]:
    """Return every call of ``number`` that the visit was brought, oldest first."""
    found = []
    for at, event in enumerate(known.events):
        if isinstance(event, Opened | Triggered):
            content = event.data.get("requests", {}).get(number)
            if content is not None:
                found.append(Asked(at, content))
    return found


def answer_of(known: Known, number: str, since: int) -> Accepted | Declined | None:
    """Return what became of the call of ``number`` that event ``since`` brought; None: not known yet.

    Only what the journal got between this call and the next of its kind counts: the visit may have answered another
    before, and one since (24.1.7).
    """
    until = next((each.at for each in asked_before(known, number) if each.at > since), len(known.events))
    told = [
        patch
        for event in known.events[since + 1 : until]
        for patch in (getattr(event, "data", None), getattr(event, "new", None))
        if isinstance(patch, Mapping)
    ]
    data = known.data_at(until)
    if any(number in (patch.get("answers") or {}) for patch in told):
        answer = data.get("answers", {}).get(number)
        if answer is not None:
            return Accepted(answer)
    if any(number in (patch.get("refusals") or {}) for patch in told):
        refusal = data.get("refusals", {}).get(number)
        if refusal is not None:
            return Declined(str(refusal["code"]), str(refusal.get("msg", "")))
    return _stopped(known, number, since) if until == len(known.events) else None


def _stopped(known: Known, number: str, since: int) -> Declined | None:
    """Return the refusal that the visit stands at, or that nothing will be done any more."""
    trouble = known.visit.trouble
    if trouble is not None and trouble.cause in (Cause.REFUSED, Cause.UNDO_REFUSED):
        for event in reversed(known.events[since + 1 :]):
            if isinstance(event, Concluded) and event.operation == number:
                return Declined(event.code, event.message) if event.outcome == "refused" else None
    if known.cancelled:
        return Declined("20003", "该业务已取消，未办理")
    return None


async def wait(desk: Desk, visit_id: str, number: str, since: int, patience: Micros) -> Accepted | Declined | None:
    """Return the answer as soon as there is one; None when ``patience`` is over, or when only a person can go on.

    Looks in the store, so that it does not matter which process moves the visit.
    """
    environment, store = desk.application.environment, desk.application.store
    deadline = environment.monotonic() + patience
    pause, seen = _FIRST_PAUSE, -1
    while True:
        projection = await store.get(visit_id)
        if projection.seq != seen:
            seen = projection.seq
            found = answer_of(await desk.known(visit_id), number, since)
            if found is not None:
                return found
        if projection.status in (Status.STUCK, Status.CLOSED) or environment.monotonic() >= deadline:
            return None
        await environment.sleep(pause)
        pause = min(2 * pause, _LONGEST_PAUSE)
