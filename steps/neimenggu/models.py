"""What an Inner Mongolia visit is opened with, what the HIS hands over later, and all that it may know.

Sources: 002, 4.3-4.29; code tables of 5.1 where a field names one.
"""

from __future__ import annotations

from typing import Annotated, Any, Self

from pydantic import AliasChoices, Field, model_validator

from steps.neimenggu.base import Amount, Day, LineAmount, Model, optional, text
from steps.neimenggu.invoices import Invoice, check_numbers, check_sum
from steps.neimenggu.lines import HandedOver, Ledger, Orders
from steps.neimenggu.record import Record

CardNumber = Annotated[str, Field(min_length=1, max_length=9, description="社保卡卡号 card number (aaz500)")]
Diagnosis = Annotated[str, Field(min_length=1, max_length=20, pattern="^[^,，]*$", description="病种编码 code")]
Diagnoses = Annotated[
    list[Diagnosis], Field(min_length=1, max_length=10, description="病种编码 diagnosis codes (alc028)")
]
#: At most so many injuries, applications and filings of one person are kept; the centre has never listed so many.
MOST_LISTED = 200
Listed = Annotated[list[dict[str, Any]], Field(max_length=MOST_LISTED)]


# -- opening
class Card(Model):
    """A card that is checked before anything else (4.19), or read (4.29)."""

    card_number: CardNumber
    card_identifier: str = text(32, "卡识别码 card identifier (aaz501)")


class Person(Model):
    """Who it is, and the card or QR code, if one is to be checked."""

    identity_number: str = text(18, "身份证号/社会保障号码 identity number (aac002)", least=15)
    person_name: str = text(30, "姓名 name (aac003)")
    card: Card | None = Field(default=None, description="实体社保卡 card to be checked")
    qr_code: Annotated[str, Field(min_length=1, max_length=22, description="电子社保卡二维码 QR code")] | None = None


class Stay(Model):
    """What a registration needs beside person and injury."""

    treatment_kind: Annotated[str, Field(pattern="^[47]$", description="4 康复, 7 治疗 (akc191)")] = "7"
    admitted_on: Day
    diseases: Diagnoses
    department: str = text(30, "科室 department")
    doctor: str = text(20, "主治医师 physician (ysbm)")
    card_number: Annotated[str, Field(max_length=20, description="社保卡卡号 card number (sbkid)")] | None = None
    ward: str = optional(30, "病房 ward")
    bed: str = optional(30, "床位号 bed")


class Handed(Model):
    """What may be handed over at once or later."""

    fees: HandedOver | None = Field(default=None, validation_alias=AliasChoices("fees", "fee_lines"))
    orders: Orders | None = None


class InjuryChoice(Model):
    """Which of the listed injuries it is: by certificate, or the new one; ``employer`` tells new ones apart."""

    certificate: Annotated[str, Field(max_length=100, description="认定书号 certificate (alca02)")] | None = None
    new_injury: bool | None = Field(default=None, description="新发工伤 the record without a certificate")
    employer: Annotated[str, Field(max_length=30, description="单位编号 employer (aab001)")] | None = None

    @model_validator(mode="after")
    def _one_of_two(self) -> Self:
        if self.certificate is not None and self.new_injury:
            raise ValueError("certificate: a new injury has none")
        return self


class InjuryChosen(InjuryChoice):
    """What the trigger ``choose_injury`` brings."""

    @model_validator(mode="after")
    def _something(self) -> Self:
        if not self.certificate and not self.new_injury and not self.employer:
            raise ValueError("certificate: expected a certificate, or new_injury: true")
        return self


class TreatmentChosen(Model):
    """What the trigger ``choose_treatment`` brings: the number of the application that a person chose (4.4, 6)."""

    application: Annotated[str, Field(min_length=1, max_length=20, description="继续治疗申请编号 (aae073)")]


class AskedFor(Model):
    """What the trigger ``ask_for_upload`` brings: who at the agency wants a new injury uploaded."""

    asked_for_by: str = text(100, "社保经办人或通知 who asked for it")


class LocalDetails(InjuryChoice, Person, Stay):
    """What the HIS tells of a person insured in Inner Mongolia, lines apart."""

    sex: Annotated[str, Field(pattern="^[12]$", description="性别 1 男 male, 2 女 female (aac004)")]
    application: (
        Annotated[str, Field(max_length=20, description="继续治疗申请编号 (aae073), if chosen already")] | None
    ) = None
    self_paid_by: (
        Annotated[str, Field(pattern="^[012]$", description="自付部分 0 医院 1 单位 2 个人 (akc666)")] | None
    ) = None
    remark: str = optional(200, "备注 remark (bz)")


def _needs_bed(stay: Stay) -> None:
    """Raise ValueError unless an inpatient has ward and bed (4.8, 310007, 310009)."""
    for name in ("ward", "bed"):
        if not getattr(stay, name):
            raise ValueError(f"{name}: needed of inpatients")


class InpatientDetails(LocalDetails):
    """What the HIS tells of a stay when it begins, lines apart."""

    medical_kind: Annotated[str, Field(pattern="^21$", description="21 住院 (aka130)")] = "21"

    @model_validator(mode="after")
    def _has_bed(self) -> Self:
        _needs_bed(self)
        return self


