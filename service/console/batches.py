"""One action over many visits: choose which and what, look at a preview, confirm. Nothing happens before that."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from fastapi import Request, Response

from engine.actions import ActionKind
from engine.commands import Report
from engine.errors import BadInput
from engine.events import Cause
from engine.store import Projection, Status, VisitFilter
from service.access.forms import form_of, short
from service.access.principal import Kind
from service.acting import Who
from service.api.batches import filter_of
from service.api.bodies import Chosen
from service.api.desk import Desk, caller_of, desk_of, fitted
from service.console.batch_results import age_words, line_of
from service.console.offers import RARE, Offer, deed_of, deed_title, offers
from service.console.rendering import language_of, page, titled
from service.console.route import HOME, pages, see
from service.console.story import state_title
from service.console.visit import flow_of, without_own_version
from service.errors import NotOpen
from service.words import Topic, word

router = pages()

#: Visits whose legal actions the form is made from.
LOOKED_AT = 50
#: Ages that the form offers, as the API takes them.
AGES = ("15m", "1h", "4h", "1d", "7d")


@dataclass(frozen=True, slots=True)
class Possible:
    """One thing that may be done to some of the visits that were found."""

    kind: str
    target: str
    title: str
    help: str
    visits: int


# -- choosing
@router.get("/console/batches/new")
async def new(request: Request) -> Response:
    """Choose visits by a filter, and see what may be done to them; by default those that are stuck."""
    desk, language = desk_of(request), language_of(request)
    chosen = _chosen({"status": Status.STUCK.value, **request.query_params})
    found = await desk.store.visits(replace(_which(desk, chosen), limit=LOOKED_AT + 1))
    registry = desk.application.registry
    flow = registry.current(chosen.flow) if chosen.flow in registry.names else None
    return page(
        request,
        "batch_new.html",
        chosen=chosen,
        flows=[(name, titled(registry.current(name).definition.title, language, name)) for name in registry.names],
        states=[] if flow is None else [(name, state_title(flow, name, language)) for name in flow.definition.states],
        statuses=[(each.value, word(Topic.STATUS, each, language)) for each in Status if each is not Status.CLOSED],
        causes=[(each.value, word(Topic.CAUSE, each, language)) for each in Cause],
        ages=[(each, age_words(each, language)) for each in AGES],
        count=min(len(found), LOOKED_AT),
        more=len(found) > LOOKED_AT,
        possible=await _possible(request, found[:LOOKED_AT], language),
        nameless=caller_of(request).kind is Kind.OPEN,
    )


def _chosen(told: Mapping[str, str]) -> Chosen:
    """Return the filter that a form or an address asks for. Raises BadInput."""
    return fitted(Chosen, {name: text for name in Chosen.model_fields if (text := told.get(name, "").strip())})


def _which(desk: Desk, chosen: Chosen) -> VisitFilter:
    return filter_of(chosen, desk.application.environment.now())


async def _possible(request: Request, found: Iterable[Projection], language: str) -> list[Possible]:
    """Return what may be done to these visits without data of their own, the most common first."""
    seen: dict[tuple[str, str], Possible] = {}
    for projection in found:
        report = without_own_version(request, await desk_of(request).commands.report(projection.visit_id))
        for each in await _deeds(request, report, language):
            before = seen.get((each.kind, each.target), each)
            seen[each.kind, each.target] = replace(before, visits=before.visits + 1)
    return sorted(seen.values(), key=lambda each: (each.kind in RARE, -each.visits))


async def _deeds(request: Request, report: Report, language: str) -> list[Possible]:
    offered = [each for each in await _offers(request, report, language) if not any(f.required for f in each.fields)]
    found = {(each.kind, _aim(each.kind, each.target)): (each.title, each.help) for each in offered if not each.changes}
    if await flow_of(request, report) is None:  # its version cannot be loaded: it can only be moved to another
        for action in report.actions:
            if action.kind is ActionKind.MIGRATE:
                found[action.kind.value, ""] = (deed_title(None, action.kind, "", language), "")
    return [Possible(kind, target, title, help_, 0) for (kind, target), (title, help_) in found.items()]


async def _offers(request: Request, report: Report, language: str) -> list[Offer]:
    flow = await flow_of(request, report)
    four_eyes = desk_of(request).application.settings.four_eyes
    return [] if flow is None else offers(flow, report, language, four_eyes=four_eyes, may=set(ActionKind))


def _aim(kind: str, target: str) -> str:
    """Return the target of a deed: several visits are migrated to their current versions, whatever these are."""
    return target if ActionKind(kind) in (ActionKind.TRIGGER, ActionKind.SETTLE, ActionKind.REVERSE) else ""


# -- looking
@router.post("/console/batches")
async def preview(request: Request) -> Response:
    """Show what an action over a filter would do; nothing happens before it is confirmed."""
    desk, caller, language, form = desk_of(request), caller_of(request), language_of(request), await form_of(request)
    chosen, deed = _chosen(form), deed_of(form)
    if deed.kind is ActionKind.CORRECT:
        raise BadInput("data are corrected one visit at a time", field="kind")
    who = Who(caller.acting_for(short(form, "by", 64)), short(form, "reason", 1000), caller.origin)
    found = await desk.batches.preview(_which(desk, chosen), chosen.model_dump(exclude_none=True), deed, who)
    reports = [await desk.commands.report(each) for each in found.sample]
    matching = [
        each
        for report in reports
        for each in await _offers(request, report, language)
        if (each.kind, _aim(each.kind, each.target)) == (deed.kind.value, deed.target)
    ]
    return page(
        request,
        "batch_preview.html",
        found=found,
        line=await line_of(desk, found.batch, language),
        sample=[each.projection for each in reports],
        sends=list(dict.fromkeys(name for each in matching for name in each.sends)),
        sends_next=any(each.sends_next for each in matching),
        warnings=list(dict.fromkeys(text for each in matching for text in each.warnings)),
        help=matching[0].help if matching else "",
        grave=deed.kind in (ActionKind.REVERSE, ActionKind.CANCEL),
        by=form.get("by", ""),
    )


@router.post("/console/batches/{batch}/confirm")
async def confirm(request: Request, batch: str) -> Response:
    """Let a preview run, by who made it; a second click leads to the batch that runs."""
    desk, form = desk_of(request), await form_of(request)
    by = caller_of(request).acting_for(short(form, "by", 64))
    try:
        await desk.batches.confirm(batch, form.get("token", ""), by)
    except NotOpen:
        kept = await desk.batches.get(batch)
        if kept.asked_by != by or kept.state == "previewed":
            raise
    return see(f"{HOME}/batches/{batch}?told=confirmed")
