"""The tokens of the HIS: JWTs (RFC 7519, HS256) with a life of its own choosing, checked by its own clock."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from dataclasses import dataclass
from typing import Any

_HEADER = {"alg": "HS256", "typ": "JWT"}


@dataclass
class Tickets:
    """One user, one password, one signing key; ``void_before``: tokens issued earlier have expired."""

    user: str = "visitflow"
    password: str = ""  #: "" = any
    life: int = 7200  #: seconds
    key: bytes = b"a simulated hospital's signing key"
    void_before: float = 0.0
    issued: int = 0

    def log_in(self, user: Any, password: Any, now: float) -> str | None:
        """Return a token, or None when user and password are not right."""
        if user != self.user or (self.password and password != self.password):
            return None
        self.issued += 1
        began = max(now, self.void_before + 0.001)  # one issued in the moment of the expiry is a new one
        claims = {"sub": self.user, "jti": self.issued, "iat": began, "exp": began + self.life}
        signed = f"{_part(_HEADER)}.{_part(claims)}"
        return f"{signed}.{self._signature(signed)}"

    def code(self, header: str, now: float) -> int:
        """Return what 004 says of an Authorization header: 0, 1 signature wrong, 3 time expired."""
        kind, _, token = header.partition(" ")
        signed, _, signature = token.rpartition(".")
        if kind != "Bearer" or not hmac.compare_digest(signature.encode(), self._signature(signed).encode()):
            return 1
        claims = json.loads(_decoded(signed.partition(".")[2]))
        return 3 if now >= claims["exp"] or claims["iat"] <= self.void_before else 0

    def _signature(self, signed: str) -> str:
        return _encoded(hmac.new(self.key, signed.encode(), hashlib.sha256).digest())


def _part(value: Any) -> str:
    return _encoded(json.dumps(value).encode())


def _encoded(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
