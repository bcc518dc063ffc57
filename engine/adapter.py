"""What the engine asks of an adapter: one peer system, with its wire format, contracts, session and error table."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol, Self

from engine.environment import Micros
from engine.outcomes import Effect, Outcome


@dataclass(frozen=True, slots=True)
class Operation:
    """One call that a peer offers, and what sending it twice does."""

    name: str
    effect: Effect
    zh: str = ""
    en: str = ""


@dataclass(frozen=True, slots=True)
class Call:
    """One call to be made now.

    ``guard`` is asked by the adapter immediately before the first byte of the operation leaves; when it says False the
    lease has been lost meanwhile and the adapter returns ``NotSent`` (G5: a paused worker that wakes up sends nothing).
    """

    operation: str
    request: Mapping[str, Any]
    message_id: str
    timeout: Micros
    guard: Callable[[], bool]


class Adapter(Protocol):
    """A peer. Adapters know nothing of visits, and never raise for what a peer or a network does."""

    name: str
    operations: ClassVar[Mapping[str, Operation]]

    @classmethod
    def from_settings(cls, settings: Mapping[str, Any]) -> Self:
        """Make the adapter from what flows.yaml says of it. Raises pydantic's ValidationError."""

    def message_id(self, now: Micros, number: int) -> str:
        """Return the id of a message that is about to be made; ``number`` comes from a durable counter."""

    async def call(self, call: Call) -> Outcome:
        """Make the call. An exception that escapes is taken as ``InDoubt`` (G8)."""

    async def close(self) -> None:
        """Give connections back."""
