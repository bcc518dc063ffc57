"""What is wrong with a request or a reply, member by member, without a value (G10)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

_SHOWN = 8
_LONGEST = 120


@dataclass(frozen=True, slots=True)
class Problem:
    """One member at fault: ``med.0.alc407``, its Chinese name, and what is wrong."""

    path: str
    zh: str
    wrong: str

    def __str__(self) -> str:
        """Return it as a person reads it."""
        return f"{self.path[:_LONGEST]}{f' ({self.zh})' if self.zh else ''} {self.wrong}"


def told(problems: Sequence[Problem]) -> str:
    """Return the first problems in words, and how many more there are."""
    shown = "; ".join(map(str, problems[:_SHOWN]))
    return shown if len(problems) <= _SHOWN else f"{shown}; and {len(problems) - _SHOWN} more"


class Unfit(ValueError):
    """A reply has not the shape that its interface has; ``fields`` names the members, never their values."""

    def __init__(self, fields: Sequence[str]) -> None:
        """Keep the names of the members at fault."""
        self.fields = tuple(field[:_LONGEST] for field in fields)
        super().__init__(f"the reply does not fit the contract: {', '.join(self.fields[:_SHOWN])}")
