"""What callers may ask of a visit: open, trigger, and the operator's actions, each journalled with who and why.

Every command checks before it leases anything, so that bad input leaves no trace, and checks again under the lease.
"""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeVar

from pydantic import BaseModel, ValidationError

from engine import actions, settling
from engine.actions import Action, legal_actions
from engine.environment import MINUTE, SECOND, Environment
from engine.errands import priority_of
from engine.errors import (
    ActionNotLegal,
    DuplicateKey,
    FlowUnavailable,
    InvalidData,
    LeaseLost,
    Oversize,
    TriggerNotLegal,
    UnknownTrigger,
    VisitBusy,
)
from engine.events import Corrected, Migrated, Opened, Resumed, Triggered, UndoRequested, Verdict, decode, encode
from engine.execution import take_over
from engine.facts import FloatRefused, dumps, merged, normalise, patch_between
from engine.journal import Journal
from engine.machine import Flow
from engine.plan import project, view_of, way_of
from engine.registry import Registry
from engine.room import Adopter
from engine.steps import Progress
from engine.store import Claim, History, Lease, NewVisit, Projection, Store, StoredEvent
from engine.visit import Visit, fold
from engine.watching import Watch

#: How much JSON one command may hand over.
MAX_BYTES = 1_000_000
#: How much a visit may hold in all: a stay of months with some twenty thousand fee lines.
MAX_VISIT_BYTES = 8_000_000
MAX_KEY = 64
#: How long a command waits for a worker to let go of a visit, and how often it looks.
PATIENCE = 5 * SECOND
_LOOK_EVERY = SECOND // 20
_LEASE = MINUTE

T = TypeVar("T")
P = ParamSpec("P")


@dataclass(frozen=True, slots=True)
class Asking:
    """Where a command comes from. With ``request`` it is carried out once, however often it is asked for.

    Whether it has been is read from the journal under the lease, so that neither a crash nor a second process that
    was asked the same can do it twice.
    """

    origin: str | None = None
    request: str | None = None


NOWHERE = Asking()


class _Made(Exception):
    """The journal holds the request already."""


def _once(
    command: Callable[Concatenate[Commands, str, P], Coroutine[Any, Any, Projection]],
) -> Callable[Concatenate[Commands, str, P], Coroutine[Any, Any, Projection]]:
    """Have a command whose request the journal holds already return the visit as it is."""

    @wraps(command)
    async def once(self: Commands, visit_id: str, /, *args: P.args, **kwargs: P.kwargs) -> Projection:
        try:
            return await command(self, visit_id, *args, **kwargs)
        except _Made:
            return await self.store.get(visit_id)

    return once


@dataclass(frozen=True, slots=True)
class Report:
    """A visit as a person needs to see it: where it stands, why, and what may be done."""

    projection: Projection
    visit: Visit
    actions: list[Action]


