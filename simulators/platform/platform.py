"""The platform: its patients, its ledger, its clock, its book."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict
from decimal import Decimal
from typing import Any

from simulators.common.book import Book
from simulators.platform.clock import Clock
from simulators.platform.records import Booking, Message, Order, Refund, amount_of
from simulators.platform.switches import BOARD, Switches
from simulators.wechat.members import ZERO
from simulators.wechat.people import Person, card_number, invent

_WALLET = Decimal("1000000.00")
_BACK = ("REFUND_SUCCESS", "PROCESSING")


class Platform:
    """Everything it knows. With a ``book`` it is as it was before."""

    def __init__(self, patients: int = 12, book: Book | None = None, clock: Clock | None = None) -> None:
        """``patients`` have cards 1 to n of the invented people."""
        self.clock = clock or Clock()
        self.switches = Switches()
        self.hospital_id = "1001"
        self.people: dict[int, Person] = {number: invent(number) for number in range(1, patients + 1)}
        self.orders: dict[str, Order] = {}
        self.refunds: dict[str, Refund] = {}
        self.bookings: dict[str, Booking] = {}
        self.messages: list[Message] = []
        self.cards: dict[str, dict[str, str]] = {}  #: changes of 1.3.2 and 1.3.3 by card
        self.counter = 0
        self.received: Counter[tuple[str, str]] = Counter()  #: interface and code, of this process
        self._spent: Counter[int] = Counter()  #: cents
        self._back: dict[str, set[str]] = {}  #: refunds by order
        self._credited: set[str] = set()  #: refunds that are in the wallet
        self._numbers: dict[str, str] = {}  #: hospital's refund number: ours
        self._book = None
        if book is not None:
            for _, entry in book.read():
                self._replay(entry)
        self._book = book

    # -- numbers and people
    def next(self, prefix: str) -> str:
        """Return a number never given out before."""
        self.counter += 1
        return f"{prefix}-{self.clock.time():%Y%m%d%H%M%S}{self.counter:08d}"

    def card(self, patient: int) -> str:
        """Return a patient's card."""
        return self.people[patient].card if patient in self.people else card_number(patient)

    def patient_of(self, card: str) -> int | None:
        """Return whose card it is."""
        number = int(card[4:]) if card.startswith("9900") and card[4:].isdigit() else 0
        return number if number in self.people and self.people[number].card == card else None

    # -- the ledger
    def save(self, record: Order | Refund | Booking | Message, durable: bool = True) -> None:
        """Keep a record, new or changed; it is on the disk when this returns."""
        self._keep(record)
        if self._book is not None:
            entry = {"kind": type(record).__name__, "counter": self.counter, "record": _plain(asdict(record))}
            self._book.write(self.clock_time(), entry, durable)

    def note(self, kind: str, body: Any) -> None:
        """Keep something else: switches, cards."""
        self._apply(kind, body)
        if self._book is not None:
            self._book.write(self.clock_time(), {"kind": kind, "counter": self.counter, "record": body})

    def clock_time(self) -> Any:
        """Return its time with a zone, for the book."""
        return self.clock.time().astimezone()

    def wallet(self, patient: int) -> Decimal:
        """Return what a patient has."""
        return _WALLET - Decimal(self._spent[patient]) / 100

    def refunds_of(self, trade: str) -> list[Refund]:
        """Return the refunds of an order."""
        return [self.refunds[number] for number in sorted(self._back.get(trade, ()))]

    def left(self, trade: str) -> Decimal:
        """Return what of an order has not been given back and is not on its way."""
        back = sum((each.amount for each in self.refunds_of(trade) if each.state in _BACK), ZERO)
        return self.orders[trade].amount - back

    def by_hospital_no(self, number: str) -> Refund | None:
        """Return the refund of a hospital's number."""
        return self.refunds.get(self._numbers.get(number, ""))

    def refund(self, order: Order, amount: Decimal, by: str, hospital_no: str = "") -> Refund:
        """Give money back; it arrives at once or after ``refund_takes``."""
        refund = Refund(self.next("RE"), order.trade, amount, by, hospital_no)
        self.pay_out(refund)
        return refund

    def pay_out(self, refund: Refund) -> None:
        """Hand a refund to the payment provider."""
        refund.state, refund.at = "PROCESSING", self.clock.stamp()
        refund.due = self.clock.seconds() + float(self.switches.refund_takes)
        refund.log.append(["生成退款单", refund.at])
        if self.switches.refund_takes == "0":
            self._arrive(refund)
        self.save(refund)
        order = self.orders[refund.trade]
        if order.state != "REFUND" and refund.state != "REFUND_FAIL":
            order.state = "REFUND"
            self.save(order)

    def ripen(self) -> None:
        """Let the money arrive that has been on its way long enough."""
        for refund in self.refunds.values():
            if refund.state == "PROCESSING" and refund.due <= self.clock.seconds():
                self._arrive(refund)
                self.save(refund)

    def _arrive(self, refund: Refund) -> None:
        failed = self.switches.refund_outcome == "fail"
        refund.state = "REFUND_FAIL" if failed else "REFUND_SUCCESS"
        refund.log.append(["退款失败" if failed else "退款成功", self.clock.stamp()])

    # -- keeping
    def _keep(self, record: Order | Refund | Booking | Message) -> None:
        match record:
            case Order():
                if record.trade not in self.orders:
                    self._spent[record.patient] += int(record.amount * 100)
                self.orders[record.trade] = record
            case Refund():
                self.refunds[record.number] = record
                self._back.setdefault(record.trade, set()).add(record.number)
                if record.hospital_no:
                    self._numbers[record.hospital_no] = record.number
                self._credit(record)
            case Booking():
                self.bookings[record.key] = record
            case Message():
                self.messages.append(record)

    def _credit(self, refund: Refund) -> None:
        """Put the money into the wallet, once."""
        if refund.state == "REFUND_SUCCESS" and refund.number not in self._credited:
            self._credited.add(refund.number)
            self._spent[self.orders[refund.trade].patient] -= int(refund.amount * 100)

    def _apply(self, kind: str, body: Any) -> None:
        if kind == "switches":
            self.switches = BOARD.changed(self.switches, body)
        elif kind == "clock":
            ((how, value),) = body.items()
            self.clock.arrange(how, value)
        elif kind == "card":
            self.cards[body["medicalCardNumber"]] = self.cards.get(body["medicalCardNumber"], {}) | body

    def _replay(self, entry: dict[str, Any]) -> None:
        kind, body = entry["kind"], entry["record"]
        self.counter = entry["counter"]
        kinds = {"Order": Order, "Refund": Refund, "Booking": Booking, "Message": Message}
        if kind not in kinds:
            self._apply(kind, body)
            return
        if "amount" in body:
            body["amount"] = amount_of(body["amount"])
        self._keep(kinds[kind](**body))


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _plain(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return str(value) if isinstance(value, Decimal) else value
