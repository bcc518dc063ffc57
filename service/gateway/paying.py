"""From lines to money and back: 2204, 2205, 2206, 2207, 2208, 2202, 6101 of a visit that we know (J55, J56)."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from adapters.jiangsu.transactions import TRANSACTIONS
from engine.actions import ways_back
from service.gateway.charging import Row, Sorted, rows_of, sort_rows
from service.gateway.envelope import GatewayError, ok, refusal, spaced
from service.gateway.front import INPATIENT, SETTLED, UNREGISTERED, Ask, Front, Known, bill_number
from service.gateway.requests import Batch, CancelLines, Desk, OfVisit, PreSettle, Settle, UploadLines, checked
from service.gateway.singles import centre_numbers, single
from service.gateway.telling import refused_by_code, stopped
from steps.jiangsu.ledger import Entry, LineState, entries

_AMOUNTS = ("total_amt", "fund_amt", "self_amt")
_TRIAL = {"total_amt": "pre_total", "fund_amt": "pre_fund", "self_amt": "pre_self"}


async def visit_of(front: Front, of: OfVisit, transaction: str) -> Known | None:
    """Return the visit that is meant, if we know it. Raises GatewayError where it never got registered."""
    known = await front.find(of.visit_no, of.ipt_otp_no)
    if known is None:
        return None
    return await registered_visit(front, known, transaction)


async def registered_visit(front: Front, known: Known, transaction: str) -> Known:
    """Return a visit at rest, once it is registered. Raises GatewayError."""
    known = await front.wait(known.visit.visit_id)
    if known.cancelled:
        raise refusal("no_visit", transaction, visit=known.key)
    if known.visit.state in UNREGISTERED:
        if known.visit.trouble is None and known.visit.held:
            raise refusal("no_visit", transaction, visit=known.key)
        raise stopped(known)
    return known


async def pass_on(front: Front, ask: Ask) -> dict[str, Any]:
    """Make a transaction by itself: outside any visit, or about one that is not ours."""
    params, _known = await centre_numbers(front, ask.params)
    answer = await single(front, ask.row, params, ask.body, ask.body.messageId)
    return ok(f"{ask.row.zh}成功", answer.reply, messageId=answer.message_id, visit=answer.key)


# -- lines
async def upload_lines(front: Front, ask: Ask) -> dict[str, Any]:
    """2204: through the ledger, like ``batch_upload``."""
    body = checked(UploadLines, dict(ask.params), "businessParams")
    known = await visit_of(front, body, "2204")
    if known is None:
        return await pass_on(front, ask)
    return await charge(front, known, rows_of(front, body.feedetail, "businessParams.feedetail"), ask.body)


async def batch_upload(front: Front, batch: Batch) -> dict[str, Any]:
    """``batch_upload``: the same line is never uploaded twice."""
    rows = rows_of(front, batch.prescriptions, "prescriptions")
    known = await visit_of(front, OfVisit(visit_no=batch.visitNo), "2204")
    if known is None:
        raise refusal("no_visit", "2204")
    return await charge(front, known, rows, batch)


async def charge(front: Front, known: Known, rows: Sequence[Row], desk: Desk) -> dict[str, Any]:
    """Hand lines over that are new, wait until the centre has them, and tell of each (DLL conventions, 3.3)."""
    found = sort_rows(front, rows, entries(known.view))
    if found.new and known.visit.state in SETTLED:
        raise refusal("upload_settled", "2204", visit=known.key)
    if known.visit.state not in SETTLED:
        known = await hand_over(front, known, found, [], desk)
        if known.visit.flow == INPATIENT and known.visit.state != "pre_settled" and _waits(known):
            known = await front.ask(known, "upload", {}, desk)
    ledger = {each.line_id: each for each in entries(known.view)}
    lines = [_shown(ledger[line_id]) for line_id in found.ids]
    members = {"messageId": known.message_id("upload_lines"), "visit": known.key}
    if bad := next((ledger[each] for each in found.ids if ledger[each].state is LineState.REFUSED), None):
        raise _line_refused(bad, {"data": {"lines": lines}, **members})
    if any(ledger[each].state is LineState.PENDING for each in found.ids):
        raise stopped(known)
    total = sum((ledger[each].amount for each in found.ids), Decimal("0.00"))
    return ok("处方明细上传成功", {"lines": lines, "count": len(lines), "total_amt": total}, **members)


def _waits(known: Known) -> bool:
    """Tell whether lines of a stay wait for the hour at which they go up."""
    return known.visit.trouble is None and any(each.state is LineState.PENDING for each in entries(known.view))


def _shown(entry: Entry) -> dict[str, Any]:
    line = entry.line
    shown = {"line_id": entry.line_id, "rxno": line.rxno, "feedetl_sn": line.feedetl_sn}
    shown |= {"med_list_codg": line.med_list_codg, "status": entry.state.value}
    memo = {"memo": f"{entry.code} {entry.text}"} if entry.code else {}
    return shown | {"umamt": line.umamt} | memo


def _line_refused(entry: Entry, members: dict[str, Any]) -> GatewayError:
    return refused_by_code(entry.code, f"{entry.line.med_list_codg}：{entry.text}", "2204", **members)


async def hand_over(front: Front, known: Known, found: Sorted, void: Sequence[str], desk: Desk) -> Known:
    """Give the ledger what is new and what is void, and wait; with nothing to give, let a held visit go on."""
    known = await front.drop(known, desk, "2204")
    if not found.new and not void:
        return await front.go_on(known, desk, "2204")
    if known.visit.trouble is not None:
        known = await front.go_on(known, desk, "2204")
    return await front.ask(known, "hand_over", {"fees": found.new, "void": list(void)}, desk)


# -- trial and settlement
async def pre_settle(front: Front, ask: Ask) -> dict[str, Any]:
    """2206: ``fee_details`` is the whole bill; what of it the ledger lacks is uploaded first (J7, J55)."""
    body = checked(PreSettle, dict(ask.params), "businessParams")
    rows = rows_of(front, body.fee_details, "businessParams.fee_details")
    known = await visit_of(front, body, "2206")
    if known is None:
        if rows:
            raise refusal("no_visit", "2206")
        return await pass_on(front, ask)
    if known.visit.state in SETTLED:
        raise refusal("already_settled", "2206", visit=known.key)
    known = await bill(front, known, rows, ask.body) if rows else await front.drop(known, ask.body, "2206")
    if known.visit.flow == INPATIENT:
        known = await _leave(front, known, body, ask.body)
    if known.visit.state != "pre_settled" or known.visit.held:
        known = await front.go_on(known, ask.body, "2206")
    if known.visit.state != "pre_settled" or known.visit.run is not None or known.visit.trouble is not None:
        raise not_pre_settled(known)
    return ok("预结算成功", trial(known), messageId=known.message_id("pre_settle"), visit=known.key)


async def bill(front: Front, known: Known, rows: Sequence[Row], desk: Desk) -> Known:
    """Make the ledger say what the bill says. Raises GatewayError 3009 where uploaded lines are not on the bill."""
    found = sort_rows(front, rows, entries(known.view))
    if any(each.state is LineState.UPLOADED for each in found.left):
        raise refusal("details_differ", "2206", "已上传的明细不在fee_details中，可先撤销明细（2205）", visit=known.key)
    return await hand_over(front, known, found, [each.line_id for each in found.left], desk)


async def _leave(front: Front, known: Known, body: PreSettle, desk: Desk) -> Known:
    """Tell a stay how it ended (J41)."""
    if known.data.get("dscg_time") or known.visit.trouble is not None:
        return known
    if _waits(known):
        known = await front.ask(known, "upload", {}, desk)
    if known.visit.state != "charged":
        raise not_pre_settled(known)
    for name in ("dscg_time", "dscg_trt_rslt", "diag_code"):
        if not getattr(body, name):
            raise GatewayError(1007, f"businessParams.{name}：needed for a stay")
    told = {"dscg_time": body.dscg_time, "dscg_trt_rslt": body.dscg_trt_rslt, "dscg_diagnosis": body.diag_code}
    return await front.ask(known, "leave", told | {"dscg_diagnosis_name": body.diag_dscr or ""}, desk)


def not_pre_settled(known: Known) -> GatewayError:
    """Return why a visit at rest is not pre-settled."""
    ledger = entries(known.view)
    if bad := next((each for each in ledger if each.state is LineState.REFUSED), None):
        return _line_refused(bad, {"visit": known.key, "messageId": known.message_id("upload_lines")})
    idle = known.visit.trouble is None and known.visit.run is None and known.visit.call is None
    if idle and not any(each.state is not LineState.VOIDED for each in ledger):
        return refusal("nothing_to_settle", "2206", visit=known.key)
    return stopped(known)


def trial(known: Known) -> dict[str, Any]:
    """Return the trial as 000 shows it, with its amounts (J8)."""
    amounts = {name: Decimal(known.data[ours]) for name, ours in _TRIAL.items()}
    return {"pre_settle_id": known.data["pre_settle_id"], **amounts}


def settlement(known: Known) -> dict[str, Any]:
    """Return the settlement as 000 shows it."""
    return {"settle_id": known.data["settle_id"], **{name: Decimal(known.data[name]) for name in _AMOUNTS}}


async def settle(front: Front, ask: Ask) -> dict[str, Any]:
    """2207: money moves once; the same again gives the same answer."""
    body = checked(Settle, dict(ask.params), "businessParams")
    known = await front.find(body.visit_no, body.ipt_otp_no)
    if known is None:
        return await pass_on(front, ask)
    if not (known.visit.run is not None and known.visit.run.trigger == "settle"):
        known = await registered_visit(front, known, "2207")
    if known.data.get("pre_settle_id") != body.pre_settle_id:
        raise refusal("no_trial", "2207", visit=known.key)
    known = await settled(front, known, body.mdtrt_id or bill_number(body.pre_settle_id), ask.body)
    return ok("结算成功", settlement(known), messageId=known.message_id("settle"), visit=known.key)


async def settled(front: Front, known: Known, invoice: str, desk: Desk) -> Known:
    """Return the visit once it is settled. Raises GatewayError."""

    def done(projection: Any) -> bool:
        return projection.state in SETTLED

    asked = known.data.get("invoice_no")
    if asked and asked != invoice and (known.visit.state in SETTLED or known.visit.call is not None):
        raise refusal("already_settled", "2207", visit=known.key)
    if known.visit.state == "pre_settled" and known.visit.run is None and known.visit.trouble is None:
        known = await front.ask(known, "settle", {"invoice_no": invoice}, desk)
    elif known.visit.state == "pre_settled" and known.visit.trouble is not None:
        if asked != invoice:
            known = await front.drop(known, desk, "2207")
            known = await front.ask(known, "settle", {"invoice_no": invoice}, desk)
        else:
            known = await front.go_on(known, desk, "2207")
    known = await front.wait(known.visit.visit_id, done)
    if known.visit.state not in SETTLED or not known.data.get("settle_id") or _disagrees(known):
        raise stopped(known)
    return known


def _disagrees(known: Known) -> bool:
    return known.visit.trouble is not None and known.visit.trouble.cause.value == "disagreement"


# -- the ways back
async def cancel_settlement(front: Front, ask: Ask) -> dict[str, Any]:
    """2208: take the settlement back; lines and trial stay (J11)."""
    known = await front.find(*_numbers(ask))
    if known is None:
        return await pass_on(front, ask)
    known = await registered_visit(front, known, "2208")
    if not known.data.get("settle_id"):
        raise refusal("no_settlement_to_cancel", "2208", visit=known.key)
    return await _back(front, ask, known, "pre_settled", "cancel_settlement")


async def cancel_lines(front: Front, ask: Ask) -> dict[str, Any]:
    """2205: all lines of the visit (J6)."""
    body = checked(CancelLines, dict(ask.params), "businessParams")
    known = await visit_of(front, body, "2205")
    if known is None:
        return await pass_on(front, ask)
    if body.rxno or body.feedetl_sn:
        raise GatewayError(1011, "只能撤销全部明细；单条请上传退费明细", visit=known.key)
    if known.data.get("settle_id"):
        raise refusal("settlement_stands", "2205", visit=known.key)
    if known.data.get("uploaded_total") is None:
        raise refusal("no_lines", "2205", visit=known.key)
    return await _back(front, ask, known, "registered", "cancel_lines")


async def cancel_registration(front: Front, ask: Ask) -> dict[str, Any]:
    """2202: the visit is over; refused while lines are uploaded or a settlement stands (J22)."""
    known = await front.find(*_numbers(ask))
    if known is None:
        return await pass_on(front, ask)
    known = await front.wait(known.visit.visit_id)
    if known.data.get("settle_id") or known.data.get("uploaded_total") is not None:
        raise refusal("lines_or_settlement", "2202", visit=known.key)
    if not known.cancelled:
        commands, reason = front.application.commands, _reason(ask)
        await commands.cancel(known.visit.visit_id, front.by(ask.body), reason)
        known = await front.wait(known.visit.visit_id)
    if not known.cancelled:
        raise stopped(known)
    message_id = known.message_id("cancel_registration")
    return ok("登记撤销成功", {}, messageId=message_id, visit=known.key)


async def _back(front: Front, ask: Ask, known: Known, state: str, operation: str) -> dict[str, Any]:
    if known.visit.undo is not None:  # asked for before, and stopped on the way
        known = await front.go_on(known, ask.body, ask.row.number)
    elif not any(way.state == state for way in ways_back(known.flow, known.visit)):
        raise stopped(known)
    else:
        known = await front.take_back(known, state, ask.body, _reason(ask))
    if known.visit.state != state or known.visit.undo is not None or known.visit.trouble is not None:
        raise stopped(known)
    return ok(f"{ask.row.zh}成功", {}, messageId=known.message_id(operation), visit=known.key)


def _reason(ask: Ask) -> str:
    return f"前台办理 {ask.row.number} {ask.row.zh}"


def _numbers(ask: Ask) -> tuple[str | None, str | None]:
    body = checked(OfVisit, dict(ask.params), "businessParams")
    return body.visit_no, body.ipt_otp_no


async def receipt(front: Front, ask: Ask) -> dict[str, Any]:
    """6101: what the visit has fetched already."""
    known = await front.find(*_numbers(ask))
    if known is None:
        return await pass_on(front, ask)
    known = await registered_visit(front, known, "6101")
    if not known.data.get("settle_id"):
        raise refusal("no_settlement", "6101", visit=known.key)
    more = {"visit_no": known.key, "ipt_otp_no": known.key, "mdtrt_id": known.data.get("invoice_no", "")}
    stamp = str(known.data.get("receipt_time") or "")
    data = settlement(known) | more | {"setl_time": spaced(stamp)}
    return ok(
        f"{TRANSACTIONS['receipt'].zh}成功", data, messageId=known.message_id("receipt", "settle"), visit=known.key
    )
