"""Fee lines: what a HIS hands over, and what the ledger keeps of a line. Sources: DLL conventions, 3.3; J5."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Any, Self

from pydantic import BeforeValidator, Field, model_validator

from adapters.money import Amount, Quantity, round_cents
from engine.facts import dumps
from steps.jiangsu.base import Code, Model, Words
from steps.jiangsu.times import Moment
from steps.ledger import MOST_LINES, Marks, Voided, check_refunds, check_standing, in_one_mapping, lines_by_id


class FeeLine(Model):
    """One charge or, with a negative amount, one refund. The ids are the HIS's own and never change."""

    line_id: Code = Field(description="医院明细ID the HIS's own id of the line; default: rxno-feedetl_sn")
    rxno: Code = Field(default="1", description="处方号 prescription number")
    feedetl_sn: Code = Field(description="明细序号 line number within the visit; default: line_id")
    list_type: Code = Field(description="目录类别 catalogue class")
    med_list_codg: Code = Field(description="中心目录编码 the centre's catalogue code")
    name: Words = Field(description="项目名称 name of the item")
    pric: Quantity = Field(description="单价 price, at most 4 decimals")
    cnt: Quantity = Field(description="数量 quantity, at most 4 decimals; negative for a refund")
    umamt: Amount = Field(description="金额 amount = price × quantity, rounded half up to cents")
    fee_ocur_time: Moment
    doctor_code: str = Field(default="", max_length=64)
    dept_code: str = Field(default="", max_length=64)
    all_self: bool = Field(default=False, description="全自费 wholly self-paid")
    refund_of: Code | None = Field(default=None, description="退费原明细ID line_id of the charge that this takes back")

    @model_validator(mode="before")
    @classmethod
    def _ids(cls, value: Any) -> Any:
        """Accept one id instead of two: the centre's line number, or the HIS's own."""
        if not isinstance(value, Mapping):
            return value
        line_id, number = value.get("line_id"), value.get("feedetl_sn")
        if line_id is None and number is not None:
            return {**value, "line_id": f"{value.get('rxno', '1')}-{number}"}
        if number is None and line_id is not None:
            return {**value, "feedetl_sn": line_id}
        return value

    @model_validator(mode="after")
    def _amount_agrees(self) -> Self:
        if self.umamt != round_cents(self.pric * self.cnt):
            raise ValueError(f"umamt: expected price × quantity = {round_cents(self.pric * self.cnt)}")
        if self.umamt == 0:
            raise ValueError("umamt: a line of 0 is never sent")
        return self

    def digest(self) -> str:
        """Return what tells one content of a line from another; 80.00 and 80.0000 are the same."""
        facts = {
            name: format(value.normalize(), "f") if isinstance(value := getattr(self, name), Decimal) else value
            for name in sorted(CONTENT)
        }
        return hashlib.sha256(dumps(facts).encode()).hexdigest()[:16]

    @property
    def key(self) -> tuple[str, str]:
        """Return the line's key at the centre."""
        return self.rxno, self.feedetl_sn


#: The members that make up the content of a line: what may not change once the centre has it.
CONTENT = frozenset(FeeLine.model_fields)


class LedgerLine(Marks, FeeLine):
    """A line with what became of it."""


def _id_of(raw: Any) -> str:
    return FeeLine.model_validate(raw).line_id


def _by_id(value: Any) -> Any:
    return lines_by_id(value, _id_of)


HandedOver = Annotated[dict[Code, FeeLine], BeforeValidator(_by_id), Field(min_length=1, max_length=MOST_LINES)]


class FeesHandedOver(Model):
    """What the trigger ``hand_over`` brings: lines, as a list or by id, and ids of lines to void.

    The same line again changes nothing. A line that the centre refused may come again with other content; one that it
    has cannot change any more.
    """

    fees: dict[Code, FeeLine | Voided] = Field(min_length=1, max_length=MOST_LINES)

    @model_validator(mode="before")
    @classmethod
    def _one_mapping(cls, value: Any) -> Any:
        """Turn ``fee_lines`` and ``void`` into marks of one mapping by id."""
        return in_one_mapping(value, _id_of, {"void": {"voided": True}})


def check_ledger(fees: Mapping[str, LedgerLine]) -> None:
    """Raise ValueError unless keys are unique, uploaded lines unchanged, and refunds covered by their originals."""
    keys: dict[tuple[str, str], str] = {}
    for line_id, line in fees.items():
        check_standing(line_id, line, line.digest)
        other = keys.setdefault(line.key, line_id)
        if other != line_id:
            raise ValueError(f"fees.{line_id}: rxno and feedetl_sn are those of line {other}")
    check_refunds(fees, _amount)


def _amount(line: LedgerLine) -> Decimal:
    return line.umamt
