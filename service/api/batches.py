"""One action over many visits: preview, confirm, watch, stop."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request

from engine.actions import ActionKind
from engine.environment import Micros
from engine.store import Status, VisitFilter
from service.acting import Deed, Who
from service.api.bodies import Chosen, ConfirmBatch, NewBatch, Reasoned, documented
from service.api.desk import Desk, caller_of, desk_of, read
from service.api.visits import ago
from service.shapes import Batch, BatchItem, BatchPreview
from service.views import batch_item_view, batch_view, moment
from storage.registers import Batch as Kept

router = APIRouter(prefix="/api/v1/batches", tags=["batches"])


async def _shown(desk: Desk, batch: Kept) -> dict[str, Any]:
    return batch_view(batch, await desk.application.registers.batches.counts(batch.batch_id))


def filter_of(chosen: Chosen, now: Micros) -> VisitFilter:
    """Return which visits are meant, with ages as moments. Raises BadInput."""
    return VisitFilter(
        flow=chosen.flow,
        state=chosen.state,
        status=None if chosen.status is None else Status(chosen.status),
        cause=chosen.cause,
        changed_before=ago(chosen.idle_for, now, "filter.idle_for"),
        opened_before=ago(chosen.older_than, now, "filter.older_than"),
    )


@router.post("", openapi_extra=documented(NewBatch), responses={201: {"model": BatchPreview}}, status_code=201)
async def preview(request: Request) -> dict[str, Any]:
    """Look at what an action over a filter would do; nothing happens before the token is sent to ``confirm``."""
    body, caller, desk = await read(request, NewBatch), caller_of(request), desk_of(request)
    now = desk.application.environment.now()
    chosen = body.filter
    which = filter_of(chosen, now)
    data = body.data.get("changes", body.data) if body.action == "correct" else body.data
    deed = Deed(ActionKind(body.action), body.target, data)
    who = Who(caller.acting_for(body.by), body.reason, caller.origin)
    found = await desk.batches.preview(which, chosen.model_dump(exclude_none=True), deed, who)
    return {
        "batch": found.batch.batch_id,
        "state": found.batch.state,
        "legal": found.legal,
        "not_legal": found.not_legal,
        "approval": found.approval,
        "sample": found.sample,
        "token": found.token,
        "expires_at": moment(found.batch.expires_at),
    }


@router.post("/{batch}/confirm", openapi_extra=documented(ConfirmBatch), responses={200: {"model": Batch}})
async def confirm(request: Request, batch: str) -> dict[str, Any]:
    """Let a preview run, by who made it."""
    body, desk = await read(request, ConfirmBatch), desk_of(request)
    return await _shown(desk, await desk.batches.confirm(batch, body.token, caller_of(request).acting_for(body.by)))


@router.post("/{batch}/stop", openapi_extra=documented(Reasoned), responses={200: {"model": Batch}})
async def stop(request: Request, batch: str) -> dict[str, Any]:
    """Stop a running batch; what was done stays done."""
    body, desk = await read(request, Reasoned), desk_of(request)
    stopped = await desk.batches.stop(batch)
    await desk.audit.by(caller_of(request), "stop_batch", batch, body.reason, told=body.by)
    return await _shown(desk, stopped)


@router.get("", responses={200: {"model": list[Batch]}})
async def list_batches(
    request: Request,
    cursor: Annotated[str | None, Query(max_length=26)] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> list[dict[str, Any]]:
    """List batches, newest first."""
    desk = desk_of(request)
    return [await _shown(desk, each) for each in await desk.application.registers.batches.all(cursor, limit)]


@router.get("/{batch}", responses={200: {"model": Batch}})
async def show_batch(request: Request, batch: str) -> dict[str, Any]:
    """Show how far a batch is."""
    desk = desk_of(request)
    return await _shown(desk, await desk.batches.get(batch))


@router.get("/{batch}/items", responses={200: {"model": list[BatchItem]}})
async def list_items(
    request: Request,
    batch: str,
    state: Annotated[str | None, Query(max_length=16)] = None,
    after: Annotated[int, Query(ge=0, le=10**9)] = 0,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> list[dict[str, Any]]:
    """List what became of each visit, in order; ``after`` is the last number of the page before."""
    desk = desk_of(request)
    await desk.batches.get(batch)
    items = await desk.application.registers.batches.items(batch, after, limit, state)
    return [batch_item_view(each) for each in items]
