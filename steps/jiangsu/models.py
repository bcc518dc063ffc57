"""What a Jiangsu outpatient visit knows, and what the HIS hands over. Sources: 000; DLL conventions, chapter 3."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Self

from pydantic import AfterValidator, AliasChoices, Field, model_validator

from adapters.money import Amount
from steps.jiangsu.base import Code, Model, Prose, Words
from steps.jiangsu.lines import FeeLine, HandedOver, LedgerLine, check_ledger
from steps.jiangsu.times import Moment

#: 2204 takes 30 lines a batch (DLL conventions, 3.3); version 1 of the outpatient flow uploads one batch.
MAX_LINES = 30


def _not_zero(value: str) -> str:
    if not value.strip("0"):
        raise ValueError("expected an invoice number other than 0")
    return value


InvoiceNumber = Annotated[
    str,
    Field(pattern="^[0-9A-Za-z-]{1,64}$", description="发票号 invoice number, not 0"),
    AfterValidator(_not_zero),
]


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


class Discharge(Model):
    """What the trigger ``leave`` brings for an inpatient (DLL conventions, 3.4)."""

    dscg_time: Moment
    dscg_trt_rslt: Annotated[str, Field(min_length=1, max_length=8, description="离院方式 discharge result code")]
    dscg_diagnosis: Words = Field(description="出院诊断编码 discharge diagnosis code")
    dscg_diagnosis_name: str = Field(default="", max_length=200)


class OutpatientRecord(Model):
    """The doctor's words of an outpatient visit (J36)."""

    chief_complaint: Prose
    present_illness: Prose = ""
    past_history: Prose = ""
    physical_exam: Prose = ""
    diag_name: str = Field(default="", max_length=200)
    treatment: Prose


class InpatientRecord(Model):
    """The doctor's words of a stay (J36)."""

    chief_complaint: Prose
    present_illness: Prose = ""
    past_history: Prose = ""
    physical_exam: Prose = ""
    diag_name: str = Field(default="", max_length=200)
    adm_condition: Prose = ""
    treatment_course: Prose
    dscg_condition: Prose
    dscg_orders: Prose = ""


class OutpatientRecordHandedOver(Model):
    """What the trigger ``hand_over_record`` brings for an outpatient."""

    record: OutpatientRecord


class InpatientRecordHandedOver(Model):
    """What the trigger ``hand_over_record`` brings for a stay."""

    record: InpatientRecord


class Registration(Model):
    """What a registration needs; 2203 may change it. The visit's key is the hospital's own number (ipt_otp_no)."""

    visit_type: Annotated[str, Field(max_length=8)] = "1"
    med_type: Annotated[str, Field(pattern="^[0-9]{2}$", description="医疗类别 kind of treatment")] = "11"
    adm_time: Moment
    diagnosis: Words = Field(description="诊断编码 diagnosis code")
    dept_code: Code
    dept_name: Words
    doctor_code: Code
    doctor_name: Words
    tel: str = Field(default="", max_length=32)
    wardarea_name: str = Field(default="", max_length=64, description="病区 ward, inpatients")
    adm_bed: str = Field(default="", max_length=32, description="床号 bed, inpatients")
    ipt_no: str = Field(default="", max_length=64, description="住院号 stay number, inpatients")


class Change(Model):
    """What the trigger ``change_registration`` brings: only what differs (2203)."""

    adm_time: Moment | None = None
    diagnosis: Words | None = None
    dept_code: Code | None = None
    dept_name: Words | None = None
    doctor_code: Code | None = None
    doctor_name: Words | None = None
    tel: Annotated[str, Field(max_length=32)] | None = None
    wardarea_name: Annotated[str, Field(max_length=64)] | None = None
    adm_bed: Annotated[str, Field(max_length=32)] | None = None

    @model_validator(mode="after")
    def _something(self) -> Self:
        if not self.model_fields_set:
            raise ValueError("nothing would change")
        return self


