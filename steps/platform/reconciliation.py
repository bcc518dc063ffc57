"""Both sides' payments and refunds of a period: 14.1.1 and 14.2.1, then by number 14.1.2, 14.1.3, 14.2.2 (P125)."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from adapters.money import Amount
from engine.outcomes import Category, Refused
from engine.steps import BaseStep, Disagreement, Progress, View
from steps.platform.models import Model, Words
from steps.platform.money import NOTHING
from steps.telling import told

#: 14.1.1 takes no longer period.
_LONGEST = datetime.timedelta(days=7)
_FORM = "%Y-%m-%d %H:%M:%S"


def _moment(value: str) -> str:
    for form in (_FORM, "%Y%m%d %H:%M:%S"):  # the latter is what schedules say: {day_before}
        try:
            return datetime.datetime.strptime(value, form).strftime(_FORM)
        except ValueError:
            continue
    raise ValueError("expected yyyy-MM-dd HH:mm:ss, for example 2026-11-20 00:00:00")


Moment = Annotated[str, AfterValidator(_moment)]
Kind = Literal["not_booked", "not_paid", "amount", "refund_not_paid_out", "refund_not_booked"]


class Period(Model):
    """What is compared: both ends included, at most seven days."""

    begin: Moment
    end: Moment
    business: Annotated[list[Words], Field(min_length=1)]  #: first letters of the order numbers: ZJZF, JZKCZ ...
    hospital_id: Words | None = None

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        begin, end = (datetime.datetime.fromisoformat(each) for each in (self.begin, self.end))
        if not begin <= end < begin + _LONGEST:
            raise ValueError("end: expected a time after begin, less than seven days later")
        return self


class Difference(Model):
    """One order about which the two sides do not agree; ``repair`` names the flow that may put it right."""

    kind: Kind
    platform: Amount
    hospital: Amount
    refund_no: str | None = None
    looked: bool = False
    repair: str | None = None

    def told(self, order: str) -> Disagreement:
        """Return the difference as the reason why a visit stops."""
        return Disagreement(f"{self.kind} {order}", str(self.hospital), str(self.platform))


class Reconciliation(Period):
    """Everything that a visit may know."""

    payments: dict[str, Amount] = Field(default={}, description="by order, as the platform has them")
    refunds: dict[str, Amount] = Field(default={}, description="by order, what the platform gave back")
    booked: dict[str, Amount] = Field(default={}, description="by order, as the hospital has them")
    returned: dict[str, dict[str, Amount]] = Field(default={}, description="by order and the hospital's number")
    differences: dict[str, Difference] = Field(default={}, description="by order")
    compared: bool = False
    note: Words | None = None


class Accepted(Model):
    """Why what still differs is all right."""

    note: Words


def period(view: View) -> dict[str, Any]:
    """Return what all lists are asked for by."""
    data = view.data
    named = {"hospitalId": data["hospital_id"]} if data.get("hospital_id") else {}
    return {**named, "startTime": data["begin"], "endTime": data["end"]}


def differences_of(view: View) -> dict[str, Difference]:
    """Return what differs, as far as it is known."""
    return {order: Difference.model_validate(each) for order, each in view.data.get("differences", {}).items()}


class _ListTransactions(BaseStep):
    """14.1.1: the platform's payments or refunds, summed up by order."""

    role: ClassVar[str] = "platform"
    operation: ClassVar[str] = "14.1.1"
    trade: ClassVar[str]
    place: ClassVar[str]

    def request(self, view: View) -> Mapping[str, Any]:
        """Name the period, the businesses, and which of the two."""
        return {**period(view), "tradeType": self.trade, "businessType": list(view.data["business"])}

    def fold(self, view: View, reply: Mapping[str, Any]) -> Progress:
        """Keep the sums."""
        sums: dict[str, Decimal] = {}
        for row in reply["data"]:
            order = row["sourceOutTradeNo"] or row["outTradeNo"]
            sums[order] = sums.get(order, NOTHING) + abs(Decimal(str(row["amount"])))
        before = dict.fromkeys(view.data.get(self.place, {}))
        return Progress({self.place: before | sums})

    def refused(self, view: View, refusal: Refused) -> Progress | None:
        """Take "nothing found" as none."""
        return self.fold(view, {"data": []}) if refusal.category is Category.NOT_FOUND else None


