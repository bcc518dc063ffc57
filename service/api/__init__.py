"""HTTP API ``/api/v1``: what the HIS and the console call. Errors are problem+json with stable codes (docs/api.md).

One router a subject; a new one is added to ``ROUTERS`` and its routes to ``service/access/matrix.yaml``, without which
the application is not built. ``problems`` answers errors, ``desk`` is what routes need, ``bodies`` what they take.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from fastapi import APIRouter, Depends, FastAPI, Request
from fastapi.routing import APIRoute
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from engine.environment import MINUTE
from service import files_api
from service.access.matrix import matrix
from service.access.overload import Sluice
from service.api import (
    actions,
    approvals,
    batches,
    exchanges,
    history,
    oversight,
    peers,
    problems,
    schedules,
    session,
    streams,
    visits,
    watching,
)
from service.api.bodies import PROBLEMS
from service.api.desk import Desk, desk_of
from service.application import Application
from service.console import batch_results, board, deeds, entrance
from service.console import batches as console_batches
from service.console import history as console_history
from service.console import oversight as console_oversight
from service.console import search as console_search
from service.console import visit as console_visit
from service.sheets import api as sheets_api

ROUTERS: tuple[APIRouter, ...] = (
    session.router,
    visits.router,
    actions.router,
    exchanges.router,
    streams.router,
    files_api.router,
    approvals.router,
    batches.router,
    oversight.router,
    history.router,
    schedules.router,
    watching.router,
    peers.router,
    entrance.router,
    board.router,
    console_search.router,
    console_visit.router,
    deeds.router,
    console_batches.router,
    batch_results.router,
    console_oversight.router,
    console_history.router,
    sheets_api.router,
)


def routes() -> Iterator[tuple[str, str]]:
    """Yield method and path of every route that the application answers."""
    for router in (*ROUTERS, service_router):
        for route in router.routes:
            if isinstance(route, APIRoute):
                for method in sorted((route.methods or set()) - {"HEAD"}):
                    yield method, route.path


service_router = APIRouter(tags=["service"])


@service_router.get("/healthz")
async def health(request: Request) -> dict[str, Any]:
    """Tell that the process runs, and how many visits nobody would ever move (which must be none)."""
    application = desk_of(request).application
    zombies = await application.store.zombies(application.environment.now(), MINUTE)
    return {
        "status": "ok" if not zombies else "degraded",
        "in_flight": application.runner.in_flight,
        "zombies": len(zombies),
        "worker": application.runner.worker,
    }


@service_router.get("/openapi.json", include_in_schema=False)
async def openapi(request: Request) -> dict[str, Any]:
    """Describe the API."""
    document: dict[str, Any] = request.app.openapi()
    return document


class _Headers:
    """Adds to every answer what keeps browsers from guessing, framing and keeping it."""

    _ADDED = (
        (b"x-content-type-options", b"nosniff"),
        (b"x-frame-options", b"DENY"),
        (b"referrer-policy", b"no-referrer"),
    )

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                present = {name.lower() for name, _ in message["headers"]}
                added = [each for each in (*self._ADDED, (b"cache-control", b"no-store")) if each[0] not in present]
                message["headers"] = [*message["headers"], *added]
            await send(message)

        await self._app(scope, receive, sending)


async def _enter(request: Request) -> None:
    await desk_of(request).door.enter(request)


def build_api(application: Application) -> FastAPI:
    """Return the ASGI application around a wired :class:`Application`. Raises MatrixError for a route nobody may use.

    ``state.desk`` is what ``serve`` needs of it.
    """
    for method, path in routes():
        matrix().needed(method, path)
    api = FastAPI(
        title="visitflow",
        version="1",
        summary="Hospital visits across systems that lose answers",
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        dependencies=[Depends(_enter)],
        responses=PROBLEMS,
    )
    api.state.application = application
    api.state.desk = Desk.of(application)
    api.add_middleware(Sluice, overload=application.watching.overload)
    api.add_middleware(_Headers)
    problems.install(api)
    for router in (*ROUTERS, service_router):
        api.include_router(router)
    return api


__all__ = ["ROUTERS", "build_api", "routes"]
