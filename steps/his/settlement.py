"""SettleByDoctor: money is booked, and nothing takes it back. How its lost answer is settled (H9-H15)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any, ClassVar

from pydantic import BaseModel

from engine.outcomes import Category, Refused
from engine.steps import (
    Applied,
    BaseProbe,
    BaseStep,
    Disagreement,
    Judgement,
    NotApplied,
    Progress,
    Unclear,
    View,
)
from steps.his.bill import AMOUNTS, ROLE, amounts_of, marked_as_settled, number_of, same_bill, sums
from steps.his.models import FoundSettled, Receipt, Settlement, WhyNot

#: Refusals that say something about bill or payment; others (log-in) are about us, and the payment waits.
_ABOUT_THE_BILL = (Category.BUSINESS, Category.DATA)


class SettleBill(BaseStep):
    """SettleByDoctor, on the bill as the trial showed it immediately before."""

    name: ClassVar[str] = "his.settle_bill"
    role: ClassVar[str] = ROLE
    operation: ClassVar[str] = "settle_bill"
    by_hand: ClassVar[type[BaseModel] | None] = FoundSettled

    def request(self, view: View) -> Mapping[str, Any]:
        """Name patient, payment and bill."""
        his = view.data["his"]
        payment, looked = his["payment"], his["looked"]
        return {
            "CardNo": payment.get("card_no") or his["card_no"],
            "RegSerNo": his.get("reg_ser_no") or his["reg_no"],
            "PayWay": payment["pay_way"],
            "PayNo": payment["pay_no"],
            "SerialNumber": payment["serial_number"],
            "Paydate": payment["pay_date"],
            "Paytime": payment["pay_time"],
            "SERIAL_NO": looked.get("serial_no"),
            "Money": payment["money"],
            "SocialSecurityCard": his.get("social_security_card"),
            "BILLID": looked["bill_id"],
        }

    def fold(self, view: View, reply: Mapping[str, Any]) -> Progress:
        """Keep numbers and amounts; these must be the trial's."""
        settled = Settlement(
            receipt=Receipt.COMPLETE,
            **amounts_of(reply),
            check_out_no=reply["CheckOutNo"],
            ser_no=reply.get("SerNo") or None,
            places=list(_places(reply)),
        )
        return _settled(settled, sums(reply) + _differences(view, amounts_of(reply)))

    def refused(self, view: View, refusal: Refused) -> Progress | None:
        """Go on to where the payment is owed back; whether nothing was settled is looked at there once more."""
        if refusal.category not in _ABOUT_THE_BILL:
            return None
        known = {"code": refusal.code, "message": refusal.message}
        return Progress({"his": {"refusal": known, "why_not": WhyNot.REFUSED}})

    def told(self, view: View, told: Mapping[str, Any]) -> Progress:
        """Keep what the HIS's people read out; amounts that differ from the trial's stop the visit (G9)."""
        found = FoundSettled.model_validate(told).his.settlement
        settled = Settlement.model_validate(found.model_dump())
        return _settled(settled, _differences(view, {name: getattr(found, name) for name in AMOUNTS}))


def _settled(settled: Settlement, wrong: tuple[Disagreement, ...] = ()) -> Progress:
    return Progress({"his": {"settlement": settled.model_dump(), "refusal": None, "why_not": None}}, wrong)


def _differences(view: View, amounts: Mapping[str, Decimal]) -> tuple[Disagreement, ...]:
    his = view.data["his"]
    expected = {name: Decimal(his["looked"][name]) for name in AMOUNTS}
    found = [
        Disagreement(f"{theirs} of trial and settlement", str(expected[ours]), str(amounts[ours]))
        for ours, theirs in AMOUNTS.items()
        if expected[ours] != amounts[ours]
    ]
    paid = Decimal(his["payment"]["money"])
    if paid != amounts["personal"]:
        found.append(Disagreement("Money = GRZFJE3", str(paid), str(amounts["personal"])))
    return tuple(found)


def _places(reply: Mapping[str, Any]) -> Iterator[dict[str, str]]:
    for detail in reply.get("Detail", ()):
        for item in detail.get("Item", ()):
            names = {"window": "PhaWin", "queue": "Queue", "kind": "Type", "order": "OrderNumber"}
            yield {ours: item[theirs] for ours, theirs in names.items() if item.get(theirs)}


