"""4.12: approving the fees that were uploaded. N48."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from simulators.common.numbers import cents
from simulators.neimenggu.centre import Call, Centre, total
from simulators.neimenggu.dialects import by_rolltype
from simulators.neimenggu.fields import TABLES
from simulators.neimenggu.ledger import Approval, Stay
from simulators.neimenggu.refusals import OTHER, Refusal

_CODES = {"number": 91001, "bill": 91002}


def _refuse(rule: str, name: str) -> Refusal:
    code = _CODES.get(rule, OTHER)
    return Refusal(code, name if code == OTHER else "")


def approve(centre: Centre, call: Call) -> dict[str, Any]:
    """4.12: total and sums by category of all that is uploaded."""
    sent = TABLES["approval"].check(call.sent, _refuse)
    stay = centre.stay(call, sent["akc190"], by_rolltype(sent["rolltype"]))
    if stay is None:
        raise Refusal(91003)
    if stay.gone:
        raise Refusal(91004)
    if stay.approval is not None and centre.switches.second_approval == "refuse":
        raise Refusal(91005)
    if not stay.lines:
        raise Refusal(91006)
    note(centre, stay, call.method)
    return {
        "akc190": stay.number,
        "alc407": total(stay),
        "collections": {
            "collection": [{"aka063": category, "alc407": money} for category, money in sums(stay).items()]
        },
    }


def note(centre: Centre, stay: Stay, method: str) -> None:
    """Write an approval down."""
    stay.approval = Approval(centre.stamp(), total(stay), stay.lines[-1].serial)
    stay.approvals += 1
    stay.move(stay.state, method, centre.stamp())


def sums(stay: Stay) -> dict[str, Decimal]:
    """Return the sums by category to the cent; what rounding leaves goes to the largest, so that they add up."""
    found: dict[str, Decimal] = {}
    for line in stay.lines:
        found[line.category] = found.get(line.category, Decimal(0)) + line.amount
    rounded = {category: cents(money) for category, money in sorted(found.items())}
    if rounded:
        largest = max(rounded, key=lambda category: abs(rounded[category]))
        rounded[largest] += total(stay) - sum(rounded.values())
    return rounded
