"""Payments and refunds of a visit: what was paid, how much may still go back, under which number (G9)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from engine.steps import View
from steps.platform.rows import PAYMENTS

NOTHING = Decimal("0.00")
#: Queries about a payment that the platform makes when it got no answer: 13.1.1, and 5.1.6 of insurance orders.
REFUND_QUERIES = ("13.1.1", "5.1.6")


@dataclass(frozen=True, slots=True)
class Payment:
    """What the platform says the patient has paid."""

    number: str  #: of the interface that brought the notice; empty: the hospital has named it
    order: str
    paid: Decimal  #: by the provider: what the platform can give back
    unified: Decimal  #: from the unified platform's balance
    total: Decimal  #: with what the card's balance and the unified platform paid
    unified_order: str | None
    card: str | None
    id_card: str | None
    paid_at: str | None


def payment_of(data: Mapping[str, Any]) -> Payment | None:
    """Return the payment that the visit was told of; None when there is none (yet), or when it is free of charge."""
    named = data.get("payment")
    if named is not None:
        paid, unified = (Decimal(str(each or 0)) for each in (data.get("paid"), named.get("unified")))
        return Payment(
            "",
            named["order"],
            paid,
            unified,
            paid + unified,
            named.get("unified_order"),
            named["card"],
            named.get("id_card"),
            None,
        )
    requests = data.get("requests", {})
    return next((each for number in PAYMENTS if (each := payment_in(number, requests.get(number)))), None)


def payment_in(number: str, request: Mapping[str, Any] | None) -> Payment | None:
    """Return the payment that a request brings; None: it brings none."""
    row = PAYMENTS.get(number)
    if row is None or request is None or not request.get(row.order):
        return None
    balance, unified = _amount(request, row.balance), _amount(request, row.unified)
    paid = _amount(request, row.paid) - (balance if row.with_balance else NOTHING)
    return Payment(
        number=number,
        order=str(request[row.order]),
        paid=paid,
        unified=unified,
        total=paid + balance + unified,
        unified_order=request.get(row.unified_order) if row.unified_order else None,
        card=request.get("medicalCardNumber"),
        id_card=request.get(row.id_card),
        paid_at=request.get(row.paid_at) if row.paid_at else None,
    )


def _amount(request: Mapping[str, Any], member: str | None) -> Decimal:
    said = None if member is None else request.get(member)
    return NOTHING if said is None else Decimal(str(said))


def order_of(data: Mapping[str, Any]) -> str | None:
    """Return the number of the payment: of the notice or, before there is one, of the refund query."""
    payment = payment_of(data)
    if payment is not None:
        return payment.order
    requests = data.get("requests", {})
    return next((requests[each]["outTradeNo"] for each in REFUND_QUERIES if each in requests), None)


def given_back(data: Mapping[str, Any], name: str = "amount") -> Decimal:
    """Return the sum of all refunds that went through; ``name`` also ``unified_amount``."""
    done = [each for each in data.get("refunds", {}).values() if each["outcome"] == "refunded"]
    return sum((Decimal(str(each.get(name) or 0)) for each in done), NOTHING)


def left(data: Mapping[str, Any]) -> tuple[Decimal, Decimal]:
    """Return what may still be given back: by the provider, and to the unified platform's balance."""
    payment = payment_of(data)
    paid = payment.paid if payment is not None else Decimal(str(data.get("paid", "0")))
    unified = payment.unified if payment is not None else NOTHING
    return paid - given_back(data), unified - given_back(data, "unified_amount")


def refund_number(view: View) -> str:
    """Return the number under which the wanted refund goes out: the HIS's own or, without one, the next of this order.

    It depends only on refunds that are over, so it stays the same for every repeat of this one (P102).
    """
    said = view.data.get("refund", {}).get("refund_no")
    if said:
        return str(said)
    return f"{order_of(view.data) or view.key}R{len(view.data.get('refunds', {})) + 1}"
