"""Tell the HIS about progress: at least once, in order for each visit, never in a visit's way (docs/api.md; ADR 23).

``gather`` reads the feed and writes messages down, together with how far it has read. ``send`` takes what is due, the
oldest of each visit only, and notes every try. A receiver that is slow, down or wrong delays messages and nothing else.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import time
from dataclasses import dataclass, field
from typing import Any

import httpx

from engine.environment import DAY, HOUR, SECOND, Micros
from engine.events import AnyEvent, Closed, Concluded, Opened, Settled, Stuck, Undone, UndoRequested, decode
from engine.facts import dumps, loads
from service.application import Application
from service.settings import Settings
from service.views import moment
from storage.registers import Attempt, Delivery, FeedEvent

NAME = "his"
READER = f"webhook:{NAME}"
#: Waits after the first, second ... failed try; the last one repeats until the message is given up.
BACK_OFF: tuple[Micros, ...] = tuple(n * SECOND for n in (1, 5, 15, 60, 300, 900, 1800))
TIMEOUT = 10.0
#: Deliveries in the air at once.
AT_ONCE = 8
_LEASE = 60 * SECOND
_PAGE = 200
#: A receiver's clock may differ by so much from ours.
TOLERANCE = 300


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where to, and the secrets that sign, the current one first."""

    url: str
    secrets: tuple[str, ...] = field(repr=False)
    dead_after: Micros = DAY

    @classmethod
    def of(cls, settings: Settings) -> Endpoint | None:
        """Return the endpoint that is configured, if any."""
        secrets = tuple(filter(None, (s.strip() for s in settings.webhook_secret.get_secret_value().split(","))))
        if not settings.webhook_url or not secrets:
            return None
        return cls(settings.webhook_url, secrets, int(settings.webhook_dead_hours * HOUR))


def signature(secrets: tuple[str, ...], at: int, body: bytes) -> str:
    """Return the signature header: ``t=<unix seconds>,v1=<hex>``, one v1 for each secret."""
    signed = f"{at}.".encode() + body
    marks = [hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest() for secret in secrets]
    return ",".join([f"t={at}", *(f"v1={mark}" for mark in marks)])


def verify(secret: str, header: str, body: bytes, now: float | None = None) -> bool:
    """Tell whether a delivery is genuine and fresh: what a receiver does, and what docs/api.md shows."""
    parts = [part.partition("=")[::2] for part in header.split(",")]
    at = next((value for name, value in parts if name == "t"), "")
    if not at.isdecimal() or abs((time.time() if now is None else now) - int(at)) > TOLERANCE:
        return False
    expected = signature((secret,), int(at), body).partition("v1=")[2]
    return any(hmac.compare_digest(value.encode(), expected.encode()) for name, value in parts if name == "v1")


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
        self._client = httpx.AsyncClient(timeout=TIMEOUT, follow_redirects=False, transport=transport, trust_env=False)

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
        body = dumps(_body_of(delivery)).encode()
        at = self._environment.now() // SECOND
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "visitflow",
            "Visitflow-Delivery": delivery.delivery_id,
            "Visitflow-Attempt": str(delivery.attempts + 1),
            "Visitflow-Signature": signature(self._endpoint.secrets, at, body),
        }
        try:  # httpx's limits are for each read; a receiver that trickles must not hold us for ever
            async with asyncio.timeout(2 * TIMEOUT):
                async with self._client.stream("POST", self._endpoint.url, content=body, headers=headers) as response:
                    return response.status_code, None if response.is_success else f"status {response.status_code}"
        except TimeoutError:
            return None, "timeout"
        except httpx.HTTPError as error:
            return None, type(error).__name__

    async def close(self) -> None:
        """Close connections."""
        await self._client.aclose()


def _body_of(delivery: Delivery) -> dict[str, Any]:
    return {"delivery": delivery.delivery_id, "number": delivery.number, **loads(delivery.body)}
