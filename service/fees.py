"""A visit's fee ledger as people see it: every line with its state, and what the states come to."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal
from typing import Any

from engine.errors import BadInput
from engine.plan import call_info
from engine.steps import View
from engine.visit import Visit
from steps.jiangsu.ledger import states


def fees_view(visit: Visit) -> dict[str, Any]:
    """Return ``{"lines": [...], "counts": {state: n}, "uploaded_total": "0.00"}``, lines in the order of sending.

    Raises:
        BadInput: visits of this flow have no fee ledger.
    """
    if "fees" not in visit.data and "fee_lines" not in visit.data and "visit_type" not in visit.data:
        raise BadInput(f"visits of {visit.flow} have no fee ledger", field="visit", flow=visit.flow)
    call = None if visit.call is None else call_info(visit.call)
    found = states(
        View(visit.visit_id, visit.flow, visit.key, visit.state, visit.data, {}, visit.updated_at, subject=call)
    )
    uploaded = sum((each.line.umamt for each in found if each.state == "uploaded"), Decimal("0.00"))
    return {
        "lines": [
            {
                "line_id": each.line_id,
                "state": each.state.value,
                "umamt": format(each.line.umamt, "f"),
                "med_list_codg": each.line.med_list_codg,
                "name": each.line.name,
                "refund_of": each.line.refund_of,
                "batch": each.batch or None,
                "code": each.code or None,
                "text": each.text or None,
            }
            for each in found
        ],
        "counts": dict(Counter(each.state.value for each in found)),
        "uploaded_total": format(uploaded, "f"),
    }
