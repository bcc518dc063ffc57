from __future__ import annotations

import datetime
from typing import Any

import pytest

from tests.simulators.hospital.desk import COMPACT, PAID, TODAY, Desk


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({}, "10001"),
        ({"registrationFee": "9.99"}, "60202"),
        ({"registrationFee": "8.00", "unifiedAmount": "2.00"}, "10001"),
        ({"registrationDate": "2026-11-21"}, "20004"),
        ({"doctorId": "D009"}, "60002"),
        ({"departmentId": "0401", "doctorId": "D005", "registrationFee": "0"}, "60208"),
        ({"sequence": "D001-20261120-9"}, "20003"),
        ({"doctorId": "", "regClassId": "1"}, "10001"),
    ],
)
def test_a_registration_for_today(change: dict[str, Any], code: str) -> None:
    desk = Desk()

    assert desk.code("20.1.7", **desk.today(**change)) == code


def test_a_clinic_for_women() -> None:
    desk = Desk()
    change = {"departmentId": "0301", "doctorId": "D004"}

    assert desk.code("20.1.7", **desk.today("R1", desk.man(), **change)) == "60207"
    assert desk.code("20.1.7", **desk.today("R2", desk.woman(), **change)) == "10001"
    assert desk.code("20.1.5", medicalCardNumber=desk.card(desk.man()), departmentId="0301") == "60207"


def test_slots_are_finite() -> None:
    desk = Desk()
    slot = desk.data("20.1.3", departmentId="0101", doctorId="D001", regClassId="1")[0]
    assert slot["appNum"] == 2
    codes = [
        desk.code("20.1.7", **desk.today(f"R{number}", f"P{number}", sequence=slot["sequence"])) for number in (1, 2, 3)
    ]

    assert codes == ["10001", "10001", "60205"]
    assert desk.data("20.1.3", departmentId="0101", doctorId="D001", regClassId="1")[0]["appNum"] == 0


def test_limits_of_a_day() -> None:
    desk = Desk()
    codes = [desk.code("20.1.7", **desk.today(f"R{number}")) for number in (1, 2)]
    other = {"doctorId": "D002", "registrationFee": "25.00"}
    codes.append(desk.code("20.1.7", **desk.today("R3", **other)))
    codes.append(desk.code("20.1.7", **desk.today("R4", **other)))

    assert codes == ["10001", "60214", "10001", "60213"]
    assert desk.data("20.1.4", medicalCardNumber=desk.card()) == 2


def cancel(desk: Desk, key: str, number: str) -> str:
    return desk.code("20.1.8", todayRegisterId=key, hisRegistrationId=number)


@pytest.mark.parametrize(("state", "code"), [("registered", "10001"), ("seen", "60203"), ("cancelled", "60204")])
def test_a_registration_is_cancelled(state: str, code: str) -> None:
    desk = Desk()
    number = desk.data("20.1.7", **desk.today())["hisRegistrationId"]
    desk.arrange("PUT /progress", id=number, state=state)

    assert cancel(desk, "R1", number) == code
    assert len(desk.hospital.ledger.refunds) == (code == "10001")


def test_after_its_slot_began_a_registration_stands() -> None:
    desk = Desk(check_in="slot")
    number = desk.data("20.1.7", **desk.today())["hisRegistrationId"]
    desk.now += datetime.timedelta(hours=1)  # 08:00

    assert cancel(desk, "R1", number) == "60209"
    assert cancel(desk, "R9", number) == "60204"
    starts = [row["startTime"] for row in desk.data("20.1.3", departmentId="0101", doctorId="D001", regClassId="1")]
    assert starts[0] == "09:00"


def test_a_doctor_who_is_away() -> None:
    desk = Desk()
    desk.arrange("PUT /stopped", D001=True)

    assert desk.code("20.1.7", **desk.today()) == "60206"
    assert desk.code("21.2.2", **desk.booked()) == "60206"
    assert [row["doctorId"] for row in desk.data("20.1.2", departmentId="0101")] == ["D002"]


def test_a_booked_registration() -> None:
    desk = Desk()
    assert desk.code("21.2.4", **desk.booked()) == "60204"
    assert desk.data("21.2.2", **desk.booked())["sn"] == "1"
    place = {name: desk.booked()[name] for name in ("hosCode", "docCode", "hospitalId", "deptCode", "amPm")}
    slot = desk.data("21.2.1", **place, scheduleDate=COMPACT)[0]
    assert (slot["upLimit"], slot["appNum"], slot["startTime"]) == (2, 1, "08:00")
    assert desk.code("21.2.4", **desk.booked(arAmt="9.00")) == "60202"
    assert desk.code("21.2.4", **desk.booked()) == "10001"

    answer = desk.ask("21.2.3", **desk.booked())

    assert answer["refundNo"].startswith("TK")
    assert "data" not in answer
    assert desk.code("21.2.3", **desk.booked()) == "60204"
    assert desk.data("21.2.1", **place, scheduleDate=COMPACT)[0]["appNum"] == 0


