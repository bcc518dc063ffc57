"""Lists of stays (18.1.2, 22.1.2, 27.1.1, 35.1.1) and what patients took home (35.1.2)."""

from __future__ import annotations

from typing import Any

from simulators.hospital.business.cards import age
from simulators.hospital.business.wards import DIAGNOSIS, DOCTOR, HOSPITAL, cost, stay_by_id
from simulators.hospital.hospital import Call, Hospital
from simulators.wechat.members import seconds, yuan


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
            "diagnosis": DIAGNOSIS,
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
            "docName": DOCTOR,
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
            "diagnose": DIAGNOSIS,
            "hospitalId": hospital.id,
            "inHospitalCode": stay.number,
            "inHospitalTime": seconds(stay.since),
            "outHospitalTime": seconds(stay.until),
            "patientInHospitalId": stay.id,
            "hospitalName": HOSPITAL,
            "prescriptionType": "西药处方",
        }
        for stay in hospital.stays.values()
        if stay.card.patient is patient and stay.until is not None
    ]


def drugs_home(hospital: Hospital, call: Call) -> dict[str, Any]:
    """35.1.2."""
    stay = stay_by_id(hospital, call)
    person = stay.card.patient.person
    return {
        "patientName": person.name,
        "sex": person.sex,
        "createTime": seconds(stay.until or stay.since),
        "age": f"{age(hospital, person)}岁",
        "department": stay.department,
        "diagnose": DIAGNOSIS,
        "doctorName": DOCTOR,
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
    "18.1.2": stays,
    "22.1.2": discharged,
    "27.1.1": for_copies,
    "35.1.1": discharges,
    "35.1.2": drugs_home,
}
