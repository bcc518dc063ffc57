"""2204, 2205, 9104: the charges of a visit. DLL conventions, 3.3; J5, J6, J13, J50."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from simulators.common.numbers import cents
from simulators.jiangsu.centre import Call, Centre
from simulators.jiangsu.fields import demand, money, paged
from simulators.jiangsu.ledger import Line
from simulators.jiangsu.refusals import Missing, refuse

FUND_SHARE = Decimal("0.8")  #: invented: the fund bears 80 % of what is not wholly self-paid


def upload(centre: Centre, call: Call) -> dict[str, Any]:
    """2204: store the lines; the same line again is stored again unless the switch says otherwise (J5).

    A batch is stored whole or not at all (J50).
    """
    visit = centre.visit(call.parameters)
    if visit.settlement is not None:
        raise refuse("settled")
    sent = call.parameters.get("feedetail")
    if not isinstance(sent, list) or not sent or not all(isinstance(line, dict) for line in sent):
        raise Missing("feedetail")
    new = [_line(line, call.msgid) for line in sent]
    known = {line.key for line in visit.lines}
    if centre.switches.duplicate_lines == "refuse" and any(line.key in known for line in new):
        raise refuse("line_twice")
    visit.lines.extend(new)
    visit.trial = None

    def undo(_call: Call) -> None:
        visit.lines = [line for line in visit.lines if line not in new]
        visit.trial = None

    centre.effect(call, undo)
    return {"lines": [_shown(line) for line in new]}


def _line(sent: dict[str, Any], msgid: str) -> Line:
    demand(sent, ("rxno", "feedetl_sn", "med_list_codg", "fee_ocur_time"))
    price, count, amount = (money(sent, name) for name in ("pric", "cnt", "umamt"))
    if cents(price * count) != amount:
        raise refuse("wrong_amount")
    wholly_own = str(sent.get("allSelfFlag", "")) == "1"
    fund = Decimal("0.00") if wholly_own else cents(amount * FUND_SHARE)
    return Line(msgid, dict(sent), cents(amount), fund)


def cancel_lines(centre: Centre, call: Call) -> None:
    """2205: one line, or with both keys empty all lines of the visit (J6)."""
    visit = centre.visit(call.parameters)
    if visit.settlement is not None:
        raise refuse("settlement_stands")
    key = str(call.parameters.get("rxno", "")), str(call.parameters.get("feedetl_sn", ""))
    gone = [line for line in visit.lines if key in (("", ""), line.key)]
    if not gone:
        raise refuse("no_lines")
    visit.lines = [line for line in visit.lines if line not in gone]
    visit.trial = None

    def undo(_call: Call) -> None:
        visit.lines.extend(gone)

    centre.effect(call, undo)


def list_lines(centre: Centre, call: Call) -> dict[str, Any]:
    """9104 (J13)."""
    visit = centre.visit(call.parameters)
    settlement = visit.settlement
    rows = [
        _shown(line)
        | {
            "pric": line.sent["pric"],
            "cnt": line.sent["cnt"],
            "medrcdno": settlement.mdtrt_id if settlement else "",
            "msgid": line.msgid,
        }
        for line in visit.lines
    ]
    return paged("lines", rows, call.parameters)


def _shown(line: Line) -> dict[str, Any]:
    return {
        "rxno": line.sent["rxno"],
        "feedetl_sn": line.sent["feedetl_sn"],
        "fee_ocur_time": line.sent["fee_ocur_time"],
        "med_list_codg": line.sent["med_list_codg"],
        "umamt": line.amount,
        "ownpay_amt": line.own,
        "alwpay_amt": Decimal("0.00"),
        "pric_uplmt_amt": Decimal("0.00"),
        "chrgitm_lv": "1",
        "memo": "",
    }
