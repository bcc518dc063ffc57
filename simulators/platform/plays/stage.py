"""What a play has in its hands."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from simulators.platform.outgoing import Hospital, Told
from simulators.platform.platform import Platform
from simulators.platform.records import Booking, Order, Refund, amount_of
from simulators.platform.settling import Settling
from simulators.wechat.people import Person

Options = Mapping[str, Any]


class Nothing(Exception):
    """There is nothing to do: the hospital offers nothing, or refuses before any money has moved."""

    def __init__(self, reason: str, code: str = "") -> None:
        """``code``: the hospital's."""
        self.reason, self.code = reason, code
        super().__init__(reason)


@dataclass(frozen=True)
class Stage:
    """One patient, the platform, the hospital."""

    platform: Platform
    hospital: Hospital
    settling: Settling

    def person(self, patient: int) -> Person:
        """Return who it is. Raises ValueError."""
        if patient not in self.platform.people:
            raise ValueError("no such patient")
        return self.platform.people[patient]

    def who(self, patient: int, name: str = "patientName") -> dict[str, str]:
        """Return the members that name a patient."""
        person = self.person(patient)
        return {
            "hospitalId": self.platform.hospital_id,
            "medicalCardNumber": person.card,
            "idCard": person.identity,
            name: person.name,
        }

    def paid(self, options: Options) -> dict[str, str]:
        """Return how and when it was paid."""
        return {"payType": pay_type(options), "payTime": self.platform.clock.stamp()}

    async def data(self, number: str, sent: Mapping[str, Any]) -> Any:
        """Return what a query finds. Raises Nothing."""
        told = await self.hospital.ask(number, sent)
        if told.verdict != "yes" or not told.data:
            raise Nothing(f"{number} {told.verdict}", told.code)
        return told.data

    def order(self, options: Options, patient: int, *businesses: str) -> Order:
        """Return the order that ``trade`` names, or the newest booked one of a business. Raises ValueError."""
        wanted = options.get("trade")
        if wanted is not None:
            if str(wanted) not in self.platform.orders:
                raise ValueError("no such order")
            return self.platform.orders[str(wanted)]
        for order in reversed(self.platform.orders.values()):
            if order.patient == patient and order.business in businesses and order.fate == "booked":
                return order
        raise ValueError("no such order")


Play = Callable[[Stage, int, Options], Awaitable[dict[str, Any]]]


def pay_type(options: Options) -> str:
    """Return the way of payment."""
    return str(options.get("payType", "WeChatPay"))


def money(value: Any) -> Decimal:
    """Return an amount of a message."""
    return amount_of(value)


def told_order(order: Order) -> dict[str, Any]:
    """Return what came of an order."""
    return {
        "trade": order.trade,
        "amount": f"{order.amount:.2f}",
        "fate": order.fate,
        "code": order.code,
        "notices": order.notices,
        "answer": order.answer,
    }


def told_refund(refund: Refund) -> dict[str, Any]:
    """Return what came of a refund."""
    return {
        "refund": refund.number,
        "trade": refund.trade,
        "amount": f"{refund.amount:.2f}",
        "state": refund.state,
        "rounds": refund.rounds,
        "fate": "refunded" if refund.state in ("PROCESSING", "REFUND_SUCCESS") else "desk",
    }


def told_booking(booking: Booking) -> dict[str, Any]:
    """Return what came of an agreement."""
    return {"key": booking.key, "fate": booking.fate, "code": booking.code, "answer": booking.answer}


def told_call(told: Told) -> dict[str, Any]:
    """Return what came of one call."""
    fate = {"yes": "done", "no": "refused"}.get(told.verdict, "unclear")
    return {"fate": fate, "code": told.code, "answer": told.data}
