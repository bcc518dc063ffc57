"""Signed messages over HTTP: what the webhook and alerts share. The receiver's side stands in docs/api.md."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

import httpx
from pydantic import SecretStr

from engine.environment import DAY, HOUR, SECOND, Micros
from service.settings import Settings

#: Waits after the first, second ... failed try; the last one repeats until the message is given up.
BACK_OFF: tuple[Micros, ...] = tuple(n * SECOND for n in (1, 5, 15, 60, 300, 900, 1800))
TIMEOUT = 10.0
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
        """Return the endpoint of the webhook, if one is configured."""
        return cls._made(settings.webhook_url, settings.webhook_secret, int(settings.webhook_dead_hours * HOUR))

    @classmethod
    def of_alerts(cls, settings: Settings) -> Endpoint | None:
        """Return the endpoint of alerts, if one is configured."""
        return cls._made(settings.alert_url, settings.alert_secret, DAY)

    @classmethod
    def _made(cls, url: str, secret: SecretStr, dead_after: Micros) -> Endpoint | None:
        secrets = tuple(filter(None, (each.strip() for each in secret.get_secret_value().split(","))))
        return cls(url, secrets, dead_after) if url and secrets else None


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


class SignedPost:
    """Sends to one endpoint. Follows no redirect and asks no proxy of the environment."""

    def __init__(self, endpoint: Endpoint, transport: httpx.AsyncBaseTransport | None = None) -> None:
        """``transport`` is for tests."""
        self._endpoint = endpoint
        self._client = httpx.AsyncClient(timeout=TIMEOUT, follow_redirects=False, transport=transport, trust_env=False)

    async def send(self, body: bytes, at: Micros, headers: Mapping[str, str]) -> tuple[int | None, str | None]:
        """Return the receiver's status, or what went wrong; its words are not kept."""
        own = {
            "Content-Type": "application/json",
            "User-Agent": "visitflow",
            "Visitflow-Signature": signature(self._endpoint.secrets, at // SECOND, body),
        }
        url = self._endpoint.url
        try:  # httpx's limits are for each read; a receiver that trickles must not hold us for ever
            async with asyncio.timeout(2 * TIMEOUT):
                async with self._client.stream("POST", url, content=body, headers={**own, **headers}) as response:
                    return response.status_code, None if response.is_success else f"status {response.status_code}"
        except TimeoutError:
            return None, "timeout"
        except httpx.HTTPError as error:
            return None, type(error).__name__

    async def close(self) -> None:
        """Close connections."""
        await self._client.aclose()
