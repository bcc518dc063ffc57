"""``reverse``: by the message id that our replies carry. The engine undoes what is a visit's; the rest goes as 2209."""

from __future__ import annotations

import re
from typing import Any

from adapters.jiangsu.transactions import TRANSACTIONS
from engine.actions import ways_back
from engine.environment import HOUR, Micros
from engine.outcomes import Effect
from engine.store import Projection, VisitFilter
from service.gateway.envelope import ok, refusal
from service.gateway.front import VISIT_FLOWS, Front, Known
from service.gateway.requests import Desk
from service.gateway.singles import FLOW as SINGLE
from service.gateway.singles import single
from service.gateway.telling import stopped
from steps.jiangsu.times import instant_of

#: The time stands before the last six digits (J2).
_TIME = re.compile(r"(\d{14})\d{6}$")
_PAGE = 500
#: A message may be so much older or younger than the clock in its id says.
_SKEW: Micros = HOUR


async def reverse(front: Front, original: str, desk: Desk) -> dict[str, Any]:
    """Take one message back.

    Raises:
        GatewayError: 3030 something newer has to go first; 3031 it cannot be taken back; or what stopped the undo.
    """
    known = await find_message(front, original)
    if known is None or known.visit.flow == SINGLE:
        return await _by_message(front, original, known, desk)
    if known.visit.call is not None:
        raise stopped(known)
    legs = known.visit.trail
    at = next((i for i, leg in enumerate(legs) if leg.call is not None and leg.call.message_id == original), None)
    if at is None:
        operation = _operation(known, original)
        if operation in TRANSACTIONS and TRANSACTIONS[operation].effect is Effect.READ:
            raise refusal("not_reversible", "2209", "查询和预结算没有可冲正的", visit=known.key)
        if operation in _UNDOS:
            raise refusal("not_reversible", "2209", "撤销交易不能再冲正", visit=known.key)
        return _acknowledged(original, False, visit=known.key)  # refused, or taken back already
    newer = [leg for leg in legs[at + 1 :] if leg.call is not None]
    way = next((way for way in ways_back(known.flow, known.visit) if way.depth <= at), None)
    older = [] if way is None else [leg for leg in legs[way.depth : at] if leg.call is not None]
    if newer:
        last = newer[-1]
        assert last.call is not None
        number = TRANSACTIONS[last.call.operation].number
        raise refusal("newer_first", "2209", f"交易{number}", visit=known.key, messageId=last.call.message_id)
    if way is None:
        raise refusal("not_reversible", "2209", visit=known.key)
    if older:  # the undo would take more than this message
        raise refusal("newer_first", "2209", "明细分批上传，只能一并撤销（2205）", visit=known.key)
    back = await front.take_back(known, way.state, desk, f"前台冲正 reversed by message id {original}")
    if back.visit.undo is not None or back.visit.trouble is not None or len(back.visit.trail) > at:
        raise stopped(back)
    return _acknowledged(original, True, visit=back.key)


#: What takes something back is not taken back itself (J25).
_UNDOS = frozenset(
    row.operation for row in TRANSACTIONS.values() if any(each.undo == row.number for each in TRANSACTIONS.values())
)


def _acknowledged(original: str, found: bool, **more: Any) -> dict[str, Any]:
    return ok("冲正成功", {"originalMessageId": original, "found": found}, **more)


async def _by_message(front: Front, original: str, known: Known | None, desk: Desk) -> dict[str, Any]:
    """2209 by itself (J14): for a message of no visit of ours."""
    operation = None if known is None else str(known.data["operation"])
    if operation is not None and TRANSACTIONS[operation].effect is Effect.READ:
        raise refusal("not_reversible", "2209", "查询没有可冲正的")
    if operation in _UNDOS:
        raise refusal("not_reversible", "2209", "撤销交易不能再冲正")
    params = {"originalMessageId": original}
    if operation is not None:
        params["oinfno"] = TRANSACTIONS[operation].number
    answer = await single(front, TRANSACTIONS["reverse"], params, desk)
    more = {"messageId": answer.message_id, "visit": answer.key}
    return _acknowledged(original, bool(answer.reply.get("found", True)), **more)


def _operation(known: Known, message_id: str) -> str:
    found = (e for e in known.events if getattr(e, "message_id", "") == message_id)
    return next((str(getattr(event, "operation", "")) for event in found), "")


async def find_message(front: Front, message_id: str) -> Known | None:
    """Return the visit that made a message: among those that were open at the time that its id tells.

    There is no index of messages: only visits that changed since and were opened before are read, newest first.
    """
    found = _TIME.search(message_id)
    if found is None:
        return None
    try:
        at = instant_of(found[1])
    except ValueError:
        return None
    for flow in (*VISIT_FLOWS, SINGLE):
        visit = await _in_flow(front, flow, message_id, at)
        if visit is not None:
            return await front.known(visit.visit_id)
    return None


async def _in_flow(front: Front, flow: str, message_id: str, at: Micros) -> Projection | None:
    store = front.application.store
    before: str | None = None
    while page := await store.visits(VisitFilter(flow=flow, limit=_PAGE, before=before, changed_since=at - _SKEW)):
        for projection in page:
            if projection.opened_at > at + _SKEW:
                continue
            if any(f'"{message_id}"' in event.payload for event in await store.journal(projection.visit_id)):
                return projection
        before = page[-1].visit_id
    return None
