"""Keys, cookies and passwords: made here, kept only as digests."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import secrets
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from engine.errors import BadInput

KEY_PREFIX = "vfk"
SHORTEST_PASSWORD, LONGEST_PASSWORD = 12, 128
_HASHER = PasswordHasher()
#: Each hash takes 64 MiB for a moment; a flood of sign-ins must not take all memory.
_HASHING = asyncio.Semaphore(2)


@cache
def _nobody() -> str:
    """Return what is checked when there is no such account, so that the answer takes as long."""
    return _HASHER.hash(secrets.token_hex(16))


def token() -> str:
    """Return 256 random bits as text."""
    return secrets.token_urlsafe(32)


def digest(text: str) -> str:
    """Return the SHA-256 of a secret that has 256 bits of its own (passwords have not: see :func:`hashed`)."""
    return hashlib.sha256(text.encode()).hexdigest()


def key_text(key_id: str, secret: str) -> str:
    """Return a key as its machine sends it."""
    return f"{KEY_PREFIX}_{key_id}_{secret}"


def key_parts(text: str) -> tuple[str, str] | None:
    """Return id and secret of a key, or None for what is none."""
    prefix, _, rest = text.partition("_")
    key_id, _, secret = rest.partition("_")
    return (key_id, secret) if prefix == KEY_PREFIX and key_id and secret else None


def same(told: str, kept: str) -> bool:
    """Compare without telling by time where they differ."""
    return hmac.compare_digest(told.encode(), kept.encode())


def check_password(password: str, name: str) -> None:
    """Raise BadInput for a password that is too short, too long or the name itself."""
    if not SHORTEST_PASSWORD <= len(password) <= LONGEST_PASSWORD:
        raise BadInput(f"expected {SHORTEST_PASSWORD} to {LONGEST_PASSWORD} characters", field="password")
    if name.lower() in password.lower() or len(set(password)) < 5:
        raise BadInput("expected something that is harder to guess", field="password")


def hashed(password: str) -> str:
    """Return a password's argon2id hash."""
    return _HASHER.hash(password)


async def fits(password: str, kept: str | None) -> bool:
    """Tell whether a password fits; takes as long when there is nothing to fit. Off the loop: it takes 50 ms."""
    if len(password) > LONGEST_PASSWORD:
        return False

    def verify() -> bool:
        nobody = _nobody()  # also for an account that there is: the first of all checks takes longer for either
        try:
            return _HASHER.verify(kept or nobody, password) and kept is not None
        except (VerificationError, InvalidHashError):
            return False

    async with _HASHING:
        return await asyncio.to_thread(verify)
