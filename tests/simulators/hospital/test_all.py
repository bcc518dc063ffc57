"""Every interface answers, and the answer fits the document as the adapters read it; the simulator read it alone."""

from __future__ import annotations

from typing import Any

import pytest

from adapters.platform.contracts import INTERFACES as CONTRACTS
from adapters.platform.contracts import Direction, Misfit, Verdict, loads, read_reply, validate_request
from adapters.platform.contracts.model import Type
from simulators.common.numbers import write_json
from simulators.hospital.interfaces import BY_PATH, INTERFACES
from simulators.hospital.office import Asked
from tests.simulators.hospital.desk import COMPACT, PAID, TODAY, Desk

SERVED = {each.number: each for each in CONTRACTS.values() if each.direction is Direction.HOSPITAL}
_IMAGE = "data:image/png;base64,AA=="


def prepared(desk: Desk) -> dict[str, Any]:
    """Bring the hospital where each call finds something; return members by name, of P4 who lies in a ward."""
    desk.top_up(patient="P4")
    desk.top_up("JZKCZ-2", patient="P4")
    paid = desk.data("3.1.2", **desk.bill("P4"))
    desk.arrange("POST /bills", patient="P4")
    line = desk.data("3.1.1", medicalCardNumber=desk.card("P4"))["detail"][0]
    stay = desk.data("10.1.1", **desk.who("P4"))
    request = desk.data("24.1.1", medicalCardNumber=desk.card("P4"))[0]
    return (
        PAID
        | desk.who("P4")
        | {
            "idcard": desk.who("P4")["idCard"],
            "idCardNo": desk.who("P4")["idCard"],
            "patName": desk.who("P4")["patientName"],
            "name": desk.who("P4")["patientName"],
            "userName": desk.who("P4")["patientName"],
            "hospitalId": "1001",
            "hosCode": "1001",
            "startTime": "2026-01-01 00:00:00",
            "beginTime": "2026-01-01 00:00:00",
            "endTime": "2026-12-31 23:59:59",
            "startDate": TODAY,
            "endDate": "2026-12-31",
            "queryDate": TODAY,
            "date": TODAY,
            "time": TODAY,
            "detailIds": line["id"],
            "invoiceId": paid["invoiceId"],
            "tradeNo": "JZKCZ-1",
            "outTradeNo": "JZKCZ-1",
            "orderNo": "JZKCZ-1",
            "refundNo": "RE1",
            "refunAmount": "1.00",
            "admissionNumber": stay["admissionNumber"],
            "sex": "男",
            "gender": "1",
            "general": "男",
            "birthday": "1979-07-02",
            "address": "虚构路",
            "phone": "19900000009",
            "telephone": "19900000009",
            "nation": "01",
            "relation": "05",
            "motherIdcard": desk.who("P4")["idCard"],
            "birthOrder": "1",
            "departmentId": "0101",
            "deptId": "0101",
            "deptCode": "0101",
            "docCode": "D001",
            "doctorId": "D001",
            "roomId": "R0101",
            "regClassId": "1",
            "opType": "1",
            "amPm": "AM",
            "orderId": request["orderId"],
            "orderName": request["orderName"],
            "days": "3",
            "selectedDate": TODAY,
            "planTimeId": "1",
            "planTimeName": "08:00-10:00",
            "appointmentId": "A1",
            "remarks": "改期",
            "chargeId": "Y001",
            "chargeType": "3",
            "packageId": "801",
            "orgId": "701",
            "groupId": "7011",
            "currentPage": "1",
            "pageSize": "2",
            "group": [{"groupId": "G1", "item": [{"itemId": "1001"}]}],
            "appointmentDate": TODAY,
            "schedulingId": f"J01-{COMPACT}-AM",
            "projectId": "J01",
            "recordId": "X1",
            "lockTime": "10",
            "id": "LIS-P4",
            "type": "0",
            "healthExamNo": "TJBG-P4",
            "prescriptionId": "CFD-P4",
            "drugId": "Y001",
            "dcmId": "DCM-P4-1",
            "admissionGuideId": "XZ001",
            "payTime": PAID["payTime"],
            "amount": "500.00",
            "payAmount": "16.00",
            "balancePayment": "0.00",
            "infoSource": "3",
            "termOfValidity": "2026-12-31 00:00:00",
            "relationShip": "配偶",
            "createTime": f"{TODAY} 07:00:00",
            "patientMedicalCardNumber": desk.card("P4"),
            "signType": "patient",
            "degreeOfMastery": "掌握",
            "signImage": _IMAGE,
        }
    )


