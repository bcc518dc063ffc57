"""What all actions share: the service behind the endpoint, how a visit is found, and how long one waits for it."""

from __future__ import annotations

import datetime
import re
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any

from adapters.jiangsu.transactions import Transaction as Row
from engine.environment import SECOND, Micros
from engine.errors import NotLegal
from engine.events import AnyEvent, Cause, decode
from engine.machine import Flow
from engine.plan import view_of
from engine.steps import View
from engine.store import Projection, Status
from engine.visit import Visit, fold
from service.application import Application
from service.gateway.requests import Config, Desk, Transaction
from service.gateway.waiting import Reached, rest
from steps.jiangsu.times import SHANGHAI, moment_of

OUTPATIENT, INPATIENT = "jiangsu.outpatient", "jiangsu.inpatient"
#: Flows whose visits a front end may speak of, likeliest first.
VISIT_FLOWS = (OUTPATIENT, INPATIENT)
#: States before the centre knows the visit, and from the settlement on.
UNREGISTERED = frozenset(("opened", "signed_in", "card_read"))
SETTLED = frozenset(("settled", "receipted", "recorded", "discharged"))
#: Stopped, and nothing happened at the centre: asking again is what a person at a desk does.
MAY_GO_ON = (Cause.REFUSED, Cause.UNDO_REFUSED, Cause.RETRIES_EXHAUSTED, Cause.DEADLINE)
_NOT_IN_A_BILL = re.compile("[^0-9A-Za-z-]")


@dataclass(frozen=True, slots=True)
class Ask:
    """One transaction that is asked for: its row of the table, its parameters, and the rest of the body."""

    row: Row
    params: Mapping[str, Any]
    body: Transaction


@dataclass(slots=True)
class Known:
    """A visit as it was found: projection, fold, events."""

    projection: Projection
    visit: Visit
    flow: Flow
    view: View
    events: list[AnyEvent]

    @property
    def data(self) -> Mapping[str, Any]:
        """Return what the visit knows."""
        return self.visit.data

    @property
    def key(self) -> str:
        """Return our number of the visit, which is the front end's ``visit_no``."""
        return self.visit.key

    @property
    def cancelled(self) -> bool:
        """Tell whether everything was taken back."""
        return self.visit.state == self.flow.definition.cancelled

    @property
    def over(self) -> bool:
        """Tell whether the visit has come to its end."""
        return self.visit.state in self.flow.final

    def message_id(self, *operations: str) -> str:
        """Return the id of the newest message of one of ``operations`` (J2)."""
        for event in reversed(self.events):
            if getattr(event, "operation", "") in operations and (found := getattr(event, "message_id", "")):
                return str(found)
        return ""


@dataclass(slots=True)
class Memory:
    """What a front end said at ``init``; only to be shown again."""

    config: Config = field(default_factory=Config)