class Person(Model):
    """Who it is: by card or credential, or told by a front end that has read the card before."""

    identify_mode: Annotated[str, Field(pattern="^[12]$", description="1 读卡器 card in the reader, 2 电子凭证 QR")] = (
        "1"
    )
    qr_code_info: Annotated[str, Field(min_length=1, max_length=2000)] | None = None
    psn_no: Code | None = Field(default=None, description="人员编号 from an earlier 1101; then no card is read")
    qualification_id: Annotated[str, Field(max_length=64)] | None = None

    @model_validator(mode="after")
    def _credential(self) -> Self:
        if self.identify_mode == "2" and self.qr_code_info is None:
            raise ValueError("qr_code_info: needed with identify_mode 2")
        return self


class Known(Model):
    """What the centre has told, and what the visit notes of its own."""

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


class Ledger(Model):
    """The part of a visit's data that is its fee ledger, with the rules that hold between lines."""

    fees: dict[Code, LedgerLine] = Field(default_factory=dict)
    batches: int = 0  #: how many 2204 have been answered
    uploading: bool = False  #: a timed upload has begun and has batches left

    @model_validator(mode="after")
    def _lines_agree(self) -> Self:
        check_ledger(self.fees)
        return self


class OutpatientDetails(Person, Registration):
    """What the HIS tells of an outpatient visit, lines apart."""

    med_type: Annotated[str, Field(pattern="^(11|12|13)$", description="11 工伤门诊, 12 职业病门诊, 13 康复门诊")] = (
        "11"
    )
    invoice_no: InvoiceNumber | None = None
    record: OutpatientRecord | None = None


class OutpatientOpening(OutpatientDetails):
    """What an outpatient visit is opened with."""

    fees: HandedOver | None = Field(default=None, validation_alias=AliasChoices("fees", "fee_lines"))


class OutpatientVisit(Ledger, Known, OutpatientDetails):
    """Everything that an outpatient visit may know."""


class InpatientDetails(Person, Registration):
    """What the HIS tells of a stay when it begins, lines apart."""

    visit_type: Annotated[str, Field(max_length=8)] = "2"
    med_type: Annotated[str, Field(pattern="^(21|22|23)$", description="21 工伤住院, 22 职业病住院, 23 康复住院")] = (
        "21"
    )


class InpatientOpening(InpatientDetails):
    """What a stay is opened with."""

    fees: HandedOver | None = Field(default=None, validation_alias=AliasChoices("fees", "fee_lines"))


class InpatientVisit(Ledger, Known, InpatientDetails):
    """Everything that a stay may know."""

    dscg_time: Moment | None = None
    dscg_trt_rslt: str | None = None
    dscg_diagnosis: str | None = None
    dscg_diagnosis_name: str | None = None
    invoice_no: InvoiceNumber | None = None
    record: InpatientRecord | None = None


# -- version 1 of jiangsu.outpatient, for visits that began on it (G7)
class Opening(Person, Registration):
    """What a visit of version 1 was opened with: one list of lines, uploaded at once."""

    med_type: Annotated[str, Field(pattern="^(11|12|13)$")] = "11"
    fee_lines: Lines | None = None
    invoice_no: InvoiceNumber | None = None

    @model_validator(mode="after")
    def _checked(self) -> Self:
        check_lines(self.fee_lines or [])
        return self


class Outpatient(Known, Opening):
    """Everything that a visit of version 1 may know."""


# -- what a person hands over when settling by hand what the centre says by telephone
class RegisteredByHand(Model):
    """Registration: the gateway's visit number."""

    visit_no: Code


class UploadedByHand(Model):
    """Upload: the centre's total of the lines."""

    uploaded_total: Amount


class SettledByHand(Model):
    """Settlement: number and amounts."""

    settle_id: Code
    total_amt: Amount
    fund_amt: Amount
    self_amt: Amount

    @model_validator(mode="after")
    def _agrees(self) -> Self:
        if self.total_amt != self.fund_amt + self.self_amt:
            raise ValueError("total_amt: must be fund_amt + self_amt")
        return self
