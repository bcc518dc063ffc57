"""Telling somebody, in the transaction that makes a visit due, that it is: for dispatch that lives in the database."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from engine.environment import Micros
from storage.hot import Driver

#: A visit, and when it is due.
Wake = tuple[str, Micros]


class Wakes(Protocol):
    """Who wants to know."""

    def enqueue(self, driver: Driver, due: Sequence[Wake]) -> None:
        """Write down, in the open transaction, when visits are due: durable with what made them due, or not at all."""
