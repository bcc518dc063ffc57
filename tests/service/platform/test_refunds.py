"""13.1.1, 5.1.6 and 8.1.3 move money: refundable only when certainly not booked and closed for ever (P50, P51)."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest

from adapters.platform.calling import HOSPITAL_METHODS
from service.platform import references
from service.platform.references import Holder
from tests.adapters.platform.peers import refusal_of
from tests.service.platform.bench import Bench, bench
from tests.service.platform.test_repeats import ORDER, payment, reply, request, settled

REFUNDABLE = {"success": True, "msg": "", "code": "10001", "data": "refundable"}
UNSURE = REFUNDABLE | {"data": "nonrefundable"}


async def may_refund(desk: Bench, order: str = ORDER, number: str = "13.1.1") -> bool:
    answer = await desk.post(number, request(number, outTradeNo=order))
    assert answer["success"], answer
    assert answer["data"] in ("refundable", "nonrefundable")
    return bool(answer["data"] == "refundable")


async def test_a_payment_nobody_knows_is_closed_before_it_is_called_refundable() -> None:
    async with bench() as desk:
        desk.his("13.1.1", REFUNDABLE)
        assert await may_refund(desk)
        holder = await references.find(desk_of(desk), references.ORDER, ORDER)
        assert holder is not None
        assert holder.closed
        late = await desk.post("3.1.2", payment())
        assert (late["success"], late["code"]) == (False, "20003")
        assert "可退款" in late["msg"]
        for number, member in (("7.1.2", "outTradeNo"), ("20.1.7", "payId")):
            assert (await desk.post(number, request(number, **{member: ORDER})))["code"] == "20003"
        assert [each for each, _ in desk.heard] == ["13.1.1"]
        assert await may_refund(desk)
        assert desk.count("13.1.1") == 1  # closed is closed: the HIS is not asked again


def desk_of(desk: Bench) -> Any:
    from types import SimpleNamespace

    application = SimpleNamespace(store=desk.store, commands=desk.commands, registry=desk.commands._registry)

    class Small:
        def __init__(self) -> None:
            self.application = application

        async def find(self, flow: str, key: str) -> Any:
            return await desk.store.find(flow, key)

        async def known(self, visit_id: str) -> Any:
            from engine.visit import fold

            return SimpleNamespace(visit=fold(visit_id, await desk.store.history(visit_id)))

    return Small()


@pytest.mark.parametrize(
    "said",
    [UNSURE, refusal_of(HOSPITAL_METHODS["13.1.1"], "10002"), httpx.ReadTimeout("x"), httpx.ConnectError("x"), b"?"],
    ids=lambda each: str(each)[:30],
)
async def test_where_the_his_does_not_agree_nothing_is_closed(said: Any) -> None:
    async with bench() as desk:
        desk.his("13.1.1", said)
        assert not await may_refund(desk)
        assert (await desk.post("3.1.2", payment()))["success"]
        assert not await may_refund(desk)


async def test_a_booked_payment_is_not_refundable_whatever_the_his_says() -> None:
    async with bench() as desk:
        desk.his("13.1.1", REFUNDABLE)
        assert (await desk.post("3.1.2", payment()))["success"]
        assert not await may_refund(desk)
        assert (await desk.post("3.1.2", payment()))["success"]


async def test_a_refused_payment_is_closed_and_refundable() -> None:
    async with bench() as desk:
        desk.refuses("3.1.2", "60103")
        first = await desk.post("3.1.2", payment())
        assert await may_refund(desk)
        visit = await desk.visit("platform.outpatient_payment", ORDER)
        assert (visit.state, visit.closed) == ("closed", True)
        desk.his("3.1.2", reply("3.1.2"))
        assert await desk.post("3.1.2", payment()) == first
        assert await may_refund(desk)
        assert desk.count("3.1.2") == 1


@pytest.mark.parametrize("lost", [httpx.ReadTimeout("x"), b"?", refusal_of(HOSPITAL_METHODS["3.1.2"], "90001")])
async def test_in_doubt_is_not_refundable(lost: Any) -> None:
    async with bench(wait=0.3) as desk:
        desk.his("3.1.2", lost)
        assert (await desk.post("3.1.2", payment()))["code"] == "40004"
        assert not await may_refund(desk)
        assert (await desk.post("3.1.2", payment()))["code"] == "40004"


async def test_while_the_notice_runs_it_is_not_refundable() -> None:
    async with bench(wait=0.2) as desk:
        go = asyncio.Event()

        async def slow(_method: Any, _body: Any) -> Any:
            await go.wait()
            return reply("3.1.2")

        desk.his("3.1.2", slow)
        assert (await desk.post("3.1.2", payment()))["code"] == "40004"
        assert not await may_refund(desk)
        go.set()
        await settled(desk, "platform.outpatient_payment", ORDER)
        assert not await may_refund(desk)
        assert (await desk.post("3.1.2", payment()))["success"]


@pytest.mark.parametrize(("number", "flow"), [("3.1.2", "platform.outpatient_payment"), ("10.1.2", "platform.deposit")])
async def test_a_notice_that_never_reached_the_his_is_cancelled_and_refundable(number: str, flow: str) -> None:
    async with bench(wait=0.3) as desk:
        desk.his(number, httpx.ConnectError("x"))
        body = request(number, outTradeNo=ORDER)
        assert (await desk.post(number, body))["code"] == "40004"
        for _ in range(20):
            if await may_refund(desk):
                break
        visit = await desk.visit(flow, ORDER)
        assert visit.closed
        desk.his(number, reply(number))
        tried = desk.count(number)
        late = await desk.post(number, body)
        assert late["success"] is False
        assert late["code"] != "40004"
        assert await may_refund(desk)
        assert desk.count(number) == tried


async def test_a_process_that_died_between_number_and_visit_leaves_no_hole() -> None:
    async with bench() as desk:
        holder = Holder("platform.outpatient_payment", ORDER, "3.1.2")
        await references.give(desk_of(desk), references.ORDER, ORDER, holder)
        assert await may_refund(desk)
        late = await desk.post("3.1.2", payment())
        assert late["success"] is False
        assert not desk.count("3.1.2")


async def test_a_notice_and_a_query_at_once_never_both_win() -> None:
    for turn in range(12):
        async with bench() as desk:
            desk.his("13.1.1", REFUNDABLE)
            calls: list[Any] = [desk.post("3.1.2", payment()), may_refund(desk), desk.post("3.1.2", payment())]
            done = await asyncio.gather(*(calls[turn % 3 :] + calls[: turn % 3]))
            refundable = next(each for each in done if isinstance(each, bool))
            booked = desk.count("3.1.2") > 0
            assert not (refundable and booked)
            assert await may_refund(desk) == (not booked)


async def test_insurance_orders_are_asked_for_by_5_1_6() -> None:
    async with bench() as desk:
        desk.his("5.1.6", UNSURE)
        given = await desk.post("5.1.1", request("5.1.1"))
        order = given["data"]["hisTradeId"]
        assert not await may_refund(desk, "YB1", "5.1.6")
        assert (await desk.post("5.1.4", request("5.1.4", hisTradeId=order, outTradeNo="YB1")))["success"]
        desk.his("5.1.6", REFUNDABLE)
        assert not await may_refund(desk, "YB1", "5.1.6")
        assert await may_refund(desk, "YB2", "5.1.6")
        assert (await desk.post("5.1.4", request("5.1.4", hisTradeId=order, outTradeNo="YB2")))["code"] == "20003"


async def test_a_payment_refused_by_a_standing_booking_is_refundable_and_stays_refused() -> None:
    async with bench(wait=0.3) as desk:
        assert (await desk.post("21.2.2", request("21.2.2", recordId="R1")))["success"]
        body = request("21.2.4", recordId="R1", payId="YYGH1")
        desk.his("21.2.4", refusal_of(HOSPITAL_METHODS["21.2.4"], "60205"), reply("21.2.4"))
        first = await desk.post("21.2.4", body)
        assert first["code"] == "60205"
        await settled(desk, "platform.registration_booked", "R1")
        assert await may_refund(desk, "YYGH1")
        assert await desk.post("21.2.4", body) == first
        assert (await desk.post("21.2.4", body | {"arAmt": "1.00"}))["code"] == "20003"
        assert desk.count("21.2.4") == 1
        other = request("21.2.4", recordId="R1", payId="YYGH2")
        desk.his("21.2.4", httpx.ReadTimeout("x"))
        assert (await desk.post("21.2.4", other))["code"] == "40004"
        assert not await may_refund(desk, "YYGH2")


async def test_the_state_of_a_card_refund() -> None:
    async with bench(wait=0.3) as desk:
        asked = {"orderNo": "JZKCZ1", "refundNo": "RE1"}

        async def state() -> tuple[str, str]:
            answer = await desk.post("8.1.3", request("8.1.3", **asked))
            assert answer["success"], answer
            return str(answer["data"]["status"]), str(answer["data"]["outRefundId"])

        desk.his("8.1.3", {"success": True, "msg": "", "code": "10001", "data": {"outRefundId": "", "status": "3"}})
        assert await state() == ("3", "")
        assert desk.count("8.1.3") == 1
        desk.his("8.1.2", httpx.ReadTimeout("x"))
        assert (await desk.post("8.1.2", request("8.1.2", **asked)))["code"] == "40004"
        assert await state() == ("2", "")  # in doubt is never "failed": the window and the platform would both pay
        asked["refundNo"] = "RE2"
        asked_so_far = desk.count("8.1.3")
        desk.his("8.1.2", reply("8.1.2", outRefundId="OUT2"))
        assert (await desk.post("8.1.2", request("8.1.2", **asked)))["success"]
        assert await state() == ("1", "OUT2")
        assert desk.count("8.1.3") == asked_so_far
        asked["refundNo"] = "RE3"  # the patient may try again, and the number stays [doc]
        desk.his("8.1.2", refusal_of(HOSPITAL_METHODS["8.1.2"], "60504"), reply("8.1.2", outRefundId="OUT3"))
        assert (await desk.post("8.1.2", request("8.1.2", **asked)))["code"] == "60504"
        await settled(desk, "platform.card_refund", "RE3")
        assert await state() == ("3", "")
        assert (await desk.post("8.1.2", request("8.1.2", **asked)))["data"]["outRefundId"] == "OUT3"
        assert await state() == ("1", "OUT3")


async def test_what_the_his_has_debited_is_paid_out_while_a_person_looks_for_the_balance() -> None:
    """8.1.3 does not tell the card's new balance, so the visit waits; the platform gives up after an hour."""
    async with bench(wait=0.3) as desk:
        asked = {"orderNo": "JZKCZ1", "refundNo": "RE1"}
        desk.his("8.1.2", httpx.ReadTimeout("x"))
        assert (await desk.post("8.1.2", request("8.1.2", **asked)))["code"] == "40004"

        async def told(said: Any) -> dict[str, Any]:
            desk.his("8.1.3", said)
            data = (await desk.post("8.1.3", request("8.1.3", **asked)))["data"]
            return {name: data[name] for name in ("outRefundId", "status")}

        running = {"outRefundId": "", "status": "2"}
        for status in ("2", "3"):
            assert await told(reply("8.1.3", outRefundId="OUT1", status=status)) == running
        assert await told(httpx.ReadTimeout("x")) == running
        assert await told(refusal_of(HOSPITAL_METHODS["8.1.3"], "10002")) == running
        assert await told(reply("8.1.3", outRefundId="OUT1", status="1")) == {"outRefundId": "OUT1", "status": "1"}
        assert desk.count("8.1.2") == 1
