"""Money: 2206, 2207, 2208, 2209, 6101, 9103."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from adapters.jiangsu.contracts.base import DllOnly, Key, Loose, Moment, Received, Sent, Text, VisitRequest
from adapters.money import Amount


class TrialRequest(VisitRequest):
    """2206 (J7); the discharge data only for inpatients (DLL conventions, 3.4; J41)."""

    psn_no: Annotated[Key | None, DllOnly()] = None
    med_type: Annotated[Text | None, DllOnly()] = None
    adm_diag_dscr: Annotated[Text | None, DllOnly()] = None
    dept_code: Annotated[Text | None, DllOnly()] = None
    doctor_code: Annotated[Text | None, DllOnly()] = None

    dscg_time: Moment | None = None
    dscg_trt_rslt: Text | None = None
    diag_code: Text | None = None
    diag_dscr: Text | None = None


class PreSettled(Received):
    """2206 (000; J8)."""

    pre_settle_id: Loose = Field(min_length=1)
    total_amt: Amount
    fund_amt: Amount
    self_amt: Amount


class SettleRequest(TrialRequest):
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
    setl_time: Moment
    keep_tp_type: Annotated[str, Field(pattern="^[01]$")]


class Receipt(Settled):
    """6101 (J12)."""

    mdtrt_id: Loose = ""
    setl_time: Loose = ""
    msgid: Loose = ""


class ReverseRequest(Sent):
    """2209, the gateway's ``reverse`` (000; J14); the DLL also wants the original's number (DLL conventions, 3)."""

    originalMessageId: Annotated[str, Field(min_length=1, max_length=64)]
    oinfno: Annotated[Key | None, DllOnly()] = None
    psn_no: Annotated[Key | None, DllOnly()] = None


class Reversal(Received):
    """2209's reply (J14)."""

    found: bool | None = None


class SettlementsQuery(Sent):
    """9103 (DLL conventions, chapter 3; J38)."""

    begindate: Moment
    enddate: Moment
    pageNumber: int = 1


class SettlementRow(Received):
    """One standing settlement in 9103's reply (J38)."""

    ipt_otp_no: Loose
    medrcdno: Loose
    medfee_sumamt: Amount
    hifp_pay: Amount
    psn_cash_pay: Amount
    msgid: Loose = ""
    setl_time: Loose = ""
    opter: Loose = ""


class SettlementRows(Received):
    """9103's reply (J38)."""

    settlements: list[SettlementRow]
    pageCount: int = 1
