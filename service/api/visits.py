"""Visits: open, list, show, hand fee lines over, ask for transitions."""

from __future__ import annotations

import re
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import JSONResponse

from engine.actions import ActionKind
from engine.commands import Asking
from engine.environment import DAY, HOUR, MINUTE, SECOND, Micros
from engine.errors import BadInput
from engine.store import Status, VisitFilter
from service.acting import Deed, Who
from service.api.actions import act
from service.api.bodies import HandOver, OpenVisit, PatientNumber, Trigger, documented
from service.api.desk import Desk, answered, caller_of, desk_of, exact_json, fitted, read
from service.errors import Forbidden, NotConfigured
from service.fees import fees_view
from service.idempotency import Answer
from service.masking import masked
from service.patients import patient_hash
from service.shapes import PatientHash, Visit, VisitLine
from service.views import approval_view, event_view, projection_view, report_view, stored_view

router = APIRouter(prefix="/api/v1", tags=["visits"])

_UNITS = {"s": SECOND, "m": MINUTE, "h": HOUR, "d": DAY}
_AGE = re.compile(r"(\d{1,6})([smhd])")
#: Visits of one patient that a filter looks at.
_MOST_OF_A_PATIENT = 1000


def ago(text: str | None, now: Micros, field: str) -> Micros | None:
    """Return the moment that lies an age such as ``4h`` back. Raises BadInput."""
    if text is None:
        return None
    found = _AGE.fullmatch(text)
    if found is None:
        raise BadInput("expected an age such as 30s, 15m, 4h or 2d", field=field)
    return now - int(found[1]) * _UNITS[found[2]]


@router.post(
    "/visits",
    openapi_extra=documented(OpenVisit),
    responses={201: {"model": VisitLine}, 200: {"model": VisitLine, "description": "it was there already"}},
)
async def open_visit(request: Request) -> JSONResponse:
    """Open a visit; the same flow, key and data again return the visit there is."""
    body, caller, desk = await read(request, OpenVisit), caller_of(request), desk_of(request)
    by = caller.acting_for(body.by)
    projection, created = await desk.commands.open(body.flow, body.key, body.data, by, Asking(caller.origin))
    return JSONResponse(projection_view(projection), status_code=201 if created else 200)


@router.get("/visits", responses={200: {"model": list[VisitLine]}})
async def list_visits(
    request: Request,
    flow: str | None = None,
    state: str | None = None,
    status: Status | None = None,
    cause: str | None = None,
    key: str | None = None,
    patient: Annotated[str | None, Query(pattern="^[0-9a-f]{64}$", description="from POST /patients/hash")] = None,
    idle_for: Annotated[str | None, Query(examples=["2h"], description="no event for at least so long")] = None,
    older_than: Annotated[str | None, Query(examples=["1d"], description="opened at least so long ago")] = None,
    younger_than: Annotated[str | None, Query(description="opened less than so long ago")] = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    cursor: Annotated[str | None, Query(max_length=26, description="from the Link header of the page before")] = None,
    before: Annotated[str | None, Query(max_length=26, deprecated=True, description="as cursor")] = None,
) -> JSONResponse:
    """List visits, newest first. The header ``Link: <...>; rel="next"`` leads to the next page, if there is one."""
    desk = desk_of(request)
    now = desk.application.environment.now()
    which = VisitFilter(
        flow=flow,
        state=state,
        status=status,
        cause=cause,
        key=key,
        limit=limit + 1,
        before=cursor or before,
        changed_before=ago(idle_for, now, "idle_for"),
        opened_before=ago(older_than, now, "older_than"),
        opened_since=ago(younger_than, now, "younger_than"),
        among=None if patient is None else await visits_of(desk, patient),
    )
    found = await desk.store.visits(which)
    headers = {}
    if len(found) > limit:
        told = request.query_params.multi_items()
        again = [(name, value) for name, value in told if name not in ("cursor", "before")]
        query = urlencode([*again, ("cursor", found[limit - 1].visit_id)])
        headers["Link"] = f'<{request.url.path}?{query}>; rel="next"'
    return JSONResponse([projection_view(each) for each in found[:limit]], headers=headers)


