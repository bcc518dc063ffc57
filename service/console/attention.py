"""What needs a person now: stuck visits, doubts, what is overdue, lines that were set aside, approvals that wait."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, replace
from enum import StrEnum

from engine.actions import ActionKind
from engine.environment import Micros
from engine.errors import BadInput, FlowUnavailable, VisitflowError
from engine.events import Cause
from engine.machine import Flow
from engine.registry import Registry
from engine.store import Projection, Status, Store, VisitFilter
from engine.visit import PendingCall, Visit, fold
from service.acting import Deed
from service.console.rendering import titled
from service.console.story import sentence, state_title
from service.fees import fees_view
from service.words import Topic, word
from storage.registers import Approval

#: Reasons for refusals that a row shows, and how much of what a peer has said.
MOST_REASONS, _LONGEST_TEXT = 3, 300
#: Rows that the board shows, and moving visits whose lines it looks through.
MOST_ROWS, MOST_LOOKED_AT = 200, 500
_REMEMBERED = 5_000


class Kind(StrEnum):
    """Why a visit stands on the board, the gravest first."""

    DOUBT = "doubt"  #: nobody knows whether it happened
    STUCK = "stuck"
    OVERDUE = "overdue"
    LINES = "lines"  #: fee lines refused, or not matched to the catalogue
    APPROVAL = "approval"


@dataclass(frozen=True, slots=True)
class Refusal:
    """Fee lines refused for the same reason. ``code`` and ``text`` are the peer's, ``line`` is the first of them."""

    code: str
    text: str
    line: str
    lines: int


@dataclass(frozen=True, slots=True)
class Lines:
    """Fee lines that are set aside: how many, and why the peer refused them, the most common reasons first."""

    refused: int = 0
    unmatched: int = 0
    reasons: int = 0  #: different ones
    refusals: tuple[Refusal, ...] = ()  #: at most MOST_REASONS of them

    @property
    def any(self) -> bool:
        """Tell whether somebody has to look at them."""
        return bool(self.refused or self.unmatched)


@dataclass(frozen=True, slots=True)
class Trouble:
    """One row of the board."""

    kind: Kind
    at: Micros
    visit_id: str
    flow: str
    flow_title: str
    key: str
    state: str
    cause: str  #: of a stuck visit
    told: str
    approval: Approval | None = None
    target: str = ""  #: of an approval
    lines: Lines = Lines()


@dataclass(frozen=True, slots=True)
class Glance:
    """What one look at a visit has shown; good until its journal grows."""

    seq: int
    visit: Visit
    flow: Flow | None
    lines: Lines


class Glances:
    """Looks at visits, and remembers: a board that is read every few seconds must not fold everything anew."""

    def __init__(self, store: Store, registry: Registry) -> None:
        """Remember the last 5,000, without their data: a stay of months holds megabytes."""
        self._store = store
        self._registry = registry
        self._kept: OrderedDict[str, Glance] = OrderedDict()

    async def look(self, projection: Projection) -> Glance:
        """Return a visit as it stands. Raises StoreError."""
        kept = self._kept.get(projection.visit_id)
        if kept is None or kept.seq != projection.seq:
            visit = fold(projection.visit_id, await self._store.history(projection.visit_id))
            kept = Glance(projection.seq, _slim(visit), await self._flow(visit.version), _lines(visit))
        self._kept[projection.visit_id] = kept
        self._kept.move_to_end(projection.visit_id)
        while len(self._kept) > _REMEMBERED:
            self._kept.popitem(last=False)
        return kept

    async def _flow(self, version: str) -> Flow | None:
        try:
            return await self._registry.version(version)
        except FlowUnavailable:
            return None


def _slim(visit: Visit) -> Visit:
    """Return what a sentence needs of a visit."""

    def bare(call: PendingCall) -> PendingCall:
        return replace(call, request={})

    return replace(
        visit,
        data={},
        trail=[],
        call=None if visit.call is None else bare(visit.call),
        doubt=None if visit.doubt is None else replace(visit.doubt, aid=None, exchanges=[]),
        suspects=[replace(each, call=bare(each.call)) for each in visit.suspects],
        trouble=None if visit.trouble is None else replace(visit.trouble, evidence={}),
    )


