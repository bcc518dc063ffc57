"""What the control port changes at the HIS: what doctors and windows do, tokens, clock, switches."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Mapping
from dataclasses import asdict
from decimal import Decimal
from typing import Any

from simulators.common.numbers import cents, decimal_of
from simulators.his.back_end import BackEnd, Refusal
from simulators.his.ledger import Bill, Item, Registration
from simulators.his.switches import BOARD

#: What the fund pays of a bill unless the bill says so itself.
_FUND_SHARE = Decimal("0.8")


def register(his: BackEnd, body: Any) -> dict[str, Any]:
    """``POST /registrations``: ``{"RegNo"}``, and ``CardNo``, ``name``, ``department``, ``doctor``."""
    body = _object(body)
    number = _named(body, "RegNo")
    made = Registration(
        reg_no=number,
        card_no=str(body.get("CardNo", f"C{number}")),
        name=str(body.get("name", "某人")),
        department=str(body.get("department", "骨科门诊")),
        doctor=str(body.get("doctor", "甘宁远")),
    )
    his.ledger.registrations[number] = made
    return {"RegNo": number, "CardNo": made.card_no}


def order(his: BackEnd, body: Any) -> dict[str, Any]:
    """``POST /bills``: ``{"RegNo", "items": [{"name", "price", "count"}], "fund"}``: a doctor orders something."""
    body = _object(body)
    reg_no = _named(body, "RegNo")
    if reg_no not in his.ledger.registrations:
        raise ValueError("no such registration")
    items = _items(body)
    number = his.ledger.next()
    bill = Bill(f"B{number:08d}", reg_no, f"JY{number:08d}", items, Decimal("0.00"))
    bill.fund = _fund(body, bill)
    his.ledger.bills[bill.bill_id] = bill
    return _shown(bill)


def change(his: BackEnd, body: Any) -> dict[str, Any]:
    """``PUT /bills``: ``{"BILLID", "items", "fund"}`` changes an order; ``"withdrawn": true`` takes it back."""
    body = _object(body)
    bill = _bill(his, body)
    if "items" in body:
        bill.items = _items(body)
        bill.fund = _fund(body, bill)
    bill.withdrawn = bool(body.get("withdrawn", bill.withdrawn))
    return _shown(bill)


def window(his: BackEnd, body: Any) -> dict[str, Any]:
    """``POST /window``: ``{"BILLID"}``: the patient pays at the window instead."""
    bill = _bill(his, _object(body))
    registration = his.ledger.registrations[bill.reg_no]
    sent = {
        "CardNo": registration.card_no,
        "RegSerNo": bill.reg_no,
        "PayWay": "现金",
        "PayNo": "-",
        "SerialNumber": f"W{his.ledger.counter}",
        "Paydate": f"{his.time():%Y-%m-%d}",
        "Paytime": f"{his.time():%H:%M:%S}",
        "Money": str(bill.own),
        "BILLID": his._id_of(bill),
    }
    try:
        return {"CheckOutNo": his.settle(sent, "window").get("CheckOutNo", "")}
    except Refusal as error:
        raise ValueError(error.message) from None


def tokens(his: BackEnd, body: Any) -> dict[str, Any]:
    """``PUT /tokens``: ``{"life": seconds}`` of those to come; ``{"expire": true}``: all there are have expired."""
    body = _object(body)
    if "life" in body:
        his.tickets.life = int(body["life"])
    if body.get("expire"):
        his.tickets.void_before = his.time().timestamp()
    return {"life": his.tickets.life, "issued": his.tickets.issued}


def clock(his: BackEnd, body: Any) -> dict[str, Any]:
    """``PUT /clock``: the HIS's clock is ``offset`` seconds ahead of (or behind) the true time."""
    offset = decimal_of(_object(body).get("offset"))
    his.offset = datetime.timedelta(seconds=float(offset))
    return {"offset": offset, "time": f"{his.time():%Y-%m-%d %H:%M:%S}"}


def switches(his: BackEnd, body: Any) -> dict[str, Any]:
    """``PUT /switches``: some of them, the others stay."""
    his.switches = BOARD.changed(his.switches, body)
    return asdict(his.switches)


def _items(body: Mapping[str, Any]) -> list[Item]:
    rows = body.get("items")
    if not isinstance(rows, list) or not rows or not all(isinstance(row, dict) for row in rows):
        raise ValueError("items: expected a list of {name, price, count}")
    return [
        Item(
            name=str(row.get("name", "项目")),
            price=decimal_of(row.get("price")),
            count=decimal_of(row.get("count", 1)),
            category=str(row.get("category", "西药费")),
            recipe=str(row.get("recipe", "CF1")),
        )
        for row in rows
    ]


def _fund(body: Mapping[str, Any], bill: Bill) -> Decimal:
    fund = cents(decimal_of(body["fund"])) if "fund" in body else cents(bill.total * _FUND_SHARE)
    if not 0 <= fund <= bill.total:
        raise ValueError("fund: more than the bill")
    return fund


def _shown(bill: Bill) -> dict[str, Any]:
    return {"BILLID": bill.bill_id, "SumFund": bill.total, "SBZFJE": bill.fund, "GRZFJE3": bill.own}


def _bill(his: BackEnd, body: Mapping[str, Any]) -> Bill:
    found = his.ledger.bills.get(str(body.get("BILLID")))
    if found is None:
        raise ValueError("no such bill")
    return found


def _named(body: Mapping[str, Any], name: str) -> str:
    if not isinstance(value := body.get(name), str) or not value:
        raise ValueError(f"{name}: expected a text")
    return value


def _object(body: Any) -> dict[str, Any]:
    if not isinstance(body, dict):
        raise ValueError("expected an object")
    return body


#: By the control port's method and path.
ARRANGEMENTS: dict[str, Callable[[BackEnd, Any], dict[str, Any]]] = {
    "POST /registrations": register,
    "POST /bills": order,
    "PUT /bills": change,
    "POST /window": window,
    "PUT /tokens": tokens,
    "PUT /clock": clock,
    "PUT /switches": switches,
}
