"""The three books, each read by itself, and whether they say the same of every order.

The platform's ledger and the HIS's come from their control ports, ours from the journals in our store, folded. Nothing
here goes through the reconciliation flow, which is asked separately.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal

from engine.events import Settled, decode
from engine.store import Projection, Status, Store, VisitFilter
from engine.visit import Visit, fold
from steps.platform.money import payment_of
from tests.crash import truth
from tests.payments.stage import HIS, PLATFORM, Stage

NOTHING = Decimal("0.00")
#: Flows of payments that the platform notices, with the interface that books them.
PAYMENTS = {
    "platform.outpatient_payment": "3.1.2",
    "platform.card_topup": "7.1.2",
    "platform.deposit": "10.1.2",
    "platform.registration_today": "20.1.7",
}
_PAGE = 500


@dataclass
class Side:
    """What one side says of one order."""

    paid: Decimal = NOTHING
    back: Decimal = NOTHING
    times: int = 0  #: how often the payment stands there
    refunds: Counter[str] = field(default_factory=Counter)  #: how often each refund stands there, by number

    @property
    def kept(self) -> Decimal:
        """Return what has not gone back."""
        return self.paid - self.back


@dataclass
class Ours:
    """What our journals say: the payments, the visits that are not at rest, and what must never be in a journal."""

    sides: dict[str, Side]
    restless: list[str]
    repeats: list[str]
    doubts: Counter[str] = field(default_factory=Counter)  #: what became of calls whose answer was lost
    visits: int = 0


@dataclass
class Verdict:
    """What the comparison came to; ``wrong`` is empty when all is well."""

    wrong: list[str] = field(default_factory=list)
    ends: Counter[str] = field(default_factory=Counter)
    sums: dict[str, tuple[Decimal, Decimal]] = field(default_factory=dict)  #: by side: paid, given back


async def of_platform(stage: Stage) -> dict[str, Side]:
    """Read the platform's ledger."""
    shown = await stage.control(PLATFORM, "GET", "/ledger")
    sides = {each["trade"]: Side(Decimal(each["amount"]), times=1) for each in shown["orders"]}
    for each in shown["refunds"]:
        if each["state"] == "REFUND_SUCCESS":
            sides[each["trade"]].back += Decimal(each["amount"])
            sides[each["trade"]].refunds[each["hospital_no"] or each["refund"]] += 1
    return sides


async def of_his(stage: Stage) -> dict[str, Side]:
    """Read the HIS's ledger."""
    shown = await stage.control(HIS, "GET", "/ledger")
    sides: defaultdict[str, Side] = defaultdict(Side)
    for each in shown["payments"]:
        side = sides[each["trade"]]
        side.paid, side.times = side.paid + Decimal(each["amount"]), side.times + 1
    for each in shown["refunds"]:
        if each["state"] == "done":
            sides[each["trade"]].back += Decimal(each["amount"])
            sides[each["trade"]].refunds[each["refund_no"]] += 1
    return dict(sides)


async def of_us(store: Store) -> Ours:
    """Fold every journal."""
    found = Ours({}, [], [])
    sides: defaultdict[str, Side] = defaultdict(Side)
    which = VisitFilter(limit=_PAGE)
    while page := await store.visits(which):
        for projection in page:
            await _read(store, projection, sides, found)
        which = replace(which, before=page[-1].visit_id)
    found.sides = dict(sides)
    return found


async def _read(store: Store, projection: Projection, sides: Mapping[str, Side], found: Ours) -> None:
    found.visits += 1
    if projection.flow == "platform.reference":
        return
    visit = fold(projection.visit_id, await store.history(projection.visit_id))
    events = [decode(each.payload) for each in await store.journal(projection.visit_id)]
    found.repeats += [f"{visit.flow} {visit.key}: {each}" for each in truth.blind_repeats(events)]
    found.doubts.update(each.verdict.value for each in events if isinstance(each, Settled))
    if projection.status not in (Status.CLOSED, Status.WAITING):
        found.restless.append(f"{visit.flow} {visit.key}: {visit.state} {projection.status.value} {projection.cause}")
    _payment(visit, sides)
    _refunds(visit, sides)


