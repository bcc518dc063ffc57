"""The control port: ledger, switches, reader. Never part of the real protocol."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from simulators.common.control import Control
from simulators.common.faults import BadFault, Faults
from simulators.jiangsu.arrangements import ARRANGEMENTS
from simulators.jiangsu.centre import Centre
from simulators.jiangsu.gateway import Gateway
from simulators.jiangsu.transactions import NAMES


def control(gateway: Gateway, faults: Faults) -> Control:
    """Return what answers there; ``gateway`` and ``faults`` are those of the protocol port."""

    def route(what: str, _query: dict[str, str], body: Any) -> dict[str, Any] | None:
        if what == "GET /ledger":
            return ledger_view(gateway.centre)
        return gateway.office.arrange(what, body) if what in ARRANGEMENTS else None

    return Control(faults, about, route)


def about(name: str, value: str) -> tuple[str, str]:
    """Read a member of a fault that says which requests are meant. Raises BadFault."""
    if name == "transactionCode":
        if value not in NAMES:
            raise BadFault("transactionCode is unknown")
        return "transaction", NAMES[value]
    if name not in ("action", "transaction", "ipt_otp_no"):
        raise BadFault(f"no such member: {name}")
    return name, value


def ledger_view(centre: Centre) -> dict[str, Any]:
    """Return the books, without identity numbers and names."""
    ledger = centre.ledger
    return {
        "totals": ledger.totals(),
        "visits": [
            {
                "visit_no": visit.visit_no,
                "ipt_otp_no": visit.ipt_otp_no,
                "status": visit.status,
                "msgid": visit.msgid,
                "total": visit.total,
                "lines": [
                    {"rxno": line.key[0], "feedetl_sn": line.key[1], "umamt": line.amount, "msgid": line.msgid}
                    for line in visit.lines
                ],
                "settlements": [asdict(settlement) for settlement in visit.settlements],
            }
            for visit in ledger.visits.values()
        ],
        "movements": [asdict(movement) for movement in ledger.movements],
        "messages": [asdict(message) for message in ledger.messages],
        "reversed": sorted(ledger.reversed),
        "signIns": len(ledger.sign_ins),
        "confirmations": [asdict(each) for each in ledger.confirmations],
        "filings": [{"filing_no": each.filing_no, "msgid": each.msgid} for each in ledger.filings],
        "records": [
            {"code": each.code, "visit_no": each.visit_no, "ipt_otp_no": each.ipt_otp_no, "msgid": each.msgid}
            for each in ledger.records
        ],
        "deductions": [
            {name: value for name, value in asdict(each).items() if name != "appeal_reason"}
            for each in ledger.deductions.values()
        ],
        "appeals": [
            {"appeal_no": each.appeal_no, "deduct_no": each.deduct_no, "appeal_stas": each.appeal_stas}
            for each in ledger.deductions.values()
            if each.appeal_stas != "0"
        ],
    }
