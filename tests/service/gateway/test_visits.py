"""Transactions of a visit drive its flow: once, in order, and back again."""

from __future__ import annotations

import asyncio
import datetime
from collections.abc import AsyncIterator, Callable
from decimal import Decimal
from typing import Any

import httpx
import pytest

from engine.environment import HOUR, MINUTE, SECOND, SystemEnvironment
from simulators.common.numbers import write_json
from steps.jiangsu.times import SHANGHAI
from tests.service.gateway.bench import Bench, bench

WHO = {"dept_code": "001", "dept_name": "骨科", "doctor_code": "D1", "doctor_name": "测医生"}
DETAILS = [
    {
        "fee_ocur_time": "2024-12-01 10:30:00",
        "med_list_codg": "001",
        "med_list_name": "拍片费",
        "fee_amt": 120,
        "cnt": 1,
    },
    {
        "fee_ocur_time": "2024-12-01 10:35:00",
        "med_list_codg": "002",
        "med_list_name": "诊疗费",
        "fee_amt": 15,
        "cnt": 3,
    },
]
PRESCRIPTIONS = [
    {"med_list_codg": "MED001", "med_list_name": "阿司匹林", "cnt": 2, "pric": 25.50},
    {"med_list_codg": "MED002", "med_list_name": "布洛芬", "cnt": 1, "pric": 18.80},
]


@pytest.fixture
async def service() -> AsyncIterator[Bench]:
    async with bench() as made:
        yield made


async def registered(service: Bench, key: str = "MZ1") -> str:
    data = await service.data("RegisterPatient", {"ipt_otp_no": key, **WHO})
    assert data["visit_no"] == key
    return key


async def trial(service: Bench, key: str) -> dict[str, Any]:
    return await service.data("PreSettle", {"visit_no": key, "fee_details": DETAILS})


async def settled(service: Bench, key: str = "MZ1") -> dict[str, Any]:
    await registered(service, key)
    found = await trial(service, key)
    return await service.data("Settle", {"visit_no": key, "pre_settle_id": found["pre_settle_id"]}) | found


def totals(service: Bench, key: str = "MZ1") -> dict[str, Any]:
    return service.centre.gateway.centre.ledger.totals().get(key, {})


def lose(service: Bench, code: str, times: int = 1) -> None:
    """Let the centre do it and lose its answer."""
    left = [times]

    def interfere(body: dict[str, Any], answer: Callable[[], dict[str, Any]]) -> httpx.Response | None:
        if body.get("transactionName") == code and left[0]:
            left[0] -= 1
            answer()
            return httpx.Response(502)
        return None

    service.centre.interfere = interfere


def unreachable(service: Bench, code: str) -> None:
    def interfere(body: dict[str, Any], _answer: Callable[[], dict[str, Any]]) -> httpx.Response | None:
        if body.get("transactionName") == code:
            raise httpx.ConnectError("no route")
        return None

    service.centre.interfere = interfere


def refuse(service: Bench, code: str, times: int = 1) -> None:
    left = [times]
    words = {"success": False, "code": 3001, "message": "人员未参保工伤保险", "businessErrorCode": "1001"}

    def interfere(body: dict[str, Any], _answer: Callable[[], dict[str, Any]]) -> httpx.Response | None:
        if body.get("transactionName") == code and left[0]:
            left[0] -= 1
            return httpx.Response(200, content=write_json(words | {"businessErrorMsg": "人员未参保工伤保险"}).encode())
        return None

    service.centre.interfere = interfere


# -- registration
async def test_the_same_registration_twice_at_once_is_one(service: Bench) -> None:
    body = {"ipt_otp_no": "MZ1", **WHO}
    both = await asyncio.gather(*(service.data("登记", body) for _ in range(2)))
    assert [each["visit_no"] for each in both] == ["MZ1", "MZ1"]
    assert service.centre.applied()["2201"] == 1


async def test_a_double_click_without_a_number_is_one_registration(service: Bench) -> None:
    both = await asyncio.gather(*(service.data("2201", WHO) for _ in range(2)))
    assert both[0]["visit_no"] == both[1]["visit_no"]
    assert service.centre.applied()["2201"] == 1