class ListPayments(_ListTransactions):
    """14.1.1 PAY."""

    name: ClassVar[str] = "platform.list_payments"
    trade: ClassVar[str] = "PAY"
    place: ClassVar[str] = "payments"


class ListRefunds(_ListTransactions):
    """14.1.1 REFUND."""

    name: ClassVar[str] = "platform.list_refunds"
    trade: ClassVar[str] = "REFUND"
    place: ClassVar[str] = "refunds"


class CompareBooks(BaseStep):
    """14.2.1: the hospital's side; then everything that differs is noted, order by order."""

    name: ClassVar[str] = "platform.compare_books"
    role: ClassVar[str] = "his"
    operation: ClassVar[str] = "14.2.1"

    def request(self, view: View) -> Mapping[str, Any]:
        """Name the period."""
        return period(view)

    def fold(self, view: View, reply: Mapping[str, Any]) -> Progress:
        """Compare. A payment that was given back in full by one side and never booked by the other agrees."""
        booked: dict[str, Decimal] = {}
        returned: dict[str, dict[str, Decimal]] = {}
        for row in reply["data"]:
            amount, order = Decimal(str(row["amount"])), row["tradeNo"]
            if row.get("refundNo") or amount < NOTHING:
                returned.setdefault(order, {})[row.get("refundNo") or "?"] = abs(amount)
            elif row["complete"]:
                booked[order] = booked.get(order, NOTHING) + amount
        paid, refunds = ({o: Decimal(a) for o, a in view.data.get(n, {}).items()} for n in ("payments", "refunds"))
        found = {
            order: difference
            for order in sorted({*paid, *refunds, *booked, *returned})
            if (difference := _difference(order, paid, refunds, booked, returned)) is not None
        }
        gone = dict.fromkeys(view.data.get("differences", {}))
        noted = {order: each.model_dump(exclude_none=True) for order, each in found.items()}
        return Progress({"booked": booked, "returned": returned, "differences": gone | noted, "compared": True})

    def refused(self, view: View, refusal: Refused) -> Progress | None:
        """Take "nothing found" as none."""
        return self.fold(view, {"data": []}) if refusal.category is Category.NOT_FOUND else None


def _difference(
    order: str,
    paid: Mapping[str, Decimal],
    refunds: Mapping[str, Decimal],
    booked: Mapping[str, Decimal],
    returned: Mapping[str, Mapping[str, Decimal]],
) -> Difference | None:
    theirs, ours = paid.get(order, NOTHING), booked.get(order, NOTHING)
    back, given = refunds.get(order, NOTHING), sum(returned.get(order, {}).values(), NOTHING)
    if order not in booked and order not in returned:
        kept = theirs - back
        return Difference(kind="not_booked", platform=kept, hospital=ours) if kept > NOTHING else None
    if order in booked and order not in paid:
        return Difference(kind="not_paid", platform=theirs, hospital=ours)
    if order in booked and theirs != ours:
        return Difference(kind="amount", platform=theirs, hospital=ours)
    if given > back:
        number = next(reversed(list(returned[order])))
        repair = None if number == "?" else "platform.payment_refund"
        return Difference(kind="refund_not_paid_out", platform=back, hospital=given, refund_no=number, repair=repair)
    if back > given:
        return Difference(kind="refund_not_booked", platform=back, hospital=given)
    return None


class _Look(BaseStep):
    """One order by its number, outside the period: each answer is kept, a crash loses none."""

    kinds: ClassVar[tuple[str, ...]]

    def next(self, view: View) -> tuple[str, Difference]:
        """Return the next order that this look is for."""
        return next(
            (o, each) for o, each in differences_of(view).items() if not each.looked and each.kind in self.kinds
        )

    def settled(self, view: View, *, agrees: bool) -> Progress:
        """Take the difference away, or note that it was looked for."""
        order, _ = self.next(view)
        return Progress({"differences": {order: None if agrees else {"looked": True}}})


