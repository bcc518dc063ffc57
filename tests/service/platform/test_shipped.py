"""The table and the shipped flows speak of the same: flow, trigger, what each takes; and some stories through both."""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import cache
from pathlib import Path
from typing import Any

import httpx
import pytest

import steps.platform
from adapters.hospital import HospitalPort, KeyedHospitalPort
from adapters.platform import PlatformClient
from adapters.platform.calling import HOSPITAL_METHODS
from adapters.platform.contracts import INTERFACES
from engine import tables
from engine.catalogue import Catalogue
from engine.definitions import FlowDefinition, Retry, Settling
from engine.facts import normalise
from engine.machine import Flow
from service.platform.table import table
from tests.adapters.platform import samples
from tests.adapters.platform.peers import refusal_of
from tests.jiangsu import ROOT
from tests.service.platform.bench import Bench, bench
from tests.service.platform.test_refunds import REFUNDABLE, may_refund
from tests.service.platform.test_repeats import ORDER, payment, reply, request

BRIEF = Retry.model_validate({"first": "20ms", "factor": 1, "cap": "20ms", "total": "10s"})
SETTLING = Settling.model_validate(
    {"first_look": "10ms", "look_again": "10ms", "looks": 2, "tries": 2, "late_look": "20ms"}
).model_copy(update={"backoff": BRIEF})


def installed() -> Catalogue:
    adapters: dict[str, Any] = {each.name: each for each in (HospitalPort, KeyedHospitalPort, PlatformClient)}
    return Catalogue({"platform": steps.platform}, adapters)


@cache
def shipped() -> dict[str, FlowDefinition]:
    found = {}
    for path in sorted((Path(ROOT) / "flows/platform").glob("*.yaml")):
        made = FlowDefinition.model_validate(tables.load(path.read_text(encoding="utf-8")))
        patient = {"settling": SETTLING, "policies": dict.fromkeys(made.policies, BRIEF)}
        found[made.flow] = made.model_copy(update=patient)
    return found


ROWS = [(number, row) for number, row in table().interfaces.items() if row.flow in shipped()]


@pytest.mark.parametrize(("number", "row"), ROWS, ids=[number for number, _ in ROWS])
def test_the_flow_takes_what_the_table_brings(number: str, row: Any) -> None:
    flow = Flow(shipped()[row.flow], installed())
    body = normalise({"requests": {number: samples.request(INTERFACES[number], full=True)}})
    if row.act != "trigger":
        flow.opening_model.model_validate(body)
    if row.trigger:
        assert row.trigger in flow.triggers
        edges = [each for state in flow.definition.states for each in flow.edges(row.trigger, state)]
        taken = [each.input for each in edges if each.input is not None]  # the others go by what opened the visit
        assert taken
        for model in taken:
            model.model_validate(body)


@pytest.fixture
async def desk() -> AsyncIterator[Bench]:
    async with bench(flows=tuple(shipped().values()), known=installed(), wait=3) as made:
        yield made


EMPTY = {"success": True, "msg": "", "code": "10001", "data": []}


def booked(order: str, amount: str) -> dict[str, Any]:
    row = {"tradeNo": order, "amount": amount, "tradeTime": "2026-03-01 08:05:09", "payType": "WeChatPay"}
    return EMPTY | {"data": [row | {"body": "x", "complete": "true"}]}


async def test_a_payment_is_booked_once_and_answered_the_same(desk: Bench) -> None:
    desk.his("3.1.2", reply("3.1.2", outPrepayId="HIS1"))
    first = await desk.post("3.1.2", payment())
    assert first["data"]["outPrepayId"] == "HIS1"
    assert await desk.post("3.1.2", payment()) == first
    assert (await desk.post("3.1.2", payment(amount="1.00")))["code"] == "20003"
    assert not await may_refund(desk)
    assert desk.count("3.1.2") == 1


async def test_a_refusal_is_looked_into_then_closed_then_refundable(desk: Bench) -> None:
    desk.refuses("3.1.2", "60103")
    desk.his("14.2.2", EMPTY)
    desk.his("13.1.1", REFUNDABLE)
    first = await desk.post("3.1.2", payment())
    assert first["code"] == "60103"
    assert await may_refund(desk)
    assert (await desk.visit("platform.outpatient_payment", ORDER)).closed
    assert await desk.post("3.1.2", payment()) == first
    assert desk.count("3.1.2") == 1


