"""The token of 004: fetched once for all callers, renewed when it has expired, never written down."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

import jwt

from engine.environment import SECOND, Micros

#: A token is not used in the last seconds of its life: it might expire on the way.
_MARGIN = 30.0
#: A token whose life cannot be read is used until it is refused.
_FOR_EVER = float("inf")

Failure = TypeVar("Failure")


class NoTime(TimeoutError):
    """Somebody else's log-in took all the time that the call had."""


class Tokens(Generic[Failure]):
    """One user's token; one log-in at a time."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        """``clock`` tells the wall time in seconds."""
        self._clock = clock
        self._token = ""
        self._until = 0.0  #: by the event loop's clock, which nobody sets
        self._logging_in = asyncio.Lock()

    async def get(self, log_in: Callable[[], Awaitable[str | Failure]], patience: Micros) -> str | Failure:
        """Return the token that is good, else what ``log_in`` returns: a new one, or why there is none.

        Raises:
            NoTime: another caller's log-in was not over within ``patience``.
        """
        try:
            async with asyncio.timeout(patience / SECOND):
                await self._logging_in.acquire()
        except TimeoutError:
            raise NoTime from None
        try:
            now = asyncio.get_running_loop().time
            if self._token and now() < self._until:
                return self._token
            found = await log_in()
            if isinstance(found, str):
                self._token, self._until = found, now() + life_of(found, self._clock())
            return found
        finally:
            self._logging_in.release()

    def forget(self, token: str) -> None:
        """Drop ``token``, unless a newer one has taken its place."""
        if token == self._token:
            self._token = ""


def life_of(token: str, now: float) -> float:
    """Return for how many seconds ``token`` may be used, as far as it tells: ``exp``, read without verifying (H1).

    From ``exp`` and ``iat`` alone where both are there, because the HIS's clock may differ from ours; a life that
    would be over already says something about the clocks, not about the token.
    """
    try:
        claims = jwt.decode(token, options={"verify_signature": False})
        began = claims.get("iat", claims.get("nbf", now))
        life = float(claims["exp"]) - float(began) - _MARGIN
    except (jwt.PyJWTError, KeyError, TypeError, ValueError, OverflowError):
        return _FOR_EVER
    return life if life > 0 else _FOR_EVER
