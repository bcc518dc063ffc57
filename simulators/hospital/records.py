"""What the businesses keep in the books: one small record each."""

from __future__ import annotations

import datetime
from dataclasses import dataclass, field
from decimal import Decimal

from simulators.hospital.people import Card, Patient
from simulators.wechat.members import ZERO


@dataclass(eq=False)
class Line:
    """One line of a prescription or request, to be paid (3)."""

    id: str  #: prescription + line, the same on every call
    patient: Patient
    prescription: str
    item: str
    kind: str  #: room of 4.1.1: wm, lis, pacs …
    unit: str
    price: Decimal
    quantity: Decimal
    discount: Decimal
    doctor: str
    department: str
    at: datetime.datetime
    order: str = ""  #: insurance order that holds it
    paid: int = 0  #: how often
    paid_at: datetime.datetime | None = None

    @property
    def amount(self) -> Decimal:
        """Return price × quantity."""
        return (self.price * self.quantity).quantize(ZERO)

    @property
    def due(self) -> Decimal:
        """Return what the patient pays."""
        return self.amount - self.discount


@dataclass(eq=False)
class Order:
    """An insurance order (5): presettled → settled → paid, or cancelled."""

    id: str
    card: Card
    lines: list[Line]
    at: datetime.datetime
    covered: Decimal
    state: str = "presettled"
    settled_at: datetime.datetime | None = None
    settlements: int = 0  #: how often the insurer was asked to settle
    reversals: int = 0  #: how often to take it back
    trade: str = ""

    @property
    def total(self) -> Decimal:
        """Return the sum of the lines."""
        return sum((line.amount for line in self.lines), ZERO)

    @property
    def discount(self) -> Decimal:
        """Return what the hospital gives."""
        return sum((line.discount for line in self.lines), ZERO)

    @property
    def rest(self) -> Decimal:
        """Return what the patient pays."""
        return self.total - self.discount - self.covered


@dataclass(eq=False)
class Stay:
    """One stay in hospital."""

    id: str  #: inpatientRecordId
    number: str  #: admissionNumber
    card: Card
    department: str
    since: datetime.datetime
    bed: str = ""
    until: datetime.datetime | None = None
    void: bool = False
    deposits: Decimal = ZERO
    application: str = ""  #: admission that began it
    minimum: Decimal = Decimal("100.00")  #: 0: closed for deposits
    maximum: Decimal = Decimal("20000.00")

    @property
    def state(self) -> str:
        """Return in or out."""
        return "in" if self.until is None and not self.void else "out"


@dataclass(eq=False)
class Visit:
    """A registration: today's (20) or booked (21)."""

    key: str  #: todayRegisterId, recordId
    kind: str  #: today, booked
    card: Card
    doctor: str
    department: str
    slot: str
    day: datetime.date
    start: str  #: HH:mm
    fee: Decimal
    sn: int
    id: str = ""  #: hisRegistrationId, once paid
    trade: str = ""
    state: str = "booked"  #: booked, registered, cancelled, seen, missed


@dataclass(eq=False)
class Booking:
    """Anything else that is booked: examination (24), health examination (28), package (29), laboratory item (33)."""

    id: str
    key: str  #: the platform's number of it
    kind: str
    card: Card
    what: str  #: item, package
    where: str  #: room, schedule
    slot: str
    day: datetime.date
    at: datetime.datetime
    price: Decimal = ZERO
    trade: str = ""
    state: str = "booked"  #: locked, booked, cancelled, registered
    until: datetime.datetime | None = None  #: end of the lock


@dataclass(eq=False)
class Request:
    """An examination the doctor asked for, that may be booked (24.1.1)."""

    id: str
    application: str
    patient: Patient
    item: str
    room: str


@dataclass(eq=False)
class Application:
    """An application for admission (36)."""

    id: str
    card: Card
    department: str
    deposit: Decimal
    stay: str = ""


@dataclass(eq=False)
class Companion:
    """A companion pass (37)."""

    id: str
    stay: str
    said: dict[str, str]
    void: bool = False


@dataclass(eq=False)
class Lesson:
    """A ward lesson to be signed (23)."""

    id: str
    patient: Patient
    at: datetime.datetime
    title: str
    signed: str = ""  #: the image


@dataclass(eq=False)
class Place:
    """A place in a queue (15, 42)."""

    card: Card
    room: str
    doctor: str
    at: datetime.datetime
    number: int


@dataclass(eq=False)
class Note:
    """A writing without consequence in the books but that it was accepted: copies (27), online orders (25)."""

    key: str
    number: str
    card: Card
    at: datetime.datetime
    said: dict[str, str] = field(default_factory=dict)
