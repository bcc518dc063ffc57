"""13.1.1 and 5.1.6: may the platform give a payment back? And 8.1.3: how does a card refund stand? (P50, P51)

``refundable`` moves money, so it is said only when the payment is certainly not booked *and* nothing can book it any
more: that is durable before it is said. Whoever is not sure says ``nonrefundable``.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import structlog

from adapters.platform.calling import Method
from engine import errors
from engine.environment import SECOND
from engine.facts import normalise
from engine.outcomes import Done
from engine.store import Status
from service.platform import references
from service.platform.acts import Act, key_of, newest_of
from service.platform.answering import Accepted, Asked, Declined, answer_of, asked_before, wait
from service.platform.asking import ask, asked
from service.platform.desk import BY, Desk, Known
from service.platform.references import CLOSED, ORDER, Holder
from service.platform.replies import NOT_OPENED, Body, Refusal, accepted, pruned

log = structlog.get_logger("visitflow.platform")

REFUNDABLE, NONREFUNDABLE = "refundable", "nonrefundable"
_PAUSE = SECOND // 50
_DONE, _RUNNING, _FAILED = "1", "2", "3"


@dataclass(frozen=True, slots=True)
class _Query:
    """One question: interface, payment, and what a flow is brought."""

    number: str
    order: str
    brought: Mapping[str, Any]


async def refund_query(desk: Desk, method: Method, request: Mapping[str, Any]) -> Body:
    """Answer 13.1.1 or 5.1.6."""
    if not desk.is_on(references.FLOW):
        raise Refusal(NOT_OPENED)
    said = REFUNDABLE if await _may_go_back(desk, method, request) else NONREFUNDABLE
    log.info("platform_refund_query", interface=method.interface.number, answer=said)
    return accepted(method, {"data": said})


async def _may_go_back(desk: Desk, method: Method, request: Mapping[str, Any]) -> bool:
    number = method.interface.number
    order = str(request[desk.table.refund_queries[number].order])
    holder = await references.find(desk, ORDER, order)
    if holder is None:
        # Never heard of: the HIS may have booked it past us, so it is asked before the number is closed for ever.
        if not await _his_agrees(desk, method, request):
            return False
        holder = await references.give(desk, ORDER, order, CLOSED)
    if holder.closed:
        return True
    content = normalise(pruned(method.interface.request, dict(request)))
    return await _visit_gives_up(desk, _Query(number, order, {"requests": {number: content}}), holder)


async def _his_agrees(desk: Desk, method: Method, request: Mapping[str, Any]) -> bool:
    outcome = await asked(desk, method, request)
    return isinstance(outcome, Done) and outcome.reply.get("data") == REFUNDABLE


async def _visit_gives_up(desk: Desk, query: _Query, holder: Holder) -> bool:
    """Tell whether the visit that has the payment certainly has not booked it, and never will."""
    if await desk.find(holder.flow, holder.key) is None:
        # The process died between taking the number and opening the visit. Opening it with this query closes it: the
        # notice finds the key taken. A flow that does not open with it leaves the payment to the repeated notice.
        with suppress(errors.VisitflowError):
            await desk.application.commands.open(holder.flow, holder.key, query.brought, BY)
    projection = await desk.find(holder.flow, holder.key)
    if projection is None:
        return False
    known = await _rested(desk, projection.visit_id)
    if not known.visit.closed and not _is_booked(desk, known, query, holder) and known.may_be_cancelled_silently:
        with suppress(errors.VisitflowError):
            reason = f"平台查询可否退款，尚未办理，关闭 not booked, closed for the refund query {query.number}"
            await desk.application.commands.cancel(projection.visit_id, BY, reason)
        known = await _rested(desk, projection.visit_id)
    if _is_booked(desk, known, query, holder):
        return False
    if known.visit.closed:
        return True
    return _is_declined_for_ever(desk, known, query, holder) and await _flow_agrees(desk, known, query)


def _notice(desk: Desk, known: Known, query: _Query, holder: Holder) -> Asked | None:
    """Return the notice of this payment; the visit may have had one of another payment (5.1.4, 21.2.4)."""
    row = desk.table.interfaces.get(holder.number)
    found = asked_before(known, holder.number)
    return next((each for each in reversed(found) if row and each.content.get(row.order) == query.order), None)


def _is_booked(desk: Desk, known: Known, query: _Query, holder: Holder) -> bool:
    notice = _notice(desk, known, query, holder)
    if notice is None:  # opened by a query that closes it; or found in the books all the same
        return (known.visit.data.get("answers") or {}).get(holder.number) is not None
    return isinstance(answer_of(known, holder.number, notice.at), Accepted)


def _is_declined_for_ever(desk: Desk, known: Known, query: _Query, holder: Holder) -> bool:
    """Tell whether a payment that was brought to a standing visit (21.2.4) was refused, and nothing goes on there.

    The visit lives on, but the refusal stands: the same notice gets it again, and the number belongs to this visit.
    """
    notice = _notice(desk, known, query, holder)
    if notice is None or notice.at == 0:  # what opened the visit may be tried again there, until it is closed
        return False
    visit = known.visit
    at_rest = visit.run is None and visit.call is None and visit.trouble is None
    return at_rest and isinstance(answer_of(known, holder.number, notice.at), Declined)


async def _flow_agrees(desk: Desk, known: Known, query: _Query) -> bool:
    """Bring the query to a flow that has a trigger for it, and return what it says; one that has none agrees."""
    trigger = desk.table.refund_queries[query.number].trigger
    if not known.has(trigger):
        return True
    visit_id = known.visit.visit_id
    with suppress(errors.VisitflowError):
        await desk.application.commands.trigger(visit_id, trigger, query.brought, BY)
        since = asked_before(await desk.known(visit_id), query.number)[-1].at
        answer = await wait(desk, visit_id, query.number, since, desk.wait(""))
        return isinstance(answer, Accepted) and answer.reply.get("data") == REFUNDABLE
    return False


async def _rested(desk: Desk, visit_id: str) -> Known:
    """Return the visit when nothing happens with it for now, or when patience is over."""
    environment, store = desk.application.environment, desk.application.store
    deadline = environment.monotonic() + desk.wait("")
    while (await store.get(visit_id)).status is Status.READY and environment.monotonic() < deadline:
        await environment.sleep(_PAUSE)
    return await desk.known(visit_id)


async def refund_state(desk: Desk, method: Method, request: Mapping[str, Any]) -> Body:
    """Answer 8.1.3 from the visit of the refund: 1 debited, 2 not known yet, 3 certainly not (the same call again).

    A visit whose answer was lost may wait for a person to read out the card's new balance, which no query tells. That
    the card was debited the HIS's own 8.1.3 does tell, and then the platform has to pay out: it gives up in an hour.
    """
    state = desk.table.refund_state
    row = desk.table.interfaces[state.of]
    made = Act(method, row, dict(request))
    projection = await newest_of(desk, row.flow, key_of(desk, made))
    if projection is None:
        found = await ask(desk, method, request)
        assert isinstance(found, dict)
        return found
    known = await desk.known(projection.visit_id)
    before = asked_before(known, state.of)
    answer = answer_of(known, state.of, before[-1].at) if before else None
    if isinstance(answer, Accepted):
        number = str((answer.reply.get("data") or {}).get("outRefundId") or "")
        return accepted(method, {"data": {"outRefundId": number, "status": _DONE}})
    if isinstance(answer, Declined) and known.visit.closed:
        return accepted(method, {"data": {"outRefundId": "", "status": _FAILED}})
    debited = await _debited(desk, method, request)
    if debited is None:
        return accepted(method, {"data": {"outRefundId": "", "status": _RUNNING}})
    return accepted(method, {"data": {"outRefundId": debited, "status": _DONE}})


async def _debited(desk: Desk, method: Method, request: Mapping[str, Any]) -> str | None:
    """Return the HIS's number of a card refund that its own books show as debited; None: they do not, or who knows."""
    outcome = await asked(desk, method, request)
    data = outcome.reply.get("data") if isinstance(outcome, Done) else None
    if not isinstance(data, Mapping) or str(data.get("status")) != _DONE:
        return None
    return str(data.get("outRefundId") or "")
