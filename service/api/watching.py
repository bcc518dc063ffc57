"""For those who watch the service: is it alive, is it ready, and its metrics."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response

from service.api.desk import desk_of
from service.watching.exposition import CONTENT_TYPE

router = APIRouter(tags=["service"])


@router.get("/livez")
async def live() -> dict[str, str]:
    """Tell that the process answers: its loop turns. Restart it when this fails, and for nothing else."""
    return {"status": "live"}


@router.get("/readyz", responses={503: {"description": "a check did not pass"}})
async def ready(request: Request) -> JSONResponse:
    """Tell whether visits can be moved: the store takes writes, schema, runner and disk are as they should be."""
    health = await desk_of(request).application.watching.doctor.ready()
    body = {"status": "ready" if health.ready else "not_ready", "checks": health.checks}
    return JSONResponse(body, 200 if health.ready else 503)


@router.get("/metrics", response_class=Response)
async def metrics(request: Request) -> Response:
    """Return metrics in Prometheus's text format (docs/observability.md)."""
    return Response(await desk_of(request).application.watching.metrics(), media_type=CONTENT_TYPE)
