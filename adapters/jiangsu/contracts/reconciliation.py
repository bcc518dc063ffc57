"""1320-1323 (DLL conventions, chapter 3; J31-J34)."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from adapters.jiangsu.contracts.base import Key, Loose, Moment, Received, Sent, Text
from adapters.money import Amount


class PeriodRequest(Sent):
    """The period and whose bills: what all four have in common."""

    stmt_begindate: Moment
    stmt_enddate: Moment
    sign_no: Text = ""
    refd_setl_flag: Annotated[str, Field(pattern="^[01]$")] = "0"
    opter: Text = ""  #: empty = all operators


class Totals(Received):
    """1320: total, paid by the fund, to be paid by the patient."""

    medfee_sumamt: Amount
    hifp_pay: Amount
    psn_cash_pay: Amount


class BillRequest(Sent):
    """1321: one bill, by the hospital's visit number and its bill number."""

    ipt_otp_no: Key
    medrcdno: Key
    opter: Text = ""


class Bill(Totals):
    """1321."""

    ipt_otp_no: Loose
    medrcdno: Loose


class ConfirmRequest(PeriodRequest):
    """1322: the period and the totals that are confirmed (J33)."""

    medfee_sumamt: Amount
    hifp_pay: Amount
    psn_cash_pay: Amount
