"""The hospital: its people, its books, its clock. The rules are in the modules by business."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from zoneinfo import ZoneInfo

from simulators.hospital.data import Catalogue
from simulators.hospital.ledger import Ledger, Payment, Refund
from simulators.hospital.people import STATES, Card, Patient, Register
from simulators.hospital.records import (
    Application,
    Booking,
    Companion,
    Lesson,
    Line,
    Note,
    Order,
    Place,
    Request,
    Stay,
    Visit,
)
from simulators.hospital.switches import Switches
from simulators.wechat.codes import NOTHING_FOUND, OUT_OF_RANGE, Refusal
from simulators.wechat.members import ZERO, Members, seconds

_ZONE = ZoneInfo("Asia/Shanghai")


@dataclass(frozen=True)
class Call:
    """One request."""

    number: str  #: interface
    name: str  #: method it came by
    sent: Members


@dataclass
class Hospital:
    """``now`` is the true time; the hospital's own clock may be ``offset``."""

    id: str = "1001"
    capacity: int = 20  #: of every slot
    switches: Switches = field(default_factory=Switches)
    catalogue: Catalogue = field(default_factory=Catalogue)
    people: Register = field(default_factory=Register)
    ledger: Ledger = field(default_factory=Ledger)
    lines: dict[str, Line] = field(default_factory=dict)
    unpaid: dict[str, dict[str, Line]] = field(default_factory=dict)  #: by patient
    orders: dict[str, Order] = field(default_factory=dict)
    stays: dict[str, Stay] = field(default_factory=dict)
    visits: list[Visit] = field(default_factory=list)
    bookings: dict[str, Booking] = field(default_factory=dict)
    requests: dict[str, Request] = field(default_factory=dict)
    applications: dict[str, Application] = field(default_factory=dict)
    companions: dict[str, Companion] = field(default_factory=dict)
    lessons: dict[str, Lesson] = field(default_factory=dict)
    places: list[Place] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)
    taken: dict[str, int] = field(default_factory=dict)  #: by slot
    capacities: dict[str, int] = field(default_factory=dict)  #: by slot or doctor, other than the usual
    stopped: set[str] = field(default_factory=set)  #: doctors
    withdrawn: set[str] = field(default_factory=set)  #: items
    closed: set[str] = field(default_factory=set)  #: numbers that 13.1.1 called refundable
    pending: set[str] = field(default_factory=set)  #: keys of notices still under way (a late original)
    now: Callable[[], datetime.datetime] = lambda: datetime.datetime.now(datetime.UTC)
    offset: datetime.timedelta = datetime.timedelta()
    counter: int = 0

    # -- time and numbers
    def time(self) -> datetime.datetime:
        """Return the time by the hospital's clock: Shanghai, without a zone, whole seconds."""
        return (self.now() + self.offset).astimezone(_ZONE).replace(tzinfo=None, microsecond=0)

    def today(self) -> datetime.date:
        """Return its date."""
        return self.time().date()

    def stamp(self) -> str:
        """Return its time in writing."""
        return seconds(self.time())

    def next(self, prefix: str) -> str:
        """Return a number never given out before."""
        self.counter += 1
        return f"{prefix}{self.today():%Y%m%d}{self.counter:08d}"

    # -- people
    def card(self, number: str, *, using: bool = False) -> Card:
        """Return a card. ``using``: for a transaction, which a locked one is refused. Raises Refusal."""
        found = self.people.cards.get(number)
        if found is None:
            raise Refusal(self.switches.unknown_card)
        if using and STATES[found.state]:
            raise Refusal(STATES[found.state])
        return found

    def patient(self, call: Call) -> Patient:
        """Return whom a query is about: by card, or else by identity number. Raises Refusal."""
        number = call.sent.text("medicalCardNumber", "medicalCard")
        if number:
            return self.card(number).patient
        found = self.people.by_identity(call.sent.text("idCard", "idCardNo", "idcard", "idCardNumber"))
        if found is None:
            raise Refusal(NOTHING_FOUND)
        return found

    def stay_of(self, call: Call) -> Stay | None:
        """Return the stay of a request: identity number and name, then stay number, then card; the newest first."""
        identity = call.sent.text("idCard")
        name = call.sent.text("patientName")
        number = call.sent.text("admissionNumber")
        card = call.sent.text("medicalCardNumber")
        known = [each for each in reversed(self.stays.values()) if not each.void]
        tests: tuple[Callable[[Stay], bool], ...] = (
            lambda stay: bool(identity) and stay.card.patient.person.identity == identity and self._named(stay, name),
            lambda stay: bool(number) and stay.number == number,
            lambda stay: bool(card) and stay.card.patient is self.card(card).patient,
        )
        for test in tests:
            found = [each for each in known if test(each)]
            if found:
                return next((each for each in found if each.state == "in"), found[0])
        return None

    @staticmethod
    def _named(stay: Stay, name: str) -> bool:
        return name in ("", stay.card.patient.person.name)

    # -- money
    def book(
        self, call: Call, business: str, trade: str, card: Card, amount: Decimal, about: Iterable[str] = ()
    ) -> Payment:
        """Book a payment and take its card part from the card. ``amount``: what was paid online. Raises Refusal."""
        sent = call.sent
        if trade in self.closed:
            raise Refusal("60102", "该订单已允许退款")
        balance = sent.money("balancePayment") + sent.money("balancePay") + sent.money("blPayment")
        unified = sent.money("unifiedPayAmount") + sent.money("unifiedAmount")
        if balance > card.balance:
            raise Refusal(OUT_OF_RANGE, "卡余额不足")
        said = next((name for name in ("payTime", "stateTime", "tradeTime", "consultTime") if sent.get(name)), None)
        card.balance -= balance
        payment = Payment(
            trade=trade,
            number=call.number,
            business=business,
            card=card,
            amount=amount,
            balance=balance,
            unified=unified,
            paid_at=self.time() if said is None else sent.moment(said),
            booked_at=self.time(),
            pay_type=sent.text("payType") or "WeChatPay",
            receipt=self.next("LS"),
            about=tuple(about),
        )
        return self.ledger.book(payment)

    def parts(self, call: Call) -> Decimal:
        """Return what a notice says was paid otherwise than online."""
        names = ("balancePayment", "balancePay", "blPayment", "unifiedPayAmount", "unifiedAmount")
        return sum((call.sent.money(name) for name in names), ZERO)

    def give_back(self, number: str, payment: Payment, amount: Decimal, refund_no: str = "") -> Refund:
        """Book a refund of online money; without ``refund_no`` it gets one of ours."""
        refund = Refund(
            refund_no=refund_no or self.next("TK"),
            trade=payment.trade,
            number=number,
            amount=amount,
            at=self.time(),
            receipt=self.next("TF"),
            payment=payment,
        )
        return self.ledger.give_back(refund)

    def undo(self, number: str, trade: str) -> Refund | None:
        """Give all of a payment back after a cancellation: the card part at once. None: nothing was paid."""
        found = self.ledger.of(trade)
        if not found:
            return None
        found[0].card.balance += found[0].balance
        return self.give_back(number, found[0], found[0].amount)

    # -- places
    def room_in(self, slot: str, *also: str) -> int:
        """Return how many places a slot has left; ``also``: under which its capacity may stand (a doctor)."""
        total = next((self.capacities[name] for name in (slot, *also) if name in self.capacities), self.capacity)
        return max(0, total - self.taken.get(slot, 0))

    def take(self, slot: str, by: int = 1) -> None:
        """Take a place of a slot, or give it back."""
        self.taken[slot] = self.taken.get(slot, 0) + by
