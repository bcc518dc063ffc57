"""Admission (36), companion passes (37), ward lessons (23)."""

from __future__ import annotations

from typing import Any

from simulators.hospital.business.cards import age
from simulators.hospital.hospital import Call, Hospital
from simulators.hospital.records import Companion, Stay
from simulators.wechat.codes import INVALID, NOTHING_FOUND, Refusal
from simulators.wechat.members import ZERO, seconds

_SAID = ("name", "address", "phone", "idCard", "age", "sex", "infoSource", "termOfValidity", "relationShip")
_IMAGE = "data:image/"


# -- 36
def application(hospital: Hospital, call: Call) -> dict[str, Any]:
    """36.1.1: the newest."""
    card = hospital.card(call.sent.text("medicalCardNumber"))
    found = next((each for each in reversed(hospital.applications.values()) if each.card.patient is card.patient), None)
    if found is None:
        raise Refusal(NOTHING_FOUND)
    person, stay = card.patient.person, hospital.stays.get(found.stay)
    return {
        "wardName": found.department,
        "admissionCardId": found.id,
        "prepayAmount": found.deposit,
        "phone": person.phone,
        "idCard": person.identity,
        "age": f"{age(hospital, person)}岁",
        "sex": person.sex,
        "medicalCardNumber": card.number,
        "strMemo": "门诊",
        "applyStatus": "待入院" if stay is None else ("已安床" if stay.bed else "已入院"),
        "deptName": found.department,
    } | ({} if stay is None else {"admissionNumber": stay.number})


def admit(hospital: Hospital, call: Call) -> dict[str, str]:
    """36.1.2: books the deposit and admits."""
    sent = call.sent
    card = hospital.card(sent.text("medicalCardNumber"), using=True)
    found = hospital.applications.get(sent.text("admissionCardId"))
    if found is None or found.card.patient is not card.patient:
        raise Refusal(NOTHING_FOUND, "admissionCardId")
    stay = hospital.stays.get(found.stay)
    if stay is not None and hospital.switches.paid_lines == "refuse":
        raise Refusal("60102", "已办理入院")
    amount = sent.money("payAmount")
    if amount != found.deposit:
        raise Refusal("60103")
    if stay is None:
        number = hospital.next("ZY")
        stay = Stay(number, number[-6:], card, found.department, hospital.time(), application=found.id)
        hospital.stays[stay.id] = stay
        found.stay = stay.id
    hospital.book(call, "RYSQ", sent.text("tradeNo"), card, amount, (stay.id,))
    stay.deposits += amount
    return {"patInHosId": stay.id}


def cancel_admission(hospital: Hospital, call: Call) -> dict[str, str]:
    """36.1.3: until a bed is given."""
    stay = hospital.stays.get(call.sent.text("patInHosId"))
    if stay is None or not stay.application or stay.void:
        raise Refusal("60204")
    if stay.bed:
        raise Refusal("60601", "已安床")
    payment = next((each for each in hospital.ledger.payments if stay.id in each.about), None)
    if payment is None or call.sent.money("prepayAmount") != payment.amount:
        raise Refusal("60103")
    stay.void, stay.until, stay.deposits = True, hospital.time(), ZERO
    hospital.applications[stay.application].stay = ""
    refund = hospital.undo(call.number, payment.trade)
    assert refund is not None
    return {"refoundNo": refund.refund_no}


# -- 37
def companion(hospital: Hospital, call: Call) -> dict[str, Any]:
    """37.1.1: the newest of a companion for a stay."""
    sent = call.sent
    for each in reversed(hospital.companions.values()):
        stay = hospital.stays[each.stay]
        if stay.number == sent.text("admissionNumber") and each.said["idCard"] == sent.text("idCard"):
            return each.said | {
                "caregiversId": each.id,
                "medicalCardNumber": stay.card.number,
                "flagInvalid": "1" if each.void else "0",
            }
    raise Refusal(NOTHING_FOUND)


def add_companion(hospital: Hospital, call: Call) -> dict[str, str]:
    """37.1.3: no key, a repeat is a second pass."""
    sent = call.sent
    stay = next(
        (each for each in hospital.stays.values() if each.number == sent.text("admissionNumber") and not each.void),
        None,
    )
    if stay is None:
        raise Refusal(NOTHING_FOUND, "admissionNumber")
    if stay.state == "out":
        raise Refusal("60402")
    said = {name: sent.text(name) for name in _SAID} | {"createTime": sent.text("createTime")}
    found = Companion(hospital.next("PH"), stay.id, said)
    hospital.companions[found.id] = found
    return {"caregiversId": found.id}


def change_companion(hospital: Hospital, call: Call) -> None:
    """37.1.2."""
    found = _companion(hospital, call)
    found.said |= {name: call.sent.text(name) for name in _SAID if call.sent.get(name)}
    found.void = call.sent.text("flagInvalid") == "1"


def delete_companion(hospital: Hospital, call: Call) -> None:
    """37.1.4."""
    del hospital.companions[_companion(hospital, call).id]


def _companion(hospital: Hospital, call: Call) -> Companion:
    found = hospital.companions.get(call.sent.text("caregiversId"))
    if found is None:
        raise Refusal(NOTHING_FOUND)
    return found


# -- 23
def lessons(hospital: Hospital, call: Call) -> list[dict[str, Any]]:
    """23.1.1."""
    patient = hospital.patient(call)
    return [
        {
            "id": each.id,
            "patientName": patient.person.name,
            "hospitalId": hospital.id,
            "signStatus": "signed" if each.signed else "notSign",
            "pushTime": seconds(each.at),
            "peduNurseName": "虚护",
            "peduName": each.title,
            "mainHeading": each.title,
        }
        for each in hospital.lessons.values()
        if each.patient is patient
    ]


def lesson(hospital: Hospital, call: Call) -> dict[str, Any]:
    """23.1.2."""
    found = hospital.lessons.get(call.sent.text("id"))
    if found is None:
        raise Refusal(NOTHING_FOUND)
    return {
        "id": found.id,
        "patientName": found.patient.person.name,
        "signStatus": "signed" if found.signed else "notSign",
        "pushTime": seconds(found.at),
        "hospitalId": hospital.id,
        "peduName": found.title,
        "peduNurseName": "虚护",
        "educationContent": "<p>请卧床休息，按时服药。</p>",
    } | ({"signImage": found.signed} if found.signed else {})


def sign(hospital: Hospital, call: Call) -> None:
    """23.1.3: a second signature replaces the first."""
    found = hospital.lessons.get(call.sent.text("id"))
    if found is None:
        raise Refusal(NOTHING_FOUND)
    image = call.sent.text("signImage")
    if not image.startswith(_IMAGE):
        raise Refusal(INVALID, "signImage")
    found.signed = image


HANDLERS = {
    "23.1.1": lessons,
    "23.1.2": lesson,
    "23.1.3": sign,
    "36.1.1": application,
    "36.1.2": admit,
    "36.1.3": cancel_admission,
    "37.1.1": companion,
    "37.1.2": change_companion,
    "37.1.3": add_companion,
    "37.1.4": delete_companion,
}
