"""What must agree on a settlement sheet (work-injury flows, chapter 9). Identities are compared, never told (G10)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from adapters.money import round_cents
from service.sheets.form import NUMERIC, Form, Place
from service.sheets.showing import amount

NOTHING = Decimal(0)
#: Without these a sheet says too little; one that was told by telephone has no name and no hospital.
_NEEDED = ("aac003", "alc407sum", "alc408sum", "jjin")

#: What is to be known, and keeps nobody from settling.
_NOTES = ("missing", "glyphs")


@dataclass(frozen=True, slots=True)
class Finding:
    """Something wrong: ``code`` is a key of the form's warnings; ``members`` are those it is about."""

    code: str
    expected: Decimal | None = None
    actual: Decimal | None = None
    members: tuple[str, ...] = ()

    @property
    def grave(self) -> bool:
        """Tell whether nobody should settle by the sheet; the rest is to be known only."""
        return self.code not in _NOTES


@dataclass(frozen=True, slots=True)
class Ours:
    """What the visit knows that the sheet should say as well; empty where it does not know."""

    stay: str = ""
    identity_number: str = ""
    approved: Decimal | None = None  #: total of 4.12
    paid: Decimal | None = None  #: what the HIS settled with the patient


def items_of(members: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the rows of kc22dto that say something; the document's example has one that is blank (N85)."""
    rows = members.get("kc22dto") or ()
    return [row for row in rows if any(str(value if value is not None else "").strip() for value in row.values())]


def total_of(rows: Sequence[Mapping[str, Any]], member: str) -> Decimal:
    """Return the sum of a member over the items, exactly; what is no number counts nothing and is told elsewhere."""
    return sum((_number(row, member) or NOTHING for row in rows), NOTHING)


def findings(form: Form, members: Mapping[str, Any], ours: Ours) -> list[Finding]:
    """Return everything that disagrees, gravest first. Amounts are compared to the cent (N86)."""
    return [*_unreadable(form, members), *_sums(members, ours), *_others(members, ours), *_missing(members)]


def _sums(members: Mapping[str, Any], ours: Ours) -> Iterator[Finding]:
    total, own, fund = (_number(members, name) for name in ("alc407sum", "alc408sum", "jjin"))
    if total is not None and own is not None and fund is not None:
        yield from _compared("parts", total, fund + own)
    if own is not None:
        yield from _compared("items", own, total_of(items_of(members), "alc408"))
    for code, known in (("approved", ours.approved), ("paid", ours.paid)):
        if known is not None and total is not None:
            yield from _compared(code, known, total)


def _compared(code: str, expected: Decimal, actual: Decimal) -> Iterator[Finding]:
    if round_cents(expected) != round_cents(actual):
        yield Finding(code, expected, actual)


def _others(members: Mapping[str, Any], ours: Ours) -> Iterator[Finding]:
    for code, name, known in (("stay", "akc190", ours.stay), ("person", "aac002", ours.identity_number)):
        told = str(members.get(name) or "")
        if told and known and told != known:
            yield Finding(code, members=(name,))


def _unreadable(form: Form, members: Mapping[str, Any]) -> Iterator[Finding]:
    looked: list[tuple[Place, Sequence[Mapping[str, Any]]]] = [(cell, [members]) for cell in form.cells()]
    looked += [(column, items_of(members)) for column in form.items.columns]
    for place, rows in looked:
        if place.kind in NUMERIC and any(_is_broken(row, place.member) for row in rows):
            yield Finding("amount", members=(place.member,))


def _missing(members: Mapping[str, Any]) -> Iterator[Finding]:
    lacking = tuple(name for name in _NEEDED if members.get(name) in (None, ""))
    if lacking:
        yield Finding("missing", members=lacking)


def _is_broken(row: Mapping[str, Any], member: str) -> bool:
    try:
        amount(row.get(member))
    except ValueError:
        return True
    return False


def _number(row: Mapping[str, Any], member: str) -> Decimal | None:
    return None if _is_broken(row, member) else amount(row.get(member))
