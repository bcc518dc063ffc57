"""Examinations (24), health examinations (28), packages of one's own choice (29), laboratory items (33)."""

from __future__ import annotations

from typing import Any

from simulators.platform.plays.stage import Nothing, Options, Play, Stage, money, told_booking, told_call, told_order
from simulators.wechat.members import ZERO


def _today(stage: Stage) -> str:
    return stage.platform.clock.stamp()[:10]


async def book_examination(stage: Stage, patient: int, options: Options) -> dict[str, Any]:
    """24.1.1 to 24.1.4."""
    who = stage.who(patient)
    wanted = (await stage.data("24.1.1", who))[0]
    item = {"orderId": wanted["orderId"], "orderName": wanted["orderName"]}
    day = str(options.get("date") or _today(stage))
    days = await stage.data("24.1.2", who | item | {"startDate": day, "days": "1"})
    room = days[0]["rooms"][0]["roomId"]
    times = (await stage.data("24.1.3", item | {"roomId": room, "selectedDate": day}))["items"]
    if not times:
        raise Nothing("full")
    key = stage.platform.next("JCYY")
    sent = who | item | {"roomId": room, "selectedDate": day, "appointmentId": key}
    sent |= {"planTimeId": times[0]["planTimeId"], "planTimeName": times[0]["planTimeName"]}
    return told_booking(await stage.settling.agree(key, "examination", patient, "24.1.4", sent))


async def cancel_examination(stage: Stage, patient: int, options: Options) -> dict[str, Any]:
    """24.1.6 of ``key``."""
    booking = stage.platform.bookings[str(options["key"])]
    sent = stage.who(patient) | {"regId": booking.answer.get("regId", ""), "remarks": "临时有事"}
    told = await stage.settling.repeat("24.1.6", sent | {"appointmentId": booking.key})
    if told.verdict == "yes":
        booking.fate = "cancelled"
        stage.platform.save(booking)
    return told_call(told)


async def book_physical(stage: Stage, patient: int, options: Options) -> dict[str, Any]:
    """28.1.1, 28.1.4, 28.1.5, pay (or ``payType`` OfflinePay), 28.1.6."""
    who, person = stage.who(patient, "name"), stage.person(patient)
    package = (await stage.data("28.1.1", who))[0]
    day = str(options.get("date") or _today(stage))
    times = await stage.data("28.1.4", who | {"date": day, "packageId": str(package["packageId"])})
    if (await stage.hospital.ask("28.1.5", who | {"date": day})).data == "1":
        raise Nothing("booked on this day already")
    offline = options.get("payType") == "OfflinePay"
    amount = money(package["acPrice"])
    trade = str(options.get("trade") or stage.platform.next("TJYY"))
    notice = who | {
        "tradeNo": trade,
        "sex": person.sex,
        "telNo": person.phone,
        "packageIds": [{"id": str(package["packageId"])}],
        "itemIds": [],
        "date": f"{day} {times[0]}",
        "cflag": "0" if offline else "1",
        "payType": str(options.get("payType", "WeChatPay")),
        "acPrice": f"{amount:.2f}",
    }
    if offline:
        return told_booking(await stage.settling.agree(trade, "physical", patient, "28.1.6", notice))
    order = stage.settling.pay("TJYY", patient, amount, "28.1.6", notice, trade)
    return told_order(await stage.settling.settle(order))


async def cancel_physical(stage: Stage, patient: int, options: Options) -> dict[str, Any]:
    """28.1.8, 28.1.7: success makes the money go back."""
    order = stage.order(options, patient, "TJYY")
    who = stage.who(patient)
    if (await stage.hospital.ask("28.1.8", who | {"date": order.notice["date"][:10]})).data == "1":
        raise Nothing("registered already")
    return told_order(await stage.settling.cancel(order, "28.1.7", who | {"id": order.answer.get("id")}, proof=False))


