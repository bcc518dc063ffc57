"""The document's own examples, with invented people: see the files in ``examples/``.

``text`` as printed · ``invalid`` why it is no JSON, with ``repaired`` · ``quirks`` where it contradicts the table ·
``problems`` what the contract finds wrong with it, member by member.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from adapters.platform.contracts import loads
from engine import tables

FOLDER = Path(__file__).parent / "examples"


@dataclass(frozen=True)
class Example:
    text: str
    invalid: tuple[str, ...] = ()
    repaired: str = ""
    quirks: tuple[str, ...] = ()
    problems: Mapping[str, str] = field(default_factory=dict)

    @property
    def body(self) -> Any:
        return loads(self.repaired or self.text)


@cache
def _raw() -> dict[str, Any]:
    found: dict[str, Any] = {}
    for path in sorted(FOLDER.glob("chapter-*.yaml")):
        found.update(tables.load(path.read_text(encoding="utf-8")))
    return found


def requests() -> Iterator[tuple[str, Example]]:
    """Return (number, example) for each request."""
    for number, each in _raw().items():
        yield number, Example(**each["request"])


def replies() -> Iterator[tuple[str, str, Example]]:
    """Return (number, method name, example) for each reply; the name is empty where there is one reply only."""
    for number, each in _raw().items():
        for name, raw in each.get("replies", {"": each.get("reply")}).items():
            yield number, name, Example(**raw)
