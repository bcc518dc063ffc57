"""The books and the world as the control port shows them."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from simulators.neimenggu import review
from simulators.neimenggu.approval import sums
from simulators.neimenggu.centre import Centre, total
from simulators.neimenggu.interfaces import INTERFACES
from simulators.neimenggu.ledger import Line, Stay
from simulators.neimenggu.sessions import alive


def ledger(centre: Centre, query: dict[str, str]) -> dict[str, Any]:
    """Return the books without names and identity numbers; ``akc190``: of one stay; ``lines=no``: without charges."""
    books, wanted, lines = centre.ledger, query.get("akc190"), query.get("lines") != "no"
    accepted: dict[str, list[Line]] = {}
    for number, line in books.accepted:
        accepted.setdefault(number, []).append(line)
    return {
        "stays": [_stay(stay, lines) for stay in books.stays if wanted in (None, stay.number)],
        "accepted": {
            number: [_line(line) for line in found] if lines else len(found)
            for number, found in accepted.items()
            if wanted in (None, number)
        },
        "requests": [
            {"interface": INTERFACES[method].number, "method": method, "akc190": stay, "code": code, "count": count}
            for (method, stay, code), count in sorted(books.asked.items())
            if wanted in (None, stay)
        ],
        "invoices": {number: stay for number, stay in books.invoices.items() if wanted in (None, stay)},
        "sessions": sum(alive(centre, session) for session in books.sessions.values()),
        "time": centre.stamp(),
    }


def _line(line: Line) -> dict[str, Any]:
    return {"serial": line.serial, "batch": line.batch, "at": line.at, "removed": line.removed, "sent": line.sent}


def _stay(stay: Stay, lines: bool) -> dict[str, Any]:
    return {
        "akc190": stay.number,
        "akb020": stay.hospital,
        "rolltype": stay.dialect.rolltype,
        "state": stay.state,
        "since": stay.since.isoformat(),
        "left": stay.leave.date.isoformat() if stay.leave else "",
        "inpatient": stay.inpatient,
        "total": total(stay),
        "own": review.own(stay),
        "sums": sums(stay),
        "count": len(stay.lines),
        "lines": [_line(line) for line in stay.lines] if lines else [],
        "orders": sorted(stay.orders),
        "overwritten": stay.overwritten,
        "approvals": stay.approvals,
        "approval": None if stay.approval is None else asdict(stay.approval),
        "invoices": [asdict(each) for each in stay.invoices],
        "deductions": [
            {"serial": each.line.serial, "amount": each.amount, "reason": each.reason}
            for each in review.deductions(stay)
        ],
        "history": [{"at": at, "method": method, "state": state} for at, method, state in stay.history],
    }


def world(centre: Centre) -> dict[str, Any]:
    """Return the invented records, for whoever has to play the patients."""
    known = centre.world
    return {
        "hospitals": list(known.hospitals.values()),
        "employers": list(known.employers.values()),
        "people": list(known.people.values()),
        "injuries": list(known.injuries.values()),
        "cures": list(known.cures.values()),
        "reports": [each.row | {"visible": each.visible.isoformat()} for each in known.reports.values()],
        "filings": list(known.filings.values()),
        "cards": list(known.cards.values()),
        "items": list(known.items.values()),
    }