def _payment(visit: Visit, sides: Mapping[str, Side]) -> None:
    number, payment = PAYMENTS.get(visit.flow), payment_of(visit.data)
    if number is not None and payment is not None and visit.data.get("answers", {}).get(number) is not None:
        side = sides[payment.order]
        side.paid, side.times = side.paid + payment.paid, side.times + 1


def _refunds(visit: Visit, sides: Mapping[str, Side]) -> None:
    if visit.flow == "platform.card_refund" and visit.data.get("answers", {}).get("8.1.2") is not None:
        sent = visit.data["requests"]["8.1.2"]
        sides[sent["orderNo"]].back += Decimal(str(sent["refunAmount"]))
        sides[sent["orderNo"]].refunds[sent["refundNo"]] += 1
    payment = payment_of(visit.data)
    if payment is None:
        return
    for refund in visit.data.get("refunds", {}).values():
        if refund["outcome"] == "refunded":
            sides[payment.order].back += Decimal(str(refund["amount"]))
            sides[payment.order].refunds[refund["refund_no"]] += 1
    cancelled = (visit.data.get("answers", {}).get("20.1.8") or {}).get("data") or {}
    if visit.flow == "platform.registration_today" and cancelled.get("refundNo"):
        sides[payment.order].back += payment.paid
        sides[payment.order].refunds[cancelled["refundNo"]] += 1


def compare(platform: Mapping[str, Side], his: Mapping[str, Side], ours: Ours) -> Verdict:
    """Compare the three, order by order, and say how each order ended.

    An order that nobody booked is at rest when the platform gave all of it back; one that was booked, when it was
    booked once and each side has given the same back.
    """
    verdict = Verdict(wrong=[*ours.repeats, *ours.restless])
    for trade in sorted({*platform, *his, *ours.sides}):
        sides = platform.get(trade, Side()), his.get(trade, Side()), ours.sides.get(trade, Side())
        if wrong := _wrong(*sides):
            verdict.wrong.append(f"{trade}: {wrong}; platform, HIS, ours: {' | '.join(map(_told, sides))}")
        else:
            verdict.ends[_end(*sides[:2])] += 1
    for name, books in (("platform", platform), ("HIS", his), ("ours", ours.sides)):
        paid = sum((each.paid for each in books.values()), NOTHING)
        verdict.sums[name] = paid, sum((each.back for each in books.values()), NOTHING)
    booked = {name: paid - back for name, (paid, back) in verdict.sums.items()}
    if len(set(booked.values())) > 1:
        verdict.wrong.append(f"the sums differ: {booked}")
    return verdict


def _wrong(platform: Side, his: Side, ours: Side) -> str:
    if platform.times != 1:
        return "nobody paid this at the platform"
    if max(his.times, ours.times) > 1:
        return "booked twice"
    if any(count > 1 for side in (platform, his, ours) for count in side.refunds.values()):
        return "given back twice"
    if his.times != ours.times:
        return "our journal and the HIS do not agree on whether it is booked"
    if his.times and not his.paid == ours.paid == platform.paid:
        return "booked with another amount"
    if not platform.kept == his.kept == ours.kept:
        return "what is left of it differs"
    if platform.back > platform.paid:
        return "more went back than was paid"
    if his.times and not set(platform.refunds) == set(his.refunds) == set(ours.refunds):
        return "the refunds are not the same"
    return ""


def _end(platform: Side, his: Side) -> str:
    if not his.times:
        return "refunded, never booked"
    if not platform.back:
        return "paid"
    return "refunded" if platform.back == platform.paid else "paid, part of it refunded"


def _told(side: Side) -> str:
    return f"{side.times}x {side.paid} - {side.back} {dict(side.refunds)}"
