"""One action over many visits as pages: choose and look, confirm, watch, stop. Nothing happens before the preview."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Any, Literal
from urllib.parse import urlencode

from fastapi import Query, Request, Response

from engine.actions import ActionKind
from engine.commands import Report
from engine.errors import BadInput
from engine.events import Cause
from engine.facts import loads
from engine.store import Projection, Status, VisitFilter
from service.access.forms import form_of, short
from service.access.principal import Kind
from service.acting import Deed, Who
from service.api.batches import filter_of
from service.api.bodies import Chosen
from service.api.desk import Desk, caller_of, desk_of, fitted
from service.console.offers import RARE, Offer, deed_of, deed_title, offers
from service.console.rendering import language_of, page, say, titled
from service.console.route import HOME, code_meaning, pages, see
from service.console.story import state_title
from service.console.visit import flow_of, without_own_version
from service.errors import NotOpen
from service.words import Topic, word
from storage.registers import Batch, BatchItem

router = pages()

#: Visits whose legal actions the form is made from, results and batches on one page.
LOOKED_AT, MOST_ITEMS, MOST_BATCHES = 50, 100, 50
#: Ages that the form offers, as the API takes them.
AGES = ("15m", "1h", "4h", "1d", "7d")
ItemState = Literal["waiting", "done", "refused", "failed", "left_out", "approval"]


@dataclass(frozen=True, slots=True)
class Possible:
    """One thing that may be done to some of the visits that were found."""

    kind: str
    target: str
    title: str
    help: str
    visits: int


@dataclass(frozen=True, slots=True)
class Line:
    """A batch as lists and its own page show it."""

    batch: Batch
    title: str
    which: str
    again: str  #: where the same filter is chosen anew
    counts: Mapping[str, int]

    @property
    def all(self) -> int:
        """Return how many visits it has."""
        return sum(self.counts.values())

    @property
    def handled(self) -> int:
        """Return how many of them have come to something."""
        return self.all - self.counts.get("waiting", 0)


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
        ages=[(each, _age(each, language)) for each in AGES],
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
        line=await _line(desk, found.batch, language),
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


# -- watching
@router.get("/console/batches")
async def listed(request: Request) -> Response:
    """List batches, newest first."""
    desk, language = desk_of(request), language_of(request)
    kept = await desk.application.registers.batches.all(None, MOST_BATCHES)
    rows = [await _line(desk, each, language) for each in kept]
    return page(request, "batches.html", rows=rows, may_run=caller_of(request).may("batches.run"))


@router.get("/console/batches/{batch}")
async def show(
    request: Request,
    batch: str,
    state: Annotated[ItemState | None, Query()] = None,
    after: Annotated[int, Query(ge=0, le=10**9)] = 0,
    told: Annotated[str, Query(max_length=20)] = "",
) -> Response:
    """Show how far a batch is and what became of each visit; the part that htmx renews while it runs."""
    desk, language = desk_of(request), language_of(request)
    line = await _line(desk, await desk.batches.get(batch), language)
    items = await desk.application.registers.batches.items(batch, after, MOST_ITEMS + 1, state)
    running, part = line.batch.state == "running", request.headers.get("hx-target") == "batch"
    return page(
        request,
        "_batch.html" if part else "batch.html",
        headers={"HX-Refresh": "true"} if part and not running else None,  # it has ended: the form to stop it goes
        line=line,
        rows=await _results(request, items[:MOST_ITEMS], language),
        next_after=items[MOST_ITEMS - 1].number if len(items) > MOST_ITEMS else None,
        chosen=state,
        running=running,
        told=told if told in ("confirmed", "stopped") else "",
        may_run=caller_of(request).may("batches.run"),
        nameless=caller_of(request).kind is Kind.OPEN,
    )


async def _results(
    request: Request, items: list[BatchItem], language: str
) -> list[tuple[BatchItem, Projection | None, str]]:
    """Return what became of visits, with what they are now and why it became so."""
    desk, personal = desk_of(request), caller_of(request).may("visits.data")
    among = [each.visit_id for each in items]
    found = await desk.store.visits(VisitFilter(among=among, limit=len(among))) if among else []
    now = {each.visit_id: each for each in found}

    def why(item: BatchItem) -> str:
        meaning = code_meaning(item.code, language) if item.code else ""
        own = item.message if personal and item.state in ("refused", "failed") else None
        return " ".join(filter(None, (meaning, own and f"({own})"))) or (item.code or "")

    return [(each, now.get(each.visit_id), why(each)) for each in items]


@router.post("/console/batches/{batch}/stop")
async def stop(request: Request, batch: str) -> Response:
    """Stop a running batch; what was done stays done."""
    desk, caller, form = desk_of(request), caller_of(request), await form_of(request)
    reason, by = short(form, "reason", 1000), short(form, "by", 64)
    if not reason.strip():
        raise BadInput("say why", field="reason")
    if not caller.acting_for(by).strip():
        raise BadInput("who acts has to be known", field="by")
    await desk.batches.stop(batch)
    await desk.audit.by(caller, "stop_batch", batch, reason, told=by)
    return see(f"{HOME}/batches/{batch}?told=stopped")


async def _line(desk: Desk, batch: Batch, language: str) -> Line:
    chosen: dict[str, str] = loads(batch.chosen)
    registry, name = desk.application.registry, chosen.get("flow")
    flow = registry.current(name) if name in registry.names else None
    deed = Deed.read(batch.action, batch.arguments)
    told: list[Any] = [
        None if name is None else name if flow is None else titled(flow.definition.title, language, name),
        word(Topic.STATUS, chosen["status"], language) if "status" in chosen else None,
        word(Topic.CAUSE, chosen["cause"], language) if "cause" in chosen else None,
    ]
    if state := chosen.get("state"):
        told.append(state if flow is None else state_title(flow, state, language))
    told += [
        say(language, f"{each}_told", age=_age(chosen[each], language))
        for each in ("idle_for", "older_than")
        if each in chosen
    ]
    return Line(
        batch,
        deed_title(flow, deed.kind, deed.target, language),
        " · ".join(filter(None, told)) or say(language, "all_statuses"),
        f"{HOME}/batches/new?{urlencode({'status': ''} | chosen)}",
        await desk.application.registers.batches.counts(batch.batch_id),
    )


def _age(text: str, language: str) -> str:
    return say(language, f"age_{text[-1]}", n=text[:-1])
