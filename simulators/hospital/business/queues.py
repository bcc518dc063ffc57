"""Triage (15), check-in (42) and the queues (26, 43)."""

from __future__ import annotations

from typing import Any

from simulators.hospital.data import Row
from simulators.hospital.hospital import Call, Hospital
from simulators.hospital.people import Card
from simulators.hospital.records import Place
from simulators.wechat.codes import INVALID, NOTHING_FOUND, Refusal
from simulators.wechat.members import seconds


def open_rooms(hospital: Hospital, call: Call) -> list[dict[str, Any]]:
    """15.1.1."""
    hospital.card(call.sent.text("medicalCardNumber"))
    told = []
    for doctor in hospital.catalogue.doctors.values():
        department = hospital.catalogue.departments[doctor["department"]]
        told.append(
            {
                "wardName": department["ward"],
                "deptName": department["name"],
                "roomName": department["room_name"],
                "roomId": department["room"],
                "doctorName": doctor["name"],
                "doctorId": doctor["id"],
                "className": doctor["class_name"],
                "queueCount": len(_queue(hospital, department["room"], doctor["id"])),
            }
        )
    return told


def triage(hospital: Hospital, call: Call) -> None:
    """15.1.2: whoever is not registered is so by this."""
    sent = call.sent
    card = hospital.card(sent.text("medicalCardNumber"), using=True)
    room = sent.text("roomId")
    if room not in {each["room"] for each in hospital.catalogue.departments.values()}:
        raise Refusal(INVALID, "roomId")
    _join(hospital, card, room, sent.text("doctorId"))


def place(hospital: Hospital, call: Call) -> dict[str, Any]:
    """15.1.3."""
    sent = call.sent
    return _told(hospital, hospital.card(sent.text("medicalCardNumber")), sent.text("roomId"), sent.text("doctorId"))


def appointments(hospital: Hospital, call: Call) -> list[dict[str, Any]]:
    """42.1.1: today's registrations."""
    card = hospital.card(call.sent.text("medicalCardNumber"))
    told = []
    for visit in hospital.visits:
        if visit.card.patient is card.patient and visit.day == hospital.today() and visit.state == "registered":
            department = hospital.catalogue.departments[visit.department]
            found = _standing(hospital, card, department["room"], visit.doctor)
            told.append(
                {
                    "deptId": visit.department,
                    "deptName": department["name"],
                    "roomId": department["room"],
                    "roomName": department["room_name"],
                    "doctorId": visit.doctor,
                    "doctorName": hospital.catalogue.doctors[visit.doctor]["name"],
                    "appointmentTime": f"{visit.day} {visit.start}",
                    "triageState": "1" if found else "0",
                }
                | ({"triageTime": seconds(found.at)} if found else {})
            )
    return told


def check_in(hospital: Hospital, call: Call) -> None:
    """42.1.2: of one of today's registrations."""
    sent = call.sent
    card = hospital.card(sent.text("medicalCardNumber"), using=True)
    wanted = (sent.text("deptId"), sent.text("doctorId"))
    if not any(
        (each.department, each.doctor) == wanted and each.card.patient is card.patient and each.state == "registered"
        for each in hospital.visits
    ):
        raise Refusal(NOTHING_FOUND)
    _join(hospital, card, hospital.catalogue.departments[wanted[0]]["room"], wanted[1])


def place_checked_in(hospital: Hospital, call: Call) -> dict[str, Any]:
    """42.1.3."""
    sent = call.sent
    department: Row = hospital.catalogue.departments.get(sent.text("deptId"), {"room": ""})
    return _told(hospital, hospital.card(sent.text("medicalCardNumber")), department["room"], sent.text("doctorId"))


def imaging(hospital: Hospital, call: Call) -> list[dict[str, Any]]:
    """26.1.1: the examinations a patient has registered for today."""
    patient = hospital.patient(call)
    rooms = {each["room"]: each for each in hospital.catalogue.examinations}
    found = [each for each in hospital.bookings.values() if each.kind == "examination" and each.state == "registered"]
    return [
        {
            "queueNumber": f"C{position:03d}",
            "currentOrderNumber": position,
            "deptName": "医学影像科",
            "roomName": rooms[booking.where]["room_name"],
            "triageTime": hospital.stamp(),
            "appointmentTime": seconds(booking.at),
            "projectsShort": rooms[booking.where]["item"],
        }
        for position, booking in enumerate(found, 1)
        if booking.card.patient is patient
    ]


def _queue(hospital: Hospital, room: str, doctor: str) -> list[Place]:
    today = hospital.today()
    return [each for each in hospital.places if (each.room, each.doctor) == (room, doctor) and each.at.date() == today]


def _standing(hospital: Hospital, card: Card, room: str, doctor: str) -> Place | None:
    found = (
        each
        for each in hospital.places
        if each.card.patient is card.patient
        and room in ("", each.room)
        and each.doctor == doctor
        and each.at.date() == hospital.today()
    )
    return next(found, None)


def _join(hospital: Hospital, card: Card, room: str, doctor: str) -> None:
    if _standing(hospital, card, room, doctor) is not None:
        raise Refusal("60701")
    number = len(_queue(hospital, room, doctor)) + 1
    hospital.places.append(Place(card, room, doctor, hospital.time(), number))


def _told(hospital: Hospital, card: Card, room: str, doctor: str) -> dict[str, Any]:
    found = _standing(hospital, card, room, doctor)
    if found is None:
        raise Refusal(NOTHING_FOUND)
    rooms = {each["room"]: each["room_name"] for each in hospital.catalogue.departments.values()}
    ahead = sum(each.number < found.number for each in _queue(hospital, found.room, found.doctor))
    return {
        "hospitalId": hospital.id,
        "queueNumber": f"{found.number:03d}",
        "currentOrderNumber": ahead,
        "roomName": rooms[found.room],
    }


HANDLERS = {
    "15.1.1": open_rooms,
    "15.1.2": triage,
    "15.1.3": place,
    "26.1.1": imaging,
    "42.1.1": appointments,
    "42.1.2": check_in,
    "42.1.3": place_checked_in,
}
