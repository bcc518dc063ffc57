"""The 143 interfaces that a hospital serves, from data/interfaces.yaml, with their rules; found by name or number."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from simulators.hospital.business import (
    admissions,
    balances,
    bills,
    cards,
    deposits,
    examinations,
    insurance,
    laboratory,
    online,
    packages,
    queues,
    readings,
    reconciliation,
    registrations,
    schedules,
    stays,
    wards,
)
from simulators.hospital.data import load
from simulators.hospital.hospital import Call, Hospital

Handler = Callable[[Hospital, Call], Any]
_MODULES = (
    *(admissions, balances, bills, cards, examinations, insurance, laboratory, online, packages, queues, readings),
    *(reconciliation, registrations, schedules, stays, wards, deposits),
)


@dataclass(frozen=True)
class Interface:
    """One row."""

    number: str
    names: tuple[str, ...]
    writes: bool
    needs: tuple[tuple[str, ...], ...]  #: groups of which one must come
    key: tuple[str, ...]
    code_as_number: bool
    handler: Handler

    @property
    def beside(self) -> bool:
        """Tell whether the answer stands beside the code instead of in `data`."""
        return self.number in ("21.2.3", "30.1.1")


def _interfaces() -> dict[str, Interface]:
    handlers: dict[str, Handler] = {}
    for module in _MODULES:
        handlers |= module.HANDLERS
    return {
        row["number"]: Interface(
            number=row["number"],
            names=tuple(row["names"].split()),
            writes=row["kind"] == "writes",
            needs=tuple(tuple(group.split("|")) for group in row["needs"].split()) if row["needs"] else (),
            key=tuple(row.get("key", "").split()),
            code_as_number=row.get("code") == "number",
            handler=handlers[row["number"]],
        )
        for row in load("interfaces")["interfaces"]
    }


INTERFACES: Mapping[str, Interface] = _interfaces()


def spellings(interface: Interface, name: str) -> set[str]:
    """Return what a path may call it: the name as printed, without its prefix, in snake case."""
    short = name.removeprefix("hospital.interface.").removeprefix("hospital.inerface.")
    snake = re.sub(r"(?<=[a-z0-9])([A-Z])", r"_\1", short).lower()
    return {name, short, snake, snake.replace(".", "_")}


def _by_path() -> dict[str, tuple[Interface, str]]:
    found = {each.number: (each, each.names[0]) for each in INTERFACES.values()}
    for interface in INTERFACES.values():
        for name in interface.names:
            for spelling in spellings(interface, name):
                found.setdefault(spelling, (interface, name))
    return found


#: By what stands in the path: the interface and the name it is called by.
BY_PATH: Mapping[str, tuple[Interface, str]] = _by_path()
