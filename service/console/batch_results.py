"""Batches that were made: the list, how far each is, what became of each visit, and stopping one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal
from urllib.parse import urlencode

from fastapi import Query, Request, Response

from engine.errors import BadInput
from engine.facts import loads
from engine.store import Projection, VisitFilter
from service.access.forms import form_of, short
from service.access.principal import Kind
from service.acting import Deed
from service.api.desk import Desk, caller_of, desk_of
from service.console.offers import deed_title
from service.console.rendering import language_of, page, say, titled
from service.console.route import HOME, code_meaning, pages, see
from service.console.story import state_title
from service.words import Topic, word
from storage.registers import Batch, BatchItem

router = pages()

#: Results and batches on one page.
MOST_ITEMS, MOST_BATCHES = 100, 50
ItemState = Literal["waiting", "done", "refused", "failed", "left_out", "approval"]


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


@router.get("/console/batches")
async def listed(request: Request) -> Response:
    """List batches, newest first."""
    desk, language = desk_of(request), language_of(request)
    kept = await desk.application.registers.batches.all(None, MOST_BATCHES)
    rows = [await line_of(desk, each, language) for each in kept]
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
    line = await line_of(desk, await desk.batches.get(batch), language)
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


async def line_of(desk: Desk, batch: Batch, language: str) -> Line:
    """Return a batch in words, with how many of its visits are in which state."""
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
        say(language, f"{each}_told", age=age_words(chosen[each], language))
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


def age_words(text: str, language: str) -> str:
    """Return an age such as ``15m`` in words."""
    return say(language, f"age_{text[-1]}", n=text[:-1])
