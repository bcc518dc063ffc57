"""The one place where something leaves the process: durable first, then sent; every way of failing has an outcome."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

import structlog

from engine import faultpoints
from engine.adapter import Adapter, Call, Operation
from engine.environment import SECOND, Environment, Micros
from engine.errors import FlowUnavailable, LeaseLost
from engine.events import Role
from engine.faultpoints import FaultPoint
from engine.gate import Gate, OpenGate
from engine.journal import Journal
from engine.lost import LostMessages
from engine.machine import Flow
from engine.numbers import MessageNumbers
from engine.outcomes import Busy, Effect, InDoubt, NotSent, Outcome
from engine.store import Lease, Store
from engine.trace import where
from engine.watchdog import Watchdog
from engine.watching import Watch

log = structlog.get_logger("visitflow.calling")

#: What an adapter gets beyond the call's own timeout to notice that itself, before it is cut off.
GRACE: Micros = 2 * SECOND


class Caller:
    """Makes calls for leased visits. One for a process; holds no visit's state."""

    def __init__(
        self,
        store: Store,
        adapters: Mapping[str, Adapter],
        environment: Environment,
        *,
        hook: faultpoints.Hook = faultpoints.nothing,
        lease_ends: Callable[[Lease], Micros] | None = None,
        lost: LostMessages | None = None,
        watch: Watch | None = None,
        gate: Gate | None = None,
    ) -> None:
        """``lease_ends`` returns the monotonic time until which a lease is known to be ours; default: for ever.

        ``lost`` remembers when messages were lost; default: by the environment's monotonic clock. ``watch`` is told of
        every call. ``gate`` is asked before each (default: all may pass).
        """
        self.store = store
        self.environment = environment
        self.numbers = MessageNumbers(store)
        self.hook = hook
        self.lease_ends = lease_ends
        self.lost = lost or LostMessages(environment)
        self.watch = watch
        self.gate: Gate = gate or OpenGate()
        self.stopping = False  #: set when the process ends: visits are parked after the move under way
        self._adapters = adapters
        self._watchdog = Watchdog()

    async def message_id(self, adapter: str) -> str:
        """Return a new message id of ``adapter``, never used before."""
        number = await self.numbers.next(adapter)
        return self._adapter(adapter).message_id(self.environment.now(), number)

    async def send(
        self,
        flow: Flow,
        journal: Journal,
        adapter: str,
        operation: Operation,
        request: Mapping[str, Any],
        message_id: str,
        timeout: Micros,
        role: Role = Role.FORWARD,
    ) -> Outcome:
        """Make durable what is recorded, then send; ``role`` says why. The outcome is the caller's to record.

        An adapter that raises, or does not return in time, leaves the call in doubt (G8). When the engine is stopped
        meanwhile, the outcome says so and the visit is parked.
        """
        entry = journal.entry
        assert entry is not None and entry.adapter == adapter, "a call is let out before its intent is written"
        self.hook(FaultPoint.BEFORE_INTENT, operation.name)
        await self.flush(flow, journal)
        self.hook(FaultPoint.AFTER_INTENT, operation.name)
        guard = self._guard(journal.lease)
        if not guard():
            raise LeaseLost
        call = Call(operation.name, request, message_id, timeout, guard)
        outcome: Outcome
        began = self.environment.monotonic() if self.watch is not None else 0
        watch = self._watchdog.watch(timeout + GRACE)
        try:
            outcome = await self._adapter(adapter).call(call)
        except asyncio.CancelledError:
            if watch.expired and watch.task.uncancel() == 0:
                outcome = InDoubt("the adapter did not return in time")
            elif self.stopping:
                outcome = InDoubt("the engine was stopped while the call was in the air")
            else:
                raise
        except Exception as error:
            log.error("adapter_failed", adapter=adapter, operation=operation.name, error=where(error))
            outcome = InDoubt(f"the adapter failed: {type(error).__name__}")
        finally:
            self._watchdog.forget(watch)
        if self.watch is not None:
            took = self.environment.monotonic() - began
            self.watch.called(journal.visit, adapter, operation, role, message_id, outcome, took)
        if not self.stopping and (guard() or not isinstance(outcome, NotSent)):
            entry.came_to(outcome)  # what this process broke off itself says nothing about the peer
        if operation.effect is not Effect.READ and isinstance(outcome, InDoubt | Busy):
            self.lost.note(message_id)
        self.hook(FaultPoint.AFTER_REPLY, operation.name)
        journal.answered(operation.name)
        return outcome

    async def flush(self, flow: Flow, journal: Journal, *, release: bool = False) -> None:
        """Make what is recorded durable. Raises LeaseLost, StoreError."""
        for operation in await journal.flush(flow, release=release):
            self.hook(FaultPoint.AFTER_COMMIT, operation)

    def _guard(self, lease: Lease) -> Callable[[], bool]:
        ends = self.lease_ends
        if ends is None:
            return lambda: True
        return lambda: self.environment.monotonic() < ends(lease)

    def _adapter(self, name: str) -> Adapter:
        try:
            return self._adapters[name]
        except KeyError:
            raise FlowUnavailable(f"adapter {name} is not configured at this site") from None
