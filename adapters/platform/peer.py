"""One exchange with a peer that speaks 003's JSON over HTTP: the platform, or the HIS behind us. What both share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import httpx
from pydantic import BaseModel, ConfigDict, Field

from adapters.credentials import SecretMissing, read_secret
from adapters.network import Network
from adapters.platform.calling import Method
from adapters.platform.contracts import Misfit, build_request, dumps
from adapters.platform.contracts.model import Type
from adapters.platform.contracts.writing import Spelling
from adapters.platform.verdicts import judged
from adapters.times import message_id
from engine.adapter import Call
from engine.environment import SECOND, Micros
from engine.outcomes import Category, Exchange, NotSent, Outcome, Refused

#: As the document's own sample writes it (附二).
CONTENT_TYPE = "application/Json;charset=UTF-8"
#: What a request that is a list is called in ``Call.request``, which is an object (21.1.2, 21.1.4 to 21.1.6).
ROWS = "rows"
Seconds = Annotated[float, Field(gt=0, le=600)]


class PeerSettings(BaseModel):
    """What flows.yaml says of such a peer; of secrets only which variable holds them."""

    model_config = ConfigDict(extra="forbid")

    url: Annotated[str, Field(pattern=r"^https?://[^\s?#]+$")]
    connect_timeout: Seconds = 10.0  #: 附二
    read_timeout: Seconds = 10.0  #: 附二; how long the peer may be silent
    spelling: Spelling = "name"  #: where table and example differ: the table's, the example's, both (P6)
    hospital_id: str = ""  #: stands for a ``hospitalId`` that a call does not give
    authorization_header: Annotated[str, Field(pattern=r"^[A-Za-z0-9-]+$")] = "Authorization"
    authorization_variable: Annotated[str, Field(pattern=r"^([A-Z][A-Z0-9_]*)?$")] = ""  #: holds the header's value
    message_prefix: Annotated[str, Field(pattern=r"^[A-Za-z0-9]{1,8}$")]


class Peer:
    """Builds requests from contracts, sends them, reads what comes."""

    def __init__(self, settings: PeerSettings, transport: httpx.AsyncBaseTransport | None = None) -> None:
        """``transport`` replaces the network in tests."""
        self._settings = settings
        self.network = Network(settings.connect_timeout, transport, read_timeout=settings.read_timeout)

    def message_id(self, now: Micros, number: int) -> str:
        """Return an id for our own journal: 003 has no place for one, so nothing on the wire carries it (P45)."""
        return message_id(self._settings.message_prefix, now, number % 1_000_000)

    def body(self, method: Method, request: Mapping[str, Any]) -> Any:
        """Return the body of ``request``, or why it does not go out: ``Refused`` with the code ``contract``."""
        contract = method.interface.request
        values: Any = request
        if contract.type is Type.LIST:
            if set(request) != {ROWS}:
                return Refused("contract", f"expected one member: {ROWS}", Category.DATA)
            values = request[ROWS]
        elif self._settings.hospital_id and "hospitalId" in contract.fields and not request.get("hospitalId"):
            values = {**request, "hospitalId": self._settings.hospital_id}
        try:
            return build_request(method.interface, values, spelling=self._settings.spelling)
        except Misfit as error:
            return Refused("contract", f"the request does not fit the contract: {error}", Category.DATA)

    async def post(self, method: Method, url: str, call: Call) -> Outcome:
        """Make ``call`` at ``url``."""
        body = self.body(method, call.request)
        if isinstance(body, Refused):
            return body
        content = dumps(body).encode()
        headers = self.headers()
        if isinstance(headers, NotSent):
            return headers
        headers["Content-Type"] = CONTENT_TYPE
        try:
            request = self.network.client.build_request("POST", url, content=content, headers=headers)
        except (httpx.InvalidURL, UnicodeEncodeError, ValueError) as error:
            return NotSent(f"the request cannot be written: {type(error).__name__}")
        answer = await self.network.send(request, self.limit(call), call.guard)
        return judged(method, answer, Exchange(content, answer.body, answer.status), body)

    def headers(self) -> dict[str, str] | NotSent:
        """Return the header that lets us in, where the site has one (50001)."""
        variable = self._settings.authorization_variable
        if not variable:
            return {}
        try:
            return {self._settings.authorization_header: read_secret(variable)}
        except SecretMissing as error:
            return NotSent(str(error))

    def limit(self, call: Call) -> Micros:
        """Return how long the whole call may take: no longer than connecting and answering may."""
        both = self._settings.connect_timeout + self._settings.read_timeout
        return min(call.timeout, int(both * SECOND))

    async def close(self) -> None:
        """Give connections back."""
        await self.network.close()