class Commands:
    """The engine's front door. ``changed`` is told the id of every visit that may have something to do now."""

    def __init__(
        self,
        store: Store,
        registry: Registry,
        environment: Environment,
        worker: str,
        changed: Callable[[], None] = lambda: None,
        runner: Adopter | None = None,
        watch: Watch | None = None,
    ) -> None:
        """``worker`` names this process in the leases that commands take for a moment.

        With a ``runner`` of this process that has room, a visit is opened under its lease and moves at once.
        """
        self._runner = runner
        self.store = store
        self._registry = registry
        self._environment = environment
        self._worker = worker
        self._changed = changed
        self._watch = watch

    # -- the HIS
    async def open(
        self, flow: str, key: str, data: Mapping[str, Any], by: str = "", asking: Asking = NOWHERE
    ) -> tuple[Projection, bool]:
        """Open a visit on the current version of ``flow``; with the same key and data again, return the one there is.

        Returns the projection, and whether this call opened it.

        Raises:
            UnknownFlow, InvalidData, Oversize: nothing was written.
            DuplicateKey: the key is taken by a visit that was opened with other data.
        """
        definition = self._registry.current(flow)
        if not key or len(key) > MAX_KEY or not key.isprintable():
            raise InvalidData(f"expected 1 to {MAX_KEY} printable characters", field="key", flow=flow)
        facts = validated(definition.opening_model, data, flow)
        fingerprint = hashlib.sha256(dumps(facts).encode()).hexdigest()
        now = self._environment.now()
        visit = Visit(self._environment.new_id())
        event = Opened(
            at=now,
            flow=flow,
            version=definition.version,
            key=key,
            state=definition.definition.initial,
            data=facts,
            by=by,
            origin=asking.origin,
            request=asking.request,
        )
        visit.apply(event)
        projection = project(definition, visit)
        due = projection.due_at is not None and projection.due_at <= now
        room = self._runner.room() if self._runner is not None and due else None
        new = NewVisit(
            projection=projection,
            events=(StoredEvent(1, now, event.kind, encode(event)),),
            fingerprint=fingerprint,
            lease=None if room is None else Lease(visit.visit_id, 1, room.worker, room.until),
            priority=priority_of(definition, visit),
        )
        found = await self.store.open(new)
        if found.fingerprint != fingerprint:
            raise DuplicateKey(f"{flow} has a visit {key} that was opened with other data", field="key", flow=flow)
        if found.created and self._watch is not None:
            self._watch.durable(visit, (event,))
        if found.created and self._runner is not None and room is not None and new.lease is not None:
            claim = Claim(new.lease, new.projection, History(None, new.events), new.priority)
            self._runner.adopt(claim, room)
        elif found.created:
            self._changed()
        return found.projection, found.created

    @_once
    async def trigger(
        self,
        visit_id: str,
        trigger: str,
        data: Mapping[str, Any] | None = None,
        by: str = "",
        asking: Asking = NOWHERE,
    ) -> Projection:
        """Ask for a transition; on return the request is durable (G3) and the runner will make it.

        Raises:
            UnknownVisit, UnknownTrigger, InvalidData, Oversize, TriggerNotLegal: nothing was written.
            VisitBusy: a worker is moving the visit; try again.
        """

        def check(flow: Flow, visit: Visit) -> Triggered:
            if trigger not in flow.triggers:
                known = ", ".join(flow.triggers)
                raise UnknownTrigger(f"{flow.name} has no trigger {trigger}; it has: {known}", field="trigger")
            if (reason := actions.can_trigger(visit)) is not None:
                raise TriggerNotLegal(f"{trigger} is not legal now: {reason}", field="trigger", legal=[])
            edges = flow.edges(trigger, visit.state)
            legal = actions.legal_triggers(flow, visit)
            if not edges:
                message = f"{trigger} is not legal in state {visit.state}; legal now: {', '.join(legal) or 'none'}"
                raise TriggerNotLegal(message, field="trigger", legal=legal)
            facts: dict[str, Any] = {}
            if edges[0].input is not None and (data or not self._satisfied(flow, visit, trigger)):
                facts = validated(edges[0].input, data or {}, flow.name)
            elif data:
                raise InvalidData(f"{trigger} takes no data", field=next(iter(data)), flow=flow.name)
            chosen = actions.choose(flow, visit, trigger, facts, self._environment.now())
            if isinstance(chosen, str):
                message = f"{trigger} is not legal now: condition {chosen} does not hold"
                raise TriggerNotLegal(message, field="trigger", legal=legal)
            validated(flow.data_model, merged(visit.data, facts), flow.name, MAX_VISIT_BYTES)
            return Triggered(
                at=max(self._environment.now(), visit.updated_at),
                trigger=trigger,
                source=chosen.source,
                dest=chosen.dest,
                data=facts,
                by=by,
            )

        async with self._leased(visit_id, check, asking) as (_flow, journal, triggered):
            journal.record(triggered)
        return await self.store.get(visit_id)

    def _satisfied(self, flow: Flow, visit: Visit, trigger: str) -> bool:
        """Tell whether a trigger's conditions hold without its data, so that it may come without."""
        return not isinstance(actions.choose(flow, visit, trigger, {}, self._environment.now()), str)

    # -- the supervisor
    @_once
    async def resume(self, visit_id: str, by: str, reason: str, asking: Asking = NOWHERE) -> Projection:
        """Let the engine try again now, with counters and patience renewed. Raises ActionNotLegal."""

        def check(flow: Flow, visit: Visit) -> None:
            _attributed(by, reason)
            _legal(actions.can_resume(visit), "resume")

        async with self._leased(visit_id, check, asking) as (_flow, journal, _):
            now = journal.now()
            journal.record(Resumed(at=now, by=by, reason=reason, next_at=now))
        return await self.store.get(visit_id)

    @_once
    async def settle(
        self,
        visit_id: str,
        verdict: Verdict,
        by: str,
        reason: str,
        data: Mapping[str, Any] | None = None,
        asking: Asking = NOWHERE,
    ) -> Projection:
        """Say what became of a call in doubt. ``applied`` needs the data that its reply would have brought.

        Raises:
            ActionNotLegal: no call is in doubt (nor refused or given up, for ``applied``).
            InvalidData: the data does not fit the step's model or the visit's.
        """

        def check(flow: Flow, visit: Visit) -> Progress:
            _attributed(by, reason)
            _legal(actions.can_settle(visit), "settle")
            last_look = actions.in_last_look(visit)
            if verdict is Verdict.NOT_APPLIED:
                _legal(actions.can_deny(flow, visit), "settle")
                if data:
                    raise InvalidData("not applied takes no data", field=next(iter(data)), flow=flow.name)
                return Progress()
            _legal("the call was sent again since; reverse or correct the visit" if last_look else None, "settle")
            if verdict is not Verdict.APPLIED:
                raise InvalidData("expected applied or not_applied", field="verdict", flow=flow.name)
            model = actions.by_hand_model(flow, visit)
            if model is None and data:
                raise InvalidData("this step takes no data", field=next(iter(data)), flow=flow.name)
            facts = {} if model is None else validated(model, data or {}, flow.name)
            validated(flow.data_model, merged(visit.data, facts), flow.name, MAX_VISIT_BYTES)
            under_way = visit.call or visit.run
            way = None if under_way is None else way_of(flow, visit, under_way)
            if way is None or way.bound is None:
                return Progress(facts)
            return way.bound.step.told(view_of(flow, visit, self._environment.now(), visit.call), facts)

        async with self._leased(visit_id, check, asking) as (flow, journal, progress):
            settling.by_hand(flow, journal, verdict, by, reason, progress)
        return await self.store.get(visit_id)

    @_once
    async def reverse(self, visit_id: str, state: str, by: str, reason: str, asking: Asking = NOWHERE) -> Projection:
        """Undo, newest first, back to ``state``; then wait for a person or the HIS. Raises ActionNotLegal."""

        def check(flow: Flow, visit: Visit) -> actions.WayBack:
            _attributed(by, reason)
            ways = actions.ways_back(flow, visit)
            for way in ways:
                if way.state == state:
                    return way
            reachable = ", ".join(way.state for way in ways)
            why = f"reachable: {reachable}" if reachable else actions.why_no_way_back(flow, visit)
            raise ActionNotLegal(f"the visit cannot be taken back to {state}; {why}", field="state")

        async with self._leased(visit_id, check, asking) as (_flow, journal, way):
            journal.record(UndoRequested(at=journal.now(), target=state, depth=way.depth, by=by, reason=reason))
        return await self.store.get(visit_id)

    @_once
    async def cancel(self, visit_id: str, by: str, reason: str, asking: Asking = NOWHERE) -> Projection:
        """Undo everything and close the visit as cancelled. Raises ActionNotLegal."""

        def check(flow: Flow, visit: Visit) -> actions.WayBack:
            _attributed(by, reason)
            way = actions.way_to_beginning(flow, visit)
            if way is None:
                raise ActionNotLegal(f"the visit cannot be cancelled: {actions.why_no_way_back(flow, visit)}")
            return way

        async with self._leased(visit_id, check, asking) as (flow, journal, _):
            close = flow.definition.cancelled
            journal.record(UndoRequested(at=journal.now(), target=close, depth=0, close=close, by=by, reason=reason))
        return await self.store.get(visit_id)

    @_once
    async def correct(
        self, visit_id: str, changes: Mapping[str, Any], by: str, reason: str, asking: Asking = NOWHERE
    ) -> Projection:
        """Change data of a visit by a merge patch (RFC 7396): None takes a field away. Old and new values are kept.

        Raises:
            ActionNotLegal: a call is open, or the visit is closed.
            InvalidData: the visit's data would not be valid, or nothing would change.
        """

        def check(flow: Flow, visit: Visit) -> Corrected:
            _attributed(by, reason)
            _legal(actions.can_correct(visit), "correct")
            if unknown := [name for name in changes if name not in flow.data_model.model_fields]:
                raise InvalidData(f"{flow.name} has no such field", field=unknown[0], flow=flow.name)
            valid = validated(flow.data_model, merged(visit.data, changes), flow.name, MAX_VISIT_BYTES)
            kept = {name: value for name, value in visit.data.items() if name not in changes}
            corrected = kept | {name: valid[name] for name in changes if name in valid}
            new, old = patch_between(visit.data, corrected), patch_between(corrected, visit.data)
            if not new:
                raise InvalidData("nothing would change", field=next(iter(changes), "data"), flow=flow.name)
            now = max(self._environment.now(), visit.updated_at)
            return Corrected(at=now, by=by, reason=reason, old=old, new=new)

        async with self._leased(visit_id, check, asking) as (_flow, journal, corrected):
            journal.record(corrected)
        return await self.store.get(visit_id)

    @_once
    async def migrate(
        self, visit_id: str, by: str, reason: str, version: str | None = None, asking: Asking = NOWHERE
    ) -> Projection:
        """Move a visit to another version of its flow (default: the current one), after checking that it fits (G7).

        Raises:
            ActionNotLegal: the state, or a transition that may have to be undone, has no counterpart; the data does not
                fit; a call is open.
        """
        named = None if version is None else await self._registry.version(version)

        def check(visit: Visit) -> tuple[Flow, Migrated]:
            _attributed(by, reason)
            _legal(actions.can_migrate(visit), "migrate")
            new = named or self._registry.current(visit.flow)
            now = max(self._environment.now(), visit.updated_at)
            return new, migration(new, visit, at=now, by=by, reason=reason)

        await self._refuse_made(visit_id, asking)
        visit = fold(visit_id, await self._history(visit_id))
        check(visit)
        journal = await self._lease(visit_id, asking, visit)
        try:  # without the old version's flow: that it cannot be built may be the reason for migrating
            new, event = check(journal.visit)
            journal.record(event)
            await journal.flush(new, release=True)
        except LeaseLost as error:
            raise VisitBusy from error
        except BaseException:
            await self.store.release(journal.lease)
            raise
        self._changed()
        return await self.store.get(visit_id)

    # -- reading
    async def report(self, visit_id: str) -> Report:
        """Return a visit with its fold and the actions that are legal now. Raises UnknownVisit."""
        projection = await self.store.get(visit_id)
        visit = fold(visit_id, await self.store.history(visit_id))
        try:
            flow = await self._registry.version(visit.version)
        except FlowUnavailable:
            way_off = [Action(actions.ActionKind.MIGRATE)] if actions.can_migrate(visit) is None else []
            return Report(projection, visit, way_off)
        return Report(projection, visit, legal_actions(flow, visit))

    # -- leasing
    @asynccontextmanager
    async def _leased(
        self, visit_id: str, check: Callable[[Flow, Visit], T], asking: Asking
    ) -> AsyncIterator[tuple[Flow, Journal, T]]:
        """Check on a copy, lease, check again, write and release; a refusal leaves no trace.

        Yields what ``check`` returned under the lease: a worker may have moved the visit since the first look.
        """
        await self._refuse_made(visit_id, asking)
        visit = fold(visit_id, await self._history(visit_id))
        check(await self._registry.version(visit.version), visit)
        journal = await self._lease(visit_id, asking, visit)
        flow = await self._registry.version(journal.visit.version)
        if journal.visit.call is not None and journal.visit.doubt is None:
            take_over(flow, journal)  # nobody holds the lease, so whoever made the call is gone
        try:
            yield flow, journal, check(flow, journal.visit)
        except BaseException:
            await self.store.release(journal.lease)
            raise
        try:
            await journal.flush(flow, release=True)
        except LeaseLost as error:
            raise VisitBusy from error
        self._changed()

    async def _history(self, visit_id: str) -> History:
        await self.store.get(visit_id)
        return await self.store.history(visit_id)

    async def made(self, visit_id: str, request: str) -> bool:
        """Tell whether the visit's journal holds a request."""
        mark = f'"request":"{request}"'
        return any(
            mark in stored.payload and getattr(decode(stored.payload), "request", None) == request
            for stored in await self.store.journal(visit_id)
        )

    async def _refuse_made(self, visit_id: str, asking: Asking) -> None:
        if asking.request is not None and await self.made(visit_id, asking.request):
            raise _Made

    async def _lease(self, visit_id: str, asking: Asking, known: Visit | None = None) -> Journal:
        deadline = self._environment.monotonic() + PATIENCE
        while True:
            now = self._environment.now()
            claim = await self.store.claim(visit_id, self._worker, now, now + _LEASE)
            if claim is not None:
                journal = Journal(self.store, claim, self._environment, self._watch, known)
                journal.asked = (asking.origin, asking.request)
                try:
                    await self._refuse_made(visit_id, asking)  # again: the first look was before the lease
                except BaseException:
                    await self.store.release(journal.lease)
                    raise
                return journal
            if self._environment.monotonic() >= deadline:
                raise VisitBusy
            await self._environment.sleep(_LOOK_EVERY)


