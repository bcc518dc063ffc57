"""The adapter: an operation in, an outcome out. Source: interface 000; assumptions J1-J24."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Annotated, Any, ClassVar, Self

import httpx
from pydantic import BaseModel, ConfigDict, Field

from adapters.clocks import PeerClock
from adapters.discretion import discreet
from adapters.jiangsu.checking import check_reply, check_request, secrets_of
from adapters.jiangsu.contracts.base import Sent
from adapters.jiangsu.envelope import Reply, Unreadable, decode, encode
from adapters.jiangsu.errors import ErrorClass, error_table
from adapters.jiangsu.paging import further_pages
from adapters.jiangsu.session import SignInListener, SignInReason, nobody_listens
from adapters.jiangsu.transactions import OPERATIONS, TRANSACTIONS, Transaction
from adapters.jiangsu.transport import Transport
from adapters.network import Answer
from adapters.times import countdown, instant_of, message_id
from engine.adapter import Call, Operation
from engine.environment import Micros
from engine.outcomes import Done, Exchange, InDoubt, NotSent, Outcome, Refused

#: Transactions that need an initialised gateway, but nobody signed in.
_OF_THE_SESSION = ("9001", "9002")
_OK = 200


class GatewaySettings(BaseModel):
    """What flows.yaml says of this gateway. The names that go into ``init`` are those of 000."""

    model_config = ConfigDict(extra="forbid")

    url: str = "http://127.0.0.1:8321/api/entry/workinjury"
    message_prefix: Annotated[str, Field(pattern=r"^[A-Za-z0-9]{6}$")] = "H00001"
    operator_id: str = "001"
    operator_name: str = "visitflow"
    fixmedins_code: str = ""
    fixmedins_name: str = ""
    receiver_sys_code: str = "JSYTH"
    interface_version: str = "V2.1"
    connect_timeout: Annotated[float, Field(gt=0)] = 5.0
    batch_size: Annotated[int, Field(ge=1, le=1000)] = 30  #: lines of one 2204 (J5)


class JiangsuGateway:
    """One gateway: knows its envelope, keeps its sign-in, classifies its answers."""

    name = "jiangsu_gateway"
    operations: ClassVar[Mapping[str, Operation]] = OPERATIONS

    def __init__(self, settings: GatewaySettings, transport: httpx.AsyncBaseTransport | None = None) -> None:
        """``transport`` replaces the network in tests."""
        self._settings = settings
        self._transport = Transport(settings.url, settings.connect_timeout, transport)
        self._centre = PeerClock()
        self._initialised = self._signed_in = False
        self._signing = asyncio.Lock()
        self.on_sign_in: SignInListener = nobody_listens

    @classmethod
    def from_settings(cls, settings: Mapping[str, Any]) -> Self:
        """Make the adapter from its part of flows.yaml. Raises pydantic's ValidationError."""
        return cls(GatewaySettings.model_validate(settings))

    @property
    def operator_id(self) -> str:
        """Return the operator who signs in: session visits are kept by operator and day."""
        return self._settings.operator_id

    def message_id(self, now: Micros, number: int) -> str:
        """Return prefix + yyyyMMddHHmmss + six digits: the form of 000's example (J2)."""
        return message_id(self._settings.message_prefix, now, number % 1_000_000)

    async def call(self, call: Call) -> Outcome:
        """Make one call; sign in first where that is needed, and once more when the gateway has forgotten it (J20)."""
        transaction = TRANSACTIONS[call.operation]
        request = check_request(transaction, call.request, self._settings.batch_size)
        if isinstance(request, Refused):
            return request
        left = countdown(call.timeout)
        if (failed := await self._ready(transaction, left, call.guard)) is not None:
            return failed
        outcome = await self._exchange(transaction, request, call, left())
        if outcome is None:  # signed out meanwhile, found before anything was sent on: once more, no loop
            self._initialised = self._signed_in = False
            if (failed := await self._ready(transaction, left, call.guard, again=True)) is not None:
                return failed
            outcome = await self._exchange(transaction, request, call, left())
        if outcome is None:
            return NotSent("the gateway says it is not signed in, right after signing in")
        if isinstance(outcome, Done):
            if transaction.paged is not None:

                async def fetch(page: Sent) -> Outcome:
                    found = await self._exchange(transaction, page, call, left())
                    return found or InDoubt("signed out while reading pages")

                return await further_pages(transaction.paged, request, outcome, fetch)
            self._note_session(transaction, outcome)
        return outcome

    def clock_ahead(self) -> Micros | None:
        """Return how far the centre's clock is ahead (1800); before it was asked, the gateway's."""
        return self._transport.clock.ahead if self._centre.ahead is None else self._centre.ahead

    async def close(self) -> None:
        """Give connections back. The sign-in stays: other processes of the hospital may use it."""
        await self._transport.close()

    # -- session
    async def _ready(
        self, transaction: Transaction, left: Callable[[], Micros], guard: Callable[[], bool], *, again: bool = False
    ) -> Outcome | None:
        """Initialise and sign in unless that is done; None when it is. Signing in twice does no harm (J20).

        ``again``: a transaction was refused for want of a sign-in, so what ``signin_status`` says does not count.
        """
        async with self._signing:
            if self._signed_in or (self._initialised and transaction.number in _OF_THE_SESSION):
                return None
            if not self._initialised:
                answer = await self._ask("init", self._init_body(), left, guard)
                if isinstance(answer, NotSent):
                    return answer
                self._initialised = True
            if transaction.number in _OF_THE_SESSION:
                return None
            status = await self._ask("signin_status", {"action": "signin_status"}, left, guard)
            if isinstance(status, NotSent):
                return status
            if status.get("signedIn") is True and not again:
                self._signed_in = True
                return None
            body = self._operator({"action": "transaction", "transactionName": "9001"})
            signed = await self._ask("9001", body, left, guard)
            if isinstance(signed, NotSent):
                return signed
            self._signed_in = True
            why = SignInReason.GONE if again else SignInReason.FIRST_USE
            self.on_sign_in(str(signed.get("signNo") or signed.get("sign_no") or ""), why)
            return None

    async def _ask(
        self, what: str, body: Mapping[str, Any], left: Callable[[], Micros], guard: Callable[[], bool]
    ) -> dict[str, Any] | NotSent:
        """Ask the gateway something about the session; whatever goes wrong, the transaction itself was not sent."""
        request = encode(body)
        answer = await self._transport.post(request, left(), guard)
        reply = _read(answer)
        if isinstance(reply, str) or not reply.success or reply.code != _OK:
            told = reply if isinstance(reply, str) else f"{reply.code} {discreet(reply.message)}"
            return NotSent(f"could not sign in ({what}): {told}", _exchanged(request, answer))
        return reply.data if isinstance(reply.data, dict) else {}

    def _note_session(self, transaction: Transaction, outcome: Done) -> None:
        """Remember what a transaction of the session has changed."""
        match transaction.operation:
            case "sign_in":
                self._signed_in = True
            case "sign_out":
                self._signed_in = False
            case "centre_time":
                with suppress(KeyError, TypeError, ValueError):
                    self._centre.learn(instant_of(outcome.reply["centre_time"]))

    def _init_body(self) -> dict[str, Any]:
        settings = self._settings
        return {
            "action": "init",
            "config": {
                "fixmedinsCode": settings.fixmedins_code,
                "fixmedinsName": settings.fixmedins_name,
                "receiverSysCode": settings.receiver_sys_code,
                "interfaceVersion": settings.interface_version,
                "operatorType": "1",
                "defaultOperator": settings.operator_id,
                "defaultOperatorName": settings.operator_name,
            },
        }

    def _operator(self, body: dict[str, Any]) -> dict[str, Any]:
        return body | {"operatorId": self._settings.operator_id, "operatorName": self._settings.operator_name}

    # -- one exchange
    async def _exchange(self, transaction: Transaction, request: Sent, call: Call, limit: Micros) -> Outcome | None:
        """Send one transaction and classify the answer; None: the gateway wants a sign-in first."""
        body = encode(self._body(transaction, request, call.message_id))
        answer = await self._transport.post(body, limit, call.guard)
        exchange = _exchanged(body, answer)
        if not answer.sent:
            return NotSent(answer.status, exchange)
        reply = _read(answer)
        if isinstance(reply, str):
            return InDoubt(reply, exchange)
        if reply.success and reply.code == _OK:
            outcome = check_reply(transaction, reply.data if reply.data is not None else {}, exchange)
            if transaction.operation == "check_sign_in" and isinstance(outcome, Done):
                return outcome if outcome.reply["signed_in"] else None
            return outcome
        if reply.success:
            return InDoubt(f"success with code {reply.code}", exchange)
        meaning = error_table().meaning(reply.code, reply.business)
        code = f"{reply.code}/{reply.business}" if reply.business else str(reply.code)
        if meaning.kind is ErrorClass.SESSION:
            return None
        if meaning.kind is ErrorClass.REFUSED:
            return Refused(code, discreet(reply.message, secrets_of(request)), meaning.category, exchange)
        return InDoubt(f"code {code} ({meaning.zh})", exchange)

    def _body(self, transaction: Transaction, request: Sent, message_id: str) -> dict[str, Any]:
        parameters = request.for_gateway()
        if transaction.action is not None:
            return {"action": transaction.action, **parameters}
        body: dict[str, Any] = {
            "action": "transaction",
            "transactionName": transaction.number,
            "messageId": message_id,
        }
        if transaction.operation == "read_card":
            body["identifyMode"] = parameters["identify_mode"]
            if "qr_code_info" in parameters:
                body["qrCodeInfo"] = parameters["qr_code_info"]
        elif parameters:
            body["businessParams"] = parameters
        return self._operator(body)


def _read(answer: Answer) -> Reply | str:
    """Return the envelope, or in words why there is none."""
    if answer.body is None:
        return answer.status
    if answer.http_status != _OK:
        return f"HTTP {answer.http_status}"
    try:
        return decode(answer.body)
    except Unreadable as error:
        return f"unreadable reply: {error}"


def _exchanged(request: bytes, answer: Answer) -> Exchange:
    return Exchange(request, answer.body, answer.status)
