"""People sign in and out; anybody may ask who they are."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request, Response

from service.access.door import COOKIE, address_of
from service.access.matrix import matrix
from service.access.principal import Kind, Principal
from service.api.bodies import SignIn, documented
from service.api.desk import caller_of, desk_of, read
from service.shapes import Session

router = APIRouter(prefix="/api/v1/session", tags=["session"])


def _shown(caller: Principal) -> dict[str, Any]:
    permissions = [name for name in matrix().permissions if caller.may(name)]
    shown = {"name": caller.name, "role": caller.role, "kind": caller.kind.value, "permissions": permissions}
    return shown | ({"csrf": caller.csrf} if caller.csrf else {})


@router.post("", openapi_extra=documented(SignIn), responses={200: {"model": Session}})
async def sign_in(request: Request, response: Response) -> dict[str, Any]:
    """Sign in: sets the session's cookie, and returns the token that every change has to bring as X-CSRF-Token."""
    desk = desk_of(request)
    desk.door.check_origin(request)
    body = await read(request, SignIn)
    cookie, session = await desk.signing_in.sign_in(body.name, body.password, address_of(request))
    account = await desk.door.access.account(session.account)
    remember(request, response, cookie)
    role = "" if account is None else account.role
    address, identity = session.address, f"account:{session.account}"
    return _shown(Principal(session.account, role, Kind.PERSON, address, identity, session.digest, session.csrf))


@router.get("", responses={200: {"model": Session}})
async def who_am_i(request: Request) -> dict[str, Any]:
    """Tell who calls, as what, and what they may do."""
    return _shown(caller_of(request))


@router.delete("", status_code=204)
async def sign_out(request: Request) -> Response:
    """Sign out: the session is over, here and everywhere."""
    response = Response(status_code=204)
    await leave(request, response)
    return response


def remember(request: Request, response: Response, cookie: str) -> None:
    """Have the browser keep a session's cookie."""
    response.set_cookie(
        COOKIE,
        cookie,
        max_age=int(desk_of(request).application.settings.session_hours * 3600),
        httponly=True,
        samesite="strict",
        secure=request.url.scheme == "https",
        path="/",
    )


async def leave(request: Request, response: Response) -> None:
    """End the caller's session, if it is one, and have the browser forget it."""
    caller, desk = caller_of(request), desk_of(request)
    if caller.session:
        await desk.door.access.end_session(caller.session)
        await desk.audit.by(caller, "sign_out", caller.name)
        response.delete_cookie(COOKIE, path="/", httponly=True, samesite="strict")
