"""The centre: its books, its clock, and what is open to interpretation. The rules are in the modules by subject.

Sources: interface 001 (list of transactions), interface 000 (fields it shows), DLL conventions, chapter 3, and
docs/assumptions.md where these are silent.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from zoneinfo import ZoneInfo

from simulators.jiangsu.fields import text
from simulators.jiangsu.ledger import Effect, Ledger, Settlement, Visit
from simulators.jiangsu.refusals import refuse
from simulators.jiangsu.switches import Switches

SHANGHAI = ZoneInfo("Asia/Shanghai")


@dataclass(frozen=True)
class Call:
    """One transaction as it reaches the centre, by whichever door."""

    code: str
    parameters: dict[str, Any]
    msgid: str
    operator: str = ""
    mode: str = "1"  #: 1 the card in the reader, 2 electronic credential (J19)
    credential: str | None = None
    door: str = "gateway"  #: or dll


@dataclass
class Centre:
    """The books and the clock. ``now`` is the true time; the centre's own may be ``offset``."""

    ledger: Ledger = field(default_factory=Ledger)
    switches: Switches = field(default_factory=Switches)
    now: Callable[[], datetime.datetime] = lambda: datetime.datetime.now(SHANGHAI)
    offset: datetime.timedelta = datetime.timedelta()
    reader: str | None = None  #: credential of the card in the reader

    def time(self) -> datetime.datetime:
        """Return the time by the centre's clock."""
        return self.now() + self.offset

    def stamp(self) -> str:
        """Return it as yyyyMMddHHmmss."""
        return f"{self.time():%Y%m%d%H%M%S}"

    def visit(self, parameters: dict[str, Any]) -> Visit:
        """Return the registration that is meant: both numbers must fit (J3)."""
        visit = self.ledger.visits.get(text(parameters, "visit_no"))
        if visit is None or visit.status == "cancelled":
            raise refuse("no_visit")
        if "ipt_otp_no" in parameters and parameters["ipt_otp_no"] != visit.ipt_otp_no:
            raise refuse("no_visit")
        return visit

    def standing(self, number: str) -> Visit | None:
        """Return the newest registration under the hospital's number that is not cancelled (J42)."""
        visits = [v for v in self.ledger.visits.values() if v.ipt_otp_no == number and v.status != "cancelled"]
        return visits[-1] if visits else None

    def effect(self, call: Call, undo: Callable[[Call], None], settlement: Settlement | None = None) -> None:
        """Note how what ``call`` has done is taken back (2209); ``settlement``: the one it made or cancelled."""
        self.ledger.effects.setdefault(call.msgid, []).append(Effect(undo, settlement))
