"""A visit's fee ledger as people see it: every line with its state, and what the states come to."""

from __future__ import annotations

from collections import Counter
from typing import Any

from engine.errors import BadInput
from engine.plan import call_info
from engine.steps import View
from engine.visit import Visit
from steps.jiangsu.ledger import states, total


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
    return {
        "lines": [
            {
                "line_id": each.line_id,
                "state": each.state.value,
                "umamt": format(each.amount, "f"),
                "med_list_codg": each.content["med_list_codg"],
                "name": each.content["name"],
                "refund_of": each.refund_of,
                "batch": each.batch or None,
                "code": each.code or None,
                "text": each.text or None,
            }
            for each in found
        ],
        "counts": dict(Counter(each.state.value for each in found)),
        "uploaded_total": format(total(found), "f"),
    }
