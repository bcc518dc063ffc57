"""What the platform keeps: orders, refunds, bookings, messages. Plain values, for the book writes them down whole."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from simulators.wechat.members import ZERO


@dataclass(eq=False)
class Order:
    """One payment of a patient. `state` is that of 14.1.3, `fate` what the hospital made of it."""

    trade: str
    business: str  #: prefix of the number
    patient: int
    amount: Decimal
    pay_type: str
    paid_at: str
    transaction: str
    number: str  #: interface of the notice
    notice: dict[str, Any]
    state: str = "SUCCESS"  #: SUCCESS, REFUND
    fate: str = "open"  #: open, booked, refunded, kept (nobody knows), cancelled
    code: str = ""  #: of the last answer
    answer: dict[str, Any] = field(default_factory=dict)
    notices: int = 0
    cancel: dict[str, Any] = field(default_factory=dict)  #: interface and request of a cancellation under way
    about: dict[str, Any] = field(default_factory=dict)  #: what businesses need later
    served: str = ""  #: state of 25.2.2, 20.2.1, 21.1.6


@dataclass(eq=False)
class Refund:
    """Money on its way back to a wallet."""

    number: str  #: RE…
    trade: str
    amount: Decimal
    by: str  #: platform (13.1.1), hospital (9.1.1 …), patient (8), cancel
    hospital_no: str = ""
    state: str = "PROCESSING"  #: WAITING (for 8.1.2), PROCESSING, REFUND_SUCCESS, REFUND_FAIL
    at: str = ""
    due: float = 0.0  #: when the money is back
    rounds: int = 0
    log: list[list[str]] = field(default_factory=list)  #: text and time, for 14.1.2


@dataclass(eq=False)
class Booking:
    """Something without money that was agreed with the hospital."""

    key: str
    kind: str
    patient: int
    number: str
    sent: dict[str, Any]
    fate: str = "open"  #: open, done, refused, unclear, cancelled
    code: str = ""
    answer: dict[str, Any] = field(default_factory=dict)


@dataclass(eq=False)
class Message:
    """Something the hospital pushed or uploaded."""

    number: str
    at: str
    sent: Any


def amount_of(value: Any) -> Decimal:
    """Return an amount as the book wrote it."""
    return Decimal(str(value)).quantize(ZERO)
