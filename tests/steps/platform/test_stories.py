"""What is particular about the businesses: deposits, top-ups, insurance, registrations, bookings, online orders."""

from __future__ import annotations

import pytest

from engine.environment import DAY, HOUR, MINUTE
from engine.errors import ActionNotLegal, TriggerNotLegal
from engine.events import Verdict
from tests.platform import CARD, Facts, body, refund_query, wish
from tests.steps.platform.counter import WHO, Counter, cause, counter, stands

LATE = body("10.1.2", outTradeNo="ZYYJ1", amount="500.00", payTime="2023-11-12 06:00:00", admissionNumber="Z1")
IN_TIME = body("10.1.2", outTradeNo="ZYYJ1", amount="500.00", payTime="2023-11-15 06:00:00", admissionNumber="Z1")


# -- deposits
async def test_a_deposit_in_time() -> None:
    visit = await (await counter("deposit")).open("ZYYJ1", IN_TIME)
    assert stands(visit) == ("booked", True)
    assert "late" not in visit.data


async def test_a_deposit_that_was_given_up_goes_back_whole() -> None:
    desk = await counter("deposit")
    visit = await desk.open("ZYYJ1", LATE)
    assert (visit.state, visit.data["late"]) == ("booked_late", True)
    with pytest.raises(TriggerNotLegal, match="refund_is_whole"):
        await desk.trigger("refund", wish("499.99"))
    assert stands(await desk.trigger("refund", wish("500.00"))) == ("given_back", True)
    assert desk.platform.refunded("ZYYJ1") == [("ZYYJ1R1", "500.00")]


async def test_a_deposit_that_the_platform_counts_as_paid_is_kept() -> None:
    desk = await counter("deposit")
    await desk.open("ZYYJ1", LATE)
    assert stands(await desk.trigger("keep", {"note": "平台账上为已缴"})) == ("booked", True)


async def test_a_deposit_booked_late_after_a_day_of_doubt() -> None:
    desk = await counter("deposit")
    desk.his.lost_replies |= {"10.1.2": 1, "14.2.2": 10**6}
    visit = await desk.open("ZYYJ1", IN_TIME, 2 * DAY)
    assert cause(visit) == "doubt"
    desk.environment.time += DAY
    desk.his.lost_replies.clear()
    told = {"answers": {"10.1.2": {"data": {"outPrepayId": "P1", "amount": "500.00"}}}}
    await desk.world.commands.settle(desk.visit_id, Verdict.APPLIED, *WHO, told)
    assert (await desk.rest()).state == "booked_late"


# -- top-ups
async def test_60303_is_tried_again_three_times_in_all() -> None:
    desk = await counter("card_topup")
    desk.his.refusals["7.1.2"] = ("60303", "充值失败，可继续调用")
    visit = await desk.open("JZKCZ1", body("7.1.2", outTradeNo="JZKCZ1"))
    assert stands(visit) == ("failed", True)
    assert desk.his.times("7.1.2") == 3


