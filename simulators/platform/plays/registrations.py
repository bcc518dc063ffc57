"""Registration for today (20) and booked (21), check-in (42), triage (15)."""

from __future__ import annotations

import uuid
from typing import Any

from simulators.platform.plays.stage import Nothing, Options, Play, Stage, money, told_booking, told_call, told_order


async def register_today(stage: Stage, patient: int, options: Options) -> dict[str, Any]:
    """20.1.2 to 20.1.6, pay, 20.1.7. ``department`` (0101), ``doctor`` (the first), ``sequence``."""
    who, department = stage.who(patient), str(options.get("department", "0101"))
    doctors = await stage.data("20.1.2", {"departmentId": department})
    doctor = next((row for row in doctors if row.get("doctorId") == options.get("doctor")), doctors[0])
    question = {"departmentId": department, "doctorId": doctor["doctorId"], "regClassId": doctor["regClassId"]}
    slots = await stage.data("20.1.3", question)
    wanted = options.get("sequence")
    slot = next((row for row in slots if wanted == row["sequence"] or (not wanted and int(row["appNum"]) > 0)), None)
    if slot is None:
        raise Nothing("full")
    limit = await stage.hospital.ask("20.1.5", who | {"departmentId": department})
    if limit.verdict != "yes":
        return told_call(limit)
    fee = money(await stage.data("20.1.6", who | question | {"opType": doctor["regClassId"]}))
    trade = str(options.get("trade") or stage.platform.next("DRGH"))
    notice = who | {
        "departmentId": department,
        "departmentName": doctor["departmentName"],
        "doctorId": doctor["doctorId"],
        "doctorName": doctor["doctorName"],
        "todayRegisterId": uuid.uuid5(uuid.NAMESPACE_OID, trade).hex,
        "registrationFee": fee,
        "registrationDate": stage.platform.clock.stamp()[:10],
        "regClassId": doctor["regClassId"],
        "regClassName": doctor["regClassName"],
        "registerTime": slot["startTime"],
        "payId": trade,
        "payState": "1",
        "payType": str(options.get("payType", "WeChatPay")),
        "scheduleType": doctor["scheduleType"],
        "sequence": slot["sequence"],
        "amPm": slot["amPm"],
    }
    if slot.get("serialNumber") is not None:
        notice["serialNumber"] = slot["serialNumber"]
    about = {"todayRegisterId": notice["todayRegisterId"]}
    order = stage.settling.pay("DRGH", patient, fee, "20.1.7", notice, trade, about)
    return told_order(await stage.settling.settle(order)) | about


async def cancel_today(stage: Stage, patient: int, options: Options) -> dict[str, Any]:
    """20.1.8, then the refund by the hospital's proof."""
    order = stage.order(options, patient, "DRGH")
    sent = {
        "todayRegisterId": order.about["todayRegisterId"],
        "hisRegistrationId": order.answer.get("hisRegistrationId", ""),
    }
    return told_order(await stage.settling.cancel(order, "20.1.8", sent))


async def book(stage: Stage, patient: int, options: Options) -> dict[str, Any]:
    """21.2.1, 21.2.2, 21.2.5, pay, 21.2.4. ``stop``: before paying. ``date`` yyyyMMdd, ``half``."""
    person, department = stage.person(patient), str(options.get("department", "0101"))
    day = str(options.get("date") or stage.platform.clock.stamp()[:10].replace("-", ""))
    place = {
        "hosCode": stage.platform.hospital_id,
        "hospitalId": stage.platform.hospital_id,
        "deptCode": department,
        "docCode": str(options.get("doctor", "D001")),
        "amPm": str(options.get("half", "AM")),
    }
    slots = await stage.data("21.2.1", place | {"scheduleDate": day})
    slot = next((row for row in slots if int(row["appNum"]) < int(row["upLimit"])), None)
    if slot is None:
        raise Nothing("full")
    key = stage.platform.next("YYJL")
    sent = place | {
        "recordId": key,
        "medicalCard": person.card,
        "patientName": person.name,
        "date": day,
        "startTime": slot["startTime"],
        "endTime": slot.get("endTime", ""),
        "type": "01",
        "patientId": person.identity,
        "patientPhone": person.phone,
        "hisTimeId": slot["hisTimeId"],
    }
    booking = await stage.settling.agree(key, "registration", patient, "21.2.2", sent)
    if booking.fate != "done" or options.get("stop"):
        return told_booking(booking)
    extra = await stage.data("21.2.5", stage.who(patient) | place | {"scheduleDate": day})
    fee = money(options.get("fee", "10.00")) + money(extra["surcharge"])
    trade = str(options.get("trade") or stage.platform.next("YYGH"))
    notice = stage.who(patient) | place
    notice |= {"recordId": key, "scheduleDate": day, "startTime": slot["startTime"], "arAmt": f"{fee:.2f}"}
    notice |= {"payId": trade, "payState": "1", "stateTime": stage.platform.clock.stamp(), "balancePay": "0.00"}
    notice |= {"payType": str(options.get("payType", "WeChatPay")), "unifiedAmount": "0.00"}
    about = {"recordId": key}
    order = stage.settling.pay("YYGH", patient, fee, "21.2.4", notice, trade, about)
    return told_order(await stage.settling.settle(order)) | about


async def cancel_booked(stage: Stage, patient: int, options: Options) -> dict[str, Any]:
    """21.2.3 by ``key`` (recordId) of an unpaid one, or of the paid order."""
    key = options.get("key")
    if key is not None:
        booking = stage.platform.bookings[str(key)]
        told = await stage.settling.repeat("21.2.3", booking.sent)
        if told.verdict == "yes":
            booking.fate = "cancelled"
            stage.platform.save(booking)
        return told_call(told)
    order = stage.order(options, patient, "YYGH")
    sent = stage.platform.bookings[order.about["recordId"]].sent
    return told_order(await stage.settling.cancel(order, "21.2.3", sent))


async def check_in(stage: Stage, patient: int, _options: Options) -> dict[str, Any]:
    """42.1.1, 42.1.2 of what is not checked in."""
    who = stage.who(patient)
    found = next((row for row in await stage.data("42.1.1", who) if row["triageState"] == "0"), None)
    if found is None:
        raise Nothing("checked in")
    sent = who | {"deptId": found["deptId"], "doctorId": found["doctorId"]}
    return told_booking(
        await stage.settling.agree(stage.platform.next("QD"), "check_in", patient, "42.1.2", sent),
    )


async def triage(stage: Stage, patient: int, options: Options) -> dict[str, Any]:
    """15.1.1, 15.1.2."""
    who = stage.who(patient)
    rows = await stage.data("15.1.1", who)
    found = next((row for row in rows if row.get("doctorId") == options.get("doctor")), rows[0])
    sent = who | {"roomId": found["roomId"], "doctorId": found["doctorId"]}
    return told_booking(await stage.settling.agree(stage.platform.next("FZ"), "triage", patient, "15.1.2", sent))


PLAYS: dict[str, Play] = {
    "register_today": register_today,
    "cancel_today": cancel_today,
    "book": book,
    "cancel_booked": cancel_booked,
    "check_in": check_in,
    "triage": triage,
}
