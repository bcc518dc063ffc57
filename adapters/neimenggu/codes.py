"""The code tables of 002, 5.1, and those that chapter 4 has in words: reads ``codes.yaml``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from adapters.neimenggu.data import load


@dataclass(frozen=True, slots=True)
class Code:
    """One value of a table and what it stands for."""

    code: str
    zh: str
    en: str


@dataclass(frozen=True, slots=True)
class CodeTable:
    """One table; ``codes`` in the document's order."""

    name: str
    zh: str
    en: str
    source: str
    codes: Mapping[str, Code]

    def word(self, code: str, english: bool = False) -> str:
        """Return what ``code`` stands for; a code that is in no row stands for itself (the centre may add some)."""
        found = self.codes.get(code)
        return code if found is None else found.en if english else found.zh


@cache
def code_tables() -> Mapping[str, CodeTable]:
    """Return the tables by name, upper case."""
    return {
        raw["name"]: CodeTable(
            raw["name"],
            raw["zh"],
            raw["en"],
            raw["source"],
            {each["code"]: Code(each["code"], each["zh"], each["en"]) for each in raw["codes"]},
        )
        for raw in load("codes.yaml")["tables"]
    }
