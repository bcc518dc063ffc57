"""The hospital's own ledger of money: every payment it has booked and every refund, with the keys they came with."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal

from simulators.hospital.people import Card
from simulators.wechat.members import ZERO


@dataclass(eq=False)
class Payment:
    """Money booked. The same notice taken twice is two of them."""

    trade: str  #: outTradeNo, payId, tradeNo: the platform's number
    number: str  #: interface
    business: str  #: prefix of 14.1.1: ZJZF, JZKCZ, ZYYJ …
    card: Card
    amount: Decimal  #: paid online
    balance: Decimal  #: taken from the card
    unified: Decimal  #: by the unified platform
    paid_at: datetime.datetime  #: as the notice says
    booked_at: datetime.datetime
    pay_type: str
    receipt: str  #: outPrepayId
    about: tuple[str, ...] = ()  #: what was paid: lines, stay, registration

    @property
    def total(self) -> Decimal:
        """Return all parts."""
        return self.amount + self.balance + self.unified


@dataclass(eq=False)
class Refund:
    """Money given back, or asked to be."""

    refund_no: str  #: the platform's in 8.1.2, else ours
    trade: str
    number: str  #: interface; `window` when the desk began it
    amount: Decimal
    at: datetime.datetime
    receipt: str  #: outRefundId
    payment: Payment
    state: str = "done"  #: done, asked, failed
    platform_no: str = ""  #: what the platform calls it


@dataclass
class Ledger:
    """All books."""

    payments: list[Payment] = field(default_factory=list)
    refunds: list[Refund] = field(default_factory=list)
    _by_trade: dict[str, list[Payment]] = field(default_factory=dict)
    _by_card: dict[str, list[Payment]] = field(default_factory=dict)
    _refunds_of: dict[str, list[Refund]] = field(default_factory=dict)

    def book(self, payment: Payment) -> Payment:
        """Write a payment down."""
        self.payments.append(payment)
        self._by_trade.setdefault(payment.trade, []).append(payment)
        self._by_card.setdefault(payment.card.number, []).append(payment)
        return payment

    def give_back(self, refund: Refund) -> Refund:
        """Write a refund down."""
        self.refunds.append(refund)
        self._refunds_of.setdefault(refund.trade, []).append(refund)
        return refund

    def of(self, trade: str) -> list[Payment]:
        """Return what was booked under a number."""
        return self._by_trade.get(trade, [])

    def refunds_of(self, trade: str) -> list[Refund]:
        """Return what was given back of a number."""
        return self._refunds_of.get(trade, [])

    def left(self, trade: str) -> Decimal:
        """Return what of the online money has not been given back."""
        back = sum((each.amount for each in self.refunds_of(trade) if each.state != "failed"), ZERO)
        return sum((each.amount for each in self.of(trade)), ZERO) - back

    def paid_by(self, card: Card, *numbers: str) -> Iterator[Payment]:
        """Return the payments of a card that came by these interfaces."""
        return (each for each in self._by_card.get(card.number, ()) if each.number in numbers)
