"""The centre: its world, its books, its clock. The rules are in the modules by subject."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from simulators.common.numbers import cents
from simulators.neimenggu.dialects import Dialect
from simulators.neimenggu.ledger import Ledger, Stay
from simulators.neimenggu.switches import Switches
from simulators.neimenggu.world import Row, World


@dataclass(frozen=True)
class Document:
    """A file that came with a request: its digest, size and what its first bytes say it is."""

    digest: str
    size: int
    kind: str


@dataclass(frozen=True)
class Call:
    """One request with a good session."""

    method: str
    sent: dict[str, Any]
    hospital: str = ""  #: akb020
    username: str = ""
    document: Document | None = None


@dataclass
class Centre:
    """``now`` is the true time; the centre's own clock may be ``offset``."""

    world: World = field(default_factory=World)
    ledger: Ledger = field(default_factory=Ledger)
    switches: Switches = field(default_factory=Switches)
    now: Callable[[], datetime.datetime] = lambda: datetime.datetime.now(datetime.UTC)
    offset: datetime.timedelta = datetime.timedelta()
    busy: set[str] = field(default_factory=set)  #: stays whose leaving is being worked on

    def time(self) -> datetime.datetime:
        """Return the time by the centre's clock, in its zone."""
        return (self.now() + self.offset).astimezone(ZoneInfo(self.switches.zone))

    def today(self) -> datetime.date:
        """Return its date."""
        return self.time().date()

    def stamp(self) -> str:
        """Return its time as yyyy-mm-dd hh:mm:ss."""
        return f"{self.time():%Y-%m-%d %H:%M:%S}"

    def hospital(self, call: Call) -> Row:
        """Return the hospital that asks."""
        return self.world.hospitals[call.hospital]

    def stay(self, call: Call, number: str, dialect: Dialect | None = None) -> Stay | None:
        """Return the hospital's registration under a number; ``dialect``: only of that one."""
        for stay in self.ledger.standing(number):
            if stay.hospital == call.hospital and dialect in (None, stay.dialect):
                return stay
        return None


def total(stay: Stay) -> Decimal:
    """Return the sum of a stay to the cent: 4.12, 4.15, 4.16, 4.17 and the invoices agree on it."""
    return cents(stay.total)
