"""A mapping that is read when it is first asked: 43 files take a second, which a command may not need."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TypeVar

K = TypeVar("K")
V = TypeVar("V")


class Late(Mapping[K, V]):
    """What ``read`` returns, asked for at the first look; ``read`` keeps it."""

    def __init__(self, read: Callable[[], Mapping[K, V]]) -> None:
        """``read`` is cached by its owner."""
        self._read = read

    def __getitem__(self, key: K) -> V:
        return self._read()[key]

    def __iter__(self) -> Iterator[K]:
        return iter(self._read())

    def __len__(self) -> int:
        return len(self._read())
