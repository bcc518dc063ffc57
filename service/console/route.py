"""What all console routes share: errors as pages, and the sign-in page where somebody has to sign in first."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any
from urllib.parse import urlsplit

from fastapi import APIRouter, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import RedirectResponse
from fastapi.routing import APIRoute

from engine.errors import BadInput, VisitflowError
from service.api.problems import status_of, table
from service.console.rendering import language_of, page
from service.errors import Unauthenticated

HOME = "/console"


class Page(APIRoute):
    """A route whose errors people read."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return the handler, with errors answered as pages."""
        handler = super().get_route_handler()

        async def answer(request: Request) -> Response:
            try:
                return await handler(request)
            except VisitflowError as error:
                return refusal(request, error)
            except RequestValidationError as error:
                return refusal(request, BadInput.from_problems(error.errors()))

        return answer


def pages() -> APIRouter:
    """Return a router for console pages."""
    return APIRouter(route_class=Page, include_in_schema=False)


def refusal(request: Request, error: VisitflowError) -> Response:
    """Return an error as a page, or as a part of one where a part was asked for."""
    status = status_of(error)
    if isinstance(error, Unauthenticated):
        wanted = f"{request.url.path}?{request.url.query}".rstrip("?") if request.method == "GET" else HOME
        # a part of a page cannot show the form: the browser loads the whole page instead
        return page(request, "login.html", status, {"HX-Refresh": "true"}, wanted=wanted, failed=None)
    part = request.headers.get("hx-request") == "true"
    return page(
        request,
        "_problem.html" if part else "problem.html",
        status,
        {"Retry-After": str(error.details["retry_after"])} if "retry_after" in error.details else None,
        told=meaning(request, error),
        error=error,
    )


def meaning(request: Request, error: VisitflowError) -> str:
    """Return what an error means, in the language of who looks."""
    return code_meaning(error.code, language_of(request)) or code_meaning("error", language_of(request))


def code_meaning(code: str, language: str) -> str:
    """Return what an error's code means, or nothing where the table does not know it."""
    row = table().get(code)
    return "" if row is None else row.en if language == "en" else row.zh


def local(path: str) -> str:
    """Return a path of the console, or its first page: nobody is led elsewhere."""
    parts = urlsplit(path)
    inside = not parts.scheme and not parts.netloc and "\\" not in path and path.isprintable()
    return path if inside and (parts.path == HOME or parts.path.startswith(f"{HOME}/")) else HOME


def see(path: str) -> RedirectResponse:
    """Send the browser to a page after something was done, so that reloading does nothing twice."""
    return RedirectResponse(path, status_code=303)
