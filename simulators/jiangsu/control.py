"""The control port: ledger, faults, switches, reader. JSON over HTTP; never part of the real protocol."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from simulators.jiangsu.arrangements import ARRANGEMENTS
from simulators.jiangsu.centre import Centre
from simulators.jiangsu.faults import BadFault, Fault, Faults
from simulators.jiangsu.gateway import Gateway
from simulators.jiangsu.http import Request, Response
from simulators.jiangsu.numbers import read_json, write_json


class Control:
    """Answers the control port's requests."""

    def __init__(self, gateway: Gateway, faults: Faults) -> None:
        """``gateway`` and ``faults`` are those of the protocol port."""
        self._gateway = gateway
        self._faults = faults

    async def handle(self, request: Request) -> Response:
        """Answer one request."""
        try:
            body = read_json(request.body) if request.body else None
            answer = self._route(request.method, request.path.split("?")[0], body)
        except (BadFault, ValueError, TypeError) as error:
            return Response(write_json({"error": str(error)}).encode(), status=400)
        if answer is None:
            return Response(write_json({"error": "no such path"}).encode(), status=404)
        return Response(write_json(answer).encode())

    def _route(self, method: str, path: str, body: Any) -> dict[str, Any] | None:
        centre = self._gateway.centre
        match method, path:
            case "GET", "/health":
                return {"status": "ok"}
            case "GET", "/ledger":
                return ledger_view(centre)
            case "GET", "/faults":
                return {"waiting": [asdict(fault) for fault in self._faults.waiting], "struck": self._faults.struck}
            case "POST", "/faults":
                self._faults.waiting.append(Fault.parse(body))
                return {"waiting": len(self._faults.waiting)}
            case "DELETE", "/faults":
                self._faults.waiting.clear()
                return {"waiting": 0}
        if (what := f"{method} {path}") in ARRANGEMENTS:
            return self._gateway.office.arrange(what, body)
        return None


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
