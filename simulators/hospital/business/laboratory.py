"""Booking of laboratory items (33): a number is locked for some minutes, paid, cancelled."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from typing import Any

from simulators.hospital.data import Row, money
from simulators.hospital.hospital import Call, Hospital
from simulators.hospital.people import Card
from simulators.hospital.records import Booking
from simulators.wechat.codes import INVALID, OUT_OF_RANGE, Refusal

_SHIFTS = {"AM": ("上午", "08:00", "11:30"), "PM": ("下午", "14:00", "16:30")}
_WHOLE_DAY = {"ALL": ("全天", "08:00", "16:30")}
_DAYS = 3
_NO_LIMIT = 4
_LONGEST = 120  #: minutes of a lock


def projects(hospital: Hospital, _call: Call) -> list[dict[str, Any]]:
    """33.1.1."""
    return [
        {
            "projectId": row["id"],
            "projectName": row["name"],
            "projectPrice": row["price"],
            "inspectingPrice": row["visit"],
            "diagnoseName": row["diagnosis"],
            "billDocSysId": row["doctor"],
            "scheduleList": list(_schedules(hospital, row)),
        }
        for row in hospital.catalogue.laboratory.values()
    ]


def _schedules(hospital: Hospital, row: Row) -> Iterator[dict[str, Any]]:
    for ahead in range(_DAYS):
        day = hospital.today() + datetime.timedelta(days=ahead)
        for code, (name, *_) in (_WHOLE_DAY if row["type"] == _NO_LIMIT else _SHIFTS).items():
            schedule = f"{row['id']}-{day:%Y%m%d}-{code}"
            left = _left(hospital, schedule)
            yield {
                "schedulingId": schedule,
                "workDate": f"{day}",
                "sourceNumber": left + _held(hospital, schedule),
                "currentNumber": left,
                "shiftName": name,
                "shiftCode": code,
                "scheduleType": row["type"],
            }


def numbers(hospital: Hospital, call: Call) -> list[dict[str, Any]]:
    """33.1.2: a locked number is not offered."""
    row, schedule, _ = _schedule(hospital, call)
    _, begin, end = (_SHIFTS | _WHOLE_DAY)[schedule.rpartition("-")[2]]
    left = _left(hospital, schedule)
    if not left or row["type"] == _NO_LIMIT:
        return []
    return [{"sourceId": f"{schedule}-1", "startTime": begin, "endTime": end, "remainNum": left}]


def lock(hospital: Hospital, call: Call) -> dict[str, str]:
    """33.1.3: until lockTime minutes are over; a second lock of the same record renews it."""
    sent = call.sent
    card = hospital.card(sent.text("medicalCardNumber"), using=True)
    row, schedule, day = _schedule(hospital, call)
    if row["type"] == _NO_LIMIT:
        raise Refusal(INVALID, "不限号源无需锁号")
    minutes = sent.number("lockTime") or 30
    if not 0 < minutes <= _LONGEST:
        raise Refusal(OUT_OF_RANGE, "lockTime")
    key = sent.text("recordId")
    booking = _of(hospital, key)
    if booking is None or booking.state == "cancelled":
        if not _left(hospital, schedule):
            raise Refusal("60205")
        booking = _new(hospital, key, card, row, schedule, day, "locked")
    elif booking.state != "locked" or (_lapsed(hospital, booking) and not _left(hospital, schedule)):
        raise Refusal("60205")
    booking.until = hospital.time() + datetime.timedelta(minutes=minutes)
    return {"timePoint": (_SHIFTS | _WHOLE_DAY)[schedule.rpartition("-")[2]][1]}


def pay(hospital: Hospital, call: Call) -> dict[str, str]:
    """33.1.4: the lock must stand; where there is no limit none is needed. Free: neither payType nor outTradeNo."""
    sent = call.sent
    card = hospital.card(sent.text("medicalCardNumber"), using=True)
    row, schedule, day = _schedule(hospital, call)
    price, amount, trade = money(row["price"]) + money(row["visit"]), sent.money("total"), sent.text("outTradeNo")
    if amount != price:
        raise Refusal("60103")
    if price and not trade:
        raise Refusal("20001", "outTradeNo")
    key = sent.text("recordId")
    booking = _of(hospital, key)
    if row["type"] == _NO_LIMIT or (booking is None and not sent.text("sourceId")):
        if not _left(hospital, schedule):
            raise Refusal("60205")
        booking = _new(hospital, key, card, row, schedule, day, "locked")
    again = booking is not None and booking.state == "booked" and hospital.switches.paid_lines == "take"
    if booking is None or not (again or (booking.state == "locked" and not _lapsed(hospital, booking))):
        raise Refusal("60205", "锁号已失效")
    if price:
        hospital.book(call, "XMYY", trade, card, amount, (booking.id,))
    booking.state, booking.trade, booking.until = "booked", trade, None
    return {"hosRecordId": booking.id, "tips": "请按时前来采样"}


def cancel(hospital: Hospital, call: Call) -> dict[str, str]:
    """33.1.5: without refundNo the platform does not refund."""
    booking = hospital.bookings.get(call.sent.text("outOrderId", "hosRecordId"))
    if booking is None or booking.kind != "laboratory" or booking.state in ("cancelled", "locked"):
        raise Refusal("60204")
    if booking.state == "registered":
        raise Refusal("60601")
    booking.state = "cancelled"
    refund = hospital.undo(call.number, booking.trade) if booking.trade else None
    return {"refundNo": refund.refund_no if refund else ""}


def _schedule(hospital: Hospital, call: Call) -> tuple[Row, str, datetime.date]:
    schedule = call.sent.text("schedulingId")
    project, _, rest = schedule.partition("-")
    day, _, code = rest.partition("-")
    row = hospital.catalogue.laboratory.get(project)
    fits = row is not None and code in (_WHOLE_DAY if row["type"] == _NO_LIMIT else _SHIFTS)
    if row is None or not fits or call.sent.text("projectId") not in ("", project):
        raise Refusal("60104", "schedulingId")
    try:
        return row, schedule, datetime.date.fromisoformat(day)
    except ValueError:
        raise Refusal(INVALID, "schedulingId") from None


def _of(hospital: Hospital, key: str) -> Booking | None:
    found = [each for each in hospital.bookings.values() if each.kind == "laboratory" and each.key == key]
    return found[-1] if found else None


def _new(hospital: Hospital, key: str, card: Card, row: Row, schedule: str, day: datetime.date, state: str) -> Booking:
    at = datetime.datetime.combine(day, datetime.time(8))
    booking = Booking(
        *(hospital.next("JY"), key, "laboratory", card, row["id"], schedule, schedule, day, at),
        price=money(row["price"]) + money(row["visit"]),
        state=state,
    )
    hospital.bookings[booking.id] = booking
    return booking


def _lapsed(hospital: Hospital, booking: Booking) -> bool:
    return booking.until is not None and hospital.time() >= booking.until


def _held(hospital: Hospital, schedule: str) -> int:
    return sum(
        each.where == schedule
        and (each.state in ("booked", "registered") or (each.state == "locked" and not _lapsed(hospital, each)))
        for each in hospital.bookings.values()
    )


def _left(hospital: Hospital, schedule: str) -> int:
    total = hospital.capacities.get(schedule, hospital.capacities.get(schedule.partition("-")[0], hospital.capacity))
    return max(0, total - _held(hospital, schedule))


def nucleic(hospital: Hospital, call: Call) -> dict[str, Any]:
    """34.1.1: the latest result."""
    patient = hospital.people.by_identity(call.sent.text("idCard"))
    if patient is None:
        raise Refusal("10002")
    age = hospital.today().year - patient.person.born.year
    return {
        "patientName": patient.person.name,
        "sex": patient.person.sex,
        "age": f"{age}岁",
        "specimenNumber": f"HS{patient.id}",
        "specimenCategory": "咽拭子",
        "time": f"{hospital.today()} 07:30:00",
        "executor": "虚检",
        "auditor": "虚审",
        "regTime": f"{hospital.today()} 06:10:00",
        "details": [
            {"itemId": "J01", "item": "核酸检测", "result": "阴性", "unit": "", "mark": "0", "range": "阴性"},
        ],
    }


HANDLERS = {
    "33.1.1": projects,
    "33.1.2": numbers,
    "33.1.3": lock,
    "33.1.4": pay,
    "33.1.5": cancel,
    "34.1.1": nucleic,
}
