"""``/api/v1/files``: hand a file over once, name it by its id for ever."""

from __future__ import annotations

from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Query, Request, Response

from service.application import Application
from service.files import checked_id, file_view, keep, too_large
from service.multipart import is_multipart, the_file

router = APIRouter(prefix="/api/v1/files")

#: What a form adds to the file it carries: boundaries, headers, other fields.
_WRAPPING = 16_384
_BINARY = {"schema": {"type": "string", "format": "binary"}}
_FORM = {"schema": {"type": "object", "required": ["file"], "properties": {"file": _BINARY["schema"]}}}
_DOCUMENTED = {"requestBody": {"required": True, "content": {"multipart/form-data": _FORM, "application/pdf": _BINARY}}}


def _application(request: Request) -> Application:
    application: Application = request.app.state.application
    return application


@router.post(
    "", openapi_extra=_DOCUMENTED, responses={201: {"description": "kept"}, 200: {"description": "kept before"}}
)
async def add_file(
    request: Request, response: Response, name: Annotated[str, Query(description="file name, for a raw body")] = ""
) -> dict[str, Any]:
    """Keep a file: a form with one file, or the bytes themselves. The same bytes again are the same file (200)."""
    application = _application(request)
    limit = application.settings.file_max_bytes
    declared = request.headers.get("content-type", "")
    body = await _bounded(request, limit)
    if is_multipart(declared):
        part = the_file(declared, body)
        name, declared, body = name or part.name, part.content_type, part.content
    kept, created = await keep(application.books, application.environment, body, name, declared, limit)
    response.status_code = 201 if created else 200
    return file_view(kept)


@router.get("/{file}")
async def show_file(request: Request, file: str) -> dict[str, Any]:
    """Show what is known of a file."""
    return file_view(await _application(request).books.files.about(checked_id(file)))


@router.get("/{file}/content")
async def file_content(request: Request, file: str) -> Response:
    """Return a file's bytes, to be saved and not to be run."""
    files = _application(request).books.files
    kept = await files.about(checked_id(file))
    headers = {
        "Content-Disposition": f"attachment; filename*=UTF-8''{quote(kept.name or kept.file_id, safe='')}",
        "X-Content-Type-Options": "nosniff",
        "Cache-Control": "private, no-store",
    }
    return Response(await files.read(kept.file_id), media_type=kept.kind, headers=headers)


async def _bounded(request: Request, limit: int) -> bytes:
    """Return the body, never much more than a file may have. Raises Oversize."""
    most = limit + _WRAPPING
    told = request.headers.get("content-length", "")
    if told.isdecimal() and int(told) > most:
        raise too_large(int(told), limit)
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > most:
            raise too_large(len(body), limit)
    return bytes(body)
