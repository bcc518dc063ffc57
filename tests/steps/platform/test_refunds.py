"""Money back, started by the hospital: one number for ever, 10002 is a doubt, sums agree (9, 13.2.1; G9)."""

from __future__ import annotations

import pytest

from engine.errors import TriggerNotLegal
from engine.events import Verdict
from tests.platform import CARD, Facts, wish
from tests.steps.platform.counter import WHO, Counter, cause, counter, stands

NAMED: Facts = {"payment": {"order": "ZJZF1", "card": CARD}}


async def desk(flow: str = "payment_refund", paid: str = "120.00", data: Facts = NAMED) -> Counter:
    made = await counter(flow)
    made.platform.payments["ZJZF1"] = paid
    await made.open("ZJZF1", data)
    return made


async def test_parts_go_back_until_nothing_is_left() -> None:
    made = await desk()
    await made.trigger("refund", wish("20.00"))
    await made.trigger("refund", wish("90.00", refund_no="OURS"))
    with pytest.raises(TriggerNotLegal, match="refund_fits"):
        await made.trigger("refund", wish("10.01"))
    visit = await made.trigger("refund", wish("10.00"))
    assert made.platform.refunded("ZJZF1") == [("ZJZF1R1", "20.00"), ("OURS", "90.00"), ("ZJZF1R3", "10.00")]
    assert [each["platform_no"] for each in visit.data["refunds"].values()] == ["RE1", "RE2", "RE3"]
    with pytest.raises(TriggerNotLegal):
        await made.trigger("refund", wish("0.01"))
    assert stands(await made.trigger("finish")) == ("finished", True)


async def test_a_number_that_was_used_is_not_used_for_another_refund() -> None:
    made = await desk()
    await made.trigger("refund", wish("20.00", refund_no="OURS"))
    with pytest.raises(TriggerNotLegal):
        await made.trigger("refund", wish("30.00", refund_no="OURS"))


async def test_an_order_that_the_platform_does_not_know() -> None:
    made = await counter("payment_refund")
    assert stands(await made.open("ZJZF1", NAMED)) == ("not_paid", True)


async def test_10002_is_asked_about_and_sent_again_with_the_same_number() -> None:
    made = await desk()
    made.platform.refusals["13.2.1"] = ("10002", "状态不明")
    await made.world.commands.trigger(made.visit_id, "refund", wish("20.00"), "HIS")
    await made.world.run(1_000_000)
    made.platform.refusals.clear()
    visit = await made.rest()
    assert visit.state == "known"
    assert made.platform.refunded("ZJZF1") == [("ZJZF1R1", "20.00")]
    assert made.platform.asked[-4:] == ["13.2.1", "14.1.2", "14.1.2", "13.2.1"]


async def test_10002_for_good_calls_a_person_and_never_counts_as_refused() -> None:
    made = await desk()
    made.platform.refusals["13.2.1"] = ("10002", "状态不明")
    visit = await made.trigger("refund", wish("20.00"))
    visit = await made.rest(24 * 3600 * 1_000_000)
    assert cause(visit) in ("doubt", "retries_exhausted")
    assert "refunds" not in visit.data or visit.data["refunds"] == {}
    assert {body["refundNo"] for body in made.platform.bodies if "refundNo" in body} == {"ZJZF1R1"}


async def test_a_lost_reply_is_found_by_our_number() -> None:
    made = await desk()
    made.platform.lost_replies["13.2.1"] = 1
    visit = await made.trigger("refund", wish("20.00"))
    assert made.platform.times("13.2.1") == 1
    assert visit.data["refunds"]["1"]["platform_no"] == "RE1"


async def test_a_query_that_fails_lets_the_same_call_be_repeated() -> None:
    made = await desk()
    made.platform.lost_replies |= {"13.2.1": 1, "14.1.2": 1000}
    await made.trigger("refund", wish("20.00"))
    visit = await made.rest()
    assert visit.data["refunds"]["1"]["outcome"] == "refunded"
    assert made.platform.refunded("ZJZF1") == [("ZJZF1R1", "20.00")]


async def test_a_person_reads_out_what_the_platform_has_done() -> None:
    made = await desk()
    made.platform.lost_replies |= {"13.2.1": 1000, "14.1.2": 1000}
    visit = await made.trigger("refund", wish("20.00"))
    visit = await made.rest(3600 * 1_000_000)
    assert cause(visit) == "doubt"
    told = {"refund": {"platform_no": "RE1", "time": "2026-11-20 10:00:00"}}
    await made.world.commands.settle(made.visit_id, Verdict.APPLIED, *WHO, told)
    visit = await made.rest()
    assert visit.data["refunds"]["1"] | {"outcome": "refunded"} == {
        "refund_no": "ZJZF1R1",
        "amount": "20.00",
        "outcome": "refunded",
        "platform_no": "RE1",
        "time": "2026-11-20 10:00:00",
    }
    assert "refund" not in visit.data


async def test_a_refusal_leaves_the_money_and_takes_another_number_next_time() -> None:
    made = await desk()
    made.platform.refusals["13.2.1"] = ("20003", "单号无效")
    visit = await made.trigger("refund", wish("20.00"))
    assert visit.data["refunds"]["1"]["outcome"] == "refused"
    made.platform.refusals.clear()
    await made.trigger("refund", wish("120.00"))
    assert made.platform.refunded("ZJZF1") == [("ZJZF1R2", "120.00")]


# -- a card's money, from the desk
FROZEN: Facts = NAMED | wish("50.00", refund_no="OURS1")


async def test_the_card_is_debited_when_the_platform_has_paid_out() -> None:
    made = await desk("hospital_refund", data=FROZEN)
    visit = await made.visit()
    assert stands(visit) == ("paid_out", False)
    assert made.platform.last("13.2.1")["refundNo"] == "OURS1"
    assert stands(await made.trigger("debited", {"note": "记账凭证7"})) == ("debited", True)


async def test_what_the_platform_refuses_is_released() -> None:
    made = await counter("hospital_refund")
    made.platform.payments["ZJZF1"] = "120.00"
    made.platform.refusals["13.2.1"] = ("20003", "")
    assert (await made.open("K1", FROZEN)).state == "not_paid_out"
    assert stands(await made.trigger("released", {"note": "解冻"})) == ("released", True)


async def test_more_than_was_paid_is_never_asked_for() -> None:
    made = await desk("hospital_refund", paid="49.99", data=FROZEN)
    assert (await made.visit()).state == "not_paid_out"
    assert made.platform.times("13.2.1") == 0


async def test_the_query_of_the_desk_decides_about_a_repeat() -> None:
    made = await counter("hospital_refund")
    made.platform.payments["ZJZF1"] = "120.00"
    made.platform.lost_requests["13.2.1"] = 1
    visit = await made.open("K1", FROZEN)
    assert visit.state == "paid_out"
    assert made.platform.times("9.1.2") == 2
    assert made.platform.refunded("ZJZF1") == [("OURS1", "50.00")]
