"""Signing in and out, the language, and the static files."""

from __future__ import annotations

from fastapi import Request, Response
from fastapi.responses import RedirectResponse

from engine.errors import BadInput
from service.access.door import address_of
from service.access.forms import form_of
from service.api.desk import desk_of
from service.api.session import leave, remember
from service.console.rendering import LANGUAGE_COOKIE, LANGUAGES, assets, page
from service.console.route import HOME, local, meaning, pages, see
from service.errors import LockedOut, SignInRefused, UnknownThing

router = pages()

_TYPES = {"css": "text/css", "js": "text/javascript", "svg": "image/svg+xml", "txt": "text/plain"}


@router.get("/")
async def front() -> Response:
    """Lead people to the console."""
    return RedirectResponse(HOME, status_code=307)


@router.get("/console/login")
async def login_page(request: Request, next: str = HOME) -> Response:
    """Show the sign-in form."""
    return page(request, "login.html", wanted=local(next), failed=None)


@router.post("/console/login")
async def login(request: Request) -> Response:
    """Sign in."""
    desk = desk_of(request)
    desk.door.check_origin(request)
    form = await form_of(request)
    wanted = local(form.get("next", HOME))
    if not form.get("name"):
        raise BadInput("expected a form with name and password", field="name")
    try:
        cookie, _session = await desk.signing_in.sign_in(
            form.get("name", ""), form.get("password", ""), address_of(request)
        )
    except (SignInRefused, LockedOut) as error:
        status = 429 if isinstance(error, LockedOut) else 401
        return page(request, "login.html", status, wanted=wanted, failed=meaning(request, error))
    response = see(wanted)
    remember(request, response, cookie)
    return response


@router.post("/console/logout")
async def logout(request: Request) -> Response:
    """Sign out."""
    response = see("/console/login")
    await leave(request, response)
    return response


@router.post("/console/language")
async def language(request: Request) -> Response:
    """Choose a language."""
    desk_of(request).door.check_origin(request)
    form = await form_of(request)
    response = see(local(form.get("next", HOME)))
    if (chosen := form.get("language", "")) in LANGUAGES:
        response.set_cookie(LANGUAGE_COOKIE, chosen, max_age=365 * 86400, httponly=True, samesite="strict", path="/")
    return response


@router.get("/console/static/{asset}")
async def static(asset: str) -> Response:
    """Return a static file; its address holds its digest, so browsers may keep it."""
    if asset not in assets():
        raise UnknownThing("no such file", field="asset")
    body, digest = assets()[asset]
    kind = _TYPES[asset.rpartition(".")[2]]
    headers = {"Cache-Control": "public, max-age=31536000, immutable", "ETag": f'"{digest}"'}
    return Response(body, media_type=kind, headers=headers)
