"""Whether a call may be made now: asked before its intent is written, so that nothing that is held off leaves a trace.

The engine itself lets everything pass; :mod:`engine.peers` keeps limits and pauses. A gate never changes an outcome.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from types import TracebackType
from typing import Literal, Protocol, Self

from engine.adapter import Operation
from engine.environment import Micros
from engine.outcomes import Outcome


class Priority(IntEnum):
    """What comes first where there is not room for all. A hint: it decides the order, never what happens."""

    URGENT = 0
    NORMAL = 1
    BACKGROUND = 2  #: what a timer asks for


#: Why a visit has to wait for a peer. The words stand in journals and in ``waiting_for``.
Reason = Literal["peer_paused", "peer_busy"]


@dataclass(frozen=True, slots=True)
class Errand:
    """A call that a visit wants to make."""

    adapter: str
    operation: Operation
    priority: Priority = Priority.NORMAL


@dataclass(frozen=True, slots=True)
class HeldOff:
    """Not now. ``until`` is when to ask again (wall clock); the peer may be free earlier."""

    reason: Reason
    until: Micros


class Entry(Protocol):
    """The right to make one call; given back when the ``with`` block ends."""

    adapter: str

    def came_to(self, outcome: Outcome) -> None:
        """Take note of what the peer, or its silence, said. Not told where the process itself broke the call off."""

    def __enter__(self) -> Self:
        """Begin."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Give the place to the next."""


class Gate(Protocol):
    """Decides on errands. One for a process."""

    def admit(self, errand: Errand) -> Entry | HeldOff | None:
        """Let an errand pass or hold it off, at once; None: it has to :meth:`wait`."""

    async def wait(self, errand: Errand) -> Entry | HeldOff:
        """Let an errand pass when its turn comes; hold it off when that takes too long."""

    def send_away(self) -> None:
        """Hold off everybody who waits: the process ends."""


class Pass:
    """An entry that costs nothing, shared by all calls of an adapter without limits."""

    __slots__ = ("adapter",)

    def __init__(self, adapter: str) -> None:
        """For calls of ``adapter``."""
        self.adapter = adapter

    def came_to(self, outcome: Outcome) -> None:
        """Take no note."""

    def __enter__(self) -> Self:
        """Begin."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End."""


class OpenGate:
    """Lets everything pass."""

    def __init__(self) -> None:
        """Begin."""
        self._passes: dict[str, Pass] = {}

    def admit(self, errand: Errand) -> Entry | HeldOff | None:
        """Let it pass."""
        found = self._passes.get(errand.adapter)
        if found is None:
            found = self._passes[errand.adapter] = Pass(errand.adapter)
        return found

    async def wait(self, errand: Errand) -> Entry | HeldOff:
        """Let it pass: nobody has to wait."""
        return Pass(errand.adapter)

    def send_away(self) -> None:
        """Do nothing: nobody waits."""
