"""Booking of examinations that a doctor asked for (24): no money."""

from __future__ import annotations

import datetime
from typing import Any

from simulators.hospital.data import Row
from simulators.hospital.hospital import Call, Hospital
from simulators.hospital.people import Card
from simulators.hospital.records import Booking, Request
from simulators.wechat.codes import INVALID, NOTHING_FOUND, Refusal
from simulators.wechat.members import Members

_STATES = {"booked": ("0", "已预约"), "cancelled": ("1", "取消预约"), "registered": ("7", "已登记")}
_TIMES = (("1", "08:00", "10:00"), ("2", "10:00", "12:00"), ("3", "14:00", "16:00"))


def _row(hospital: Hospital, room: str) -> Row:
    found = next((each for each in hospital.catalogue.examinations if each["room"] == room), None)
    if found is None:
        raise Refusal(INVALID, "roomId")
    return found


def _request(hospital: Hospital, number: str) -> Request:
    found = hospital.requests.get(number)
    if found is None:
        raise Refusal(NOTHING_FOUND, "orderId")
    return found


def bookable(hospital: Hospital, call: Call) -> list[dict[str, str]]:
    """24.1.1: requests without a booking."""
    patient = hospital.patient(call)
    booked = {each.what for each in hospital.bookings.values() if each.state in ("booked", "registered")}
    return [
        {"orderName": each.item, "orderId": each.id}
        for each in hospital.requests.values()
        if each.patient is patient and each.id not in booked
    ]


def week(hospital: Hospital, call: Call) -> list[dict[str, Any]]:
    """24.1.2."""
    request, first = _request(hospital, call.sent.text("orderId")), call.sent.day("startDate")
    row = _row(hospital, request.room)
    told = []
    for ahead in range(min(call.sent.number("days"), 31)):
        day = first + datetime.timedelta(days=ahead)
        slots = [_slot(request.room, day, plan) for plan, *_ in _TIMES]
        count = sum(hospital.taken.get(slot, 0) for slot in slots)
        total = count + sum(hospital.room_in(slot, request.room) for slot in slots)
        room = {"roomId": request.room, "roomName": row["room_name"], "count": count, "total": total}
        told.append({"date": f"{day}", "rooms": [room]})
    return told


def times(hospital: Hospital, call: Call) -> dict[str, Any]:
    """24.1.3: those with room."""
    room, day = call.sent.text("roomId"), call.sent.day("selectedDate")
    _row(hospital, room)
    items = [
        {"planTimeId": plan, "planTimeName": f"{begin}-{end}", "startTime": begin, "endTime": end}
        for plan, begin, end in _TIMES
        if hospital.room_in(_slot(room, day, plan), room)
    ]
    return {"roomId": room, "date": f"{day}", "items": items}


def book(hospital: Hospital, call: Call) -> dict[str, str]:
    """24.1.4."""
    request = _request(hospital, call.sent.text("orderId"))
    card = _card(hospital, call, request)
    if request.id in {each.what for each in hospital.bookings.values() if each.state in ("booked", "registered")}:
        raise Refusal("60210", "该项目已预约")
    return _booked(hospital, _new(hospital, call.sent, card, request))


def change(hospital: Hospital, call: Call) -> dict[str, str]:
    """24.1.7: the old booking goes, a new one comes."""
    old = _standing(hospital, call)
    request = _request(hospital, call.sent.text("orderId"))
    new = _new(hospital, call.sent, old.card, request)
    _drop(hospital, old)
    return _booked(hospital, new)


def cancel(hospital: Hospital, call: Call) -> None:
    """24.1.6."""
    _drop(hospital, _standing(hospital, call))


