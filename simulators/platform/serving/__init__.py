"""What the platform serves to the hospital, by subject; each module ends with a table of interfaces."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from simulators.platform.data import load
from simulators.platform.platform import Platform
from simulators.platform.serving import insurance, pushes, reconciliation, refunds, registrations
from simulators.platform.serving.served import Served
from simulators.wechat.members import Members

Handler = Callable[[Platform, Served], Any]
_HANDLERS: dict[str, Handler] = {
    **insurance.HANDLERS,
    **reconciliation.HANDLERS,
    **refunds.HANDLERS,
    **registrations.HANDLERS,
    **pushes.HANDLERS,
}
_ENVELOPES = {"14.1.2": "message", **dict.fromkeys((f"21.1.{part}" for part in range(1, 7)), "status")}


@dataclass(frozen=True)
class Interface:
    """One row. 9.1.1 and 13.2.1 share a path: that is one row here, 13.2.1."""

    number: str
    kind: str
    path: str
    needs: tuple[tuple[str, ...], ...]
    envelope: str  #: standard, message, status
    listed: bool  #: the body is a list
    code_as_number: bool
    handler: Handler

    def demand(self, sent: Members) -> None:
        """Refuse when something is missing (20001)."""
        sent.demand(self.needs)


def _by_path() -> dict[str, Interface]:
    found = {}
    for row in load("interfaces")["interfaces"]:
        handler = _HANDLERS.get(row["number"]) or pushes.accept
        found[row["path"]] = Interface(
            number=row["number"],
            kind=row["kind"],
            path=row["path"],
            needs=tuple(tuple(group.split("|")) for group in row["needs"].split()),
            envelope=_ENVELOPES.get(row["number"], "standard"),
            listed=bool(row.get("list")),
            code_as_number=row["number"] == "36.2.1",
            handler=handler,
        )
    return found


#: By path without slashes at its ends.
BY_PATH: Mapping[str, Interface] = _by_path()
