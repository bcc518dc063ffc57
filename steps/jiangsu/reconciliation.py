"""Reconciling a period: 1320 totals → if different 1321 bill by bill and 9103 → 1322 confirm, 1323 back.

Sources: 001, 4.1; DLL conventions, chapter 3; J31-J34, J38; work-injury flows, chapter 5.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from pydantic import BaseModel

from engine.outcomes import Category, Refused
from engine.steps import BaseStep, Progress, View
from steps.jiangsu.bills import Amounts, Bill, Difference, name_of
from steps.jiangsu.forward import ROLE
from steps.jiangsu.times import moment_of
from steps.jiangsu.undo import Undo
from steps.telling import told


def period(view: View) -> dict[str, Any]:
    """Return what 1320, 1322 and 1323 have in common: settlements that stand, of one operator or all (J31)."""
    data = view.data
    return {
        "stmt_begindate": data["begin"],
        "stmt_enddate": data["end"],
        "sign_no": data.get("sign_no", ""),
        "refd_setl_flag": "0",
        "opter": data.get("opter", ""),
    }


def bills_of(view: View) -> list[Bill]:
    """Return our bills."""
    return [Bill.model_validate(bill) for bill in view.data.get("bills", ())]


def totals_agree(view: View) -> bool:
    """Tell whether the centre's totals are ours."""
    ours, centre = view.data.get("ours"), view.data.get("centre")
    return ours is not None and centre is not None and Amounts.model_validate(ours) == Amounts.model_validate(centre)


def bills_left(view: View) -> bool:
    """Tell whether the centre has still to be asked about a bill of ours."""
    return bool(view.data.get("bills_compared", 0) < len(view.data.get("bills", ())))


class CompareTotals(BaseStep):
    """1320. Whatever an earlier comparison found is forgotten."""

    name: ClassVar[str] = "jiangsu.compare_totals"
    role: ClassVar[str] = ROLE
    operation: ClassVar[str] = "compare_totals"
    by_hand: ClassVar[type[BaseModel] | None] = Amounts

    def request(self, view: View) -> Mapping[str, Any]:
        """Name the period."""
        return period(view)

    def fold(self, view: View, reply: Mapping[str, Any]) -> Progress:
        """Keep both sides' totals."""
        return self._compared(view, Amounts.of_centre(reply))

    def told(self, view: View, told: Mapping[str, Any]) -> Progress:
        """Keep the totals that a person was told."""
        return self._compared(view, Amounts.model_validate(told))

    def _compared(self, view: View, centre: Amounts) -> Progress:
        ours = Amounts.sum_of(bills_of(view))
        return Progress(
            {
                "ours": ours.model_dump(),
                "centre": centre.model_dump(),
                "bills_compared": 0,
                "differences": None,
                "compared_at": moment_of(view.now),
            }
        )


class CompareBill(BaseStep):
    """1321 about the next bill of ours. One call a bill, and its answer is kept: a crash loses none of them."""

    name: ClassVar[str] = "jiangsu.compare_bill"
    role: ClassVar[str] = ROLE
    operation: ClassVar[str] = "compare_bill"

    def request(self, view: View) -> Mapping[str, Any]:
        """Name the bill (J32)."""
        bill = self._next(view)
        return {"ipt_otp_no": bill.ipt_otp_no, "medrcdno": bill.bill_no, "opter": view.data.get("opter", "")}

    def fold(self, view: View, reply: Mapping[str, Any]) -> Progress:
        """Note where the amounts differ. An answer about another bill is none."""
        bill = self._next(view)
        if (reply["medrcdno"], reply["ipt_otp_no"]) != (bill.bill_no, bill.ipt_otp_no):
            raise ValueError("1321 answered about another bill")
        theirs = Amounts.of_centre(reply)
        return self._compared(view, None if theirs == bill.amounts else _difference("amounts", bill, theirs))

    def refused(self, view: View, refusal: Refused) -> Progress | None:
        """Take "no such settlement" as an answer: the bill is missing there."""
        if refusal.category is not Category.NOT_FOUND:
            return None
        return self._compared(view, _difference("missing_there", self._next(view), None))

    def told(self, view: View, told: Mapping[str, Any]) -> Progress:
        """Leave out a bill about which the centre does not answer; 9103 tells its amounts as well."""
        return self._compared(view, None)

    def _next(self, view: View) -> Bill:
        return Bill.model_validate(view.data["bills"][view.data["bills_compared"]])

    def _compared(self, view: View, found: Difference | None) -> Progress:
        data: dict[str, Any] = {"bills_compared": view.data["bills_compared"] + 1}
        if found is not None:
            data["differences"] = {name_of(found.bill_no, found.ipt_otp_no): found.model_dump(exclude_none=True)}
        return Progress(data)


