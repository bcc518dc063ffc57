"""Deductions and appeals: 9106, 3101 (J37)."""

from __future__ import annotations

from pydantic import Field

from adapters.jiangsu.contracts.base import Key, Loose, Moment, Prose, Received, Sent
from adapters.money import Amount


class DeductionsQuery(Sent):
    """9106."""

    begindate: Moment
    enddate: Moment
    pageNumber: int = 1


class Deduction(Received):
    """One deduction. ``appeal_stas``: 0 none, 1 appealed, 2 accepted, 3 rejected; ``msgid`` of the 3101."""

    deduct_no: Loose = Field(min_length=1)
    ipt_otp_no: Loose
    medrcdno: Loose = ""
    rxno: Loose = ""
    feedetl_sn: Loose = ""
    deduct_amt: Amount
    deduct_reason: Loose = ""
    audit_time: Loose = ""
    appeal_stas: Loose = "0"
    appeal_no: Loose = ""
    msgid: Loose = ""


class Deductions(Received):
    """9106's reply."""

    deductions: list[Deduction]
    pageCount: int = 1


class AppealRequest(Sent):
    """3101."""

    deduct_no: Key
    ipt_otp_no: Key
    appeal_reason: Prose = Field(min_length=1)


class Appeal(Received):
    """3101's reply."""

    appeal_no: Loose = Field(min_length=1)
