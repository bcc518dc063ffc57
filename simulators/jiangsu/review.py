"""9106, 3101: what review took off, and the appeal against it. J37."""

from __future__ import annotations

from typing import Any

from simulators.jiangsu.centre import Call, Centre
from simulators.jiangsu.fields import moment, paged, text
from simulators.jiangsu.refusals import refuse

_SHOWN = (
    *("deduct_no", "ipt_otp_no", "medrcdno", "rxno", "feedetl_sn", "deduct_amt", "deduct_reason"),
    *("audit_time", "appeal_stas", "appeal_no", "msgid"),
)


def list_deductions(centre: Centre, call: Call) -> dict[str, Any]:
    """9106: by audit_time, both ends included."""
    begin, end = moment(call.parameters, "begindate"), moment(call.parameters, "enddate")
    rows = [
        {name: getattr(each, name) for name in _SHOWN}
        for each in centre.ledger.deductions.values()
        if begin <= each.audit_time <= end
    ]
    return paged("deductions", rows, call.parameters)


def appeal(centre: Centre, call: Call) -> dict[str, Any]:
    """3101: once a deduction."""
    number, reason = text(call.parameters, "ipt_otp_no"), text(call.parameters, "appeal_reason")
    deduction = centre.ledger.deductions.get(text(call.parameters, "deduct_no"))
    if deduction is None or deduction.ipt_otp_no != number:
        raise refuse("no_deduction")
    if deduction.appeal_stas != "0":
        raise refuse("appealed_already")
    deduction.appeal_stas, deduction.appeal_reason, deduction.msgid = "1", reason, call.msgid
    deduction.appeal_no = f"A{centre.time():%Y%m%d}{centre.ledger.next():06d}"

    def undo(_call: Call) -> None:
        deduction.appeal_stas, deduction.appeal_reason, deduction.msgid, deduction.appeal_no = "0", "", "", ""

    centre.effect(call, undo)
    return {"appeal_no": deduction.appeal_no}
