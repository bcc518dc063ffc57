"""The HTTP side: one address, who may call it, and every answer in the envelope with HTTP status 200 (000; J21)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import structlog
from fastapi import FastAPI, Request, Response
from fastapi.middleware.cors import CORSMiddleware

from engine import errors
from engine.environment import SECOND
from engine.trace import where
from service.access.overload import TooMuch
from service.application import Application
from service.doorkeeper import Doorkeeper
from service.gateway.actions import act
from service.gateway.envelope import GatewayError, written
from service.gateway.front import Front
from service.gateway.requests import MAX_BYTES, read
from service.settings import Settings

log = structlog.get_logger("visitflow.gateway")

PATH = "/api/entry/workinjury"

#: What the engine's errors are called here, most special first.
_CODES: tuple[tuple[type[errors.VisitflowError], int], ...] = (
    (errors.DuplicateKey, 1009),
    (errors.Oversize, 1014),
    (errors.UnknownFlow, 1011),
    (errors.BadInput, 1007),
    (errors.NotLegal, 1015),
    (errors.VisitflowError, 1013),
)


async def _content(request: Request) -> bytes:
    """Return the body, never more than is allowed of it. Raises GatewayError 1014."""
    length = request.headers.get("content-length", "")
    if length.isdecimal() and int(length) > MAX_BYTES:
        raise GatewayError(1014, f"{MAX_BYTES}字节")
    content = bytearray()
    async for chunk in request.stream():
        content += chunk
        if len(content) > MAX_BYTES:
            raise GatewayError(1014, f"{MAX_BYTES}字节")
    return bytes(content)


def _told(error: errors.VisitflowError) -> GatewayError:
    code = next(code for kind, code in _CODES if isinstance(error, kind))
    field = f"{error.field}：" if error.field else ""
    return GatewayError(code, f"{field}{error.message}")


def build_gateway(application: Application, settings: Settings | None = None) -> FastAPI:
    """Return the ASGI application of the endpoint around a wired :class:`Application`."""
    settings = settings or application.settings
    api = FastAPI(title="visitflow gateway (interface 000)", version="1", docs_url=None, redoc_url=None)
    doorkeeper = Doorkeeper.of(settings.gateway_token, settings.gateway_allow, settings.gateway_origins)
    front = Front(application, int(settings.gateway_patience * SECOND), settings.gateway_defaults)
    api.state.front = front
    overload = application.watching.overload
    room = overload.own_room()
    _allow(api, doorkeeper.origins)

    @api.post(PATH)
    async def entry(request: Request) -> Response:
        """Answer one request of interface 000."""
        try:
            with overload.place(room):
                return _as_json(await _answer(front, doorkeeper, request))
        except TooMuch as refused:
            return _as_json(GatewayError(1013).as_body(), {"Retry-After": str(refused.after)})

    return api


def _as_json(body: dict[str, Any], headers: dict[str, str] | None = None) -> Response:
    return Response(written(body), media_type="application/json", headers=headers)


async def _answer(front: Front, doorkeeper: Doorkeeper, request: Request) -> dict[str, Any]:
    action = ""
    try:
        if kept_out := doorkeeper.why_not(request):
            raise GatewayError(1010, kept_out)
        raw = read(await _content(request))
        named = raw.get("action")
        action = named if isinstance(named, str) and named.isidentifier() and len(named) < 40 else ""
        body = await act(front.anew(), raw)
    except GatewayError as error:
        body = error.as_body()
    except errors.VisitflowError as error:
        body = _told(error).as_body()
    except Exception as error:  # a bug of ours: the shape stays, the place goes to the log, no value does (G10)
        log.error("gateway_failed", action=action, error=where(error))
        body = GatewayError(1099).as_body()
    figures = {"action": action, "code": body["code"], "message_id": body.get("messageId", "")}
    log.info("gateway", **figures, transaction=body.get("transactionCode", ""))  # no visit number: it may say who
    return body


def _allow(api: FastAPI, origins: Sequence[str]) -> None:
    """Answer preflights of the configured origins, also those into a private network."""
    if origins:
        api.add_middleware(
            CORSMiddleware,
            allow_origins=list(origins),
            allow_methods=["POST"],
            allow_headers=["Content-Type", "Authorization", "X-Token", "X-Requested-With"],
            allow_private_network=True,
            max_age=600,
        )
