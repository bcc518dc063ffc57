"""2209: take back what a message did. J14, J33."""

from __future__ import annotations

from typing import Any

from simulators.jiangsu.centre import Call, Centre
from simulators.jiangsu.fields import text
from simulators.jiangsu.refusals import refuse


def reverse(centre: Centre, call: Call) -> dict[str, Any]:
    """2209: an unknown message is noted, a second time is a success again (J14); not once confirmed (J33)."""
    ledger = centre.ledger
    original = text(call.parameters, "omsgid")
    effects = ledger.effects.get(original, [])
    if any(each.settlement is not None and ledger.confirmed(each.settlement) for each in effects):
        raise refuse("settlement_confirmed")
    ledger.effects.pop(original, None)
    ledger.reversed.add(original)
    for effect in reversed(effects):
        effect.undo(call)
    return {"originalMessageId": original, "found": bool(effects)}