async def test_two_people_told_of_in_the_same_words_are_two(service: Bench) -> None:
    first = await service.data("2201", WHO)
    service.centre.gateway.centre.reader = "TEST-CARD-2"
    second = await service.data("2201", WHO)
    assert first["visit_no"] != second["visit_no"]
    assert service.centre.applied()["2201"] == 2


async def test_a_number_with_other_content_is_refused(service: Bench) -> None:
    await registered(service)
    answer = await service.transaction("2201", {"ipt_otp_no": "MZ1", **WHO, "dept_code": "002"})
    assert (answer["code"], answer["visit"]) == (1009, "MZ1")
    assert service.centre.applied()["2201"] == 1


async def test_a_refusal_has_the_shape_of_000(service: Bench) -> None:
    refuse(service, "1101")
    answer = await service.transaction("2201", {"ipt_otp_no": "MZ1", **WHO})
    shape = {name: answer[name] for name in ("success", "code", "message", "transactionCode", "businessErrorCode")}
    assert shape == {
        "success": False,
        "code": 3001,
        "message": "人员未参保工伤保险",
        "transactionCode": "1101",
        "businessErrorCode": "1001",
    }
    assert answer["businessErrorMsg"] == "人员未参保工伤保险"
    assert (await service.data("2201", {"ipt_otp_no": "MZ1", **WHO}))["visit_no"] == "MZ1"  # asked again


async def test_a_refused_registration_is_corrected_by_the_next(service: Bench) -> None:
    refuse(service, "2201")
    assert (await service.transaction("2201", {"ipt_otp_no": "MZ1", **WHO}))["code"] == 3001
    assert (await service.data("2201", {"ipt_otp_no": "MZ1", **WHO, "dept_code": "002"}))["visit_no"] == "MZ1"


async def test_a_lost_registration_is_found_again(service: Bench) -> None:
    lose(service, "2201")
    assert (await service.data("2201", {"ipt_otp_no": "MZ1", **WHO}))["visit_no"] == "MZ1"
    assert service.centre.applied()["2201"] == 1
    arrived = [message.msgid for message in service.centre.gateway.centre.ledger.messages]
    assert len(set(arrived)) == len(arrived)


async def test_2203_and_2202(service: Bench) -> None:
    key = await registered(service)
    changed = await service.transaction("2203", {"visit_no": key, "doctor_name": "试医生"})
    assert changed["success"] and changed["messageId"]
    assert (await service.transaction("2202", {"visit_no": key}))["success"]
    assert totals(service).get("registrations", 0) == 0
    assert (await service.transaction("2202", {"visit_no": key}))["success"]  # it is gone already
    assert (await service.transaction("PreSettle", {"visit_no": key}))["code"] == 3002


# -- lines
async def test_the_same_batch_twice_is_uploaded_once(service: Bench) -> None:
    key = await registered(service)
    body = {"action": "batch_upload", "patientId": "P1", "visitNo": key, "prescriptions": PRESCRIPTIONS}
    first, second = [await service.post(body) for _ in range(2)]
    assert first["data"] == second["data"]
    assert first["data"]["total_amt"] == Decimal("69.80")
    assert [line["status"] for line in first["data"]["lines"]] == ["uploaded", "uploaded"]
    assert (totals(service)["line_total"], service.centre.applied()["2204"]) == (Decimal("69.80"), 1)


async def test_two_equal_rows_in_one_batch_are_two_lines(service: Bench) -> None:
    key = await registered(service)
    body = {"action": "batch_upload", "visitNo": key, "prescriptions": [PRESCRIPTIONS[1]] * 2}
    for _ in range(2):
        assert (await service.post(body))["success"]
    assert totals(service)["line_total"] == Decimal("37.60")


async def test_a_bill_with_lines_that_were_uploaded_before_charges_them_once(service: Bench) -> None:
    key = await registered(service)
    await service.post({"action": "batch_upload", "visitNo": key, "prescriptions": PRESCRIPTIONS})
    rows = [
        {"fee_ocur_time": "2024-12-01 10:30:00", "med_list_codg": "MED001", "fee_amt": 51.00, "cnt": 2},
        {"fee_ocur_time": "2024-12-01 10:30:00", "med_list_codg": "MED002", "fee_amt": 18.80, "cnt": 1},
        {"fee_ocur_time": "2024-12-01 10:30:00", "med_list_codg": "001", "fee_amt": 120, "cnt": 1},
    ]
    found = await service.data("PreSettle", {"visit_no": key, "fee_details": rows})
    assert found["total_amt"] == Decimal("189.80") == totals(service)["line_total"]


