"""The code tables and the return codes of 003: reads ``codes.yaml``, which explains its columns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from adapters.platform.contracts.data import load
from adapters.platform.contracts.model import Interface, Kind


@dataclass(frozen=True, slots=True)
class CodeTable:
    """Which values a member may take, and what they mean."""

    zh: str
    source: str
    values: Mapping[str, str]
    open: bool = False
    same: Mapping[str, str] = field(default_factory=dict)
    groups: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def find(self, said: str) -> str | None:
        """Return the value that was meant: blanks and letter case do not count. None: no value of this table."""
        said = said.strip()
        if said in self.values:
            return said
        if said in self.same:
            return self.same[said]
        folded = {value.casefold(): value for value in self.values}
        return folded.get(said.casefold()) or (said if self.open else None)


class Meaning(StrEnum):
    """What a return code says about the call; explained in ``codes.yaml``."""

    DONE = "done"
    EMPTY = "empty"
    DOUBT = "doubt"
    REFUSED = "refused"
    WAIT = "wait"
    WORKING = "working"
    SETUP = "setup"
    BEFORE = "before"


@dataclass(frozen=True, slots=True)
class ReturnCode:
    """One row of 附四."""

    code: str
    zh: str
    query: Meaning
    write: Meaning
    refund: Meaning


_RAW = load("codes.yaml")
#: The code tables, by name.
TABLES: Mapping[str, CodeTable] = {name: CodeTable(**each) for name, each in _RAW["tables"].items()}
#: 附四, by code.
RETURN_CODES: Mapping[str, ReturnCode] = {
    code: ReturnCode(
        code,
        each["zh"],
        Meaning(each["query"]),
        Meaning(each["write"]),
        Meaning(each.get("refund", each["write"])),
    )
    for code, each in _RAW["return_codes"].items()
}
#: Numbers of the interfaces that give money back at the platform.
REFUNDS: frozenset[str] = frozenset(_RAW["refunds"])


def meaning(interface: Interface, code: str) -> Meaning:
    """Return what ``code`` says about a call of ``interface``; an unknown one leaves a write in doubt (G8)."""
    query = interface.kind is Kind.QUERY
    row = RETURN_CODES.get(code)
    if row is None:
        return Meaning.REFUSED if query else Meaning.DOUBT
    if interface.number in REFUNDS:
        return row.refund
    return row.query if query else row.write
