"""The HIS's window: gives payments back while the platform still waits for its answer, in whole or in parts."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, TypeVar

from tests.payments.stage import HIS, PLATFORM, Gone, Stage
from tests.payments.trouble import GIVEN_BACK, IN_PARTS

#: Flows whose payments the window gives back, and whether the card's money is frozen first (chapter 9).
PAID = {"platform.outpatient_payment": False, "platform.deposit": False, "platform.card_topup": True}
_PAUSE, _LOOKS_EVERY = 0.4, 1.0
_PAGE = 200
#: How long the window waits for something to happen, in seconds.
_PATIENCE = 600.0

T = TypeVar("T")


@dataclass
class Window:
    """Chooses payments by their running number and the seed, and gives each back as a HIS would."""

    stage: Stage
    seed: int
    counted: Counter[str] = field(default_factory=Counter)
    failed: list[str] = field(default_factory=list)
    _seen: set[str] = field(default_factory=set)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    @property
    def busy(self) -> int:
        """How many refunds are under way."""
        return len(self._tasks)

    async def watch(self) -> None:
        """Look for new payments for as long as this task lives."""
        while True:
            for flow, frozen in PAID.items():
                with suppress(Gone):
                    await self._look(flow, frozen)
            await asyncio.sleep(_LOOKS_EVERY)

    async def _look(self, flow: str, frozen: bool) -> None:
        cursor = ""
        while True:
            query = f"flow={flow}&limit={_PAGE}" + (f"&cursor={cursor}" if cursor else "")
            _, page = await self.stage.api("GET", f"/api/v1/visits?{query}")
            fresh = [each for each in page if each["visit"] not in self._seen]
            for each in fresh:
                self._seen.add(each["visit"])
                dice = random.Random(f"refund {self.seed} {each['key'][-8:]}")
                if dice.random() < GIVEN_BACK:
                    self._begin(self._give_back(each["visit"], each["key"], frozen, dice))
            if not fresh or len(page) < _PAGE:
                return
            cursor = page[-1]["visit"]

    def _begin(self, work: Awaitable[None]) -> None:
        async def guarded() -> None:
            try:
                await work
            except Exception as error:
                self.failed.append(f"{type(error).__name__}: {error}")

        task = asyncio.create_task(guarded())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # -- one payment
    async def _give_back(self, visit: str, trade: str, frozen: bool, dice: random.Random) -> None:
        booked = await self._booked(visit, trade)
        if booked is None:
            self.counted["never booked"] += 1
            return
        amount = Decimal(booked["amount"])
        parts = dice.random() < IN_PARTS and amount > Decimal("0.01")
        first = (amount / 2).quantize(Decimal("0.01"))
        for number, part in enumerate([first, amount - first] if parts else [amount], 1):
            if not await self._one(trade, f"TK-{trade}-{number}", part, frozen):
                return

    async def _booked(self, visit: str, trade: str) -> dict[str, Any] | None:
        """Wait until the HIS has booked it, whether or not anybody knows; None: it never will."""

        async def look() -> dict[str, Any] | bool | None:
            shown = await self.stage.control(HIS, "GET", f"/ledger?trade={trade}")
            if shown["payments"]:
                payment: dict[str, Any] = shown["payments"][0]
                return payment
            _, found = await self.stage.api("GET", f"/api/v1/visits/{visit}")
            return found["status"] == "closed" or None

        found = await self._until(look, f"{trade} is booked or not")
        return found if isinstance(found, dict) else None

    async def _one(self, trade: str, number: str, amount: Decimal, frozen: bool) -> bool:
        """Give ``amount`` back under ``number``. Returns whether there was anything to give."""
        card = await self._asked(trade, number, amount)
        if card is None:
            self.counted["nothing left"] += 1
            return False
        order = (await self._until(lambda: self._order(trade), f"the platform shows {trade}"))["fate"]
        self.counted["while the platform waits for its answer" if order == "open" else "afterwards"] += 1
        outcome = await (self._card_money if frozen else self._payment)(trade, number, amount, card)
        await self._until(lambda: self._noted(trade, number, outcome), f"the HIS notes {number}")
        self.counted[outcome] += 1
        return True

    async def _order(self, trade: str) -> dict[str, Any] | None:
        orders = (await self.stage.control(PLATFORM, "GET", f"/ledger?trade={trade}"))["orders"]
        return orders[0] if orders else None

    async def _asked(self, trade: str, number: str, amount: Decimal) -> str | None:
        """Have the HIS write the wish down, once; return the card, or None where less is left than that."""

        async def ask() -> tuple[str | None] | None:
            found = await self._refund(trade, number)
            if found is None:
                body = {"trade": trade, "amount": f"{amount:.2f}", "refund_no": number}
                try:
                    found = await self.stage.control(HIS, "POST", "/refunds", body)
                except ValueError:  # the patient was quicker (8.1.2)
                    return (None,)
                return (str(found["card"]),)
            return (self._cards[found["patient"]],)

        return (await self._until(ask, f"the HIS takes {number}"))[0]

    async def _refund(self, trade: str, number: str) -> dict[str, Any] | None:
        shown = await self.stage.control(HIS, "GET", f"/ledger?trade={trade}")
        return next((each for each in shown["refunds"] if each["refund_no"] == number), None)

    async def know_cards(self) -> None:
        """Read whose card is which."""
        people = (await self.stage.control(HIS, "GET", "/world"))["patients"]
        self._cards = {each["patient"]: each["card"] for each in people}

    async def _payment(self, trade: str, number: str, amount: Decimal, card: str) -> str:
        """13.2.1 by a visit of the payment; return what became of it."""
        flow = "platform.payment_refund"
        visit = await self._open(flow, trade, {"payment": {"order": trade, "card": card}})
        await self._until(lambda: self._in(visit, "known"), f"{trade} is known")
        wish = {"refund": {"amount": f"{amount:.2f}", "refund_no": number}}
        await self._trigger(visit, "refund", wish, number)

        async def over() -> str | None:
            _, shown = await self.stage.api("GET", f"/api/v1/visits/{visit}")
            found = [each for each in shown["data"].get("refunds", {}).values() if each["refund_no"] == number]
            return str(found[0]["outcome"]) if found else None

        return await self._until(over, f"{number} is over")

    async def _card_money(self, trade: str, number: str, amount: Decimal, card: str) -> str:
        """9.1.1 by a visit of the refund; return what became of it."""
        named = {"payment": {"order": trade, "card": card}, "refund": {"amount": f"{amount:.2f}", "refund_no": number}}
        visit = await self._open("platform.hospital_refund", number, named)
        state = await self._until(lambda: self._in(visit, "paid_out", "not_paid_out"), f"{number} is over")
        trigger, outcome = {"paid_out": ("debited", "refunded")}.get(state, ("released", "refused"))
        await self._trigger(visit, trigger, {"note": "窗口"}, f"{number}-{trigger}")
        return outcome

    async def _noted(self, trade: str, number: str, outcome: str) -> bool:
        found = await self._refund(trade, number)
        if found is not None and found["state"] == "asked":
            body = {"refund_no": number, "state": "done" if outcome == "refunded" else "failed"}
            await self.stage.control(HIS, "PUT", "/refunds", body)
        return True

    # -- our API, through deaths of our process
    async def _open(self, flow: str, key: str, data: dict[str, Any]) -> str:
        async def ask() -> str | None:
            status, said = await self.stage.api("POST", "/api/v1/visits", {"flow": flow, "key": key, "data": data})
            if status in (200, 201):
                return str(said["visit"])
            assert status >= 500 or status == 409, said
            return None

        return await self._until(ask, f"{flow} {key} is open")

    async def _trigger(self, visit: str, trigger: str, data: dict[str, Any], key: str) -> None:
        """Ask once, however often our process dies: the Idempotency-Key says that it is the same request."""

        async def ask() -> bool:
            body = {"trigger": trigger, "data": data}
            status, said = await self.stage.api("POST", f"/api/v1/visits/{visit}/trigger", body, key)
            assert status in (200, 409) or status >= 500, said
            return status == 200

        await self._until(ask, f"{trigger} of {visit}")

    async def _in(self, visit: str, *states: str) -> str | None:
        _, shown = await self.stage.api("GET", f"/api/v1/visits/{visit}")
        return str(shown["state"]) if shown["state"] in states and shown["status"] == "waiting" else None

    async def _until(self, look: Callable[[], Awaitable[T | None]], what: str) -> T:
        """Return the first true answer of ``look``, through the deaths of whoever is asked."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + _PATIENCE
        while loop.time() < deadline:
            try:
                if found := await look():
                    return found
            except Gone:
                pass
            await asyncio.sleep(_PAUSE)
        raise AssertionError(f"not in {_PATIENCE:.0f} s: {what}")
