"""1102, 1106, 1107: special filing and medical records. No source shows a field: J35, J36."""

from __future__ import annotations

from typing import Any

from simulators.jiangsu.centre import Call, Centre
from simulators.jiangsu.fields import day, demand, text
from simulators.jiangsu.ledger import Filing, Record
from simulators.jiangsu.refusals import refuse
from simulators.jiangsu.registration import insured

_FILING = ("outArea", "outHospitalName", "applyReason")
_FILING_MAY_BE_EMPTY = ("transportation", "stateCode")
_RECORD = ("psn_no", "dept_name", "doctor_code", "doctor_name", "chief_complaint", "diag_code", "diag_name")
_RECORD_MAY_BE_EMPTY = ("present_illness", "past_history", "physical_exam")
#: What each kind of record has besides: filled, and perhaps empty.
_RECORDS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "1106": (("visit_time",), ("treatment",)),
    "1107": (("adm_time", "dscg_time"), ("adm_condition", "treatment_course", "dscg_condition", "dscg_orders")),
}


def file(centre: Centre, call: Call) -> dict[str, Any]:
    """1102: for an injury that 1101 shows (J35)."""
    sent = call.parameters
    demand(sent, ("psn_no", "qualification_id", *_FILING), _FILING_MAY_BE_EMPTY)
    for name in ("actualStartTime", "actualEndTime", "applyTime"):
        day(sent, name)
    person = insured(centre, text(sent, "psn_no"))
    if person is None or sent["qualification_id"] not in person.injuries:
        raise refuse("no_injury")
    number = f"B{centre.time():%Y%m%d}{centre.ledger.next():06d}"
    filing = Filing(number, person.psn_no, dict(sent), call.msgid)
    centre.ledger.filings.append(filing)
    centre.effect(call, lambda _by: centre.ledger.filings.remove(filing))
    return {"filing_no": number}


def record(centre: Centre, call: Call) -> None:
    """1106, 1107: one record a visit (J36)."""
    visit = centre.visit(call.parameters)
    filled, maybe_empty = _RECORDS[call.code]
    demand(call.parameters, _RECORD + filled, _RECORD_MAY_BE_EMPTY + maybe_empty)
    if call.parameters["psn_no"] != visit.psn_no:
        raise refuse("no_visit")
    if any(each.visit_no == visit.visit_no for each in centre.ledger.records):
        raise refuse("record_twice")
    new = Record(call.code, visit.visit_no, visit.ipt_otp_no, dict(call.parameters), call.msgid)
    centre.ledger.records.append(new)
    centre.effect(call, lambda _by: centre.ledger.records.remove(new))
