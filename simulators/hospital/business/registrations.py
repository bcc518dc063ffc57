"""Registration for today (20) and booked (21): the same doctors, slots and limits."""

from __future__ import annotations

import datetime
from typing import Any

from simulators.hospital.business import schedules
from simulators.hospital.data import money
from simulators.hospital.hospital import Call, Hospital
from simulators.hospital.records import Visit
from simulators.wechat.codes import NOTHING_FOUND, OUT_OF_RANGE, Refusal


# -- today
def register_today(hospital: Hospital, call: Call) -> dict[str, str]:
    """20.1.7: nothing was locked before the patient paid."""
    sent = call.sent
    card = hospital.card(sent.text("medicalCardNumber"), using=True)
    department = schedules.find_department(hospital, sent.text("departmentId"))
    if sent.day("registrationDate") != hospital.today():
        raise Refusal(OUT_OF_RANGE, "registrationDate")
    if sent.text("doctorId"):
        doctor = schedules.find_doctor(hospital, sent.text("doctorId"), department["id"])
    else:
        doctor = schedules.any_doctor(hospital, department["id"], sent.text("regClassId"))
    schedules.fits(hospital, card, department)
    schedules.limits(hospital, card, doctor, hospital.today(), ("60213", "60214"))
    fee = sent.money("registrationFee")
    if fee + hospital.parts(call) != money(doctor["fee"]):
        raise Refusal("60202")
    slot, begin = schedules.chosen(
        hospital, doctor["id"], hospital.today(), sent.text("sequence"), sent.text("registerTime")
    )
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
    department = schedules.find_department(hospital, sent.text("deptCode"))
    doctor = schedules.find_doctor(hospital, sent.text("docCode"), department["id"])
    day = sent.day("date")
    if day < hospital.today():
        raise Refusal(OUT_OF_RANGE, "date")
    schedules.fits(hospital, card, department)
    schedules.limits(hospital, card, doctor, day, ("60211", "60212"))
    slot, begin = schedules.chosen(hospital, doctor["id"], day, sent.text("hisTimeId"), sent.text("startTime"))
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
        fee=money(doctor["fee"]) + schedules.surcharge_of(doctor),
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
    if visit is None or visit.state in schedules.GONE:
        raise Refusal("60204")
    if visit.state == "seen":
        raise Refusal("60203")
    if schedules.begun(hospital, visit.day, visit.start):
        raise Refusal("60209")
    visit.state = "cancelled"
    hospital.take(visit.slot, -1)
    refund = hospital.undo(call.number, visit.trade) if visit.trade else None
    return refund.refund_no if refund else ""


# -- afterwards
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
    "20.1.7": register_today,
    "20.1.8": cancel_today,
    "20.1.9": queue,
    "21.2.2": book,
    "21.2.3": cancel_booked,
    "21.2.4": pay_booked,
    "22.1.1": seen_outpatients,
    "25.1.2": visited,
}