def migration(new: Flow, visit: Visit, *, at: int, by: str, reason: str) -> Migrated:
    """Return the event that moves ``visit`` to ``new``. Raises ActionNotLegal with the reason why it does not fit."""
    title = f"{new.name} v{new.definition.version}"
    if new.name != visit.flow:
        raise ActionNotLegal(f"{new.name} is not a version of {visit.flow}", field="version")
    if new.version == visit.version:
        raise ActionNotLegal("the visit is on this version already", field="version")
    names = new.definition.migrates
    state = names.get(visit.state, visit.state)
    if state not in new.definition.states:
        raise ActionNotLegal(f"state {visit.state} has no counterpart in {title}", field="version")

    def counterpart(trigger: str, source: str, dest: str) -> tuple[str, str] | None:
        renamed = names.get(source, source), names.get(dest, dest)
        return next((pair for pair in (renamed, (source, dest)) if new.edge(trigger, *pair) is not None), None)

    legs = []
    for leg in visit.trail:
        found = counterpart(leg.trigger, leg.source, leg.dest)
        if found is None:
            message = f"{leg.trigger} ({leg.source} to {leg.dest}), which may have to be undone, has no counterpart"
            raise ActionNotLegal(f"{message} in {title}", field="version")
        legs.append(found)
    run = None
    if visit.run is not None:
        run = counterpart(visit.run.trigger, visit.run.source, visit.run.dest)
        if run is None or run[0] != state:
            raise ActionNotLegal(
                f"{visit.run.trigger}, which is under way, has no counterpart in {title}", field="version"
            )
    try:
        validated(new.data_model, visit.data, new.name, MAX_VISIT_BYTES)
    except InvalidData as error:
        message = f"the visit's data does not fit {title}: {error.field}: {error.message}"
        raise ActionNotLegal(message, field="version") from error
    return Migrated(
        at=at,
        by=by,
        reason=reason,
        old_version=visit.version,
        version=new.version,
        state=state,
        legs=legs,
        run=run,
    )


