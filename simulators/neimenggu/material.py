"""4.18: material as a form, after leaving and before the application for settlement. Its codes are ours: N53."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from simulators.neimenggu.centre import Call, Centre, total
from simulators.neimenggu.dialects import Dialect, by_rolltype
from simulators.neimenggu.documents import INVOICE, KINDS, attach, money
from simulators.neimenggu.fields import TABLES, member
from simulators.neimenggu.ledger import Invoice
from simulators.neimenggu.refusals import OTHER, Refusal

NUMBER_USED = "材料编号已被使用"


def save(centre: Centre, call: Call) -> dict[str, Any]:
    """Take one file; an invoice number is taken once."""
    dialect = by_rolltype(member(call.sent, "rolltype"))

    def refuse(rule: str, name: str = "") -> Refusal:
        return _refusal(dialect, rule, name)

    sent = TABLES["material"].check(call.sent, refuse)
    file = call.document
    if file is None or file.size == 0:
        raise refuse("parts")
    kind = sent["invoiceType"]
    if kind not in KINDS or kind not in ("img", file.kind):
        raise refuse("type")
    stay = centre.stay(call, sent["akc190"], dialect)
    if stay is None:
        raise refuse("no_stay")
    if stay.state in ("reviewed", "applied"):
        raise refuse(stay.state)
    if not stay.gone:
        raise refuse("not_left")
    if sent["invoiceNo"] in centre.ledger.invoices:
        raise Refusal(OTHER, NUMBER_USED)
    amount = Decimal(sent["invoiceMoney"])
    if amount < 0:
        raise refuse("parts")
    new = Invoice(sent["invoiceNo"], amount, sent["filetype"], file.digest, call.method)
    if new.filetype == INVOICE and money([*stay.invoices, new]) > total(stay):
        raise refuse("sum")
    attach(centre, stay, [new])
    return {}


def _refusal(dialect: Dialect, rule: str, name: str) -> Refusal:
    return dialect.refuse("material", rule, name if dialect.code("material", rule) == OTHER else "")
