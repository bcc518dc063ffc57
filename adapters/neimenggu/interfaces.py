"""The table of the 29 interfaces of 002: reads ``interfaces.yaml``, which explains its columns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from adapters.neimenggu.data import load
from engine.adapter import Operation
from engine.outcomes import Effect


@dataclass(frozen=True, slots=True)
class Interface:
    """One row of the table; the columns are explained in ``interfaces.yaml``."""

    number: str
    operation: str
    method: str
    path: str
    zh: str
    en: str
    effect: Effect
    undo: str
    doubt: tuple[str, ...]
    source: str
    carrier: str = "message"
    says: tuple[str, str] = ("code", "msg")


def _row(raw: Mapping[str, Any]) -> Interface:
    read = {"effect": Effect(raw["effect"]), "doubt": tuple(raw["doubt"]), "source": f"002 {raw['number']}"}
    if "says" in raw:
        code, text = raw["says"]
        read["says"] = (code, text)
    return Interface(**{**raw, **read})


#: The table, by operation, in the document's order.
INTERFACES: Mapping[str, Interface] = {row.operation: row for row in map(_row, load("interfaces.yaml")["interfaces"])}
#: What the adapter offers the engine.
OPERATIONS: Mapping[str, Operation] = {
    row.operation: Operation(row.operation, row.effect, row.zh, row.en) for row in INTERFACES.values()
}
