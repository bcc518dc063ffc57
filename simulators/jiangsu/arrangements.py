"""What the control port changes at the centre: never part of the real protocol, but written in the book like it."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from simulators.common.numbers import cents, decimal_of
from simulators.jiangsu.centre import Centre
from simulators.jiangsu.ledger import Deduction, Settlement, Visit
from simulators.jiangsu.reconciliation import AMOUNTS
from simulators.jiangsu.switches import BOARD


def switches(centre: Centre, body: Any) -> dict[str, Any]:
    """``PUT /switches``: some of them, the others stay."""
    centre.switches = BOARD.changed(centre.switches, body)
    return asdict(centre.switches)


def reader(centre: Centre, body: Any) -> dict[str, Any]:
    """``PUT /reader``: ``qrCodeInfo`` is the credential of the card in the reader, null for none."""
    centre.reader = _object(body).get("qrCodeInfo")
    return {"reader": centre.reader is not None}


def sign_out(centre: Centre, _body: Any) -> dict[str, Any]:
    """``POST /sign-out``: every sign-in is void, as if it had expired."""
    centre.ledger.sign_ins.clear()
    return {"signedIn": False}


def clock(centre: Centre, body: Any) -> dict[str, Any]:
    """``PUT /clock``: the centre's clock is ``offset`` seconds ahead of (or behind) the true time."""
    offset = decimal_of(_object(body).get("offset"))
    centre.offset = datetime.timedelta(seconds=float(offset))
    return {"offset": offset, "centre_time": centre.stamp()}


def deduct(centre: Centre, body: Any) -> dict[str, Any]:
    """``POST /deductions``: review takes something off a line of a visit; by default the whole first line."""
    body = _object(body)
    visit = _visit(centre, body)
    wanted = str(body.get("rxno", "")), str(body.get("feedetl_sn", ""))
    line = next((each for each in visit.lines if wanted in (("", ""), each.key)), None)
    if line is None:
        raise ValueError("no such line")
    number = f"D{centre.time():%Y%m%d}{centre.ledger.next():06d}"
    deduction = centre.ledger.deductions[number] = Deduction(
        deduct_no=number,
        visit_no=visit.visit_no,
        ipt_otp_no=visit.ipt_otp_no,
        medrcdno=visit.settlement.mdtrt_id if visit.settlement else "",
        rxno=line.key[0],
        feedetl_sn=line.key[1],
        deduct_amt=cents(decimal_of(body.get("deduct_amt", line.amount))),
        deduct_reason=str(body.get("deduct_reason", "超出工伤范围")),
        audit_time=str(body.get("audit_time", centre.stamp())),
    )
    return {"deduct_no": number, "deduct_amt": deduction.deduct_amt, "audit_time": deduction.audit_time}


def decide(centre: Centre, body: Any) -> dict[str, Any]:
    """``PUT /appeals``: an appeal is accepted (``appeal_stas`` 2) or rejected (3)."""
    body = _object(body)
    deduction = centre.ledger.deductions.get(str(body.get("deduct_no")))
    if deduction is None or deduction.appeal_stas == "0":
        raise ValueError("no such appeal")
    if (decision := str(body.get("appeal_stas"))) not in ("2", "3"):
        raise ValueError("appeal_stas must be 2 or 3")
    deduction.appeal_stas = decision
    return {"deduct_no": deduction.deduct_no, "appeal_stas": decision}


def amounts(centre: Centre, body: Any) -> dict[str, Any]:
    """``PUT /amounts``: 1320, 1321 and 9103 say of one bill something else than 2207 said; none given: as before."""
    body = _object(body)
    settlement = _bill(_visit(centre, body), body.get("medrcdno"))
    settlement.stated = {name: cents(decimal_of(body[name])) for name in AMOUNTS if name in body}
    return {"medrcdno": settlement.mdtrt_id, **settlement.amounts}


def _bill(visit: Visit, number: Any) -> Settlement:
    standing = [each for each in visit.settlements if each.live and number in (None, each.mdtrt_id)]
    if not standing:
        raise ValueError("no such settlement")
    return standing[-1]


def _visit(centre: Centre, body: dict[str, Any]) -> Visit:
    visit = centre.standing(str(body.get("ipt_otp_no")))
    if visit is None:
        raise ValueError("no such visit")
    return visit


def _object(body: Any) -> dict[str, Any]:
    if not isinstance(body, dict):
        raise ValueError("expected an object")
    return body


#: By the control port's method and path.
ARRANGEMENTS: dict[str, Callable[[Centre, Any], dict[str, Any]]] = {
    "PUT /switches": switches,
    "PUT /reader": reader,
    "POST /sign-out": sign_out,
    "PUT /clock": clock,
    "POST /deductions": deduct,
    "PUT /appeals": decide,
    "PUT /amounts": amounts,
}
