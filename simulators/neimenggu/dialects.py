"""The two dialects of the same rules: the own region, and people of other provinces (data/dialects.yaml)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from simulators.neimenggu.data import load
from simulators.neimenggu.refusals import OTHER, Refusal


@dataclass(frozen=True, eq=False)
class Dialect:
    """One of them."""

    name: str  #: local, offsite
    rolltype: str
    members: dict[str, str]
    kinds: dict[str, str]
    codes: dict[str, dict[str, int]]

    @cached_property
    def kind_of(self) -> dict[str, str]:
        """Return drug, treatment or material by its code."""
        return {code: kind for kind, code in self.kinds.items()}

    def code(self, subject: str, rule: str) -> int:
        """Return the code of a rule; 1004 when it has none."""
        return self.codes.get(subject, {}).get(rule, OTHER)

    def refuse(self, subject: str, rule: str, detail: str = "") -> Refusal:
        """Return the refusal of a rule; without a code of its own the detail says which rule it was."""
        code = self.code(subject, rule)
        return Refusal(code, detail or (rule if code == OTHER else ""))


def _dialect(name: str, raw: dict[str, Any]) -> Dialect:
    subjects = {**raw["codes"], **{each: {} for each in raw["ours"] if each not in raw["codes"]}}
    codes = {subject: {**rules, **raw["ours"].get(subject, {})} for subject, rules in subjects.items()}
    return Dialect(name, raw["rolltype"], raw["members"], raw["kinds"], codes)


DIALECTS = {name: _dialect(name, raw) for name, raw in load("dialects").items()}
LOCAL, OFFSITE = DIALECTS["local"], DIALECTS["offsite"]


def by_rolltype(rolltype: str) -> Dialect:
    """Return the dialect of 0 (own region) or 1."""
    return OFFSITE if rolltype == OFFSITE.rolltype else LOCAL
