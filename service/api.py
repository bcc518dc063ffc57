"""HTTP API ``/api/v1``: what the HIS calls. Errors are problem+json with the engine's stable codes.

There is no authentication yet; ``serve`` therefore binds to loopback only.
"""

from __future__ import annotations

from typing import Annotated, Any, TypeVar

from fastapi import APIRouter, FastAPI, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from adapters.equipment import FileMissing
from engine import errors
from engine.commands import MAX_BYTES, Commands
from engine.environment import MINUTE
from engine.events import Verdict
from engine.facts import loads
from engine.store import Status, VisitFilter
from service import files_api
from service.application import Application
from service.fees import fees_view
from service.views import event_view, exchange_view, projection_view, report_view, stored_view

#: HTTP status by kind of error, most special first.
_STATUS: tuple[tuple[type[errors.VisitflowError], int], ...] = (
    (errors.UnknownFlow, 404),
    (errors.UnknownVisit, 404),
    (errors.UnknownTrigger, 404),
    (FileMissing, 404),
    (errors.DuplicateKey, 409),
    (errors.Oversize, 413),
    (errors.BadInput, 422),
    (errors.NotLegal, 409),
    (errors.VisitBusy, 409),
    (errors.StoreError, 503),
    (errors.VisitflowError, 500),
)


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class OpenVisit(_Body):
    """Open a visit."""

    flow: str = Field(examples=["jiangsu.outpatient"])
    key: str = Field(examples=["MZ20261120001"], description="the hospital's own number of the visit")
    data: dict[str, Any] = Field(default_factory=dict)
    by: str = ""


class Trigger(_Body):
    """Ask for a transition."""

    trigger: str = Field(examples=["settle"])
    data: dict[str, Any] = Field(default_factory=dict)
    by: str = ""


class Attributed(_Body):
    """Who acts, and why."""

    by: str
    reason: str


class SettleByHand(Attributed):
    """What became of a call in doubt."""

    verdict: Verdict
    data: dict[str, Any] = Field(default_factory=dict)


class ReverseTo(Attributed):
    """How far to go back."""

    state: str


class Correct(Attributed):
    """Fields to change; null takes a field away."""

    changes: dict[str, Any]


class Migrate(Attributed):
    """Which flow version to go to; default: the current one."""

    version: str | None = None


_Model = TypeVar("_Model", bound=BaseModel)

router = APIRouter(prefix="/api/v1")


def _commands(request: Request) -> Commands:
    application: Application = request.app.state.application
    return application.commands


def _application(request: Request) -> Application:
    application: Application = request.app.state.application
    return application


async def _exact_json(request: Request) -> Any:
    """Read the body with money as Decimal; FastAPI's own reading would make floats of it."""
    body = await request.body()
    if len(body) > MAX_BYTES:
        raise errors.Oversize(f"{len(body)} bytes; a request may hold {MAX_BYTES}", field="body")
    try:
        return loads(body)
    except (ValueError, RecursionError):
        raise errors.BadInput("the body is not JSON", field="body") from None


async def _read(request: Request, model: type[_Model]) -> _Model:
    try:
        return model.model_validate(await _exact_json(request))
    except ValidationError as error:
        raise errors.BadInput.from_pydantic(error) from None


def _documented(model: type[BaseModel]) -> dict[str, Any]:
    """Return the OpenAPI description of a body that :func:`_read` reads."""
    schema = model.model_json_schema()
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}


@router.post("/visits", openapi_extra=_documented(OpenVisit))
async def open_visit(request: Request, response: Response) -> dict[str, Any]:
    """Open a visit; the same flow, key and data again return the visit there is."""
    body = await _read(request, OpenVisit)
    projection, created = await _commands(request).open(body.flow, body.key, body.data, body.by)
    response.status_code = 201 if created else 200
    return projection_view(projection)


@router.get("/visits")
async def list_visits(
    request: Request,
    flow: str | None = None,
    state: str | None = None,
    status: Status | None = None,
    cause: str | None = None,
    key: str | None = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    before: str | None = None,
) -> list[dict[str, Any]]:
    """List visits, newest first."""
    which = VisitFilter(flow=flow, state=state, status=status, cause=cause, key=key, limit=limit, before=before)
    return [projection_view(projection) for projection in await _application(request).store.visits(which)]


@router.get("/visits/{visit}")
async def show_visit(request: Request, visit: str) -> dict[str, Any]:
    """Show a visit: data, cause, evidence, legal actions."""
    return report_view(await _commands(request).report(visit))


