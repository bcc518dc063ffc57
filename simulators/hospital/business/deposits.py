"""Deposits of those who lie in a ward (10, 39), and lists of them (11.1.1, 12.1.1)."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from simulators.hospital.business.wards import HOSPITAL, cost
from simulators.hospital.hospital import Call, Hospital
from simulators.hospital.records import Stay
from simulators.wechat.codes import NOTHING_FOUND, OUT_OF_RANGE, Refusal
from simulators.wechat.members import seconds, yuan


def find(hospital: Hospital, call: Call) -> dict[str, Any]:
    """10.1.1."""
    stay = hospital.stay_of(call)
    if stay is None:
        raise Refusal(NOTHING_FOUND)
    person, spent = stay.card.patient.person, cost(hospital, stay)
    return {
        "medicalCardNumber": stay.card.number,
        "admissionNumber": stay.number,
        "hospitalId": hospital.id,
        "status": stay.state,
        "inPatName": person.name,
        "deptName": stay.department,
        "bedNumber": stay.bed or "待安床",
        "totalCost": yuan(spent),
        "totalPrepay": yuan(stay.deposits),
        "prepayLeft": yuan(stay.deposits - spent),
        "minimumPayment": yuan(stay.minimum),
        "maximumPayment": yuan(stay.maximum),
        "sex": person.sex,
        "patInTime": seconds(stay.since),
        "idCard": person.identity,
        "phone": person.phone,
        "inpatientRecordId": stay.id,
    }


def deposit(hospital: Hospital, call: Call) -> dict[str, str]:
    """10.1.2."""
    sent = call.sent
    stay = hospital.stay_of(call)
    if stay is None:
        raise Refusal(NOTHING_FOUND)
    hospital.card(stay.card.number, using=True)
    if stay.state == "out":
        raise Refusal("60402")
    if not stay.card.may_deposit or not stay.minimum:
        raise Refusal("60401")
    amount = sent.money("amount")
    if not stay.minimum <= amount <= stay.maximum:
        raise Refusal(OUT_OF_RANGE, "amount")
    payment = hospital.book(call, "ZYYJ", sent.text("outTradeNo"), stay.card, amount, (stay.id,))
    stay.deposits += amount
    return {"outPrepayId": payment.receipt, "amount": yuan(stay.deposits - cost(hospital, stay))}


def deposits(hospital: Hospital, call: Call) -> list[dict[str, str]]:
    """39.1.1: refunds are negative."""
    stay = hospital.stay_of(call)
    patient = hospital.patient(call) if stay is None else stay.card.patient
    stays = {each.id: each for each in hospital.stays.values() if each.card.patient is patient}
    told = []
    for payment in hospital.ledger.payments:
        found = next((stays[each] for each in payment.about if each in stays), None)
        if found is None or payment.business not in ("ZYYJ", "RYSQ"):
            continue
        row = {
            "hospitalId": hospital.id,
            "hospitalName": HOSPITAL,
            "outTradeNo": payment.trade,
            "payTypeName": "百灵微信",
            "admissionNumber": found.number,
        }
        told.append(
            row
            | {"amount": yuan(payment.amount), "createTime": seconds(payment.paid_at), "prepayCode": payment.receipt}
        )
        told.extend(
            row | {"amount": yuan(-back.amount), "createTime": seconds(back.at), "prepayCode": back.receipt}
            for back in hospital.ledger.refunds_of(payment.trade)
            if back.payment is payment and back.state == "done"
        )
    return told


def low(hospital: Hospital, call: Call) -> list[dict[str, str]]:
    """11.1.1."""
    limit = call.sent.money("prePay") if call.sent.get("prePay") is not None else Decimal("500.00")
    told = []
    for stay in _inside(hospital):
        left = stay.deposits - cost(hospital, stay)
        if left < limit:
            told.append(_listed(hospital, stay) | {"balance": yuan(left), "patInTime": seconds(stay.since)})
    return told


def inside(hospital: Hospital, _call: Call) -> list[dict[str, str]]:
    """12.1.1."""
    return [_listed(hospital, stay) for stay in _inside(hospital)]


def _inside(hospital: Hospital) -> list[Stay]:
    return [stay for stay in hospital.stays.values() if stay.state == "in"]


def _listed(hospital: Hospital, stay: Stay) -> dict[str, str]:
    person = stay.card.patient.person
    return {
        "hospitalId": hospital.id,
        "medicalCardNumber": stay.card.number,
        "userName": person.name,
        "deptName": stay.department,
        "admissionNumber": stay.number,
        "bedNumber": stay.bed or "待安床",
        "idCard": person.identity,
    }


HANDLERS = {
    "10.1.1": find,
    "10.1.2": deposit,
    "11.1.1": low,
    "12.1.1": inside,
    "39.1.1": deposits,
}
