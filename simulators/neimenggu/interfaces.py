"""The 29 interfaces of chapter 4 in one table: number, method, what they leave behind, where their rules are."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from simulators.neimenggu import (
    approval,
    cards,
    leaving,
    material,
    offsite,
    queries,
    registration,
    sessions,
    stays,
    upload,
)
from simulators.neimenggu.centre import Call, Centre
from simulators.neimenggu.dialects import LOCAL, OFFSITE, Dialect

#: `writes` goes into the book before it is answered; `reads` leaves nothing but its count and the session's use.
Kind = Literal["reads", "writes"]
_PUBLIC = "/nm-his/public/sendHis/{}.html"
_FORM = "/nm-his/his/pub/interface/upInvoice/{}.html"


@dataclass(frozen=True)
class Interface:
    """One row."""

    number: str
    method: str
    kind: Kind
    handler: Callable[[Centre, Call], dict[str, Any]]
    code: str = "code"  #: resCode where the document says so
    text: bool = False  #: whether its example shows the code as a text

    @property
    def form(self) -> bool:
        """Tell whether it is a form instead of a message."""
        return self.method == "saveInvoice"

    @property
    def path(self) -> str:
        """Return its address."""
        return (_FORM if self.form else _PUBLIC).format(self.method)

    @property
    def leaves(self) -> bool:
        """Tell whether it is one of those that answer "still running"."""
        return self.handler in (leave, leave_offsite)


def _in(
    handler: Callable[[Centre, Call, Dialect], dict[str, Any]], dialect: Dialect
) -> Callable[[Centre, Call], dict[str, Any]]:
    return lambda centre, call: handler(centre, call, dialect)


def _nobody(_centre: Centre, _call: Call) -> dict[str, Any]:
    raise AssertionError("the office logs out by itself: it needs the header")


leave, leave_offsite = _in(leaving.leave, LOCAL), _in(leaving.leave, OFFSITE)
_TABLE = (
    Interface("4.1", "login", "writes", sessions.log_in),
    Interface("4.2", "logout", "writes", _nobody),
    Interface("4.3", "getInjuryByNameAndId", "reads", queries.find_injuries),
    Interface("4.4", "getCure", "reads", queries.find_treatments),
    Interface("4.5", "getCureBatch", "reads", queries.search_treatments),
    Interface("4.6", "getReport", "reads", queries.find_reports),
    Interface("4.7", "getReportBatch", "reads", queries.search_reports),
    Interface("4.8", "register", "writes", registration.register),
    Interface("4.9", "regundo", "writes", _in(registration.unregister, LOCAL)),
    Interface("4.10", "sendMedInfo", "writes", _in(upload.upload, LOCAL)),
    Interface("4.11", "invalidData", "writes", _in(upload.cancel, LOCAL)),
    Interface("4.12", "discharge", "writes", approval.approve),
    Interface("4.13", "leaveHos", "writes", leave),
    Interface("4.14", "leaveHosUndo", "writes", _in(leaving.cancel_leave, LOCAL)),
    Interface("4.15", "getPerDetail", "reads", stays.list_stays),
    Interface("4.16", "getJSSheet", "writes", stays.settlement_sheet),
    Interface("4.17", "getPerMed", "reads", stays.drug_share),
    Interface("4.18", "saveInvoice", "writes", material.save),
    Interface("4.19", "sbkAuth", "reads", cards.check_card, text=True),
    Interface("4.20", "dzSbkAuth", "reads", cards.check_qr_code, text=True),
    Interface("4.21", "getBSTdjyba", "reads", offsite.find_filings, text=True),
    Interface("4.22", "offsiteRegister", "writes", offsite.register, text=True),
    Interface("4.23", "offsiteRegisterUndo", "writes", _in(registration.unregister, OFFSITE), text=True),
    Interface("4.24", "sendBsMedInfo", "writes", _in(upload.upload, OFFSITE), text=True),
    Interface("4.25", "medInfoInvalidData", "writes", _in(upload.cancel, OFFSITE), text=True),
    Interface("4.26", "offsiteLeaveHos", "writes", leave_offsite, text=True),
    Interface("4.27", "offsiteLeaveHosUndo", "writes", _in(leaving.cancel_leave, OFFSITE), text=True),
    Interface("4.28", "parsingQrcode", "reads", cards.read_qr_code, code="resCode", text=True),
    Interface("4.29", "parsingSbk", "reads", cards.read_card, code="resCode", text=True),
)
INTERFACES = {each.method: each for each in _TABLE}
BY_NUMBER = {each.number: each for each in _TABLE}
BY_PATH = {each.path: each for each in _TABLE}
