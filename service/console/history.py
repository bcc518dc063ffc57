"""History for analysts: the figures of a period as tables, each with a chart that is drawn from its table.

The page itself asks for no figures: over a million visits they take seconds each. It fetches them one after another.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import Query, Request, Response

from service.api.desk import caller_of, desk_of
from service.console.rendering import language_of, page, titled
from service.console.route import HOME, pages
from service.history.figures import TOPICS, Asking, Columns, Kind, figures
from service.history.periods import period_of
from service.history.showing import cell, is_number
from service.history.standing import behind
from service.words import Topic, word
from storage.history import TABLES
from storage.history.questions import Period

router = pages()

PATH = f"{HOME}/history"
#: Rows of the tables that may have many.
MOST = 15
#: What is drawn of a table: ``x`` names the bars, ``values`` are their heights, ``by`` tells series apart: their values
#: are added up.
CHARTS: Mapping[str, Mapping[str, Any]] = {
    "days": {"form": "stack", "x": ["day"], "by": ["flow"], "values": ["visits"]},
    "visits": {"form": "stack", "x": ["flow"], "by": ["ending"], "values": ["visits"]},
    "durations": {"form": "bars", "x": ["flow", "trigger"], "values": ["p50", "p90", "p99"]},
    "failures": {"form": "pareto", "x": ["operation", "outcome", "code"], "values": ["times", "upto"]},
    "doubts": {"form": "stack", "x": ["operation"], "by": ["how", "verdict"], "values": ["doubts"]},
    "stops": {"form": "stack", "x": ["cause"], "by": ["flow"], "values": ["stops"]},
    "money": {"form": "bars", "x": ["day"], "by": ["kind"], "values": ["amount"]},
    "uploads": {"form": "bars", "x": ["flow"], "values": ["p50", "p90", "p99"]},
}


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell: as people read it, and as a number for the chart (empty: it is none)."""

    text: str
    value: str
    right: bool


@dataclass(frozen=True, slots=True)
class Section:
    """One table with its chart; ``chart`` is JSON, empty where nothing is drawn."""

    topic: str
    headings: list[tuple[str, bool]]
    rows: list[list[Cell]]
    chart: str


First = Annotated[str, Query(alias="from", max_length=10)]
Last = Annotated[str, Query(alias="to", max_length=10)]
Flow = Annotated[str, Query(max_length=100)]


@router.get("/console/history")
async def history(request: Request, first: First = "", last: Last = "", flow: Flow = "") -> Response:
    """Show what there is to know of a period, and have the browser fetch the figures."""
    desk, language = desk_of(request), language_of(request)
    application = desk.application
    period = _period(request, first, last, flow)
    registry = application.registry
    titles = [(name, titled(registry.current(name).definition.title, language, name)) for name in registry.names]
    return page(
        request,
        "history.html",
        topics=[(topic, f"{PATH}/{topic}?{urlencode(_chosen(period))}") for topic in TOPICS],
        period=period,
        flows=titles,
        behind=await behind(application.registers),
        exports=_exports(period) if caller_of(request).may("history.export") else [],
    )


@router.get("/console/history/{topic}")
async def history_topic(request: Request, topic: str, first: First = "", last: Last = "", flow: Flow = "") -> Response:
    """Show the figures of one topic: as a part of the page, or as a page where a browser has no scripts."""
    period, language = _period(request, first, last, flow), language_of(request)
    registers = desk_of(request).application.registers
    found = await figures(topic, Asking(registers.history, period, language, MOST))
    part = request.headers.get("hx-request") == "true"
    return page(
        request,
        "_figures.html" if part else "figures.html",
        section=_section(topic, found.columns, found.rows, language),
        period=period,
        back=f"{PATH}?{urlencode(_chosen(period))}",
    )


def _period(request: Request, first: str, last: str, flow: str) -> Period:
    application = desk_of(request).application
    return period_of(application.site, application.environment.now(), first, last, flow)


def _chosen(period: Period) -> dict[str, str]:
    return {"from": period.first, "to": period.last} | ({"flow": period.flow} if period.flow else {})


def _section(topic: str, columns: Columns, rows: list[dict[str, Any]], language: str) -> Section:
    headings = [(word(Topic.HISTORY, name, language), is_number(kind)) for name, kind in columns.items()]
    cells = [[_cell(kind, row[name], language) for name, kind in columns.items()] for row in rows]
    return Section(topic, headings, cells, _chart(topic, columns))


def _cell(kind: Kind, value: Any, language: str) -> Cell:
    number = is_number(kind)
    return Cell(cell(kind, value, language), str(value) if number and value is not None else "", number)


def _chart(topic: str, columns: Columns) -> str:
    """Return what is drawn, columns by their places, and what the values are: milliseconds, yuan or counts."""
    drawn = CHARTS.get(topic)
    if drawn is None:
        return ""
    places = list(columns)
    chart = {name: [places.index(each) for each in drawn.get(name, ())] for name in ("x", "by", "values")}
    return json.dumps({"form": drawn["form"], "unit": columns[drawn["values"][0]].value, **chart})


def _exports(period: Period) -> list[tuple[str, str]]:
    links = [(f"CSV {table}", {"table": table}) for table in TABLES] + [("XES", {"format": "xes"})]
    return [(name, f"/api/v1/history/export?{urlencode(_chosen(period) | more)}") for name, more in links]