def list_booked(hospital: Hospital, call: Call) -> list[dict[str, str]]:
    """24.1.5: in every state."""
    patient = hospital.patient(call)
    first, last = call.sent.day("startDate"), call.sent.day("endDate")
    told = []
    for each in hospital.bookings.values():
        if each.kind == "examination" and each.card.patient is patient and first <= each.day <= last:
            row, (code, text) = _row(hospital, each.where), _STATES[each.state]
            plan = each.slot.rpartition("-")[2]
            told.append(
                {
                    "regId": each.id,
                    "status": code,
                    "statusDes": text,
                    "orderId": each.what,
                    "orderName": row["item"],
                    "roomId": each.where,
                    "roomName": row["room_name"],
                    "selectedDate": f"{each.day}",
                    "planTimeId": plan,
                    "planTimeName": next(f"{begin}-{end}" for name, begin, end in _TIMES if name == plan),
                    "changeFlag": "1" if each.state == "booked" else "0",
                    "attention": row["prepare"],
                    "onlineRegisterFlag": "1" if each.state == "booked" and each.day == hospital.today() else "0",
                    "applyMainId": hospital.requests[each.what].application,
                    "exeDeptId": "YX",
                    "roomAddress": row["address"],
                }
            )
    return told


def register(hospital: Hospital, call: Call) -> dict[str, list[str]]:
    """24.1.8: answers the lines that went through; the others stay as they were."""
    card = hospital.card(call.sent.text("medicalCardNumber"), using=True)
    done = []
    for line in call.sent.objects("orderList"):
        number = line.text("orderId")
        for each in hospital.bookings.values():
            if each.what == number and each.card.patient is card.patient and each.state == "booked":
                if each.day == hospital.today():
                    each.state = "registered"
                    done.append(number)
                break
    return {"successDetailIdList": done}


def _card(hospital: Hospital, call: Call, request: Request) -> Card:
    card = hospital.card(call.sent.text("medicalCardNumber"), using=True)
    if request.patient is not card.patient:
        raise Refusal(NOTHING_FOUND, "orderId")
    return card


def _new(hospital: Hospital, sent: Members, card: Card, request: Request) -> Booking:
    room, day = sent.text("roomId"), sent.day("selectedDate")
    _row(hospital, room)
    plan = sent.text("planTimeId") or next(
        (name for name, begin, _ in _TIMES if begin == sent.text("startTime")[:5]), ""
    )
    if plan not in {name for name, *_ in _TIMES} or day < hospital.today():
        raise Refusal(INVALID, "planTimeId")
    slot = _slot(room, day, plan)
    if not hospital.room_in(slot, room):
        raise Refusal("60205")
    hospital.take(slot)
    begin = next(start for name, start, _ in _TIMES if name == plan)
    at = datetime.datetime.combine(day, datetime.time.fromisoformat(begin))
    return Booking(
        hospital.next("JC"), sent.text("appointmentId"), "examination", card, request.id, room, slot, day, at
    )


def _booked(hospital: Hospital, booking: Booking) -> dict[str, str]:
    hospital.bookings[booking.id] = booking
    return {"regId": booking.id, "notice": _row(hospital, booking.where)["prepare"]}


def _standing(hospital: Hospital, call: Call) -> Booking:
    found = hospital.bookings.get(call.sent.text("regId"))
    card = hospital.card(call.sent.text("medicalCardNumber"))
    if found is None or found.card.patient is not card.patient or found.state == "cancelled":
        raise Refusal("60204")
    if found.state == "registered":
        raise Refusal("60209")
    return found


def _drop(hospital: Hospital, booking: Booking) -> None:
    booking.state = "cancelled"
    hospital.take(booking.slot, -1)


def _slot(room: str, day: datetime.date, plan: str) -> str:
    return f"{room}-{day:%Y%m%d}-{plan}"


HANDLERS = {
    "24.1.1": bookable,
    "24.1.2": week,
    "24.1.3": times,
    "24.1.4": book,
    "24.1.5": list_booked,
    "24.1.6": cancel,
    "24.1.7": change,
    "24.1.8": register,
}
