"""What the platform does with a payment (13): tells the hospital, or asks whether it may refund, and refunds all."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from simulators.platform.outgoing import Hospital, Told, dumped
from simulators.platform.platform import Platform
from simulators.platform.records import Booking, Order, Refund

_DEPOSIT, _DAY = "10.1.2", 24 * 3600
_AGAIN = ("60303", "40001")  #: refusals that ask for another try


class Settling:
    """The general rule, for one platform and one hospital."""

    def __init__(self, platform: Platform, hospital: Hospital) -> None:
        """Nothing is under way yet."""
        self.platform, self.hospital = platform, hospital

    def pay(
        self,
        business: str,
        patient: int,
        amount: Decimal,
        number: str,
        notice: Mapping[str, Any],
        trade: str = "",
        about: Mapping[str, Any] | None = None,
        pay_type: str = "WeChatPay",
    ) -> Order:
        """The patient pays ``amount`` online; ``notice`` is what the hospital is going to be told."""
        trade = trade or self.platform.next(business)
        paid_at = self.platform.clock.stamp()
        order = Order(
            *(trade, business, patient, amount, pay_type, paid_at, f"4200{self.platform.counter:020d}", number),
            notice=dumped(dict(notice)),
            about=dict(about or {}),
        )
        self.platform.save(order)
        return order

    async def settle(self, order: Order) -> Order:
        """Bring an order to its end: booked, refunded, or kept because nobody knows."""
        if not await self._notify(order):
            await self._ask_and_refund(order)
        return order

    async def _notify(self, order: Order) -> bool:
        clock, switches = self.platform.clock, self.platform.switches
        while True:
            order.notices += 1
            told = await self.hospital.call(order.number, order.notice, write=True)
            order.code = told.code
            if told.verdict == "yes":
                order.fate, order.answer = "booked", dumped(told.fields | _beside(told))
                self.platform.save(order)
                return True
            if order.number == _DEPOSIT:
                if clock.since(order.paid_at) >= _DAY:
                    return False
                await clock.sleep(float(switches.deposit_every))
                continue
            again = told.verdict != "no" or told.code in _AGAIN
            if not again or order.notices >= int(switches.notices):
                return False
            await clock.sleep(float(switches.notice_every))

    async def _ask_and_refund(self, order: Order) -> None:
        clock, switches = self.platform.clock, self.platform.switches
        for _ in range(int(switches.queries)):
            if await self.ask_once(order):
                return
            await clock.sleep(float(switches.query_every))
        order.fate = "kept"
        self.platform.save(order)

    async def ask_once(self, order: Order) -> bool:
        """Ask 13.1.1 (5.1.6), and give all of it back if the hospital says refundable. Returns whether it did."""
        number = "5.1.6" if order.number == "5.1.4" else "13.1.1"
        question = {"medicalCardNumber": self.platform.card(order.patient), "outTradeNo": order.trade}
        if number == "5.1.6":
            question["hisTradeId"] = order.about["hisTradeId"]
        told = await self.hospital.call(number, question)
        refundable = told.verdict == "yes" and told.data == "refundable"
        if refundable:
            self._refund(order)
        return refundable

    def _refund(self, order: Order) -> None:
        if not order.amount:  # a free registration
            order.fate = "refunded"
        elif self.platform.left(order.trade) == order.amount:  # the whole order or nothing
            order.fate = "refunded"
            self.platform.refund(order, order.amount, "platform")
        else:
            order.fate = "kept"
        self.platform.save(order)

    # -- undone by the patient
    async def cancel(self, order: Order, number: str, sent: Mapping[str, Any], *, proof: bool = True) -> Order:
        """Cancel at the hospital; its refundNo moves the money (``proof``), or success alone does (28.1.7)."""
        order.cancel = {"number": number, "sent": dumped(dict(sent)), "proof": proof}
        self.platform.save(order)
        return await self.finish_cancel(order)

    async def finish_cancel(self, order: Order) -> Order:
        """Call until there is an answer; what remains open is tried again after a restart."""
        number, sent, proof = order.cancel["number"], order.cancel["sent"], order.cancel["proof"]
        told = await self.repeat(number, sent)
        order.code = told.code
        if told.verdict == "yes":
            told_no = told.fields | _beside(told)
            refund_no = str(told_no.get("refundNo") or told_no.get("refoundNo") or "")
            order.fate, order.cancel = "cancelled", {}
            left = self.platform.left(order.trade)
            if left and (refund_no or not proof):
                self.platform.refund(order, left, "cancel", refund_no)
        elif told.verdict == "no":
            order.cancel = {}
        self.platform.save(order)
        return order

    async def repeat(self, number: str, sent: Mapping[str, Any]) -> Told:
        """Call a writing interface until it says yes or no, or patience ends."""
        switches = self.platform.switches
        told = Told("nothing")
        for _ in range(int(switches.notices)):
            told = await self.hospital.call(number, sent, write=True)
            if told.verdict in ("yes", "no") and told.code not in _AGAIN:
                break
            await self.platform.clock.sleep(float(switches.notice_every))
        return told

    async def agree(self, key: str, kind: str, patient: int, number: str, sent: Mapping[str, Any]) -> Booking:
        """Agree on something without money."""
        booking = Booking(key, kind, patient, number, dumped(dict(sent)))
        self.platform.save(booking)
        return await self.finish_agreeing(booking)

    async def finish_agreeing(self, booking: Booking) -> Booking:
        """Call until there is an answer."""
        told = await self.repeat(booking.number, booking.sent)
        booking.code, booking.answer = told.code, dumped(told.fields | _beside(told))
        booking.fate = {"yes": "done", "no": "refused"}.get(told.verdict, "unclear")
        self.platform.save(booking)
        return booking

    # -- the patient wants his balance back (8)
    async def give_back(self, refund: Refund) -> Refund:
        """8.1.2 once, then the timed job: 8.1.3, then what its answer says."""
        if await self._card_refund(refund):
            return refund
        return await self.job(refund)

    async def job(self, refund: Refund) -> Refund:
        """1: pay out, 8.1.2 never again. 2: nothing. 3: 8.1.2 again. In the end the desk has to look."""
        order, switches = self.platform.orders[refund.trade], self.platform.switches
        question = {
            "medicalCardNumber": self.platform.card(order.patient),
            "orderNo": order.trade,
            "refundNo": refund.number,
        }
        while refund.rounds < int(switches.job_rounds):
            await self.platform.clock.sleep(float(switches.job_every))
            refund.rounds += 1
            told = await self.hospital.call("8.1.3", question)
            status = str(told.fields.get("status", "")) if told.verdict == "yes" else ""
            if status == "1":
                self.platform.pay_out(refund)
                return refund
            if status == "3" and await self._card_refund(refund):
                return refund
        self.platform.save(refund)
        return refund

    async def _card_refund(self, refund: Refund) -> bool:
        order = self.platform.orders[refund.trade]
        sent = {
            "medicalCardNumber": self.platform.card(order.patient),
            "orderNo": order.trade,
            "refundNo": refund.number,
            "refunAmount": f"{refund.amount:.2f}",
        }
        told = await self.hospital.call("8.1.2", sent, write=True)
        refund.log.append([f"院内退款 {told.verdict} {told.code}".strip(), self.platform.clock.stamp()])
        if told.verdict == "yes":
            self.platform.pay_out(refund)
            return True
        self.platform.save(refund)
        return False

    # -- after a restart
    def unfinished(self) -> list[Any]:
        """Return what was under way when the platform stopped, to be awaited."""
        orders, bookings = self.platform.orders.values(), self.platform.bookings.values()
        return [
            *(self.settle(each) for each in orders if each.fate == "open"),
            *(self.finish_cancel(each) for each in orders if each.cancel),
            *(self.finish_agreeing(each) for each in bookings if each.fate == "open"),
            *(self.job(each) for each in self.platform.refunds.values() if each.state == "WAITING"),
        ]


def _beside(told: Told) -> dict[str, Any]:
    """Return members that stand beside the code (21.2.3), and a bare `data`."""
    beside = {name: value for name, value in told.body.items() if name not in ("success", "msg", "code", "data")}
    return beside | ({} if isinstance(told.data, dict) or told.data is None else {"data": told.data})
