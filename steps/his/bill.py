"""The trial: what the patient is shown, and whether that still holds once they have paid (H4-H8)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any, ClassVar

from engine.outcomes import Category, Refused
from engine.steps import BaseStep, Disagreement, Progress, View
from steps.his.models import Bill, BillItem, Looked, WhyNot

ROLE = "his"
#: Names of the three amounts: ours, and 004's.
AMOUNTS = {"total": "SumFund", "fund": "SBZFJE", "personal": "GRZFJE3"}


def number_of(view: View) -> dict[str, Any]:
    """Return what a trial is asked for by."""
    return {"RegNo": view.data["his"]["reg_no"]}


class _Trial(BaseStep):
    """GetUnSettleBillByDoctor. That nothing is due is an answer, however it is put."""

    role: ClassVar[str] = ROLE
    operation: ClassVar[str] = "unsettled_bill"

    def request(self, view: View) -> Mapping[str, Any]:
        """Name the registration."""
        return number_of(view)

    def refused(self, view: View, refusal: Refused) -> Progress | None:
        """Take a refusal that says "nothing is due" as that."""
        return self.fold(view, {"bill": None}) if refusal.category is Category.NOT_FOUND else None


class AskBill(_Trial):
    """What is due now: for the patient to see before they pay."""

    name: ClassVar[str] = "his.ask_bill"

    def fold(self, view: View, reply: Mapping[str, Any]) -> Progress:
        """Keep the bill, or that there is none; total = fund + personal part (H8)."""
        told = reply["bill"]
        if told is None:
            return Progress({"his": {"bill": None}})
        bill = Bill(
            bill_id=told["BILLID"],
            serial_no=told.get("SERIAL_NO") or None,
            **amounts_of(told),
            status=told.get("BILLSTATUS"),
            date=told.get("Date"),
            department=told.get("DepDesc"),
            doctor=told.get("DoctName"),
            fee_type=told.get("FeeType"),
            payer=told.get("MedicalTreatment"),
            items=list(_items(told)),
        )
        return Progress({"his": {"bill": bill.model_dump()}}, sums(told))


class VerifyBill(_Trial):
    """What is due after the payment, immediately before settling: the bill may have changed, or be paid at a window."""

    name: ClassVar[str] = "his.verify_bill"

    def fold(self, view: View, reply: Mapping[str, Any]) -> Progress:
        """Keep what is offered, and why it cannot be settled with this payment, if it cannot."""
        told = reply["bill"]
        if told is None:
            gone = Looked(offered=False)
            return Progress({"his": {"looked": gone.model_dump(), "why_not": WhyNot.BILL_GONE, "refusal": None}})
        looked = Looked(
            offered=True, bill_id=told["BILLID"], serial_no=told.get("SERIAL_NO") or None, **amounts_of(told)
        )
        why = _why_not(view, told)
        return Progress({"his": {"looked": looked.model_dump(), "why_not": why, "refusal": None}}, sums(told))


def _why_not(view: View, told: Mapping[str, Any]) -> WhyNot | None:
    his = view.data["his"]
    if marked_as_settled(view, told):
        return WhyNot.BILL_GONE
    if not same_bill(view, told, his["bill"]):
        return WhyNot.BILL_CHANGED
    if Decimal(his["payment"]["money"]) != told["GRZFJE3"]:
        return WhyNot.MONEY_DIFFERS
    return None


def same_bill(view: View, told: Mapping[str, Any], known: Mapping[str, Any]) -> bool:
    """Tell whether a trial offers the bill that is known: its amounts and, unless every trial has its own, its BILLID.

    The flow's setting ``same_bill`` says which (H5): ``bill_id`` or ``amounts``.
    """
    alike = all(told[theirs] == Decimal(str(known[ours])) for ours, theirs in AMOUNTS.items())
    if view.settings.get("same_bill", "bill_id") == "amounts":
        return alike
    return alike and bool(told["BILLID"] == known["bill_id"])


def marked_as_settled(view: View, told: Mapping[str, Any]) -> bool:
    """Tell whether BILLSTATUS has the value that the flow's setting ``settled_status`` names (H6)."""
    mark = str(view.settings.get("settled_status", ""))
    return bool(mark) and told.get("BILLSTATUS") == mark


def amounts_of(reply: Mapping[str, Any]) -> dict[str, Decimal]:
    """Return the three amounts by our names."""
    return {ours: reply[theirs] for ours, theirs in AMOUNTS.items()}


def sums(reply: Mapping[str, Any]) -> tuple[Disagreement, ...]:
    """Return that the total is not fund + personal part, if it is not (H8)."""
    parts = reply["SBZFJE"] + reply["GRZFJE3"]
    if reply["SumFund"] == parts:
        return ()
    return (Disagreement("SumFund = SBZFJE + GRZFJE3", str(parts), str(reply["SumFund"])),)


def _items(told: Mapping[str, Any]) -> Iterator[BillItem]:
    for detail in told.get("FeeDetail", ()):
        for category in detail.get("FeeCat", ()):
            for subtotal in category.get("items", ()):
                for each in subtotal.get("PerItem", ()):
                    yield BillItem(
                        recipe=category.get("Recipe"),
                        category=category.get("FeeCatName"),
                        name=each.get("PerItemName"),
                        specification=each.get("Specification"),
                        count=each.get("PerItemCount"),
                        unit=each.get("PerUnit"),
                        price=each.get("Price"),
                        amount=each.get("PerPrice"),
                    )
