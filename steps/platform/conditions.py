"""Named conditions of the platform's flows."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from engine.steps import View
from steps.platform.money import NOTHING, REFUND_QUERIES, left, payment_of


def accepted(view: View) -> bool:
    """Tell whether the last call was taken; what a refusal or an absence leaves is the other."""
    return view.data.get("outcome") == "accepted"


def has_request(view: View) -> bool:
    """Tell whether there is anything to hand on: the visit was not opened by a refund query alone."""
    return any(number not in REFUND_QUERIES for number in view.data.get("requests", {}))


def is_late(view: View) -> bool:
    """Tell whether the HIS has booked a payment that the platform had given up."""
    return view.data.get("late") is True


def refund_fits(view: View) -> bool:
    """Tell whether the wanted refund is no more than what is left of the payment, under a number not used yet (G9)."""
    wanted = view.data.get("refund")
    if wanted is None:
        return False
    paid, unified = left(view.data)
    used = {each["refund_no"] for each in view.data.get("refunds", {}).values()}
    fits = Decimal(str(wanted["amount"])) <= paid
    return fits and Decimal(str(wanted.get("unified_amount") or 0)) <= unified and wanted.get("refund_no") not in used


def was_paid(view: View) -> bool:
    """Tell whether the platform has noticed a payment with money in it."""
    payment = payment_of(view.data)
    return payment is not None and payment.paid + payment.unified > NOTHING


def rest(view: View) -> Decimal | None:
    """Return what the patient still has to pay of an insurance order that is settled; None: it is not."""
    answers: dict[str, Any] = view.data.get("answers", {})
    settled = answers.get("5.1.2", {}).get("data")
    if settled is None:
        return None
    amounts = [Decimal(str(settled[name])) for name in ("tradeAmount", "preferentialAmount", "medAmount")]
    return amounts[0] - amounts[1] - amounts[2]


def nothing_to_pay(view: View) -> bool:
    """Tell whether the insurer pays all of an order."""
    left_over = rest(view)
    return left_over is not None and left_over <= NOTHING


def has_order(view: View) -> bool:
    """Tell whether an insurance order stands, to be taken back by its number."""
    return "5.1.1" in view.data.get("answers", {})


def is_a_line(view: View) -> bool:
    """Tell whether what is reported as served is a line of the order."""
    served, order = view.data.get("served"), view.data.get("requests", {}).get("25.1.1", {})
    return served is not None and any(each["chargeId"] == served["charge_id"] for each in order.get("charges", ()))


def waits_for_another(view: View) -> bool:
    """Tell whether the last refusal says "call again" (60303), and not too often yet: the flow's setting ``tries``."""
    return 0 < int(view.data.get("tries") or 0) < int(view.settings.get("tries", 3))


def refund_is_whole(view: View) -> bool:
    """Tell whether the wanted refund is all that was paid."""
    wanted = view.data.get("refund")
    if wanted is None:
        return False
    asked = Decimal(str(wanted["amount"])), Decimal(str(wanted.get("unified_amount") or 0))
    return asked == left(view.data)


def asks(number: str) -> Callable[[View], bool]:
    """Return the condition that the visit was brought a request of this interface."""

    def asked(view: View) -> bool:
        return number in view.data.get("requests", {})

    return asked


#: Which of several requests a visit was opened with.
ASKED = {
    "asks_card": asks("1.2.1"),
    "asks_newborn": asks("1.2.2"),
    "asks_contact": asks("1.2.3"),
    "asks_binding": asks("2.1.2"),
    "asks_lock": asks("33.1.3"),
    "asks_pass": asks("37.1.3"),
    "asks_deletion": asks("37.1.4"),
}
CONDITIONS = (
    accepted,
    has_request,
    is_late,
    refund_fits,
    was_paid,
    nothing_to_pay,
    has_order,
    is_a_line,
    waits_for_another,
    refund_is_whole,
)
