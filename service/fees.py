"""A visit's fee ledger as people see it: every line with its state, and what the states come to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from engine.errors import BadInput
from engine.plan import call_info
from engine.steps import View
from engine.visit import Visit
from steps.ledger import Entry, total


@dataclass(frozen=True, slots=True)
class _Ledger:
    """How the ledger of one system is shown; ``amount`` and ``item`` are the members of its lines."""

    module: str  #: whose ``states`` tells the lines; imported when a visit of the system is looked at
    amount: str
    item: str
    tells: tuple[str, ...]  #: a visit with one of these members has a ledger

    def states(self, view: View) -> Sequence[Entry]:
        """Return the lines of a visit."""
        told: Callable[[View], Sequence[Entry]] = import_module(self.module).states
        return told(view)


#: First word of a flow's name → its ledger.
_LEDGERS: Mapping[str, _Ledger] = {
    "jiangsu": _Ledger("steps.jiangsu.ledger", "umamt", "med_list_codg", ("fees", "fee_lines", "visit_type")),
    "neimenggu": _Ledger("steps.neimenggu.ledger", "amount", "hospital_code", ("fees", "medical_kind")),
}


def fees_view(visit: Visit) -> dict[str, Any]:
    """Return ``{"lines": [...], "counts": {state: n}, "uploaded_total": "0.00"}``, lines in the order of sending.

    Amount and item of a line go by the system's own names. ``match`` is the catalogue's code, where lines have one.

    Raises:
        BadInput: visits of this flow have no fee ledger.
    """
    ledger = _LEDGERS.get(visit.flow.split(".")[0])
    if ledger is None or not any(name in visit.data for name in ledger.tells):
        raise BadInput(f"visits of {visit.flow} have no fee ledger", field="visit", flow=visit.flow)
    call = None if visit.call is None else call_info(visit.call)
    found = ledger.states(
        View(visit.visit_id, visit.flow, visit.key, visit.state, visit.data, {}, visit.updated_at, subject=call)
    )
    return {
        "lines": [_line(ledger, each) for each in found],
        "counts": dict(Counter(each.state.value for each in found)),
        "uploaded_total": format(total(found), "f"),
    }


def _line(ledger: _Ledger, each: Entry) -> dict[str, Any]:
    shown = {
        "line_id": each.line_id,
        "state": each.state.value,
        ledger.amount: format(each.amount, "f"),
        ledger.item: each.content[ledger.item],
        "name": each.content["name"],
        "refund_of": each.refund_of,
        "batch": each.batch or None,
        "code": each.code or None,
        "text": each.text or None,
    }
    match = each.content.get("match")
    return shown if match is None else shown | {"match": match["alc402"]}
