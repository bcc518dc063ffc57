"""Cards (1, 2): made at the platform, bound to a plastic one, looked up."""

from __future__ import annotations

import dataclasses
import datetime
from typing import Any

from simulators.hospital.hospital import Call, Hospital
from simulators.hospital.people import Card
from simulators.wechat.codes import INVALID, NOTHING_FOUND, Refusal
from simulators.wechat.members import yuan
from simulators.wechat.people import Person


def create(hospital: Hospital, call: Call) -> None:
    """1.2.1, 1.2.2: a card that exists already is a success [doc]."""
    sent = call.sent
    number = sent.text("medicalCardNumber")
    if number in hospital.people.cards:
        return
    if not sent.text("phone"):
        raise Refusal("60505")
    identity = sent.text("idcard", "motherIdcard")
    if not identity:
        raise Refusal("60501")
    known = hospital.people.by_identity(identity, sent.text("name"))
    if known is not None:
        hospital.people.cards[number] = Card(number, known, hospital.today())
        return
    person = Person(
        card=number,
        name=sent.text("name"),
        sex=_sex(sent.text("sex", "gender")),
        born=sent.day("birthday"),
        identity=identity,
        phone=sent.text("phone"),
        address=sent.text("address"),
    )
    hospital.people.add(person, hospital.today())


def add_contact(hospital: Hospital, call: Call) -> None:
    """1.2.3."""
    names = ("name", "gender", "birthday", "address", "phone", "nation", "relation")
    said = {name: call.sent.text(name) for name in names}
    hospital.card(call.sent.text("medicalCardNumber")).patient.contacts[call.sent.text("idcard")] = said


def correct(hospital: Hospital, call: Call) -> None:
    """1.2.4: what comes replaces what stands."""
    sent, patient = call.sent, hospital.card(call.sent.text("medicalCardNumber")).patient
    named: dict[str, str] = {"name": "name", "phone": "phone", "idcard": "identity"}
    change: dict[str, Any] = {ours: sent.text(theirs) for theirs, ours in named.items() if sent.get(theirs)}
    if sent.get("gender"):
        change["sex"] = _sex(sent.text("gender"))
    if sent.get("birthdate"):
        change["born"] = sent.day("birthdate")
    if isinstance(address := sent.get("address"), dict):
        change["address"] = "".join(str(part) for part in address.values())
    patient.person = dataclasses.replace(patient.person, **change)
    patient.marital = sent.text("maritalStatusName") or patient.marital


def look_up(hospital: Hospital, call: Call) -> dict[str, Any]:
    """2.1.1."""
    card = hospital.card(call.sent.text("medicalCardNumber"))
    person = card.patient.person
    return {
        "name": person.name,
        "phone": person.phone,
        "sex": person.sex,
        "address": person.address,
        "birthdate": f"{person.born}",
        "idCardNo": person.identity,
        "medicalCardNumber": card.number,
        "impoverished": "0",
    }


def bind(hospital: Hospital, call: Call) -> dict[str, str]:
    """2.1.2: both cards reach the old one's patient; an unknown new one is opened."""
    sent = call.sent
    old = hospital.card(sent.text("oldMedicalCardNumber"), using=True)
    if sent.text("name") != old.patient.person.name:
        raise Refusal(INVALID, "name")
    number = sent.text("newMedicalCardNumber")
    new = hospital.people.cards.setdefault(number, Card(number, old.patient, hospital.today()))
    if new.patient is not old.patient:
        new.was, new.patient = new.patient, old.patient
    return {"createDate": f"{old.since}"}


def unbind(hospital: Hospital, call: Call) -> None:
    """2.1.4: the new card goes back to whose it was, or is closed."""
    old = hospital.card(call.sent.text("oldMedicalCardNumber"))
    new = hospital.card(call.sent.text("newMedicalCardNumber"))
    if new.patient is not old.patient or new is old:
        raise Refusal(NOTHING_FOUND)
    if new.was is None:
        del hospital.people.cards[new.number]
    else:
        new.patient, new.was = new.was, None


def list_cards(hospital: Hospital, call: Call) -> list[dict[str, str]]:
    """2.1.3."""
    patient = hospital.people.by_identity(call.sent.text("idCard", "idCardNo"), call.sent.text("name"))
    if patient is None:
        return []
    person = patient.person
    return [
        {
            "name": person.name,
            "phone": person.phone,
            "gender": "1" if person.sex == "男" else "0",
            "address": person.address,
            "birthdate": f"{person.born}",
            "idCardNo": person.identity,
            "medicalCardNumber": card.number,
            "amount": yuan(card.balance),
        }
        for card in hospital.people.cards_of(patient)
    ]


def age(hospital: Hospital, person: Person) -> int:
    """Return somebody's age in years."""
    today: datetime.date = hospital.today()
    return today.year - person.born.year - ((today.month, today.day) < (person.born.month, person.born.day))


def _sex(said: str) -> str:
    return {"1": "男", "2": "女"}.get(said, said)


HANDLERS = {
    "1.2.1": create,
    "1.2.2": create,
    "1.2.3": add_contact,
    "1.2.4": correct,
    "2.1.1": look_up,
    "2.1.2": bind,
    "2.1.3": list_cards,
    "2.1.4": unbind,
}
