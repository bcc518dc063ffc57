"""What processes on one store tell each other of peers, and what people decide. ``storage/`` keeps it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from engine.environment import Micros

#: A rate is divided in so many parts.
PARTS = 1000


@dataclass(frozen=True, slots=True)
class PeerRow:
    """One peer as one process sees it. A row whose ``seen_until`` has passed is of a process that is gone."""

    peer: str
    worker: str
    state: str
    since: Micros
    until: Micros | None  #: of a pause: when the next trial is made
    failures: int
    slots: int  #: calls in the air that it may have; 0 without a limit
    parts: int  #: of the rate, in thousandths
    wants: bool
    seen_until: Micros


@dataclass(frozen=True, slots=True)
class Hold:
    """What a person decided last about a peer: ``held`` or not; for all processes."""

    peer: str
    held: bool
    by: str
    reason: str
    at: Micros


class Board(Protocol):
    """Kept in the store. All methods may raise StoreError."""

    async def rows(self, now: Micros) -> list[PeerRow]:
        """Return what living processes say."""

    async def tell(self, row: PeerRow, now: Micros, slots: int | None, bound: int) -> PeerRow:
        """Write this process's row; of ``slots`` and the rate it is given its part in the same transaction.

        ``bound``: so many of the slots are in use.
        """

    async def forget(self, worker: str, now: Micros) -> None:
        """Take back what a process has said, and what processes have said that are long gone."""

    async def holds(self) -> Sequence[Hold]:
        """Return what people decided."""

    async def decide(self, hold: Hold) -> None:
        """Write a person's decision down."""
