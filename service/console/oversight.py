"""Flows, schedules and peers: what runs here, and how it fares."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

from fastapi import Request, Response

from engine.definitions import format_duration
from engine.errors import BadInput
from engine.machine import Flow
from engine.store import Status, VisitFilter
from service.access.forms import form_of, short
from service.access.principal import Kind
from service.api.desk import Desk, caller_of, desk_of
from service.application import Application
from service.console.drawing import picture
from service.console.rendering import clock, language_of, page, say, titled
from service.console.route import HOME, pages, see
from service.console.story import state_title
from service.console.traffic import Traffic, recent, traffic
from service.errors import UnknownThing
from service.limiting.standing import PeerStanding, decide, peer_standings
from service.peers import adapters_of
from service.scheduling import ScheduleStanding, pause, resume, run_now, standings, visit_of
from service.scheduling.hand import now_of
from service.sessions import SUFFIX
from storage.tally import Tally

router = pages()
T = TypeVar("T")


# -- flows
@router.get("/console/flows")
async def flows(request: Request) -> Response:
    """List the flows that are on."""
    desk, language = desk_of(request), language_of(request)
    registry, counted = desk.application.registry, await desk.headcount.now()
    rows = []
    for name in registry.names:
        flow = registry.current(name)
        mine = [each for each in counted.tallies if each.flow == name]
        statuses: Counter[str] = Counter()
        for each in mine:
            statuses[each.status.value] += each.visits
        rows.append((flow, titled(flow.definition.title, language, name), statuses))
    return page(request, "flows.html", rows=rows, statuses=[each.value for each in Status], whole=counted.whole)


@router.get("/console/flows/{flow}")
async def show_flow(request: Request, flow: str) -> Response:
    """Show a flow: its picture, its version, how many visits are where."""
    desk, language = desk_of(request), language_of(request)
    registry = desk.application.registry
    if flow not in registry.names:
        raise UnknownThing("no such flow", field="flow")
    found = registry.current(flow)
    everything = await desk.headcount.now()
    counted = [each for each in everything.tallies if each.flow == flow]
    return page(
        request,
        "flow.html",
        flow=found,
        title=titled(found.definition.title, language, flow),
        states=_states(found, counted, language),
        versions=_versions(found, counted),
        drawing=picture(found, language, counts=_counts(counted)),
        whole=everything.whole,
    )


def _counts(counted: list[Tally]) -> dict[str, int]:
    found: Counter[str] = Counter()
    for each in counted:
        found[each.state] += each.visits
    return dict(found)


def _states(flow: Flow, counted: list[Tally], language: str) -> list[tuple[str, str, int, int]]:
    """Return states with how many visits are in each, and how many of these are stuck; old versions' states last."""
    everywhere = _counts(counted)
    stuck = _counts([each for each in counted if each.status is Status.STUCK])
    names = [*flow.definition.states, *sorted(set(everywhere) - set(flow.definition.states))]
    return [(name, state_title(flow, name, language), everywhere.get(name, 0), stuck.get(name, 0)) for name in names]


def _versions(flow: Flow, counted: list[Tally]) -> list[tuple[str, bool, int]]:
    found: Counter[str] = Counter({flow.version: 0})
    for each in counted:
        found[each.version] += each.visits
    return [(version, version == flow.version, count) for version, count in found.items()]


# -- schedules
@dataclass(frozen=True, slots=True)
class Shown:
    """A schedule as the page shows it."""

    standing: ScheduleStanding
    title: str
    rhythm: str
    does: str
    opens: str  #: flow and key of a run that is made now


@router.get("/console/schedules")
async def schedules(request: Request, told: str = "") -> Response:
    """List schedules: next run and why it was moved, who has paused one, the last result."""
    desk, language = desk_of(request), language_of(request)
    caller = caller_of(request)
    rows = [_shown(desk, each, language) for each in await standings(desk.application)]
    return page(
        request,
        "schedules.html",
        rows=rows,
        may_run=caller.may("visits.operate"),
        nameless=caller.kind is Kind.OPEN,
        told=told if told in _TOLD.values() else "",
    )


#: What a deed comes to, in the page's words.
_TOLD = {"opened": "opened", "already": "already", "done": "ran", "pause": "paused", "resume": "resumed"}


@router.post("/console/schedules/{schedule}/run")
async def run_schedule(request: Request, schedule: str) -> Response:
    """Make the run of this moment; its key holds the day, so doing it twice does no harm."""
    ran = await _by_hand(request, "run_schedule", schedule, run_now)
    return see(f"{HOME}/schedules?told={_TOLD[ran.result]}")


