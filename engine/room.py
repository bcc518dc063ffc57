"""A runner's room for one more visit: opening a visit and leasing it then share a commit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from engine.environment import Micros
from engine.store import Claim


@dataclass(frozen=True, slots=True)
class Room:
    """A runner's promise to take one more visit: under which lease, and how long it is sure of that (monotonic)."""

    worker: str
    until: Micros
    trusted: Micros


class Adopter(Protocol):
    """A runner of this process."""

    def room(self) -> Room | None:
        """Return the lease under which a visit may be opened now, or None when there is no room for it."""

    def adopt(self, claim: Claim, room: Room) -> None:
        """Take over a visit that was opened under a lease of :meth:`room`."""
