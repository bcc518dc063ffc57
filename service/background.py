"""What ``serve`` does beside moving visits and answering: each a loop that outlives a database that is away."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

import structlog

from engine.environment import DAY, HOUR, SECOND
from engine.errors import VisitflowError
from engine.trace import where
from service.acting import Acting
from service.application import Application
from service.batches import BatchWorker
from service.history.reader import HistoryReader
from service.hub import Hub
from service.patients import index
from service.signed_post import Endpoint
from service.watching.alerting import Alerting
from service.webhooks import Webhook

log = structlog.get_logger("visitflow.service")

#: Days that the feed, delivered messages, runs of schedules and past alerts are kept.
FEED_DAYS, DELIVERED_DAYS, RUNS_DAYS, ALERTS_DAYS = 14, 30, 30, 90


class Background:
    """The loops of one process."""

    def __init__(self, application: Application, hub: Hub, acting: Acting) -> None:
        """Make them; :meth:`start` starts them."""
        self._application = application
        self._hub = hub
        self._acting = acting
        self._tasks: list[asyncio.Task[None]] = []
        self._endpoint = Endpoint.of(application.settings)
        self._webhook = None if self._endpoint is None else Webhook(application, self._endpoint)
        self._batches = BatchWorker(application, acting)
        self._alerting = Alerting(application)
        self._history = HistoryReader(application)

    def start(self) -> None:
        """Start all loops."""
        loops: list[tuple[str, Callable[[], Awaitable[object]], float]] = [
            ("feed", self._hub.publish, 0.2),
            ("batches", self._batches.work, 0.5),
            ("housekeeping", self.keep_house, 600.0),
            ("peers", self._application.peers.run, 0.01),
            ("alerts", self._alerting.evaluate, 15.0),
            ("history", self._history.work, 2.0),
        ]
        key = self._application.settings.patient_secret()
        if key is not None:
            loops.append(("patients", lambda: index(self._hub.feed, key), 1.0))
        if self._webhook is not None:
            loops += [("webhook_gather", self._webhook.gather, 0.3), ("webhook_send", self._webhook.send, 0.3)]
        if self._alerting.tells:
            loops.append(("alerts_send", self._alerting.send, 1.0))
        self._tasks = [asyncio.create_task(_for_ever(*each), name=each[0]) for each in loops]

    async def stop(self) -> None:
        """Stop all loops: what is under way is durable, and goes on at the next start."""
        self._hub.close()
        for task in self._tasks:
            task.cancel()
        for task in self._tasks:
            with suppress(asyncio.CancelledError):
                await task
        await self._batches.release()
        await self._alerting.close()
        if self._webhook is not None:
            await self._webhook.close()

    async def keep_house(self) -> None:
        """Forget what has had its time, and finish what was approved and not done."""
        registers, settings = self._application.registers, self._application.settings
        now = self._application.environment.now()
        await registers.requests.forget(now)
        await registers.approvals.expire(now)
        await registers.batches.forget_previews(now)
        old, idle = int(settings.session_hours * HOUR), int(settings.session_idle_minutes * 60 * SECOND)
        await registers.access.forget_sessions(now - old, now - idle)
        await registers.feed.prune(now - FEED_DAYS * DAY)
        await registers.deliveries.forget(now - DELIVERED_DAYS * DAY)
        await registers.schedules.forget(now - RUNS_DAYS * DAY)
        await self._alerting.forget(now - ALERTS_DAYS * DAY)
        for approval in await registers.approvals.all("approved", None, None, 100):
            if approval.decided_at is not None and now - approval.decided_at > 60 * SECOND:
                with suppress(VisitflowError):
                    await self._acting.carry_out(approval.approval_id)


async def _for_ever(name: str, work: Callable[[], Awaitable[object]], pause: float) -> None:
    """Run ``work`` again and again: at once while it finds something to do, else after a pause."""
    failures = 0
    while True:
        found: object = None
        try:
            found = await work()
            failures = 0
        except Exception as error:  # a database that is away, or a bug of ours: the loop must go on, and say so
            failures += 1
            log.warning("background_failed", loop=name, error=where(error), failures=failures)
        if not found:
            await asyncio.sleep(min(30.0, pause * 2 ** min(failures, 8)))
