"""What a visit knows of the hospital's own bill. Sources: interface 004; assumptions H4-H15.

Everything stands under one member, ``his``: so a flow of another system can take these steps in, with a data model that
inherits from :class:`Visit` beside its own (docs/his.md).
"""

from __future__ import annotations

import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from adapters.money import Amount


class Model(BaseModel):
    """Base: unknown fields are refused."""

    model_config = ConfigDict(extra="forbid")


def _day(value: str) -> str:
    if len(value) != 10:
        raise ValueError("expected yyyy-MM-dd, for example 2026-11-20")
    datetime.date.fromisoformat(value)
    return value


def _time(value: str) -> str:
    if len(value) != 8:
        raise ValueError("expected HH:mm:ss, for example 10:31:00")
    datetime.time.fromisoformat(value)
    return value


Code = Annotated[str, Field(min_length=1, max_length=64)]
Words = Annotated[str, Field(min_length=1, max_length=200)]
Due = Annotated[Amount, Field(ge=0)]


class Patient(Model):
    """Whose bill it is."""

    reg_no: Code = Field(description="挂号号 registration")
    reg_ser_no: Code | None = Field(default=None, description="就诊号, where it is not the registration's number (H9)")
    card_no: Code | None = Field(default=None, description="病人卡号 card; may come with the payment")
    social_security_card: Code | None = Field(default=None, description="社保卡号")


class BillItem(Model):
    """One line of a bill, as the HIS prints it; nothing is computed with it."""

    recipe: str | None = None
    category: str | None = None
    name: str | None = None
    specification: str | None = None
    count: str | None = None
    unit: str | None = None
    price: str | None = None  #: 项目单价: ``Price``
    amount: str | None = None  #: 单项金额: ``PerPrice``


class Bill(Model):
    """What the trial offered when it was last asked for the patient to see."""

    bill_id: Code
    serial_no: str | None = Field(default=None, description="就医登记号")
    total: Amount
    fund: Amount
    personal: Amount
    status: str | None = None
    date: str | None = None
    department: str | None = None
    doctor: str | None = None
    fee_type: str | None = None
    payer: str | None = None
    items: list[BillItem] = []


class Looked(Model):
    """What the trial offered after the payment, immediately before settling."""

    offered: bool
    bill_id: str | None = None
    serial_no: str | None = None
    total: Amount | None = None
    fund: Amount | None = None
    personal: Amount | None = None


class Payment(Model):
    """What the patient has paid, by whichever way: a fact, also when it does not fit the bill."""

    pay_way: Words = Field(description="支付方式")
    pay_no: Words = Field(description="支付账号")
    serial_number: Words = Field(description="交易流水号 number of the payment")
    pay_date: Annotated[str, AfterValidator(_day)] = Field(description="支付日期 yyyy-MM-dd")
    pay_time: Annotated[str, AfterValidator(_time)] = Field(description="支付时间 HH:mm:ss")
    money: Due = Field(description="金额 what was paid")
    card_no: Code | None = Field(default=None, description="病人卡号, unless it was told before")


class Receipt(StrEnum):
    """Whether the HIS's own receipt is known."""

    COMPLETE = "complete"
    BY_HAND = "by_hand"  #: a person has read it out
    MISSING = "missing"  #: the answer was lost: amounts are the trial's, number and invoice are not known


class Settlement(Model):
    """What the HIS has settled."""

    receipt: Receipt
    total: Amount
    fund: Amount
    personal: Amount
    check_out_no: str | None = Field(default=None, description="HIS结算单号")
    ser_no: str | None = Field(default=None, description="发票号 invoice")
    places: list[dict[str, str]] = Field(default=[], description="window, queue, kind, order: where to go now")


class Refusal(Model):
    """Why the HIS did not settle, in its words."""

    code: str
    message: str


class Refund(Model):
    """The payment was given back."""

    refund_no: Words = Field(description="退款单号 number of the refund")
    money: Due


class WhyNot(StrEnum):
    """Why a payment cannot be settled."""

    BILL_GONE = "bill_gone"  #: settled elsewhere, or withdrawn
    BILL_CHANGED = "bill_changed"
    MONEY_DIFFERS = "money_differs"
    REFUSED = "refused"


class HisPart(Patient):
    """Everything that a visit may know under ``his``."""

    bill: Bill | None = None
    payment: Payment | None = None
    looked: Looked | None = None
    why_not: WhyNot | None = None
    settlement: Settlement | None = None
    refusal: Refusal | None = None
    refund: Refund | None = None

    @model_validator(mode="after")
    def _agrees(self) -> Self:
        if self.payment is not None and self.card_no is None and self.payment.card_no is None:
            raise ValueError("card_no: needed with the payment, or at opening")
        paid = None if self.payment is None else self.payment.money
        if self.refund is not None and self.refund.money != (paid or Decimal(0)):
            raise ValueError("refund.money: must be what was paid")
        return self


class Opening(Model):
    """What a visit is opened with. Its key is the caller's: one key a bill, the same one for every repeat."""

    his: Patient


class Visit(Model):
    """Everything that a visit may know."""

    his: HisPart


class PaidPart(Model):
    """See :class:`Paid`."""

    payment: Payment


class Paid(Model):
    """What the trigger ``paid`` brings."""

    his: PaidPart


class RefundedPart(Model):
    """See :class:`Refunded`."""

    refund: Refund


class Refunded(Model):
    """What the trigger ``refunded`` brings."""

    his: RefundedPart


class FoundSettlement(Model):
    """What the HIS's people read out of their books."""

    receipt: Literal[Receipt.BY_HAND] = Receipt.BY_HAND
    check_out_no: Code
    ser_no: str | None = Field(default=None, max_length=64)
    total: Amount
    fund: Amount
    personal: Amount


class FoundPart(Model):
    """See :class:`FoundSettled`."""

    settlement: FoundSettlement


class FoundSettled(Model):
    """What a person hands over who has asked the HIS's people: the settlement, with its number and amounts."""

    his: FoundPart
