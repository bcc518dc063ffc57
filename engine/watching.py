"""The seam through which the engine is watched: told of every call, and of every event once it is durable.

Whoever watches is called on the hot path: it adds up and returns, and never raises.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from engine.adapter import Operation
from engine.environment import Micros
from engine.events import AnyEvent, Role
from engine.outcomes import Outcome
from engine.visit import Visit


class Watch(Protocol):
    """What is told. One for a process."""

    def called(
        self,
        visit: Visit,
        adapter: str,
        operation: Operation,
        role: Role,
        message_id: str,
        outcome: Outcome,
        took: Micros,
    ) -> None:
        """Take note of a call that has just come to something; its outcome is not durable yet."""

    def durable(self, visit: Visit, events: Sequence[AnyEvent]) -> None:
        """Take note of a visit's events that have become durable, oldest first; ``visit`` is the fold over them."""
