"""The control port. Never part of the real protocol."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from simulators.common.chances import ChanceFaults, Chances
from simulators.common.control import Control, plain
from simulators.common.faults import KINDS, BadFault, Exchange
from simulators.hospital import view
from simulators.hospital.arrangements import ARRANGEMENTS
from simulators.hospital.interfaces import BY_PATH, INTERFACES
from simulators.hospital.office import Office


def chance_faults() -> ChanceFaults:
    """Return faults by chance, of what changes something (chances `write`) and of queries (`read`)."""

    def group(exchange: Exchange) -> str:
        return "write" if INTERFACES[str(exchange.about["interface"])].writes else "read"

    return ChanceFaults(group=group)


def control(office: Office, faults: ChanceFaults) -> Control:
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
            case "PUT /chances":
                return _chances(faults, body)
        return office.arrange(what, body) if what in ARRANGEMENTS else None

    return Control(faults, about, route)


def _chances(faults: ChanceFaults, body: Any) -> dict[str, Any]:
    seed = int(body.get("seed", 0))
    groups = {name: Chances.parse(body.get(name, {}), KINDS, seed) for name in ("write", "read")}
    faults.chances, faults.delay = groups, float(body.get("delay", faults.delay))
    return {name: dict(each.shares) for name, each in groups.items()} | {"delay": faults.delay}


def about(name: str, value: str) -> tuple[str, str]:
    """Read a member of a fault that says which requests are meant. Raises BadFault."""
    if name == "interface":
        if value not in BY_PATH:
            raise BadFault("interface is a number such as 3.1.2, or a method")
        return "interface", BY_PATH[value][0].number
    if name not in ("key", "trade"):
        raise BadFault(f"no such member: {name}")
    return name, value
