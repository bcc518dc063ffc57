"""The table of mutants: ``mutants.yaml``, and how a change is laid over a source."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine import tables

TABLE = Path(__file__).with_name("mutants.yaml")


class Misfit(ValueError):
    """A change does not fit the source any more."""


@dataclass(frozen=True, slots=True)
class Change:
    """Some lines of one file, and what they become. Lines after the first lack the indentation of the first."""

    file: str
    old: str
    new: str

    def applied(self, text: str) -> str:
        """Return ``text`` with the change. Raises Misfit unless it fits at exactly one place."""
        first = self.old.partition("\n")[0]
        places = []
        for found in re.finditer(re.escape(first), text):
            line = text[text.rfind("\n", 0, found.start()) + 1 :]
            depth = len(line) - len(line.lstrip(" "))
            if text.startswith(self._indented(self.old, depth), found.start()):
                places.append((found.start(), depth))
        if len(places) != 1:
            raise Misfit(f"{self.file}: found {len(places)} times instead of once: {self.old!r}")
        start, depth = places[0]
        end = start + len(self._indented(self.old, depth))
        return text[:start] + self._indented(self.new, depth) + text[end:]

    @staticmethod
    def _indented(lines: str, depth: int) -> str:
        return ("\n" + " " * depth).join(lines.split("\n"))


@dataclass(frozen=True, slots=True)
class Mutant:
    """One way to break a guarantee, and the tests that have to notice."""

    name: str
    guarantee: str
    what: str
    changes: tuple[Change, ...]
    tests: tuple[str, ...]

    @contextmanager
    def applied(self, root: Path) -> Iterator[None]:
        """Break the source under ``root``, and mend it afterwards. Raises Misfit."""
        before = {change.file: (root / change.file).read_text(encoding="utf-8") for change in self.changes}
        try:
            for name, text in self.texts(root).items():
                (root / name).write_text(text, encoding="utf-8")
            yield
        finally:
            for name, text in before.items():
                (root / name).write_text(text, encoding="utf-8")

    def texts(self, root: Path) -> dict[str, str]:
        """Return the broken files. Raises Misfit."""
        found: dict[str, str] = {}
        for change in self.changes:
            text = found.get(change.file) or (root / change.file).read_text(encoding="utf-8")
            found[change.file] = change.applied(text)
        return found


def mutants(path: Path = TABLE) -> list[Mutant]:
    """Return the whole table."""
    rows: list[dict[str, Any]] = tables.load(path.read_text(encoding="utf-8"))
    return [
        Mutant(
            name=row["name"],
            guarantee=row["guarantee"],
            what=row["what"],
            changes=tuple(Change(each["file"], each["old"], each["new"]) for each in (row, *row.get("also", ()))),
            tests=tuple(row["tests"]),
        )
        for row in rows
    ]