async def choose_package(stage: Stage, patient: int, options: Options) -> dict[str, Any]:
    """29.1.1, 29.1.2, pay, 29.1.3."""
    who = stage.who(patient)
    group = (await stage.data("29.1.1", who))[0]["group"][0]
    item = group["item"][0]
    chosen = [{"groupId": group["groupId"], "item": [{"itemId": item["itemId"]}]}]
    days = await stage.data("29.1.2", who | {"group": chosen})
    amount = money(item["price"])
    trade = str(options.get("trade") or stage.platform.next("ZZJF"))
    notice = who | {
        "group": chosen,
        "appointmentDate": days[0]["appointmentDate"],
        "outTradeNo": trade,
        "payType": str(options.get("payType", "WeChatPay")),
        "payAmount": f"{amount:.2f}",
        "balancePayment": "0.00",
    }
    order = stage.settling.pay("ZZJF", patient, amount, "29.1.3", notice, trade)
    return told_order(await stage.settling.settle(order))


async def cancel_package(stage: Stage, patient: int, options: Options) -> dict[str, Any]:
    """29.1.4."""
    order = stage.order(options, patient, "ZZJF")
    sent = stage.who(patient) | {"outOrderId": order.answer.get("outOrderId"), "outTradeNo": order.trade}
    return told_order(await stage.settling.cancel(order, "29.1.4", sent))


async def book_laboratory(stage: Stage, patient: int, options: Options) -> dict[str, Any]:
    """33.1.1, 33.1.2, 33.1.3 (lock), pay, 33.1.4. ``item``: its number; ``wait``: seconds between lock and payment."""
    person = stage.person(patient)
    rows = await stage.data("33.1.1", {"hospitalId": stage.platform.hospital_id})
    row = next((each for each in rows if each["projectId"] == options.get("item")), rows[0])
    schedule = next((each for each in row["scheduleList"] if int(each["currentNumber"]) > 0), None)
    if schedule is None:
        raise Nothing("full")
    sample = {
        "medicalCardNumber": person.card,
        "idcardNo": person.identity,
        "patName": person.name,
        "sex": person.sex,
        "telephone": person.phone,
        "hospitalId": stage.platform.hospital_id,
        "schedulingId": schedule["schedulingId"],
        "projectId": row["projectId"],
        "recordId": stage.platform.next("JYJL"),
    }
    if str(schedule["scheduleType"]) != "4":
        question = {"hospitalId": stage.platform.hospital_id, "schedulingId": schedule["schedulingId"]}
        sample["sourceId"] = (await stage.data("33.1.2", question))[0]["sourceId"]
        lock = {"lockTime": str(options.get("lockTime", "15"))}
        locked = await stage.settling.agree(sample["recordId"], "lock", patient, "33.1.3", sample | lock)
        if locked.fate != "done":
            return told_booking(locked)
    await stage.platform.clock.sleep(float(options.get("wait", 0)))
    amount = money(row["projectPrice"]) + money(row.get("inspectingPrice") or "0")
    if amount == ZERO:
        key = f"{sample['recordId']}-F"
        return told_booking(
            await stage.settling.agree(key, "laboratory", patient, "33.1.4", sample | {"total": "0.00"})
        )
    trade = str(options.get("trade") or stage.platform.next("XMYY"))
    notice = sample | {"outTradeNo": trade, "total": f"{amount:.2f}"}
    notice["payType"] = str(options.get("payType", "WeChatPay"))
    order = stage.settling.pay("XMYY", patient, amount, "33.1.4", notice, trade)
    return told_order(await stage.settling.settle(order))


async def cancel_laboratory(stage: Stage, patient: int, options: Options) -> dict[str, Any]:
    """33.1.5: without refundNo no refund."""
    order = stage.order(options, patient, "XMYY")
    sent = {
        "hospitalId": stage.platform.hospital_id,
        "outOrderId": order.answer.get("hosRecordId"),
        "outTradeNo": order.trade,
    }
    return told_order(await stage.settling.cancel(order, "33.1.5", sent))


PLAYS: dict[str, Play] = {
    "book_examination": book_examination,
    "cancel_examination": cancel_examination,
    "book_physical": book_physical,
    "cancel_physical": cancel_physical,
    "choose_package": choose_package,
    "cancel_package": cancel_package,
    "book_laboratory": book_laboratory,
    "cancel_laboratory": cancel_laboratory,
}
