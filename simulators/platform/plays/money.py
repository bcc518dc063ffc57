"""Clinic bills (3), insurance orders (5), the card (7, 8), deposits (10)."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from simulators.platform.plays.stage import (
    Nothing,
    Options,
    Play,
    Stage,
    money,
    told_call,
    told_order,
    told_refund,
)
from simulators.platform.records import Refund
from simulators.wechat.members import ZERO


async def pay_bill(stage: Stage, patient: int, options: Options) -> dict[str, Any]:
    """3.1.1, compare (the ids must not change), pay exactly the sum, 3.1.2. ``balance``: of it from the card."""
    question = stage.who(patient)
    found = await stage.data("3.1.1", question)
    ids = [line["id"] for line in found.get("detail") or []]
    if not ids:
        raise Nothing("nothing to pay")
    if options.get("look_again", False):
        again = await stage.data("3.1.1", question)
        if [line["id"] for line in again.get("detail") or []] != ids:
            raise Nothing("the lines have changed")
    balance = money(options.get("balance", "0"))
    amount = money(options.get("amount", found["amount"])) - balance
    trade = str(options.get("trade") or stage.platform.next("ZJZF"))
    notice = question | stage.paid(options)
    notice |= {"outTradeNo": trade, "amount": f"{amount:.2f}", "balancePayment": f"{balance:.2f}"}
    notice |= {"discountAmount": found.get("discountAmount", "0.00")}
    order = stage.settling.pay("ZJZF", patient, amount, "3.1.2", notice | {"detailId": ids}, trade)
    return told_order(await stage.settling.settle(order))


async def pay_insurance(stage: Stage, patient: int, options: Options) -> dict[str, Any]:
    """5.1.5, 5.1.1, 5.1.2, the rest, 5.1.4. ``stop``: after `create` or `settle` the patient leaves or cancels."""
    who = stage.who(patient)
    open_order = await stage.hospital.ask("5.1.5", who)
    his_trade = str(open_order.fields.get("hisTradeId", ""))
    settled = open_order.fields.get("tradeState") == "1"
    found = open_order.fields
    if not his_trade:
        bill = await stage.data("3.1.1", who)
        ids = [line["id"] for line in bill.get("detail") or []]
        if not ids:
            raise Nothing("nothing to pay")
        created = await stage.settling.repeat("5.1.1", who | {"detailIds": ",".join(ids)})
        if created.verdict != "yes":
            return told_call(created)
        found, his_trade = created.fields, str(created.fields["hisTradeId"])
    if options.get("stop") == "create":
        return {"fate": "left", "hisTradeId": his_trade}
    if not settled:
        settlement = await stage.settling.repeat("5.1.2", {"hisTradeId": his_trade})
        if settlement.verdict != "yes":
            return told_call(settlement) | {"hisTradeId": his_trade}
        found = settlement.fields
    if options.get("stop") == "settle":
        return {"fate": "left", "hisTradeId": his_trade}
    rest = money(found["tradeAmount"]) - money(found["preferentialAmount"]) - money(found["medAmount"])
    trade = str(options.get("trade") or stage.platform.next("YBZF"))
    notice = who | stage.paid(options) | {"outTradeNo": trade, "hisTradeId": his_trade}
    notice |= {"amount": f"{rest:.2f}", "balancePayment": "0.00"}
    about = {"hisTradeId": his_trade}
    order = stage.settling.pay("YBZF", patient, rest, "5.1.4", notice, trade, about)
    return told_order(await stage.settling.settle(order)) | about


async def cancel_insurance(stage: Stage, patient: int, options: Options) -> dict[str, Any]:
    """5.1.3 of ``hisTradeId``, or of the open order that 5.1.5 finds."""
    his_trade = str(options.get("hisTradeId") or "")
    if not his_trade:
        his_trade = str((await stage.data("5.1.5", stage.who(patient)))["hisTradeId"])
    return told_call(await stage.settling.repeat("5.1.3", {"hisTradeId": his_trade})) | {"hisTradeId": his_trade}


async def top_up(stage: Stage, patient: int, options: Options) -> dict[str, Any]:
    """7.1.1, pay ``amount`` (100.00), 7.1.2."""
    who, amount = stage.who(patient), money(options.get("amount", "100.00"))
    await stage.data("7.1.1", who)
    trade = str(options.get("trade") or stage.platform.next("JZKCZ"))
    notice = who | stage.paid(options) | {"outTradeNo": trade, "payAmount": f"{amount:.2f}"}
    order = stage.settling.pay("JZKCZ", patient, amount, "7.1.2", notice, trade)
    return told_order(await stage.settling.settle(order))


async def refund_balance(stage: Stage, patient: int, options: Options) -> dict[str, Any]:
    """8.1.1, then 8.1.2 for ``trade`` or the first order with money left, of ``amount`` or all of it."""
    found = await stage.data("8.1.1", stage.who(patient))
    rest = money(found["balance"])
    rows = {row["rechargeNo"]: money(row["balance"]) for row in found.get("order") or []}
    trade = str(options.get("trade") or next((name for name in rows if name in stage.platform.orders), ""))
    if trade not in rows or trade not in stage.platform.orders:
        raise Nothing("nothing to give back")
    amount = money(options["amount"]) if "amount" in options else min(rows[trade], rest)
    waiting = [each for each in stage.platform.refunds_of(trade) if each.state == "WAITING"]
    if not ZERO < amount <= stage.platform.left(trade) - sum((each.amount for each in waiting), ZERO):
        raise Nothing("nothing to give back")
    refund = Refund(stage.platform.next("RE"), trade, amount, "patient", state="WAITING")
    stage.platform.save(refund)
    return told_refund(await stage.settling.give_back(refund))


async def deposit(stage: Stage, patient: int, options: Options) -> dict[str, Any]:
    """10.1.1, pay ``amount`` (500.00) within its limits, 10.1.2, for 24 hours if need be."""
    who = stage.who(patient)
    found = await stage.data("10.1.1", who)
    if money(found["minimumPayment"]) == ZERO:
        raise Nothing("closed")
    amount = money(options.get("amount", "500.00"))
    trade = str(options.get("trade") or stage.platform.next("ZYYJ"))
    notice = who | stage.paid(options) | {"outTradeNo": trade, "amount": f"{amount:.2f}"}
    notice["admissionNumber"] = found["admissionNumber"]
    order = stage.settling.pay("ZYYJ", patient, amount, "10.1.2", notice, trade)
    return told_order(await stage.settling.settle(order))


async def repeat_notice(stage: Stage, patient: int, options: Options) -> dict[str, Any]:
    """Send the notice of ``trade`` once more as it was, or with other ``content``: the answer must not change."""
    order = stage.order(options, patient, *_BUSINESSES)
    told = await stage.hospital.call(order.number, order.notice | dict(options.get("content", {})))
    return told_call(told) | {"trade": order.trade}


async def ask_refund(stage: Stage, patient: int, options: Options) -> dict[str, Any]:
    """13.1.1 of any ``trade``, without refunding."""
    sent = stage.who(patient) | {"outTradeNo": str(options["trade"])}
    return told_call(await stage.hospital.call("13.1.1", sent))


async def ask_again(stage: Stage, patient: int, options: Options) -> dict[str, Any]:
    """13.1.1 of a ``trade`` whose money was left where it is: the platform's people look at it once more.

    With ``refund``: 8.1.3 of a card refund that the timed job gave up, and what its answer says.
    """
    if "refund" in options:
        refund = stage.platform.refunds[str(options["refund"])]
        if refund.state != "WAITING" or refund.rounds < int(stage.platform.switches.job_rounds):
            raise Nothing(f"it is {refund.state}")
        refund.rounds -= 1
        return told_refund(await stage.settling.job(refund))
    order = stage.order(options, patient, *_BUSINESSES)
    if order.fate != "kept":
        raise Nothing(f"it is {order.fate}")
    await stage.settling.ask_once(order)
    return told_order(order)


async def compare(stage: Stage, _patient: int, options: Options) -> dict[str, Any]:
    """14.2.1 against the ledger: what one side has and the other has not, from ``startTime`` to ``endTime`` (today)."""
    day = stage.platform.clock.stamp()[:10]
    period = {
        "startTime": options.get("startTime", f"{day} 00:00:00"),
        "endTime": options.get("endTime", f"{day} 23:59:59"),
    }
    told = await stage.hospital.ask("14.2.1", period)
    theirs: dict[str, Decimal] = {}
    for row in told.data or []:
        theirs[row["tradeNo"]] = theirs.get(row["tradeNo"], ZERO) + money(row["amount"])
    ours = {trade: stage.platform.left(trade) for trade, order in stage.platform.orders.items() if order.amount}
    differ = {
        trade: {"platform": f"{ours.get(trade, ZERO):.2f}", "hospital": f"{theirs.get(trade, ZERO):.2f}"}
        for trade in ours.keys() | theirs.keys()
        if ours.get(trade, ZERO) != theirs.get(trade, ZERO)
    }
    return {"fate": "done" if told.verdict == "yes" else "unclear", "differ": differ, "compared": len(ours)}


_BUSINESSES = ("ZJZF", "YBZF", "JZKCZ", "ZYYJ", "DRGH", "YYGH", "TJYY", "ZZJF", "XMYY", "RYSQ", "BAYYPS", "CFZF", "ZX")
PLAYS: dict[str, Play] = {
    "pay_bill": pay_bill,
    "pay_insurance": pay_insurance,
    "cancel_insurance": cancel_insurance,
    "top_up": top_up,
    "refund_balance": refund_balance,
    "deposit": deposit,
    "repeat_notice": repeat_notice,
    "ask_refund": ask_refund,
    "ask_again": ask_again,
    "compare": compare,
}
