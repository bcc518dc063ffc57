"""One visit: where it stands, what happened, its money, what went over the wire, and what may be done."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Annotated, Any

from fastapi import Query, Request, Response

from engine.actions import ActionKind
from engine.commands import Report
from engine.errors import BadInput, FlowUnavailable
from engine.facts import dumps, normalise
from engine.machine import Flow
from engine.store import ExchangeRecord, StoredEvent
from service.access.forms import form_of
from service.access.principal import Kind, Principal
from service.access.secrets import token
from service.acting import Deed
from service.api.desk import caller_of, desk_of
from service.api.exchanges import find
from service.api.streams import progress
from service.console.attention import target_words
from service.console.drawing import picture
from service.console.offers import offers
from service.console.rendering import language_of, page, say, titled
from service.console.route import pages
from service.console.story import sentence, state_title, step_title
from service.fees import fees_view
from service.masking import masked, masked_text
from service.sheets.kept import NoSheet, members_of
from service.timeline import Line, timeline
from service.words import Topic, word

router = pages()

#: Lines and events that one page lists: a stay of months has tens of thousands.
MOST_LINES, MOST_EVENTS = 300, 500
_LISTED_ELSEWHERE = ("fees", "fee_lines", "orders")
_FIRST = ("refused", "unmatched")

#: What a page may have to tell after something was done.
TOLD = frozenset(("done", "asked", "approved", "refused", "opened", "already", "ran"))


@router.get("/console/visits/{visit}")
async def show(request: Request, visit: str, told: Annotated[str, Query(max_length=20)] = "") -> Response:
    """Show a visit."""
    return page(request, "visit.html", **await gathered(request, visit, told))


async def gathered(request: Request, visit: str, told: str = "") -> dict[str, Any]:
    """Return what the page shows. Raises UnknownVisit."""
    desk, caller, language = desk_of(request), caller_of(request), language_of(request)
    report = await desk.commands.report(visit)
    personal = caller.may("visits.data")
    flow = await flow_of(request, report)
    journal = (await desk.store.journal(visit))[-MOST_EVENTS:]
    fees = _fees(report) if personal else None
    asked = await desk.acting.approvals.all("asked", visit, None, 50) if caller.may("approvals.read") else []
    now = desk.application.environment.now()
    settings = desk.application.settings
    shown: dict[str, Any] = {
        "report": report,
        "visit": report.visit,
        "projection": report.projection,
        "told": told if told in TOLD else "",
        "personal": personal,
        "history": timeline(journal, language) if personal else _bare(journal, language),
        "data": _data(report, personal=personal),
        "fees": fees,
        "lines": [] if fees is None else sorted(fees["lines"], key=_later)[:MOST_LINES],
        "may_see_exchanges": caller.may("exchanges.read"),
        "exchanges": await desk.store.exchanges(visit) if caller.may("exchanges.read") else [],
        "approvals": [
            (each, deed, target_words(flow, deed, language), each.asked_by.partition("/")[0] == caller.name)
            for each, deed in ((each, Deed.read(each.action, each.arguments)) for each in asked)
            if each.expires_at > now
        ],
        "may_decide": caller.may("approvals.decide"),
        "nameless": caller.kind is Kind.OPEN,
        "ticket": token,
        "flow_title": report.projection.flow,
        "state": report.projection.state,
        "told_story": "",
        "drawing": None,
        "offers": [],
        "path_titles": [leg.trigger for leg in report.visit.trail],
        "money": [],
        "sheet": personal and _has_sheet(report),
        "may_act": bool(_may(caller)),
    }
    if flow is None:
        return shown | {"told_story": say(language, "unavailable")}
    return shown | {
        "flow_title": titled(flow.definition.title, language, flow.name),
        "state": state_title(flow, report.projection.state, language),
        "told_story": sentence(flow, report.visit, report.projection, language, personal=personal),
        "drawing": picture(flow, language, report.visit),
        "offers": offers(
            flow, without_own_version(request, report), language, four_eyes=settings.four_eyes, may=_may(caller)
        ),
        "path_titles": [step_title(flow, leg.trigger, language) for leg in report.visit.trail],
        "money": money(flow, report, language),
    }


async def flow_of(request: Request, report: Report) -> Flow | None:
    """Return the version that a visit follows, or None where it cannot be loaded."""
    try:
        return await desk_of(request).application.registry.version(report.visit.version)
    except FlowUnavailable:
        return None


def without_own_version(request: Request, report: Report) -> Report:
    """Leave out migrating a visit to the version that it is on."""
    registry = desk_of(request).application.registry
    current = registry.current(report.visit.flow).version if report.visit.flow in registry.names else ""
    if current != report.visit.version:
        return report
    return replace(report, actions=[each for each in report.actions if each.kind is not ActionKind.MIGRATE])


def _may(caller: Principal) -> set[ActionKind]:
    may = {ActionKind.TRIGGER} if caller.may("visits.trigger") else set()
    return may | (set(ActionKind) - {ActionKind.TRIGGER} if caller.may("visits.operate") else set())


def money(flow: Flow, report: Report, language: str) -> list[tuple[str, str]]:
    """Return the amounts that the visit knows: the members of its model that are Decimal."""
    found = []
    for name, info in flow.data_model.model_fields.items():
        value = report.visit.data.get(name)
        if value is not None and "Decimal" in repr(info.annotation):
            try:
                label = say(language, f"money_{name}")
            except KeyError:
                label = name
            found.append((label, str(value)))
    return found


def _has_sheet(report: Report) -> bool:
    """Tell whether the visit keeps a settlement sheet: those of Inner Mongolia do, once the stay has ended."""
    try:
        return bool(members_of(report))
    except NoSheet:
        return False


def _data(report: Report, *, personal: bool) -> str:
    known = {name: value for name, value in report.visit.data.items() if name not in _LISTED_ELSEWHERE}
    data = known if personal else masked(known)
    return json.dumps(json.loads(dumps(normalise(data))), ensure_ascii=False, indent=2)


def _later(line: dict[str, Any]) -> bool:
    """Sort lines that somebody has to look at before the others."""
    return line["state"] not in _FIRST


def _fees(report: Report) -> dict[str, Any] | None:
    try:
        return fees_view(report.visit)
    except BadInput:  # visits of this flow have no ledger
        return None


def _bare(journal: list[StoredEvent], language: str) -> list[Line]:
    """Return the story for who may not read personal data: what happened, without what anybody wrote."""
    found = []
    for stored, line in zip(journal, timeline(journal, language), strict=True):
        told = progress(stored)
        names = ("trigger", "operation", "source", "dest", "target", "state", "timer")
        words = [str(told[name]) for name in names if told.get(name)]
        for topic, name in ((Topic.OUTCOME, "outcome"), (Topic.VERDICT, "verdict"), (Topic.CAUSE, "cause")):
            if name in told:
                words.append(word(topic, told[name], language))
        found.append(replace(line, text=" · ".join(words)))
    return found


# -- exchanges
@router.get("/console/visits/{visit}/exchanges/{exchange}")
async def show_exchange(request: Request, visit: str, exchange: str) -> Response:
    """Show an exchange, masked, in and out side by side."""
    return _exchange(request, await find(desk_of(request), visit, exchange), raw=False)


@router.post("/console/visits/{visit}/exchanges/{exchange}/unmask")
async def unmask(request: Request, visit: str, exchange: str) -> Response:
    """Show an exchange as it went over the wire; that somebody looked, and why, is durable before."""
    desk, form = desk_of(request), await form_of(request)
    reason = form.get("reason", "").strip()
    if not reason or len(reason) > 1000:
        raise BadInput("say why, in at most 1000 characters", field="reason")
    record = await find(desk, visit, exchange)
    await desk.audit.by(caller_of(request), "unmask", f"{visit}/{exchange}", reason, told=form.get("by", ""))
    return _exchange(request, record, raw=True)


def _exchange(request: Request, record: ExchangeRecord, *, raw: bool) -> Response:
    def shown(body: bytes | None) -> str | None:
        if body is None:
            return None
        return _pretty(body.decode("utf-8", "replace") if raw else masked_text(body))

    caller = caller_of(request)
    part = request.headers.get("hx-request") == "true"
    return page(
        request,
        "_exchange.html" if part else "exchange.html",
        record=record,
        sent=shown(record.request),
        received=shown(record.reply),
        raw=raw,
        may_unmask=caller.may("exchanges.unmask"),
        nameless=caller.kind is Kind.OPEN,
    )


def _pretty(text: str) -> str:
    """Return JSON indented, its numbers to the letter; all else as it is."""
    try:
        told = json.loads(text, parse_float=_kept, parse_int=_kept)
    except (ValueError, RecursionError):
        return text
    return _KEPT.sub(r"\1", json.dumps(told, ensure_ascii=False, indent=2))


#: A number on its way through: a character that no message holds keeps it apart from text.
_MARK = "\ue000"
_KEPT = re.compile(f'"{_MARK}([^"]*)"')


def _kept(number: str) -> str:
    return f"{_MARK}{number}"