@router.post("/console/schedules/{schedule}/pause")
async def pause_schedule(request: Request, schedule: str) -> Response:
    """Pause a schedule until somebody resumes it."""
    await _by_hand(request, "pause_schedule", schedule, pause)
    return see(f"{HOME}/schedules?told={_TOLD['pause']}")


@router.post("/console/schedules/{schedule}/resume")
async def resume_schedule(request: Request, schedule: str) -> Response:
    """Let a paused schedule go on."""
    await _by_hand(request, "resume_schedule", schedule, resume)
    return see(f"{HOME}/schedules?told={_TOLD['resume']}")


async def _by_hand(
    request: Request, action: str, schedule: str, deed: Callable[[Application, str, str, str], Awaitable[T]]
) -> T:
    desk, caller, form = desk_of(request), caller_of(request), await form_of(request)
    by, reason = short(form, "by", 64), short(form, "reason", 1000)
    done = await deed(desk.application, schedule, caller.acting_for(by), reason)
    await desk.audit.by(caller, action, schedule, reason, told=by)
    return done


def _shown(desk: Desk, standing: ScheduleStanding, language: str) -> Shown:
    schedule, opens = standing.schedule, visit_of(standing.schedule, now_of(desk.application))
    if schedule.at is not None:
        rhythm = say(language, "daily", at=f"{schedule.at:%H:%M}")
    else:
        rhythm = say(language, "every", every=format_duration(schedule.every or 0))
    opening = schedule.open
    return Shown(
        standing,
        titled(schedule.title, language, schedule.name),
        rhythm,
        say(language, "does_open", flow=opening.flow) if opening else say(language, "does_job", job=schedule.job),
        "" if opens is None else "/".join(opens),
    )


# -- peers
@dataclass(frozen=True, slots=True)
class Peer:
    """One adapter that this site configures."""

    name: str
    traffic: Traffic
    session: str
    standing: PeerStanding
    may_decide: bool


@router.get("/console/peers")
async def peers(request: Request, told: str = "") -> Response:
    """List peers: called or left alone, session, health, answer times."""
    desk, language = desk_of(request), language_of(request)
    application = desk.application
    current = [application.registry.current(name) for name in application.registry.names]
    events = await recent(desk.hub.feed)
    seen = traffic(events, _adapters_of(current))
    standing = {each.peer: each for each in await peer_standings(application)}
    may = caller_of(request).may("peers.decide")
    rows = [
        Peer(name, seen.get(name, Traffic()), await _session(desk, name, current, language), standing[name], may)
        for name in application.adapters
    ]
    told = told if told in ("held", "released") else ""
    nameless = caller_of(request).kind is Kind.OPEN
    return page(request, "peers.html", rows=rows, looked_at=len(events), told=told, nameless=nameless)


@router.post("/console/peers/{peer}")
async def decide_on(request: Request, peer: str) -> Response:
    """Stop calling a peer, or call it again; doing either twice changes nothing."""
    desk, form, caller = desk_of(request), await form_of(request), caller_of(request)
    held, reason = form.get("held") == "true", form.get("reason", "").strip()[:1000]
    by = caller.acting_for(form.get("by", "")[:64])
    if not reason:
        raise BadInput("say why", field="reason")
    if not by.strip():
        raise BadInput("who acts has to be known", field="by")
    await decide(desk.application, peer, held, by, reason)
    await desk.audit.by(caller, "hold_peer" if held else "release_peer", peer, reason, told=by)
    return see(f"{HOME}/peers?told={'held' if held else 'released'}")


def _adapters_of(flows_: list[Flow]) -> dict[tuple[str, str], str]:
    """Return which adapter a flow asks for an operation."""
    return {(flow.name, operation): name for flow in flows_ for operation, name in adapters_of(flow).items()}


async def _session(desk: Desk, adapter: str, flows_: list[Flow], language: str) -> str:
    """Return what is known of a peer's session: from the book of sessions, or from the visit that keeps it."""
    user = str(desk.application.site.adapters.get(adapter, {}).get("username", ""))
    kept = await desk.application.books.equipment.sessions.read(adapter, user) if user else None
    if kept is not None:
        return say(language, f"session_{kept.state}", time=clock(kept.used_at))
    for flow in flows_:
        if flow.name.endswith(SUFFIX) and adapter in flow.definition.adapters.values():
            newest = await desk.store.visits(VisitFilter(flow=flow.name, limit=1))
            if newest:
                state = state_title(flow, newest[0].state, language)
                return say(language, "session_visit", key=newest[0].key, state=state)
    return "–"