def _lines(visit: Visit) -> Lines:
    """Return which fee lines are set aside."""
    try:
        fees = fees_view(visit)
    except BadInput:  # no ledger
        return Lines()
    found: dict[tuple[str, str], Refusal] = {}
    for line in fees["lines"]:
        if line["state"] == "refused":
            why = line["code"] or "", (line["text"] or "")[:_LONGEST_TEXT]
            first = found.get(why) or Refusal(*why, line=f"{line['line_id']} {line['name']}", lines=0)
            found[why] = replace(first, lines=first.lines + 1)
    common = sorted(found.values(), key=lambda each: -each.lines)
    counts = fees["counts"]
    return Lines(counts.get("refused", 0), counts.get("unmatched", 0), len(common), tuple(common[:MOST_REASONS]))


def kind_of(cause: str | None) -> Kind:
    """Return under which kind a stuck visit stands."""
    if cause in (Cause.DOUBT, Cause.LATE_ORIGINAL):
        return Kind.DOUBT
    return Kind.OVERDUE if cause == Cause.OVERDUE else Kind.STUCK


def target_words(flow: Flow | None, deed: Deed, language: str) -> str:
    """Return what a deed aims at, in words: a verdict, or a state's title."""
    if deed.kind is ActionKind.SETTLE or flow is None:
        return word(Topic.VERDICT, deed.target, language)
    return state_title(flow, deed.target, language) if deed.target else ""


class Attention:
    """Gathers the board."""

    def __init__(self, store: Store, registry: Registry) -> None:
        """Look at the visits of ``store``."""
        self._store = store
        self._glances = Glances(store, registry)

    async def stuck(self, language: str, *, personal: bool, flow: str | None) -> list[Trouble]:
        """Return stuck visits, newest trouble first."""
        found = await self._store.visits(VisitFilter(flow=flow, status=Status.STUCK, limit=MOST_ROWS))
        rows = []
        for projection in found:
            glance = await self._glances.look(projection)
            at = projection.updated_at if glance.visit.trouble is None else glance.visit.trouble.at
            told = ""
            if glance.flow is not None:
                told = sentence(glance.flow, glance.visit, projection, language, personal=personal)
            rows.append(_row(kind_of(projection.cause), at, projection, glance, language, told))
        return sorted(rows, key=lambda each: (-each.at, each.visit_id))

    async def lines(self, language: str, *, personal: bool, flow: str | None) -> tuple[list[Trouble], bool]:
        """Return visits that move but have lines set aside, and whether there were more visits than are looked at.

        Without ``personal`` nothing is quoted: an item may tell the illness, and a peer may write anything.
        """
        rows, more = [], False
        for status in (Status.READY, Status.WAITING):
            found = await self._store.visits(VisitFilter(flow=flow, status=status, limit=MOST_LOOKED_AT))
            more = more or len(found) == MOST_LOOKED_AT
            for projection in found:
                glance = await self._glances.look(projection)
                if glance.lines.any:
                    shown = glance.lines if personal else replace(glance.lines, refusals=())
                    row = _row(Kind.LINES, projection.updated_at, projection, glance, language, "")
                    rows.append(replace(row, lines=shown))
        return sorted(rows, key=lambda each: (-each.at, each.visit_id))[:MOST_ROWS], more

    async def approvals(self, asked: list[Approval], now: Micros, language: str, flow: str | None) -> list[Trouble]:
        """Return the approvals that wait."""
        rows = []
        for each in asked:
            if each.expires_at <= now:
                continue
            try:
                projection = await self._store.get(each.visit_id)
            except VisitflowError:
                continue
            if flow in (None, projection.flow):
                glance = await self._glances.look(projection)
                row = _row(Kind.APPROVAL, each.asked_at, projection, glance, language, each.reason, each)
                rows.append(row)
        return rows


def _row(
    kind: Kind,
    at: Micros,
    projection: Projection,
    glance: Glance,
    language: str,
    told: str,
    approval: Approval | None = None,
) -> Trouble:
    flow, target = glance.flow, ""
    if approval is not None:
        deed = Deed.read(approval.action, approval.arguments)
        target = target_words(flow, deed, language)
    return Trouble(
        kind=kind,
        at=at,
        visit_id=projection.visit_id,
        flow=projection.flow,
        flow_title=projection.flow if flow is None else titled(flow.definition.title, language, projection.flow),
        key=projection.key,
        state=projection.state if flow is None else state_title(flow, projection.state, language),
        cause=projection.cause or "",
        told=told,
        approval=approval,
        target=target,
    )
