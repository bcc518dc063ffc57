"""Two sides of a period's bills: what we settled, what the centre shows, and how they differ. Money is Decimal (G9)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from adapters.money import Amount, round_cents
from engine.steps import Disagreement
from steps.jiangsu.base import Code, Model
from steps.jiangsu.times import Moment

NOTHING = Decimal("0.00")
#: Our names of the three amounts, and those of 1320-1322, 9103 (J43).
THEIR_NAMES = {"total_amt": "medfee_sumamt", "fund_amt": "hifp_pay", "self_amt": "psn_cash_pay"}
#: How a bill can differ. ``other_day``: the centre has it, but not in this period; ``sum``: only the totals differ.
Kind = Literal["amounts", "missing_there", "missing_here", "other_day", "sum"]


class Amounts(Model):
    """Total, paid by the fund, to be paid by the patient."""

    total_amt: Amount
    fund_amt: Amount
    self_amt: Amount

    @classmethod
    def of_centre(cls, reply: Mapping[str, Any]) -> Self:
        """Read the amounts of a reply."""
        return cls.model_validate({ours: round_cents(reply[theirs]) for ours, theirs in THEIR_NAMES.items()})

    @classmethod
    def sum_of(cls, each: Iterable[Amounts]) -> Self:
        """Return the sums, 0.00 of nothing."""
        rows = list(each)
        return cls.model_validate({name: sum((getattr(row, name) for row in rows), NOTHING) for name in THEIR_NAMES})

    def to_centre(self) -> dict[str, Decimal]:
        """Return the amounts under the centre's names."""
        return {theirs: getattr(self, ours) for ours, theirs in THEIR_NAMES.items()}


class Bill(Amounts):
    """A settlement of ours that stands: bill (invoice) number and visit number name it (J32)."""

    bill_no: Code
    ipt_otp_no: Code

    @property
    def amounts(self) -> Amounts:
        """Return the amounts alone."""
        return Amounts(total_amt=self.total_amt, fund_amt=self.fund_amt, self_amt=self.self_amt)


class Difference(Model):
    """One bill on which the two sides do not agree; the side that does not know it has no amounts."""

    kind: Kind
    bill_no: str = ""
    ipt_otp_no: str = ""
    ours: Amounts | None = None
    theirs: Amounts | None = None

    def told(self) -> Iterator[Disagreement]:
        """Return what to tell a person, one line an amount that differs."""
        what = f"bill {self.bill_no} (visit {self.ipt_otp_no})" if self.bill_no else "sum of all bills"
        match self.kind:
            case "missing_there":
                yield Disagreement(what, _total(self.ours), "the centre does not know it")
            case "missing_here":
                yield Disagreement(what, "we do not know it", _total(self.theirs))
            case "other_day":
                yield Disagreement(what, "in this period", "the centre has it in another")
            case _:
                for name in THEIR_NAMES:
                    ours, theirs = getattr(self.ours, name), getattr(self.theirs, name)
                    if ours != theirs:
                        yield Disagreement(f"{what} {name}", str(ours), str(theirs))


def _total(amounts: Amounts | None) -> str:
    return "" if amounts is None else str(amounts.total_amt)


def name_of(bill_no: str, ipt_otp_no: str) -> str:
    """Return what names a bill within a period."""
    return f"{bill_no}/{ipt_otp_no}"


class Period(Model):
    """What a reconciliation is opened with: the period, whose bills (empty: all operators'), and our own of them."""

    begin: Moment
    end: Moment
    opter: Annotated[str, Field(max_length=64, description="操作员，空 = 全部 operator, empty = all")] = ""
    bills: list[Bill] = Field(default_factory=list)

    @model_validator(mode="after")
    def _checked(self) -> Self:
        if self.end < self.begin:
            raise ValueError("end: must not be before begin")
        check_bills(self.bills)
        return self


class OurBills(Model):
    """What the trigger ``compare_again`` may bring: our bills as they are now."""

    bills: list[Bill]

    @model_validator(mode="after")
    def _checked(self) -> Self:
        check_bills(self.bills)
        return self


def check_bills(bills: Sequence[Bill]) -> None:
    """Raise ValueError when a bill is named twice."""
    names = [name_of(bill.bill_no, bill.ipt_otp_no) for bill in bills]
    if len(set(names)) != len(names):
        raise ValueError("bills: bill_no and ipt_otp_no must be unique together")


class Reconciliation(Period):
    """Everything that a reconciliation may know."""

    sign_no: str | None = None
    ours: Amounts | None = None
    centre: Amounts | None = None
    bills_compared: int | None = None  #: how many of ``bills`` 1321 was asked about
    differences: dict[str, Difference] | None = None  #: by the bill's name
    compared_at: Moment | None = None
    confirmed_at: Moment | None = None