def test_an_unpaid_booking_is_cancelled_without_a_refund() -> None:
    desk = Desk()
    desk.data("21.2.2", **desk.booked())

    assert desk.ask("21.2.3", **desk.booked())["refundNo"] == ""
    assert desk.hospital.ledger.refunds == []


def test_triage_and_check_in_happen_once() -> None:
    desk = Desk()
    join = {"medicalCardNumber": desk.card(), "roomId": "R0101", "doctorId": "D001"}
    assert [desk.code("15.1.2", **join) for _ in range(2)] == ["10001", "60701"]
    desk.data("20.1.7", **desk.today(doctorId="D002", registrationFee="25.00"))
    arrive = {"medicalCardNumber": desk.card(), "deptId": "0101", "doctorId": "D002"}
    assert [desk.code("42.1.2", **arrive) for _ in range(2)] == ["10001", "60701"]
    assert desk.data("42.1.1", medicalCardNumber=desk.card())[0]["triageState"] == "1"


# -- laboratory items
def sample(desk: Desk, key: str, patient: str = "P1") -> dict[str, Any]:
    who = {"medicalCardNumber": desk.card(patient), "patName": "虚", "sex": "男", "telephone": "1"}
    return who | {"schedulingId": f"J01-{COMPACT}-AM", "projectId": "J01", "recordId": key}


def free(desk: Desk) -> int:
    rows = desk.data("33.1.2", hospitalId="1001", schedulingId=f"J01-{COMPACT}-AM")
    return int(rows[0]["remainNum"]) if rows else 0


def test_a_locked_number_is_nobody_elses_until_the_lock_lapses() -> None:
    desk = Desk()
    desk.data("33.1.3", **sample(desk, "S1"), lockTime="10")
    desk.data("33.1.3", **sample(desk, "S2", "P2"), lockTime="20")
    assert free(desk) == 0
    assert desk.code("33.1.3", **sample(desk, "S3", "P3"), lockTime="10") == "60205"
    desk.now += datetime.timedelta(minutes=10)
    assert free(desk) == 1

    pay = {"total": "16.00", "outTradeNo": "XMYY-1", "payType": "AliPay"}
    assert desk.code("33.1.4", **sample(desk, "S1") | {"sourceId": "x"}, **pay) == "60205"  # lapsed
    paid = desk.data("33.1.4", **sample(desk, "S2", "P2"), **pay)

    assert len(desk.hospital.ledger.payments) == 1
    cancelled = desk.data("33.1.5", hospitalId="1001", hosRecordId=paid["hosRecordId"], outTradeNo="XMYY-1")
    assert cancelled["refundNo"]
    assert free(desk) == 2


@pytest.mark.parametrize(
    ("change", "code"),
    [({"total": "15.00"}, "60103"), ({"outTradeNo": ""}, "20001"), ({"schedulingId": "J01-x-AM"}, "20003")],
)
def test_a_laboratory_payment_that_does_not_fit(change: dict[str, str], code: str) -> None:
    desk = Desk()
    desk.data("33.1.3", **sample(desk, "S1"), lockTime="10")

    assert desk.code("33.1.4", **sample(desk, "S1") | {"total": "16.00", "outTradeNo": "X"} | change) == code


def test_an_item_without_limit_needs_no_lock_and_a_free_one_no_order() -> None:
    desk = Desk()
    free_item = sample(desk, "S1") | {"schedulingId": f"J03-{COMPACT}-ALL", "projectId": "J03"}

    assert desk.code("33.1.3", **free_item, lockTime="10") == "20003"
    assert desk.data("33.1.4", **free_item, total="0.00")["hosRecordId"]
    assert desk.hospital.ledger.payments == []


# -- health examinations, packages, admission
def physical(desk: Desk, **change: Any) -> dict[str, Any]:
    who = desk.who() | {"name": "虚", "sex": "男", "hospitalId": "1001"}
    what = {"packageIds": [{"id": "801"}], "cflag": "1", "payType": "WeChatPay", "acPrice": "198.00"}
    return who | what | {"tradeNo": "TJYY-1", "date": f"{TODAY} 08:30"} | change


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({}, "10001"),
        ({"acPrice": "197.00"}, "60103"),
        ({"packageIds": [{"id": "809"}]}, "60104"),
        ({"date": f"{TODAY} 12:00"}, "20003"),
        ({"payType": "OfflinePay", "cflag": "0"}, "10001"),
    ],
)
def test_a_health_examination(change: dict[str, Any], code: str) -> None:
    desk = Desk()

    assert desk.code("28.1.6", **physical(desk, **change)) == code
    assert len(desk.hospital.ledger.payments) == (code == "10001" and "cflag" not in change)


def test_a_health_examination_is_cancelled_until_it_has_begun() -> None:
    desk = Desk()
    number = desk.data("28.1.6", **physical(desk))["id"]
    day = desk.who() | {"hospitalId": "1001", "date": TODAY}
    assert (desk.data("28.1.5", **day), desk.data("28.1.8", **day)) == ("1", "0")
    desk.arrange("PUT /progress", id=number, state="registered")
    assert desk.data("28.1.8", **day) == "1"
    cancel = desk.who() | {"hospitalId": "1001", "id": number}
    assert desk.code("28.1.7", **cancel) == "60601"
    desk.arrange("PUT /progress", id=number, state="booked")

    assert desk.code("28.1.7", **cancel) == "10001"
    assert desk.code("28.1.7", **cancel) == "60204"


