"""Settling a doubt: probe, reverse, repeat, ask, in the order that the flow declares.

* A probe that says "applied" is believed at once; "not applied" only after several looks, because a slow request may
  still be on its way. If a reversal comes later in the order it is then made as well: it keeps a late original out.
* An inquiry is a probe by a keyed call. Nobody makes it again before closing, so it is believed only when the network
  has forgotten the message.
* A reversal refers to the original message id and is repeated until acknowledged, then given to a person.
* A call judged not to have happened is looked at once more before the visit closes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import structlog

from engine.calling import Caller
from engine.definitions import RetryClass, SettleKind
from engine.environment import SECOND
from engine.events import Cause, Intent, LateLooked, Looked, Role, Settled, Stuck, Verdict
from engine.facts import normalise, printable
from engine.journal import Journal
from engine.machine import Flow, Method, Way
from engine.outcomes import Done, Effect, Outcome, Refused
from engine.plan import view_of, way_of
from engine.retry import delay, next_try
from engine.steps import Applied, Disagreement, Judgement, NotApplied, Progress, Reversed, Unclear, View
from engine.trace import where
from engine.visit import PendingCall, Suspect, Visit

log = structlog.get_logger("visitflow.settling")

#: How long a probe or a reversal may take.
PROBE_TIMEOUT = 30 * SECOND

_ROLES = {
    SettleKind.PROBE: Role.PROBE,
    SettleKind.INQUIRE: Role.PROBE,
    SettleKind.REVERSE: Role.REVERSE,
    SettleKind.REPEAT: Role.REPEAT,
}


async def settle(caller: Caller, flow: Flow, journal: Journal, method: Method | None) -> None:
    """Try ``method`` on the open doubt and record what it brought. None and ``ask``: call a person."""
    call, doubt = journal.visit.call, journal.visit.doubt
    assert call is not None and doubt is not None
    if method is None or method.kind is SettleKind.ASK:
        journal.record(_ask(journal, call))
        return
    if doubt.aid is not None:  # the process died while a reversal or repetition was in the air
        _unclear(caller, flow, journal, method, "the process ended before the answer came", None)
        return
    judgement, exchange = await _try(caller, flow, journal, method, call)
    match judgement:
        case Applied(progress, reason):
            _applied(journal, call, progress, method.kind.value, reason, exchange)
        case Reversed(reason):
            _not_applied(caller, flow, journal, Verdict.REVERSED, method.kind.value, reason, exchange)
        case NotApplied(reason):
            _looked_not_applied(caller, flow, journal, method, reason, exchange)
        case Unclear(reason):
            _unclear(caller, flow, journal, method, reason, exchange)


async def look_late(caller: Caller, flow: Flow, journal: Journal, suspect: Suspect, method: Method) -> None:
    """Look once more, before closing, at a call that was judged not to have happened."""
    call = suspect.call
    if (early := caller.lost.too_early(call.message_id, flow.definition.settling.late_look)) > 0:
        reason, due = "the clock was set: the message may still be on its way", journal.now() + early
        tries = suspect.tries
        journal.record(
            LateLooked(at=journal.now(), subject=call.call, verdict="unknown", reason=reason, tries=tries, next_at=due)
        )
        return
    judgement, exchange = await _ask_peer(caller, flow, journal, method, call, recheck=True)
    base: dict[str, Any] = {"at": journal.now(), "subject": call.call, "exchange": exchange}
    if isinstance(judgement, (NotApplied, Reversed)):
        journal.record(LateLooked(**base, verdict="agrees", reason=judgement.reason))
        return
    if isinstance(judgement, Applied):
        seq = journal.record(LateLooked(**base, verdict="disagrees", reason=judgement.reason))
        message = f"{call.operation} was judged not to have happened, but it did: {judgement.reason}"
    else:
        settling = flow.definition.settling
        tries = suspect.tries + 1
        if tries < settling.tries:
            due = journal.now() + delay(settling.backoff, tries, caller.environment.random())
            journal.record(LateLooked(**base, verdict="unknown", reason=judgement.reason, tries=tries, next_at=due))
            return
        seq = journal.record(LateLooked(**base, verdict="unknown", reason=judgement.reason, tries=tries))
        message = f"the last look at {call.operation} does not tell whether it happened: {judgement.reason}"
    evidence = {"events": [seq], "exchanges": [exchange] if exchange else []}
    journal.record(
        Stuck(at=journal.now(), cause=Cause.LATE_ORIGINAL, message=message, call=call.call, evidence=evidence)
    )


def by_hand(flow: Flow, journal: Journal, verdict: Verdict, operator: str, reason: str, progress: Progress) -> None:
    """Settle as a person says, who has asked the centre by telephone. The caller has checked that it is legal."""
    visit, now = journal.visit, journal.now()
    base: dict[str, Any] = {"at": now, "verdict": verdict, "by": operator, "reason": reason}
    if verdict is Verdict.APPLIED:
        under_way = visit.call or visit.run
        assert under_way is not None
        subject = "" if visit.call is None else visit.call.call
        journal.record(Settled(**base, subject=subject, dest=under_way.dest, data=normalise(dict(progress.data))))
        if progress.disagreements:
            journal.record(disagreement(journal, progress.disagreements, subject, None))
        return
    if visit.call is None:  # stuck in the last look: a person has looked
        for suspect in list(visit.suspects):
            journal.record(Settled(**base, subject=suspect.call.call))
        return
    late_at, late_step = _late_look(flow, journal)
    journal.record(Settled(**base, subject=visit.call.call, retry_at=now, late_at=late_at, late_step=late_step))


# -- one try
async def _try(
    caller: Caller, flow: Flow, journal: Journal, method: Method, call: PendingCall
) -> tuple[Judgement, str | None]:
    if method.kind is SettleKind.REPEAT:
        return await _repeat(caller, flow, journal, call)
    return await _ask_peer(caller, flow, journal, method, call)


async def _ask_peer(
    caller: Caller, flow: Flow, journal: Journal, method: Method, call: PendingCall, *, recheck: bool = False
) -> tuple[Judgement, str | None]:
    """Send a probe or a reversal about ``call`` and return what it tells."""
    step, operation = method.step, method.operation
    assert step is not None and operation is not None
    view = view_of(flow, journal.visit, journal.now(), call)
    try:
        request = normalise(dict(step.request(view)))
    except Exception as error:
        return Unclear(f"{step.name} could not build its request: {type(error).__name__}"), None
    message_id = await caller.message_id(method.adapter)
    if operation.effect is not Effect.READ:
        _intend(caller, journal, _ROLES[method.kind], call, method.adapter, operation.name, request, message_id)
    role = Role.LATE if recheck else _ROLES[method.kind]
    outcome = await caller.send(flow, journal, method.adapter, operation, request, message_id, PROBE_TIMEOUT, role)
    exchange = journal.keep(outcome.exchange, call.call, method.adapter, operation.name)
    read: Callable[[View, Any], Judgement] = step.recheck if recheck else step.judge
    refused: Callable[[View, Refused], Judgement] = step.recheck_refused if recheck else step.refused
    try:
        match outcome:
            case Done(reply):
                return _in_facts(read(view, reply)), exchange
            case Refused():
                return _in_facts(refused(view, outcome)), exchange
    except Exception as error:
        log.warning("settling_step_failed", step=step.name, error=where(error))
        return Unclear(f"{step.name} could not read the answer: {type(error).__name__}"), exchange
    return Unclear(_reason(outcome)), exchange


async def _repeat(caller: Caller, flow: Flow, journal: Journal, call: PendingCall) -> tuple[Judgement, str | None]:
    """Send the same keyed call again, with the same request and message id."""
    bound = _way(flow, journal.visit, call).bound
    assert bound is not None, "a call has a step"
    operation = bound.operation
    assert operation.effect is not Effect.ONCE, "the checker forbids it, the fold refuses it, and so does this (G2)"
    _intend(caller, journal, Role.REPEAT, call, call.adapter, call.operation, call.request, call.message_id)
    timeout = _way(flow, journal.visit, call).timeout
    outcome = await caller.send(
        flow, journal, call.adapter, operation, call.request, call.message_id, timeout, Role.REPEAT
    )
    exchange = journal.keep(outcome.exchange, call.call, call.adapter, call.operation)
    view = view_of(flow, journal.visit, journal.now(), call)
    try:
        match outcome:
            case Done(reply):
                return _in_facts(Applied(bound.step.fold(view, reply), "the repeated call was answered")), exchange
            case Refused():
                reached = bound.step.refused(view, outcome)
                if isinstance(reached, Progress):
                    return _in_facts(Applied(reached, f"refused as done already: {outcome.code}")), exchange
    except Exception as error:
        return Unclear(f"the answer could not be read: {type(error).__name__}"), exchange
    return Unclear(_reason(outcome)), exchange


def _intend(
    caller: Caller,
    journal: Journal,
    role: Role,
    call: PendingCall,
    adapter: str,
    operation: str,
    request: dict[str, Any],
    message_id: str,
) -> None:
    journal.record(
        Intent(
            at=journal.now(),
            call=caller.environment.new_id(),
            role=role,
            trigger=call.trigger,
            source=call.source,
            dest=call.dest,
            adapter=adapter,
            operation=operation,
            effect=Effect.KEYED,
            message_id=message_id,
            request=request,
            subject=call.call,
        )
    )


# -- what a judgement means
def _applied(
    journal: Journal, call: PendingCall, progress: Progress, by: str, reason: str, exchange: str | None
) -> None:
    journal.record(
        Settled(
            at=journal.now(),
            subject=call.call,
            verdict=Verdict.APPLIED,
            by=by,
            reason=reason,
            dest=call.dest,
            data=dict(progress.data),
            exchange=exchange,
        )
    )
    found: tuple[Disagreement, ...] = progress.disagreements
    if found:
        journal.record(disagreement(journal, found, call.call, exchange))


def _not_applied(
    caller: Caller,
    flow: Flow,
    journal: Journal,
    verdict: Verdict,
    by: str,
    reason: str,
    exchange: str | None,
) -> None:
    """Settle as not having happened: the transition is tried again, as far as its policy allows."""
    visit = journal.visit
    call, run, now = visit.call, visit.run, journal.now()
    assert call is not None and run is not None
    due = next_try(
        _way(flow, journal.visit, call).retry[RetryClass.NOT_SENT],
        run.patience_from,
        run.attempts,
        now,
        caller.environment.random(),
    )
    late_at, late_step = _late_look(flow, journal)
    seq = journal.record(
        Settled(
            at=now,
            subject=call.call,
            verdict=verdict,
            by=by,
            reason=reason,
            retry_at=due,
            late_at=late_at,
            late_step=late_step,
            exchange=exchange,
        )
    )
    if due is None:
        message = f"{call.operation}: {run.attempts} attempts, the last one did not take effect"
        journal.record(
            Stuck(at=now, cause=Cause.RETRIES_EXHAUSTED, message=message, call=call.call, evidence={"events": [seq]})
        )


def _looked_not_applied(
    caller: Caller, flow: Flow, journal: Journal, method: Method, reason: str, exchange: str | None
) -> None:
    visit, settling = journal.visit, flow.definition.settling
    call, doubt = visit.call, visit.doubt
    assert call is not None and doubt is not None
    looks = doubt.looks + 1
    methods = _way(flow, journal.visit, call).methods
    if looks < settling.looks:
        _record_look(journal, method, Verdict.NOT_APPLIED, reason, exchange, looks=looks, wait=settling.look_again)
        return
    firm = max(doubt.believe_at or 0, _last_word(flow, journal))
    if journal.now() < firm:
        wait = firm - journal.now()  # whoever sent it may still be sending
        _record_look(journal, method, Verdict.NOT_APPLIED, reason, exchange, looks=doubt.looks, wait=wait)
        return
    for index in range(doubt.method + 1, len(methods)):
        if methods[index].kind is SettleKind.REVERSE:
            _record_look(journal, method, Verdict.NOT_APPLIED, reason, exchange, looks=looks, method_index=index)
            return
    _not_applied(caller, flow, journal, Verdict.NOT_APPLIED, method.kind.value, reason, exchange)


def _unclear(caller: Caller, flow: Flow, journal: Journal, method: Method, reason: str, exchange: str | None) -> None:
    """Try the same method again after a back-off, or the next one when it has been tried often enough."""
    settling, doubt = flow.definition.settling, journal.visit.doubt
    assert doubt is not None
    tries = doubt.tries + 1
    if tries < settling.tries:
        wait = delay(settling.backoff, tries, caller.environment.random())
        _record_look(journal, method, Verdict.UNKNOWN, reason, exchange, tries=tries, wait=wait)
    else:
        _record_look(journal, method, Verdict.UNKNOWN, reason, exchange, method_index=doubt.method + 1)


def _record_look(
    journal: Journal,
    method: Method,
    verdict: Verdict,
    reason: str,
    exchange: str | None,
    *,
    method_index: int | None = None,
    looks: int = 0,
    tries: int = 0,
    wait: int = 0,
) -> None:
    call, doubt, now = journal.visit.call, journal.visit.doubt, journal.now()
    assert call is not None and doubt is not None
    journal.record(
        Looked(
            at=now,
            subject=call.call,
            role=_ROLES[method.kind],
            verdict=verdict,
            reason=reason,
            method=doubt.method if method_index is None else method_index,
            looks=looks,
            tries=tries,
            next_at=now + wait,
            exchange=exchange,
        )
    )


def _ask(journal: Journal, call: PendingCall) -> Stuck:
    doubt = journal.visit.doubt
    assert doubt is not None
    message = f"{call.operation} (message {call.message_id}) may or may not have happened: {doubt.reason}"
    return Stuck(
        at=journal.now(),
        cause=Cause.DOUBT,
        message=message,
        call=call.call,
        evidence={
            "message_id": call.message_id,
            "since": doubt.since,
            "events": doubt.events,
            "exchanges": doubt.exchanges,
        },
    )


def disagreement(journal: Journal, found: tuple[Disagreement, ...], call: str, exchange: str | None) -> Stuck:
    """Return the event that stops a visit whose sums disagree (G9)."""
    first = found[0]
    return Stuck(
        at=journal.now(),
        cause=Cause.DISAGREEMENT,
        message=f"{first.what}: expected {first.expected}, got {first.actual}",
        call=call,
        evidence={
            "events": [journal.visit.seq],
            "exchanges": [exchange] if exchange else [],
            "disagreements": [{"what": d.what, "expected": d.expected, "actual": d.actual} for d in found],
        },
    )


# -- looking things up
def _late_look(flow: Flow, journal: Journal) -> tuple[int | None, str | None]:
    """Return when and with which probe to look again for a late original; nothing without a probe or a call."""
    call = journal.visit.call
    if call is not None:
        way = way_of(flow, journal.visit, call)
        for method in () if way is None else way.methods:
            if method.kind is SettleKind.PROBE:
                return journal.now() + flow.definition.settling.late_look, method.name
    return None, None


def _last_word(flow: Flow, journal: Journal) -> int:
    """Return from when on "not applied" may be believed where no probe looks once more before closing."""
    doubt = journal.visit.doubt
    assert doubt is not None
    looks_late = _late_look(flow, journal)[1] is not None
    return 0 if looks_late else doubt.since + flow.definition.settling.late_look


def _way(flow: Flow, visit: Visit, call: PendingCall) -> Way:
    way = way_of(flow, visit, call)
    assert way is not None, "a method to settle a doubt comes from the call's edge, so there is one"
    return way


def _in_facts(judgement: Judgement) -> Judgement:
    """Return the judgement with its progress in facts. Raises TypeError where that cannot be."""
    if isinstance(judgement, Applied):
        progress = judgement.progress
        return Applied(Progress(normalise(dict(progress.data)), progress.disagreements), judgement.reason)
    return judgement


def _reason(outcome: Outcome) -> str:
    match outcome:
        case Refused(code, message):
            return printable(f"refused: {code} {message}")
        case Done():
            return "done"
        case _:
            return printable(outcome.reason)
