"""The client of the platform: 45 interfaces that it serves under ``prefront/`` (003, 公众号提供的接口; 附二)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Self

import httpx
from pydantic import Field

from adapters.platform.calling import PLATFORM_METHODS, PLATFORM_OPERATIONS, Method
from adapters.platform.peer import Peer, PeerSettings
from engine.adapter import Call, Operation
from engine.environment import Micros
from engine.outcomes import Outcome


class PlatformSettings(PeerSettings):
    """What flows.yaml says of the platform."""

    url: Annotated[str, Field(pattern=r"^https?://[^\s?#]+$")] = "http://127.0.0.1:8080"  #: without ``prefront``
    double_slash: bool = False  #: ``http://IP:PORT//prefront/…``, as the sample prints it (附二)
    message_prefix: Annotated[str, Field(pattern=r"^[A-Za-z0-9]{1,8}$")] = "WX"


class PlatformClient:
    """The platform on the front-end machine. Operations are called as the document numbers them: ``13.2.1``."""

    name = "platform"
    operations: ClassVar[Mapping[str, Operation]] = PLATFORM_OPERATIONS

    def __init__(self, settings: PlatformSettings, transport: httpx.AsyncBaseTransport | None = None) -> None:
        """``transport`` replaces the network in tests."""
        self._settings = settings
        self._peer = Peer(settings, transport)

    @classmethod
    def from_settings(cls, settings: Mapping[str, Any]) -> Self:
        """Make the adapter from its part of flows.yaml. Raises pydantic's ValidationError."""
        return cls(PlatformSettings.model_validate(settings))

    def message_id(self, now: Micros, number: int) -> str:
        """Return an id for our own journal (P45)."""
        return self._peer.message_id(now, number)

    async def call(self, call: Call) -> Outcome:
        """Make one call: the contract's members in, ``{"data": …}`` out."""
        method = PLATFORM_METHODS[call.operation]
        return await self._peer.post(method, self._url(method), call)

    async def close(self) -> None:
        """Give connections back."""
        await self._peer.close()

    def _url(self, method: Method) -> str:
        path = (method.interface.path or "").lstrip("/")
        return self._settings.url.rstrip("/") + ("//" if self._settings.double_slash else "/") + path
