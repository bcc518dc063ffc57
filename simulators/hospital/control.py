"""The control port. Never part of the real protocol."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from simulators.common.control import Control, plain
from simulators.common.faults import BadFault, Faults
from simulators.hospital import view
from simulators.hospital.arrangements import ARRANGEMENTS
from simulators.hospital.interfaces import BY_PATH
from simulators.hospital.office import Office


def control(office: Office, faults: Faults) -> Control:
    """Return what answers there; ``faults`` are those of the protocol port."""

    def route(what: str, query: dict[str, str], body: Any) -> Any:
        match what:
            case "GET /ledger":
                return plain(view.ledger(office.hospital, query))
            case "GET /books":
                return plain(view.books(office.hospital))
            case "GET /world":
                return plain(view.world(office.hospital))
            case "GET /asked":
                return {f"{number} {code}": count for (number, code), count in sorted(office.asked.items())}
            case "GET /switches":
                return asdict(office.hospital.switches)
        return office.arrange(what, body) if what in ARRANGEMENTS else None

    return Control(faults, about, route)


def about(name: str, value: str) -> tuple[str, str]:
    """Read a member of a fault that says which requests are meant. Raises BadFault."""
    if name == "interface":
        if value not in BY_PATH:
            raise BadFault("interface is a number such as 3.1.2, or a method")
        return "interface", BY_PATH[value][0].number
    if name not in ("key", "trade"):
        raise BadFault(f"no such member: {name}")
    return name, value
