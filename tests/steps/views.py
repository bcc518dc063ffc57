"""Visits as the steps see them."""

from __future__ import annotations

import json
from typing import Any

from engine.environment import SECOND
from engine.facts import normalise
from engine.outcomes import Category, Effect, Refused
from engine.steps import CallInfo, View
from steps.jiangsu import STEPS
from steps.jiangsu.lines import FeeLine
from steps.jiangsu.models import OutpatientVisit
from tests.people import identity_number, name

KEY = "MZ0001"
PERSON = identity_number(1)
LOST = "H0000120241201103000010001"
LATER = "H0000120241201103500010002"
NOW = 1_733_020_200 * SECOND  # 2024-12-01 10:30:00 in Shanghai

LINES: list[dict[str, Any]] = [
    {
        "rxno": "RX1",
        "feedetl_sn": str(number),
        "list_type": "1",
        "med_list_codg": f"00{number}",
        "name": item,
        "pric": price,
        "cnt": "1",
        "umamt": price,
        "fee_ocur_time": "20241201103000",
    }
    for number, item, price in ((1, "拍片费", "120.00"), (2, "诊疗费", "15.00"))
]
OPENING: dict[str, Any] = {
    "identify_mode": "1",
    "adm_time": "20241201103000",
    "diagnosis": "S62.600",
    "dept_code": "001",
    "dept_name": "骨科",
    "doctor_code": "DOC001",
    "doctor_name": "张主任",
}
#: The ledger before and after both lines were uploaded.
PENDING = {f"RX1-{line['feedetl_sn']}": line | {"line_id": f"RX1-{line['feedetl_sn']}"} for line in LINES}
UPLOADED = {
    line_id: line | {"outcome": "uploaded", "sent": FeeLine.model_validate(line).digest(), "batch": 1}
    for line_id, line in PENDING.items()
}
PRE = {"pre_settle_id": "PS1", "pre_total": "135.00", "pre_fund": "108.00", "pre_self": "27.00"}
SETTLEMENT = {"settle_id": "S1", "total_amt": "135.00", "fund_amt": "108.00", "self_amt": "27.00"}
#: What a visit knows when all is done.
DATA: dict[str, Any] = {
    **OPENING,
    "visit_type": "1",
    "med_type": "11",
    "psn_no": PERSON,
    "psn_name": name(1),
    "qualification_id": "Q1",
    "visit_no": "V1",
    "fees": UPLOADED,
    "batches": 1,
    "uploaded_total": "135.00",
    **PRE,
    "invoice_no": "INV1",
    **SETTLEMENT,
}


def view(without: tuple[str, ...] = (), settings: dict[str, Any] | None = None, **data: Any) -> View:
    """Return a visit that is done, but for what ``without`` names; without its total no line is uploaded."""
    known = {key: value for key, value in (DATA | data).items() if key not in without and value is not None}
    if "uploaded_total" not in known and "fees" not in data:
        known |= {"fees": PENDING, "batches": 0}
    OutpatientVisit.model_validate(known)
    return View("id", "jiangsu.outpatient", KEY, "settled", known, settings or {"keep_lines": True}, NOW)


def about(operation: str, seen: View, message_id: str = LOST) -> View:
    """Return ``seen`` with its ``operation`` in doubt; the visit knows what it knew when the call was made."""
    steps = {
        STEPS[each]().operation: STEPS[each]()
        for each in STEPS
        if hasattr(STEPS[each], "fold") and not each.startswith("single_")
    }
    before = view(without=("uploaded_total",)) if operation == "upload_lines" else view()
    request = json.loads(json.dumps(normalise(dict(steps[operation].request(before)))))
    call = CallInfo("call", "trigger", operation, Effect.ONCE, message_id, request, NOW)
    return View(seen.visit_id, seen.flow, seen.key, seen.state, seen.data, seen.settings, seen.now, call)


def refusal(code: str, category: Category) -> Refused:
    return Refused(code, "", category)
