"""The board: what needs a person now, newest trouble first."""

from __future__ import annotations

from collections import Counter
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import Query, Request, Response

from engine.store import Status
from service.api.desk import Desk, caller_of, desk_of
from service.console.attention import MOST_ROWS, Attention, Kind, Trouble
from service.console.rendering import language_of, page, titled
from service.console.route import HOME, pages

router = pages()


def attention_of(request: Request) -> Attention:
    """Return this process's attention; made with the first page."""
    found: Attention | None = getattr(request.app.state, "attention", None)
    if found is None:
        application = desk_of(request).application
        found = request.app.state.attention = Attention(application.store, application.registry)
    return found


@router.get("/console")
async def board(
    request: Request,
    flow: Annotated[str | None, Query(max_length=100)] = None,
    kind: Annotated[Kind | None, Query()] = None,
) -> Response:
    """Show the board; as a part of a page when htmx asks for news."""
    part = request.headers.get("hx-target") == "board"
    return page(request, "_board.html" if part else "board.html", **await gathered(request, flow or None, kind))


async def gathered(request: Request, flow: str | None, kind: Kind | None) -> dict[str, Any]:
    """Return what the board shows."""
    desk, caller, language = desk_of(request), caller_of(request), language_of(request)
    attention, now = attention_of(request), desk.application.environment.now()
    rows = await attention.stuck(language, personal=caller.may("visits.data"), flow=flow)
    lines, more = await attention.lines(language, personal=caller.may("visits.data"), flow=flow)
    rows += lines
    if caller.may("approvals.read"):
        asked = await desk.acting.approvals.all("asked", None, None, MOST_ROWS)
        rows += await attention.approvals(asked, now, language, flow)
    shown = sorted((each for each in rows if kind in (None, each.kind)), key=lambda each: (-each.at, each.visit_id))
    stuck_by_cause = Counter(each.cause for each in rows if each.cause and each.kind is not Kind.APPROVAL)
    counted = await desk.headcount.now()
    statuses: Counter[str] = Counter()
    for each in counted.tallies:
        if flow in (None, each.flow):
            statuses[each.status.value] += each.visits
    return {
        "rows": shown[:MOST_ROWS],
        "left_off": max(0, len(shown) - MOST_ROWS) or statuses[Status.STUCK.value] > MOST_ROWS,
        "more_lines": more,
        "kinds": list(Kind),
        "counts": Counter(each.kind for each in rows),
        "causes": sorted(stuck_by_cause.items(), key=lambda each: (-each[1], each[0])),
        "statuses": [(each.value, statuses[each.value]) for each in Status],
        "whole": counted.whole,
        "flows": _flows(desk, rows, language, flow, {each.flow for each in counted.tallies}),
        "flow": flow,
        "kind": kind,
        "address": address,
        "batch_address": batch_address,
        "now": now,
        "by_patient": caller.may("patients.hash"),
    }


def address(flow: str | None, kind: str | None) -> str:
    """Return the board's address with filters."""
    chosen = {name: value for name, value in (("flow", flow), ("kind", kind)) if value}
    return f"{HOME}?{urlencode(chosen)}" if chosen else HOME


def batch_address(flow: str | None, cause: str = "") -> str:
    """Return where something is done to all stuck visits of a flow, or of a cause, at once."""
    chosen = {"status": Status.STUCK.value, "flow": flow, "cause": cause}
    return f"{HOME}/batches/new?{urlencode({name: value for name, value in chosen.items() if value})}"


def _flows(
    desk: Desk, rows: list[Trouble], language: str, chosen: str | None, there: set[str]
) -> list[tuple[str, str]]:
    """Return the flows to filter by: those that are on, and those that have visits."""
    registry = desk.application.registry
    titles = {each: titled(registry.current(each).definition.title, language, each) for each in registry.names}
    others = there | {each.flow for each in rows} | ({chosen} if chosen else set())
    return list((titles | {each: titles.get(each, each) for each in sorted(others)}).items())
