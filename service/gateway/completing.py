"""``complete_process``: one run of the flow from card to settlement, answered as interface 000 shows it (J57)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from service.gateway.charging import rows_of, sort_rows
from service.gateway.envelope import GatewayError, ok, refusal
from service.gateway.front import OUTPATIENT, SETTLED, Front, Known, bill_number
from service.gateway.paying import not_pre_settled, settlement, trial
from service.gateway.registering import derived_key, flow_of, open_or_join, registered, told, with_card
from service.gateway.requests import CompleteProcess
from service.gateway.singles import read_card
from service.gateway.telling import stopped
from steps.jiangsu.ledger import entries

_NAMES = ("读卡", "登记", "预结算", "结算")


def _step(number: int, data: Mapping[str, Any]) -> dict[str, Any]:
    name = _NAMES[number - 1]
    return {"step": number, "name": name, "success": True, "message": f"{name}成功", "data": data}


def _failed(number: int, error: GatewayError) -> dict[str, Any]:
    return {"step": number, "name": _NAMES[number - 1], "success": False, "message": error.message, "data": {}}


async def complete_process(front: Front, body: CompleteProcess) -> dict[str, Any]:
    """Run it, or join the run that the same words began; the visit goes on when nobody waits any more."""
    rows = rows_of(front, body.feeDetails, "feeDetails")
    if flow_of(body.patientInfo) != OUTPATIENT:
        raise GatewayError(1011, "complete_process仅用于门诊")
    steps: list[dict[str, Any]] = []
    try:
        card = await read_card(front, body)
        steps.append(_step(1, {name: value for name, value in card.reply.items() if name != "exam_ccls"}))
        given = with_card(told(body.patientInfo), card.reply, OUTPATIENT)
        known = await _run(front, body, given, sort_rows(front, rows, ()).new)
        known = await registered(front, known, body)
        steps.append(_step(2, {"visit_no": known.key}))
        known = await _paid(front, known, body)
        if known.data.get("pre_settle_id"):
            steps.append(_step(3, trial(known)))
        if known.visit.state not in SETTLED or not known.data.get("settle_id") or known.visit.trouble is not None:
            raise not_pre_settled(known) if len(steps) < 3 else stopped(known)
    except GatewayError as error:
        error.more = {**error.more, "processSteps": [*steps, _failed(len(steps) + 1, error)]}
        raise
    steps.append(_step(4, settlement(known)))
    more = {"messageId": known.message_id("settle"), "visit": known.key}
    return ok("工伤就医流程完成", processSteps=steps, **more)


async def _run(front: Front, body: CompleteProcess, given: dict[str, Any], fees: dict[str, dict[str, Any]]) -> Known:
    """Return the visit of these words, opened with everything that it needs to run through."""
    number = body.patientInfo.ipt_otp_no
    lines = {line_id: {n: v for n, v in line.items() if n != "fee_ocur_time"} for line_id, line in fees.items()}
    key = number or await derived_key(front, OUTPATIENT, {"told": given, "fees": lines})
    more = {"fees": fees, "invoice_no": body.patientInfo.mdtrt_id or bill_number(key)}
    known = await open_or_join(front, OUTPATIENT, key, given, more, body, lambda each: not number and each.cancelled)
    if {each.line_id for each in entries(known.view)} != set(fees):
        raise refusal("details_differ", "2206", visit=known.key)
    return known


async def _paid(front: Front, known: Known, body: CompleteProcess) -> Known:
    def done(projection: Any) -> bool:
        return projection.state in SETTLED

    known = await front.wait(known.visit.visit_id, done)
    if known.visit.state not in SETTLED:
        known = await front.go_on(known, body, "complete_process")
    return known
