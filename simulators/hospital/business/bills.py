"""Clinic bills (3): lines to pay and their payment; the guide (4), bills and invoices of what was paid (18.1.1, 31)."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from simulators.hospital.data import money
from simulators.hospital.hospital import Call, Hospital
from simulators.hospital.ledger import Payment
from simulators.hospital.people import Patient
from simulators.hospital.records import Line
from simulators.wechat.codes import INVALID, Refusal
from simulators.wechat.members import ZERO, Members, seconds, yuan

#: 4.1.1: state of a line by its kind, unpaid and paid.
_STATES = {"lis": ("2001", "2002"), "pacs": ("3001", "3002"), "ecg": ("5001", "5002"), "other": ("4001", "4002")}
_ROOMS = {"wm": "门诊西药房", "tcm": "门诊中药房", "lis": "检验科", "pacs": "医学影像科", "ecg": "心电图室"}
_BUSINESSES = {"ZYYJ": "3", "RYSQ": "3"}  #: invoices of deposits; all others are of the clinic


def write_bill(hospital: Hospital, patient: Patient, lines: list[Mapping[str, Any]], doctor: str) -> list[Line]:
    """A doctor writes a prescription."""
    number = hospital.next("CF")
    row = hospital.catalogue.doctors[doctor]
    written = []
    for position, said in enumerate(lines, 1):
        line = Line(
            id=f"{number}-{position}",
            patient=patient,
            prescription=number,
            item=str(said["item"]),
            kind=str(said.get("kind", "other")),
            unit=str(said.get("unit", "次")),
            price=money(said["price"]),
            quantity=Decimal(str(said.get("quantity", "1"))),
            discount=money(said.get("discount", "0")),
            doctor=row["name"],
            department=hospital.catalogue.departments[row["department"]]["name"],
            at=hospital.time(),
        )
        hospital.lines[line.id] = line
        hospital.unpaid.setdefault(patient.id, {})[line.id] = line
        written.append(line)
    return written


def write_next(hospital: Hospital, patient: Patient) -> list[Line]:
    """A doctor writes the next of the invented prescriptions."""
    rows = hospital.catalogue.prescriptions
    row = rows[(hospital.counter + int(patient.id[1:])) % len(rows)]
    return write_bill(hospital, patient, row["lines"], row["doctor"])


def open_lines(hospital: Hospital, patient: Patient) -> list[Line]:
    """Return what is to be paid and in no insurance order."""
    return [line for line in hospital.unpaid.get(patient.id, {}).values() if not line.order]


def to_pay(hospital: Hospital, call: Call) -> dict[str, Any]:
    """3.1.1: amount + discountAmount = total due = sum of itemAmount."""
    lines = open_lines(hospital, hospital.patient(call))
    return {
        "hospitalId": hospital.id,
        "amount": yuan(sum((line.due for line in lines), ZERO)),
        "isMedicalPat": "1",
        "discountAmount": yuan(sum((line.discount for line in lines), ZERO)),
        "detail": [
            {
                "id": line.id,
                "item": line.item,
                "itemAmount": yuan(line.amount),
                "price": yuan(line.price),
                "quantity": str(line.quantity),
                "unit": line.unit,
                "doctor": line.doctor,
                "presCode": line.prescription,
                "createTime": seconds(line.at),
                "preferentialAmount": yuan(line.discount),
                "presType": "1" if line.kind == "tcm" else "0",
            }
            for line in lines
        ],
    }


def pay(hospital: Hospital, call: Call) -> dict[str, Any]:
    """3.1.2: exactly these lines for exactly their sum."""
    sent = call.sent
    card = hospital.card(sent.text("medicalCardNumber"), using=True)
    if not card.may_pay:
        raise Refusal("60101")
    lines = _lines(hospital, card.patient, sent.items("detailId"))
    if any(line.order for line in lines) or (
        hospital.switches.paid_lines == "refuse" and any(line.paid for line in lines)
    ):
        raise Refusal("60102")
    amount = sent.money("amount")
    if amount + hospital.parts(call) != sum((line.due for line in lines), ZERO):
        raise Refusal("60103")
    payment = hospital.book(call, "ZJZF", sent.text("outTradeNo"), card, amount, (line.id for line in lines))
    settle(hospital, lines)
    return {"outPrepayId": payment.receipt, "amount": yuan(card.balance), "invoiceId": _invoice(payment)}


def settle(hospital: Hospital, lines: list[Line]) -> None:
    """Mark lines as paid; with endless bills the doctor then writes more."""
    for line in lines:
        line.paid += 1
        line.paid_at = hospital.time()
        hospital.unpaid[line.patient.id].pop(line.id, None)
    patient = lines[0].patient
    if hospital.switches.endless_bills and not hospital.unpaid[patient.id]:
        write_next(hospital, patient)


def _lines(hospital: Hospital, patient: Patient, ids: list[Any]) -> list[Line]:
    found = [hospital.lines.get(str(each)) for each in ids]
    if not found:
        raise Refusal("60102")
    if len({str(each) for each in ids}) < len(ids):
        raise Refusal(INVALID, "detailId")
    lines = [line for line in found if line is not None and line.patient is patient]
    if len(lines) < len(found):
        raise Refusal("60104")
    return lines


def lines_of(hospital: Hospital, call: Call, patient: Patient) -> list[Line]:
    """Return the lines that 5.1.1 names, separated by commas."""
    return _lines(hospital, patient, [each.strip() for each in call.sent.text("detailIds").split(",") if each.strip()])


# -- what the patient reads afterwards
def guide(hospital: Hospital, call: Call) -> list[dict[str, Any]]:
    """4.1.1: what is to be done on a day, by room."""
    day = call.sent.day("queryDate")
    rooms: dict[str, list[Line]] = {}
    patient = hospital.patient(call)
    for line in hospital.lines.values():
        if line.patient is patient and line.at.date() == day:
            rooms.setdefault(line.kind, []).append(line)
    return [
        {
            "hospitalId": hospital.id,
            "roomType": kind,
            "roomName": _ROOMS.get(kind, "综合服务处"),
            "roomAddress": "门诊楼一楼",
            "latelyUpdateTime": seconds(max(line.paid_at or line.at for line in lines)),
            "itemList": [_guided(line) for line in lines],
        }
        for kind, lines in rooms.items()
    ]


def _guided(line: Line) -> dict[str, str]:
    unpaid, paid = _STATES.get(line.kind, ("1001", "1002"))
    told = {
        "itemName": line.item,
        "remark": "无",
        "itemType": "0",
        "state": paid if line.paid else unpaid,
        "warnNotice": "无",
        "itemCount": str(line.quantity),
        "itemPrice": yuan(line.price),
        "appointmentStatus": "0",
    }
    return told | ({"completeTime": seconds(line.paid_at)} if line.paid_at else {})


def bills(hospital: Hospital, call: Call) -> list[dict[str, Any]]:
    """18.1.1: what was paid in the clinic."""
    patient = hospital.patient(call)
    return [
        {
            "hospitalId": hospital.id,
            "invoiceId": _invoice(payment),
            "time": seconds(payment.booked_at),
            "total": yuan(sum((line.amount for line in lines), ZERO)),
            "preferentialAmount": yuan(sum((line.discount for line in lines), ZERO)),
            "getAmount": yuan(payment.total),
            "patientName": patient.person.name,
            "details": [
                {
                    "type": _ROOMS.get(line.kind, "其他"),
                    "item": line.item,
                    "price": yuan(line.price),
                    "quantity": str(line.quantity),
                    "amount": yuan(line.amount),
                }
                for line in lines
            ],
        }
        for payment in _paid(hospital, patient, call.sent, "startTime", "endTime")
        if payment.business == "ZJZF" and (lines := [hospital.lines[each] for each in payment.about])
    ]


def invoices(hospital: Hospital, call: Call) -> list[dict[str, Any]]:
    """31.1.1."""
    patient = hospital.patient(call)
    return [
        {
            "invoiceAmount": yuan(payment.total),
            "invoiceCode": payment.receipt[2:],
            "invoiceDate": seconds(payment.booked_at),
            "invoiceId": _invoice(payment),
            "hospitalId": hospital.id,
            "outPatName": patient.person.name,
            "patientType": _BUSINESSES.get(payment.business, "1"),
        }
        for payment in _paid(hospital, patient, call.sent, "startDate", "endDate")
    ]


def invoice(hospital: Hospital, call: Call) -> dict[str, Any] | None:
    """31.1.2."""
    wanted = call.sent.text("invoiceId")
    for payment in hospital.ledger.payments:
        if _invoice(payment) == wanted:
            return {
                "billPageUrl": f"http://invoice.invalid/{wanted}",
                "invoiceCode": payment.receipt[2:],
                "invoiceId": wanted,
                "invoiceImageType": "1",
            }
    return None


def _paid(hospital: Hospital, patient: Patient, sent: Members, begin: str, end: str) -> list[Payment]:
    first: datetime.datetime = sent.moment(begin)
    last = sent.moment(end, late=True)
    return [
        each
        for each in hospital.ledger.payments
        if each.card.patient is patient and first <= each.booked_at <= last and each.business != "JZKCZ"
    ]


def _invoice(payment: Payment) -> str:
    return "FP" + payment.receipt[2:]


HANDLERS = {
    "3.1.1": to_pay,
    "3.1.2": pay,
    "4.1.1": guide,
    "18.1.1": bills,
    "31.1.1": invoices,
    "31.1.2": invoice,
}
