"""The transactions used here: one table, with effect and both contracts. Sources: interface 000; assumptions J1-J24.

What is sent is strict (unknown members refused), what is received is tolerant (unknown members ignored, numbers or
text, names in any letter case).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import AliasChoices, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from adapters.money import Amount, Quantity
from engine.outcomes import Effect

Text = Annotated[str, Field(max_length=200)]
Key = Annotated[str, Field(min_length=1, max_length=64)]
#: Text that a peer may write as a number (DLL conventions, 2.2: psn_no, age and birthday are declared as integers).
Loose = Annotated[str, BeforeValidator(lambda value: str(value) if isinstance(value, int) else value)]


class Sent(BaseModel):
    """Base of what is sent: nothing that the contract does not know."""

    model_config = ConfigDict(extra="forbid")


class Received(BaseModel):
    """Base of what is received (DLL conventions, 2.2).

    Member names in any letter case; unknown members ignored; null is the same as a missing member.
    """

    model_config = ConfigDict(extra="ignore")

    @model_validator(mode="before")
    @classmethod
    def _any_case(cls, value: Any) -> Any:
        if not isinstance(value, Mapping):
            return value
        known = {name.lower(): name for name in cls.model_fields}
        for field in cls.model_fields.values():
            if isinstance(field.validation_alias, AliasChoices):
                known |= {str(alias).lower(): str(alias) for alias in field.validation_alias.choices}
        return {known.get(str(name).lower(), name): item for name, item in value.items() if item is not None}


# -- 000: signin_status, 9001
class Nothing(Sent):
    """No parameters."""


class SignedIn(Received):
    """``signin_status`` (000)."""

    signed_in: bool = Field(validation_alias=AliasChoices("signedIn", "signed_in"))
    sign_no: Loose = Field(default="", validation_alias=AliasChoices("signNo", "sign_no"))
    sign_time: Loose = Field(default="", validation_alias=AliasChoices("signInTime", "sign_time"))


# -- 1101
class CardRequest(Sent):
    """1101: ``identifyMode`` 1 is the card in the reader, 2 an electronic credential (000; J19)."""

    identify_mode: Annotated[str, Field(pattern="^[12]$")]
    qr_code_info: Annotated[str, Field(max_length=2000)] | None = None


class Card(Received):
    """1101 (DLL conventions, 3.1; J23)."""

    psn_no: Loose = Field(min_length=1)
    psn_name: Loose = ""
    certno: Loose = ""
    psn_type: Loose | None = None
    insu_admdvs: Loose | None = None
    inhosp_stas: Loose | None = None
    trt_chk_rslt: Loose | None = None
    exam_ccls: Loose | None = None


# -- 2201, 2202
class RegisterRequest(Sent):
    """2201: the fields of 000 and the hospital's own number (J3)."""

    psn_no: Key
    ipt_otp_no: Key
    visit_type: Text
    med_type: Text
    adm_time: Annotated[str, Field(pattern=r"^\d{14}$")]
    adm_diag_dscr: Text
    dept_code: Text
    dept_name: Text
    doctor_code: Text
    doctor_name: Text
    qualification_id: Text = ""
    tel: Text = ""


class Registered(Received):
    """2201: the gateway's visit number (000)."""

    visit_no: Loose = Field(min_length=1)


class VisitRequest(Sent):
    """A transaction about a visit: both numbers (J3)."""

    visit_no: Key
    ipt_otp_no: Key


class Acknowledged(Received):
    """A reply of which nothing is read."""


# -- 2204, 2205, 9104
class Line(Sent):
    """One fee line of 2204 (DLL conventions, 3.3; J5)."""

    ipt_otp_no: Key
    list_type: Text
    rxno: Key
    feedetl_sn: Key
    fee_ocur_time: Annotated[str, Field(pattern=r"^\d{14}$")]
    med_list_codg: Key
    med_list_name: Text
    pric: Quantity
    cnt: Quantity
    umamt: Amount
    bilg_dr_codg: Text = ""
    bilg_dept_codg: Text = ""
    min_unit: Text = ""
    allSelfFlag: Text = ""


class LinesRequest(VisitRequest):
    """2204."""

    feedetail: Annotated[list[Line], Field(min_length=1, max_length=1000)]


class LineRow(Received):
    """A line as the centre shows it (DLL conventions, 3.3, 9104)."""

    rxno: Loose
    feedetl_sn: Loose
    umamt: Amount
    ownpay_amt: Amount | None = None
    med_list_codg: Loose = ""
    memo: Loose | None = None
    msgid: Loose = ""


