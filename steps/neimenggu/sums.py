"""What must agree with what (G9; work-injury flows, chapter 9). Identities are compared, never shown (G10)."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from engine.steps import Disagreement, View
from steps.neimenggu.base import cents, money, same
from steps.neimenggu.ledger import by_category, charged


def equal(what: str, expected: Decimal, actual: Decimal) -> tuple[Disagreement, ...]:
    """Return a disagreement where two amounts differ."""
    return () if same(expected, actual) else (Disagreement(what, f"{expected:f}", f"{actual:f}"),)


def same_person(view: View, reply: Mapping[str, Any], member: str) -> tuple[Disagreement, ...]:
    """Return a disagreement where a reply is about somebody else."""
    told = str(reply.get(member) or "")
    if told in ("", view.data.get("identity_number")):
        return ()
    return (Disagreement(f"{member}: identity number", "the person of this visit", "another person"),)


def approval(view: View, reply: Mapping[str, Any]) -> tuple[Disagreement, ...]:
    """Compare 4.12 with the ledger: the total, the sum of the categories, and each category that we know."""
    total = money(reply["alc407"])
    theirs: dict[str, Decimal] = {}
    for row in reply.get("collection") or ():
        category = str(row.get("aka063") or "")
        theirs[category] = theirs.get(category, Decimal(0)) + money(row["alc407"])
    found = equal("total of 4.12 = sum of the lines", charged(view), total)
    found += equal("sum of the categories of 4.12 = its total", total, sum(theirs.values(), Decimal(0)))
    ours = by_category(view)
    for category in sorted({*(ours or {}), *theirs}) if ours is not None else ():
        here = (ours or {}).get(category, Decimal(0))
        found += equal(f"category {category} of 4.12", here, theirs.get(category, Decimal(0)))
    return found


def sheet(view: View, told: Mapping[str, Any]) -> tuple[Disagreement, ...]:
    """Compare 4.16 with the ledger and with itself: total = fund + self-paid, self-paid = sum of its items."""
    total = money(told["alc407sum"])
    found = equal("total of 4.16 = sum of the lines", charged(view), total)
    if _has(told, "alc408sum"):
        own = money(told["alc408sum"])
        if _has(told, "jjin"):
            found += equal("fund + self-paid of 4.16 = its total", total, money(told["jjin"]) + own)
        items = [money(row["alc408"]) for row in told.get("kc22dto") or () if _has(row, "alc408")]
        found += equal("sum of the self-paid items of 4.16", own, cents(sum(items, Decimal(0))))
    if told.get("akc190") not in (None, "", view.key):
        found += (Disagreement("akc190: stay number of 4.16", view.key, str(told["akc190"])),)
    return found + same_person(view, told, "aac002")


def _has(row: Mapping[str, Any], name: str) -> bool:
    return row.get(name) not in (None, "")