async def test_a_bill_without_an_uploaded_line_is_refused(service: Bench) -> None:
    key = await registered(service)
    await trial(service, key)
    answer = await service.transaction("PreSettle", {"visit_no": key, "fee_details": DETAILS[:1]})
    assert (answer["code"], answer["businessErrorCode"]) == (3009, "2206002")
    assert totals(service)["line_total"] == Decimal("135.00")
    assert (await service.transaction("2205", {"visit_no": key}))["success"]
    found = await service.data("PreSettle", {"visit_no": key, "fee_details": DETAILS[:1]})
    assert found["total_amt"] == Decimal("120.00") == totals(service)["line_total"]


async def test_lines_with_numbers_of_the_his(service: Bench) -> None:
    key = await registered(service)
    line = {"rxno": "RX1", "feedetl_sn": "1", "med_list_codg": "A", "pric": 1.5, "cnt": 2, "umamt": 3.00}
    for _ in range(2):
        data = await service.data("2204", {"visit_no": key, "feedetail": [line]})
    assert (data["lines"][0]["rxno"], data["lines"][0]["umamt"]) == ("RX1", Decimal("3.00"))
    assert service.centre.applied()["2204"] == 1
    answer = await service.transaction("2204", {"visit_no": key, "feedetail": [line | {"cnt": 3, "umamt": 4.5}]})
    assert answer["code"] == 1007  # the centre has this line


async def test_an_amount_that_no_price_makes_names_the_row(service: Bench) -> None:
    key = await registered(service)
    rows = [DETAILS[0], DETAILS[1] | {"fee_amt": 0.01, "cnt": 300}]
    answer = await service.transaction("PreSettle", {"visit_no": key, "fee_details": rows})
    assert answer["code"] == 1007
    assert "fee_details.1.fee_amt" in answer["message"]
    assert totals(service)["line_total"] == 0


async def test_a_lost_upload_is_found_again(service: Bench) -> None:
    key = await registered(service)
    lose(service, "2204")
    assert (await trial(service, key))["total_amt"] == Decimal("135.00")
    assert totals(service)["line_total"] == Decimal("135.00")


# -- settlement
async def test_settling_twice_at_once_moves_money_once(service: Bench) -> None:
    key = await registered(service)
    body = {"visit_no": key, "pre_settle_id": (await trial(service, key))["pre_settle_id"]}
    answers = await asyncio.gather(*(service.data("Settle", body) for _ in range(3)))
    assert len({each["settle_id"] for each in answers}) == 1
    assert service.centre.applied()["2207"] == 1


async def test_a_lost_settlement_is_found_again(service: Bench) -> None:
    key = await registered(service)
    body = {"visit_no": key, "pre_settle_id": (await trial(service, key))["pre_settle_id"]}
    lose(service, "2207")
    assert (await service.data("Settle", body))["total_amt"] == Decimal("135.00")
    assert service.centre.applied()["2207"] == 1


async def test_a_wrong_trial_is_refused_and_nothing_happens(service: Bench) -> None:
    key = await registered(service)
    await trial(service, key)
    answer = await service.transaction("Settle", {"visit_no": key, "pre_settle_id": "PS0"})
    assert (answer["code"], answer["transactionCode"]) == (3011, "2207")
    assert service.centre.applied()["2207"] == 0


async def test_a_refused_settlement_may_be_asked_for_again_or_charged_anew(service: Bench) -> None:
    key = await registered(service)
    body = {"visit_no": key, "pre_settle_id": (await trial(service, key))["pre_settle_id"]}
    refuse(service, "2207")
    assert (await service.transaction("Settle", body))["code"] == 3001
    more = [*DETAILS, {"med_list_codg": "003", "fee_amt": 10, "cnt": 1, "fee_ocur_time": "2024-12-01 11:00:00"}]
    found = await service.data("PreSettle", {"visit_no": key, "fee_details": more})
    assert found["total_amt"] == Decimal("145.00")
    assert service.centre.applied()["2207"] == 0  # not settled before the patient has seen the new amounts
    body["pre_settle_id"] = found["pre_settle_id"]
    assert (await service.data("Settle", body))["total_amt"] == Decimal("145.00")