class LookAtHospital(_Look):
    """14.2.2: a payment that the hospital may have booked on another day."""

    name: ClassVar[str] = "platform.look_at_hospital"
    role: ClassVar[str] = "his"
    operation: ClassVar[str] = "14.2.2"
    kinds: ClassVar[tuple[str, ...]] = ("not_booked",)

    def request(self, view: View) -> Mapping[str, Any]:
        """Name the order."""
        named = {"hospitalId": view.data["hospital_id"]} if view.data.get("hospital_id") else {}
        return {**named, "tradeNo": self.next(view)[0]}

    def fold(self, view: View, reply: Mapping[str, Any]) -> Progress:
        """Compare the amount."""
        booked = sum((Decimal(str(row["amount"])) for row in reply["data"] or () if row["complete"]), NOTHING)
        return self.settled(view, agrees=booked == self.next(view)[1].platform)

    def refused(self, view: View, refusal: Refused) -> Progress | None:
        """Take "nothing found" as that."""
        return self.settled(view, agrees=False) if refusal.category is Category.NOT_FOUND else None


class LookAtPlatform(_Look):
    """14.1.3: a payment that the platform may have taken on another day."""

    name: ClassVar[str] = "platform.look_at_platform"
    role: ClassVar[str] = "platform"
    operation: ClassVar[str] = "14.1.3"
    kinds: ClassVar[tuple[str, ...]] = ("not_paid",)

    def request(self, view: View) -> Mapping[str, Any]:
        """Name the order."""
        return {"outTradeNo": self.next(view)[0]}

    def fold(self, view: View, reply: Mapping[str, Any]) -> Progress:
        """Compare the amount."""
        data = reply["data"]
        paid = Decimal(str(data["amount"])) if data["state"] in ("SUCCESS", "REFUND", "PROCESSING") else NOTHING
        return self.settled(view, agrees=paid == self.next(view)[1].hospital)

    def refused(self, view: View, refusal: Refused) -> Progress | None:
        """Take "nothing found" as that."""
        return self.settled(view, agrees=False) if refusal.category is Category.NOT_FOUND else None


class LookForRefund(_Look):
    """14.1.2: a refund of the hospital that the platform may have paid out on another day."""

    name: ClassVar[str] = "platform.look_for_refund"
    role: ClassVar[str] = "platform"
    operation: ClassVar[str] = "14.1.2"
    kinds: ClassVar[tuple[str, ...]] = ("refund_not_paid_out",)

    def request(self, view: View) -> Mapping[str, Any]:
        """Name the refund."""
        return {"hospitalRefundNo": self.next(view)[1].refund_no}

    def fold(self, view: View, reply: Mapping[str, Any]) -> Progress:
        """One that succeeded settles it."""
        return self.settled(view, agrees=any(row["refundSuccess"] is True for row in reply["data"] or ()))

    def refused(self, view: View, refusal: Refused) -> Progress | None:
        """Take "nothing found" as that; 14.1.2 refuses without a code."""
        return self.settled(view, agrees=False) if refusal.code in ("10002", "no") else None


class NameDifferences(BaseStep):
    """14.2.1 once more, for nothing but its moment: what still differs is named, and the visit stops for a person."""

    name: ClassVar[str] = "platform.name_differences"
    role: ClassVar[str] = "his"
    operation: ClassVar[str] = "14.2.1"

    def request(self, view: View) -> Mapping[str, Any]:
        """Name the period."""
        return period(view)

    def fold(self, view: View, reply: Mapping[str, Any]) -> Progress:
        """Stop."""
        return Progress({}, told(each.told(order) for order, each in differences_of(view).items()))

    def refused(self, view: View, refusal: Refused) -> Progress | None:
        """Stop all the same."""
        return self.fold(view, {}) if refusal.category is Category.NOT_FOUND else None


def books_agree(view: View) -> bool:
    """Tell whether nothing differs."""
    return not view.data.get("differences")


def _next_is(*kinds: str) -> Any:
    def waits(view: View) -> bool:
        return any(each.kind in kinds and not each.looked for each in differences_of(view).values())

    return waits


STEPS = (
    ListPayments,
    ListRefunds,
    CompareBooks,
    LookAtHospital,
    LookAtPlatform,
    LookForRefund,
    NameDifferences,
)
CONDITIONS = {
    "books_agree": books_agree,
    "looks_at_hospital": _next_is("not_booked"),
    "looks_at_platform": _next_is("not_paid"),
    "looks_for_refund": _next_is("refund_not_paid_out"),
}
MODELS = (Period, Reconciliation, Accepted)