async def test_60303_once_and_then_it_works() -> None:
    desk = await counter("card_topup")
    desk.his.refusals["7.1.2"] = ("60303", "")
    visit = await desk.open("JZKCZ1", body("7.1.2", outTradeNo="JZKCZ1"), MINUTE // 2)
    assert visit.state == "again"
    assert visit.data["refusals"]["7.1.2"]["code"] == "60303"
    desk.his.refusals.clear()
    visit = await desk.rest()
    assert stands(visit) == ("booked", True)
    assert visit.data["refusals"] == {}


# -- a card's money, asked for by the patient
async def test_a_debit_is_certain_before_anybody_is_told() -> None:
    desk = await counter("card_refund")
    desk.his.lost_replies["8.1.2"] = 1
    visit = await desk.open("RE1", body("8.1.2", refundNo="RE1", orderNo="JZKCZ1"))
    assert (visit.state, cause(visit)) == ("opened", "doubt")  # 8.1.3 tells no balance, which the answer needs
    assert len(desk.his.of("8.1.2")) == 1
    told = {"answers": {"8.1.2": {"data": {"outRefundId": "T1", "balance": "0.00"}}}}
    await desk.world.commands.settle(desk.visit_id, Verdict.APPLIED, *WHO, told)
    assert stands(await desk.rest()) == ("debited", True)
    with pytest.raises(ActionNotLegal):
        await desk.world.commands.cancel(desk.visit_id, *WHO)


async def test_a_lost_refund_request_is_sent_again() -> None:
    desk = await counter("card_refund")
    desk.his.lost_requests["8.1.2"] = 1
    assert stands(await desk.open("RE1", body("8.1.2", refundNo="RE1"))) == ("debited", True)
    assert len(desk.his.of("8.1.2")) == 1


# -- insurance
INSURED = body("5.1.1", detailIds=["CF1-1", "CF1-2"])
SETTLE = body("5.1.2", hisTradeId="D1")


def rest(amount: str = "20.00", balance: str = "0.00", order: str = "YBZF1") -> Facts:
    return body("5.1.4", outTradeNo=order, amount=amount, balancePayment=balance, hisTradeId="D1")


async def insured(*, settled: bool = True, **his: str) -> Counter:
    desk = await counter("insurance_payment")
    for name, value in his.items():
        setattr(desk.his, name, value)
    await desk.open("YB1", INSURED)
    if settled:
        await desk.trigger("settle", SETTLE)
    return desk


async def test_the_card_pays_a_part_of_the_rest() -> None:
    desk = await insured()
    assert stands(await desk.trigger("paid", rest("20.00", "5.00"))) == ("booked", True)


async def test_a_rest_that_is_not_what_is_due_is_refused_before_the_his_hears_of_it() -> None:
    desk = await insured()
    visit = await desk.trigger("paid", rest("19.99"))
    assert (visit.state, visit.data["refusals"]["5.1.4"]["code"]) == ("settled", "60103")
    assert desk.his.times("5.1.4") == 0
    visit = await desk.trigger("refund_query", refund_query("YBZF1", "5.1.6", hisTradeId="D1"))
    assert visit.data["answers"]["5.1.6"] == {"data": "refundable"}
    assert stands(await desk.trigger("paid", rest(order="YBZF2"))) == ("booked", True)


async def test_nothing_is_left_to_pay() -> None:
    desk = await insured(insurer="100.00")
    assert stands(await desk.rest(2 * HOUR)) == ("booked", True)


async def test_a_lost_order_is_found_by_its_lines() -> None:
    desk = await counter("insurance_payment")
    desk.his.lost_replies["5.1.1"] = 1
    visit = await desk.open("YB1", INSURED)
    assert (visit.state, visit.data["found"]) == ("ordered", {"5.1.1": "5.1.5"})
    answer = visit.data["answers"]["5.1.1"]["data"]
    assert (answer["hisTradeId"], answer["tradeAmount"]) == ("D1", "100.00")


async def test_a_settled_order_is_taken_back_as_a_whole() -> None:
    desk = await insured()
    await desk.world.commands.cancel(desk.visit_id, *WHO)
    assert (await desk.rest()).state == "cancelled"
    assert [deed.number for deed in desk.his.made] == ["5.1.1", "5.1.2", "5.1.3"]


async def test_a_cancellation_with_data_0_is_a_refusal() -> None:
    desk = await insured(settled=False)
    desk.his.refusals["5.1.3"] = ("60601", "已缴费")
    visit = await desk.trigger("cancel_order", body("5.1.3", hisTradeId=["D1"]))
    assert (visit.state, visit.data["refusals"]["5.1.3"]["code"]) == ("ordered", "60601")


async def test_the_window_asks_the_platform_first() -> None:
    desk = await insured(settled=False)
    desk.platform.refusals["5.2.1"] = ("20003", "订单已完成")
    assert (await desk.trigger("window_cancel")).state == "ordered"
    desk.platform.refusals.clear()
    assert stands(await desk.trigger("window_cancel")) == ("taken_back", True)


# -- registrations
TODAY = body("20.1.7", todayRegisterId="U1", payId="DRGH1", registrationFee="10.00")


async def test_a_full_session_is_told_after_the_money() -> None:
    desk = await counter("registration_today")
    desk.his.refusals["20.1.7"] = ("60205", "号源已满")
    visit = await desk.open("U1", TODAY)
    assert (*stands(visit), visit.data["refusals"]["20.1.7"]["code"]) == ("failed", True, "60205")


async def test_a_lost_cancellation_is_read_from_the_books() -> None:
    desk = await counter("registration_today")
    await desk.open("U1", TODAY)
    desk.his.lost_replies["20.1.8"] = 1
    visit = await desk.trigger("cancel", body("20.1.8", todayRegisterId="U1", hisRegistrationId="H1"))
    assert stands(visit) == ("cancelled_by_patient", True)
    assert visit.data["answers"]["20.1.8"]["data"] == {"refundNo": "R2", "newInvoiceId": "I1"}
    assert len(desk.his.of("20.1.8")) == 1


async def test_who_was_seen_stays_registered() -> None:
    desk = await counter("registration_today")
    await desk.open("U1", TODAY)
    desk.his.refusals["20.1.8"] = ("60203", "已就诊")
    visit = await desk.trigger("cancel", body("20.1.8", todayRegisterId="U1", hisRegistrationId="H1"))
    assert (visit.state, visit.data["refusals"]["20.1.8"]["code"]) == ("registered", "60203")
    assert stands(await desk.trigger("report", {"result": "5"})) == ("finished", True)


async def test_the_hospital_gives_back_no_more_than_was_paid() -> None:
    desk = await counter("registration_today")
    await desk.open("U1", TODAY)
    with pytest.raises(TriggerNotLegal, match="refund_fits"):
        await desk.trigger("cancel_by_hospital", wish("10.01"))
    visit = await desk.trigger("cancel_by_hospital", wish("10.00"))
    assert stands(visit) == ("cancelled_by_hospital", True)
    assert desk.platform.last("20.2.1")["registerState"] == "4"


async def test_another_surcharge_than_the_his_says_is_refused() -> None:
    desk = await counter("registration_booked")
    desk.his.surcharge = "5.00"
    await desk.open("Y1", body("21.2.2", recordId="Y1"))
    paid = body("21.2.4", recordId="Y1", payId="YYGH1", arAmt="10.00", surcharge="0.00")
    visit = await desk.trigger("pay", paid)
    assert (visit.state, visit.data["refusals"]["21.2.4"]["code"]) == ("booked", "60202")
    visit = await desk.trigger("refund_query", refund_query("YYGH1"))
    assert visit.data["answers"]["13.1.1"] == {"data": "refundable"}
    again = body("21.2.4", recordId="Y1", payId="YYGH2", arAmt="15.00", surcharge="5.00")
    assert (await desk.trigger("pay", again)).state == "registered"


async def test_the_refund_number_of_a_booked_one_stands_beside_the_code() -> None:
    desk = await counter("registration_booked")
    await desk.open("Y1", body("21.2.2", recordId="Y1"))
    await desk.trigger("pay", body("21.2.4", recordId="Y1", payId="YYGH1", arAmt="10.00"))
    visit = await desk.trigger("cancel", body("21.2.3", recordId="Y1"))
    assert stands(visit) == ("cancelled_by_patient", True)
    assert visit.data["answers"]["21.2.3"]["refundNo"] == "R3"


# -- bookings
async def test_a_change_takes_the_place_of_the_booking() -> None:
    desk = await counter("examination_booking")
    booked = body("24.1.4", appointmentId="A1", orderId="O1", roomId="US1", selectedDate="2026-11-21", planTimeName="1")
    await desk.open("A1", booked)
    slot = {"appointmentId": "A1", "orderId": "O1", "roomId": "US1", "selectedDate": "2026-11-22", "planTimeName": "2"}
    await desk.trigger("change", body("24.1.7", regId="G1", **slot, planTimeId="T2"))
    without = body(
        "24.1.7",
        regId="G2",
        **slot | {"planTimeName": "3"},
        startTime="2026-11-22 08:00:00",
        endTime="2026-11-22 09:00:00",
    )
    without["requests"]["24.1.7"].pop("planTimeId", None)
    visit = await desk.trigger("change", without)
    assert visit.data["answers"]["24.1.7"]["data"]["regId"] == "G3"
    assert "planTimeId" not in desk.his.last("24.1.7")  # of the first change
    await desk.world.commands.cancel(desk.visit_id, *WHO)
    await desk.rest()
    assert desk.his.last("24.1.6")["regId"] == "G3"


async def test_some_lines_are_registered_and_some_are_not() -> None:
    desk = await counter("examination_check_in")
    made = body("24.1.8")
    lines = made["requests"]["24.1.8"]["orderList"]
    made["requests"]["24.1.8"]["orderList"] = [lines[0] | {"orderId": "O1"}, lines[0] | {"orderId": "O2"}]
    desk.his.lost_replies["24.1.8"] = 1
    told = desk.his._q24_1_5
    desk.his._q24_1_5 = lambda asked: told(asked)[:1]  # type: ignore[method-assign]
    visit = await desk.open("X1", made)
    assert stands(visit) == ("done", True)
    assert visit.data["answers"]["24.1.8"]["data"]["successDetailIdList"] == ["O1"]


async def test_who_has_begun_the_examination_cannot_cancel_it() -> None:
    desk = await counter("physical_booking")
    await desk.open("T1", body("28.1.6", tradeNo="T1", acPrice="198.00"))
    desk.his.begun = True
    visit = await desk.trigger("cancel", body("28.1.7", id="E1"))
    assert (visit.state, visit.data["refusals"]["28.1.7"]["code"]) == ("booked", "60601")
    assert desk.his.times("28.1.7") == 0


async def test_a_lock_that_may_be_lost_lapses_and_the_patient_is_told() -> None:
    desk = await counter("lab_booking")
    desk.his.lost_replies["33.1.3"] = 1
    visit = await desk.open("L1", body("33.1.3", recordId="L1", lockTime=15), 2 * HOUR)
    assert stands(visit) == ("not_locked", True)
    assert visit.data["refusals"]["33.1.3"]["code"] == "40001"
    assert len(desk.his.of("33.1.3")) == 1


async def test_a_payment_after_the_lapse_is_the_hiss_to_judge() -> None:
    desk = await counter("lab_booking")
    await desk.open("L1", body("33.1.3", recordId="L1", lockTime=15), HOUR)
    assert (await desk.visit()).state == "lapsed"
    desk.his.refusals["33.1.4"] = ("60205", "号源已满")
    visit = await desk.trigger("pay", body("33.1.4", recordId="L1", outTradeNo="XMYY1", total="16.00"))
    assert (visit.state, visit.data["refusals"]["33.1.4"]["code"]) == ("unpaid", "60205")
    visit = await desk.trigger("refund_query", refund_query("XMYY1"))
    assert visit.data["answers"]["13.1.1"] == {"data": "refundable"}


async def test_a_free_item_that_is_refused_looks_for_no_money() -> None:
    desk = await counter("lab_booking")
    desk.his.refusals["33.1.4"] = ("60205", "")
    visit = await desk.open("L1", body("33.1.4", recordId="L1", total="0.00"))
    assert visit.state == "unpaid"
    assert desk.his.times("14.2.2") == 0


# -- online
async def test_only_lines_of_the_order_are_reported() -> None:
    desk = await counter("internet_payment")
    order = body("25.1.1", tradeNo="CFZF1")
    order["requests"]["25.1.1"]["charges"][0]["chargeId"] = "Y001"
    await desk.open("CFZF1", order)
    with pytest.raises(TriggerNotLegal, match="is_a_line"):
        await desk.trigger("report", {"served": {"charge_id": "Y002", "status": "1"}})
    await desk.trigger("report", {"served": {"charge_id": "Y001", "status": "1"}})
    visit = await desk.trigger("report", {"served": {"charge_id": "Y001", "status": "2"}})
    assert visit.data["lines"] == {"Y001": "2"}
    assert [deed.body["status"] for deed in desk.platform.of("25.2.2")] == ["1", "2"]


# -- without money
async def test_60701_is_told_as_it_is() -> None:
    desk = await counter("triage")
    desk.his.refusals["15.1.2"] = ("60701", "已分诊")
    visit = await desk.open("T1", body("15.1.2", doctorId="D1"))
    assert (*stands(visit), visit.data["refusals"]["15.1.2"]["code"]) == ("refused", True, "60701")


async def test_a_pass_is_looked_for_before_it_is_added_again() -> None:
    desk = await counter("companion_pass")
    desk.his.lost_replies["37.1.3"] = 1
    visit = await desk.open("P1", body("37.1.3", idCard=CARD, admissionNumber="Z1"))
    assert (visit.state, visit.data["answers"]["37.1.3"]["data"]) == ("valid", {"caregiversId": "C1"})
    assert len(desk.his.of("37.1.3")) == 1
