"""The adapter: an operation in, an outcome out. Source: interface 004; assumptions H1-H15."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Any, ClassVar, Literal, Self

import httpx
from pydantic import BaseModel, ConfigDict, Field

from adapters.credentials import SecretMissing, read_secret
from adapters.discretion import discreet
from adapters.his.contracts import Unfit, check_request, read_reply, secrets_of
from adapters.his.envelope import Reply, Unreadable, decode, encode
from adapters.his.tables import INTERFACES, OPERATIONS, ErrorClass, Interface, LogInClass, meaning
from adapters.his.tokens import NoTime, Tokens
from adapters.network import Answer, Network
from adapters.times import countdown, message_id
from engine.adapter import Call, Operation
from engine.environment import Micros
from engine.outcomes import Category, Done, Exchange, InDoubt, NotSent, Outcome, Refused

_OK, _UNAUTHORIZED = 200, 401


class HisSettings(BaseModel):
    """What flows.yaml says of this back end; of the password only which variable holds it."""

    model_config = ConfigDict(extra="forbid")

    url: str = "http://127.0.0.1:8080"  #: without the paths of 004
    username: Annotated[str, Field(min_length=1, max_length=64)] = "visitflow"
    password_variable: Annotated[str, Field(pattern=r"^([A-Z][A-Z0-9_]*)?$")] = "VISITFLOW_HIS_PASSWORD"  # noqa: S105
    connect_timeout: Annotated[float, Field(gt=0)] = 5.0
    message_prefix: Annotated[str, Field(pattern=r"^[A-Za-z0-9]{1,8}$")] = "HIS"
    date_form: Literal["yyyy-MM-dd", "yyyyMMdd"] = "yyyy-MM-dd"  #: of Paydate (H10)
    time_form: Literal["HH:mm:ss", "HHmmss"] = "HH:mm:ss"  #: of Paytime (H10)
    nothing_due: list[Annotated[str, Field(min_length=1)]] = []  #: words in a refusal 6 that mean "no bill" (H6)


class HisBackend:
    """One back end: knows its envelope, keeps its token, classifies its answers."""

    name = "his"
    operations: ClassVar[Mapping[str, Operation]] = OPERATIONS

    def __init__(self, settings: HisSettings, transport: httpx.AsyncBaseTransport | None = None) -> None:
        """``transport`` replaces the network in tests."""
        self._settings = settings
        self._network = Network(settings.connect_timeout, transport)
        self._tokens = Tokens[NotSent | Refused]()

    @classmethod
    def from_settings(cls, settings: Mapping[str, Any]) -> Self:
        """Make the adapter from its part of flows.yaml. Raises pydantic's ValidationError."""
        return cls(HisSettings.model_validate(settings))

    def message_id(self, now: Micros, number: int) -> str:
        """Return an id for our own journal: 004 has no place for one, so nothing on the wire carries it (H13)."""
        return message_id(self._settings.message_prefix, now, number % 1_000_000)

    async def call(self, call: Call) -> Outcome:
        """Make one call with a token; where the token is refused, once more with a new one.

        Tokens are checked before anything is done, so this is no repetition of the call (H1).
        """
        interface = INTERFACES[call.operation]
        request = check_request(call.operation, call.request)
        if isinstance(request, Refused):
            return request
        body = encode(self._dated(request))
        left = countdown(call.timeout)
        refused = NotSent("")
        for _ in range(2):
            try:
                token = await self._tokens.get(lambda: self._log_in(left, call.guard), left())
            except NoTime:
                return NotSent("no time left: another call was still logging in")
            if not isinstance(token, str):
                return token
            answer = await self._post(interface, body, left(), call.guard, token)
            outcome = self._judged(interface, answer, Exchange(body, answer.body, answer.status), request)
            if outcome is not None:
                return outcome
            self._tokens.forget(token)
            refused = NotSent("the HIS refuses the token that it has just given", Exchange(body, answer.body))
        return refused

    def clock_ahead(self) -> Micros | None:
        """Return how far the peer's clock is ahead of ours, as its last answer told."""
        return self._network.clock.ahead

    async def close(self) -> None:
        """Give connections back. 004 has no way to log out."""
        await self._network.close()

    # -- one exchange
    async def _post(
        self, interface: Interface, body: bytes, limit: Micros, guard: Callable[[], bool], token: str = ""
    ) -> Answer:
        headers = {"Content-Type": "application/json"}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        url = self._settings.url.rstrip("/") + interface.path
        try:
            request = self._network.client.build_request("POST", url, content=body, headers=headers)
        except httpx.InvalidURL as error:
            return Answer(type(error).__name__, sent=False)
        except (UnicodeEncodeError, ValueError):
            return Answer("the token cannot be sent in a header", sent=False)
        return await self._network.send(request, limit, guard)

    def _judged(
        self, interface: Interface, answer: Answer, exchange: Exchange, request: Mapping[str, str]
    ) -> Outcome | None:
        """Return what ``answer`` says about the call; None when only the token was refused."""
        if not answer.sent:
            return NotSent(answer.status, exchange)
        if answer.http_status == _UNAUTHORIZED:
            return None
        reply = _read(answer)
        if isinstance(reply, str):
            return InDoubt(reply, exchange)
        found = meaning(reply.status)
        if (found.kind is ErrorClass.OK) != reply.success:
            return InDoubt(f"contradicts itself: status {reply.status}, isSuccess {reply.success}", exchange)
        match found.kind:
            case ErrorClass.OK:
                return self._done(interface, reply, exchange)
            case ErrorClass.STALE:
                return None
            case ErrorClass.REFUSED:
                category = Category.NOT_FOUND if self._says_nothing_due(interface, reply) else found.category
                return Refused(reply.status, discreet(reply.message, secrets_of(request)), category, exchange)
        return InDoubt(f"code {reply.status} ({found.zh})", exchange)

    def _done(self, interface: Interface, reply: Reply, exchange: Exchange) -> Outcome:
        try:
            if interface.operation != "unsettled_bill":
                return Done(read_reply(interface.operation, reply.response), exchange)
            offered = _offered(reply.response)
            bill = None if offered is None else read_reply(interface.operation, offered)
            return Done({"bill": bill}, exchange)
        except Unfit as error:
            return InDoubt(f"the reply does not fit the contract: {error}", exchange)

    def _says_nothing_due(self, interface: Interface, reply: Reply) -> bool:
        asked = interface.operation == "unsettled_bill" and reply.status == "6"
        return asked and any(words in reply.message for words in self._settings.nothing_due)

    def _dated(self, request: Mapping[str, str]) -> dict[str, str]:
        """Write day and time of a payment as this back end wants them (H10)."""
        written = dict(request)
        for name, form, mark in (
            ("Paydate", self._settings.date_form, "-"),
            ("Paytime", self._settings.time_form, ":"),
        ):
            if name in written and mark not in form:
                written[name] = written[name].replace(mark, "")
        return written

    # -- the token
    async def _log_in(self, left: Callable[[], Micros], guard: Callable[[], bool]) -> str | NotSent | Refused:
        """Return a new token; whatever goes wrong, the call itself was not sent.

        No exchange is kept of it: it holds the password, and the token.
        """
        variable = self._settings.password_variable
        try:
            password = read_secret(variable) if variable else ""
        except SecretMissing as error:
            return NotSent(f"could not log in: {error}")
        sent = {"userId": self._settings.username} | ({"password": password} if password else {})
        checked = check_request("log_in", sent)
        if isinstance(checked, Refused):
            return checked
        answer = await self._post(INTERFACES["log_in"], encode(checked), left(), guard)
        reply = _read(answer) if answer.http_status != _UNAUTHORIZED else "HTTP 401"
        if isinstance(reply, str):
            return NotSent(f"could not log in: {reply}")
        found = meaning(reply.status)
        told = f"could not log in: {reply.status} {discreet(reply.message, sent.values())}"
        if found.log_in is LogInClass.REFUSED and not reply.success:
            return Refused(reply.status, told, Category.CREDENTIALS)
        if found.log_in is not LogInClass.OK or not reply.success:
            return NotSent(told)
        token = reply.response.strip() if isinstance(reply.response, str) else ""
        return token or NotSent("could not log in: the answer holds no token")


def _offered(response: Any) -> Any:
    """Return the bill that a trial offers, None for nothing: null, "", {}, [] or a bill without number and amount (H6).

    Raises:
        Unfit: several bills.
    """
    if isinstance(response, list):
        if len(response) > 1:
            raise Unfit(f"response: {len(response)} bills")
        response = response[0] if response else None
    if response is None or response in ("", {}):
        return None
    if isinstance(response, Mapping) and not any(_filled(response.get(name)) for name in ("BILLID", "SumFund")):
        return None
    return response


def _filled(value: Any) -> bool:
    return value not in (None, "", 0, "0", "0.00")


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