class InpatientOpening(InpatientDetails, Handed):
    """What a stay is opened with."""


class OutpatientDetails(LocalDetails):
    """What the HIS tells of an outpatient visit, lines apart."""

    medical_kind: Annotated[str, Field(pattern="^11$", description="11 门诊 (aka130)")] = "11"


class OutpatientOpening(OutpatientDetails, Handed):
    """What an outpatient visit is opened with."""


class OffsiteDetails(Person, Stay):
    """What the HIS tells of a person insured in another province, lines apart."""

    medical_kind: Annotated[str, Field(pattern="^7[12]$", description="71 门诊, 72 住院 (aka1300)")] = "72"
    certificate: Annotated[str, Field(max_length=100, description="认定书号 certificate (alc011)")] | None = None
    diagnosis: str = optional(30, "入院诊断编码 code of the admission diagnosis")
    diagnosis_words: str = optional(200, "入院诊断说明 words of the admission diagnosis")

    @model_validator(mode="after")
    def _has_card(self) -> Self:
        if self.medical_kind == "72":
            _needs_bed(self)
        if self.card is None and self.qr_code is None and not self.card_number:
            raise ValueError("card_number: an offsite registration needs it; hand over card, qr_code or card_number")
        return self


class OffsiteOpening(OffsiteDetails, Handed):
    """What an offsite visit is opened with."""


class FilingChosen(Model):
    """What the trigger ``choose_filing`` brings: the certificate of the filing that fits."""

    certificate: Annotated[str, Field(min_length=1, max_length=100, description="认定书号 certificate (alc011)")]


# -- discharge
class Discharge(Record):
    """What the trigger ``leave`` brings: how the stay ended, and its medical record (4.13, 4.26)."""

    discharged_on: Day
    discharge_reason: Annotated[
        str, Field(pattern="^[12349]$", description="1 康复 2 转院 3 死亡 4 市内转院结算 9 其它 (akc195)")
    ]
    discharge_diagnoses: Diagnoses
    discharge_words: str = optional(255, "出院诊断说明，异地必填 words of the diagnosis, needed offsite")
    stay_days: Annotated[int, Field(ge=0, le=3660, description="住院天数 days of the stay (ints)")] | None = None
    settlement_number: Annotated[str, Field(min_length=1, max_length=50, description="HIS结算号 (aaca07)")] | None = (
        None
    )


# -- everything
class Known(Ledger):
    """What the centre has told, and what the visit notes of its own; the same locally and offsite."""

    card_valid: bool | None = None
    registered: bool = False
    # how it ended
    discharged_on: Day | None = None
    discharge_reason: str | None = None
    discharge_diagnoses: list[str] | None = None
    discharge_words: str | None = None
    stay_days: int | None = None
    record: dict[str, list[dict[str, str]]] | None = None
    settlement_number: str | None = None
    # fees
    approved_total: LineAmount | None = None
    sheet: dict[str, Any] | None = Field(default=None, description="结算单 the last settlement sheet (4.16)")
    sheets: int = 0  #: how many were fetched
    paid_total: Amount | None = None
    paid_by_fund: Amount | None = None
    paid_by_patient: Amount | None = None
    invoices: list[Invoice] | None = None
    # afterwards
    discharged: bool = False
    material: Invoice | None = None
    sent_material: dict[str, dict[str, str]] = Field(
        default_factory=dict, description="已上传材料，按编号 material that the centre has, by number"
    )
    invoices_on_web: Amount | None = None
    final: dict[str, str] | None = Field(default=None, description="最终金额 final amounts")

    @model_validator(mode="after")
    def _material_fits(self) -> Self:
        """Refuse what the centre has already, would take for used, or what leads over the total."""
        if self.material is not None:
            number = self.material.invoice_no
            if self.sent_material.get(number, {}).get("undone") == "no":
                raise ValueError(f"material: the centre has invoice_no {number} of this visit already")
            check_sum(self.material, self.sent_material, self.paid_total)
        check_numbers([*(self.invoices or ()), *((self.material,) if self.material else ())], self.sent_material)
        return self


class _LocalKnown(Known):
    injuries: Listed | None = None
    injury: dict[str, Any] | None = None
    treatments: Listed | None = None
    treatment: dict[str, Any] | None = None
    reports: Listed | None = None
    asked_for_by: str | None = None
    drug_share: dict[str, str | int | bool] | None = None


class InpatientVisit(_LocalKnown, InpatientDetails):
    """Everything that a stay may know."""


class OutpatientVisit(_LocalKnown, OutpatientDetails):
    """Everything that an outpatient visit may know."""


class OffsiteVisit(Known, OffsiteDetails):
    """Everything that an offsite visit may know."""

    filings: Listed | None = None
    filing: dict[str, Any] | None = None


# -- what a person hands over when settling by hand what the centre says by telephone
class UploadedByHand(Model):
    """Upload: the centre's total of the visit's lines."""

    uploaded_total: LineAmount


class ApprovedByHand(Model):
    """Approval: the centre's total."""

    approved_total: LineAmount


class SheetByHand(Model):
    """Settlement sheet: what it says."""

    total: LineAmount
    fund: LineAmount
    self_paid: LineAmount
    reviewed: bool = False
