"""The HTTP side: one address a method, who may call it, every answer as JSON of 003 with HTTP status 200 (P46)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import structlog
from fastapi import FastAPI, Request, Response

from adapters.platform.calling import Method
from adapters.platform.contracts import Kind, Misfit, dumps, loads, validate_request
from adapters.platform.contracts.model import Envelope
from engine import errors
from engine.environment import SECOND
from engine.numbers import MessageNumbers
from engine.trace import where
from service.access.overload import TooMuch
from service.application import Application
from service.doorkeeper import Doorkeeper
from service.platform.acting import act
from service.platform.asking import File, ask
from service.platform.desk import Desk
from service.platform.methods import Methods
from service.platform.refunds import refund_query, refund_state
from service.platform.replies import BUSY, FAULT, NO_RIGHT, NOT_OPENED, Body, Refusal, refused, stray
from service.platform.table import table
from service.settings import Settings

log = structlog.get_logger("visitflow.platform")

#: A signature with its picture (23.1.3) is the largest request.
MAX_BYTES = 1_000_000
_BUSY = "系统繁忙，请稍后以相同参数重试"


def build_platform(application: Application, settings: Settings | None = None) -> FastAPI:
    """Return the ASGI application of the endpoint around a wired :class:`Application`.

    Raises:
        UnknownOperation: ``platform_names`` names what the hospital does not serve.
    """
    settings = settings or application.settings
    api = FastAPI(title="visitflow (interface 003)", version="1", docs_url=None, redoc_url=None, openapi_url=None)
    doorkeeper = Doorkeeper.of(settings.platform_token, settings.platform_allow)
    wait = None if settings.platform_wait is None else int(settings.platform_wait * SECOND)
    desk = Desk(
        application=application,
        table=table(),
        methods=Methods.of(settings.platform_names),
        numbers=MessageNumbers(application.store),
        his=settings.platform_his,
        patience=wait,
    )
    api.state.desk = desk
    overload = application.watching.overload
    room = overload.own_room()

    @api.api_route(f"{settings.platform_base}/{{name:path}}", methods=["GET", "POST"])
    async def entry(name: str, request: Request) -> Response:
        """Answer one call of the platform."""
        headers = None
        try:
            with overload.place(room):
                answer = await _answer(desk, doorkeeper, name, request)
        except TooMuch as refused:
            answer = _no(desk.methods.find(name), BUSY, _BUSY)
            headers = {"Retry-After": str(refused.after)}
        if isinstance(answer, File):
            return Response(answer.content, media_type="application/octet-stream")
        content = dumps(answer).encode("utf-8", "replace")
        return Response(content, media_type="application/json;charset=UTF-8", headers=headers)

    return api


async def _answer(desk: Desk, doorkeeper: Doorkeeper, name: str, request: Request) -> Body | File:
    method = desk.methods.find(name)
    number = "" if method is None else method.operation
    try:
        if kept_out := doorkeeper.why_not(request):
            raise Refusal(NO_RIGHT, f"无权访问该接口：{kept_out}")
        if method is None:
            raise Refusal(NOT_OPENED, "没有这个接口，请核对接口名称")
        answer = await _dispatch(desk, method, await _said(method, request))
    except Refusal as refusal:
        answer = _no(method, refusal.code, refusal.message)
    except errors.VisitflowError as error:  # the store is away, or a visit is being moved: nothing is known
        log.error("platform_failed", interface=number, error=where(error))
        answer = _no(method, BUSY, _BUSY)
    except Exception as error:  # a bug of ours: the shape stays, the place goes to the log, no value does (G10)
        log.error("platform_failed", interface=number, error=where(error))
        answer = _no(method, FAULT, "系统内部错误，请以相同参数重试")
    code = "file" if isinstance(answer, File) else str(answer.get("code", ""))
    log.info("platform", interface=number, code=code)  # no key, no member: they may say who
    return answer


def _no(method: Method | None, code: str, message: str) -> Body:
    if method is None or method.interface.reply(method.name).envelope is Envelope.BYTES:
        return stray(code, message)
    return refused(method, code, message)


async def _dispatch(desk: Desk, method: Method, request: Mapping[str, Any]) -> Body | File:
    if method.interface.number in desk.table.refund_queries:
        return await refund_query(desk, method, request)
    if method.interface.number == desk.table.refund_state.interface:
        return await refund_state(desk, method, request)
    if method.interface.kind is Kind.QUERY:
        return await ask(desk, method, request)
    return await act(desk, method, request)


async def _said(method: Method, request: Request) -> Mapping[str, Any]:
    """Return the request of a call, typed. Raises Refusal 20001 to 20004, naming the members."""
    if request.method == "GET":
        if method.interface.reply(method.name).envelope is not Envelope.BYTES:
            raise Refusal("40002", "请用 POST 调用该接口")
        body: Any = dict(request.query_params)
    else:
        body = _json(await _content(request))
    checked = validate_request(method.interface, body)
    if isinstance(checked, Misfit):
        raise Refusal(checked.code, checked.message)
    assert isinstance(checked, dict), "the hospital serves no interface whose request is a list"
    return checked


def _json(content: bytes) -> Any:
    try:
        return loads(content.decode("utf-8-sig"))
    except ValueError:
        raise Refusal("20002", "请求不是有效的JSON（应为UTF-8编码的JSON对象）") from None


async def _content(request: Request) -> bytes:
    """Return the body, never more than is allowed of it. Raises Refusal 20004."""
    too_large = Refusal("20004", f"请求超过大小限制（{MAX_BYTES}字节）")
    length = request.headers.get("content-length", "")
    if length.isdecimal() and int(length) > MAX_BYTES:
        raise too_large
    content = bytearray()
    async for chunk in request.stream():
        content += chunk
        if len(content) > MAX_BYTES:
            raise too_large
    return bytes(content)
