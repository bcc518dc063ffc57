"""Deductions after review, and appeals against them: 9106, 3101. Sources: 001, 4.3.2.11, 4.4.2.5; J37."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar, Self

from pydantic import BaseModel, Field, model_validator

from adapters.money import Amount
from engine.steps import Applied, BaseProbe, BaseStep, Disagreement, Judgement, NotApplied, Progress, Unclear, View
from steps.jiangsu.base import Model
from steps.jiangsu.forward import ROLE
from steps.jiangsu.settling import subject
from steps.jiangsu.times import Moment

#: ``appeal_stas`` of a deduction that nobody has appealed against (J37).
_NOT_APPEALED = "0"

_Number = Annotated[str, Field(min_length=1, max_length=64, description="扣款编号 number of the deduction")]
_Prose = Annotated[str, Field(min_length=1, max_length=4000, description="申诉理由 words of the appeal")]


class AppealOpening(Model):
    """What an appeal is opened with: the period of the review; deduction and words now or by the trigger ``appeal``."""

    begin: Moment
    end: Moment
    deduct_no: _Number | None = None
    appeal_reason: _Prose | None = None

    @model_validator(mode="after")
    def _checked(self) -> Self:
        if self.end < self.begin:
            raise ValueError("end: must not be before begin")
        return self


class AppealWords(Model):
    """What the trigger ``appeal`` brings: against which deduction, and why."""

    deduct_no: _Number
    appeal_reason: _Prose


class Deduction(Model):
    """A deduction as 9106 shows it."""

    deduct_no: str
    ipt_otp_no: str
    medrcdno: str = ""
    rxno: str = ""
    feedetl_sn: str = ""
    deduct_amt: Amount
    deduct_reason: str = ""
    audit_time: str = ""
    appeal_stas: str = _NOT_APPEALED
    appeal_no: str = ""
    msgid: str = ""


class Review(AppealOpening):
    """Everything that an appeal may know."""

    deductions: list[Deduction] | None = None
    appeal_no: str | None = None


class AppealedByHand(Model):
    """What the centre says by telephone."""

    appeal_no: Annotated[str, Field(min_length=1, max_length=64)]


def _row(rows: Sequence[Mapping[str, Any]], number: object) -> Mapping[str, Any] | None:
    """Return the row of a deduction."""
    return next((row for row in rows if row["deduct_no"] == number), None)


def _period(data: Mapping[str, Any]) -> dict[str, Any]:
    return {"begindate": data["begin"], "enddate": data["end"]}


def may_appeal(view: View) -> bool:
    """Tell whether a deduction and words are named, and the centre lists that deduction without an appeal."""
    row = _row(view.data.get("deductions", ()), view.data.get("deduct_no"))
    return row is not None and row["appeal_stas"] == _NOT_APPEALED and bool(view.data.get("appeal_reason"))


class ListDeductions(BaseStep):
    """9106: the deductions of the period. Stops when the one that was named cannot be appealed against."""

    name: ClassVar[str] = "jiangsu.list_deductions"
    role: ClassVar[str] = ROLE
    operation: ClassVar[str] = "list_deductions"

    def request(self, view: View) -> Mapping[str, Any]:
        """Name the period, by the time of the review."""
        return _period(view.data)

    def fold(self, view: View, reply: Mapping[str, Any]) -> Progress:
        """Keep the list; look for the deduction that was named."""
        rows = [Deduction.model_validate(row).model_dump() for row in reply["deductions"]]
        number = view.data.get("deduct_no")
        return Progress({"deductions": rows}, () if number is None else _complaint(rows, str(number)))


def _complaint(rows: Sequence[Mapping[str, Any]], number: str) -> tuple[Disagreement, ...]:
    row = _row(rows, number)
    if row is None:
        return (Disagreement(f"deduction {number}", "listed by 9106", "not listed"),)
    if row["appeal_stas"] != _NOT_APPEALED:
        found = f"appealed already (appeal_stas {row['appeal_stas']})"
        return (Disagreement(f"deduction {number}", "not appealed yet", found),)
    return ()


class Appeal(BaseStep):
    """3101."""

    name: ClassVar[str] = "jiangsu.appeal"
    role: ClassVar[str] = ROLE
    operation: ClassVar[str] = "appeal"
    by_hand: ClassVar[type[BaseModel] | None] = AppealedByHand

    def request(self, view: View) -> Mapping[str, Any]:
        """Name the deduction and the visit it is about, with the words of the appeal."""
        row = _row(view.data["deductions"], view.data["deduct_no"])
        assert row is not None, "may_appeal has looked"
        return {
            "deduct_no": row["deduct_no"],
            "ipt_otp_no": row["ipt_otp_no"],
            "appeal_reason": view.data["appeal_reason"],
        }

    def fold(self, view: View, reply: Mapping[str, Any]) -> Progress:
        """Keep the centre's number."""
        return Progress({"appeal_no": reply["appeal_no"]})


class FindAppeal(BaseProbe):
    """9106 shows whether the deduction was appealed against, and by which message."""

    name: ClassVar[str] = "jiangsu.find_appeal"
    role: ClassVar[str] = ROLE
    operation: ClassVar[str] = "list_deductions"

    def request(self, view: View) -> Mapping[str, Any]:
        """Ask for the same period again."""
        return _period(view.data)

    def judge(self, view: View, reply: Mapping[str, Any]) -> Judgement:
        """Take an appeal by the lost message, or by an unnamed one, as ours: there was none when we looked before."""
        row = _row(reply["deductions"], subject(view).request["deduct_no"])
        if row is None:
            return Unclear("9106 no longer lists the deduction")
        if row["appeal_stas"] == _NOT_APPEALED:
            return NotApplied("9106 shows no appeal")
        if row.get("msgid") not in ("", None, subject(view).message_id):
            return Unclear("9106 shows an appeal by another message")
        if not row.get("appeal_no"):
            return Unclear("9106 shows an appeal without a number")
        return Applied(Progress({"appeal_no": row["appeal_no"]}), "9106 shows the appeal")

    def recheck(self, view: View, reply: Mapping[str, Any]) -> Judgement:
        """Look for a late original: an appeal that the visit does not know of."""
        row = _row(reply["deductions"], subject(view).request["deduct_no"])
        if row is None:
            return Unclear("9106 no longer lists the deduction")
        if row["appeal_stas"] == _NOT_APPEALED:
            return NotApplied("9106 shows no appeal")
        if row.get("appeal_no") and row["appeal_no"] == view.data.get("appeal_no"):
            return NotApplied("9106 shows the visit's own appeal")
        return Applied(reason="9106 shows an appeal that the visit does not know of")
