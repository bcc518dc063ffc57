"""What supervisors and administrators look at: the audit, and what the webhook has told."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request

from service.api.bodies import Reasoned, documented
from service.api.desk import caller_of, desk_of, read
from service.errors import UnknownThing
from service.shapes import Delivery
from service.views import audit_view, delivery_view, moment

router = APIRouter(prefix="/api/v1", tags=["oversight"])


@router.get("/audit")
async def list_audit(
    request: Request,
    actor: Annotated[str | None, Query(max_length=100)] = None,
    action: Annotated[str | None, Query(max_length=40)] = None,
    cursor: Annotated[str | None, Query(max_length=26)] = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> list[dict[str, Any]]:
    """List what somebody did that no journal holds, newest first."""
    register = desk_of(request).application.registers.audit
    return [audit_view(each) for each in await register.all(actor, action, cursor, limit)]


@router.get("/deliveries", responses={200: {"model": list[Delivery]}})
async def list_deliveries(
    request: Request,
    state: Annotated[str | None, Query(max_length=16, examples=["dead"])] = None,
    visit: Annotated[str | None, Query(max_length=26)] = None,
    cursor: Annotated[str | None, Query(max_length=26)] = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> list[dict[str, Any]]:
    """List messages of the webhook, newest first."""
    register = desk_of(request).application.registers.deliveries
    return [delivery_view(each) for each in await register.all(state, visit, cursor, limit)]


@router.get("/deliveries/{delivery}", responses={200: {"model": Delivery}})
async def show_delivery(request: Request, delivery: str) -> dict[str, Any]:
    """Show a message with every try."""
    found = await desk_of(request).application.registers.deliveries.get(delivery)
    if found is None:
        raise UnknownThing(f"no delivery {delivery[:40]}", field="delivery")
    tries = [
        {"number": each.number, "at": moment(each.at), "status": each.status, "error": each.error, "ms": each.millis}
        for each in found[1]
    ]
    return delivery_view(found[0]) | {"tries": tries}


@router.post("/deliveries/{delivery}/resend", openapi_extra=documented(Reasoned), responses={200: {"model": Delivery}})
async def resend(request: Request, delivery: str) -> dict[str, Any]:
    """Send a message again; its number stays, so that the receiver can tell."""
    body, desk = await read(request, Reasoned), desk_of(request)
    register = desk.application.registers.deliveries
    if not await register.resend(delivery, desk.application.environment.now()):
        raise UnknownThing(f"no delivery {delivery[:40]}", field="delivery")
    await desk.audit.by(caller_of(request), "resend", delivery, body.reason, told=body.by)
    found = await register.get(delivery)
    assert found is not None
    return delivery_view(found[0])
