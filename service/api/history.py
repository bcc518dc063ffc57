"""Figures of a period for analysts, and its visits for other tools. Read-only; nothing in it names a person."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response, StreamingResponse

from service.api.desk import Desk, caller_of, desk_of
from service.history.exports import csv_text, xes
from service.history.exports.columns import Outside
from service.history.exports.files import batches
from service.history.figures import Asking, figures
from service.history.periods import period_of
from service.history.standing import behind
from storage.history.questions import Period

router = APIRouter(prefix="/api/v1/history", tags=["history"])

Day = Annotated[str, Query(max_length=10, pattern=r"^(\d{8}|\d{4}-\d{2}-\d{2})?$", examples=["2026-11-20"])]
First = Annotated[Day, Query(alias="from")]
Last = Annotated[Day, Query(alias="to")]
Flow = Annotated[str, Query(max_length=100)]
Table = Literal["visits", "steps", "doubts", "stops", "money", "uploads"]


def _period(desk: Desk, first: str, last: str, flow: str) -> Period:
    application = desk.application
    return period_of(application.site, application.environment.now(), first, last, flow)


@router.get(
    "/export",
    response_class=Response,
    responses={200: {"content": {"text/csv": {"schema": {"type": "string"}}, "application/xml": {"schema": {}}}}},
)
async def export(
    request: Request,
    first: First = "",
    last: Last = "",
    flow: Flow = "",
    table: Annotated[Table, Query(description="which table, of CSV")] = "visits",
    form: Annotated[Literal["csv", "xes"], Query(alias="format")] = "csv",
) -> StreamingResponse:
    """Stream the visits opened in a period: one table as CSV, or all of them as XES. Audited."""
    desk = desk_of(request)
    period = _period(desk, first, last, flow)
    name = f"{table if form == 'csv' else 'visits'}-{period.first}-{period.last}.{form}"
    await desk.audit.by(caller_of(request), "export", name, "")
    outside = Outside(ZoneInfo(desk.application.site.timezone))
    history = desk.application.registers.history

    async def csv() -> AsyncIterator[str]:
        yield csv_text.heading(table)
        async for batch in batches(history, period):
            yield csv_text.lines(table, batch, outside)

    async def log() -> AsyncIterator[str]:
        yield xes.HEAD
        async for batch in batches(history, period):
            yield "".join(xes.traces(batch, outside))
        yield xes.TAIL

    return StreamingResponse(
        csv() if form == "csv" else log(),
        media_type="text/csv; charset=utf-8" if form == "csv" else "application/xml",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


@router.get("/{topic}")
async def show(
    request: Request,
    topic: str,
    first: First = "",
    last: Last = "",
    flow: Flow = "",
    limit: Annotated[int, Query(ge=1, le=10_000)] = 100,
    language: Literal["zh", "en"] | None = None,
) -> dict[str, Any]:
    """Return one table of figures: columns with what they hold, rows by name; ``behind`` = events not counted yet."""
    desk = desk_of(request)
    period = _period(desk, first, last, flow)
    registers = desk.application.registers
    asking = Asking(registers.history, period, language or desk.application.settings.language, limit)
    told = {"from": period.first, "to": period.last, "flow": period.flow, "behind": await behind(registers)}
    return told | (await figures(topic, asking)).as_dict()
