"""The same call again, at the same time, after a restart, with other content; and calls that hang (P47, P49)."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest

from adapters.platform.calling import HOSPITAL_METHODS
from adapters.platform.contracts import INTERFACES
from engine.store import Status
from storage import Vault, open_store, upgrade
from tests.adapters.platform import samples
from tests.adapters.platform.peers import refusal_of, reply_of
from tests.conftest import TEST_KEY
from tests.service.platform.bench import Bench, bench
from tests.service.platform.flows import wire

ORDER = "ZJZF20260301001"


def payment(order: str = ORDER, **more: Any) -> Any:
    return wire("3.1.2", samples.request(INTERFACES["3.1.2"], full=True) | {"outTradeNo": order} | more)


def request(number: str, **more: Any) -> Any:
    return wire(number, samples.request(INTERFACES[number], full=True) | more)


def reply(number: str, **data: Any) -> Mapping[str, Any]:
    made = reply_of(HOSPITAL_METHODS[number])
    return made | {"data": made["data"] | data}


async def test_the_same_call_gets_the_same_answer_and_the_his_one_notice() -> None:
    async with bench() as desk:
        desk.his("3.1.2", reply("3.1.2", outPrepayId="HIS-1"), reply("3.1.2", outPrepayId="HIS-2"))
        first = await desk.post("3.1.2", payment())
        assert first["data"]["outPrepayId"] == "HIS-1"
        assert await desk.post("3.1.2", payment()) == first
        spelt_otherwise = payment() | {"amount": "12.3", " medicalCardNumber": payment()["medicalCardNumber"], "x": 1}
        assert await desk.post("3.1.2", spelt_otherwise) == first
        assert desk.count("3.1.2") == 1


async def test_thirty_at_once_are_one() -> None:
    async with bench() as desk:
        answers = await asyncio.gather(*(desk.post("3.1.2", payment()) for _ in range(30)))
        assert all(each == answers[0] and each["success"] for each in answers)
        assert desk.count("3.1.2") == 1


async def test_thirty_triggers_at_once_are_one() -> None:
    async with bench() as desk:
        booked = await desk.post("20.1.7", request("20.1.7", todayRegisterId="T1", payId="P1"))
        assert booked["success"]
        cancel = request("20.1.8", todayRegisterId="T1", hisRegistrationId="R1")
        answers = await asyncio.gather(*(desk.post("20.1.8", cancel) for _ in range(30)))
        accepted = [each for each in answers if each["success"]]
        assert accepted and all(each == accepted[0] for each in accepted)
        assert all(str(each["code"]) in ("10001", "40004") for each in answers)
        assert desk.count("20.1.8") == 1
        assert await desk.post("20.1.8", cancel) == accepted[0]


@pytest.mark.parametrize("changed", [{"amount": "99.00"}, {"medicalCardNumber": "CARD-OTHER"}, {"detailId": ["other"]}])
async def test_the_same_number_with_other_content_is_refused_by_name(changed: Mapping[str, Any]) -> None:
    async with bench() as desk:
        first = await desk.post("3.1.2", payment())
        answer = await desk.post("3.1.2", payment() | dict(changed))
        assert (answer["success"], answer["code"]) == (False, "20003")
        assert "outTradeNo" in answer["msg"]
        assert next(iter(changed)) in answer["msg"]
        assert str(next(iter(changed.values()))) not in answer["msg"]
        assert await desk.post("3.1.2", payment()) == first
        assert desk.count("3.1.2") == 1


async def test_a_payment_number_belongs_to_one_business() -> None:
    async with bench() as desk:
        assert (await desk.post("3.1.2", payment()))["success"]
        for number, member in (("7.1.2", "outTradeNo"), ("20.1.7", "payId"), ("27.1.2", "tradeNo")):
            answer = await desk.post(number, request(number, **{member: ORDER}))
            assert answer["code"] == "20003"
            assert member in answer["msg"]
            assert desk.count(number) == 0


async def test_while_the_first_runs_the_answer_is_40004_and_then_the_first_ones() -> None:
    async with bench(wait=0.1) as desk:
        go = asyncio.Event()

        async def slow(_method: Any, _body: Any) -> Any:
            await go.wait()
            return reply("3.1.2", outPrepayId="LATE")

        desk.his("3.1.2", slow)
        for _ in range(3):
            assert (await desk.post("3.1.2", payment()))["code"] == "40004"
        assert (await desk.post("3.1.2", payment(amount="7.00")))["code"] == "20003"
        go.set()
        await settled(desk, "platform.outpatient_payment", ORDER)
        assert (await desk.post("3.1.2", payment()))["data"]["outPrepayId"] == "LATE"
        assert desk.count("3.1.2") == 1


async def settled(desk: Bench, flow: str, key: str) -> None:
    for _ in range(200):
        projection = await desk.store.find(flow, key)
        if projection is not None and projection.status is not Status.READY:
            return
        await asyncio.sleep(0.01)
    raise AssertionError("the visit is still moving")


@pytest.mark.parametrize(
    "lost",
    [
        httpx.ReadTimeout("x"),
        httpx.Response(500),
        b"not json",
        {"success": True, "code": "10001", "msg": ""},
        {"success": False, "code": "10003", "msg": "x"},
        {"success": False, "code": "4711", "msg": "x"},
    ],
    ids=lambda each: str(each)[:40],
)
async def test_in_doubt_is_never_a_yes_and_never_a_no(lost: Any) -> None:
    async with bench(wait=0.3) as desk:
        desk.his("3.1.2", lost)
        for _ in range(2):
            answer = await desk.post("3.1.2", payment())
            assert (answer["success"], answer["code"]) == (False, "40004")
        assert desk.count("3.1.2") == 1


async def test_a_yes_with_an_empty_number_is_a_yes() -> None:
    async with bench() as desk:
        desk.his("3.1.2", {"success": True, "code": "10001", "msg": "", "data": {"outPrepayId": ""}})
        for _ in range(2):
            answer = await desk.post("3.1.2", payment())
            assert (answer["success"], answer["data"]) == (True, {"outPrepayId": ""})


async def test_a_his_that_is_away_is_waited_for_and_booked_once() -> None:
    async with bench(wait=0.1) as desk:
        desk.his("3.1.2", httpx.ConnectError("x"))
        assert (await desk.post("3.1.2", payment()))["code"] == "40004"
        desk.his("3.1.2", reply("3.1.2", outPrepayId="BACK"))
        await asyncio.sleep(0.2)
        await settled(desk, "platform.outpatient_payment", ORDER)
        assert (await desk.post("3.1.2", payment()))["data"]["outPrepayId"] == "BACK"


@pytest.mark.parametrize("code", ["60101", "60102", "60103", "20004"])
async def test_a_refusal_of_a_payment_stands_for_ever(code: str) -> None:
    async with bench() as desk:
        desk.his("3.1.2", refusal_of(HOSPITAL_METHODS["3.1.2"], code, "不行"), reply("3.1.2"))
        first = await desk.post("3.1.2", payment())
        assert (first["code"], first["msg"], first["data"]) == (code, "不行", None)
        assert await desk.post("3.1.2", payment()) == first
        assert desk.count("3.1.2") == 1


async def test_data_zero_is_said_as_data_zero() -> None:
    async with bench() as desk:
        given = await desk.post("5.1.1", request("5.1.1"))
        order = given["data"]["hisTradeId"]
        body = request("5.1.4", hisTradeId=order, outTradeNo="YB1")
        desk.his("5.1.4", {"success": True, "code": "10001", "msg": "失败", "data": "0"})
        answer = await desk.post("5.1.4", body)
        assert (answer["success"], str(answer["data"])) == (True, "0")


async def test_what_was_refused_without_money_may_be_tried_again() -> None:
    async with bench() as desk:
        body = request("24.1.4", appointmentId="A1")
        desk.his("24.1.4", refusal_of(HOSPITAL_METHODS["24.1.4"], "60205"), reply("24.1.4", regId="REG2"))
        assert (await desk.post("24.1.4", body))["code"] == "60205"
        assert (await desk.post("24.1.4", body))["data"]["regId"] == "REG2"
        assert (await desk.post("24.1.4", body))["data"]["regId"] == "REG2"
        assert desk.count("24.1.4") == 2
        cancel = request("24.1.6", appointmentId="A1", regId="REG2")
        assert (await desk.post("24.1.6", cancel))["success"]


async def test_a_change_of_a_booking_may_come_twice_and_each_gets_its_own_answer() -> None:
    async with bench() as desk:
        desk.his("24.1.4", reply("24.1.4", regId="R1"))
        await desk.post("24.1.4", request("24.1.4", appointmentId="A1"))
        desk.his("24.1.7", reply("24.1.7", regId="R2"), reply("24.1.7", regId="R3"))
        one, two = (request("24.1.7", appointmentId="A1", regId=old) for old in ("R1", "R2"))
        assert (await desk.post("24.1.7", one))["data"]["regId"] == "R2"
        assert (await desk.post("24.1.7", two))["data"]["regId"] == "R3"
        assert (await desk.post("24.1.7", one))["data"]["regId"] == "R2"
        assert desk.count("24.1.7") == 2


async def test_a_second_change_that_hangs_is_not_answered_with_the_firsts_answer() -> None:
    async with bench(wait=0.2) as desk:
        await desk.post("24.1.4", request("24.1.4", appointmentId="A1"))
        desk.his("24.1.7", reply("24.1.7", regId="R2"), httpx.ReadTimeout("x"))
        assert (await desk.post("24.1.7", request("24.1.7", appointmentId="A1", regId="R1")))["success"]
        hanging = await desk.post("24.1.7", request("24.1.7", appointmentId="A1", regId="R2"))
        assert hanging["code"] == "40004"


async def test_a_series_goes_on_where_the_content_changes_or_was_taken_back() -> None:
    async with bench() as desk:
        for phone in ("1", "2", "2", "1"):
            assert (await desk.post("1.2.4", request("1.2.4", medicalCardNumber="C1", phone=phone)))["success"]
        assert [body["phone"] for _, body in desk.heard] == ["1", "2", "1"]
        bind = request("2.1.2", oldMedicalCardNumber="C1", newMedicalCardNumber="C2")
        unbind = request("2.1.4", oldMedicalCardNumber="C1", newMedicalCardNumber="C2")
        for number, body in (("2.1.2", bind), ("2.1.2", bind), ("2.1.4", unbind), ("2.1.4", unbind), ("2.1.2", bind)):
            assert (await desk.post(number, body))["success"], number
        assert (desk.count("2.1.2"), desk.count("2.1.4")) == (2, 1)


async def test_later_calls_find_the_visit_by_the_number_that_the_his_gave() -> None:
    async with bench() as desk:
        desk.his("5.1.1", reply("5.1.1", hisTradeId="H1"), reply("5.1.1", hisTradeId="H2"))
        for card in ("C1", "C2"):
            assert (await desk.post("5.1.1", request("5.1.1", medicalCardNumber=card)))["success"]
        assert (await desk.post("5.1.2", request("5.1.2", hisTradeId="H2")))["success"]
        assert [body["hisTradeId"] for operation, body in desk.heard if operation == "5.1.2"] == ["H2"]
        cancelled = await desk.post("5.1.3", request("5.1.3", hisTradeId=["H1", "H2"]))
        assert str(cancelled["data"]) == "1"
        assert desk.count("5.1.3") == 2
        desk.refuses("5.1.3", "60102")
        assert (await desk.post("5.1.3", request("5.1.3", hisTradeId=["NOBODY"])))["code"] == "60102"


async def test_a_number_that_the_platform_learned_past_us_is_found_as_well() -> None:
    async with bench(wait=0.05) as desk:
        go = asyncio.Event()

        async def slow(_method: Any, _body: Any) -> Any:
            await go.wait()
            return reply("5.1.1", hisTradeId="SLOW")

        desk.his("5.1.1", slow)
        assert (await desk.post("5.1.1", request("5.1.1")))["code"] == "40004"
        go.set()
        for _ in range(100):
            answer = await desk.post("5.1.2", request("5.1.2", hisTradeId="SLOW"))
            if answer["code"] not in ("60102", "40004"):
                break
            await asyncio.sleep(0.01)
        assert answer["success"], answer
        assert desk.count("5.1.2") == 1


@pytest.mark.parametrize("operation", ["20.1.8", "21.2.3", "21.2.4", "24.1.6", "28.1.7", "29.1.4", "36.1.3", "5.1.2"])
async def test_what_belongs_to_no_visit_is_refused_and_begins_nothing(operation: str) -> None:
    async with bench() as desk:
        answer = await desk.post(operation, request(operation))
        assert str(answer["code"]) in ("60204", "60102")
        assert not desk.heard


@pytest.mark.parametrize("killed", [False, True])
async def test_after_a_restart_the_answer_is_the_same(tmp_path: Path, killed: bool) -> None:
    url = f"sqlite:///{tmp_path / 'visitflow.db'}"
    upgrade(url)
    store = open_store(url, Vault.parse(TEST_KEY))
    await store.start()
    async with bench(store, run=not killed, wait=0.05 if killed else 5) as desk:
        first = await desk.post("3.1.2", payment())
        assert (first["code"], desk.count("3.1.2")) == (("40004", 0) if killed else ("10001", 1))
    await store.close()
    store = open_store(url, Vault.parse(TEST_KEY))
    await store.start()
    async with bench(store) as desk:
        again = await desk.post("3.1.2", payment())
        assert again["success"]
        assert desk.count("3.1.2") == (1 if killed else 0)
        if not killed:
            assert again == first
        assert (await desk.post("3.1.2", payment(amount="1.00")))["code"] == "20003"
    await store.close()


async def test_keys_and_references_name_nobody() -> None:
    async with bench() as desk:
        card = "320102199001011234567890"
        await desk.post("1.2.4", request("1.2.4", medicalCardNumber=card))
        await desk.post("2.1.2", request("2.1.2", oldMedicalCardNumber=card, newMedicalCardNumber="C2"))
        await desk.post("15.1.2", request("15.1.2", medicalCardNumber=card))
        await desk.post("3.1.2", payment("O" * 200))
        from engine.store import VisitFilter

        visits = await desk.store.visits(VisitFilter())
        assert len(visits) == 5
        assert all(card not in each.key and len(each.key) <= 64 for each in visits)


async def test_a_flow_that_is_off_is_not_opened() -> None:
    from tests.service.platform.flows import definitions

    kept = tuple(each for each in definitions() if each.flow != "platform.outpatient_payment")
    async with bench(flows=kept) as desk:
        assert (await desk.post("3.1.2", payment()))["code"] == "40003"
        assert not desk.heard
