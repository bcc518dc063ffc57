"""4.10, 4.11, 4.24, 4.25: charges and orders. Charges are appended and never overwritten. N49, N50."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from simulators.neimenggu.centre import Call, Centre
from simulators.neimenggu.charges import Reader
from simulators.neimenggu.dialects import Dialect
from simulators.neimenggu.fields import TABLES, member, rows
from simulators.neimenggu.ledger import Line, Stay
from simulators.neimenggu.refusals import OTHER, Refusal


@dataclass
class _Batch:
    """What of one request is good so far."""

    orders: dict[str, dict[str, Any]] = field(default_factory=dict)
    lines: list[Line] = field(default_factory=list)
    counted: int = 0  #: orders, each time that one comes


def upload(centre: Centre, call: Call, dialect: Dialect) -> dict[str, Any]:
    """Check orders, then lines, one after the other; what a bad one means for the rest is a switch (``batch``)."""

    def refuse(rule: str, name: str = "") -> Refusal:
        return dialect.refuse("upload", rule, name if dialect.code("upload", rule) == OTHER else "")

    stay = _stay(centre, call, dialect)
    try:
        orders = rows(call.sent, "advices", "advice")
        lines = rows(call.sent, dialect.members["wrapper"], dialect.members["lines"])
    except TypeError as error:
        raise Refusal(OTHER, str(error)) from None
    if not orders and not lines:
        raise refuse(
            "no_orders" if "advices" in call.sent and dialect.members["wrapper"] not in call.sent else "nothing"
        )
    batch, way = _Batch(), centre.switches.batch
    reader = Reader(centre, stay, refuse, batch.orders, centre.stamp())
    stock: Counter[tuple[str, str]] = Counter()
    bad: Refusal | None = None
    for sent, take in [(each, _order) for each in orders] + [(each, _line) for each in lines]:
        try:
            take(sent, batch, reader, stock)
        except Refusal as refusal:
            bad = refusal
            if way != "skip_bad":
                break
    if bad is not None and way == "atomic":
        raise bad
    _save(centre, stay, batch)
    if bad is not None and (way == "until_error" or not (batch.lines or batch.counted)):
        raise Refusal.changed(bad)
    counted = len(batch.lines) + (batch.counted if centre.switches.counts == "lines_and_orders" else 0)
    return {dialect.members["count"]: counted if dialect.name == "local" else str(counted)}


def _stay(centre: Centre, call: Call, dialect: Dialect) -> Stay:
    number = member(call.sent, "akc190")
    if not number:
        raise dialect.refuse("upload", "number")
    stay = centre.stay(call, number)
    if stay is None:
        raise dialect.refuse("upload", "other_hospital" if centre.ledger.standing(number) else "no_stay")
    if stay.dialect is not dialect:
        raise dialect.refuse("upload", "other_kind")
    if stay.gone or (stay.approval is not None and centre.switches.upload_after_approval == "refuse"):
        raise dialect.refuse("upload", "left")
    hospital = centre.hospital(call)
    if not hospital["grade"]:
        raise dialect.refuse("upload", "no_grade")
    if hospital["restricted"] == "1":
        raise dialect.refuse("upload", "restricted")
    return stay


def _order(sent: Any, batch: _Batch, reader: Reader, _stock: Counter[tuple[str, str]]) -> None:
    checked = TABLES["advice"].check(sent, reader.refuse)
    batch.orders[checked["aae080"]] = sent
    batch.counted += 1


def _line(sent: Any, batch: _Batch, reader: Reader, stock: Counter[tuple[str, str]]) -> None:
    line = reader.read(sent)
    key = line.code, line.hospital_code
    if line.quantity < 0:
        left = reader.stay.stock[key] + stock[key]
        if left <= 0:
            raise reader.refuse("nothing_back", "")
        if left + line.quantity < 0:
            raise reader.refuse("too_much_back", "")
    stock[key] += line.quantity  # type: ignore[assignment]
    batch.lines.append(line)


def _save(centre: Centre, stay: Stay, batch: _Batch) -> None:
    stay.overwritten += sum(number in stay.orders for number in batch.orders)
    stay.orders.update(batch.orders)
    number = centre.ledger.next()
    for line in batch.lines:
        line.batch = number
        line.serial = centre.ledger.next()
        centre.ledger.accepted.append((stay.number, line))
    stay.add(batch.lines)


def cancel(centre: Centre, call: Call, dialect: Dialect) -> dict[str, Any]:
    """4.11 and 4.25: all charges of a stay; the orders and the registration stay."""
    number = member(call.sent, "akc190")
    if not number:
        raise dialect.refuse("cancel", "number")
    stay = centre.stay(call, number, dialect)
    if stay is None:
        raise dialect.refuse("cancel", "no_stay")
    if stay.state == "reviewed" and not stay.local:
        raise dialect.refuse("cancel", "reviewed")
    if stay.gone:
        raise dialect.refuse("cancel", "left")
    if not stay.lines:
        raise dialect.refuse("cancel", "nothing")
    stay.clear(call.method)
    if centre.switches.approval_reset != "never":
        stay.approval = None
    stay.move(stay.state, call.method, centre.stamp())
    return {}
