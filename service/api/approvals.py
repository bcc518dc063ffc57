"""Requests that wait for a second person."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request

from service.api.bodies import Reasoned, documented
from service.api.desk import caller_of, desk_of, read
from service.shapes import Approval
from service.views import approval_view, projection_view

router = APIRouter(prefix="/api/v1/approvals", tags=["approvals"])


@router.get("", responses={200: {"model": list[Approval]}})
async def list_approvals(
    request: Request,
    state: Annotated[str | None, Query(max_length=16, examples=["asked"])] = None,
    visit: Annotated[str | None, Query(max_length=26)] = None,
    cursor: Annotated[str | None, Query(max_length=26)] = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> list[dict[str, Any]]:
    """List requests, newest first; ``cursor`` is the last id of the page before."""
    register = desk_of(request).acting.approvals
    return [approval_view(each) for each in await register.all(state, visit, cursor, limit)]


@router.get("/{approval}", responses={200: {"model": Approval}})
async def show_approval(request: Request, approval: str) -> dict[str, Any]:
    """Show a request."""
    return approval_view(await desk_of(request).acting.get(approval))


@router.post("/{approval}/approve", openapi_extra=documented(Reasoned), responses={200: {"model": Approval}})
async def approve(request: Request, approval: str) -> dict[str, Any]:
    """Approve what somebody else has asked for; it is done at once."""
    body = await read(request, Reasoned)
    by = caller_of(request).acting_for(body.by)
    decided, projection = await desk_of(request).acting.approve(approval, by, body.reason)
    return approval_view(decided) | {"result": projection_view(projection)}


@router.post("/{approval}/refuse", openapi_extra=documented(Reasoned), responses={200: {"model": Approval}})
async def refuse(request: Request, approval: str) -> dict[str, Any]:
    """Refuse what somebody else has asked for."""
    body = await read(request, Reasoned)
    by = caller_of(request).acting_for(body.by)
    return approval_view(await desk_of(request).acting.refuse(approval, by, body.reason))