def requests(desk: Desk) -> dict[str, dict[str, Any]]:
    """Return what each interface is asked where the usual values do not fit; needed calls are made on the way."""
    desk.ask("20.1.7", **desk.today("Q1", "P4"))
    registered = desk.data("20.1.7", **desk.today("Q2", "P3"))
    desk.ask("21.2.2", **desk.booked("B2", "P3", startTime="09:00", docCode="D002"))
    stay = next(each for each in desk.hospital.stays.values() if each.card.patient.id == "P4")
    desk.data("10.1.2", medicalCardNumber=desk.card("P4"), amount="500.00", outTradeNo="ZYYJ-0", **PAID)
    admitted = desk.data("36.1.2", **application(desk, "P1"))["patInHosId"]
    physical = {
        **desk.who("P4"),
        **{"name": "虚", "sex": "男", "hospitalId": "1001", "packageIds": [{"id": "801"}], "cflag": "1"},
        **{"payType": "WeChatPay", "acPrice": "198.00"},
    }
    booked = desk.data("28.1.6", **physical | {"tradeNo": "TJYY-1", "date": f"{TODAY} 08:30"})["id"]
    chosen = {"group": [{"groupId": "G1", "item": [{"itemId": "1001"}]}], "appointmentDate": "2026-11-21"}
    choice = {**desk.who("P4"), **PAID, **chosen, "hospitalId": "1001", "payAmount": "20.00"}
    outside = desk.data("29.1.3", **choice | {"outTradeNo": "ZZJF-1"})["outOrderId"]
    sample = {
        **{"medicalCardNumber": desk.card("P4"), "patName": "虚", "sex": "男", "telephone": "19900000009"},
        **{"schedulingId": f"J01-{COMPACT}-PM", "projectId": "J01", "recordId": "S1"},
    }
    desk.data("33.1.3", **sample | {"lockTime": "10"})
    sampled = desk.data("33.1.4", **sample | {"total": "16.00", "outTradeNo": "XMYY-1", "payType": "AliPay"})
    desk.data("33.1.3", **sample | {"lockTime": "10", "recordId": "S2"})
    order = desk.data("24.1.1", medicalCardNumber=desk.card("P4"))[1]
    slot = {**desk.who("P4"), **order, "roomId": "CT1", "selectedDate": TODAY, "planTimeName": "x", "planTimeId": "2"}
    examined = desk.data("24.1.4", **slot | {"appointmentId": "A0"})["regId"]
    desk.data("15.1.2", medicalCardNumber=desk.card("P4"), roomId="R0201", doctorId="D003")
    desk.data("42.1.2", medicalCardNumber=desk.card("P3"), deptId="0101", doctorId="D001")
    scan = desk.arrange("POST /requests", patient="P8")["request"]
    desk.data("24.1.4", **desk.who("P8"), **slot_of(scan), appointmentId="A8")
    desk.data("24.1.8", medicalCardNumber=desk.card("P8"), orderList=[{"orderId": scan}])
    lesson = desk.arrange("POST /lessons", patient="P4")["lesson"]
    companion = {"name": "虚陪", "idCard": desk.who("P5")["idCard"], "phone": "1", "sex": "女", "infoSource": "3"}
    companion |= {"termOfValidity": "2026-12-31 00:00:00", "relationShip": "配偶", "createTime": f"{TODAY} 07:00:00"}
    for_patient = {"patientMedicalCardNumber": desk.card("P4"), "patientName": "虚", "admissionNumber": stay.number}
    passed = desk.data("37.1.3", **companion | for_patient)["caregiversId"]
    insured = desk.data("5.1.1", medicalCardNumber=desk.card("P3"), detailIds=line_of(desk, "P3"))
    settled = desk.data("5.1.1", medicalCardNumber=desk.card("P6"), detailIds=line_of(desk, "P6"))
    rest = desk.data("5.1.2", hisTradeId=settled["hisTradeId"])
    owed = f"{float(rest['tradeAmount']) - float(rest['preferentialAmount']) - float(rest['medAmount']):.2f}"
    reimbursed = desk.data("5.1.1", medicalCardNumber=desk.card("P9"), detailIds=line_of(desk, "P9"))
    desk.data("5.1.2", hisTradeId=reimbursed["hisTradeId"])
    desk.hospital.orders[reimbursed["hisTradeId"]].state = "paid"
    person = {"patName": "虚", "general": "男", "phone": "1", "birthday": "1979-07-02"}
    consult = {"consultTime": f"{TODAY} 07:00:00", "doctorName": "虚甲", "doctorCode": "D001", "consultFee": "20.00"}
    leaving = desk.arrange("PUT /stays", patient="P4", department="示例病区三")["stay"]
    desk.arrange("PUT /stays", stay=leaving, out=True)
    return {
        "1.2.1": {"medicalCardNumber": "990099999999991"},
        "1.2.2": {"medicalCardNumber": "990099999999992"},
        "1.2.4": {"address": {"provinceName": "虚构省", "detailAddress": "示例路1号"}},
        "2.1.2": {"oldMedicalCardNumber": desk.card("P4"), "newMedicalCardNumber": "990099999999993"},
        "2.1.4": {"oldMedicalCardNumber": desk.card("P4"), "newMedicalCardNumber": bound(desk)},
        "3.1.2": desk.bill("P2") | {"outTradeNo": "ZJZF-9"},
        "5.1.1": {"medicalCardNumber": desk.card("P7"), "detailIds": line_of(desk, "P7")},
        "5.1.2": {"hisTradeId": insured["hisTradeId"]},
        "5.1.3": {"hisTradeId": insured["hisTradeId"]},
        "5.1.4": {"medicalCardNumber": desk.card("P6"), "hisTradeId": settled["hisTradeId"], "amount": owed},
        "5.1.5": {"medicalCardNumber": desk.card("P6")},
        "5.1.6": {"hisTradeId": settled["hisTradeId"], "outTradeNo": "nothing"},
        "6.2.1": {"medicalCardNumber": desk.card("P6")},
        "6.2.2": {"hisTradeId": settled["hisTradeId"]},
        "6.2.3": {"medicalCardNumber": desk.card("P9")},
        "6.2.4": {"hisTradeId": settled["hisTradeId"]},
        "6.2.5": {
            **{"medicalCardNumber": desk.card("P6"), "blTradeNo": "BL1", "amount": owed, "blPayment": "0"},
            "hisTradeId": settled["hisTradeId"],
        },
        "8.1.2": {"orderNo": "JZKCZ-2"},
        "10.1.2": {"outTradeNo": "ZYYJ-1"},
        "14.2.3": refund(desk),
        "15.1.3": {"roomId": "R0201", "doctorId": "D003"},
        "16.1.2": {"id": "LIS-P4"},
        "18.1.3": {"id": stay.id},
        "18.1.4": {"id": stay.id},
        "18.1.5": {"id": stay.id},
        "20.1.7": desk.today("Q3", "P7", doctorId="D002", registrationFee="25.00") | {"amPm": "A"},
        "20.1.8": {"todayRegisterId": "Q2", "hisRegistrationId": registered["hisRegistrationId"]},
        "20.1.9": {"todayRegisterId": "Q1"},
        "21.2.1": {"scheduleDate": COMPACT},
        "21.2.2": desk.booked("B3", "P5", startTime="10:00") | {"endTime": "11:00"},
        "21.2.3": desk.booked("B2", "P3") | {"endTime": "09:00"},
        "21.2.4": desk.booked("B2", "P3", startTime="09:00", docCode="D002", arAmt="30.00"),
        "23.1.2": {"id": lesson},
        "23.1.3": {"id": lesson},
        "24.1.3": {"roomId": "US1"},
        "24.1.4": {"roomId": "US1", "startTime": "08:00", "endTime": "10:00"},
        "24.1.6": {"regId": examined, "appointmentId": "A0"},
        "24.1.7": slot | {"regId": examined, "appointmentId": "A0", "planTimeId": "3"},
        "24.1.8": {
            "orderList": [{"applyMainId": "M", "orderId": order["orderId"], "roomId": "CT1", "exeDeptId": "YX"}]
        },
        "25.1.1": person
        | {"diagnoseCode": "I10", "diagnoseName": "高血压", "tradeNo": "CFZF-1", "tradeTime": f"{TODAY} 07:00:00"}
        | {"billDocHospital": "虚", "billDocName": "虚甲", "billDocCode": "D001", "total": "57.20"}
        | {"charges": [online("Y001", "2", "28.60")]},
        "25.1.2": {"beginTime": "2026-11-01", "endTime": "2026-11-30"},
        "25.1.7": person
        | consult
        | {"consultCode": "123", "payFlag": "1", "tradeNo": "ZX-1", "consultFlag": "INTERNET_HOSPITAL"}
        | {"consultName": "互联网医院复诊", "deptCode": "0101", "deptName": "心内科"},
        "26.1.1": {"medicalCardNumber": desk.card("P8")},
        "27.1.2": {"tradeNo": "BAYYPS-1", "totalAmount": "30.00", "mailingFee": "12.00", "printFee": "18.00"}
        | {"printNumber": "36", "mediaclRecordApplyId": "BA1"},
        "28.1.6": physical | {"tradeNo": "TJYY-2", "date": f"{TODAY} 09:00"},
        "28.1.7": {"id": booked},
        "29.1.3": choice | {"outTradeNo": "ZZJF-2"},
        "29.1.4": {"outOrderId": outside, "outTradeNo": "ZZJF-1"},
        "31.1.1": {"startDate": "2026-11-01", "endDate": "2026-11-30"},
        "33.1.4": sample | {"recordId": "S2", "total": "16.00", "outTradeNo": "XMYY-2", "payType": "AliPay"},
        "33.1.5": {"outOrderId": sampled["hosRecordId"], "outTradeNo": "XMYY-1"},
        "35.1.2": {"patientInHospitalId": leaving},
        "36.1.1": {"medicalCardNumber": desk.card("P5")},
        "36.1.2": application(desk, "P5"),
        "36.1.3": {"patInHosId": admitted, "prepayAmount": "500.00", "medicalCardNumber": desk.card("P1")},
        "37.1.1": {"idCard": companion["idCard"], "admissionNumber": stay.number},
        "37.1.2": companion | {"caregiversId": passed},
        "37.1.3": companion | for_patient,
        "37.1.4": {"caregiversId": passed},
        "40.1.2": {"id": "XD-P4"},
        "40.1.3": {"id": "XD-P4"},
        "41.1.2": {"id": "BLB-P4"},
        "41.1.3": {"id": "BLB-P4"},
        "32.1.2": {"id": "BL-P4"},
        "42.1.1": {"medicalCardNumber": desk.card("P3")},
        "42.1.2": {"deptId": "0101", "doctorId": "D001"},
        "42.1.3": {"medicalCardNumber": desk.card("P3"), "deptId": "0101", "doctorId": "D001"},
    }


