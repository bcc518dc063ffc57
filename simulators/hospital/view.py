"""The books as the control port shows them: patients by number, never a name, a card or an identity number."""

from __future__ import annotations

from collections import Counter
from typing import Any

from simulators.hospital.hospital import Hospital
from simulators.hospital.ledger import Payment, Refund
from simulators.wechat.members import ZERO, seconds, yuan


def ledger(hospital: Hospital, query: dict[str, str]) -> dict[str, Any]:
    """Return payments and refunds (``trade``: of one number; ``lines=no``: sums only) and what they led to."""
    books, wanted = hospital.ledger, query.get("trade")
    payments = books.payments if wanted is None else books.of(wanted)
    refunds = books.refunds if wanted is None else books.refunds_of(wanted)
    times = Counter(each.trade for each in payments)
    done = [each for each in refunds if each.state == "done"]
    told: dict[str, Any] = {
        "count": len(payments),
        "paid": yuan(sum((each.amount for each in payments), ZERO)),
        "refunded": yuan(sum((each.amount for each in done), ZERO)),
        "twice": sorted(trade for trade, count in times.items() if count > 1),
        "refunded_twice": sorted(no for no, count in Counter(each.refund_no for each in done).items() if count > 1),
        "closed": len(hospital.closed),
        "time": hospital.stamp(),
    }
    if query.get("lines") != "no":
        told |= {"payments": [_payment(each) for each in payments], "refunds": [_refund(each) for each in refunds]}
    return told


def _payment(each: Payment) -> dict[str, Any]:
    return {
        "trade": each.trade,
        "interface": each.number,
        "business": each.business,
        "patient": each.card.patient.id,
        "amount": yuan(each.amount),
        "balance": yuan(each.balance),
        "unified": yuan(each.unified),
        "paid_at": seconds(each.paid_at),
        "receipt": each.receipt,
        "about": list(each.about),
    }


def _refund(each: Refund) -> dict[str, Any]:
    return {
        "refund_no": each.refund_no,
        "trade": each.trade,
        "interface": each.number,
        "patient": each.payment.card.patient.id,
        "amount": yuan(each.amount),
        "state": each.state,
        "platform_no": each.platform_no,
        "receipt": each.receipt,
    }


def books(hospital: Hospital) -> dict[str, Any]:
    """Return what the businesses have led to, without amounts of money paid."""
    return {
        "unpaid": {patient: sorted(lines) for patient, lines in hospital.unpaid.items() if lines},
        "orders": [
            {
                "id": each.id,
                "patient": each.card.patient.id,
                "state": each.state,
                "rest": yuan(each.rest),
                "covered": yuan(each.covered),
                "settlements": each.settlements,
                "reversals": each.reversals,
                "trade": each.trade,
            }
            for each in hospital.orders.values()
        ],
        "stays": [
            {
                "id": each.id,
                "number": each.number,
                "patient": each.card.patient.id,
                "state": "void" if each.void else each.state,
                "bed": each.bed,
                "deposits": yuan(each.deposits),
            }
            for each in hospital.stays.values()
        ],
        "visits": [
            {
                "id": each.id,
                "key": each.key,
                "kind": each.kind,
                "patient": each.card.patient.id,
                "doctor": each.doctor,
                "slot": each.slot,
                "state": each.state,
                "trade": each.trade,
            }
            for each in hospital.visits
        ],
        "bookings": [
            {
                "id": each.id,
                "key": each.key,
                "kind": each.kind,
                "patient": each.card.patient.id,
                "slot": each.slot,
                "state": each.state,
                "trade": each.trade,
            }
            for each in hospital.bookings.values()
        ],
        "companions": {each.id: each.stay for each in hospital.companions.values()},
        "notes": [{"key": each.key, "interface": each.number} for each in hospital.notes],
        "places": len(hospital.places),
        "balances": {
            f"{card.patient.id}{'' if position == 0 else f'/{position}'}": yuan(card.balance)
            for patient in hospital.people.patients.values()
            for position, card in enumerate(hospital.people.cards_of(patient))
        },
    }


def world(hospital: Hospital) -> dict[str, Any]:
    """Return the invented people, for whoever has to play them: the one place where they are named."""
    stays = {each.card.patient.id: each for each in hospital.stays.values() if each.state == "in"}
    return {
        "hospital": hospital.id,
        "patients": [
            {
                "patient": card.patient.id,
                "card": card.number,
                "state": card.state,
                "name": card.patient.person.name,
                "sex": card.patient.person.sex,
                "identity": card.patient.person.identity,
                "phone": card.patient.person.phone,
                "born": f"{card.patient.person.born}",
            }
            | ({"admission": stays[card.patient.id].number} if card.patient.id in stays else {})
            for card in hospital.people.cards.values()
        ],
        "departments": list(hospital.catalogue.departments),
        "doctors": list(hospital.catalogue.doctors),
    }
