"""Readings of what no document says, as a table of switches that can be changed while the peer runs."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

Value = str | bool
_Set = TypeVar("_Set")


@dataclass(frozen=True)
class Switch:
    """One switch: its values, the first of which is the default, and what it is about."""

    name: str
    values: tuple[Value, ...]
    meaning: str


class Board:
    """The switches of one peer; how they stand is a dataclass with a member for each."""

    def __init__(self, table: Sequence[tuple[str, tuple[Value, ...], str]]) -> None:
        """``table``: name, values, meaning."""
        self._switches = {name: Switch(name, values, meaning) for name, values, meaning in table}

    @property
    def help(self) -> str:
        """Return the table for ``--help``."""
        width = max(len(_written(each.values)) for each in self._switches.values())
        return "\n".join(
            f"  {each.name:<24} {_written(each.values):<{width}}  {each.meaning}" for each in self._switches.values()
        )

    @property
    def defaults(self) -> dict[str, Value]:
        """Return the first value of each."""
        return {name: each.values[0] for name, each in self._switches.items()}

    def changed(self, stand: _Set, body: Any) -> _Set:
        """Return how they stand (a dataclass) after some were set otherwise. Raises ValueError."""
        if not isinstance(body, dict):
            raise ValueError("expected an object")
        for name, value in body.items():
            switch = self._switches.get(name)
            if switch is None:
                raise ValueError(f"no such switch: {name}; there are {', '.join(sorted(self._switches))}")
            if value not in switch.values:
                raise ValueError(f"{name} must be one of {_written(switch.values)}")
        changed: _Set = dataclasses.replace(stand, **body)  # type: ignore[type-var]
        return changed

    def parse(self, argument: str) -> tuple[str, Value]:
        """Read ``name=value`` from the command line. Raises ValueError."""
        name, _, written = argument.partition("=")
        value: Value = {"true": True, "false": False}.get(written, written)
        switch = self._switches.get(name)
        if switch is None or value not in switch.values:
            raise ValueError(argument)
        return name, value


def _written(values: tuple[Value, ...]) -> str:
    return " | ".join({"True": "true", "False": "false"}.get(each, each) for each in map(str, values))
