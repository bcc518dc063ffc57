"""What is said of a visit that did not get where it was wanted: one code, who acts next, and what is legal."""

from __future__ import annotations

import re
from typing import Any

from adapters.jiangsu.transactions import TRANSACTIONS
from engine.actions import legal_actions
from engine.events import Cause, Concluded
from service.gateway.envelope import GatewayError, refused
from service.gateway.front import MAY_GO_ON, Known

_CENTRES = re.compile(r"(3\d{3})(?:/(.*))?")


def stopped(known: Known) -> GatewayError:
    """Return the error for a visit that stands where it is."""
    visit = known.visit
    members: dict[str, Any] = {"visit": known.key, "messageId": newest_message(known), "legal": legal(known)}
    trouble = visit.trouble
    if trouble is None:
        if visit.call is None and visit.run is not None and visit.run.attempts:
            return GatewayError(2001, **members)
        return GatewayError(2003, **members)
    if trouble.cause in (Cause.REFUSED, Cause.UNDO_REFUSED):
        return _refusal(known, members)
    if trouble.cause in MAY_GO_ON:
        return GatewayError(2002, **members)
    return GatewayError(2004, **members, cause=trouble.cause.value)


def _refusal(known: Known, members: dict[str, Any]) -> GatewayError:
    event = next(
        (e for e in reversed(known.events) if isinstance(e, Concluded) and e.outcome == "refused" and e.dest is None),
        None,
    )
    if event is None:
        return GatewayError(2004, **members)
    row = TRANSACTIONS.get(event.operation)
    if event.code == "contract":
        return GatewayError(1007, event.message, **members)
    return refused_by_code(event.code, event.message, "" if row is None else row.number, **members)


def refused_by_code(code: str, text: str, transaction: str, **members: Any) -> GatewayError:
    """Return a refusal by the adapter's code: ``3001/1001`` of the gateway, or a code without a number of 000."""
    found = _CENTRES.fullmatch(code)
    if found is None:
        return refused(3000, code, text, transaction, **members)
    return refused(int(found[1]), found[2] or found[1], text, transaction, **members)


def newest_message(known: Known) -> str:
    """Return the id of the newest message of a visit; the open call's, if there is one."""
    if known.visit.call is not None:
        return known.visit.call.message_id
    found = (str(getattr(event, "message_id", "")) for event in reversed(known.events))
    return next((each for each in found if each), "")


def legal(known: Known) -> list[str]:
    """Return what a supervisor or the HIS may do now."""
    return [f"{each.kind.value} {each.target}".strip() for each in legal_actions(known.flow, known.visit)]
