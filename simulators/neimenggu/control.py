"""The control port. Never part of the real protocol."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from simulators.common.control import Control, plain
from simulators.common.faults import BadFault, Faults
from simulators.neimenggu import view
from simulators.neimenggu.arrangements import ARRANGEMENTS
from simulators.neimenggu.interfaces import BY_NUMBER, INTERFACES
from simulators.neimenggu.office import Office


def control(office: Office, faults: Faults) -> Control:
    """Return what answers there; ``faults`` are those of the protocol port."""

    def route(what: str, query: dict[str, str], body: Any) -> Any:
        match what:
            case "GET /ledger":
                return plain(view.ledger(office.centre, query))
            case "GET /world":
                return plain(view.world(office.centre))
            case "GET /switches":
                return asdict(office.centre.switches)
        return office.arrange(what, body) if what in ARRANGEMENTS else None

    return Control(faults, about, route)


def about(name: str, value: str) -> tuple[str, str]:
    """Read a member of a fault that says which requests are meant. Raises BadFault."""
    if name == "interface":
        if value not in BY_NUMBER:
            raise BadFault("interface is a number such as 4.10")
        return "method", BY_NUMBER[value].method
    if name == "method" and value not in INTERFACES:
        raise BadFault("method is unknown")
    if name not in ("method", "akc190"):
        raise BadFault(f"no such member: {name}")
    return name, value
