"""2206, 2207, 2208, 6101, 9103: money. DLL conventions, 3.4; J7-J9, J11, J12, J38, J41, J42."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from simulators.common.numbers import cents
from simulators.jiangsu.centre import Call, Centre
from simulators.jiangsu.fields import demand, moment, money, paged, text
from simulators.jiangsu.ledger import Line, Settlement, Trial, Visit
from simulators.jiangsu.lines import FUND_SHARE
from simulators.jiangsu.refusals import Missing, refuse

_DISCHARGE = ("dscg_time", "dscg_trt_rslt", "diag_code", "diag_dscr")


def pre_settle(centre: Centre, call: Call) -> dict[str, Any]:
    """2206: a trial; keeps nothing but its number (J7, J8)."""
    visit = _unsettled(centre, call)
    total, fund = _due(visit, call.parameters.get("fee_details"))
    visit.trial = Trial(f"PS{centre.time():%Y%m%d}{centre.ledger.next():06d}", total, fund)
    return {"pre_settle_id": visit.trial.number, "total_amt": total, "fund_amt": fund, "self_amt": total - fund}


def settle(centre: Centre, call: Call) -> dict[str, Any]:
    """2207: with an invoice number other than 0 (J9).

    Through the gateway on the newest trial, with unchanged lines; the library knows no number of a trial (J42).
    """
    visit = _unsettled(centre, call)
    trial = visit.trial
    if call.door == "dll":
        total, fund = _due(visit, None)
    elif trial is None or trial.number != text(call.parameters, "pre_settle_id"):
        raise refuse("no_trial")
    else:
        total, fund = trial.total, trial.fund
    invoice = str(call.parameters.get("mdtrt_id", ""))
    if "mdtrt_id" in call.parameters and not invoice.strip("0"):
        raise Missing("mdtrt_id")
    settlement = Settlement(
        settle_id=f"S{centre.time():%Y%m%d}{centre.ledger.next():06d}",
        msgid=call.msgid,
        mdtrt_id=invoice,
        pre_settle_id=trial.number if trial and call.door != "dll" else "",
        total=total,
        fund=fund,
        own=total - fund,
        at=centre.stamp(),
        opter=call.operator,
    )
    visit.settlements.append(settlement)
    visit.status = "settled"
    centre.ledger.move(visit, settlement, 1, call.msgid, "2207", centre.stamp())

    def undo(by: Call) -> None:
        if settlement.live:
            settlement.live = False
            visit.status = "registered"
            centre.ledger.move(visit, settlement, -1, by.msgid, "2209", centre.stamp())

    centre.effect(call, undo, settlement)
    return _settled(settlement)


def _unsettled(centre: Centre, call: Call) -> Visit:
    visit = centre.visit(call.parameters)
    if visit.settlement is not None:
        raise refuse("already_settled")
    if visit.inpatient:  # the gateway puts its own for outpatients (J41)
        demand(call.parameters, _DISCHARGE)
        moment(call.parameters, "dscg_time")
    return visit


def _due(visit: Visit, details: Any) -> tuple[Decimal, Decimal]:
    """Return total and fund share, from the uploaded lines or else from ``details`` (J7)."""
    if details is not None and not (isinstance(details, list) and all(isinstance(line, dict) for line in details)):
        raise Missing("fee_details")
    stated = sum((money(line, "fee_amt") for line in details or ()), Decimal("0.00"))
    if not visit.lines:
        if not details:
            raise refuse("nothing_to_settle")
        return cents(stated), cents(stated * FUND_SHARE)
    if details is not None and stated != visit.total:
        raise refuse("details_differ")
    return visit.total, sum((line.fund for line in visit.lines), Decimal("0.00"))


def cancel_settlement(centre: Centre, call: Call) -> None:
    """2208: take the money back; keep_tp_type 0 drops the lines, 1 keeps them (J11). Not once confirmed (J33)."""
    visit = centre.visit(call.parameters)
    settlement = visit.settlement
    if settlement is None or str(call.parameters.get("mdtrt_id", settlement.mdtrt_id)) != settlement.mdtrt_id:
        raise refuse("no_settlement_to_cancel")
    if centre.ledger.confirmed(settlement):
        raise refuse("settlement_confirmed")
    settlement.live = False
    visit.status = "registered"
    centre.ledger.move(visit, settlement, -1, call.msgid, "2208", centre.stamp())
    dropped: list[Line] = []
    if centre.switches.keep_tp_type and str(call.parameters.get("keep_tp_type", "0")) == "0":
        dropped, visit.lines, visit.trial = visit.lines, [], None

    def undo(by: Call) -> None:
        settlement.live = True
        visit.status = "settled"
        visit.lines.extend(dropped)
        centre.ledger.move(visit, settlement, 1, by.msgid, "2209", centre.stamp())

    centre.effect(call, undo, settlement)


def receipt(centre: Centre, call: Call) -> dict[str, Any]:
    """6101 (J12)."""
    visit = centre.visit(call.parameters)
    settlement = visit.settlement
    if settlement is None:
        raise refuse("no_settlement")
    return _settled(settlement) | {
        "visit_no": visit.visit_no,
        "mdtrt_id": settlement.mdtrt_id,
        "setl_time": settlement.at,
        "msgid": settlement.msgid,
    }


def list_settlements(centre: Centre, call: Call) -> dict[str, Any]:
    """9103: the settlements of a period that stand, by setl_time, both ends included (J38)."""
    begin, end = moment(call.parameters, "begindate"), moment(call.parameters, "enddate")
    rows = [
        {
            "ipt_otp_no": visit.ipt_otp_no,
            "medrcdno": each.mdtrt_id,
            **each.amounts,
            "msgid": each.msgid,
            "psn_no": visit.psn_no,
            "setl_time": each.at,
            "opter": each.opter,
        }
        for visit, each in centre.ledger.settlements()
        if each.live and begin <= each.at <= end
    ]
    return paged("settlements", rows, call.parameters)


def _settled(settlement: Settlement) -> dict[str, Any]:
    return {
        "settle_id": settlement.settle_id,
        "total_amt": settlement.total,
        "fund_amt": settlement.fund,
        "self_amt": settlement.own,
    }