async def visits_of(desk: Desk, patient: str) -> list[str]:
    """Return ids of a patient's visits by the keyed hash of a number or a name, newest first."""
    return await desk.application.registers.feed.visits_of(patient, _MOST_OF_A_PATIENT)


@router.post("/patients/hash", openapi_extra=documented(PatientNumber), responses={200: {"model": PatientHash}})
async def hash_patient(request: Request) -> dict[str, Any]:
    """Turn an identity number into the hash that lists are filtered by; the number is kept nowhere."""
    key = desk_of(request).application.settings.patient_secret()
    if key is None:
        raise NotConfigured("set VISITFLOW_PATIENT_KEY, or run `visitflow db upgrade`", field="VISITFLOW_PATIENT_KEY")
    return {"patient": patient_hash(key, (await read(request, PatientNumber)).number)}


@router.get("/visits/{visit}", responses={200: {"model": Visit}})
async def show_visit(request: Request, visit: str) -> dict[str, Any]:
    """Show a visit: data, cause, evidence, legal actions, open requests for approval."""
    desk = desk_of(request)
    shown = report_view(await desk.commands.report(visit))
    if not caller_of(request).may("visits.data"):
        shown["data"] = masked(shown["data"])
    asked = await desk.acting.approvals.all("asked", visit, None, 100)
    return shown | {"approvals": [approval_view(each) for each in asked]}


@router.get("/visits/{visit}/journal")
async def show_journal(request: Request, visit: str, raw: bool = False) -> list[dict[str, Any]]:
    """Show a visit's events, oldest first; with ``raw`` as they are stored."""
    store, personal = desk_of(request).store, caller_of(request).may("visits.data")
    if raw and not personal:
        raise Forbidden("stored events hold personal data", needs="visits.data")
    await store.get(visit)
    journal = await store.journal(visit)
    if raw:
        return [stored_view(stored) for stored in journal]
    return [event_view(stored) if personal else masked(event_view(stored)) | {"seq": stored.seq} for stored in journal]


@router.get("/visits/{visit}/fees")
async def show_fees(request: Request, visit: str) -> dict[str, Any]:
    """Show a visit's fee ledger: every line with its state."""
    return fees_view((await desk_of(request).commands.report(visit)).visit)


@router.post(
    "/visits/{visit}/fees", openapi_extra=documented(HandOver, keyed=True), responses={200: {"model": VisitLine}}
)
async def hand_over(request: Request, visit: str) -> Response:
    """Hand fee lines over, up to 1 MB at once; the same line again changes nothing."""
    raw = await exact_json(request)
    body, caller, desk = fitted(HandOver, raw), caller_of(request), desk_of(request)
    data: dict[str, Any] = {"fees": body.fees} | ({"void": body.void} if body.void else {})
    by = caller.acting_for(body.by)

    async def work(request_id: str | None) -> Answer:
        asking = Asking(caller.origin, request_id)
        return Answer(200, projection_view(await desk.commands.trigger(visit, body.trigger, data, by, asking)))

    return await answered(request, raw, work)


@router.post(
    "/visits/{visit}/trigger", openapi_extra=documented(Trigger, keyed=True), responses={200: {"model": VisitLine}}
)
async def trigger(request: Request, visit: str) -> Response:
    """Ask for a transition; the answer comes when the request is durable, not when the transition is done."""
    raw = await exact_json(request)
    body, caller = fitted(Trigger, raw), caller_of(request)
    deed = Deed(ActionKind.TRIGGER, body.trigger, body.data)
    return await act(request, visit, deed, Who(caller.acting_for(body.by), "", caller.origin), raw)