class LineRows(Received):
    """2204's and 9104's replies (J5, J13)."""

    lines: list[LineRow]
    pageCount: int = 1


class CancelLinesRequest(VisitRequest):
    """2205: both keys empty = all lines of the visit (DLL conventions, 3; J6)."""

    rxno: Text = ""
    feedetl_sn: Text = ""


class LinesQuery(VisitRequest):
    """9104 (J13)."""

    pageNumber: int = 1


# -- 2206, 2207, 2208, 6101
class PreSettled(Received):
    """2206 (000; J8)."""

    pre_settle_id: Loose = Field(min_length=1)
    total_amt: Amount
    fund_amt: Amount
    self_amt: Amount


class SettleRequest(VisitRequest):
    """2207 (000; J9): ``mdtrt_id`` is the hospital's invoice number."""

    pre_settle_id: Key
    mdtrt_id: Key


class Settled(Received):
    """2207 (000)."""

    settle_id: Loose = Field(min_length=1)
    total_amt: Amount
    fund_amt: Amount
    self_amt: Amount


class CancelSettlementRequest(VisitRequest):
    """2208 (DLL conventions, 3; J11)."""

    settle_id: Key
    mdtrt_id: Key
    setl_time: Annotated[str, Field(pattern=r"^\d{14}$")]
    keep_tp_type: Annotated[str, Field(pattern="^[01]$")]


class Receipt(Settled):
    """6101 (J12)."""

    mdtrt_id: Loose = ""
    setl_time: Loose = ""
    msgid: Loose = ""


# -- reverse, 9105, 1800
class ReverseRequest(Sent):
    """``reverse`` (000; J14)."""

    originalMessageId: Annotated[str, Field(min_length=1, max_length=64)]


class Reversal(Received):
    """``reverse``'s reply (J14)."""

    found: bool | None = None


class VisitsQuery(Sent):
    """9105 (J4)."""

    psn_no: Key


class VisitRow(Received):
    """One registration in 9105's reply (J4)."""

    visit_no: Loose
    ipt_otp_no: Loose
    status: Loose
    msgid: Loose = ""


class VisitRows(Received):
    """9105's reply (J4)."""

    visits: list[VisitRow]


class CentreTime(Received):
    """1800."""

    centre_time: Loose


@dataclass(frozen=True, slots=True)
class Transaction:
    """One row of the table. ``number`` is that of interface 001, or the gateway's action for what is no transaction."""

    operation: str
    number: str
    zh: str
    en: str
    effect: Effect
    request: type[Sent]
    reply: type[Received]


TRANSACTIONS: dict[str, Transaction] = {
    row.operation: row
    for row in (
        Transaction("check_sign_in", "signin_status", "签到检查", "check sign-in", Effect.READ, Nothing, SignedIn),
        Transaction("read_card", "1101", "读卡", "read card", Effect.READ, CardRequest, Card),
        Transaction("register", "2201", "登记", "register", Effect.ONCE, RegisterRequest, Registered),
        Transaction(
            "cancel_registration", "2202", "登记撤销", "cancel registration", Effect.ONCE, VisitRequest, Acknowledged
        ),
        Transaction("upload_lines", "2204", "处方明细上报", "upload lines", Effect.ONCE, LinesRequest, LineRows),
        Transaction(
            "cancel_lines", "2205", "处方明细撤销", "cancel lines", Effect.ONCE, CancelLinesRequest, Acknowledged
        ),
        Transaction("pre_settle", "2206", "费用预结算", "pre-settle", Effect.READ, VisitRequest, PreSettled),
        Transaction("settle", "2207", "费用结算", "settle", Effect.ONCE, SettleRequest, Settled),
        Transaction(
            "cancel_settlement",
            "2208",
            "费用结算撤销",
            "cancel settlement",
            Effect.ONCE,
            CancelSettlementRequest,
            Acknowledged,
        ),
        Transaction("reverse", "reverse", "冲正", "reverse", Effect.KEYED, ReverseRequest, Reversal),
        Transaction("receipt", "6101", "费用结算单据下载", "receipt", Effect.READ, VisitRequest, Receipt),
        Transaction("list_lines", "9104", "处方明细查询", "list lines", Effect.READ, LinesQuery, LineRows),
        Transaction("list_visits", "9105", "近期就诊查询", "list visits", Effect.READ, VisitsQuery, VisitRows),
        Transaction("centre_time", "1800", "中心时间", "centre time", Effect.READ, Nothing, CentreTime),
    )
}

SIGN_IN = "9001"