async def test_what_the_centre_does_not_answer_goes_on_by_itself(service: Bench) -> None:
    key = await registered(service)
    body = {"visit_no": key, "pre_settle_id": (await trial(service, key))["pre_settle_id"]}
    unreachable(service, "2207")
    answer = await service.transaction("Settle", body)
    assert answer["code"] in (2001, 2002)
    assert answer["visit"] == key
    service.centre.interfere = None
    assert (await service.data("Settle", body))["settle_id"]
    assert service.centre.applied()["2207"] == 1


async def test_the_receipt_and_the_ways_back(service: Bench) -> None:
    first = await settled(service)
    receipt = await service.data("6101", {"visit_no": "MZ1"})
    assert (receipt["settle_id"], receipt["total_amt"]) == (first["settle_id"], Decimal("135.00"))
    assert (await service.transaction("2205", {"visit_no": "MZ1"}))["code"] == 3007
    assert (await service.transaction("2202", {"visit_no": "MZ1"}))["code"] == 3003
    assert (await service.transaction("2208", {"visit_no": "MZ1"}))["success"]
    assert totals(service)["settlements"] == 0
    assert (await service.transaction("2208", {"visit_no": "MZ1"}))["code"] == 3012
    again = await service.data("Settle", {"visit_no": "MZ1", "pre_settle_id": first["pre_settle_id"]})
    assert again["settle_id"] != first["settle_id"]
    for code in ("2208", "2205", "2202"):
        assert (await service.transaction(code, {"visit_no": "MZ1"}))["success"], code
    assert totals(service).get("registrations", 0) == 0


# -- the complete process
COMPLETE = {
    "action": "complete_process",
    "patientInfo": {"visit_type": "1", **WHO},
    "feeDetails": DETAILS,
}


async def test_the_same_complete_process_is_done_once(service: Bench) -> None:
    answers = await asyncio.gather(*(service.post(COMPLETE) for _ in range(2)))
    answers.append(await service.post(COMPLETE))
    assert all(each["success"] for each in answers), answers
    assert len({each["processSteps"][3]["data"]["settle_id"] for each in answers}) == 1
    assert service.centre.applied()["2207"] == 1


async def test_a_complete_process_that_fails_says_where(service: Bench) -> None:
    refuse(service, "2207")
    answer = await service.post(COMPLETE)
    assert [step["success"] for step in answer["processSteps"]] == [True, True, True, False]
    assert (answer["code"], answer["transactionCode"]) == (3001, "2207")
    assert (await service.post(COMPLETE))["success"]
    assert service.centre.applied()["2207"] == 1


async def test_a_complete_process_without_a_card_registers_nobody(service: Bench) -> None:
    refuse(service, "1101")
    answer = await service.post(COMPLETE)
    assert [step["name"] for step in answer["processSteps"]] == ["读卡"]
    assert service.books() == "{}"


async def test_a_caller_that_gives_up_does_not_stop_the_visit(service: Bench) -> None:
    asked = asyncio.create_task(service.post(COMPLETE))
    while not service.centre.applied()["2201"]:
        await asyncio.sleep(0.001)
    asked.cancel()
    assert (await service.post(COMPLETE))["success"]
    assert (service.centre.applied()["2201"], service.centre.applied()["2207"]) == (1, 1)


# -- patience
async def test_who_waits_too_long_is_told_not_to_repeat_it_and_gets_the_answer_later() -> None:
    async with bench(patience=0.3) as service:
        key = await registered(service)
        body = {"visit_no": key, "pre_settle_id": (await trial(service, key))["pre_settle_id"]}
        gate = asyncio.Event()

        async def slowly(request: httpx.Request) -> httpx.Response:
            if b'"2207"' in request.content:
                await gate.wait()
            return await service.centre.answer(request)

        service.speak = slowly
        waiting = await service.transaction("Settle", body)
        assert (waiting["code"], waiting["visit"]) == (2003, key)
        assert waiting["messageId"]
        assert "请勿重复" in waiting["message"]
        again = await service.transaction("Settle", body)
        assert again["code"] == 2003
        gate.set()
        for _ in range(100):
            answer = await service.transaction("Settle", body)
            if answer["success"]:
                break
        assert answer["success"] and service.centre.applied()["2207"] == 1


