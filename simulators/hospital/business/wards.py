"""What a stay costs: daily bills (12.1.2) and bills (18.1.3 to 18.1.5)."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from simulators.hospital.data import Row
from simulators.hospital.hospital import Call, Hospital
from simulators.hospital.records import Stay
from simulators.wechat.codes import NOTHING_FOUND, Refusal
from simulators.wechat.members import ZERO, yuan

DOCTOR, DIAGNOSIS, HOSPITAL = "虚甲", "高血压病2级", "虚构市示例医院"


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
        "doctor": DOCTOR,
        "total": yuan(sum((each.amount for each in found), ZERO)),
        "admissionNumber": stay.number,
        "diagnosis": DIAGNOSIS,
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
    stay = stay_by_id(hospital, call)
    day = call.sent.day("date") if call.sent.get("date") else None
    found = [each for each in charges(hospital, stay) if day in (None, each.day)]
    person = stay.card.patient.person
    return {
        "patientName": person.name,
        "sex": person.sex,
        "inpatientNo": stay.number,
        "doctor": DOCTOR,
        "totalAmount": yuan(cost(hospital, stay)),
        "diagnosis": DIAGNOSIS,
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
        for each in charges(hospital, stay_by_id(hospital, call))
        if each.day == day
    ]


def stay_by_id(hospital: Hospital, call: Call) -> Stay:
    """Return the stay that a request names. Raises Refusal."""
    found = hospital.stays.get(call.sent.text("id", "patientInHospitalId"))
    if found is None:
        raise Refusal(NOTHING_FOUND)
    return found


HANDLERS = {
    "12.1.2": day_bill,
    "18.1.3": whole_bill,
    "18.1.4": summary,
    "18.1.5": one_day,
}
