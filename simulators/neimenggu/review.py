"""What is taken off: automatically, then by the agency; and the web's part: application and review. N56."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from simulators.common.numbers import cents
from simulators.neimenggu.centre import Centre, total
from simulators.neimenggu.documents import money
from simulators.neimenggu.leaving import expired
from simulators.neimenggu.ledger import Line, Stay

#: AKA073
OFF_CATALOGUE, NO_INJURY, OVER_PRICE, EXPIRED = "1", "2", "5", "13"
_NOTHING = Decimal("0.00")


@dataclass(frozen=True)
class Deduction:
    """What the patient pays of one charge, and why."""

    line: Line
    amount: Decimal
    reason: str


def automatic(line: Line) -> tuple[Decimal, str]:
    """Return what the centre takes off by itself; a charge that is given back gives back its deduction."""
    if line.noinjury:
        return cents(line.amount), NO_INJURY
    if not line.covered:
        return cents(line.amount), OFF_CATALOGUE
    if expired(line, line.day):
        return cents(line.amount), EXPIRED
    if line.item is not None and line.item["limit"] and line.kind != "drug":
        over = line.price - Decimal(line.item["limit"])
        if over > 0:
            return cents(over * line.quantity), OVER_PRICE
    return _NOTHING, ""


def deductions(stay: Stay) -> list[Deduction]:
    """Return everything that is taken off, in the order of the charges."""
    found = []
    for line in stay.lines:
        amount, reason = stay.deductions.get(line.serial) or automatic(line)
        if amount:
            found.append(Deduction(line, amount, reason))
    return found


def own(stay: Stay) -> Decimal:
    """Return what the patient pays."""
    return sum((each.amount for each in deductions(stay)), _NOTHING)


def submit(centre: Centre, stay: Stay) -> None:
    """Apply for settlement, on the web: invoices must sum up to the total. Raises ValueError."""
    if stay.state != "left":
        raise ValueError(f"the stay is {stay.state}")
    if (sum_ := money(stay.invoices)) != total(stay):
        raise ValueError(f"invoices {sum_}, total {total(stay)}")
    stay.move("applied", "web", centre.stamp())


def withdraw(centre: Centre, stay: Stay) -> None:
    """Take the application back, on the web. Raises ValueError."""
    if stay.state != "applied":
        raise ValueError(f"the stay is {stay.state}")
    stay.move("left", "web", centre.stamp())


def deduct(stay: Stay, serial: int, amount: Decimal | None, reason: str) -> None:
    """Set what the agency takes off a charge; None: all of it. Raises ValueError."""
    if stay.state != "applied":
        raise ValueError(f"the stay is {stay.state}")
    line = next((line for line in stay.lines if line.serial == serial), None)
    if line is None:
        raise ValueError("no such line")
    amount = cents(line.amount if amount is None else amount)
    if abs(amount) > abs(line.amount) or amount * line.amount < 0:
        raise ValueError("more than the line")
    stay.deductions[serial] = amount, reason


def approve(centre: Centre, stay: Stay) -> None:
    """Finish the review. Raises ValueError."""
    if stay.state != "applied":
        raise ValueError(f"the stay is {stay.state}")
    stay.move("reviewed", "agency", centre.stamp())


def reopen(centre: Centre, stay: Stay) -> None:
    """Take the review back. Raises ValueError."""
    if stay.state != "reviewed":
        raise ValueError(f"the stay is {stay.state}")
    stay.move("applied", "agency", centre.stamp())
