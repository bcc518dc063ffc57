"""The door of the HTTP API: every request passes it, is recognised, and let through as ``matrix.yaml`` says."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

from fastapi import Request

from engine.environment import SECOND, Environment, Micros
from service.access.forms import form_of
from service.access.limits import Buckets, Lockout
from service.access.matrix import ANYONE, KNOWN, matrix
from service.access.principal import Kind, Principal
from service.access.secrets import digest, key_parts, same
from service.errors import CsrfRefused, Forbidden, HostRefused, LockedOut, RateLimited, Unauthenticated
from service.settings import Settings
from storage.registers.access import AccessRegister

COOKIE = "visitflow_session"
#: What a page sends with requests that nobody has made: they are no use of a session, or a board left open never ends.
AUTOMATIC = "x-visitflow-automatic"
SAFE = ("GET", "HEAD", "OPTIONS")
#: A session's last use is written down at most so often.
_NOTED = 60 * SECOND
LOOPBACK_NAMES = ("127.0.0.1", "localhost", "::1")


class Door:
    """Recognises callers. One for each process; what it remembers is bounded."""

    def __init__(self, access: AccessRegister, settings: Settings, environment: Environment) -> None:
        """``settings`` say limits and expiry."""
        self.access = access
        self.settings = settings
        self._environment = environment
        self.buckets = Buckets(settings.requests_per_second, settings.requests_burst)
        self.failures = Lockout(tries=20)  #: wrong keys and passwords, by address
        self._somebody = False

    async def enter(self, request: Request) -> Principal:
        """Let a request in; the caller stands in ``request.state.principal``.

        Raises:
            HostRefused, Unauthenticated, Forbidden, CsrfRefused, RateLimited, LockedOut.
        """
        needed = matrix().needed(request.method, request.scope["route"].path)
        self.check_host(request)
        principal = Principal("", "", Kind.OPEN, address_of(request), f"address:{address_of(request)}")
        if needed != ANYONE:
            principal = await self.recognise(request)
        self._limit(principal)
        if principal.kind is Kind.PERSON and request.method not in SAFE:
            await self._check_csrf(request, principal)
        if needed not in (ANYONE, KNOWN) and not principal.may(needed):
            raise Forbidden(f"role {principal.role} lacks {needed}", needs=needed)
        request.state.principal = principal
        return principal

    async def recognise(self, request: Request) -> Principal:
        """Return who calls. Raises Unauthenticated, LockedOut."""
        address, now = address_of(request), self._environment.monotonic()
        told = _bearer(request)
        if told is not None:
            self._spare_the_store(told, now)
            found = await self._by_key(told, address)
        elif cookie := request.cookies.get(COOKIE):
            found = await self._session(digest(cookie), address, using=AUTOMATIC not in request.headers)
            if found is None:  # it may just have expired: no failure
                raise Unauthenticated("the session is over; sign in again")
        else:
            return await self._open(request, address)
        if found is None:  # who has the right key is let in, whatever a neighbour at the same address does
            if (wait := self.failures.remaining(address, now)) > 0:
                raise LockedOut(retry_after=int(wait) + 1)
            self.failures.failed(address, now)
            raise Unauthenticated
        return found

    async def still(self, principal: Principal) -> bool:
        """Tell whether somebody who was let in may stay: a stream outlives keys and sessions."""
        match principal.kind:
            case Kind.KEY:
                key = await self.access.key(principal.identity.removeprefix("key:"))
                return key is not None and key.revoked_at is None and not self._past(key.expires_at)
            case Kind.PERSON:
                return await self._session(principal.session, principal.address) is not None
            case Kind.OPEN:
                return not await self._anybody()

    async def _by_key(self, text: str, address: str) -> Principal | None:
        parts = key_parts(text)
        key = None if parts is None else await self.access.key(parts[0])
        if parts is None or key is None or not same(digest(parts[1]), key.digest):
            return None
        if key.revoked_at is not None or self._past(key.expires_at):
            return None
        return Principal(key.name, key.role, Kind.KEY, address, f"key:{key.key_id}")

    async def _session(self, session_digest: str, address: str, *, using: bool = False) -> Principal | None:
        """Return whose session it is, unless it is over: by time, or because the account has changed since."""
        now = self._environment.now()
        session = await self.access.session(session_digest)
        if session is None:
            return None
        idle = now - session.used_at > self.settings.session_idle_minutes * 60 * SECOND
        old = now - session.began_at > self.settings.session_hours * 3600 * SECOND
        account = await self.access.account(session.account)
        if idle or old or account is None or account.locked_at is not None or account.changed_at > session.began_at:
            await self.access.end_session(session_digest)
            return None
        if using and now - session.used_at > _NOTED:
            await self.access.use_session(session_digest, now)
        identity = f"account:{account.name}"
        return Principal(account.name, account.role, Kind.PERSON, address, identity, session_digest, session.csrf)

    async def _open(self, request: Request, address: str) -> Principal:
        """Let anybody on this machine in as long as nobody has been set up: the demo, and the first look."""
        if await self._anybody() or not is_loopback(address):
            raise Unauthenticated
        if request.method not in SAFE:
            self.check_origin(request)
        return Principal("", "admin", Kind.OPEN, address, "open")

    async def _anybody(self) -> bool:
        self._somebody = self._somebody or await self.access.anybody()  # never open again in this process
        return self._somebody

    def check_host(self, request: Request) -> None:
        """Refuse names that a stranger's DNS may have led here. Raises HostRefused."""
        name = (urlsplit(f"//{request.headers.get('host', '')}").hostname or "").lower()
        local = name in LOOPBACK_NAMES
        allowed = self.settings.hosts
        if not local and (name not in allowed if allowed else is_loopback(self.settings.host)):
            raise HostRefused(host=name[:100])

    def check_origin(self, request: Request) -> None:
        """Refuse a page of another site. Raises CsrfRefused."""
        origin = request.headers.get("origin")
        foreign = request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none")
        if foreign or (origin is not None and urlsplit(origin).netloc != request.headers.get("host", "")):
            raise CsrfRefused

    async def _check_csrf(self, request: Request, principal: Principal) -> None:
        """Refuse what does not bring the session's token: as a header, or as the field of a form."""
        self.check_origin(request)
        told = request.headers.get("x-csrf-token") or (await form_of(request)).get("csrf", "")
        if not same(told, principal.csrf):
            raise CsrfRefused

    def _spare_the_store(self, told: str, now: Micros) -> None:
        """Turn a key away that has asked too often before it is looked up: only who had the secret used its share up.

        Raises:
            RateLimited: nothing was read.
        """
        parts = key_parts(told)
        if parts is not None and (wait := self.buckets.wait(f"key:{parts[0]}", now)) > 0:
            raise RateLimited(retry_after=int(wait) + 1)

    def _limit(self, principal: Principal) -> None:
        wait = self.buckets.take(principal.identity, self._environment.monotonic())
        if wait > 0:
            raise RateLimited(retry_after=int(wait) + 1)

    def _past(self, at: Micros | None) -> bool:
        return at is not None and at <= self._environment.now()


def address_of(request: Request) -> str:
    """Return the caller's address; behind a proxy of ours the server has put the right one in."""
    return "" if request.client is None else request.client.host


def is_loopback(address: str) -> bool:
    """Tell whether an address or name is of this machine."""
    if address in LOOPBACK_NAMES:
        return True
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False


def _bearer(request: Request) -> str | None:
    """Return the key that a machine sends, or None."""
    scheme, _, told = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return told.strip()
    return request.headers.get("x-api-key")
