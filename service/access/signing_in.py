"""People sign in and out."""

from __future__ import annotations

from engine.environment import SECOND, Environment
from service.access.door import Door
from service.access.limits import Lockout
from service.access.secrets import digest, fits, token
from service.audit import Audit
from service.errors import LockedOut, SignInRefused
from storage.registers import WebSession


class SigningIn:
    """Checks passwords; slow on purpose, and slower for who keeps being wrong."""

    def __init__(self, door: Door, audit: Audit, environment: Environment) -> None:
        """Failures count for the account at one address, for the account from anywhere, and for the address."""
        self._door = door
        self._audit = audit
        self._environment = environment
        self._here = Lockout(tries=5)
        self._anywhere = Lockout(tries=50, first=30 * SECOND, longest=300 * SECOND)

    async def sign_in(self, name: str, password: str, address: str) -> tuple[str, WebSession]:
        """Return the cookie's text and the session. Raises SignInRefused, LockedOut: neither tells of the account."""
        now = self._environment.monotonic()
        here = f"{name[:64]}@{address}"
        counters = ((self._here, here), (self._anywhere, name[:64]), (self._door.failures, address))
        if (wait := max(counter.remaining(who, now) for counter, who in counters)) > 0:
            raise LockedOut(retry_after=int(wait) + 1)
        for counter, who in counters:  # before the slow part: many at once must not all be tried
            counter.failed(who, now)
        account = await self._door.access.account(name[:64])
        right = await fits(password, None if account is None else account.password)
        if not right or account is None or account.locked_at is not None:
            known = name[:64] if account is not None else "unknown"  # a password typed as a name must not be kept
            await self._audit.note("sign_in", known, actor=known, origin=f"person {address}", outcome="refused")
            raise SignInRefused
        for counter, who in counters:
            counter.succeeded(who)
        cookie, at = token(), self._environment.now()
        session = WebSession(digest(cookie), account.name, token(), address, at, at)
        await self._door.access.begin_session(session)
        origin = f"person {address}"
        await self._audit.note("sign_in", account.name, actor=account.name, role=account.role, origin=origin)
        return cookie, session
