"""Stays in hospital: deposits (10, 11, 39), daily bills (12), bills (18), lists (22.1.2, 27.1.1, 35.1.1)."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from simulators.hospital.business.cards import age
from simulators.hospital.data import Row
from simulators.hospital.hospital import Call, Hospital
from simulators.hospital.records import Stay
from simulators.wechat.codes import NOTHING_FOUND, OUT_OF_RANGE, Refusal
from simulators.wechat.members import ZERO, seconds, yuan

_DOCTOR, _DIAGNOSIS, _HOSPITAL = "虚甲", "高血压病2级", "虚构市示例医院"


@dataclass(frozen=True)
class Charge:
    """One charge of a day in the ward."""

    day: datetime.date
    row: Row

    @property
    def quantity(self) -> Decimal:
        """Return how many."""
        return Decimal(self.row["quantity"])

    @property
    def amount(self) -> Decimal:
        """Return price × quantity to the cent."""
        return (Decimal(self.row["price"]) * self.quantity).quantize(ZERO)


def charges(hospital: Hospital, stay: Stay) -> Iterator[Charge]:
    """Return what a stay has cost: the same every day from admission to discharge."""
    last = (stay.until or hospital.time()).date()
    day = stay.since.date()
    while day <= last:
        for row in hospital.catalogue.ward:
            yield Charge(day, row)
        day += datetime.timedelta(days=1)


def cost(hospital: Hospital, stay: Stay) -> Decimal:
    """Return what a stay has cost."""
    return sum((each.amount for each in charges(hospital, stay)), ZERO)


# -- deposits
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
            "hospitalName": _HOSPITAL,
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


# -- bills
def day_bill(hospital: Hospital, call: Call) -> dict[str, Any]:
    """12.1.2."""
    day = call.sent.day("date")
    return _bill(hospital, hospital.stay_of(call), day)


def whole_bill(hospital: Hospital, call: Call) -> dict[str, Any]:
    """18.1.3."""
    return _bill(hospital, hospital.stays.get(call.sent.text("id")), None)


def _bill(hospital: Hospital, stay: Stay | None, day: datetime.date | None) -> dict[str, Any]:
    if stay is None:
        raise Refusal(NOTHING_FOUND)
    found = [each for each in charges(hospital, stay) if day in (None, each.day)]
    person = stay.card.patient.person
    return {
        "name": person.name,
        "sex": person.sex,
        "doctor": _DOCTOR,
        "total": yuan(sum((each.amount for each in found), ZERO)),
        "admissionNumber": stay.number,
        "diagnosis": _DIAGNOSIS,
        "details": [
            {
                "time": f"{each.day} 08:00:00",
                "item": each.row["item"],
                "type": each.row["type"],
                "price": each.row["price"] if day is None else yuan(Decimal(each.row["price"])),
                "quantity": each.row["quantity"],
                "amount": yuan(each.amount),
            }
            for each in found
        ],
    }


def summary(hospital: Hospital, call: Call) -> dict[str, Any]:
    """18.1.4: by day, by item, by class."""
    stay = _stay(hospital, call)
    day = call.sent.day("date") if call.sent.get("date") else None
    found = [each for each in charges(hospital, stay) if day in (None, each.day)]
    person = stay.card.patient.person
    return {
        "patientName": person.name,
        "sex": person.sex,
        "inpatientNo": stay.number,
        "doctor": _DOCTOR,
        "totalAmount": yuan(cost(hospital, stay)),
        "diagnosis": _DIAGNOSIS,
        "groupByDate": [{"date": name, "total": total} for name, total in _sums(found, lambda each: f"{each.day}")],
        "groupByCharge": [
            {
                "name": row["item"],
                "price": row["price"],
                "quantity": str(sum((each.quantity for each in found if each.row is row), Decimal(0))),
                "total": yuan(sum((each.amount for each in found if each.row is row), ZERO)),
            }
            for row in hospital.catalogue.ward
        ],
        "groupByChargeClass": [
            {"name": name, "total": total} for name, total in _sums(found, lambda each: str(each.row["type"]))
        ],
    }


def _sums(found: list[Charge], of: Any) -> list[tuple[str, str]]:
    totals: dict[str, Decimal] = {}
    for each in found:
        totals[of(each)] = totals.get(of(each), ZERO) + each.amount
    return [(name, yuan(total)) for name, total in totals.items()]


def one_day(hospital: Hospital, call: Call) -> list[dict[str, str]]:
    """18.1.5."""
    day = call.sent.day("time")
    return [
        {
            "itemId": each.row["id"],
            "itemName": each.row["item"],
            "price": each.row["price"],
            "quantity": each.row["quantity"],
            "amount": yuan(each.amount),
            "itemTypeName": each.row["type"],
            "date": f"{day}",
        }
        for each in charges(hospital, _stay(hospital, call))
        if each.day == day
    ]


def _stay(hospital: Hospital, call: Call) -> Stay:
    found = hospital.stays.get(call.sent.text("id", "patientInHospitalId"))
    if found is None:
        raise Refusal(NOTHING_FOUND)
    return found


# -- lists of stays
def stays(hospital: Hospital, call: Call) -> list[dict[str, str]]:
    """18.1.2."""
    patient = hospital.patient(call)
    first, last = call.sent.moment("startTime"), call.sent.moment("endTime", late=True)
    return [
        {
            "hospitalId": hospital.id,
            "id": stay.id,
            "dateOfAdmission": seconds(stay.since),
            "dept": stay.department,
            "diagnosis": _DIAGNOSIS,
            "cost": yuan(cost(hospital, stay)),
        }
        | ({"dateOfDischarge": seconds(stay.until)} if stay.until else {})
        for stay in hospital.stays.values()
        if stay.card.patient is patient and not stay.void and first <= stay.since <= last
    ]


def for_copies(hospital: Hospital, call: Call) -> list[dict[str, str]]:
    """27.1.1."""
    number, identity = call.sent.text("admissionNumber"), call.sent.text("idCard")
    return [
        {
            "patInHosCode": stay.number,
            "patInTime": f"{stay.since.date()}",
            "wardName": stay.department,
            "patInStatus": "3" if stay.void else {"in": "1", "out": "2"}[stay.state],
        }
        | ({"patOutTime": f"{stay.until.date()}"} if stay.until else {})
        for stay in hospital.stays.values()
        if stay.number == number or stay.card.patient.person.identity == identity
    ]


def discharged(hospital: Hospital, call: Call) -> list[dict[str, str]]:
    """22.1.2."""
    first, last = call.sent.moment("beginTime"), call.sent.moment("endTime", late=True)
    return [
        {
            "hospitalId": hospital.id,
            "admissionNumber": stay.number,
            "inHospitalId": stay.id,
            "patientName": stay.card.patient.person.name,
            "inHospitalTime": seconds(stay.since),
            "outHospitalTime": seconds(stay.until),
            "deptName": stay.department,
            "deptCode": "0101",
            "docName": _DOCTOR,
            "docCode": "D001",
            "isPaid": "1",
            "idCard": stay.card.patient.person.identity,
        }
        for stay in hospital.stays.values()
        if stay.until is not None and first <= stay.until <= last
    ]


def discharges(hospital: Hospital, call: Call) -> list[dict[str, str]]:
    """35.1.1."""
    patient = hospital.patient(call)
    return [
        {
            "age": f"{age(hospital, patient.person)}岁",
            "department": stay.department,
            "diagnose": _DIAGNOSIS,
            "hospitalId": hospital.id,
            "inHospitalCode": stay.number,
            "inHospitalTime": seconds(stay.since),
            "outHospitalTime": seconds(stay.until),
            "patientInHospitalId": stay.id,
            "hospitalName": _HOSPITAL,
            "prescriptionType": "西药处方",
        }
        for stay in hospital.stays.values()
        if stay.card.patient is patient and stay.until is not None
    ]


def drugs_home(hospital: Hospital, call: Call) -> dict[str, Any]:
    """35.1.2."""
    stay = _stay(hospital, call)
    person = stay.card.patient.person
    return {
        "patientName": person.name,
        "sex": person.sex,
        "createTime": seconds(stay.until or stay.since),
        "age": f"{age(hospital, person)}岁",
        "department": stay.department,
        "diagnose": _DIAGNOSIS,
        "doctorName": _DOCTOR,
        "drugList": [
            {
                "drugName": "缬沙坦胶囊",
                "spec": "80mg*7粒",
                "quantity": "2盒",
                "usage": "口服",
                "useAmount": "80mg",
                "frequency": "qd",
                "frequencyName": "一日一次",
                "drugId": "Y001",
            }
        ],
    }


HANDLERS = {
    "10.1.1": find,
    "10.1.2": deposit,
    "11.1.1": low,
    "12.1.1": inside,
    "12.1.2": day_bill,
    "18.1.2": stays,
    "18.1.3": whole_bill,
    "18.1.4": summary,
    "18.1.5": one_day,
    "22.1.2": discharged,
    "27.1.1": for_copies,
    "35.1.1": discharges,
    "35.1.2": drugs_home,
    "39.1.1": deposits,
}
