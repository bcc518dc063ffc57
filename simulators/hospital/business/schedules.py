"""What the clinics offer and whom they take: departments, doctors, slots, prices, limits (20.1.1 to 20.1.6, 21.2.1)."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from simulators.hospital.business.cards import age
from simulators.hospital.data import Row, money
from simulators.hospital.hospital import Call, Hospital
from simulators.hospital.people import Card
from simulators.hospital.records import Visit
from simulators.wechat.codes import INVALID, NOTHING_FOUND, Refusal

_PER_DEPARTMENT, _PER_DOCTOR, _PER_DAY = 2, 1, 4  #: registrations of a patient a day
_HALVES = {"AM": "A", "PM": "P"}
GONE = ("cancelled",)


def departments(hospital: Hospital, _call: Call) -> list[dict[str, Any]]:
    """20.1.1."""
    kinds: dict[str, dict[str, Any]] = {}
    for row in hospital.catalogue.departments.values():
        kind = kinds.setdefault(row["type"], {"deptTypeId": row["type"], "deptTypeName": row["type_name"], "dept": []})
        kind["dept"].append(
            {"departmentName": row["name"], "departmentId": row["id"], "deptAddr": row["address"]},
        )
    return list(kinds.values())


def doctors(hospital: Hospital, call: Call) -> list[dict[str, Any]]:
    """20.1.2."""
    department = find_department(hospital, call.sent.text("departmentId"))
    return [
        {
            "departmentId": department["id"],
            "departmentName": department["name"],
            "deptAddr": department["address"],
            "doctorId": row["id"],
            "doctorName": row["name"],
            "registrationFee": row["fee"],
            "regClassId": row["class"],
            "regClassName": row["class_name"],
            "freePatCount": sum(hospital.room_in(slot, row["id"]) for slot, *_ in _slots(hospital, row["id"])),
            "professional": row["title"],
            "introduce": row["good_at"],
            "scheduleType": "2",
        }
        for row in hospital.catalogue.doctors.values()
        if row["department"] == department["id"] and row["id"] not in hospital.stopped
    ]


def _slots(
    hospital: Hospital, doctor: str, day: datetime.date | None = None, half: str = ""
) -> Iterator[tuple[str, str, str, str, int]]:
    """Return slot, half of the day, begin, end, position; with ``check_in: slot`` those that have not begun."""
    day = day or hospital.today()
    position = 0
    for name, times in hospital.catalogue.sessions.items():
        for begin, end in times:
            position += 1
            if half in ("", name) and not begun(hospital, day, begin):
                yield f"{doctor}-{day:%Y%m%d}-{position}", name, begin, end, position


def begun(hospital: Hospital, day: datetime.date, begin: str) -> bool:
    """Tell whether a slot is over as far as registering goes."""
    if hospital.switches.check_in == "open":
        return False
    return hospital.time() >= datetime.datetime.combine(day, datetime.time.fromisoformat(begin))


def slots_today(hospital: Hospital, call: Call) -> list[dict[str, Any]]:
    """20.1.3."""
    doctor = find_doctor(hospital, call.sent.text("doctorId"), call.sent.text("departmentId"))["id"]
    return [
        {
            "startTime": begin,
            "endTime": end,
            "appNum": hospital.room_in(slot, doctor),
            "sequence": slot,
            "amPm": half,
            "serialNumber": position,
        }
        for slot, half, begin, end, position in _slots(hospital, doctor)
    ]


def slots_on(hospital: Hospital, call: Call) -> list[dict[str, Any]]:
    """21.2.1."""
    sent = call.sent
    doctor = find_doctor(hospital, sent.text("docCode"), sent.text("deptCode"))["id"]
    if doctor in hospital.stopped:
        return []
    return [
        {
            "startTime": begin,
            "endTime": end,
            "upLimit": hospital.room_in(slot, doctor) + hospital.taken.get(slot, 0),
            "appNum": hospital.taken.get(slot, 0),
            "serialNumber": position,
            "hisTimeId": slot,
        }
        for slot, _, begin, end, position in _slots(
            hospital, doctor, sent.day("scheduleDate"), _HALVES.get(sent.text("amPm").upper(), "")
        )
    ]


def count(hospital: Hospital, call: Call) -> int:
    """20.1.4."""
    card = hospital.card(call.sent.text("medicalCardNumber"))
    return len(standing_of(hospital, card, hospital.today()))


def may_register(hospital: Hospital, call: Call) -> None:
    """20.1.5: no is a refusal with its reason."""
    card = hospital.card(call.sent.text("medicalCardNumber"), using=True)
    fits(hospital, card, find_department(hospital, call.sent.text("departmentId")))


def price(hospital: Hospital, call: Call) -> str:
    """20.1.6: children pay nothing at the paediatric clinic, everybody else the fee."""
    sent = call.sent
    hospital.card(sent.text("medicalCardNumber"))
    if sent.text("doctorId"):
        return str(find_doctor(hospital, sent.text("doctorId"), sent.text("departmentId"))["fee"])
    return str(any_doctor(hospital, sent.text("departmentId"), sent.text("opType"))["fee"])


def surcharge(hospital: Hospital, call: Call) -> dict[str, Decimal]:
    """21.2.5."""
    return {"surcharge": surcharge_of(find_doctor(hospital, call.sent.text("docCode"), call.sent.text("deptCode")))}


def surcharge_of(doctor: Row) -> Decimal:
    """Return what a doctor costs beside the fee."""
    return money(doctor.get("surcharge", "0"))


# -- for those who register
def find_department(hospital: Hospital, number: str) -> Row:
    """Return a department. Raises Refusal."""
    found = hospital.catalogue.departments.get(number)
    if found is None:
        raise Refusal(NOTHING_FOUND, "科室")
    return found


def find_doctor(hospital: Hospital, number: str, department: str) -> Row:
    """Return a doctor, of a department if one is given. Raises Refusal."""
    found = hospital.catalogue.doctors.get(number)
    if found is None or department not in ("", found["department"]):
        raise Refusal("60002")
    return found


def any_doctor(hospital: Hospital, department: str, kind: str) -> Row:
    """Return a doctor of a department and class who is there. Raises Refusal."""
    for row in hospital.catalogue.doctors.values():
        if row["department"] == department and kind in ("", row["class"]) and row["id"] not in hospital.stopped:
            return row
    raise Refusal("60002")


def fits(hospital: Hospital, card: Card, department: Row) -> None:
    """Refuse whom a department does not take."""
    person = card.patient.person
    if department.get("sex", person.sex) != person.sex:
        raise Refusal("60207")
    if age(hospital, person) > department.get("oldest", 200):
        raise Refusal("60208")


def standing_of(hospital: Hospital, card: Card, day: datetime.date) -> list[Visit]:
    """Return the registrations of a patient on a day."""
    return [
        each
        for each in hospital.visits
        if each.card.patient is card.patient and each.day == day and each.state not in GONE
    ]


def limits(hospital: Hospital, card: Card, doctor: Row, day: datetime.date, codes: tuple[str, str]) -> None:
    """Refuse what is too much for a day; ``codes``: per department, per doctor."""
    if doctor["id"] in hospital.stopped:
        raise Refusal("60206")
    limit = hospital.capacities.get("a day", _PER_DAY)
    standing = standing_of(hospital, card, day)
    if len(standing) >= limit:
        raise Refusal("60210")
    loose = limit > _PER_DAY  # a test that wants many registrations of one patient has said so
    if sum(each.department == doctor["department"] for each in standing) >= _PER_DEPARTMENT and not loose:
        raise Refusal(codes[0])
    if sum(each.doctor == doctor["id"] for each in standing) >= _PER_DOCTOR and not loose:
        raise Refusal(codes[1])


def chosen(hospital: Hospital, doctor: str, day: datetime.date, slot: str, begin: str) -> tuple[str, str]:
    """Return the slot that was asked for, or the first with room when none was."""
    found = [(name, start) for name, _, start, *_ in _slots(hospital, doctor, day)]
    if slot:
        found = [each for each in found if each[0] == slot]
    elif begin:
        found = [each for each in found if each[1] == begin[:5]]
    if not found and (slot or begin):
        raise Refusal(INVALID, "号源")
    for name, start in found:
        if hospital.room_in(name, doctor):
            return name, start
    raise Refusal("60205")


HANDLERS = {
    "20.1.1": departments,
    "20.1.2": doctors,
    "20.1.3": slots_today,
    "20.1.4": count,
    "20.1.5": may_register,
    "20.1.6": price,
    "21.2.1": slots_on,
    "21.2.5": surcharge,
}
