"""Writing one leased visit's journal: events are folded at once and become durable together at the next flush.

What one step concluded and what the next intends thus share a commit. Nothing leaves the process, and no caller is
told of success, before :meth:`Journal.flush` has returned (G1, G3).
"""

from __future__ import annotations

from engine.environment import Environment
from engine.errands import priority_of
from engine.events import AnyEvent, Asked, encode
from engine.gate import Entry, Priority
from engine.machine import Flow
from engine.outcomes import Exchange
from engine.plan import project
from engine.store import Append, Claim, ExchangeRecord, Lease, Store, StoredEvent
from engine.visit import Visit, fold
from engine.watching import Watch

#: A snapshot is written when so many events have come since the last; folding fewer costs less than storing one.
SNAPSHOT_EVERY = 100


class Journal:
    """A visit, its lease, and what has been decided but is not durable yet."""

    def __init__(
        self,
        store: Store,
        claim: Claim,
        environment: Environment,
        watch: Watch | None = None,
        known: Visit | None = None,
    ) -> None:
        """Fold the claimed visit. Raises IllegalEvent when its journal is damaged.

        ``watch`` is told of events once they are durable. ``known``: a fold of earlier, which is used where nothing
        has been written since; the journal owns it then.
        """
        self._watch = watch
        self._untold: list[AnyEvent] = []
        self._store = store
        self._environment = environment
        self._events: list[StoredEvent] = []
        self._exchanges: list[ExchangeRecord] = []
        self._answered: list[str] = []
        #: Where what is asked for comes from, and the request's id: kept with every event that somebody asked for.
        self.asked: tuple[str | None, str | None] | None = None
        #: What lets the visit's next call out; without one nothing is sent.
        self.entry: Entry | None = None
        #: False after an event could not be recorded: the fold may then be ahead of what is kept.
        self.sound = True
        self._claimed = claim.projection
        self._durable = claim.projection.seq
        self._snapshot_seq = 0 if claim.history.snapshot is None else claim.history.snapshot.seq
        self.lease: Lease = claim.lease
        current = known is not None and known.seq == claim.projection.seq
        self.visit: Visit = known if known is not None and current else fold(claim.lease.visit_id, claim.history)

    @property
    def dirty(self) -> bool:
        """Tell whether anything waits for a flush."""
        return bool(self._events)

    def now(self) -> int:
        """Return the wall clock, but never earlier than the last event: a clock set back must not reorder a journal."""
        return max(self._environment.now(), self.visit.updated_at)

    def record(self, event: AnyEvent) -> int:
        """Fold ``event`` in and keep it for the next flush; return its number."""
        self.sound = False
        if self.asked is not None and isinstance(event, Asked):
            event = event.model_copy(update={"origin": self.asked[0], "request": self.asked[1]})
        payload = encode(event)
        self.visit.apply(event)
        self._events.append(StoredEvent(self.visit.seq, event.at, event.kind, payload))
        if self._watch is not None:
            self._untold.append(event)
        self.sound = True
        return self.visit.seq

    def answered(self, operation: str) -> None:
        """Note that an operation was answered: what is recorded of it becomes durable with the next flush."""
        self._answered.append(operation)

    def keep(self, exchange: Exchange | None, call: str, adapter: str, operation: str) -> str | None:
        """Keep a raw exchange for the next flush; return its id, or None when there is none."""
        if exchange is None:
            return None
        record = ExchangeRecord(
            exchange_id=self._environment.new_id(),
            visit_id=self.visit.visit_id,
            call=call,
            at=self.now(),
            adapter=adapter,
            operation=operation,
            request=exchange.request,
            reply=exchange.reply,
            status=exchange.status,
        )
        self._exchanges.append(record)
        return record.exchange_id

    async def flush(self, flow: Flow | None, *, release: bool = False) -> list[str]:
        """Make everything recorded durable; with ``release`` give the lease up in the same write.

        Returns the operations whose answers have just become durable.

        Raises:
            LeaseLost: another worker has the visit now; nothing was written (G5).
            StoreError: the store did not take it; nothing was written.
        """
        visit = self.visit
        if not self._events and not release:
            return []
        projection = project(flow, visit)
        if not self._events and projection == self._claimed:
            await self._store.release(self.lease)
            return []
        snapshot = None
        if release and visit.seq - self._snapshot_seq >= SNAPSHOT_EVERY:
            snapshot = visit.snapshot()
        await self._store.append(
            Append(
                lease=self.lease,
                base_seq=self._durable,
                events=tuple(self._events),
                projection=projection,
                exchanges=tuple(self._exchanges),
                release=release,
                snapshot=snapshot,
                priority=priority_of(flow, visit) if release else Priority.NORMAL,
            )
        )
        self._durable = visit.seq
        self._claimed = projection
        self._events.clear()
        self._exchanges.clear()
        if self._watch is not None and self._untold:
            told, self._untold = self._untold, []
            self._watch.durable(visit, told)
        answered, self._answered = self._answered, []
        return answered