def slot_of(request: str) -> dict[str, str]:
    place = {"roomId": "US1", "selectedDate": TODAY, "planTimeName": "08:00-10:00", "planTimeId": "1"}
    return place | {"orderId": request, "orderName": "腹部彩超"}


def line_of(desk: Desk, patient: str) -> str:
    return str(desk.data("3.1.1", medicalCardNumber=desk.card(patient))["detail"][0]["id"])


def application(desk: Desk, patient: str) -> dict[str, Any]:
    found = desk.data("36.1.1", medicalCardNumber=desk.card(patient))
    who = {"medicalCardNumber": desk.card(patient), "payType": "WeChatPay", "tradeNo": f"RYSQ-{patient}"}
    return who | {"admissionCardId": found["admissionCardId"], "payAmount": "500.00"}


def bound(desk: Desk) -> str:
    number, name = "990099999999994", desk.who("P4")["patientName"]
    desk.ask("2.1.2", name=name, oldMedicalCardNumber=desk.card("P4"), newMedicalCardNumber=number)
    return number


def refund(desk: Desk) -> dict[str, str]:
    desk.data("8.1.2", medicalCardNumber=desk.card("P4"), orderNo="JZKCZ-1", refundNo="RE0", refunAmount="1.00")
    return {"tradeNo": "JZKCZ-1", "refundNo": "RE0"}


