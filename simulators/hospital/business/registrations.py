"""Registration for today (20) and booked (21): the same doctors, slots and limits."""

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
from simulators.wechat.codes import INVALID, NOTHING_FOUND, OUT_OF_RANGE, Refusal

_PER_DEPARTMENT, _PER_DOCTOR, _PER_DAY = 2, 1, 4  #: registrations of a patient a day
_HALVES = {"AM": "A", "PM": "P"}
_GONE = ("cancelled",)


# -- what there is
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
    department = _department(hospital, call.sent.text("departmentId"))
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
            if half in ("", name) and not _begun(hospital, day, begin):
                yield f"{doctor}-{day:%Y%m%d}-{position}", name, begin, end, position


def _begun(hospital: Hospital, day: datetime.date, begin: str) -> bool:
    if hospital.switches.check_in == "open":
        return False
    return hospital.time() >= datetime.datetime.combine(day, datetime.time.fromisoformat(begin))


def slots_today(hospital: Hospital, call: Call) -> list[dict[str, Any]]:
    """20.1.3."""
    doctor = _doctor(hospital, call.sent.text("doctorId"), call.sent.text("departmentId"))["id"]
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
    doctor = _doctor(hospital, sent.text("docCode"), sent.text("deptCode"))["id"]
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
    return len(_standing(hospital, card, hospital.today()))


def may_register(hospital: Hospital, call: Call) -> None:
    """20.1.5: no is a refusal with its reason."""
    card = hospital.card(call.sent.text("medicalCardNumber"), using=True)
    _fits(hospital, card, _department(hospital, call.sent.text("departmentId")))


def price(hospital: Hospital, call: Call) -> str:
    """20.1.6: children pay nothing at the paediatric clinic, everybody else the fee."""
    sent = call.sent
    hospital.card(sent.text("medicalCardNumber"))
    if sent.text("doctorId"):
        return str(_doctor(hospital, sent.text("doctorId"), sent.text("departmentId"))["fee"])
    return str(_any_doctor(hospital, sent.text("departmentId"), sent.text("opType"))["fee"])


def surcharge(hospital: Hospital, call: Call) -> dict[str, Decimal]:
    """21.2.5."""
    return {"surcharge": _surcharge(_doctor(hospital, call.sent.text("docCode"), call.sent.text("deptCode")))}


def _surcharge(doctor: Row) -> Decimal:
    return money(doctor.get("surcharge", "0"))


# -- today
def register_today(hospital: Hospital, call: Call) -> dict[str, str]:
    """20.1.7: nothing was locked before the patient paid."""
    sent = call.sent
    card = hospital.card(sent.text("medicalCardNumber"), using=True)
    department = _department(hospital, sent.text("departmentId"))
    if sent.day("registrationDate") != hospital.today():
        raise Refusal(OUT_OF_RANGE, "registrationDate")
    if sent.text("doctorId"):
        doctor = _doctor(hospital, sent.text("doctorId"), department["id"])
    else:
        doctor = _any_doctor(hospital, department["id"], sent.text("regClassId"))
    _fits(hospital, card, department)
    _limits(hospital, card, doctor, hospital.today(), ("60213", "60214"))
    fee = sent.money("registrationFee")
    if fee + hospital.parts(call) != money(doctor["fee"]):
        raise Refusal("60202")
    slot, begin = _chosen(hospital, doctor["id"], hospital.today(), sent.text("sequence"), sent.text("registerTime"))
    key, trade = sent.text("todayRegisterId"), sent.text("payId")
    payment = hospital.book(call, "DRGH", trade, card, fee, (key,))
    hospital.take(slot)
    visit = Visit(
        key=key,
        kind="today",
        card=card,
        doctor=doctor["id"],
        department=department["id"],
        slot=slot,
        day=hospital.today(),
        start=begin,
        fee=money(doctor["fee"]),
        sn=hospital.taken[slot],
        id=hospital.next("GH"),
        trade=trade,
        state="registered",
    )
    hospital.visits.append(visit)
    return {"hisRegistrationId": visit.id, "invoiceId": "FP" + payment.receipt[2:]}


