"""Invoices and other material: what is handed over, and what it has to come to before it is sent.

The centre wants the full total: the invoices that go with the discharge (110025, 350026; 4.13, 4.26), and before the
application those sent later as well (4.18, 5). A number is used once for ever (4.18). Readings: N76, N77.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Annotated, Any, ClassVar, Self

from pydantic import Field, model_validator

from engine.steps import View
from steps.neimenggu.base import Amount, FileId, Model, money, same, text

INVOICE = "01"  #: FILETYPE 发票; only this kind counts


class Invoice(Model):
    """One invoice or other material; its file was stored before and is named by its id."""

    file: FileId
    invoice_no: str = text(50, "发票/材料编号，永远唯一 number, unique for ever (invoiceNo)")
    amount: Amount = Field(ge=0, description="金额 amount (invoiceMoney)")
    kind: Annotated[str, Field(pattern="^(01|02|03|04|05|99)$", description="材料类型 kind of material (filetype)")] = (
        INVOICE
    )
    type: Annotated[str, Field(pattern="^(pdf|png|img|jpg|bmp|gif)$", description="文件类型 type of file")] = "pdf"
    again: bool = Field(
        default=False,
        description="撤销出院前已用过此编号，已问过社保 the number was used before an undo, and the centre was asked",
    )


class PatientSettlement(Model):
    """What the trigger ``settled_with_patient`` brings: how the HIS has settled with the patient, before 4.13."""

    settlement_number: Annotated[str, Field(min_length=1, max_length=50, description="HIS结算号 settlement number")]
    paid_total: Amount = Field(description="总费用 total")
    paid_by_fund: Amount = Field(ge=0, description="基金支付 paid by the fund; 新发工伤为 0, 0 of a new injury")
    paid_by_patient: Amount = Field(ge=0, description="个人支付 paid by the patient")
    invoices: list[Invoice] = Field(
        default_factory=list, max_length=50, description="电子发票 invoices, for the full total"
    )
    only_invoices: ClassVar[bool] = True  #: 4.13 has no place for other material

    @model_validator(mode="after")
    def _agrees(self) -> Self:
        if self.paid_total != self.paid_by_fund + self.paid_by_patient:
            raise ValueError("paid_total: must be paid_by_fund + paid_by_patient")
        numbers = [each.invoice_no for each in self.invoices]
        if len(set(numbers)) != len(numbers):
            raise ValueError("invoices: a number comes twice")
        if any(each.type != "pdf" for each in self.invoices):
            raise ValueError("invoices: only pdf goes with the discharge; send other files afterwards (4.18)")
        if self.only_invoices and any(each.kind != INVOICE for each in self.invoices):
            raise ValueError("invoices: 4.13 takes invoices only (01); send other material afterwards (4.18)")
        bills = [each.amount for each in self.invoices if each.kind == INVOICE]
        if bills and sum(bills) != self.paid_total:
            raise ValueError(f"invoices: come to {sum(bills)}, the total is {self.paid_total}")
        return self


class OffsiteSettlement(PatientSettlement):
    """The same offsite, where 4.26 takes every kind of material."""

    only_invoices = False


class MaterialHandedOver(Model):
    """What the trigger ``send_material`` brings: one file (4.18)."""

    material: Invoice


class ApplicationSubmitted(Model):
    """What the trigger ``application_submitted`` brings: what was uploaded on the web, where we do not see it."""

    invoices_on_web: Amount | None = Field(
        default=None, ge=0, description="已在网页上传的发票金额 amount of the invoices uploaded on the web"
    )


def used(material: Mapping[str, Any]) -> dict[str, str]:
    """Return what a visit keeps of a material that the centre has."""
    amount = f"{money(material['amount']):f}"
    return {"file": material["file"], "kind": material.get("kind", INVOICE), "amount": amount, "undone": "no"}


def invoiced(sent: Mapping[str, Mapping[str, str]]) -> Decimal:
    """Return what the invoices come to that the centre has of this visit. ``sent`` is the visit's ``sent_material``."""
    standing = (each for each in sent.values() if each.get("undone") == "no" and each.get("kind") == INVOICE)
    return sum((Decimal(each["amount"]) for each in standing), Decimal(0))


def check_sum(material: Invoice, sent: Mapping[str, Mapping[str, str]], total: Decimal | None) -> None:
    """Raise ValueError where an invoice would take the sum over the visit's total (4.18, 5)."""
    if material.kind != INVOICE or total is None:
        return
    before = invoiced(sent)
    if before + material.amount > total:
        raise ValueError(
            f"material: with invoice_no {material.invoice_no} the invoices come to {before + material.amount},"
            f" the total is {total}; {before} of it is with the centre already"
        )


def check_numbers(offered: Iterable[Invoice], sent: Mapping[str, Mapping[str, str]]) -> None:
    """Raise ValueError for a number used before an undo, until somebody has asked (work-injury flows, chapter 4)."""
    for each in offered:
        if sent.get(each.invoice_no, {}).get("undone") == "yes" and not each.again:
            raise ValueError(
                f"invoice_no {each.invoice_no}: sent before the discharge was undone; whether the centre takes it"
                " again is not documented: ask, then hand it over with again: true"
            )


def invoices_come_to_total(view: View) -> bool:
    """Tell whether the centre has invoices for the full total, before the application (4.18, 5).

    What went up on the web is only known from who says so. A visit none of whose invoices went through here is taken at
    its word: all of them are on the web.
    """
    ours, web = invoiced(view.data.get("sent_material") or {}), view.data.get("invoices_on_web")
    total = view.data.get("paid_total")
    if total is None or (not ours and web is None):
        return True
    return same(ours + money(web or 0), money(total))
