"""The port: the HIS's own front speaks the same 143 contracts of 003, JSON over HTTP, and is called like any peer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Self

import httpx
from pydantic import AfterValidator, Field

from adapters.network import Answer
from adapters.platform.calling import HOSPITAL_METHODS, HOSPITAL_OPERATIONS, KEYED_HOSPITAL_OPERATIONS, Method
from adapters.platform.contracts.model import Envelope
from adapters.platform.peer import Peer, PeerSettings
from adapters.platform.verdicts import judged, unheard
from engine.adapter import Call, Operation
from engine.environment import Micros
from engine.outcomes import Done, Exchange, InDoubt, NotSent, Outcome, Refused

_STREAM = "application/octet-stream"


def _known(names: dict[str, str]) -> dict[str, str]:
    if unknown := sorted(set(names) - set(HOSPITAL_METHODS)):
        raise ValueError(f"no interface of the hospital: {', '.join(unknown)}")
    return names


class PortSettings(PeerSettings):
    """What flows.yaml says of the HIS's front."""

    url: Annotated[str, Field(pattern=r"^https?://[^\s?#]+$")] = "http://127.0.0.1:8090"  #: before the method's name
    message_prefix: Annotated[str, Field(pattern=r"^[A-Za-z0-9]{1,8}$")] = "H"
    names: Annotated[dict[str, str], AfterValidator(_known), Field(default_factory=dict)]
    """Methods by operation, other than the document's."""


class HospitalPort:
    """The HIS behind us. Operations are called as the document numbers them: ``3.1.2``, ``16.1.1:pacsReport``.

    A HIS that takes the same notice twice books it twice: transactions and undos are ``once``.
    """

    name = "hospital"
    operations: ClassVar[Mapping[str, Operation]] = HOSPITAL_OPERATIONS

    def __init__(self, settings: PortSettings, transport: httpx.AsyncBaseTransport | None = None) -> None:
        """``transport`` replaces the network in tests."""
        self._settings = settings
        self._peer = Peer(settings, transport)

    @classmethod
    def from_settings(cls, settings: Mapping[str, Any]) -> Self:
        """Make the adapter from its part of flows.yaml. Raises pydantic's ValidationError."""
        return cls(PortSettings.model_validate(settings))

    def message_id(self, now: Micros, number: int) -> str:
        """Return an id for our own journal (P45)."""
        return self._peer.message_id(now, number)

    async def call(self, call: Call) -> Outcome:
        """Make one call: the contract's members in, ``{"data": …}`` and the members beside it out.

        16.1.4 answers ``{"content": bytes, "media_type": text}``.
        """
        method = HOSPITAL_METHODS[call.operation]
        url = f"{self._settings.url.rstrip('/')}/{self._settings.names.get(call.operation, method.name)}"
        if method.interface.reply(method.name).envelope is Envelope.BYTES:
            return await self._fetch(method, url, call)
        return await self._peer.post(method, url, call)

    async def close(self) -> None:
        """Give connections back."""
        await self._peer.close()

    async def _fetch(self, method: Method, url: str, call: Call) -> Outcome:
        """Get a file (附三): HTTP GET, a stream of bytes comes back; JSON is a refusal."""
        query = self._peer.body(method, call.request)
        if isinstance(query, Refused):
            return query
        headers = self._peer.headers()
        if isinstance(headers, NotSent):
            return headers
        try:
            request = self._peer.network.client.build_request("GET", url, params=query, headers=headers)
        except (httpx.InvalidURL, UnicodeEncodeError, ValueError) as error:
            return NotSent(f"the request cannot be written: {type(error).__name__}")
        answer = await self._peer.network.send(request, self._peer.limit(call), call.guard)
        # Images are large, personal, and no evidence of anything: only that one came is kept.
        exchange = Exchange(str(request.url).encode(), None, answer.status)
        if (broken := unheard(answer, exchange)) is not None:
            return broken
        media = answer.headers.get("content-type", _STREAM)
        if "json" in media.lower():
            return self._no_file(method, answer, exchange, query)
        return Done({"content": answer.body, "media_type": media}, exchange)

    def _no_file(self, method: Method, answer: Answer, exchange: Exchange, query: Any) -> Outcome:
        said = judged(method, answer, exchange, query)
        return InDoubt("JSON that says success where a file was expected", exchange) if isinstance(said, Done) else said


class KeyedHospitalPort(HospitalPort):
    """The same for a HIS that answers a repeat by its key as it did the first time (003, 约定): those are ``keyed``."""

    name = "hospital_keyed"
    operations: ClassVar[Mapping[str, Operation]] = KEYED_HOSPITAL_OPERATIONS