def _difference(kind: Any, bill: Bill, theirs: Amounts | None) -> Difference:
    return Difference(kind=kind, bill_no=bill.bill_no, ipt_otp_no=bill.ipt_otp_no, ours=bill.amounts, theirs=theirs)


class NameDifferences(BaseStep):
    """9103: what the centre has settled in the period and we do not know; then everything that differs is named."""

    name: ClassVar[str] = "jiangsu.name_differences"
    role: ClassVar[str] = ROLE
    operation: ClassVar[str] = "list_settlements"

    def request(self, view: View) -> Mapping[str, Any]:
        """Name the period, by the time of the settlement (J38)."""
        return {"begindate": view.data["begin"], "enddate": view.data["end"]}

    def fold(self, view: View, reply: Mapping[str, Any]) -> Progress:
        """Add to what 1321 found; stop the visit."""
        opter = view.data.get("opter", "")
        rows = [row for row in reply["settlements"] if not opter or row.get("opter", "") in ("", opter)]
        ours = {name_of(bill.bill_no, bill.ipt_otp_no): bill for bill in bills_of(view)}
        theirs = {name_of(row["medrcdno"], row["ipt_otp_no"]): row for row in rows}
        found = _known(view)
        for name, row in theirs.items():
            amounts = Amounts.of_centre(row)
            bill = ours.get(name)
            if bill is None:
                numbers = {"bill_no": row["medrcdno"], "ipt_otp_no": row["ipt_otp_no"]}
                found[name] = Difference(kind="missing_here", theirs=amounts, **numbers)
            elif amounts != bill.amounts:
                found[name] = _difference("amounts", bill, amounts)
        for name, bill in ours.items():
            if name not in theirs and name not in found:
                found[name] = _difference("other_day", bill, None)
        return _named(view, found)

    def told(self, view: View, told: Mapping[str, Any]) -> Progress:
        """Name what 1321 found, where 9103 does not answer."""
        return _named(view, _known(view))


def _known(view: View) -> dict[str, Difference]:
    return {name: Difference.model_validate(each) for name, each in (view.data.get("differences") or {}).items()}


def _named(view: View, found: dict[str, Difference]) -> Progress:
    """Stop with every difference named; with none, the totals themselves are what differs."""
    if not found:
        sums = {side: Amounts.model_validate(view.data[side]) for side in ("ours", "centre")}
        found = {"": Difference(kind="sum", ours=sums["ours"], theirs=sums["centre"])}
    return Progress(
        {"differences": {name: each.model_dump(exclude_none=True) for name, each in found.items()}},
        told(line for each in found.values() for line in each.told()),
    )


class ConfirmPeriod(BaseStep):
    """1322 with the centre's totals: where ours differ, a person has decided that theirs hold (J33)."""

    name: ClassVar[str] = "jiangsu.confirm_period"
    role: ClassVar[str] = ROLE
    operation: ClassVar[str] = "confirm_period"

    def request(self, view: View) -> Mapping[str, Any]:
        """Name the period and what is confirmed."""
        return period(view) | Amounts.model_validate(view.data["centre"]).to_centre()

    def fold(self, view: View, reply: Mapping[str, Any]) -> Progress:
        """Note when."""
        return Progress({"confirmed_at": moment_of(view.now)})

    def refused(self, view: View, refusal: Refused) -> Progress | None:
        """Take "confirmed already" as done: nothing in a confirmed period can change (J33)."""
        return self.fold(view, {}) if refusal.category is Category.ALREADY_DONE else None

    def told(self, view: View, told: Mapping[str, Any]) -> Progress:
        """Note the same when a person says so."""
        return self.fold(view, told)


class UnconfirmPeriod(Undo):
    """1323. Something is about to change, so what was compared counts no more."""

    name: ClassVar[str] = "jiangsu.unconfirm_period"
    role: ClassVar[str] = ROLE
    operation: ClassVar[str] = "unconfirm_period"
    takes_away = ("ours", "centre", "bills_compared", "differences", "compared_at", "confirmed_at")

    def request(self, view: View) -> Mapping[str, Any]:
        """Name the period."""
        return period(view)
