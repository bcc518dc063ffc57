"""13.1.1 and 5.1.6: may the platform give a payment back? And 8.1.3: how does a card refund stand? (P50, P51)

``refundable`` moves money, so it is said only when the payment is certainly not booked *and* nothing can book it any
more: that is durable before it is said. Whoever is not sure says ``nonrefundable``.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import structlog

from adapters.platform.calling import Method
from engine import errors
from engine.facts import normalise
from engine.outcomes import Done
from engine.store import Status
from service.platform import references
from service.platform.acting import Act
from service.platform.answering import Accepted, Declined, answer_of, asked_before, wait
from service.platform.asking import ask, asked
from service.platform.desk import BY, Desk, Known
from service.platform.references import CLOSED, ORDER, Holder
from service.platform.replies import NOT_OPENED, Body, Refusal, accepted, pruned

log = structlog.get_logger("visitflow.platform")

REFUNDABLE, NONREFUNDABLE = "refundable", "nonrefundable"
_DONE, _RUNNING, _FAILED = "1", "2", "3"


async def refund_query(desk: Desk, method: Method, request: Mapping[str, Any]) -> Body:
    """Answer 13.1.1 or 5.1.6."""
    if not desk.is_on(references.FLOW):
        raise Refusal(NOT_OPENED)
    said = REFUNDABLE if await _may_go_back(desk, method, request) else NONREFUNDABLE
    log.info("platform_refund_query", interface=method.interface.number, answer=said)
    return accepted(method, {"data": said})


async def _may_go_back(desk: Desk, method: Method, request: Mapping[str, Any]) -> bool:
    order = str(request[desk.table.refund_queries[method.interface.number].order])
    holder = await references.find(desk, ORDER, order)
    if holder is None:
        # Never heard of: the HIS may have booked it past us, so it is asked before the number is closed for ever.
        if not await _his_agrees(desk, method, request):
            return False
        holder = await references.give(desk, ORDER, order, CLOSED)
    if holder.closed:
        return True
    content = normalise(pruned(method.interface.request, dict(request)))
    return await _visit_gives_up(desk, method, holder, content)


async def _his_agrees(desk: Desk, method: Method, request: Mapping[str, Any]) -> bool:
    outcome = await asked(desk, method, request)
    return isinstance(outcome, Done) and outcome.reply.get("data") == REFUNDABLE


async def _visit_gives_up(desk: Desk, method: Method, holder: Holder, content: Mapping[str, Any]) -> bool:
    """Tell whether the visit that has the payment certainly has not booked it, and never will."""
    number = method.interface.number
    projection = await desk.find(holder.flow, holder.key)
    if projection is None:
        # The process died between taking the number and opening the visit. Opening it with this query closes it: the
        # notice finds the key taken. A flow that does not open with it leaves the payment to the repeated notice.
        with suppress(errors.VisitflowError):
            opening = {"requests": {number: dict(content)}}
            await desk.application.commands.open(holder.flow, holder.key, opening, BY)
        projection = await desk.find(holder.flow, holder.key)
        if projection is None:
            return False
    known = await desk.known(projection.visit_id)
    booked = _booking(known, holder.number)
    if isinstance(booked, Accepted):
        return False
    trigger = desk.table.refund_queries[number].trigger
    if known.has(trigger):
        answer = await _asked_of_the_flow(desk, known, number, trigger, content)
        if answer is not None:
            return answer
    known = await desk.known(known.visit.visit_id)
    if _is_over(known, holder.number):
        return True
    if not known.may_be_cancelled_silently or isinstance(_booking(known, holder.number), Accepted):
        return False
    with suppress(errors.VisitflowError):
        reason = f"平台查询可否退款，尚未办理，关闭 not booked, closed for the refund query {number}"
        await desk.application.commands.cancel(known.visit.visit_id, BY, reason)
        await _come_to_rest(desk, known.visit.visit_id)
    return _is_over(await desk.known(known.visit.visit_id), holder.number)


def _booking(known: Known, number: str) -> Accepted | Declined | None:
    before = asked_before(known, number)
    return answer_of(known, number, before[-1].at) if before else None


def _is_over(known: Known, number: str) -> bool:
    """Tell whether the visit is closed, and not because it was booked."""
    if known.cancelled:
        return True
    return known.visit.closed and isinstance(_booking(known, number), Declined)


async def _asked_of_the_flow(
    desk: Desk, known: Known, number: str, trigger: str, content: Mapping[str, Any]
) -> bool | None:
    """Bring the query to a flow that has a trigger for it; None: it does not take it now."""
    before = asked_before(known, number)
    if not before:
        try:
            opening = {"requests": {number: dict(content)}}
            await desk.application.commands.trigger(known.visit.visit_id, trigger, opening, BY)
        except errors.VisitflowError:
            return None
        before = asked_before(await desk.known(known.visit.visit_id), number)
    answer = await wait(desk, known.visit.visit_id, number, before[-1].at, desk.wait(number))
    return isinstance(answer, Accepted) and answer.reply.get("data") == REFUNDABLE


async def _come_to_rest(desk: Desk, visit_id: str) -> None:
    environment, store = desk.application.environment, desk.application.store
    deadline = environment.monotonic() + desk.wait("13.1.1")
    while (await store.get(visit_id)).status is Status.READY and environment.monotonic() < deadline:
        await environment.sleep(20_000)


async def refund_state(desk: Desk, method: Method, request: Mapping[str, Any]) -> Body:
    """Answer 8.1.3 from the visit of the refund: 1 debited, 2 not known yet, 3 certainly not (the same call again)."""
    state = desk.table.refund_state
    row = desk.table.interfaces[state.of]
    made = Act(method, row, normalise(pruned(method.interface.request, dict(request))))
    projection = await desk.find(state.flow, made[state.key])
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
    said = _FAILED if isinstance(answer, Declined) and known.visit.closed else _RUNNING
    return accepted(method, {"data": {"outRefundId": "", "status": said}})
