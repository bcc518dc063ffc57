"""Errors as problem+json (RFC 9457), by the table ``problems.yaml``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from engine import errors, tables
from engine.trace import where

log = structlog.get_logger("visitflow.service")


@dataclass(frozen=True, slots=True)
class Row:
    """One row of the table. ``again``: never, later or once_changed."""

    code: str
    status: int
    again: str
    zh: str
    en: str


@cache
def table() -> Mapping[str, Row]:
    """Return the table by code, in its order."""
    raw = tables.table(__file__, "problems.yaml")
    return {each["code"]: Row(**each) for each in raw}


def status_of(error: errors.VisitflowError) -> int:
    """Return an error's HTTP status: of its own code, or of the nearest kind above it that the table knows."""
    for kind in type(error).__mro__:
        if (row := table().get(vars(kind).get("code", ""))) is not None:
            return row.status
    return 500


def problem(status: int, body: dict[str, Any]) -> JSONResponse:
    """Return a problem; ``body`` holds code and message, and more."""
    title = body.pop("message")
    headers = {}
    if status in (429, 503) or body["code"] in ("visit_busy", "request_in_progress"):
        headers["Retry-After"] = str(body.get("retry_after", 1))
    if status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    shown = {"type": f"urn:visitflow:{body['code']}", "title": title, "status": status} | body
    return JSONResponse(shown, status_code=status, headers=headers, media_type="application/problem+json")


def install(api: FastAPI) -> None:
    """Answer every error as a problem."""

    @api.exception_handler(errors.VisitflowError)
    async def _visitflow(_request: Request, error: errors.VisitflowError) -> JSONResponse:
        return problem(status_of(error), error.as_dict())

    @api.exception_handler(RequestValidationError)
    async def _query(_request: Request, error: RequestValidationError) -> JSONResponse:
        return problem(422, errors.BadInput.from_problems(error.errors()).as_dict())

    @api.exception_handler(HTTPException)
    async def _http(_request: Request, error: HTTPException) -> JSONResponse:
        code = {404: "not_found", 405: "method_not_allowed"}.get(error.status_code, "bad_input")
        shown = problem(error.status_code, {"code": code, "message": str(error.detail)})
        shown.headers.update(error.headers or {})
        return shown

    @api.exception_handler(Exception)
    async def _bug(request: Request, error: Exception) -> JSONResponse:
        log.error("request_failed", route=getattr(request.scope.get("route"), "path", ""), error=where(error))
        return problem(500, {"code": "internal", "message": "a fault of ours; it is in the log"})
