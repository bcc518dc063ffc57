"""The table of transactions: reads ``transactions.yaml``, resolves names, binds contracts."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from adapters.jiangsu.contracts.base import Received, Sent
from engine.adapter import Operation
from engine.outcomes import Effect
from engine.tables import table


class UnknownTransaction(LookupError):
    """A name stands for no transaction."""


@dataclass(frozen=True, slots=True)
class Transaction:
    """One row of the table; the columns are explained in ``transactions.yaml``."""

    number: str
    operation: str
    kind: str
    zh: str
    en: str
    names: tuple[str, ...]
    effect: Effect
    request: type[Sent]
    reply: type[Received]
    undo: str
    doubt: tuple[str, ...]
    source: str
    action: str | None = None
    paged: str | None = None


def _load() -> dict[str, Any]:
    raw: dict[str, Any] = table(__file__, "transactions.yaml")
    return raw


def _model(name: str) -> Any:
    module, _, attribute = name.partition(".")
    return getattr(importlib.import_module(f"adapters.jiangsu.contracts.{module}"), attribute)


def _row(raw: Mapping[str, Any]) -> Transaction:
    contracts = {"request": _model(raw["request"]), "reply": _model(raw["reply"])}
    rest = {name: value for name, value in raw.items() if name not in ("class", *contracts)}
    lists = {"names": tuple(raw["names"]), "doubt": tuple(raw["doubt"]), "effect": Effect(raw["effect"])}
    return Transaction(**{**rest, **lists, **contracts, "kind": raw["class"]})


_RAW = _load()
#: The four classes of 001, table 1, in Chinese and English.
CLASSES: Mapping[str, Mapping[str, str]] = _RAW["classes"]
#: The table, by operation.
TRANSACTIONS: Mapping[str, Transaction] = {row.operation: row for row in map(_row, _RAW["transactions"])}
#: What an adapter that speaks these transactions offers the engine.
OPERATIONS: Mapping[str, Operation] = {
    row.operation: Operation(row.operation, row.effect, row.zh, row.en) for row in TRANSACTIONS.values()
}


@cache
def _names() -> dict[str, Transaction]:
    found: dict[str, Transaction] = {}
    for row in TRANSACTIONS.values():
        for name in {row.number, row.zh, row.operation, *row.names}:
            if found.setdefault(_plain(name), row) is not row:
                raise ValueError(f"{name} stands for two transactions")
    return found


def _plain(name: str) -> str:
    """Return a name as it is compared: without blanks, in one letter case, with one form of brackets."""
    return "".join(name.split()).replace("（", "(").replace("）", ")").casefold()


def resolve(name: str) -> Transaction:
    """Return the transaction called ``name``: its number, a Chinese name or an English alias (000, 001; J1).

    Raises:
        UnknownTransaction: no row has this name.
    """
    try:
        return _names()[_plain(name)]
    except KeyError:
        raise UnknownTransaction(name) from None
