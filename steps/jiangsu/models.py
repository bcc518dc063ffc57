"""What a Jiangsu outpatient visit knows, and what the HIS hands over. Sources: 000; DLL conventions, chapter 3."""

from __future__ import annotations

import datetime
from decimal import Decimal
from typing import Annotated, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from adapters.money import Amount, Quantity, round_cents

#: 2204 takes 30 lines a batch (DLL conventions, 3.3); an outpatient visit uploads one batch.
MAX_LINES = 30

_Code = Annotated[str, Field(min_length=1, max_length=64)]
_Words = Annotated[str, Field(min_length=1, max_length=200)]


def _moment(value: str) -> str:
    try:
        datetime.datetime.strptime(value, "%Y%m%d%H%M%S")
    except ValueError:
        raise ValueError("expected yyyyMMddHHmmss, for example 20261120083000") from None
    return value


Moment = Annotated[
    str, AfterValidator(_moment), Field(min_length=14, max_length=14, description="yyyyMMddHHmmss 时间, Asia/Shanghai")
]


def _not_zero(value: str) -> str:
    if not value.strip("0"):
        raise ValueError("expected an invoice number other than 0")
    return value


InvoiceNumber = Annotated[
    str,
    Field(pattern="^[0-9A-Za-z-]{1,64}$", description="发票号 invoice number, not 0"),
    AfterValidator(_not_zero),
]


class Model(BaseModel):
    """Base: unknown fields are refused."""

    model_config = ConfigDict(extra="forbid")


class FeeLine(Model):
    """One charge (DLL conventions, 3.3). The keys are the HIS's own and never change."""

    rxno: _Code = Field(description="处方号 prescription number")
    feedetl_sn: _Code = Field(description="明细序号 line number within the visit")
    list_type: _Code = Field(description="目录类别 catalogue class")
    med_list_codg: _Code = Field(description="中心目录编码 the centre's catalogue code")
    name: _Words = Field(description="项目名称 name of the item")
    pric: Quantity = Field(description="单价 price, at most 4 decimals")
    cnt: Quantity = Field(description="数量 quantity, at most 4 decimals")
    umamt: Amount = Field(description="金额 amount = price × quantity, rounded half up to cents")
    fee_ocur_time: Moment
    doctor_code: str = Field(default="", max_length=64)
    dept_code: str = Field(default="", max_length=64)
    all_self: bool = Field(default=False, description="全自费 wholly self-paid")

    @model_validator(mode="after")
    def _amount_agrees(self) -> Self:
        if self.umamt != round_cents(self.pric * self.cnt):
            raise ValueError(f"umamt: expected price × quantity = {round_cents(self.pric * self.cnt)}")
        if self.umamt == 0:
            raise ValueError("umamt: a line of 0 is never sent")
        return self


Lines = Annotated[list[FeeLine], Field(min_length=1, max_length=MAX_LINES)]


def check_lines(lines: list[FeeLine]) -> None:
    """Raise ValueError unless line keys are unique and the batch does not sum to zero.

    Whether a batch that sums to zero arrived could not be told from the totals.
    """
    keys = [(line.rxno, line.feedetl_sn) for line in lines]
    if len(set(keys)) != len(keys):
        raise ValueError("fee_lines: rxno and feedetl_sn must be unique within the visit")
    if lines and total_of(lines) == 0:
        raise ValueError("fee_lines: a batch must not sum to zero")


def total_of(lines: list[FeeLine]) -> Decimal:
    """Return the sum of the lines' amounts."""
    return sum((line.umamt for line in lines), Decimal("0.00"))


class FeeLines(Model):
    """What the trigger ``upload`` brings."""

    fee_lines: Lines

    @model_validator(mode="after")
    def _checked(self) -> Self:
        check_lines(self.fee_lines)
        return self


class Invoice(Model):
    """What the trigger ``settle`` brings: the hospital's bill number, not 0 (DLL conventions, 3.4)."""

    invoice_no: InvoiceNumber


class Opening(Model):
    """What a visit is opened with. The visit's key is the hospital's own number (ipt_otp_no)."""

    identify_mode: Annotated[str, Field(pattern="^[12]$", description="1 读卡器 card in the reader, 2 电子凭证 QR")] = (
        "1"
    )
    qr_code_info: Annotated[str, Field(min_length=1, max_length=2000)] | None = None
    visit_type: Annotated[str, Field(max_length=8)] = "1"
    med_type: Annotated[str, Field(pattern="^(11|12|13)$", description="11 工伤门诊, 12 职业病门诊, 13 康复门诊")] = (
        "11"
    )
    adm_time: Moment
    diagnosis: _Words = Field(description="诊断编码 diagnosis code")
    dept_code: _Code
    dept_name: _Words
    doctor_code: _Code
    doctor_name: _Words
    tel: str = Field(default="", max_length=32)
    fee_lines: Lines | None = None
    invoice_no: InvoiceNumber | None = None

    @model_validator(mode="after")
    def _checked(self) -> Self:
        if self.identify_mode == "2" and self.qr_code_info is None:
            raise ValueError("qr_code_info: needed with identify_mode 2")
        check_lines(self.fee_lines or [])
        return self


class Outpatient(Opening):
    """Everything that an outpatient visit may know."""

    sign_no: str | None = None
    psn_no: str | None = None
    psn_name: str | None = None
    psn_type: str | None = None
    insu_admdvs: str | None = None
    qualification_id: str | None = None
    visit_no: str | None = None
    uploaded_total: Amount | None = None
    pre_settle_id: str | None = None
    pre_total: Amount | None = None
    pre_fund: Amount | None = None
    pre_self: Amount | None = None
    settle_id: str | None = None
    total_amt: Amount | None = None
    fund_amt: Amount | None = None
    self_amt: Amount | None = None
    receipt_time: str | None = None


# -- what a person hands over when settling by hand what the centre says by telephone
class RegisteredByHand(Model):
    """Registration: the gateway's visit number."""

    visit_no: _Code


class UploadedByHand(Model):
    """Upload: the centre's total of the lines."""

    uploaded_total: Amount


class SettledByHand(Model):
    """Settlement: number and amounts."""

    settle_id: _Code
    total_amt: Amount
    fund_amt: Amount
    self_amt: Amount

    @model_validator(mode="after")
    def _agrees(self) -> Self:
        if self.total_amt != self.fund_amt + self.self_amt:
            raise ValueError("total_amt: must be fund_amt + self_amt")
        return self
