"""Who calls, once that is known."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from service.access.matrix import matrix


class Kind(StrEnum):
    """How somebody was recognised."""

    KEY = "key"  #: a machine, by its API key
    PERSON = "person"  #: a person, by a session
    OPEN = "open"  #: nobody is set up yet, and the caller is on this machine


#: Longest name that a journal keeps.
_LONGEST = 100


@dataclass(frozen=True, slots=True)
class Principal:
    """Who calls, as what, from where. ``session`` is the digest of a person's session."""

    name: str
    role: str
    kind: Kind
    address: str
    identity: str  #: what limits and idempotency keys belong to: key id or account
    session: str = ""
    csrf: str = ""

    @property
    def origin(self) -> str:
        """Return from where, for the journal."""
        return f"{self.kind.value} {self.address}"[:_LONGEST]

    def may(self, permission: str) -> bool:
        """Tell whether the caller's role has a permission."""
        return matrix().may(self.role, permission)

    def acting_for(self, told: str) -> str:
        """Return who acts, for the journal: a person is who has signed in, a machine may say for whom it asks."""
        match self.kind:
            case Kind.PERSON:
                return self.name
            case Kind.KEY:
                return f"{self.name}/{told}"[:_LONGEST] if told.strip() else self.name
            case Kind.OPEN:
                return told[:_LONGEST]
