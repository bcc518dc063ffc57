"""The centre's own books: sessions, stays, every line that was accepted, what was asked. Synchronous, free of I/O."""

from __future__ import annotations

import datetime
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from simulators.neimenggu.dialects import Dialect
from simulators.neimenggu.world import Row

ZERO = Decimal(0)


@dataclass(eq=False)
class Session:
    """One log-in of a user."""

    number: str
    username: str
    used: datetime.datetime
    ended: bool = False  #: logged out


@dataclass(eq=False)
class Line:
    """One charge, as it came; the same charge twice is two."""

    serial: int
    batch: int
    at: str
    sent: dict[str, Any]
    code: str
    name: str
    kind: str  #: drug, treatment, material
    category: str
    covered: bool  #: in the catalogue and not wholly self-paid, or marked as rescue
    noinjury: bool
    day: datetime.date
    hospital_code: str
    price: Decimal
    quantity: Decimal
    amount: Decimal
    item: Row | None = None
    removed: str = ""  #: method that took it away


@dataclass(frozen=True)
class Invoice:
    """One material: of a leaving or of 4.18."""

    number: str
    money: Decimal
    filetype: str
    digest: str
    source: str  #: method


@dataclass(frozen=True)
class Approval:
    """A fee approval."""

    at: str
    total: Decimal
    serial: int  #: of the newest line there was


@dataclass(frozen=True)
class Leave:
    """What a discharge said."""

    date: datetime.date
    disease: str
    days: int


@dataclass(eq=False)
class Stay:
    """One registration: inpatient or outpatient, of the own region or of another province."""

    number: str  #: akc190
    hospital: str
    dialect: Dialect
    person: Row
    sent: dict[str, str]  #: what registering said
    since: datetime.date
    inpatient: bool
    certificate: str
    treatment: str  #: AKC191
    disease: str
    at: str  #: entered
    turn: int  #: which stay of the person, from 1
    state: str = "registered"  #: registered, left, applied, reviewed, cancelled
    lines: list[Line] = field(default_factory=list)
    total: Decimal = ZERO
    stock: Counter[tuple[str, str]] = field(default_factory=Counter)  #: what may be given back, by codes
    orders: dict[str, dict[str, Any]] = field(default_factory=dict)
    overwritten: int = 0
    approval: Approval | None = None
    approvals: int = 0
    leave: Leave | None = None
    invoices: list[Invoice] = field(default_factory=list)
    deductions: dict[int, tuple[Decimal, str]] = field(default_factory=dict)  #: the agency's, by serial of the line
    history: list[tuple[str, str, str]] = field(default_factory=list)  #: time, method, state after

    @property
    def local(self) -> bool:
        """Tell whether the person is of the own region."""
        return self.dialect.name == "local"

    @property
    def gone(self) -> bool:
        """Tell whether the patient has left."""
        return self.leave is not None

    @property
    def approved(self) -> bool:
        """Tell whether there is an approval of just these lines."""
        return self.approval is not None and not any(line.serial > self.approval.serial for line in self.lines[-1:])

    def add(self, lines: Iterable[Line]) -> None:
        """Append lines."""
        for line in lines:
            self.lines.append(line)
            self.total += line.amount
            self.stock[line.code, line.hospital_code] += line.quantity  # type: ignore[assignment]

    def clear(self, method: str) -> None:
        """Take all lines away."""
        for line in self.lines:
            line.removed = method
        self.lines, self.total = [], ZERO
        self.stock.clear()
        self.deductions.clear()

    def move(self, state: str, method: str, at: str) -> None:
        """Note a movement of state."""
        self.state = state
        self.history.append((at, method, state))


@dataclass
class Ledger:
    """All books."""

    sessions: dict[str, Session] = field(default_factory=dict)
    stays: list[Stay] = field(default_factory=list)
    accepted: list[tuple[str, Line]] = field(default_factory=list)  #: stay number and line, for ever
    invoices: dict[str, str] = field(default_factory=dict)  #: numbers that are used: stay
    asked: Counter[tuple[str, str, str]] = field(default_factory=Counter)  #: method, stay, code
    counter: int = 0

    def next(self) -> int:
        """Return a number never given out before."""
        self.counter += 1
        return self.counter

    def standing(self, number: str) -> list[Stay]:
        """Return the registrations under a hospital's number that are not cancelled."""
        return [stay for stay in self.stays if stay.number == number and stay.state != "cancelled"]