class FindSettlement(BaseProbe):
    """The trial again: a bill that is no longer offered was settled (H12)."""

    name: ClassVar[str] = "his.find_settlement"
    role: ClassVar[str] = ROLE
    operation: ClassVar[str] = "unsettled_bill"

    def request(self, view: View) -> Mapping[str, Any]:
        """Ask for the same registration's bill."""
        return number_of(view)

    def judge(self, view: View, reply: Mapping[str, Any]) -> Judgement:
        """No longer offered: applied. Still offered, unchanged: not applied. Anything else: a person."""
        told = reply["bill"]
        if told is None:
            return _gone(view)
        if not same_bill(view, told, view.data["his"]["looked"]):
            return Unclear("the trial offers another bill: ours was settled, or changed")
        if marked_as_settled(view, told):
            return Applied(_from_trial(view), "the trial marks the bill as settled")
        if _shows_settled_bills(view):
            return Unclear("the trial of this HIS offers settled bills as well")
        return NotApplied("the trial still offers the bill")

    def refused(self, view: View, refusal: Refused) -> Judgement:
        """Take "nothing is due" as that."""
        if refusal.category is Category.NOT_FOUND:
            return _gone(view)
        return Unclear(f"the trial was refused: {refusal.code}")

    def recheck(self, view: View, reply: Mapping[str, Any]) -> Judgement:
        """Look for a late original of a visit that is about to close (H14)."""
        told = reply["bill"]
        offered = told is not None and not marked_as_settled(view, told)
        if view.data["his"].get("settlement"):
            return NotApplied("the visit's bill is settled; the trial cannot tell whether twice")
        if not offered:
            return Applied(reason="the trial no longer offers the bill, though the visit knows of no settlement")
        if _shows_settled_bills(view):
            return Unclear("the trial of this HIS offers settled bills as well")
        return NotApplied("the trial still offers a bill")

    def recheck_refused(self, view: View, refusal: Refused) -> Judgement:
        """Take "nothing is due" as that."""
        if refusal.category is Category.NOT_FOUND:
            return self.recheck(view, {"bill": None})
        return Unclear(f"the trial was refused: {refusal.code}")


def _gone(view: View) -> Judgement:
    if _shows_settled_bills(view):
        return Unclear("the trial of this HIS offers settled bills as well, and ours is not there")
    return Applied(_from_trial(view), "the trial no longer offers the bill")


def _shows_settled_bills(view: View) -> bool:
    """Tell whether, by the flow's setting ``trial_shows``, a bill that is offered may be settled (H6)."""
    return str(view.settings.get("trial_shows", "unsettled")) == "all"


def _from_trial(view: View) -> Progress:
    """Return the progress of a settlement whose answer nobody has: the trial's amounts, no number, no invoice."""
    looked = view.data["his"]["looked"]
    return _settled(Settlement(receipt=Receipt.MISSING, **{name: Decimal(looked[name]) for name in AMOUNTS}))


class CheckRefusal(BaseStep):
    """The trial once more after a refusal: a bill that is still offered was certainly not settled.

    One that is gone may have been, by an original that came late: giving the money back now might be wrong. The visit
    stops, and a person asks (H15).
    """

    name: ClassVar[str] = "his.check_refusal"
    role: ClassVar[str] = ROLE
    operation: ClassVar[str] = "unsettled_bill"

    def request(self, view: View) -> Mapping[str, Any]:
        """Ask for the same registration's bill."""
        return number_of(view)

    def fold(self, view: View, reply: Mapping[str, Any]) -> Progress:
        """Stop unless the bill is still offered."""
        told = reply["bill"]
        if told is not None and not marked_as_settled(view, told):
            return Progress()
        code = view.data["his"]["refusal"]["code"]
        return Progress({}, (Disagreement(f"the bill, after refusal {code}", "still offered", "no longer offered"),))

    def refused(self, view: View, refusal: Refused) -> Progress | None:
        """Take "nothing is due" as that."""
        return self.fold(view, {"bill": None}) if refusal.category is Category.NOT_FOUND else None
