"""What people do from the console: each once however often it is clicked, and only to what they have seen."""

from __future__ import annotations

from typing import Any

from fastapi import Request, Response

from engine.actions import ActionKind
from engine.errors import BadInput
from service.access.forms import form_of, short
from service.acting import Deed, Who
from service.api.desk import caller_of, desk_of
from service.console.offers import deed_of
from service.console.route import HOME, local, pages, see
from service.errors import Forbidden, Moved
from service.idempotency import Answer, fingerprint
from storage.registers import Approval

router = pages()


@router.post("/console/visits/{visit}/trigger")
async def trigger(request: Request, visit: str) -> Response:
    """Ask for a transition."""
    form = await form_of(request)
    deed = deed_of(form)
    if deed.kind is not ActionKind.TRIGGER:
        raise Forbidden("only a trigger is asked for here", needs="visits.operate")
    return await _do(request, visit, deed, form)


@router.post("/console/visits/{visit}/act")
async def act(request: Request, visit: str) -> Response:
    """Do what an operator may, or have another person approve it first."""
    form = await form_of(request)
    deed = deed_of(form)
    if deed.kind is ActionKind.TRIGGER:
        raise BadInput("triggers are asked for elsewhere", field="kind")
    if not form.get("reason", "").strip():
        raise BadInput("an operator's action needs a reason", field="reason")
    return await _do(request, visit, deed, form)


async def _do(request: Request, visit: str, deed: Deed, form: dict[str, str]) -> Response:
    desk, caller = desk_of(request), caller_of(request)
    reason = short(form, "reason", 1000)
    who = Who(caller.acting_for(short(form, "by", 64)), reason, caller.origin)
    if deed.kind is not ActionKind.TRIGGER and not who.by.strip():
        raise BadInput("who acts has to be known", field="by")
    seen = form.get("seq", "")

    async def work(request_id: str | None) -> Answer:
        made = request_id is not None and await desk.commands.made(visit, request_id)
        if not made and seen != str((await desk.store.get(visit)).seq):
            raise Moved(field="seq")
        done = await desk.acting.do(visit, deed, who, request_id)
        return Answer(200, {"told": "asked" if isinstance(done, Approval) else "done"})

    answer = await _once(request, form, work)
    return see(f"{HOME}/visits/{visit}?told={answer.body['told']}")


@router.post("/console/approvals/{approval}/approve")
async def approve(request: Request, approval: str) -> Response:
    """Approve what somebody else has asked for; it is done at once."""
    return await _decide(request, approval, approved=True)


@router.post("/console/approvals/{approval}/refuse")
async def refuse(request: Request, approval: str) -> Response:
    """Refuse what somebody else has asked for."""
    return await _decide(request, approval, approved=False)


async def _decide(request: Request, approval: str, *, approved: bool) -> Response:
    desk, form = desk_of(request), await form_of(request)
    by = caller_of(request).acting_for(short(form, "by", 64))
    remark = short(form, "reason", 1000).strip()
    asked = await desk.acting.get(approval)
    if not remark:
        raise BadInput("say why", field="reason")
    if approved:
        await desk.acting.approve(approval, by, remark)
    else:
        await desk.acting.refuse(approval, by, remark)
    told = "approved" if approved else "refused"
    return see(local(f"{HOME}/visits/{asked.visit_id}?told={told}"))


async def _once(request: Request, form: dict[str, str], work: Any) -> Answer:
    """Carry a form out once: its ticket was made with the page, so a second click is the same request."""
    ticket = form.get("ticket") or None
    content = {name: value for name, value in form.items() if name != "csrf"}
    print_ = fingerprint(request.method, request.url.path, content)
    return await desk_of(request).idempotency.once(caller_of(request).identity, ticket, print_, work)
