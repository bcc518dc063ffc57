"""The fee ledger of an Inner Mongolia visit: ``steps.ledger``, with catalogue matches and orders."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from engine.facts import merged, normalise
from engine.steps import View
from steps import ledger
from steps.ledger import LineState, batch_number, total
from steps.neimenggu.lines import NO_ORDER, OFF_CATALOGUE, KeptOrder, LedgerLine, line_of

#: Lines of one upload; 002 names no limit (N64).
BATCH = 50
#: Operations that upload lines, and the member of their requests that holds them.
UPLOADS = {"upload_lines": "med", "upload_offsite_lines": "bs004"}


@dataclass(frozen=True, slots=True)
class Entry(ledger.Entry):
    """One line of the ledger."""

    @property
    def line(self) -> LedgerLine:
        """Return the line as a model."""
        return line_of(self.content)


def _waits(raw: Mapping[str, Any]) -> bool:
    return raw.get("match") is None and raw.get("off_catalogue") is None


BOOK = ledger.Book(Entry, "amount", "prescribed_on", digest=lambda raw: line_of(raw).digest(), waits=_waits)


def entries(view: View) -> list[Entry]:
    """Return the ledger in the order in which lines are sent: charges before refunds, then by day and id."""
    return BOOK.entries(view.data.get("fees", {}))


def states(view: View) -> list[Entry]:
    """Return the ledger as people see it: lines of an open upload are being sent. ``view.subject`` is the open call."""
    call = view.subject
    if call is None or call.operation not in UPLOADS:
        return entries(view)
    known = entries(view)
    sent = {each.line_id for each in BOOK.next_batch(known, len(call.request[UPLOADS[call.operation]]))}
    return BOOK.in_the_air(known, lambda each: each.line_id in sent, batch_number(view.data))


def next_batch(view: View) -> list[Entry]:
    """Return the lines that the next upload carries; empty when there is nothing to send."""
    return BOOK.next_batch(entries(view), max(1, int(view.settings.get("batch_size", BATCH))))


def with_patch(view: View, patch: Mapping[str, Any]) -> View:
    """Return the view as it will be once ``patch`` is laid over its data."""
    return replace(view, data=merged(view.data, normalise(dict(patch))))


def charged(view: View) -> Decimal:
    """Return what the centre should have as the visit's total: the sum of the uploaded lines."""
    return total(entries(view))


def amount_of(batch: Iterable[ledger.Entry]) -> Decimal:
    """Return the sum of lines that are not uploaded yet."""
    return sum((each.amount for each in batch), Decimal("0.00"))


def by_category(view: View) -> dict[str, Decimal] | None:
    """Return the sums of the uploaded lines by fee category (aka063); None when the category of a line is not known."""
    found: dict[str, Decimal] = {}
    for each in entries(view):
        if each.state is not LineState.UPLOADED:
            continue
        category = each.content.get("fee_category") or (each.content.get("match") or {}).get("aka063")
        if not category:
            return None
        found[category] = found.get(category, Decimal(0)) + each.amount
    return found


def codes_to_match(view: View) -> list[str]:
    """Return the hospital's codes of all lines that are not uploaded: a new version of the catalogue may change any."""
    waiting = (LineState.PENDING, LineState.UNMATCHED, LineState.REFUSED)
    return sorted(
        {
            str(each.content["hospital_code"])
            for each in entries(view)
            if each.state in waiting and each.content.get("off_catalogue") is None
        }
    )


def mark_matches(view: View, items: Mapping[str, Mapping[str, str]]) -> dict[str, Any]:
    """Return the patch that lays what the catalogue says over the lines that are not uploaded; only what changes."""
    wanted = set(codes_to_match(view))
    patch: dict[str, Any] = {}
    for each in entries(view):
        code = str(each.content["hospital_code"])
        if code not in wanted or each.state in (LineState.UPLOADED, LineState.VOIDED) or _is_off(each.content):
            continue
        found, known = items.get(code), each.content.get("match")
        match = None if found is None else {name: found.get(name, "") for name in MATCH}
        if match != known:
            patch[each.line_id] = {"match": match}
    return {"fees": patch} if patch else {}


#: What is kept of a match; a text that the catalogue does not have is empty.
MATCH = ("alc402", "alc403", "alc404", "aka063", "aka065", "vmed", "ala012", "price_limit")


def _is_off(content: Mapping[str, Any]) -> bool:
    return content.get("off_catalogue") in OFF_CATALOGUE


def orders_for(view: View, batch: Iterable[Entry]) -> list[KeptOrder]:
    """Return the orders that go with ``batch``: those that its lines name, and those that changed, if not sent yet."""
    known: Mapping[str, Any] = view.data.get("orders", {})
    named = {each.content.get("order", NO_ORDER) for each in batch}
    found = []
    for number, raw in known.items():
        order = KeptOrder.model_validate(raw)
        if (number in named or order.sent is not None) and order.sent != order.digest():
            found.append(order)
    return sorted(found, key=lambda each: each.order)


def mark_orders_sent(orders: Iterable[KeptOrder]) -> dict[str, Any]:
    """Return the patch that says: the centre has these orders as they are."""
    patch = {order.order: {"sent": order.digest()} for order in orders}
    return {"orders": patch} if patch else {}


def forget_uploads(view: View) -> dict[str, Any]:
    """Return the patch after all lines were cancelled: lines and orders are to be sent anew (4.11)."""
    orders = {number: {"sent": None} for number, raw in view.data.get("orders", {}).items() if raw.get("sent")}
    known = {"uploading": None, "uploaded_total": None}
    return BOOK.forget_uploads(entries(view)) | ({"orders": orders} if orders else {}) | known
