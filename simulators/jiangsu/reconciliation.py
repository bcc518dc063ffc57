"""1320, 1321, 1322, 1323: do both sides have the same totals; then the period is confirmed. J31-J34."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from simulators.jiangsu.centre import Call, Centre
from simulators.jiangsu.fields import moment, money, text
from simulators.jiangsu.ledger import Confirmation
from simulators.jiangsu.refusals import Missing, refuse

AMOUNTS = ("medfee_sumamt", "hifp_pay", "psn_cash_pay")


def totals(centre: Centre, call: Call) -> dict[str, Decimal]:
    """1320: by setl_time, both ends included; flag 0 what stands, 1 what was cancelled (J31)."""
    begin, end = _period(call)
    text(call.parameters, "sign_no")  # says who asks, narrows nothing
    flag = str(call.parameters.get("refd_setl_flag", "0"))
    if flag not in ("0", "1"):
        raise Missing("refd_setl_flag")
    operator = str(call.parameters.get("opter") or "")
    found = [
        each.amounts
        for _visit, each in centre.ledger.settlements()
        if begin <= each.at <= end and each.live == (flag == "0") and operator in ("", each.opter)
    ]
    return {name: sum((amounts[name] for amounts in found), Decimal("0.00")) for name in AMOUNTS}


def _period(call: Call) -> tuple[str, str]:
    begin, end = moment(call.parameters, "stmt_begindate"), moment(call.parameters, "stmt_enddate")
    if begin > end:
        raise Missing("stmt_enddate")
    return begin, end


def one_bill(centre: Centre, call: Call) -> dict[str, Any]:
    """1321: one bill, by the hospital's numbers (J32). ``opter`` narrows nothing: the bill number is enough."""
    number, bill = text(call.parameters, "ipt_otp_no"), text(call.parameters, "medrcdno")
    for visit, each in centre.ledger.settlements():
        if each.live and (visit.ipt_otp_no, each.mdtrt_id) == (number, bill):
            return {"ipt_otp_no": number, "medrcdno": bill, **each.amounts}
    raise refuse("no_such_bill")


def confirm(centre: Centre, call: Call) -> None:
    """1322: only the centre's own totals, and a period once (J33)."""
    stated = {name: money(call.parameters, name) for name in AMOUNTS}
    own = totals(centre, call)
    begin, end = _period(call)
    if _find(centre, begin, end) is not None:
        raise refuse("confirmed_already")
    if stated != own:
        raise refuse("totals_differ")
    confirmation = Confirmation(begin, end, own, call.msgid)
    centre.ledger.confirmations.append(confirmation)

    def undo(_call: Call) -> None:
        if confirmation in centre.ledger.confirmations:
            centre.ledger.confirmations.remove(confirmation)

    centre.effect(call, undo)


def take_back(centre: Centre, call: Call) -> None:
    """1323: only the very period that was confirmed (J34)."""
    totals(centre, call)  # its input is that of 1320
    confirmation = _find(centre, *_period(call))
    if confirmation is None:
        raise refuse("not_confirmed")
    centre.ledger.confirmations.remove(confirmation)

    def undo(_call: Call) -> None:
        if _find(centre, confirmation.begin, confirmation.end) is None:
            centre.ledger.confirmations.append(confirmation)

    centre.effect(call, undo)


def _find(centre: Centre, begin: str, end: str) -> Confirmation | None:
    return next((each for each in centre.ledger.confirmations if (each.begin, each.end) == (begin, end)), None)