async def test_a_lost_answer_is_looked_for_and_never_refundable(desk: Bench) -> None:
    amount = str(payment()["amount"])
    desk.his("3.1.2", httpx.ReadTimeout("x"))
    desk.his("14.2.2", booked(ORDER, amount))
    for _ in range(20):
        answer = await desk.post("3.1.2", payment())
        if answer["success"]:
            break
        assert answer["code"] == "40004"
    assert answer["success"], answer
    assert not await may_refund(desk)
    assert desk.count("3.1.2") == 1


@pytest.mark.parametrize("number", [number for number, row in ROWS if row.act == "open" and row.order])
async def test_every_payment_refused_is_refundable_in_the_end(desk: Bench, number: str) -> None:
    row = table().interfaces[number]
    desk.his(number, refusal_of(HOSPITAL_METHODS[number], "60101"))
    desk.his("14.2.2", EMPTY)
    desk.his("13.1.1", REFUNDABLE)
    body = request(number, **{row.order: ORDER})
    first = await desk.post(number, body)
    assert str(first["code"]) == "60101"
    assert await may_refund(desk)
    assert (await desk.post(number, body))["success"] is False
    assert desk.count(number) == 1


ASKED = [number for number, row in ROWS if row.flow in shipped()]


def test_every_call_has_its_flow() -> None:
    assert list(table().interfaces) == ASKED


@pytest.mark.parametrize("number", [number for number, row in ROWS if row.act != "trigger"])
async def test_every_opening_is_answered_once_by_the_shipped_flow(desk: Bench, number: str) -> None:
    body = request(number)
    first = await desk.post(number, body)
    assert first["success"], first
    assert await desk.post(number, body) == first
    assert desk.count(number) == 1


async def test_a_registration_is_cancelled_once(desk: Bench) -> None:
    booked_today = request("20.1.7", todayRegisterId="T1", payId="DRGH1")
    desk.his("20.1.7", reply("20.1.7", hisRegistrationId="REG1"))
    assert (await desk.post("20.1.7", booked_today))["success"]
    cancel = request("20.1.8", todayRegisterId="T1", hisRegistrationId="REG1")
    desk.his("20.1.8", refusal_of(HOSPITAL_METHODS["20.1.8"], "60203"), reply("20.1.8", refundNo="TF1"))
    assert (await desk.post("20.1.8", cancel))["code"] == "60203"
    assert (await desk.post("20.1.8", cancel))["data"]["refundNo"] == "TF1"
    assert (await desk.post("20.1.8", cancel))["data"]["refundNo"] == "TF1"
    assert desk.count("20.1.8") == 2
    assert not await may_refund(desk, "DRGH1")


async def test_an_insurance_order_from_creation_to_payment(desk: Bench) -> None:
    sums = {"hisTradeId": "YB1", "tradeAmount": "100.00", "preferentialAmount": "0.00"}
    desk.his("5.1.1", reply("5.1.1", **sums, preMedAmount="60.00"))
    desk.his("5.1.2", reply("5.1.2", **sums, medAmount="60.00"))
    desk.his("5.1.5", reply("5.1.5", **sums, medAmount="60.00", tradeState="1"))
    desk.his("14.2.2", EMPTY)
    assert (await desk.post("5.1.1", request("5.1.1")))["data"]["hisTradeId"] == "YB1"
    settle = request("5.1.2", hisTradeId="YB1")
    first = await desk.post("5.1.2", settle)
    assert first["success"], first
    assert await desk.post("5.1.2", settle) == first
    wrong = request("5.1.4", hisTradeId="YB1", outTradeNo="ZJZF8", amount="39.00", balancePayment="0.00")
    refused = await desk.post("5.1.4", wrong)
    assert refused["code"] == "60103", refused
    assert await may_refund(desk, "ZJZF8", "5.1.6")
    assert await desk.post("5.1.4", wrong) == refused
    paid = request("5.1.4", hisTradeId="YB1", outTradeNo="ZJZF9", amount="40.00", balancePayment="0.00")
    answer = await desk.post("5.1.4", paid)
    assert answer["success"], answer
    assert await desk.post("5.1.4", paid) == answer
    assert not await may_refund(desk, "ZJZF9", "5.1.6")
    assert await desk.post("5.1.4", wrong) == refused
    assert (desk.count("5.1.2"), desk.count("5.1.4")) == (1, 1)
