"""4.13, 4.14, 4.26, 4.27: leaving with the medical record, and taking it back. N51, N52."""

from __future__ import annotations

import datetime
import re
from decimal import Decimal
from functools import partial
from typing import Any

from simulators.neimenggu.centre import Call, Centre, total
from simulators.neimenggu.dialects import Dialect
from simulators.neimenggu.documents import INVOICE, KINDS, attach, decoded, detach, document, money
from simulators.neimenggu.fields import TABLES, date, member, rows
from simulators.neimenggu.ledger import Invoice, Leave, Line, Stay
from simulators.neimenggu.refusals import OTHER, Refusal
from simulators.neimenggu.registration import diseases_known

_RECORDS = tuple(f"{number:02d}" for number in range(2, 10))
_REQUIRED = ("02", "03", "05")  #: admission, discharge, front page (4.13: must be there)
_DAYS = re.compile(r"-?\d{1,9}", re.ASCII)


class _Leaving:
    """One request, checked in the order in which the codes are numbered, as far as that can be."""

    def __init__(self, centre: Centre, call: Call, dialect: Dialect) -> None:
        self._centre, self._call, self._dialect = centre, call, dialect

    def _refuse(self, rule: str, name: str = "") -> Refusal:
        return self._dialect.refuse("leave", rule, name if self._dialect.code("leave", rule) == OTHER else "")

    def run(self) -> dict[str, Any]:
        sent = TABLES[f"leave_{self._dialect.name}"].check(self._call.sent, self._refuse)
        stay = self._stay(sent)
        leave = Leave(*self._dates(stay, sent))
        self._fees(stay, leave.date)
        self._records(stay)
        invoices = self._invoices(stay)
        attach(self._centre, stay, invoices)
        stay.leave = leave
        stay.move("left", self._call.method, self._centre.stamp())
        return {}

    def _stay(self, sent: dict[str, str]) -> Stay:
        stay = self._centre.stay(self._call, sent["akc190"])
        if stay is None:
            raise self._refuse("no_stay")
        if stay.dialect is not self._dialect:
            raise self._refuse("other_kind")
        if stay.number in self._centre.busy:
            raise self._refuse("running")
        if stay.gone:
            raise self._refuse("left")
        for name, rule in (("aac002", "other_identity"), ("aac003", "other_name")):
            if sent[name] != stay.person[name]:
                raise self._refuse(rule)
        return stay

    def _dates(self, stay: Stay, sent: dict[str, str]) -> tuple[datetime.date, str, int]:
        disease = sent[self._dialect.members["diagnosis"]]
        if not diseases_known(disease):
            raise self._refuse("disease_unknown")
        left = date(sent[self._dialect.members["left"]])
        if left is None or left > self._centre.today():
            raise self._refuse("date_wrong")
        if left < stay.since:
            raise self._refuse("date_wrong" if stay.local else "before_admission")
        if not _DAYS.fullmatch(sent["ints"]):
            raise self._refuse("days_form", "ints")
        days = int(sent["ints"])
        if days < 0:
            raise self._refuse("days_negative")
        if days > (left - stay.since).days + 1:
            raise self._refuse("days_many", "ints")
        return left, disease, days

    def _fees(self, stay: Stay, left: datetime.date) -> None:
        if not stay.lines:
            raise self._refuse("no_lines")
        if stay.approval is None or (self._centre.switches.new_approval and not stay.approved):
            raise self._refuse("not_approved")
        if stay.local and any(line.day > left for line in stay.lines):
            raise self._refuse("prescription_after")
        by_prescription = self._centre.switches.expired_when == "prescribed"
        if any(expired(line, line.day if by_prescription else left) for line in stay.lines):
            raise self._refuse("expired")

    def _records(self, stay: Stay) -> None:
        missing: list[str] = []
        for number in _RECORDS:
            name, rule = self._dialect.members["records"] + number, f"km{number}"
            found = self._rows(name)
            if not found:
                missing.append(number)
            for row in found:
                TABLES[rule].check(row, partial(self._record_refused, rule))

        wanted = self._centre.switches.records if stay.inpatient else "none"
        absent = [self._dialect.members["records"] + number for number in _REQUIRED if number in missing]
        if (wanted == "all" and absent) or (wanted == "any" and len(absent) == len(_REQUIRED)):
            raise self._refuse("record", absent[0])

    def _record_refused(self, rule: str, _broken: str, name: str) -> Refusal:
        return self._refuse(rule, name)

    def _rows(self, name: str) -> list[Any]:
        try:
            return rows(self._call.sent, f"{name}s", name)
        except TypeError as error:
            raise self._refuse("form", str(error)) from None

    def _invoices(self, stay: Stay) -> list[Invoice]:
        found: list[Invoice] = []
        for row in self._rows(self._dialect.members["records"] + "12"):
            found.append(self._invoice(row))
            if [each.number for each in found].count(found[-1].number) > 1:
                raise self._refuse("number_used", "invoiceNo")
        if any(each.filetype == INVOICE for each in found) and money([*stay.invoices, *found]) != total(stay):
            raise self._refuse("sum")
        return found

    def _invoice(self, row: Any) -> Invoice:
        sent = TABLES["invoice"].check(row, self._refuse)
        body = member(row, "body")
        if not body or not sent["invoiceNo"] or not sent["invoiceMoney"]:
            raise self._refuse("parts")
        content = decoded(body)
        if content is None:
            raise self._refuse("file")
        made = document(content)
        if self._dialect.name == "local":
            if sent["invoiceType"] != "pdf" or made.kind != "pdf":
                raise self._refuse("type")
        elif not sent["filetype"]:
            raise self._refuse("parts")
        elif made.kind not in KINDS or made.kind == "img":
            raise self._refuse("type")
        if sent["invoiceNo"] in self._centre.ledger.invoices:
            raise self._refuse("number_used", "invoiceNo")
        return Invoice(
            sent["invoiceNo"],
            Decimal(sent["invoiceMoney"]),
            sent["filetype"] or INVOICE,
            made.digest,
            self._call.method,
        )


def leave(centre: Centre, call: Call, dialect: Dialect) -> dict[str, Any]:
    """4.13 and 4.26."""
    return _Leaving(centre, call, dialect).run()


def expired(line: Line, when: datetime.date) -> bool:
    """Tell whether the catalogue entry of a charge had expired on a day."""
    return line.item is not None and bool(line.item["expires"]) and line.item["expires"] < when.isoformat()


def cancel_leave(centre: Centre, call: Call, dialect: Dialect) -> dict[str, Any]:
    """4.14: until the agency's review; 4.27: not after the application for settlement either."""
    number = member(call.sent, "akc190")
    if not number:
        raise dialect.refuse("stay", "number")
    stay = centre.stay(call, number, dialect)
    if stay is None:
        raise dialect.refuse("stay", "no_stay")
    if stay.state == "reviewed":
        raise dialect.refuse("stay", "reviewed")
    if stay.state == "applied" and not stay.local:
        raise Refusal(dialect.code("stay", "applied"), "已提交结算申请，请先撤销结算申请")
    if not stay.gone:
        raise dialect.refuse("stay", "not_left")
    detach(centre, stay)
    stay.leave = None
    if centre.switches.approval_reset == "undo_leave":
        stay.approval = None
    stay.move("registered", call.method, centre.stamp())
    return {}
