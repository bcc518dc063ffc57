"""Who may call an endpoint that other systems call: a token, networks, origins of browser pages."""

from __future__ import annotations

import hmac
import ipaddress
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from fastapi import Request
from pydantic import SecretStr


@dataclass(frozen=True, slots=True)
class Doorkeeper:
    """Who may call: what is configured must hold; a browser's page must come from a configured origin."""

    token: str = ""
    networks: tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...] = ()
    origins: tuple[str, ...] = ()

    @classmethod
    def of(cls, token: SecretStr, allow: Sequence[str], origins: Sequence[str] = ()) -> Doorkeeper:
        """Make the doorkeeper of an endpoint from its settings."""
        networks = tuple(ipaddress.ip_network(each) for each in allow)
        return cls(token.get_secret_value(), networks, tuple(origins))

    def why_not(self, request: Request) -> str:
        """Return why a request may not come in: ``address``, ``token`` or ``origin``; empty: it may."""
        if self.networks and not self._is_near(request):
            return "address"
        if self.token and not self._has_token(request.headers):
            return "token"
        # A page may post without a preflight; then only this tells. No page is served here, so that not even our own
        # address is an exception: under a name that leads here it could be anybody's.
        origin = request.headers.get("origin")
        return "origin" if origin is not None and origin not in self.origins else ""

    def _is_near(self, request: Request) -> bool:
        try:
            address = ipaddress.ip_address("" if request.client is None else request.client.host)
        except ValueError:
            return False
        if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
            address = address.ipv4_mapped
        return any(address in network for network in self.networks)

    def _has_token(self, headers: Mapping[str, str]) -> bool:
        scheme, _, bearer = headers.get("authorization", "").partition(" ")
        told = bearer.strip() if scheme.lower() == "bearer" else headers.get("x-token", "")
        return hmac.compare_digest(told.encode(), self.token.encode())
