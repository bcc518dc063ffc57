"""The outbox: messages to the platform, each a visit of ``platform.push``, sent at most once unless never sent (P54).

A push has no key, so a repeat is a second message to a patient. What is about to be sent is written down first (G1);
whoever wrote it down sends it, once; only a push that certainly did not leave goes back into the queue. Visits never
wait for it: they hand a push over and go on.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import structlog

from engine.adapter import Call
from engine.environment import MINUTE, SECOND, Micros
from engine.errors import NotLegal, VisitBusy, VisitflowError
from engine.numbers import MessageNumbers
from engine.outcomes import Busy, Done, InDoubt, NotSent, Outcome, Refused
from engine.store import Projection, VisitFilter
from engine.trace import where
from engine.visit import fold
from service.application import Application

log = structlog.get_logger("visitflow.pushes")

FLOW = "platform.push"
_BY = "pushes"
_TIMEOUT: Micros = 20 * SECOND
_LOOK_EVERY: Micros = 2 * SECOND
_GLANCE: Micros = SECOND // 100
_FIRST_PAUSE: Micros = 5 * SECOND
_LONGEST_PAUSE: Micros = 10 * MINUTE
#: Pushes looked at in one round, and sent at the same time.
_ROUND, _AT_ONCE = 200, 5


async def hand_over(
    application: Application, key: str, operation: str, request: Mapping[str, Any], by: str = ""
) -> Projection:
    """Take a push; durable when it returns. The same key again is the same push. ``POST /visits`` does the same.

    Raises:
        UnknownFlow: the flow is not on at this site.
        InvalidData: no such push, or its members do not fit; named.
        DuplicateKey: the key belongs to another push.
    """
    data = {"operation": operation, "request": dict(request)}
    return (await application.commands.open(FLOW, key, data, by or _BY))[0]


@dataclass(frozen=True, slots=True)
class Waiting:
    """A push in the queue."""

    projection: Projection
    data: Mapping[str, Any]

    def due(self, first: Micros) -> Micros:
        """Return when it is to be tried: at once, and after tries that did not leave later and later."""
        tries = int(self.data.get("tries", 0))
        if not tries:
            return self.projection.opened_at
        pause: Micros = min(first << min(tries - 1, 20), _LONGEST_PAUSE)
        return self.projection.updated_at + pause


class Outbox:
    """Sends what waits. Several processes may run one each: a push belongs to whoever writes ``begin``."""

    def __init__(self, application: Application, adapter: str = "platform", first_pause: Micros = _FIRST_PAUSE) -> None:
        """``adapter`` is the platform's name in flows.yaml; ``first_pause`` follows a first try that did not leave."""
        self._first_pause = first_pause
        self._application = application
        self._adapter = adapter
        self._numbers = MessageNumbers(application.store, 100)
        self._gate = asyncio.Semaphore(_AT_ONCE)
        self._task: asyncio.Task[None] | None = None

    @property
    def is_on(self) -> bool:
        """Tell whether this site has pushes: the flow and the platform."""
        return FLOW in self._application.registry.names and self._adapter in self._application.adapters

    def start(self) -> None:
        """Begin to send, if the site has pushes."""
        if self.is_on:
            self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """Send no more. What is in the air becomes ``unclear`` by its timer, and is not sent again."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None

    async def send_due(self) -> int:
        """Send what is due now; return how many were begun."""
        now = self._application.environment.now()
        waiting = [each for each in await self._waiting() if each.due(self._first_pause) <= now]
        return sum(await asyncio.gather(*map(self._one, waiting)))

    # -- one round
    async def _run(self) -> None:
        while True:
            try:
                await self.send_due()
            except VisitflowError as error:  # the store is away: look again
                log.warning("pushes_failed", error=where(error))
            await self._application.environment.sleep(_LOOK_EVERY)

    async def _waiting(self) -> list[Waiting]:
        store = self._application.store
        page = await store.visits(VisitFilter(flow=FLOW, state="waiting", limit=_ROUND))
        # Newest first from the store; patients get them in order.
        return [Waiting(each, fold(each.visit_id, await store.history(each.visit_id)).data) for each in reversed(page)]

    async def _one(self, push: Waiting) -> bool:
        async with self._gate:
            visit_id, commands = push.projection.visit_id, self._application.commands
            try:
                await commands.trigger(visit_id, "begin", by=_BY)
            except (NotLegal, VisitBusy):  # another process has it
                return False
            await self._moved(visit_id, "waiting")
            tries = int(push.data.get("tries", 0)) + 1
            trigger, code, reason = _meant(await self._sent(push.data))
            told = {"tries": tries, "code": code, "reason": reason[:200]}
            with suppress(NotLegal):  # its timer was quicker: unclear, and that is not wrong
                await commands.trigger(visit_id, trigger, told, _BY)
                await self._moved(visit_id, "sending")
            log.info("push", operation=push.data["operation"], result=trigger, code=code, tries=tries)
            return True

    async def _moved(self, visit_id: str, source: str) -> None:
        """Wait until the runner has moved a visit out of ``source``: what was asked for is durable, and soon done."""
        environment, store = self._application.environment, self._application.store
        deadline = environment.monotonic() + _TIMEOUT
        while (await store.get(visit_id)).state == source and environment.monotonic() < deadline:
            await environment.sleep(_GLANCE)

    async def _sent(self, data: Mapping[str, Any]) -> Outcome:
        adapter = self._application.adapters[self._adapter]
        number = await self._numbers.next(self._adapter)
        message_id = adapter.message_id(self._application.environment.now(), number)
        call = Call(str(data["operation"]), data["request"], message_id, _TIMEOUT, lambda: True)
        try:
            return await adapter.call(call)
        except Exception as error:  # a bug of the adapter: it may have left
            log.error("push_failed", operation=data["operation"], error=where(error))
            return InDoubt(f"the adapter failed: {type(error).__name__}")


def _meant(outcome: Outcome) -> tuple[str, str, str]:
    """Return the trigger, the code and the reason of what a push came to."""
    match outcome:
        case Done():
            return "accept", "", ""
        case Refused(code, message):
            return "refuse", code, message
        case NotSent(reason):
            return "postpone", "", reason
        case Busy(_, reason) | InDoubt(reason):
            return "doubt", "", reason