async def test_reverse_of_one_batch_of_many_is_refused(service: Bench) -> None:
    key = await registered(service)
    line = {"med_list_codg": "A", "pric": 1, "cnt": 1}
    first = await service.transaction("2204", {"visit_no": key, "feedetail": [line | {"line_id": "1"}]})
    second = await service.transaction("2204", {"visit_no": key, "feedetail": [line | {"line_id": "2"}]})
    assert first["messageId"] != second["messageId"]
    for answer in (first, second):
        refused = await service.post({"action": "reverse", "originalMessageId": answer["messageId"]})
        assert refused["code"] == 3030
    assert totals(service)["line_total"] == Decimal("2.00")


async def test_a_line_that_the_centre_refuses_is_named_and_may_be_corrected(service: Bench) -> None:
    key = await registered(service)
    words = {"success": False, "code": 3005, "message": "明细金额与单价数量不符", "businessErrorCode": "2204002"}

    def interfere(body: dict[str, Any], _answer: Callable[[], dict[str, Any]]) -> httpx.Response | None:
        if body.get("transactionName") == "2204" and "BAD" in repr(body):
            return httpx.Response(200, content=write_json(words | {"businessErrorMsg": "明细金额不符"}).encode())
        return None

    service.centre.interfere = interfere
    rows = [{"line_id": "1", "med_list_codg": "A", "pric": 1, "cnt": 1}]
    rows.append({"line_id": "2", "med_list_codg": "BAD", "pric": 1, "cnt": 1})
    answer = await service.transaction("2204", {"visit_no": key, "feedetail": rows})
    assert (answer["code"], answer["businessErrorCode"]) == (3005, "2204002")
    assert [line["status"] for line in answer["data"]["lines"]] == ["uploaded", "refused"]
    assert (await service.transaction("PreSettle", {"visit_no": key}))["code"] == 3005
    rows[1]["med_list_codg"] = "GOOD"
    assert (await service.transaction("2204", {"visit_no": key, "feedetail": rows}))["success"]
    assert totals(service)["line_total"] == Decimal("2.00")


async def test_a_stay(service: Bench) -> None:
    await service.data("2201", {"ipt_otp_no": "ZY1", "visit_type": "2", "med_type": "21", **WHO})
    assert await service.store.find("jiangsu.inpatient", "ZY1")
    lines = [{"line_id": "1", "med_list_codg": "A", "pric": 10, "cnt": 1}]
    assert (await service.transaction("2204", {"visit_no": "ZY1", "feedetail": lines}))["success"]
    assert totals(service, "ZY1")["line_total"] == Decimal("10.00")
    assert (await service.transaction("2206", {"visit_no": "ZY1"}))["code"] == 1007
    end = {"dscg_time": "2026-11-21 10:00:00", "dscg_trt_rslt": "1", "diag_code": "S62.600", "diag_dscr": "骨折"}
    found = await service.data("2206", {"visit_no": "ZY1", **end})
    settled = await service.data("2207", {"visit_no": "ZY1", "pre_settle_id": found["pre_settle_id"]})
    assert settled["total_amt"] == Decimal("10.00")


class Shifted(SystemEnvironment):
    """The real clock, moved."""

    shift = 0

    def now(self) -> int:
        return super().now() + self.shift


async def test_asking_again_after_midnight_is_still_the_same_visit() -> None:
    clock = Shifted()
    local = datetime.datetime.fromtimestamp(clock.now() / SECOND, SHANGHAI)
    midnight = datetime.datetime.combine(local.date() + datetime.timedelta(days=1), datetime.time(), SHANGHAI)
    clock.shift = int((midnight - local).total_seconds() - 30) * SECOND
    async with bench(environment=clock) as service:
        first = await service.post(COMPLETE)
        clock.shift += MINUTE
        assert (await service.post(COMPLETE))["visit"] == first["visit"]
        clock.shift += 2 * HOUR
        assert (await service.post(COMPLETE))["visit"] != first["visit"]  # another day, another visit
