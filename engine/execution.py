"""Making a visit's moves: intent, call, outcome (G1-G3), until nothing is due.

:mod:`engine.plan` says what comes next, this module does it, :mod:`engine.settling` does the moves that settle a doubt.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import structlog

from engine import settling
from engine.calling import GRACE, Caller
from engine.definitions import RetryClass, Timer
from engine.environment import HOUR, SECOND, Micros
from engine.errands import errand_of
from engine.errors import FlowUnavailable, LeaseLost, StoreError
from engine.events import Cause, Closed, Concluded, Intent, Paused, Role, Stuck, TimerFired, Triggered, Undone
from engine.facts import normalise, printable
from engine.gate import HeldOff
from engine.journal import Journal
from engine.machine import Bound, Flow, Way
from engine.outcomes import Busy, Category, Done, Effect, InDoubt, NotSent, Outcome, Refused
from engine.plan import (
    Close,
    FinishUndo,
    Fire,
    GetStuck,
    Go,
    GoBack,
    LateLook,
    Move,
    Plan,
    Settle,
    TakeOver,
    deadline_passed,
    plan,
    view_of,
    way_of,
)
from engine.retry import next_try
from engine.steps import Progress, View
from engine.store import Claim, Status
from engine.trace import where
from engine.visit import IllegalEvent, Visit

log = structlog.get_logger("visitflow.execution")

#: A transition made so often without anything to wait for between is a circle that no condition ends.
MOST_ROUNDS = 20

#: A visit whose peer is paused looks again after so long, then twice as long and so on: when the peer is back it is
#: called anyway, and an outage of a night must not fill its journal.
HOLD, LONGEST_HOLD = 60 * SECOND, HOUR

FlowSource = Callable[[str], Awaitable[Flow]]


class Executor:
    """Moves leased visits. One for a process; holds no visit's state."""

    def __init__(self, caller: Caller, flows: FlowSource) -> None:
        """``flows`` returns the compiled flow of a version hash. Raises FlowUnavailable."""
        self.caller = caller
        self._flows = flows

    async def advance(self, claim: Claim, *, moves: int | None = None) -> None:
        """Make every move that is due, at most ``moves`` of them, then release the visit.

        Raises:
            LeaseLost: another worker took over; what was not durable is forgotten.
            StoreError: the store failed; the lease ends by itself and the visit comes due again.
        """
        journal: Journal | None = None
        try:
            journal = Journal(self.caller.store, claim, self.caller.environment, self.caller.watch)
            await self._advance(journal, moves)
        except (LeaseLost, StoreError):
            raise
        except FlowUnavailable as error:
            await self._give_up(claim, journal, Cause.FLOW_UNAVAILABLE, error.message)
        except Exception as error:  # a bug of ours: the visit stops where a person sees it, instead of trying for ever
            log.error("visit_failed", visit=claim.lease.visit_id, error=where(error))
            await self._give_up(claim, journal, Cause.ENGINE_ERROR, f"the engine failed: {type(error).__name__}")

    async def _advance(self, journal: Journal, moves: int | None) -> None:
        flow = await self._flows(journal.visit.version)
        rounds: Counter[tuple[str, str]] = Counter()
        made = 0
        while not self.caller.stopping and made != moves:
            made += 1
            following = plan(flow, journal.visit)
            if following is None:
                break
            now = journal.now()
            if following.at > now and (following.early is None or following.early > now):
                break
            if isinstance(following.move, Go) and following.waiting_for is None:
                edge = following.move.edge
                rounds[edge.trigger, edge.source] += 1
                if rounds[edge.trigger, edge.source] > (edge.definition.rounds or MOST_ROUNDS):
                    message = f"{edge.trigger} from {edge.source} comes round for ever: no condition ends it"
                    journal.record(Stuck(at=journal.now(), cause=Cause.STEP_ERROR, message=message))
                    break
            if not await self._let_out(flow, journal, following):
                break
        await self.caller.flush(flow, journal, release=True)

    async def _let_out(self, flow: Flow, journal: Journal, following: Plan) -> bool:
        """Make a move once the gate lets its call pass. False: it is held off, and the visit waits for its peer.

        Asked before anything of the call is written down: what is held off was never begun.
        """
        move = _in_time(following.move, journal.visit, journal.now())
        errand = errand_of(flow, journal.visit, move)
        if errand is None:
            await self._make(flow, journal, move)
            return True
        entry = self.caller.gate.admit(errand) or await self.caller.gate.wait(errand)
        if isinstance(entry, HeldOff):
            self._hold_off(journal, following, errand.adapter, entry)
            return False
        with entry:
            journal.entry = entry
            try:
                await self._make(flow, journal, _in_time(move, journal.visit, journal.now()))
            finally:
                journal.entry = None
        return True

    def _hold_off(self, journal: Journal, following: Plan, adapter: str, held: HeldOff) -> None:
        """Write down that the visit waits for its peer, unless it says so already."""
        pause, now = journal.visit.pause, journal.now()
        if self.caller.stopping or (pause is not None and pause.adapter == adapter and following.at > now):
            return  # it was looked at early; it is looked at again when it said
        longer = 0 if pause is None else min(HOLD << min(pause.times, 20), LONGEST_HOLD)
        until = max(held.until, now + longer) if held.reason == "peer_paused" else held.until
        journal.record(Paused(at=now, adapter=adapter, reason=held.reason, until=max(until, now + SECOND)))

    async def _give_up(self, claim: Claim, journal: Journal | None, cause: Cause, message: str) -> None:
        """Stop a visit that cannot be moved: what is known stays, the cause is written down."""
        store = self.caller.store
        if journal is None or not journal.sound:
            try:
                history = await store.history(claim.lease.visit_id)
                projection = await store.get(claim.lease.visit_id)
                claim = Claim(claim.lease, projection, history)
                journal = Journal(store, claim, self.caller.environment, self.caller.watch)
            except (IllegalEvent, ValueError):  # not even the journal can be read: show that where people look
                stuck = replace(
                    claim.projection, status=Status.STUCK, cause=Cause.ENGINE_ERROR, due_at=None, waiting_for=None
                )
                await store.replace_projection(stuck, claim.projection.seq)
                await store.release(claim.lease)
                return
        if journal.visit.trouble is None and not journal.visit.closed:
            journal.record(Stuck(at=journal.now(), cause=cause, message=message))
        await journal.flush(None, release=True)

    async def _make(self, flow: Flow, journal: Journal, move: Move) -> None:
        now = journal.now()
        match move:
            case Go(edge):
                await self._walk(flow, journal, edge)
            case GoBack(_, back):
                await self._walk(flow, journal, back)
            case FinishUndo(state):
                journal.record(Undone(at=now, state=state))
            case TakeOver():
                take_over(flow, journal)
            case Settle(method):
                await settling.settle(self.caller, flow, journal, method)
            case LateLook(suspect, method):
                await settling.look_late(self.caller, flow, journal, suspect, method)
            case Fire(timer, due):
                journal.record(TimerFired(at=now, timer=timer.name, due=latest_tick(timer, due, now)))
                self._trigger_by_timer(flow, journal, timer.trigger, f"timer:{timer.name}")
            case GetStuck(cause, message):
                journal.record(Stuck(at=now, cause=cause, message=message))
            case Close():
                journal.record(Closed(at=now, state=journal.visit.state))

    def _trigger_by_timer(self, flow: Flow, journal: Journal, trigger: str, by: str) -> None:
        """Ask for the timer's transition if it is legal now; a timer that finds nothing to do is no error."""
        visit = journal.visit
        view = view_of(flow, visit, journal.now())
        for edge in flow.edges(trigger, visit.state):
            try:
                failing = edge.failing(view)
            except Exception as error:
                journal.record(step_error(journal.now(), f"condition of {trigger}", error))
                return
            if failing is None:
                journal.record(Triggered(at=journal.now(), trigger=trigger, source=edge.source, dest=edge.dest, by=by))
                return

    async def _walk(self, flow: Flow, journal: Journal, way: Way) -> None:
        """Go one way: by a call, or without one where none is needed."""
        if way.role is Role.UNDO and way.source != journal.visit.state:
            way = replace(way, source=journal.visit.state)  # the state was renamed by a migration
        if way.bound is not None:
            await self._step(flow, journal, way, way.bound)
            return
        journal.record(
            Concluded(
                at=journal.now(),
                call="",
                role=way.role,
                trigger=way.trigger,
                source=way.source,
                target=way.dest,
                operation="",
                outcome="no_call",
                dest=way.dest,
            )
        )

    async def _step(self, flow: Flow, journal: Journal, way: Way, bound: Bound) -> None:
        """Call a step's operation: intent durable first (G1), outcome recorded for the next flush (G3)."""
        visit, now = journal.visit, journal.now()
        subject = visit.trail[-1].call if way.role is Role.UNDO else None
        view = view_of(flow, visit, now, subject)
        try:
            request = normalise(dict(bound.step.request(view)))
        except Exception as error:  # code of a step: nothing was sent, a person has to look
            base = {"at": now, "call": "", "role": way.role, "trigger": way.trigger, "source": way.source}
            message = "the request could not be built"
            journal.record(
                Concluded(**base, target=way.dest, operation=bound.operation.name, outcome="not_sent", message=message)
            )
            journal.record(step_error(now, bound.step.name, error))
            return
        call = self.caller.environment.new_id()
        message_id = await self.caller.message_id(bound.adapter)
        operation = bound.operation
        if operation.effect is not Effect.READ:
            journal.record(
                Intent(
                    at=now,
                    call=call,
                    role=way.role,
                    trigger=way.trigger,
                    source=way.source,
                    dest=way.dest,
                    adapter=bound.adapter,
                    operation=operation.name,
                    effect=operation.effect,
                    message_id=message_id,
                    request=request,
                )
            )
        outcome = await self.caller.send(
            flow, journal, bound.adapter, operation, request, message_id, way.timeout, way.role
        )
        self._conclude(flow, journal, way, bound, view, call, message_id, outcome)

    # -- what an outcome means
    def _conclude(
        self,
        flow: Flow,
        journal: Journal,
        way: Way,
        bound: Bound,
        view: View,
        call: str,
        message_id: str,
        outcome: Outcome,
    ) -> None:
        exchange = journal.keep(outcome.exchange, call, bound.adapter, bound.operation.name)
        base: dict[str, Any] = {
            "at": journal.now(),
            "call": call,
            "role": way.role,
            "trigger": way.trigger,
            "source": way.source,
            "target": way.dest,
            "operation": bound.operation.name,
            "message_id": message_id,
            "exchange": exchange,
        }
        if isinstance(outcome, Refused):
            outcome = replace(outcome, code=printable(outcome.code), message=printable(outcome.message))
        elif not isinstance(outcome, Done):
            outcome = replace(outcome, reason=printable(outcome.reason))
        if isinstance(outcome, Done):
            try:
                progress = bound.step.fold(view, outcome.reply)
                data = normalise(dict(progress.data))
            except Exception as error:  # a reply that cannot be read says nothing about what happened (G8)
                log.warning("reply_unreadable", step=bound.step.name, error=where(error))
                outcome = InDoubt(f"the reply could not be read: {type(error).__name__}")
            else:
                journal.record(Concluded(**base, outcome="done", dest=way.dest, data=data))
                self._stop_on_disagreement(journal, progress, call, exchange)
                return
        if isinstance(outcome, Refused):
            reached = self._goal_reached(bound, view, outcome)
            if isinstance(reached, InDoubt):
                outcome = replace(reached, reason=printable(f"{outcome.code} {outcome.message}: {reached.reason}"))
            elif reached is not None:
                base |= {"code": outcome.code, "message": outcome.message, "category": outcome.category}
                data = dict(reached.data)
                journal.record(Concluded(**base, outcome="refused", dest=way.dest, data=data))
                self._stop_on_disagreement(journal, reached, call, exchange)
                return
        self._not_done(flow, journal, way, bound, base, outcome)

    def _goal_reached(self, bound: Bound, view: View, outcome: Refused) -> Progress | InDoubt | None:
        try:
            reached = bound.step.refused(view, outcome)
            if isinstance(reached, Progress):
                return replace(reached, data=normalise(dict(reached.data)))
            return reached
        except Exception as error:  # then the refusal stands as it is
            log.warning("refusal_unreadable", step=bound.step.name, error=where(error))
            return None

    def _not_done(
        self, flow: Flow, journal: Journal, way: Way, bound: Bound, base: dict[str, Any], outcome: Outcome
    ) -> None:
        effect, now = bound.operation.effect, base["at"]
        write = effect is not Effect.READ
        match outcome:
            case Refused(code, message, category):
                base |= {"outcome": "refused", "code": code, "message": message, "category": category}
                if category is Category.LATER:
                    self._retry(journal, way, base, RetryClass.LATER)
                    return
                cause = Cause.UNDO_REFUSED if way.role is Role.UNDO else Cause.REFUSED
                self._stick(journal, Concluded(**base), cause, f"{bound.operation.name}: {code} {message}")
            case NotSent(reason):
                self._retry(journal, way, base | {"outcome": "not_sent", "message": reason}, RetryClass.NOT_SENT)
            case Busy(retry_after, reason) if write:
                # The peer is working on it: asking again must not be a second call (G2), so settle it as a doubt.
                journal.record(Concluded(**base, outcome="busy", message=reason, look_at=now + retry_after))
            case Busy(retry_after, reason):
                self._retry(
                    journal, way, base | {"outcome": "busy", "message": reason}, RetryClass.LATER, now + retry_after
                )
            case InDoubt(reason) if write:
                look_at = now + flow.definition.settling.first_look
                journal.record(Concluded(**base, outcome="in_doubt", message=reason, look_at=look_at))
            case InDoubt(reason):
                self._retry(journal, way, base | {"outcome": "in_doubt", "message": reason}, RetryClass.READ)

    def _retry(
        self, journal: Journal, way: Way, base: dict[str, Any], kind: RetryClass, at: Micros | None = None
    ) -> None:
        """Record the outcome with the time of the next attempt, or stop when the policy allows none."""
        run = journal.visit.run
        write = journal.visit.call is not None
        started = run.patience_from if run is not None else base["at"]
        attempts = (run.attempts if run is not None else 0) + (0 if write else 1)
        due = next_try(way.retry[kind], started, attempts, base["at"], self.caller.environment.random())
        if due is None:
            message = f"{base['operation']}: {attempts} attempts, last: {base.get('message', '')}"
            self._stick(journal, Concluded(**base), Cause.RETRIES_EXHAUSTED, message)
        else:
            journal.record(Concluded(**base, retry_at=due if at is None else max(at, due)))

    def _stick(self, journal: Journal, concluded: Concluded, cause: Cause, message: str) -> None:
        seq = journal.record(concluded)
        evidence = {"events": [seq], "exchanges": [concluded.exchange] if concluded.exchange else []}
        journal.record(Stuck(at=concluded.at, cause=cause, message=message, call=concluded.call, evidence=evidence))

    def _stop_on_disagreement(self, journal: Journal, progress: Progress, call: str, exchange: str | None) -> None:
        if progress.disagreements:
            journal.record(settling.disagreement(journal, progress.disagreements, call, exchange))