def cancel_today(hospital: Hospital, call: Call) -> dict[str, str]:
    """20.1.8."""
    key, number = call.sent.text("todayRegisterId"), call.sent.text("hisRegistrationId")
    visit = next((each for each in hospital.visits if (each.key, each.id) == (key, number)), None)
    refund_no = _cancel(hospital, call, visit)
    return {"newInvoiceId": f"FP{refund_no}", "refundNo": refund_no}


def queue(hospital: Hospital, call: Call) -> dict[str, Any]:
    """20.1.9."""
    key = call.sent.text("todayRegisterId")
    visit = next((each for each in hospital.visits if each.key == key and each.state == "registered"), None)
    if visit is None:
        raise Refusal(NOTHING_FOUND)
    ahead = [
        each
        for each in hospital.visits
        if each.doctor == visit.doctor and each.day == visit.day and each.state == "registered"
    ].index(visit)
    room = hospital.catalogue.departments[visit.department]["room_name"]
    return {"queueNumber": f"{ahead + 1:03d}", "currentOrderNumber": ahead, "roomName": room}


# -- booked
def book(hospital: Hospital, call: Call) -> dict[str, str]:
    """21.2.2: takes a place, no money yet."""
    sent = call.sent
    card = hospital.card(sent.text("medicalCard"), using=True)
    department = _department(hospital, sent.text("deptCode"))
    doctor = _doctor(hospital, sent.text("docCode"), department["id"])
    day = sent.day("date")
    if day < hospital.today():
        raise Refusal(OUT_OF_RANGE, "date")
    _fits(hospital, card, department)
    _limits(hospital, card, doctor, day, ("60211", "60212"))
    slot, begin = _chosen(hospital, doctor["id"], day, sent.text("hisTimeId"), sent.text("startTime"))
    hospital.take(slot)
    visit = Visit(
        key=sent.text("recordId"),
        kind="booked",
        card=card,
        doctor=doctor["id"],
        department=department["id"],
        slot=slot,
        day=day,
        start=begin,
        fee=money(doctor["fee"]) + _surcharge(doctor),
        sn=hospital.taken[slot],
    )
    hospital.visits.append(visit)
    return {"appointmentCode": hospital.next("YY"), "sn": str(visit.sn)}


def pay_booked(hospital: Hospital, call: Call) -> dict[str, str]:
    """21.2.4."""
    sent = call.sent
    card = hospital.card(sent.text("medicalCardNumber"), using=True)
    states = ("booked", "registered") if hospital.switches.paid_lines == "take" else ("booked",)
    visit = _booked(hospital, sent.text("recordId"), states)
    if visit is None or visit.card.patient is not card.patient:
        raise Refusal("60204")
    if visit.doctor in hospital.stopped:
        raise Refusal("60206")
    fee = sent.money("arAmt")
    if fee + hospital.parts(call) + sent.money("surcharge") not in (visit.fee, visit.fee + sent.money("surcharge")):
        raise Refusal("60202")
    payment = hospital.book(call, "YYGH", sent.text("payId"), card, fee, (visit.key,))
    visit.state, visit.trade = "registered", payment.trade
    visit.id = visit.id or hospital.next("GH")
    return {"hisRegistrationId": visit.id, "invoiceId": "FP" + payment.receipt[2:]}


def cancel_booked(hospital: Hospital, call: Call) -> dict[str, str]:
    """21.2.3: refundNo, beside the code, once money was taken."""
    return {"refundNo": _cancel(hospital, call, _booked(hospital, call.sent.text("recordId")))}


def _booked(hospital: Hospital, key: str, states: tuple[str, ...] = ()) -> Visit | None:
    found = [each for each in hospital.visits if each.key == key and each.kind == "booked"]
    return next((each for each in reversed(found) if not states or each.state in states), None)


# -- both
def _cancel(hospital: Hospital, call: Call, visit: Visit | None) -> str:
    if visit is None or visit.state in _GONE:
        raise Refusal("60204")
    if visit.state == "seen":
        raise Refusal("60203")
    if _begun(hospital, visit.day, visit.start):
        raise Refusal("60209")
    visit.state = "cancelled"
    hospital.take(visit.slot, -1)
    refund = hospital.undo(call.number, visit.trade) if visit.trade else None
    return refund.refund_no if refund else ""


def _department(hospital: Hospital, number: str) -> Row:
    found = hospital.catalogue.departments.get(number)
    if found is None:
        raise Refusal(NOTHING_FOUND, "科室")
    return found


