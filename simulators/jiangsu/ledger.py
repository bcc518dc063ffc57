"""The centre's books: people, visits, lines, settlements, money, messages. Synchronous and free of I/O.

Every change carries the message id that made it, so that 2209 can take exactly that back.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from simulators.jiangsu.people import Person


@dataclass(eq=False)
class Line:
    """One stored charge; the same charge twice is two."""

    msgid: str
    sent: dict[str, Any]
    amount: Decimal
    fund: Decimal

    @property
    def key(self) -> tuple[str, str]:
        """Return the hospital's keys of it."""
        return str(self.sent["rxno"]), str(self.sent["feedetl_sn"])

    @property
    def own(self) -> Decimal:
        """Return what the patient pays of it."""
        return self.amount - self.fund


@dataclass(frozen=True)
class Trial:
    """A pre-settlement: its number and what it came to."""

    number: str
    total: Decimal
    fund: Decimal


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
    at: str  #: setl_time
    opter: str = ""
    live: bool = True
    stated: dict[str, Decimal] = field(default_factory=dict)  #: what reconciliation says otherwise (control port)

    @property
    def amounts(self) -> dict[str, Decimal]:
        """Return total, fund and own part as 1320, 1321 and 9103 tell them."""
        return {"medfee_sumamt": self.total, "hifp_pay": self.fund, "psn_cash_pay": self.own} | self.stated


@dataclass
class Visit:
    """One registration."""

    visit_no: str
    ipt_otp_no: str
    psn_no: str
    details: dict[str, Any]  #: what 2201 and 2203 said besides
    msgid: str
    status: str = "registered"  #: registered, settled, cancelled
    lines: list[Line] = field(default_factory=list)
    trial: Trial | None = None  #: newest pre-settlement
    settlements: list[Settlement] = field(default_factory=list)

    @property
    def inpatient(self) -> bool:
        """Tell whether it is a stay (med_type 2x, else visit_type 2)."""
        return str(self.details.get("med_type") or self.details.get("visit_type", "")).startswith("2")

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


@dataclass(frozen=True)
class Effect:
    """How something that a message did is taken back; ``settlement``: the one that it made or cancelled."""

    undo: Callable[[Any], None]
    settlement: Settlement | None = None


@dataclass(frozen=True)
class SignIn:
    """A sign-in number that is good."""

    at: datetime.datetime
    operator: str


@dataclass(frozen=True)
class Confirmation:
    """A period that was confirmed (1322), both ends included."""

    begin: str
    end: str
    totals: dict[str, Decimal]
    msgid: str


@dataclass(frozen=True)
class Filing:
    """A special filing (1102)."""

    filing_no: str
    psn_no: str
    sent: dict[str, Any]
    msgid: str


@dataclass(frozen=True)
class Record:
    """A medical record (1106 outpatient, 1107 inpatient)."""

    code: str
    visit_no: str
    ipt_otp_no: str
    sent: dict[str, Any]
    msgid: str


@dataclass
class Deduction:
    """What review took off a line (9106), and the appeal against it (3101)."""

    deduct_no: str
    visit_no: str
    ipt_otp_no: str
    medrcdno: str
    rxno: str
    feedetl_sn: str
    deduct_amt: Decimal
    deduct_reason: str
    audit_time: str
    appeal_stas: str = "0"  #: 0 none, 1 appealed, 2 accepted, 3 rejected
    appeal_no: str = ""
    msgid: str = ""  #: of the 3101
    appeal_reason: str = ""


@dataclass
class Ledger:
    """All books. ``effects`` maps a message id to what it did, while that can be taken back."""

    people: dict[str, Person] = field(default_factory=dict)
    visits: dict[str, Visit] = field(default_factory=dict)
    movements: list[Movement] = field(default_factory=list)
    messages: list[Message] = field(default_factory=list)
    reversed: set[str] = field(default_factory=set)
    effects: dict[str, list[Effect]] = field(default_factory=dict)
    sign_ins: dict[str, SignIn] = field(default_factory=dict)
    confirmations: list[Confirmation] = field(default_factory=list)
    filings: list[Filing] = field(default_factory=list)
    records: list[Record] = field(default_factory=list)
    deductions: dict[str, Deduction] = field(default_factory=dict)
    counter: int = 0

    def next(self) -> int:
        """Return a number never given out before."""
        self.counter += 1
        return self.counter

    def settlements(self) -> Iterator[tuple[Visit, Settlement]]:
        """Return every settlement that there ever was, with its visit."""
        return ((visit, each) for visit in self.visits.values() for each in visit.settlements)

    def confirmed(self, settlement: Settlement) -> bool:
        """Tell whether it lies in a confirmed period (J33)."""
        return any(each.begin <= settlement.at <= each.end for each in self.confirmations)

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
