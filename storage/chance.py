"""Random bytes from the system, fetched for many at once.

Asking the system gives the interpreter lock up: the event loop then gets in between for each event that the writer
seals, which took 23 µs of an event's 27 (ADR 36). What is fetched is used once; a forked child fetches its own.
"""

from __future__ import annotations

import os

_AT_ONCE = 1024


class Chance:
    """Random values of one size."""

    def __init__(self, size: int) -> None:
        """``size`` in bytes."""
        self._size = size
        self._fetched: list[bytes] = []
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._fetched.clear)

    def take(self) -> bytes:
        """Return bytes that were never returned before; from any thread."""
        try:
            return self._fetched.pop()
        except IndexError:
            fetched = os.urandom(self._size * _AT_ONCE)
            cut = [fetched[start : start + self._size] for start in range(0, len(fetched), self._size)]
            mine = cut.pop()
            self._fetched.extend(cut)
            return mine
