"""A transaction or an undo of the platform: find or open its visit, bring it the request once, wait for the answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import structlog

from adapters.platform.calling import Method
from engine import errors
from engine.facts import dumps, normalise
from service.platform import references
from service.platform.acts import MOST_ALIKE, Act, Content, key_of, visit_of
from service.platform.answering import Accepted, Asked, Declined, answer_of, asked_before, wait
from service.platform.desk import BY, Desk, Known
from service.platform.references import ORDER, Holder
from service.platform.replies import NOT_OPENED, Body, Refusal, accepted, pruned, refused, working

log = structlog.get_logger("visitflow.platform")

_DIFFERENT = "20003"


async def act(desk: Desk, method: Method, request: Mapping[str, Any]) -> Body:
    """Answer one transaction or undo; ``request`` has passed its contract.

    Raises:
        Refusal: nothing was begun.
    """
    row = desk.table.interfaces[method.interface.number]
    if not desk.is_on(row.flow) or not desk.is_on(references.FLOW):
        raise Refusal(NOT_OPENED)
    try:
        made = Act(method, row, normalise(pruned(method.interface.request, dict(request))))
    except TypeError:  # half a character: no text that could be kept
        raise Refusal(_DIFFERENT, "请求含有无效字符") from None
    if row.each and len(request.get(row.each, ())) > 1:
        return await _each(desk, made)
    answer = await _answered(desk, made)
    if answer is None:
        return working(method)
    if isinstance(answer, Declined):
        return refused(method, answer.code, answer.message)
    return accepted(method, answer.reply)


async def _each(desk: Desk, made: Act) -> Body:
    """Do the same for each number (5.1.3): done if all are; one that is refused refuses the call."""
    replies: list[Accepted] = []
    for value in made.content[made.row.each]:
        answer = await _answered(desk, replace(made, content={**made.content, made.row.each: [value]}))
        if answer is None:
            return working(made.method)
        if isinstance(answer, Declined):
            return refused(made.method, answer.code, answer.message)
        replies.append(answer)
    return accepted(made.method, replies[-1].reply)


async def _answered(desk: Desk, made: Act) -> Accepted | Declined | None:
    visit_id, since = await _bring(desk, made)
    answer = await wait(desk, visit_id, made.number, since, desk.wait(made.number))
    if isinstance(answer, Accepted):
        await _remember(desk, made, visit_id, answer)
    return answer


async def _remember(desk: Desk, made: Act, visit_id: str, answer: Accepted) -> None:
    """Give the visit the numbers that later calls know it by, before anybody learns them from us."""
    data = answer.reply.get("data")
    for member in sorted(desk.table.numbers_given(made.number)):
        if isinstance(data, Mapping) and data.get(member):
            visit = (await desk.known(visit_id)).visit
            holder = Holder(visit.flow, visit.key, made.number)
            await references.give(desk, f"{made.number} {member}", str(data[member]), holder)


# -- bringing a call to its visit
async def _bring(desk: Desk, made: Act) -> tuple[str, int]:
    """Return the visit that has the call, and the event that brought it. The same call is brought once (G2)."""
    try:
        if made.row.act == "open":
            return await _open(desk, made)
        found = await visit_of(desk, made)
        if found is None and made.row.act == "either":
            return await _open(desk, made)
        if found is None:
            raise Refusal(made.row.unknown)
        return await _trigger(desk, made, found)
    except errors.VisitBusy:
        raise Refusal("40004") from None
    except errors.Oversize:
        raise Refusal(_DIFFERENT, "请求过大") from None
    except errors.BadInput as error:
        log.error("platform_flow_refuses", interface=made.number, flow=made.row.flow, field=error.field)
        raise Refusal(_DIFFERENT, f"参数无效或格式错误：{error.field or made.number}") from None


async def _claim(desk: Desk, made: Act, key: str) -> None:
    """Take the payment's number for the visit. Raises Refusal where it is another's, or was called refundable."""
    if not made.row.order or not made[made.row.order]:
        return
    wanted = Holder(made.row.flow, key, made.number)
    holder = await references.give(desk, ORDER, made[made.row.order], wanted)
    if holder.closed:
        raise Refusal(_DIFFERENT, f"该订单已答复可退款，不再入账：{made.row.order}")
    if (holder.flow, holder.key) != (wanted.flow, wanted.key):
        raise Refusal(_DIFFERENT, f"该订单号已用于另一笔业务：{made.row.order}")


async def _open(desk: Desk, made: Act) -> tuple[str, int]:
    base = key_of(desk, made)
    for count in range(1, MOST_ALIKE):
        key = base if count == 1 else f"{base}-{count}"
        if await _later_one(desk, made, base, count):
            continue
        await _claim(desk, made, key)
        try:
            opening = {"requests": {made.number: dict(made.content)}}
            projection, created = await desk.application.commands.open(made.row.flow, key, opening, BY)
            if created:
                return projection.visit_id, 0
        except errors.DuplicateKey:
            pass
        taken = await desk.find(made.row.flow, key)
        assert taken is not None, "a key that is taken has a visit"
        known = await desk.known(taken.visit_id)
        before = asked_before(known, made.number)
        if not before:  # opened by something else: the refund query, which closed it
            if made.row.act == "either":
                return await _trigger(desk, made, known)
            raise Refusal(_DIFFERENT, "该订单已答复可退款，不再入账")
        if not _is_another(made, known, before[0]):
            return taken.visit_id, before[0].at
    raise Refusal("40001")


async def _later_one(desk: Desk, made: Act, base: str, count: int) -> bool:
    """Tell whether the series went on after call ``count``: only its newest is looked at."""
    return made.row.repeat != "never" and await desk.find(made.row.flow, f"{base}-{count + 1}") is not None


def _is_another(made: Act, known: Known, before: Asked) -> bool:
    """Tell whether a call is another one than ``before``. Raises Refusal where the same number says something else."""
    answer = answer_of(known, made.number, before.at)
    # What begins a visit is tried again by another visit: only when nobody can go on with the one that was refused.
    may_try = made.row.repeat != "never" and (known.visit.closed or before.at > 0)
    if may_try and isinstance(answer, Declined):
        return True
    differing = _differing(made.content, before.content)
    if made.row.repeat == "series":
        answers = known.visit.data.get("answers") or {}
        taken_back = any(answers.get(undo) is not None for undo in made.method.interface.undo)
        return bool(differing) or taken_back
    if differing:
        key = "、".join(made.method.interface.key) or "相同业务"
        raise Refusal(_DIFFERENT, f"{key} 已用于内容不同的请求：{', '.join(differing)}")
    return False


def _differing(one: Content, other: Content) -> Sequence[str]:
    return [name for name in sorted({*one, *other}) if dumps(one.get(name)) != dumps(other.get(name))]


async def _trigger(desk: Desk, made: Act, known: Known) -> tuple[str, int]:
    before = _same_number(made, known)
    if before is not None and not _is_another(made, known, before):
        return known.visit.visit_id, before.at
    await _claim(desk, made, known.visit.key)
    content = {"requests": {made.number: dict(made.content)}}
    try:
        await desk.application.commands.trigger(known.visit.visit_id, made.row.trigger, content, BY)
    except errors.NotLegal:
        again = await desk.known(known.visit.visit_id)
        brought = _same_number(made, again)
        if brought is not None and (before is None or brought.at > before.at) and not _is_another(made, again, brought):
            return known.visit.visit_id, brought.at  # somebody else brought it meanwhile
        return _too_late(made, again)
    after = await desk.known(known.visit.visit_id)
    brought = _same_number(made, after)
    assert brought is not None, "a trigger that was taken is in the journal"
    return known.visit.visit_id, brought.at


def _too_late(made: Act, known: Known) -> tuple[str, int]:
    """Raise what it means that the visit does not take the call now: it is still moving, or it is past that."""
    moving = known.visit.run is not None or known.visit.call is not None
    if moving or (known.visit.trouble is not None and not known.visit.closed):
        raise Refusal("40004")
    raise Refusal(made.row.unknown or "60204", "当前状态不能办理该业务")


def _same_number(made: Act, known: Known) -> Asked | None:
    """Return the newest call of this interface with the same key members."""
    keys = made.method.interface.key
    for before in reversed(asked_before(known, made.number)):
        if all(dumps(before.content.get(name)) == dumps(made.content.get(name)) for name in keys):
            return before
    return None