def _in_time(move: Move, visit: Visit, now: Micros) -> Move:
    """Return ``move``, or where the deadline of its transition has passed, the one that says so."""
    if isinstance(move, Go) and visit.run is not None and (limit := move.edge.deadline) is not None:
        return deadline_passed(move.edge) if now > visit.run.started_at + limit else move
    return move


def take_over(flow: Flow, journal: Journal) -> None:
    """Put a call in doubt whose outcome nobody wrote down: the process that made it is gone."""
    call = journal.visit.call
    assert call is not None
    way = way_of(flow, journal.visit, call)
    journal.record(
        Concluded(
            at=journal.now(),
            call=call.call,
            role=call.role,
            trigger=call.trigger,
            source=call.source,
            target=call.dest,
            operation=call.operation,
            outcome="in_doubt",
            message="the process ended while the call was in the air",
            message_id=call.message_id,
            look_at=journal.now() + flow.definition.settling.first_look,
            believe_at=call.at + (30 * SECOND if way is None else way.timeout) + GRACE,
        )
    )


def latest_tick(timer: Timer, due: Micros, now: Micros) -> Micros:
    """Return the last time at or before ``now`` at which ``timer`` came due: ticks missed are not made up for."""
    if timer.every is not None:
        return now - (now - due) % timer.every
    return max(due, now)


def step_error(now: Micros, step: str, error: Exception) -> Stuck:
    """Return the event for code of ours that failed. Only the kind of error is kept: its text may hold identities."""
    return Stuck(at=now, cause=Cause.STEP_ERROR, message=f"step {step} failed: {type(error).__name__}")
