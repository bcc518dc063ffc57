"""Probes made from ``table.yaml``: a record at the peer, and what it tells about the call in doubt (P103-P106)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any, ClassVar

from adapters.platform.contracts import INTERFACES
from engine.environment import MINUTE
from engine.outcomes import Category, Refused
from engine.steps import (
    Applied,
    BaseProbe,
    Disagreement,
    Judgement,
    NotApplied,
    Progress,
    Unclear,
    View,
)
from steps.platform.bodies import fitted
from steps.platform.calls import accepted
from steps.platform.money import NOTHING, order_of, payment_in, payment_of
from steps.platform.rows import CALLS, LOOKS, PAYMENTS, RECORDS, CallRow, LookRow, RecordRow
from steps.platform.sources import filled, resolve

Row = Mapping[str, Any]
_OTHER = {"there": "gone", "gone": "there"}


class Record:
    """One look at a record: what it shows of the thing that the visit is about."""

    def __init__(self, view: View, row: RecordRow, reply: Mapping[str, Any]) -> None:
        """Read ``reply``. Raises where it has not the form that the table says."""
        self.found = [dict(each) for each in _matching(view, row, reply.get("data"))]
        self._row = row
        sent = None if view.subject is None else payment_in(view.subject.operation, view.subject.request)
        payment = sent or payment_of(view.data)
        free = row.free == "unclear" and (payment is None or payment.total <= NOTHING)
        self._absent = "unclear" if free else row.absent

    @property
    def state(self) -> str:
        """``there``, ``gone``, or ``unclear``; several that match: there, when one of them is."""
        states = {self._state(each) for each in self.found}
        return next((each for each in ("there", "unclear", "gone") if each in states), self._absent)

    @property
    def standing(self) -> list[dict[str, Any]]:
        """What stands there."""
        return [each for each in self.found if self._state(each) == "there"]

    def _state(self, each: Row) -> str:
        row = self._row
        if row.state is None:
            return "there"
        said = each.get(row.state)
        word = str(said).lower() if isinstance(said, bool) else str(said)
        return "there" if word in row.there else "gone" if word in row.gone else "unclear"


def _matching(view: View, row: RecordRow, data: Any) -> Iterator[Row]:
    if data is None:
        return
    wanted = filled(view, row.match)
    for each in [{"value": data}] if row.rows == "value" else data if row.rows == "list" else [data]:
        ours = all(_same(each.get(name), value) for name, value in wanted.items())
        if ours and all(each.get(name) for name in row.some):
            yield each


def _same(theirs: Any, ours: Any) -> bool:
    if isinstance(ours, list) or isinstance(theirs, list):
        return sorted(map(str, theirs or ())) == sorted(map(str, ours or ()))
    return str(theirs) == str(ours)


class LookStep(BaseProbe):
    """Base of all looks; subclasses differ in their rows only."""

    name: ClassVar[str]
    role: ClassVar[str]
    operation: ClassVar[str]
    row: ClassVar[LookRow]
    record: ClassVar[RecordRow]
    call: ClassVar[CallRow]

    def request(self, view: View) -> Mapping[str, Any]:
        """Name what is looked for."""
        cut: dict[str, Any] = fitted(INTERFACES[self.record.interface].request, filled(view, self.record.ask))
        return cut

    def judge(self, view: View, reply: Mapping[str, Any]) -> Judgement:
        """Say what the record tells about the call in doubt."""
        record = Record(view, self.record, reply)
        if record.state == "unclear":
            return Unclear(f"{self.record.interface} does not tell")
        if record.state != self.row.tells:
            return NotApplied(f"{self.record.interface}: {record.state}")
        return self._applied(view, record)

    def refused(self, view: View, refusal: Refused) -> Judgement:
        """Take "nothing found" as that; any other refusal tells nothing."""
        if refusal.category is Category.NOT_FOUND:
            return self.judge(view, {"data": None})
        return Unclear(f"the look was refused: {refusal.code}")

    def recheck(self, view: View, reply: Mapping[str, Any]) -> Judgement:
        """Look for a late original of a visit that is about to close: did it do what the visit does not know of?"""
        record = Record(view, self.record, reply)
        if record.state == self.row.tells and len(record.standing) > 1:
            return Applied(reason=f"{self.record.interface} shows it {len(record.standing)} times")
        answered = view.data.get("answers", {})
        over = any(each in answered for each in self.row.over)
        done = self.row.of in answered and not over and self._is_the_one(view)
        if done or (over and record.state == "unclear") or record.state == _OTHER[self.row.tells]:
            return NotApplied("the record is what the visit says")
        if record.state == "unclear":
            return Unclear(f"{self.record.interface} does not tell")
        return Applied(reason=f"{self.record.interface}: {record.state}, and the visit does not know of it")

    def _is_the_one(self, view: View) -> bool:
        """Tell whether the suspect is about the payment that the visit stands for, not an earlier one."""
        assert view.subject is not None
        row = PAYMENTS.get(view.subject.operation)
        return row is None or str(view.subject.request.get(row.order)) == order_of(view.data)

    def recheck_refused(self, view: View, refusal: Refused) -> Judgement:
        """Take "nothing found" as that."""
        if refusal.category is Category.NOT_FOUND:
            return self.recheck(view, {"data": None})
        return Unclear(f"the look was refused: {refusal.code}")

    def _members(self) -> frozenset[str]:
        """Return the members that the lost answer has: one record gives for several interfaces."""
        reply = self.call.contract.reply()
        inside = () if reply.data is None else reply.data.fields
        return frozenset((*inside, *reply.beside))

    def _applied(self, view: View, record: Record) -> Judgement:
        """Return what the lost reply would have brought, as far as the record or its stand-ins tell it."""
        source = f"{self.record.interface}: {self.row.tells}"
        shown = record.standing[0] if record.standing else {}
        known = {name: resolve(view, each, shown) for name, each in {**self.call.unknown, **self.record.gives}.items()}
        told = self._members()
        answer = {name: value for name, value in known.items() if value is not None and name in told}
        if lacking := [name for name in self.call.needed if name not in answer]:
            return Unclear(f"{source}, but {', '.join(lacking)} is not told: ask the HIS's people")
        near = {name: answer.pop(name) for name in self.call.beside if name in answer}
        data = resolve(view, self.call.value, shown) if self.call.value is not None else answer or None
        progress = accepted(view, self.call, {**near, "data": data}, found=self.record.interface)
        return Applied(Progress(progress.data, differences(view, self.record, record.standing)), source)


def differences(view: View, record: RecordRow, standing: Sequence[Row]) -> tuple[Disagreement, ...]:
    """Return that the record shows the payment twice, or another amount than was paid, if it does (G9)."""
    payment = payment_of(view.data)
    if record.amount is None or payment is None or not standing:
        return ()
    if len(standing) > 1:
        return (Disagreement(f"bookings of {payment.order}", "1", str(len(standing))),)
    booked = Decimal(str(standing[0][record.amount]))
    if booked in (payment.paid, payment.paid + payment.unified, payment.total):
        return ()
    return (Disagreement(f"amount of {payment.order}", str(payment.paid), str(booked)),)


class LockLapses(BaseProbe):
    """33.1.3 in doubt: no query shows whose a lock is, but it lapses by itself. Then whatever it did is gone (P107)."""

    name: ClassVar[str] = "platform.lock_lapses"
    role: ClassVar[str] = "his"
    operation: ClassVar[str] = "33.1.2"

    def request(self, view: View) -> Mapping[str, Any]:
        """Ask for the schedule's numbers: the answer is kept as evidence, and decides nothing."""
        about = {"hospitalId": "ask 33.1.3 hospitalId", "schedulingId": "ask 33.1.3 schedulingId"}
        return filled(view, about)

    def judge(self, view: View, reply: Mapping[str, Any]) -> Judgement:
        """Wait until the lock has lapsed; the platform is told that there is none."""
        return self._judged(view)

    def refused(self, view: View, refusal: Refused) -> Judgement:
        """A refusal changes nothing in that."""
        return self._judged(view)

    def recheck(self, view: View, reply: Mapping[str, Any]) -> Judgement:
        """Let a lock that came late lapse as well."""
        return NotApplied("a lock lapses by itself")

    def recheck_refused(self, view: View, refusal: Refused) -> Judgement:
        """Let a lock that came late lapse as well."""
        return NotApplied("a lock lapses by itself")

    def _judged(self, view: View) -> Judgement:
        assert view.subject is not None
        minutes = int(view.subject.request.get("lockTime", 0)) + 1
        if view.now < view.subject.at + minutes * MINUTE:
            return Unclear("the number may be locked")
        told = {"code": "40001", "msg": "号源锁定结果不明，锁定时间已过，请重新选择"}
        data = {"refusals": {"33.1.3": told}, "outcome": "refused", "called": "33.1.3"}
        return Applied(Progress(data), "whatever was locked has lapsed")


def look_step(name: str, row: LookRow) -> type[LookStep]:
    """Make the probe of a row."""
    record = RECORDS[row.record]
    call = next(each for each in CALLS.values() if each.interface == row.of)
    members = {
        "name": f"platform.{name}",
        "role": record.role,
        "operation": record.interface,
        "row": row,
        "record": record,
        "call": call,
        "__doc__": f"{record.interface} about {row.of}.",
        "__module__": __name__,
    }
    return type("".join(part.title() for part in name.split("_")), (LookStep,), members)


LOOK_STEPS: Mapping[str, type[LookStep]] = {name: look_step(name, row) for name, row in LOOKS.items()}
