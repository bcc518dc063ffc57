"""Card, registration, fee lines, records: 1101, 1102, 1106, 1107, 2201-2205, 9104, 9105."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from adapters.jiangsu.contracts.base import Day, Key, Loose, Moment, Prose, Received, Sent, Text, VisitRequest
from adapters.money import Amount, Quantity


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
    gend: Loose | None = None
    age: Loose | None = None
    birthday: Loose | None = None
    emp_name: Loose | None = None
    psn_type: Loose | None = None
    insu_admdvs: Loose | None = None
    inhosp_stas: Loose | None = None
    trt_chk_rslt: Loose | None = None
    exam_ccls: Loose | None = None


# -- 1102
class FilingRequest(Sent):
    """1102, with the fields that were seen under the earlier number 2301 (DLL conventions, chapter 3; J35)."""

    psn_no: Key
    qualification_id: Key
    actualStartTime: Day
    actualEndTime: Day
    applyTime: Day
    outArea: Text
    outHospitalName: Text
    applyReason: Prose
    transportation: Text = ""
    stateCode: Text = ""


class Filing(Received):
    """1102: a filing number, if the centre gives one (J35)."""

    filing_no: Loose = ""


# -- 2201, 2202, 2203
class RegistrationData(Sent):
    """What 2201 and 2203 have in common (000; DLL conventions, 3.2; J3, J30)."""

    ipt_otp_no: Key
    visit_type: Text
    med_type: Text
    adm_time: Moment
    adm_diag_dscr: Text
    dept_code: Text
    dept_name: Text
    doctor_code: Text
    doctor_name: Text
    tel: Text = ""
    wardarea_name: Text = ""
    adm_bed: Text = ""
    ipt_no: Text = ""


class RegisterRequest(RegistrationData):
    """2201: the fields of 000 and the hospital's own number (J3)."""

    psn_no: Key
    qualification_id: Text = ""


class Registered(Received):
    """2201: the gateway's visit number (000)."""

    visit_no: Loose = Field(min_length=1)


class ChangeRequest(RegistrationData):
    """2203: the same data again, without person and injury; overwrites (DLL conventions, chapter 3; J30)."""

    visit_no: Key


# -- 2204, 2205, 9104
class Line(Sent):
    """One fee line of 2204 (DLL conventions, 3.3; J5)."""

    ipt_otp_no: Key
    list_type: Text
    rxno: Key
    feedetl_sn: Key
    fee_ocur_time: Moment
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


# -- 9105
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


# -- 1106, 1107
class RecordRequest(VisitRequest):
    """What the two medical records have in common (J36)."""

    psn_no: Key
    dept_name: Text
    doctor_code: Text
    doctor_name: Text
    chief_complaint: Prose
    present_illness: Prose = ""
    past_history: Prose = ""
    physical_exam: Prose = ""
    diag_code: Text
    diag_name: Text = ""


class OutpatientRecordRequest(RecordRequest):
    """1106 (J36)."""

    visit_time: Moment
    treatment: Prose


class InpatientRecordRequest(RecordRequest):
    """1107 (J36)."""

    adm_time: Moment
    dscg_time: Moment
    adm_condition: Prose = ""
    treatment_course: Prose
    dscg_condition: Prose
    dscg_orders: Prose = ""
