"""The centre's books: people, visits, lines, settlements, money, messages. Synchronous and free of I/O.

Every change carries the message id that made it, so that 2209 can take exactly that back.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from simulators.jiangsu.people import Person


@dataclass
class Line:
    """One stored charge."""

    msgid: str
    sent: dict[str, Any]
    amount: Decimal
    fund: Decimal

    @property
    def own(self) -> Decimal:
        """Return what the patient pays of it."""
        return self.amount - self.fund


@dataclass
class Settlement:
    """One settlement; ``live`` until it is cancelled or reversed."""

    settle_id: str
    msgid: str
    mdtrt_id: str
    pre_settle_id: str
    total: Decimal
    fund: Decimal
    own: Decimal
    at: str
    live: bool = True


@dataclass
class Visit:
    """One registration."""

    visit_no: str
    ipt_otp_no: str
    psn_no: str
    visit_type: str
    adm_time: str
    msgid: str
    status: str = "registered"  #: registered, settled, cancelled
    lines: list[Line] = field(default_factory=list)
    trial: dict[str, Any] | None = None  #: newest pre-settlement
    settlements: list[Settlement] = field(default_factory=list)

    @property
    def settlement(self) -> Settlement | None:
        """Return the settlement that stands."""
        return next((each for each in self.settlements if each.live), None)

    @property
    def total(self) -> Decimal:
        """Return the sum of the stored lines."""
        return sum((line.amount for line in self.lines), Decimal("0.00"))


@dataclass
class Movement:
    """Money that moved: positive when settled, negative when taken back."""

    amount: Decimal
    fund: Decimal
    own: Decimal
    visit_no: str
    ipt_otp_no: str
    msgid: str
    why: str
    at: str


@dataclass
class Message:
    """A message that arrived, and what became of it."""

    msgid: str
    code: str
    ipt_otp_no: str
    at: str
    result: str  #: applied, refused or lost


@dataclass
class Ledger:
    """All books. ``undo`` maps a message id to what takes its effect back, while it can be taken back."""

    people: dict[str, Person] = field(default_factory=dict)
    visits: dict[str, Visit] = field(default_factory=dict)
    movements: list[Movement] = field(default_factory=list)
    messages: list[Message] = field(default_factory=list)
    reversed: set[str] = field(default_factory=set)
    effects: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    counter: int = 0

    def next(self) -> int:
        """Return a number never given out before."""
        self.counter += 1
        return self.counter

    def move(self, visit: Visit, settlement: Settlement, sign: int, msgid: str, why: str, at: str) -> None:
        """Write money down that moves."""
        self.movements.append(
            Movement(
                amount=sign * settlement.total,
                fund=sign * settlement.fund,
                own=sign * settlement.own,
                visit_no=visit.visit_no,
                ipt_otp_no=visit.ipt_otp_no,
                msgid=msgid,
                why=why,
                at=at,
            )
        )

    def totals(self) -> dict[str, dict[str, Any]]:
        """Return what the books say of each hospital number."""
        found: dict[str, dict[str, Any]] = {}
        for visit in self.visits.values():
            row = found.setdefault(
                visit.ipt_otp_no,
                {
                    "registrations": 0,
                    "lines": 0,
                    "line_total": Decimal("0.00"),
                    "settlements": 0,
                    "settled_total": Decimal("0.00"),
                    "fund": Decimal("0.00"),
                    "self": Decimal("0.00"),
                },
            )
            row["registrations"] += visit.status != "cancelled"
            row["lines"] += len(visit.lines)
            row["line_total"] += visit.total
            row["settlements"] += sum(each.live for each in visit.settlements)
        for movement in self.movements:
            row = found[movement.ipt_otp_no]
            row["settled_total"] += movement.amount
            row["fund"] += movement.fund
            row["self"] += movement.own
        return found