@router.get("/visits/{visit}/journal")
async def show_journal(request: Request, visit: str, raw: bool = False) -> list[dict[str, Any]]:
    """Show a visit's events, oldest first; with ``raw`` as they are stored."""
    store = _application(request).store
    await store.get(visit)
    return [stored_view(stored) if raw else event_view(stored) for stored in await store.journal(visit)]


@router.get("/visits/{visit}/exchanges")
async def show_exchanges(request: Request, visit: str) -> list[dict[str, Any]]:
    """List a visit's exchanges, without their contents."""
    store = _application(request).store
    await store.get(visit)
    return [exchange_view(record, raw=False) for record in await store.exchanges(visit)]


@router.get("/visits/{visit}/fees")
async def show_fees(request: Request, visit: str) -> dict[str, Any]:
    """Show a visit's fee ledger: every line with its state."""
    return fees_view((await _commands(request).report(visit)).visit)


@router.post("/visits/{visit}/trigger", openapi_extra=_documented(Trigger))
async def trigger(request: Request, visit: str) -> dict[str, Any]:
    """Ask for a transition; the answer comes when the request is durable, not when the transition is done."""
    body = await _read(request, Trigger)
    return projection_view(await _commands(request).trigger(visit, body.trigger, body.data, body.by))


@router.post("/visits/{visit}/resume", openapi_extra=_documented(Attributed))
async def resume(request: Request, visit: str) -> dict[str, Any]:
    """Let the engine try again now."""
    body = await _read(request, Attributed)
    return projection_view(await _commands(request).resume(visit, body.by, body.reason))


@router.post("/visits/{visit}/settle", openapi_extra=_documented(SettleByHand))
async def settle(request: Request, visit: str) -> dict[str, Any]:
    """Say what became of a call in doubt."""
    body = await _read(request, SettleByHand)
    return projection_view(await _commands(request).settle(visit, body.verdict, body.by, body.reason, body.data))


@router.post("/visits/{visit}/reverse", openapi_extra=_documented(ReverseTo))
async def reverse(request: Request, visit: str) -> dict[str, Any]:
    """Undo, newest first, back to a state."""
    body = await _read(request, ReverseTo)
    return projection_view(await _commands(request).reverse(visit, body.state, body.by, body.reason))


@router.post("/visits/{visit}/cancel", openapi_extra=_documented(Attributed))
async def cancel(request: Request, visit: str) -> dict[str, Any]:
    """Undo everything and close the visit."""
    body = await _read(request, Attributed)
    return projection_view(await _commands(request).cancel(visit, body.by, body.reason))


@router.post("/visits/{visit}/correct", openapi_extra=_documented(Correct))
async def correct(request: Request, visit: str) -> dict[str, Any]:
    """Correct data; old and new values are kept."""
    body = await _read(request, Correct)
    return projection_view(await _commands(request).correct(visit, body.changes, body.by, body.reason))


@router.post("/visits/{visit}/migrate", openapi_extra=_documented(Migrate))
async def migrate(request: Request, visit: str) -> dict[str, Any]:
    """Move a visit to another version of its flow."""
    body = await _read(request, Migrate)
    return projection_view(await _commands(request).migrate(visit, body.by, body.reason, body.version))


def _problem(status: int, body: dict[str, Any]) -> JSONResponse:
    title = body.pop("message")
    return JSONResponse(
        {"type": f"urn:visitflow:{body['code']}", "title": title, "status": status} | body,
        status_code=status,
        media_type="application/problem+json",
    )


def build_api(application: Application) -> FastAPI:
    """Return the ASGI application around a wired :class:`Application`."""
    api = FastAPI(title="visitflow", version="1", docs_url=None, redoc_url=None)
    api.state.application = application
    api.include_router(router)
    api.include_router(files_api.router)

    @api.exception_handler(errors.VisitflowError)
    async def _visitflow(_request: Request, error: errors.VisitflowError) -> JSONResponse:
        status = next(status for kind, status in _STATUS if isinstance(error, kind))
        response = _problem(status, error.as_dict())
        if status == 503 or isinstance(error, errors.VisitBusy):
            response.headers["Retry-After"] = "1"
        return response

    @api.exception_handler(RequestValidationError)
    async def _query(_request: Request, error: RequestValidationError) -> JSONResponse:
        return _problem(422, errors.BadInput.from_problems(error.errors()).as_dict())

    @api.get("/healthz")
    async def health() -> dict[str, Any]:
        """Tell that the process runs, and how many visits nobody would ever move (which must be none)."""
        zombies = await application.store.zombies(application.environment.now(), MINUTE)
        return {
            "status": "ok" if not zombies else "degraded",
            "in_flight": application.runner.in_flight,
            "zombies": len(zombies),
            "worker": application.runner.worker,
        }

    return api


__all__ = ["build_api"]
