"""All visits: a list with filters, and a visit found by the HIS's number, its own, or whose it is."""

from __future__ import annotations

import re
from typing import Annotated, Literal
from urllib.parse import urlencode

from fastapi import Query, Request, Response

from engine.errors import UnknownVisit
from engine.store import Projection, Status, VisitFilter
from service.access.forms import form_of, short
from service.api.desk import Desk, caller_of, desk_of
from service.api.visits import visits_of
from service.console.rendering import language_of, page, titled
from service.console.route import HOME, pages, see
from service.console.story import state_title
from service.patients import patient_hash
from service.words import Topic, word

router = pages()

#: Visits on a page.
AT_ONCE = 50
_LONGEST = 100
_VISIT = re.compile(r"[0-9a-hjkmnp-tv-z]{26}")
_ADDRESS = f"{HOME}/visits"


@router.get("/console/visits")
async def listed(
    request: Request,
    flow: Annotated[str, Query(max_length=100)] = "",
    state: Annotated[str, Query(max_length=64)] = "",
    status: Status | Literal[""] = "",
    key: Annotated[str, Query(max_length=_LONGEST)] = "",
    patient: Annotated[str, Query(pattern="^([0-9a-f]{64})?$")] = "",
    before: Annotated[str, Query(max_length=26)] = "",
) -> Response:
    """List visits, newest first."""
    desk = desk_of(request)
    which = VisitFilter(
        flow=flow or None,
        state=state or None,
        status=Status(status) if status else None,
        key=key or None,
        among=await visits_of(desk, patient) if patient else None,
        before=before or None,
        limit=AT_ONCE + 1,
    )
    return await _page(request, which, patient)


@router.post("/console/visits")
async def find(request: Request) -> Response:
    """Find what somebody typed. A form: whose visit it is must stand in no address and no log."""
    desk, typed = desk_of(request), short(await form_of(request), "number", _LONGEST).strip()
    found = await _numbered(desk, typed)
    if len(found) == 1:
        return see(f"{_ADDRESS}/{found[0].visit_id}")
    if found:
        return see(f"{_ADDRESS}?{urlencode({'key': typed})}")
    secret = desk.application.settings.patient_secret()
    if secret is not None and typed and caller_of(request).may("patients.hash"):
        patient = patient_hash(secret, typed)
        if await visits_of(desk, patient):
            return see(f"{_ADDRESS}?{urlencode({'patient': patient})}")
    return await _page(request, VisitFilter(limit=0), missed=bool(typed))


async def _numbered(desk: Desk, typed: str) -> list[Projection]:
    """Return the visits that have this number: their own, or the HIS's, of any flow."""
    if _VISIT.fullmatch(typed.lower()):
        try:
            return [await desk.store.get(typed.lower())]
        except UnknownVisit:
            pass  # the HIS may number its visits so, too
    return await desk.store.visits(VisitFilter(key=typed, limit=2)) if typed else []


async def _page(request: Request, which: VisitFilter, patient: str = "", *, missed: bool = False) -> Response:
    desk, language = desk_of(request), language_of(request)
    found = await desk.store.visits(which) if which.limit else []
    registry = desk.application.registry
    chosen = {
        "flow": which.flow or "",
        "state": which.state or "",
        "status": which.status.value if which.status else "",
        "key": which.key or "",
        "patient": patient,
    }
    flows = {name: registry.current(name) for name in registry.names}
    flow = flows.get(chosen["flow"])

    def line(each: Projection) -> tuple[Projection, str, str]:
        own = flows.get(each.flow)
        if own is None:
            return each, each.flow, each.state
        return each, titled(own.definition.title, language, each.flow), state_title(own, each.state, language)

    older = found[AT_ONCE - 1].visit_id if len(found) > AT_ONCE else ""
    return page(
        request,
        "search.html",
        rows=[line(each) for each in found[:AT_ONCE]],
        chosen=chosen,
        narrowed={name: value for name, value in chosen.items() if value and name in ("key", "patient")},
        flows=[(name, titled(each.definition.title, language, name)) for name, each in flows.items()],
        states=[] if flow is None else [(name, state_title(flow, name, language)) for name in flow.definition.states],
        statuses=[(each.value, word(Topic.STATUS, each, language)) for each in Status],
        first=f"{_ADDRESS}?{urlencode(_told(chosen))}" if which.before else "",
        older=f"{_ADDRESS}?{urlencode(_told(chosen) | {'before': older})}" if older else "",
        missed=missed,
        by_patient=caller_of(request).may("patients.hash"),
    )


def _told(chosen: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in chosen.items() if value}
