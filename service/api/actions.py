"""What an operator does with a visit: each journalled with who, why and from where."""

from __future__ import annotations

from typing import Any, TypeVar

from fastapi import APIRouter, Request, Response

from engine.actions import ActionKind
from service.acting import Deed, Who
from service.api.bodies import Attributed, Correct, Migrate, ReverseTo, SettleByHand, documented
from service.api.desk import answered, caller_of, desk_of, exact_json, fitted
from service.idempotency import Answer
from service.shapes import Approval as ApprovalShape
from service.shapes import VisitLine
from service.views import approval_view, projection_view
from storage.registers import Approval

router = APIRouter(prefix="/api/v1/visits/{visit}", tags=["operator"])

_Body = TypeVar("_Body", bound=Attributed)
_ANSWERS: dict[int | str, dict[str, Any]] = {
    200: {"model": VisitLine},
    202: {"model": ApprovalShape, "description": "another person has to approve it"},
}


async def act(request: Request, visit: str, deed: Deed, who: Who, raw: Any) -> Response:
    """Do a deed, or have it approved first (202)."""
    desk = desk_of(request)

    async def work(request_id: str | None) -> Answer:
        done = await desk.acting.do(visit, deed, who, request_id)
        if isinstance(done, Approval):
            return Answer(202, approval_view(done))
        return Answer(200, projection_view(done))

    return await answered(request, raw, work)


async def _read(request: Request, model: type[_Body]) -> tuple[_Body, Who, Any]:
    raw = await exact_json(request)
    body, caller = fitted(model, raw), caller_of(request)
    return body, Who(caller.acting_for(body.by), body.reason, caller.origin), raw


@router.post("/resume", openapi_extra=documented(Attributed, keyed=True), responses=_ANSWERS)
async def resume(request: Request, visit: str) -> Response:
    """Let the engine try again now."""
    _body, who, raw = await _read(request, Attributed)
    return await act(request, visit, Deed(ActionKind.RESUME), who, raw)


@router.post("/settle", openapi_extra=documented(SettleByHand, keyed=True), responses=_ANSWERS)
async def settle(request: Request, visit: str) -> Response:
    """Say what became of a call in doubt."""
    body, who, raw = await _read(request, SettleByHand)
    return await act(request, visit, Deed(ActionKind.SETTLE, body.verdict, body.data), who, raw)


@router.post("/reverse", openapi_extra=documented(ReverseTo, keyed=True), responses=_ANSWERS)
async def reverse(request: Request, visit: str) -> Response:
    """Undo, newest first, back to a state."""
    body, who, raw = await _read(request, ReverseTo)
    return await act(request, visit, Deed(ActionKind.REVERSE, body.state), who, raw)


@router.post("/cancel", openapi_extra=documented(Attributed, keyed=True), responses=_ANSWERS)
async def cancel(request: Request, visit: str) -> Response:
    """Undo everything and close the visit."""
    _body, who, raw = await _read(request, Attributed)
    return await act(request, visit, Deed(ActionKind.CANCEL), who, raw)


@router.post("/correct", openapi_extra=documented(Correct, keyed=True), responses=_ANSWERS)
async def correct(request: Request, visit: str) -> Response:
    """Correct data; old and new values are kept."""
    body, who, raw = await _read(request, Correct)
    return await act(request, visit, Deed(ActionKind.CORRECT, "", body.changes), who, raw)


@router.post("/migrate", openapi_extra=documented(Migrate, keyed=True), responses=_ANSWERS)
async def migrate(request: Request, visit: str) -> Response:
    """Move a visit to another version of its flow."""
    body, who, raw = await _read(request, Migrate)
    return await act(request, visit, Deed(ActionKind.MIGRATE, body.version or ""), who, raw)
