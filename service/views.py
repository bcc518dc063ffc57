"""Visits, journals and actions in the shapes that programs read: ``--json`` and HTTP."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Mapping
from typing import Any

from engine.actions import Action
from engine.commands import Report
from engine.environment import SECOND, Micros
from engine.events import AnyEvent, decode
from engine.facts import loads
from engine.store import ExchangeRecord, Projection, StoredEvent
from service.limiting.standing import PeerStanding
from storage.registers import Approval, AuditEntry, Batch, BatchItem, Delivery


def moment(at: Micros | None) -> str | None:
    """Return a time as ISO 8601 in the local zone, to the millisecond."""
    if at is None:
        return None
    return datetime.datetime.fromtimestamp(at / SECOND, datetime.UTC).astimezone().isoformat(timespec="milliseconds")


def projection_view(projection: Projection) -> dict[str, Any]:
    """Return one line of a list of visits."""
    return {
        "visit": projection.visit_id,
        "flow": projection.flow,
        "version": projection.version,
        "key": projection.key,
        "state": projection.state,
        "status": projection.status.value,
        "cause": projection.cause,
        "waiting_for": projection.waiting_for,
        "due_at": moment(projection.due_at),
        "opened_at": moment(projection.opened_at),
        "updated_at": moment(projection.updated_at),
        "events": projection.seq,
    }


def peer_view(standing: PeerStanding) -> dict[str, Any]:
    """Return how a peer stands."""
    hold = standing.hold
    return {
        "peer": standing.peer,
        "state": standing.state.value,
        "since": moment(standing.since),
        "next_trial_at": moment(standing.until),
        "failures_in_a_row": standing.failures,
        "in_the_air": standing.in_the_air,
        "waiting": standing.waiting,
        "visits_waiting": standing.paused_visits,
        "concurrent": standing.concurrent,
        "rate": standing.rate,
        "breaker": standing.breaker,
        "decided": None
        if hold is None
        else {"held": hold.held, "by": hold.by, "reason": hold.reason, "at": moment(hold.at)},
        "workers": [
            {
                "worker": row.worker,
                "state": row.state,
                "since": moment(row.since),
                "next_trial_at": moment(row.until),
                "failures_in_a_row": row.failures,
                "slots": row.slots,
                "parts": row.parts,
            }
            for row in standing.workers
        ],
    }


def action_view(action: Action) -> dict[str, Any]:
    """Return one legal action; ``warnings`` stand there only where the flow has some."""
    return {
        "action": action.kind.value,
        "target": action.target,
        "needs": list(action.needs),
        "sends": list(action.sends),
        **action.detail,
    }


def report_view(report: Report) -> dict[str, Any]:
    """Return a visit with data, cause, evidence and legal actions."""
    visit = report.visit
    trouble = visit.trouble
    call = visit.call
    return projection_view(report.projection) | {
        "data": visit.data,
        "stuck": None
        if trouble is None
        else {
            "cause": trouble.cause.value,
            "message": trouble.message,
            "since": moment(trouble.at),
            "event": trouble.seq,
            "evidence": trouble.evidence,
        },
        "open_call": None
        if call is None
        else {
            "operation": call.operation,
            "message_id": call.message_id,
            "sent_at": moment(call.at),
            "in_doubt": None if visit.doubt is None else visit.doubt.reason,
        },
        "path": [leg.trigger for leg in visit.trail],
        "actions": [action_view(action) for action in report.actions],
    }


def event_view(stored: StoredEvent) -> dict[str, Any]:
    """Return one event of a journal with its fields."""
    event = decode(stored.payload)
    return {"seq": stored.seq, "at": moment(stored.at)} | event.model_dump(
        mode="json", exclude={"at"}, exclude_none=True
    )


def stored_view(stored: StoredEvent) -> dict[str, Any]:
    """Return one event as it is stored, for programs that fold it themselves."""
    return {"seq": stored.seq, "at_us": stored.at, "kind": stored.kind, "payload": stored.payload}


def exchange_view(record: ExchangeRecord, raw: bool) -> dict[str, Any]:
    """Return one exchange; with ``raw`` also its bytes as text, which hold identities."""
    shown: dict[str, Any] = {
        "exchange": record.exchange_id,
        "call": record.call,
        "at": moment(record.at),
        "adapter": record.adapter,
        "operation": record.operation,
        "status": record.status,
        "request_bytes": len(record.request),
        "reply_bytes": None if record.reply is None else len(record.reply),
    }
    if raw:
        shown["request"] = record.request.decode("utf-8", "replace")
        shown["reply"] = None if record.reply is None else record.reply.decode("utf-8", "replace")
    return shown


def events_of(journal: Iterable[StoredEvent]) -> list[tuple[StoredEvent, AnyEvent]]:
    """Return stored events with what they say."""
    return [(stored, decode(stored.payload)) for stored in journal]


def approval_view(approval: Approval) -> dict[str, Any]:
    """Return a request for approval; its data stays in the register."""
    return {
        "approval": approval.approval_id,
        "visit": approval.visit_id,
        "action": approval.action,
        "target": loads(approval.arguments)["target"],
        "state": approval.state,
        "asked_by": approval.asked_by,
        "asked_at": moment(approval.asked_at),
        "reason": approval.reason,
        "expires_at": moment(approval.expires_at),
        "decided_by": approval.decided_by,
        "decided_at": moment(approval.decided_at),
        "remark": approval.remark,
    }


def batch_view(batch: Batch, counts: Mapping[str, int]) -> dict[str, Any]:
    """Return a batch with how many of its visits are in which state."""
    return {
        "batch": batch.batch_id,
        "action": batch.action,
        "target": loads(batch.arguments)["target"],
        "filter": loads(batch.chosen),
        "state": batch.state,
        "asked_by": batch.asked_by,
        "reason": batch.reason,
        "created_at": moment(batch.created_at),
        "finished_at": moment(batch.finished_at),
        "counts": dict(counts),
    }


def batch_item_view(item: BatchItem) -> dict[str, Any]:
    """Return what became of one visit of a batch."""
    return {
        "number": item.number,
        "visit": item.visit_id,
        "state": item.state,
        "code": item.code,
        "message": item.message,
        "at": moment(item.at),
    }


def delivery_view(delivery: Delivery) -> dict[str, Any]:
    """Return a message of the webhook."""
    return {
        "delivery": delivery.delivery_id,
        "visit": delivery.visit_id,
        "number": delivery.number,
        "seq": delivery.seq,
        "event": delivery.kind,
        "state": delivery.state,
        "attempts": delivery.attempts,
        "created_at": moment(delivery.created_at),
        "next_at": moment(delivery.next_at) if delivery.state == "pending" else None,
        "done_at": moment(delivery.done_at),
    }


def audit_view(entry: AuditEntry) -> dict[str, Any]:
    """Return an entry of the audit."""
    return {
        "entry": entry.audit_id,
        "at": moment(entry.at),
        "actor": entry.actor,
        "role": entry.role,
        "action": entry.action,
        "target": entry.target,
        "reason": entry.reason,
        "origin": entry.origin,
        "outcome": entry.outcome,
    }