def test_an_admission_is_cancelled_until_a_bed_is_given() -> None:
    desk = Desk()
    found = desk.data("36.1.1", medicalCardNumber=desk.card())
    assert desk.ask("36.1.1", medicalCardNumber=desk.card())["code"] == 10001  # a number in the example
    sent = {"medicalCardNumber": desk.card(), "admissionCardId": found["admissionCardId"], "tradeNo": "RYSQ-1"}
    assert desk.code("36.1.2", **sent, payAmount="499.00", payType="AliPay") == "60103"
    stay = desk.data("36.1.2", **sent, payAmount="500.00", payType="AliPay")["patInHosId"]
    cancel = {"medicalCardNumber": desk.card(), "patInHosId": stay, "prepayAmount": "500.00"}
    desk.arrange("PUT /stays", stay=stay, bed="12床")
    assert desk.code("36.1.3", **cancel) == "60601"
    desk.arrange("PUT /stays", stay=stay, bed="")

    assert desk.data("36.1.3", **cancel)["refoundNo"]
    assert desk.code("36.1.3", **cancel) == "60204"


def test_an_examination_is_booked_once_moved_and_cancelled() -> None:
    desk = Desk()
    request = desk.data("24.1.1", medicalCardNumber=desk.card())[0]
    slot = {"roomId": "US1", "selectedDate": TODAY, "planTimeName": "x", "planTimeId": "1", "appointmentId": "A1"}
    sent = desk.who() | request | slot
    number = desk.data("24.1.4", **sent)["regId"]
    assert desk.code("24.1.4", **sent) == "60210"
    moved = desk.data("24.1.7", **sent | {"regId": number, "planTimeId": "2"})["regId"]
    assert desk.code("24.1.6", **desk.who(), regId=number, appointmentId="A1", remarks="无") == "60204"

    assert desk.code("24.1.6", **desk.who(), regId=moved, appointmentId="A1", remarks="无") == "10001"
    states = desk.data("24.1.5", medicalCardNumber=desk.card(), startDate=TODAY, endDate=TODAY)
    assert [each["status"] for each in states] == ["1", "1"]


def test_registering_for_examinations_succeeds_in_part() -> None:
    desk = Desk()
    first, second = desk.data("24.1.1", medicalCardNumber=desk.card())
    slot = {"roomId": "US1", "selectedDate": TODAY, "planTimeName": "x", "planTimeId": "1", "appointmentId": "A1"}
    desk.data("24.1.4", **desk.who(), **first, **slot)
    lines = [{"orderId": each["orderId"]} for each in (first, second)]

    answer = desk.data("24.1.8", medicalCardNumber=desk.card(), orderList=lines)

    assert answer == {"successDetailIdList": [first["orderId"]]}


def test_online_prices_are_checked_and_items_withdrawn() -> None:
    desk = Desk()
    charge = {"chargeId": "Y001", "quantity": "2", "price": "28.60", "chargeName": "药", "groupId": "", "chargeType": 3}
    person = {"patName": "虚", "general": "男", "phone": "1", "birthday": "1979-07-02", "tradeTime": PAID["payTime"]}
    doctor = {"billDocHospital": "虚", "billDocName": "虚", "billDocCode": "D001"}
    sent = {"idCard": "1", "diagnoseCode": "I10", "diagnoseName": "高", "medicalCardNumber": desk.card()}
    sent |= person | doctor | {"tradeNo": "CFZF-1", "charges": [charge]}
    assert desk.code("25.1.1", **sent, total="57.21") == "60103"
    desk.arrange("PUT /stopped", Y001=True)
    assert desk.code("25.1.1", **sent, total="57.20") == "60104"
    assert desk.code("25.1.6", chargeId="Y001", chargeType=3) == "60104"
    desk.arrange("PUT /stopped", Y001=False)

    assert desk.code("25.1.1", **sent, total="57.20") == "10001"


def test_cards_are_made_bound_and_unbound() -> None:
    desk = Desk()
    name, old, new = desk.who()["patientName"], desk.card(), "990000000000777"
    both = {"name": name, "oldMedicalCardNumber": old, "newMedicalCardNumber": new, "hospitalId": "1001"}
    desk.data("2.1.2", **both)
    cards = desk.data("2.1.3", name=name, idCardNo=desk.who()["idCard"], hospitalId="1001")
    assert [each["medicalCardNumber"] for each in cards] == [old, new]

    desk.data("2.1.4", **both)

    assert desk.code("2.1.1", medicalCardNumber=new) == "60506"
    assert desk.code("2.1.4", **both) == "60506"
    person = {"name": "虚", "sex": "男", "gender": "1", "birthday": "1979-07-02", "phone": "1", "idcard": "9"}
    assert [desk.code("1.2.1", medicalCardNumber=new, **person) for _ in range(2)] == ["10001", "10001"]
    assert desk.code("1.2.1", medicalCardNumber="990000000000778", **person | {"idcard": ""}) == "60501"