@dataclass(frozen=True, slots=True)
class Front:
    """The service as one request sees it."""

    application: Application
    patience: Micros
    defaults: Mapping[str, str]
    memory: Memory = field(default_factory=Memory)
    asked_at: Micros = 0

    def anew(self) -> Front:
        """Return the same for a request that comes now."""
        return replace(self, asked_at=self.now())

    # -- finding
    def is_on(self, flow: str) -> bool:
        """Tell whether a flow is on at this site."""
        return flow in self.application.registry.names

    async def find(self, *numbers: str | None, flows: tuple[str, ...] = VISIT_FLOWS) -> Known | None:
        """Return the visit that has one of ``numbers`` as its key (J53)."""
        for number in dict.fromkeys(numbers):
            for flow in flows if number else ():
                projection = await self.application.store.find(flow, str(number))
                if projection is not None:
                    return await self.known(projection.visit_id)
        return None

    async def known(self, visit_id: str) -> Known:
        """Return a visit as it is now."""
        store = self.application.store
        projection = await store.get(visit_id)
        visit = fold(visit_id, await store.history(visit_id))
        flow = await self.application.registry.version(visit.version)
        view = view_of(flow, visit, self.now())
        return Known(projection, visit, flow, view, [decode(each.payload) for each in await store.journal(visit_id)])

    # -- moving
    async def wait(self, visit_id: str, reached: Reached = lambda _projection: False) -> Known:
        """Return the visit when it is at rest or far enough, or when patience is over."""
        application = self.application
        await rest(application.store, application.environment, visit_id, self.patience, reached)
        return await self.known(visit_id)

    async def ask(self, known: Known, trigger: str, data: Mapping[str, Any], desk: Desk) -> Known:
        """Ask for a transition and wait; where it is not legal any more, somebody else has asked: wait for that."""
        try:
            await self.application.commands.trigger(known.visit.visit_id, trigger, data, self.by(desk))
        except NotLegal:
            found = await self.wait(known.visit.visit_id)
            if found.projection.seq == known.projection.seq:
                raise
            return found
        return await self.wait(known.visit.visit_id)

    async def go_on(self, known: Known, desk: Desk, wanted: str) -> Known:
        """Let a visit go on that was stopped without harm before this request came, or is held after an undo."""
        trouble = known.visit.trouble
        stopped = trouble is not None and trouble.cause in MAY_GO_ON and trouble.at < self.asked_at
        held = known.visit.held and known.visit.trouble is None and not known.over
        if not stopped and not held:
            return known
        reason = f"前台再次办理 asked for again: {wanted}"
        with suppress(NotLegal):  # somebody else was quicker
            await self.application.commands.resume(known.visit.visit_id, self.by(desk), reason)
        return await self.wait(known.visit.visit_id)

    async def drop(self, known: Known, desk: Desk, wanted: str) -> Known:
        """Drop a settlement that was refused or never sent, so that the visit can be charged or shown anew."""
        trouble, run = known.visit.trouble, known.visit.run
        if trouble is None or trouble.cause not in MAY_GO_ON or run is None or run.trigger != "settle":
            return known
        commands, visit_id, by = self.application.commands, known.visit.visit_id, self.by(desk)
        reason = f"结算未办理，前台改办 not settled, asked for instead: {wanted}"
        await commands.reverse(visit_id, known.visit.state, by, reason)
        await self.wait(visit_id)
        if known.data.get("invoice_no"):  # else it would settle by itself, unseen
            await commands.correct(visit_id, {"invoice_no": None}, by, reason)
        return await self.wait(visit_id)

    async def take_back(self, known: Known, state: str, desk: Desk, reason: str) -> Known:
        """Undo back to ``state`` and wait."""
        await self.application.commands.reverse(known.visit.visit_id, state, self.by(desk), reason)
        return await self.wait(known.visit.visit_id)

    # -- small things
    def by(self, desk: Desk) -> str:
        """Return who acts, for the journal."""
        return f"gateway:{desk.operatorId or self.memory.config.defaultOperator or 'desk'}"[:64]

    def now(self) -> Micros:
        """Return the wall clock."""
        return self.application.environment.now()

    def stamp(self) -> str:
        """Return it as the centre writes it."""
        return moment_of(self.now())

    def day(self, ago: int = 0) -> str:
        """Return the hospital day, or one before it."""
        local = datetime.datetime.fromtimestamp(self.now() // SECOND, SHANGHAI)
        return f"{local.date() - datetime.timedelta(days=ago):%Y%m%d}"

    def midnight(self) -> Micros:
        """Return when the hospital day began."""
        local = datetime.datetime.fromtimestamp(self.now() // SECOND, SHANGHAI)
        return int(datetime.datetime.combine(local.date(), datetime.time(), SHANGHAI).timestamp()) * SECOND

    def default(self, name: str) -> str:
        """Return what stands where the front end says nothing (J54)."""
        return self.defaults.get(name, "")


def bill_number(text: str) -> str:
    """Return a bill number made of ``text`` (J56)."""
    return _NOT_IN_A_BILL.sub("-", text)[:64]


def closed(projection: Projection) -> bool:
    """Tell whether a visit is closed."""
    return projection.status is Status.CLOSED


Handler = Callable[[Front, Ask], Awaitable[dict[str, Any]]]