def online(number: str, quantity: str, price: str) -> dict[str, Any]:
    row = {"chargeId": number, "quantity": quantity, "price": price, "chargeName": "药"}
    return row | {"groupId": "", "chargeType": 3}


def everything() -> list[tuple[str, str]]:
    return [(each.number, name) for each in INTERFACES.values() for name in each.names]


def test_it_serves_what_the_document_lists() -> None:
    assert set(INTERFACES) == set(SERVED)
    for number, contract in SERVED.items():
        assert not contract.names or INTERFACES[number].names == contract.names


@pytest.mark.parametrize("number", SERVED)
def test_both_readings_demand_the_same_members(number: str) -> None:
    ours = {group[0] for group in INTERFACES[number].needs if len(group) == 1}
    theirs = {each.name for each in SERVED[number].request.fields.values() if each.required and not each.empty}
    odd = {"33.1.3": {"lockTime"}}  # missing in its own example: the simulator takes half an hour then
    assert theirs - ours - odd.get(number, set()) <= {group[0] for group in INTERFACES[number].needs if len(group) > 1}
    assert ours - theirs <= {each.name for each in SERVED[number].request.fields.values() if each.empty}


@pytest.mark.parametrize(("number", "name"), everything())
def test_every_answer_fits_the_document(number: str, name: str) -> None:
    desk = Desk()
    usual, special = prepared(desk), requests(desk).get(number, {})
    contract = SERVED[number]
    sent = {member: usual[member] for member in contract.request.fields if member in usual} | special
    if name == "hospital.interface.pacsReportDetail":
        sent["type"] = "1"
    checked = validate_request(contract, loads(write_json(sent).encode()))
    assert not isinstance(checked, Misfit), (checked.problems, sent)

    answer = desk.ask(name, **sent) if number != "16.1.4" else None

    if answer is not None:
        read = read_reply(contract, loads(write_json(answer).encode()), name=name if contract.names else None)
        assert (read.verdict, read.problems) == (Verdict.YES, ()), answer
        data = contract.reply(name).data
        assert answer.get("data") not in ([], None) or data is None or data.type is Type.NOTHING, answer


def test_the_image_is_a_file() -> None:
    desk = Desk()
    interface, name = BY_PATH["16.1.4"]
    response = desk.door.exchange(Asked(interface, name, '{"dcmId": "DCM-P4-1"}')).apply()

    assert response.content_type == "application/octet-stream"
    assert response.body.endswith(b"DICM")


@pytest.mark.parametrize("number", INTERFACES)
def test_every_interface_says_what_is_missing(number: str) -> None:
    needs = INTERFACES[number].needs
    if needs:
        assert Desk().ask(number)["code"] in ("20001", 20001)
    else:
        assert Desk().ask(number)["success"] is True
