"""Fee lines: what a HIS hands over, and what the ledger keeps of a line. Sources: DLL conventions, 3.3; J5."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from adapters.money import Amount, Quantity, round_cents
from engine.facts import dumps
from steps.jiangsu.base import Code, Model, Words
from steps.jiangsu.times import Moment

#: How many lines one hand-over may bring.
MOST_LINES = 2_000


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


class LedgerLine(FeeLine):
    """A line with what became of it; ``steps.jiangsu.ledger`` reads the state from these."""

    outcome: Annotated[str, Field(pattern="^(uploaded|refused)$")] | None = None
    sent: str | None = None  #: digest of the content that the outcome is about
    batch: int = 0
    code: str = ""
    text: str = ""
    limit: int = 0
    voided: bool = False


def _by_id(value: Any) -> Any:
    """Accept a list of lines where a mapping by id is kept. Raises ValueError when an id comes twice."""
    if not isinstance(value, list):
        return value
    found: dict[str, Any] = {}
    for raw in value:
        line = FeeLine.model_validate(raw)
        if line.line_id in found:
            raise ValueError(f"line_id {line.line_id} comes twice")
        found[line.line_id] = raw
    return found


HandedOver = Annotated[dict[Code, FeeLine], BeforeValidator(_by_id), Field(min_length=1, max_length=MOST_LINES)]


class Voided(Model):
    """The mark of a line that the HIS takes back before it was ever uploaded."""

    voided: Literal[True] = True


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
        if not isinstance(value, Mapping):
            return value
        given = dict(value)
        fees = _by_id(given.pop("fees", given.pop("fee_lines", {})))
        void = given.pop("void", [])
        if not isinstance(fees, Mapping) or not isinstance(void, list) or not all(isinstance(v, str) for v in void):
            raise ValueError("expected fees (lines, as a list or by id) and void (a list of line ids)")
        return {**given, "fees": {**fees, **{line_id: {"voided": True} for line_id in void}}}


def check_ledger(fees: Mapping[str, LedgerLine]) -> None:
    """Raise ValueError unless keys are unique, uploaded lines unchanged, and refunds covered by their originals."""
    keys: dict[tuple[str, str], str] = {}
    refunded: dict[str, Decimal] = {}
    for line_id, line in fees.items():
        if line.line_id != line_id:
            raise ValueError(f"fees.{line_id}: line_id is {line.line_id}")
        other = keys.setdefault(line.key, line_id)
        if other != line_id:
            raise ValueError(f"fees.{line_id}: rxno and feedetl_sn are those of line {other}")
        if line.voided and line.outcome == "uploaded":
            raise ValueError(f"fees.{line_id}: the centre has this line; it cannot be voided, hand over a refund line")
        if line.outcome == "uploaded" and line.sent != line.digest():
            raise ValueError(f"fees.{line_id}: the centre has this line; it cannot change, hand over a refund line")
        if line.umamt < 0 and not line.voided:
            if line.refund_of is None:
                raise ValueError(f"fees.{line_id}: a negative line names the line that it refunds (refund_of)")
            refunded[line.refund_of] = refunded.get(line.refund_of, Decimal(0)) + line.umamt
        elif line.refund_of is not None and line.umamt > 0:
            raise ValueError(f"fees.{line_id}: a refund has a negative amount")
    for original, amount in refunded.items():
        charge = fees.get(original)
        if charge is None or charge.voided:
            raise ValueError(f"refund_of: the visit has no line {original}")
        if charge.umamt + amount < 0:
            raise ValueError(f"refund_of: line {original} is {charge.umamt}, refunds come to {amount}")
