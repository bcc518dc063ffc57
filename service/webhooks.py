"""Tell the HIS about progress: at least once, in order for each visit, never in a visit's way (docs/api.md; ADR 23).

``gather`` reads the feed and writes messages down, together with how far it has read. ``send`` takes what is due, the
oldest of each visit only, and notes every try. A receiver that is slow, down or wrong delays messages and nothing else.
"""

from __future__ import annotations

import asyncio
from typing import Any

import httpx

from engine.environment import SECOND
from engine.events import AnyEvent, Closed, Concluded, Opened, Settled, Stuck, Undone, UndoRequested, decode
from engine.facts import dumps, loads
from service.application import Application
from service.signed_post import BACK_OFF, Endpoint, SignedPost
from service.views import moment
from storage.registers import Attempt, Delivery, FeedEvent

NAME = "his"
READER = f"webhook:{NAME}"
#: Deliveries in the air at once.
AT_ONCE = 8
#: A try ends after 20 s whatever happens; what a killed process had in the air goes out again after this.
_LEASE = 30 * SECOND
_PAGE = 200


def told(event: AnyEvent) -> dict[str, Any] | None:
    """Return what a receiver is told of an event, or None for one that is no progress. Nothing personal (G10)."""
    match event:
        case Opened():
            return {"event": "opened", "state": event.state}
        case Concluded(dest=str()) | Settled(dest=str()):
            return {"event": "moved", "state": event.dest}
        case Stuck():
            return {"event": "stuck", "cause": event.cause.value}
        case UndoRequested():
            return {"event": "taking_back", "state": event.target}
        case Undone():
            return {"event": "taken_back", "state": event.state}
        case Closed():
            return {"event": "closed", "state": event.state}
        case _:
            return None


class Webhook:
    """Tells one endpoint."""

    def __init__(
        self, application: Application, endpoint: Endpoint, transport: httpx.AsyncBaseTransport | None = None
    ) -> None:
        """``transport`` is for tests."""
        self._environment = application.environment
        self._feed = application.registers.feed
        self._register = application.registers.deliveries
        self._endpoint = endpoint
        self._poster = SignedPost(endpoint, transport)

    async def gather(self) -> int:
        """Read on in the feed and write messages down; return how many events were read.

        An endpoint that is new begins with what comes now.
        """
        position = await self._feed.cursor(READER)
        if position is None:
            position = await self._feed.begin(READER, (await self._feed.ends())[1])
        events = await self._feed.read(position, _PAGE)
        if not events:
            return 0
        messages = [message for event in events if (message := self._message(event)) is not None]
        await self._register.enqueue(READER, position, events[-1].position, messages)
        return len(events)

    def _message(self, event: FeedEvent) -> Delivery | None:
        says = told(decode(event.payload))
        if says is None:
            return None
        now = self._environment.now()
        body = {
            "visit": event.visit_id,
            "flow": event.flow,
            "key": event.key,
            "seq": event.seq,
            "at": moment(event.at),
        } | says
        return Delivery(
            delivery_id=self._environment.new_id(),
            endpoint=NAME,
            visit_id=event.visit_id,
            number=0,
            seq=event.seq,
            kind=str(says["event"]),
            body=dumps(body),
            state="pending",
            created_at=now,
            next_at=now,
        )

    async def send(self) -> int:
        """Send what is due; return how many messages that were."""
        now = self._environment.now()
        due = await self._register.claim(NAME, now, now + _LEASE, AT_ONCE)
        await asyncio.gather(*(self._send_one(delivery) for delivery in due))
        return len(due)

    async def _send_one(self, delivery: Delivery) -> None:
        began = self._environment.monotonic()
        status, error = await self._post(delivery)
        millis = (self._environment.monotonic() - began) * 1000 // SECOND
        now, number = self._environment.now(), delivery.attempts + 1
        attempt = Attempt(delivery.delivery_id, number, now, status, error, millis)
        if status is not None and 200 <= status < 300:
            await self._register.tried(delivery, attempt, "delivered", now)
            return
        wait = BACK_OFF[min(number, len(BACK_OFF)) - 1]
        next_at = now + wait + int(wait * 0.2 * self._environment.random())
        dead = next_at - delivery.created_at > self._endpoint.dead_after
        await self._register.tried(delivery, attempt, "dead" if dead else "pending", next_at)

    async def _post(self, delivery: Delivery) -> tuple[int | None, str | None]:
        """Return the receiver's status, or what went wrong; its words are not kept."""
        headers = {"Visitflow-Delivery": delivery.delivery_id, "Visitflow-Attempt": str(delivery.attempts + 1)}
        return await self._poster.send(dumps(_body_of(delivery)).encode(), self._environment.now(), headers)

    async def close(self) -> None:
        """Close connections."""
        await self._poster.close()


def _body_of(delivery: Delivery) -> dict[str, Any]:
    return {"delivery": delivery.delivery_id, "number": delivery.number, **loads(delivery.body)}