def validated(model: type[BaseModel], data: Mapping[str, Any], flow: str, most: int = MAX_BYTES) -> dict[str, Any]:
    """Return ``data`` as facts after ``model`` has accepted it; unset and empty fields are left out.

    Raises:
        Oversize: more than ``most`` bytes of JSON.
        InvalidData: names the field and what was expected, never the value (G10).
    """
    try:
        facts = normalise(dict(data))
    except FloatRefused as error:
        raise InvalidData(
            "expected a decimal number, not a binary float", field=str(error).split(" ")[0], flow=flow
        ) from None
    except TypeError as error:
        raise InvalidData(str(error), field="data", flow=flow) from None
    except RecursionError:
        raise InvalidData("the data is nested too deeply", field="data", flow=flow) from None
    try:
        size = len(dumps(facts).encode())
    except UnicodeEncodeError:
        raise InvalidData("a text holds half a character (a lone surrogate)", field="data", flow=flow) from None
    if size > most:
        raise Oversize(f"{size} bytes of data; here it may be {most}", field="data", flow=flow)
    try:
        checked = model.model_validate(facts)
    except ValidationError as error:
        raise InvalidData.from_pydantic(error, flow=flow) from None
    cleaned: dict[str, Any] = normalise(checked.model_dump(mode="json", exclude_none=True))
    return cleaned


def _attributed(by: str, reason: str) -> None:
    for name, value in (("by", by), ("reason", reason)):
        if not value.strip():
            raise InvalidData("an operator's action needs both an operator and a reason", field=name)


def _legal(reason: str | None, action: str) -> None:
    if reason is not None:
        raise ActionNotLegal(f"{action} is not legal now: {reason}")


__all__ = ["Asking", "Commands", "Lease", "Report", "migration", "validated"]
