"""``/api/v1/visits/{visit}/sheet``: the settlement sheet of a visit as page, PDF or data."""

from __future__ import annotations

import asyncio
from typing import Annotated, Literal
from urllib.parse import quote

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import HTMLResponse, JSONResponse

from service.access.principal import Kind, Principal
from service.application import Application
from service.sheets.data import sheet_view
from service.sheets.kept import Reader, members_of, sheet_of
from service.sheets.page import page
from service.sheets.pdf import pdf

router = APIRouter(prefix="/api/v1/visits/{visit}/sheet", tags=["visits"])

#: It names a person: nobody keeps it, nothing is loaded into it, nothing frames it. The rest is every answer's.
_HEADERS = {
    "Cache-Control": "private, no-store",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
}


@router.get(
    "",
    response_class=Response,
    responses={200: {"content": {"text/html": {}, "application/pdf": {}, "application/json": {}}}},
)
async def show_sheet(
    request: Request,
    visit: str,
    form: Annotated[Literal["html", "pdf", "json"], Query(alias="format")] = "html",
    lang: Annotated[Literal["zh", "en"] | None, Query(description="default: the installation's")] = None,
    clerk: Annotated[
        str, Query(max_length=50, description="who prints it 经办人; a person who has signed in is named")
    ] = "",
) -> Response:
    """Show the settlement sheet that a visit keeps (002, 5.4): a page to print, a PDF, or data; 404 without one."""
    application: Application = request.app.state.application
    report = await application.commands.report(visit)
    reader = Reader(lang or application.settings.language, _clerk(request.state.principal, clerk))
    sheet = sheet_of(application, report, reader)
    if form == "json":
        return JSONResponse(sheet_view(sheet, members_of(report)), headers=_HEADERS)
    if form == "html":
        return HTMLResponse(page(sheet), headers=_HEADERS)
    made = await asyncio.to_thread(pdf, sheet, application.settings.sheet_fonts)
    name = f"{quote(f'sheet-{report.visit.key}', safe='')}.pdf"
    return Response(
        made,
        media_type="application/pdf",
        headers=_HEADERS | {"Content-Disposition": f"inline; filename*=UTF-8''{name}"},
    )


def _clerk(caller: Principal, told: str) -> str:
    """Return who prints: a person is who has signed in, anybody else says for whom."""
    return caller.name if caller.kind is Kind.PERSON else told
