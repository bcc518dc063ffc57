"""What all calls of the platform share: the service behind the endpoint, visits by flow and key, and their events."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from adapters.times import SHANGHAI
from engine.actions import legal_actions
from engine.environment import SECOND, Micros
from engine.errors import FlowUnavailable
from engine.events import AnyEvent, decode
from engine.machine import Flow
from engine.numbers import MessageNumbers
from engine.store import History, Projection, StoredEvent
from engine.visit import Visit, fold
from service.application import Application
from service.platform.methods import Methods
from service.platform.table import Table

BY = "platform"


@dataclass(frozen=True, slots=True)
class Known:
    """A visit as it was found."""

    visit: Visit
    events: list[AnyEvent]
    flow: Flow | None  #: None: its version cannot be built here
    stored: list[StoredEvent]  #: the same events as they are kept

    def data_at(self, until: int) -> Mapping[str, Any]:
        """Return what the visit knew after its first ``until`` events."""
        if until >= len(self.stored):
            return self.visit.data
        return fold(self.visit.visit_id, History(None, tuple(self.stored[:until]))).data

    @property
    def cancelled(self) -> bool:
        """Tell whether everything was taken back."""
        return self.flow is not None and self.visit.state == self.flow.definition.cancelled

    def has(self, trigger: str) -> bool:
        """Tell whether the flow has this trigger at all."""
        return self.flow is not None and trigger in self.flow.triggers

    @property
    def may_be_cancelled_silently(self) -> bool:
        """Tell whether cancelling it now would say nothing to any peer: nothing was done there."""
        if self.flow is None:
            return False
        ways = [each for each in legal_actions(self.flow, self.visit) if each.kind.value == "cancel"]
        return bool(ways) and not ways[0].sends


@dataclass(frozen=True, slots=True)
class Desk:
    """The service as a call sees it."""

    application: Application
    table: Table
    methods: Methods
    numbers: MessageNumbers
    his: str  #: adapter behind which the HIS is
    patience: Micros | None = None  #: instead of the table's ``wait``

    def wait(self, number: str) -> Micros:
        """Return how long a call of ``number`` waits for its visit."""
        if self.patience is not None:
            return self.patience
        own = self.table.interfaces[number].wait if number in self.table.interfaces else None
        return int((self.table.wait if own is None else own) * SECOND)

    def day(self) -> str:
        """Return the hospital's day: yyyyMMdd."""
        now = self.application.environment.now()
        return f"{datetime.datetime.fromtimestamp(now // SECOND, SHANGHAI):%Y%m%d}"

    def is_on(self, flow: str) -> bool:
        """Tell whether a flow is on at this site."""
        return flow in self.application.registry.names

    async def find(self, flow: str, key: str) -> Projection | None:
        """Return the visit with this key."""
        return await self.application.store.find(flow, key)

    async def known(self, visit_id: str) -> Known:
        """Return a visit as it is now."""
        store = self.application.store
        visit = fold(visit_id, await store.history(visit_id))
        stored = await store.journal(visit_id)
        events = [decode(each.payload) for each in stored]
        try:
            flow: Flow | None = await self.application.registry.version(visit.version)
        except FlowUnavailable:
            flow = None
        return Known(visit, events, flow, stored)
