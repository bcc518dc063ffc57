"""The adapter: an operation in, an outcome out. Sources: interface 001; DLL conventions; assumptions J41-J48.

The same operations and contracts as the gateway's, so that a flow goes through either. What is different: one call at
a time, a session that lives and dies with the host process, and a peer that can take its process down with it.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self

from adapters.clocks import PeerClock
from adapters.discretion import discreet
from adapters.jiangsu.checking import check_reply, check_request, secrets_of
from adapters.jiangsu.contracts.base import Sent
from adapters.jiangsu.dll.caret import CaretFraming
from adapters.jiangsu.dll.envelope import JsonFraming
from adapters.jiangsu.dll.framing import Accepted, Declined, Framing, NotOffered, Request, Unfit, Unreadable
from adapters.jiangsu.dll.mapping import Stamp, Strange, mapping
from adapters.jiangsu.dll.process import Host, HostFailed
from adapters.jiangsu.dll.refusals import category_of
from adapters.jiangsu.dll.settings import DllSettings
from adapters.jiangsu.dll.supervisor import NoTurn, Supervisor
from adapters.jiangsu.paging import further_pages
from adapters.jiangsu.session import SignInListener, SignInReason, nobody_listens
from adapters.jiangsu.transactions import OPERATIONS, TRANSACTIONS, Transaction
from adapters.times import countdown, instant_of, message_id, moment_of
from engine.adapter import Call, Operation
from engine.environment import SECOND, Micros
from engine.outcomes import Category, Done, Exchange, InDoubt, NotSent, Outcome, Refused

#: Numbers of messages that the adapter makes by itself (sign-ins), out of the reach of the durable counter.
_OWN_NUMBERS, _ALL_NUMBERS = 900_000, 1_000_000
#: Bytes that the sign-in number and what else is not known beforehand may add to a request.
_ROOM = 1024
_SIGN_IN, _SIGN_OUT, _CHECK = "sign_in", "sign_out", "check_sign_in"


@dataclass(frozen=True, slots=True)
class Job:
    """One call of the engine, checked, while its time runs."""

    transaction: Transaction
    request: Sent
    message_id: str
    guard: Callable[[], bool]
    left: Callable[[], Micros]


class SignedOut(Exception):
    """The centre declined because nobody is signed in; nothing happened."""


class JiangsuDll:
    """One DLL in one host process: knows its framing, keeps its sign-in, classifies its answers."""

    name = "jiangsu_dll"
    operations: ClassVar[Mapping[str, Operation]] = OPERATIONS

    def __init__(self, settings: DllSettings) -> None:
        """The host is started when it is first needed."""
        self._settings = settings
        self._framing: Framing = JsonFraming(settings) if settings.framing == "json" else CaretFraming(settings)
        self._supervisor = Supervisor(self._start, settings.first_pause, settings.longest_pause)
        self._clock = PeerClock()
        self._sign_no: tuple[Host, str] | None = None  #: of which host, and the number
        self._own_number = secrets.randbelow(_ALL_NUMBERS - _OWN_NUMBERS)
        self.on_sign_in: SignInListener = nobody_listens

    @classmethod
    def from_settings(cls, settings: Mapping[str, Any]) -> Self:
        """Make the adapter from its part of flows.yaml. Raises pydantic's ValidationError."""
        return cls(DllSettings.model_validate(settings))

    @property
    def operator_id(self) -> str:
        """Return the operator who signs in: session visits are kept by operator and day."""
        return self._settings.operator_id

    def message_id(self, now: Micros, number: int) -> str:
        """Return prefix + yyyyMMddHHmmss + six digits, as the gateway's (J2, J45)."""
        return message_id(self._settings.message_prefix, now, number % _OWN_NUMBERS)

    async def call(self, call: Call) -> Outcome:
        """Make one call when its turn comes; sign in first where that is needed, and once more when that has lapsed."""
        transaction = TRANSACTIONS[call.operation]
        request = check_request(transaction, call.request, self._settings.batch_size)
        if isinstance(request, Refused):
            return request
        left = countdown(call.timeout)
        job = Job(transaction, request, call.message_id, call.guard, left)
        if (unfit := self._unfit(job)) is not None:
            return unfit
        try:
            async with self._supervisor.turn(left) as host:
                outcome = await self._transact(host, job)
        except NoTurn as error:
            return NotSent(discreet(str(error)))
        if call.operation == "centre_time" and isinstance(outcome, Done):
            with suppress(KeyError, TypeError, ValueError):
                self._clock.learn(instant_of(outcome.reply["centre_time"]))
        return outcome

    def clock_ahead(self) -> Micros | None:
        """Return how far the centre's clock is ahead, as 1800 told; None before it was asked."""
        return self._clock.ahead

    async def close(self) -> None:
        """End the host. The sign-in stays at the centre: other desks sign in beside us (J39)."""
        await self._supervisor.close()

    # -- the host
    async def _start(self) -> Host:
        """Start a host; a failed initialisation is final for it (J46). Raises HostFailed."""
        host = await Host.start(self._settings.command(), self._settings.start_timeout)
        failed = host.value < 0 if self._settings.framing == "json" else host.value != 0
        if failed:
            await host.kill()
            words = host.text.decode(self._settings.encoding, "replace")
            raise HostFailed(f"the DLL could not be initialised: {host.value} {words}")
        return host

    # -- session: one for each host
    async def _transact(self, host: Host, job: Job) -> Outcome:
        """Do the job with this host, signed in."""
        operation = job.transaction.operation
        if operation not in (_SIGN_IN, _SIGN_OUT):
            if (failed := await self._sign_in(host, job, SignInReason.FIRST_USE)) is not None:
                return failed
            if operation == _CHECK:  # the DLL has no such question: a session that has lapsed shows at the next call
                return Done({"signed_in": True, "sign_no": self._signed(host), "sign_time": ""})
        try:
            return await self._all_pages(host, job)
        except SignedOut:
            self._sign_no = None
        if (failed := await self._sign_in(host, job, SignInReason.GONE)) is not None:
            return failed
        try:
            return await self._all_pages(host, job)
        except SignedOut:
            return NotSent("the centre says that nobody is signed in, right after signing in")

    async def _sign_in(self, host: Host, job: Job, why: SignInReason) -> NotSent | None:
        """Sign in unless that is done; whatever goes wrong, the transaction itself was not sent."""
        if self._signed(host):
            return None
        transaction = TRANSACTIONS[_SIGN_IN]
        self._own_number = (self._own_number + 1) % (_ALL_NUMBERS - _OWN_NUMBERS)
        number = message_id(self._settings.message_prefix, _now(), _OWN_NUMBERS + self._own_number)
        signing = replace(job, transaction=transaction, request=transaction.request(), message_id=number)
        try:
            outcome = await self._exchange(host, signing)
        except SignedOut:
            return NotSent("could not sign in: the centre wants a sign-in first")
        if isinstance(outcome, Done):
            self.on_sign_in(self._signed(host), why)
            return None
        told = f"{outcome.code} {outcome.message}" if isinstance(outcome, Refused) else outcome.reason
        return NotSent(f"could not sign in: {told}", outcome.exchange)

    def _signed(self, host: Host) -> str:
        return self._sign_no[1] if self._sign_no is not None and self._sign_no[0] is host else ""

    def _note_session(self, host: Host, operation: str, done: Done) -> None:
        """Remember what a transaction of the session has changed."""
        match operation:
            case "sign_in":
                self._sign_no = (host, str(done.reply["sign_no"]))
            case "sign_out":
                self._sign_no = None

    # -- what is sent
    def _unfit(self, job: Job) -> Refused | None:
        """Find out, before anything is started or sent, whether the framing can express the request."""
        if job.transaction.operation == _CHECK:
            return None
        try:
            content = self._written(job, "").content
        except NotOffered:
            message = f"{job.transaction.number} is not offered by this framing"
            return Refused("not_offered", message, Category.MAINTENANCE)
        except Unfit as error:
            return Refused("contract", str(error), Category.DATA)
        if len(content) + _ROOM > self._settings.buffer:
            return Refused("contract", f"{len(content)} bytes: the buffer is too small", Category.DATA)
        return None

    def _written(self, job: Job, sign_no: str) -> Request:
        """Return the request in its framing. Raises NotOffered, Unfit."""
        parameters = job.request.model_dump(exclude_none=True)
        if job.transaction.operation == _SIGN_OUT:
            sign_no = parameters["sign_no"]
        stamp = Stamp(job.message_id, moment_of(_now()), sign_no, parameters.get("identify_mode", "1"))
        return self._framing.request(job.transaction, parameters, stamp)

    # -- one exchange
    async def _exchange(self, host: Host, job: Job) -> Done | Refused | NotSent | InDoubt:
        """Send one transaction and classify the answer. Raises SignedOut."""
        written = self._written(job, self._signed(host))
        limit = job.left()
        if limit <= 0 or limit < self._settings.shortest_call * SECOND:
            return NotSent("too little time left: the call would be in doubt for nothing")
        answer = await host.call(written.content, limit, job.guard)
        self._supervisor.note(answer, of_session=job.transaction.operation == _SIGN_IN)
        exchange = Exchange(written.content, answer.out, answer.status)
        if not answer.sent:
            return NotSent(answer.status, exchange)
        if answer.out is None or answer.value is None:
            return InDoubt(answer.status, exchange)
        try:
            reply = self._framing.reply(job.transaction, answer.value, answer.out)
            if isinstance(reply, Declined):
                return self._declined(job, reply, exchange)
            outcome = self._accepted(job, written, reply, exchange)
        except (Unreadable, Strange) as error:
            return InDoubt(f"unreadable reply: {error}", exchange)
        if isinstance(outcome, Done):
            self._note_session(host, job.transaction.operation, outcome)
        return outcome

    def _declined(self, job: Job, reply: Declined, exchange: Exchange) -> Refused | InDoubt:
        """Read from the text what a number would say (J47). Raises SignedOut."""
        if any(text in reply.text for text in self._settings.sign_in_texts):
            raise SignedOut
        category = category_of(reply.text, job.transaction.number, self._settings.refusals)
        words = discreet(reply.text, secrets_of(job.request))
        if category is None and not reply.sure:
            return InDoubt(f"return value {reply.code}: {words}", exchange)
        return Refused(reply.code, words, category or Category.BUSINESS, exchange)

    def _accepted(self, job: Job, written: Request, reply: Accepted, exchange: Exchange) -> Done | InDoubt:
        """Translate a success. Raises Strange."""
        parameters = job.request.model_dump(exclude_none=True)
        row = mapping()[job.transaction.number]
        canonical = row.incoming(reply.output, written.members, parameters, Stamp(job.message_id, ""))
        return check_reply(job.transaction, canonical, exchange)

    async def _all_pages(self, host: Host, job: Job) -> Outcome:
        """Make the call, and read the pages after the first (J13)."""
        first = await self._exchange(host, job)
        member = job.transaction.paged
        if member is None or not isinstance(first, Done):
            return first

        async def fetch(page: Sent) -> Outcome:
            return await self._exchange(host, replace(job, request=page))

        return await further_pages(member, job.request, first, fetch)


def _now() -> Micros:
    return time.time_ns() // 1000