def _doctor(hospital: Hospital, number: str, department: str) -> Row:
    found = hospital.catalogue.doctors.get(number)
    if found is None or department not in ("", found["department"]):
        raise Refusal("60002")
    return found


def _any_doctor(hospital: Hospital, department: str, kind: str) -> Row:
    for row in hospital.catalogue.doctors.values():
        if row["department"] == department and kind in ("", row["class"]) and row["id"] not in hospital.stopped:
            return row
    raise Refusal("60002")


def _fits(hospital: Hospital, card: Card, department: Row) -> None:
    person = card.patient.person
    if department.get("sex", person.sex) != person.sex:
        raise Refusal("60207")
    if age(hospital, person) > department.get("oldest", 200):
        raise Refusal("60208")


def _standing(hospital: Hospital, card: Card, day: datetime.date) -> list[Visit]:
    return [
        each
        for each in hospital.visits
        if each.card.patient is card.patient and each.day == day and each.state not in _GONE
    ]


def _limits(hospital: Hospital, card: Card, doctor: Row, day: datetime.date, codes: tuple[str, str]) -> None:
    if doctor["id"] in hospital.stopped:
        raise Refusal("60206")
    limit = hospital.capacities.get("a day", _PER_DAY)
    standing = _standing(hospital, card, day)
    if len(standing) >= limit:
        raise Refusal("60210")
    loose = limit > _PER_DAY  # a test that wants many registrations of one patient has said so
    if sum(each.department == doctor["department"] for each in standing) >= _PER_DEPARTMENT and not loose:
        raise Refusal(codes[0])
    if sum(each.doctor == doctor["id"] for each in standing) >= _PER_DOCTOR and not loose:
        raise Refusal(codes[1])


def _chosen(hospital: Hospital, doctor: str, day: datetime.date, slot: str, begin: str) -> tuple[str, str]:
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


def seen_outpatients(hospital: Hospital, call: Call) -> list[dict[str, str]]:
    """22.1.1."""
    first, last = call.sent.moment("beginTime"), call.sent.moment("endTime", late=True)
    found = []
    for visit in hospital.visits:
        at = datetime.datetime.combine(visit.day, datetime.time.fromisoformat(visit.start))
        if visit.state in ("registered", "seen") and first <= at <= last:
            found.append(
                {
                    "hospitalId": hospital.id,
                    "registerId": visit.id,
                    "patientName": visit.card.patient.person.name,
                    "medicalCardNumber": visit.card.number,
                    "idCard": visit.card.patient.person.identity,
                    "registerTime": f"{at:%Y-%m-%d %H:%M:%S}",
                    "deptName": hospital.catalogue.departments[visit.department]["name"],
                    "deptCode": visit.department,
                    "docName": hospital.catalogue.doctors[visit.doctor]["name"],
                    "docCode": visit.doctor,
                    "isPaid": "1",
                }
            )
    return found


def visited(hospital: Hospital, call: Call) -> list[dict[str, str]]:
    """25.1.2: whom a patient has been to."""
    patient = hospital.patient(call)
    first, last = call.sent.day("beginTime"), call.sent.day("endTime")
    doctors = {
        each.doctor: each
        for each in hospital.visits
        if each.card.patient is patient and each.state in ("registered", "seen") and first <= each.day <= last
    }
    return [
        {
            "hospitalId": hospital.id,
            "doctorName": hospital.catalogue.doctors[visit.doctor]["name"],
            "doctorCode": visit.doctor,
            "dept": hospital.catalogue.departments[visit.department]["name"],
            "post": hospital.catalogue.doctors[visit.doctor]["title"],
            "lastClinicTime": f"{visit.day} {visit.start}:00",
        }
        for visit in doctors.values()
    ]


HANDLERS = {
    "20.1.1": departments,
    "20.1.2": doctors,
    "20.1.3": slots_today,
    "20.1.4": count,
    "20.1.5": may_register,
    "20.1.6": price,
    "20.1.7": register_today,
    "20.1.8": cancel_today,
    "20.1.9": queue,
    "21.2.1": slots_on,
    "21.2.2": book,
    "21.2.3": cancel_booked,
    "21.2.4": pay_booked,
    "21.2.5": surcharge,
    "22.1.1": seen_outpatients,
    "25.1.2": visited,
}
