"""Clinic payments (3, 13): booked once, refused, in doubt; an order is closed before anybody says refundable."""

from __future__ import annotations

import pytest

from engine.definitions import Retry
from engine.environment import DAY, MINUTE
from engine.errors import DuplicateKey, InvalidData
from engine.events import Verdict
from tests.platform import clinic, refund_query
from tests.steps.platform.counter import WHO, cause, counter, stands

FLOW = "outpatient_payment"


async def test_a_payment_is_booked_and_answered_with_the_number_of_the_his() -> None:
    desk = await counter(FLOW)
    visit = await desk.open("ZJZF1", clinic(external="back to you"))
    assert stands(visit) == ("booked", True)
    assert visit.data["answers"] == {"3.1.2": {"data": {"outPrepayId": "P1"}}}
    (deed,) = desk.his.made
    assert (deed.body["outTradeNo"], str(deed.body["amount"]), deed.body["external"]) == (
        "ZJZF1",
        "120.00",
        "back to you",
    )


async def test_what_no_contract_knows_is_not_handed_on() -> None:
    desk = await counter(FLOW)
    visit = await desk.open("ZJZF1", clinic(novelty="1"))
    assert visit.state == "booked"
    assert visit.data["requests"]["3.1.2"]["novelty"] == "1"
    assert "novelty" not in desk.his.made[0].body


async def test_a_lost_reply_is_found_and_the_orders_number_stands_in_for_the_his_number() -> None:
    desk = await counter(FLOW)
    desk.his.lost_replies["3.1.2"] = 1
    visit = await desk.open("ZJZF1", clinic())
    assert stands(visit) == ("booked", True)
    assert visit.data["answers"]["3.1.2"]["data"] == {"outPrepayId": "ZJZF1"}
    assert visit.data["found"] == {"3.1.2": "14.2.2"}
    assert len(desk.his.made) == 1


async def test_a_lost_request_is_sent_again_after_two_looks() -> None:
    desk = await counter(FLOW)
    desk.his.lost_requests["3.1.2"] = 1
    visit = await desk.open("ZJZF1", clinic())
    assert stands(visit) == ("booked", True)
    assert desk.his.asked == ["3.1.2", "14.2.2", "14.2.2", "3.1.2", "14.2.2"]
    assert len(desk.his.made) == 1


async def test_the_his_may_be_away_for_hours() -> None:
    desk = await counter(FLOW)
    desk.his.unreached["3.1.2"] = 200
    visit = await desk.open("ZJZF1", clinic(), 12 * DAY)
    assert stands(visit) == ("booked", True)


async def test_a_payment_that_the_his_shows_with_another_amount_stops_the_visit() -> None:
    desk = await counter(FLOW)
    desk.his.lost_replies["3.1.2"] = 1
    made = desk.his.payments
    desk.his.payments = lambda order: [each | {"amount": "1.00"} for each in made(order)]  # type: ignore[method-assign]
    visit = await desk.open("ZJZF1", clinic())
    assert cause(visit) == "disagreement"
    assert "amount of ZJZF1" in visit.trouble.message  # type: ignore[union-attr]


async def test_a_payment_that_is_booked_twice_stops_the_visit() -> None:
    desk = await counter(FLOW)
    desk.his.lost_replies["3.1.2"] = 1
    made = desk.his.payments
    desk.his.payments = lambda order: 2 * made(order)  # type: ignore[method-assign]
    assert cause(await desk.open("ZJZF1", clinic())) == "disagreement"


async def test_balance_and_unified_platform_may_be_counted_in() -> None:
    desk = await counter(FLOW)
    desk.his.lost_replies["3.1.2"] = 1
    made = desk.his.payments
    desk.his.payments = lambda order: [each | {"amount": "150.00"} for each in made(order)]  # type: ignore[method-assign]
    assert (await desk.open("ZJZF1", clinic())).state == "booked"


# -- refused
async def test_a_refusal_is_kept_as_it_is_and_the_order_closes_when_the_books_say_so() -> None:
    desk = await counter(FLOW)
    desk.his.refusals["3.1.2"] = ("60103", "金额不一致")
    visit = await desk.open("ZJZF1", clinic())
    assert stands(visit) == ("failed", True)
    assert visit.data["refusals"] == {"3.1.2": {"code": "60103", "msg": "金额不一致"}}
    assert not visit.data.get("answers")
    assert desk.his.asked == ["3.1.2", "14.2.2"]


async def test_a_refused_payment_stays_open_until_a_late_original_can_no_longer_come() -> None:
    """Refundable is said of closed visits only: one with a suspect closes after its last look."""
    desk = await counter(FLOW)
    desk.his.lost_requests["3.1.2"] = 1
    asked = desk.his.respond

    async def refuse_the_second(number: str, request: object) -> object:
        if number == "3.1.2" and desk.his.asked.count("3.1.2"):
            desk.his.refusals["3.1.2"] = ("60103", "")
        return await asked(number, request)  # type: ignore[arg-type]

    desk.his.respond = refuse_the_second  # type: ignore[method-assign,assignment]
    visit = await desk.open("ZJZF1", clinic(), MINUTE)
    assert stands(visit) == ("failed", False)
    assert stands(await desk.rest()) == ("failed", True)


async def test_an_order_that_is_booked_although_it_was_refused_is_not_closed() -> None:
    """A late original: the HIS refused the second one, because the first one came after all."""
    desk = await counter(FLOW)
    desk.his.refusals["3.1.2"] = ("60102", "已缴费")
    desk.his.book("3.1.2", {"outTradeNo": "ZJZF1", "amount": "120.00"})
    visit = await desk.open("ZJZF1", clinic())
    assert (visit.state, cause(visit)) == ("checked", "disagreement")
    assert visit.data["refusals"] == {}
    await desk.world.commands.resume(desk.visit_id, *WHO)
    visit = await desk.rest()
    assert stands(visit) == ("booked", True)
    assert (visit.data["paid"], visit.data["answers"]["3.1.2"]["data"]) == ("120.00", {"outPrepayId": "ZJZF1"})


@pytest.mark.parametrize("code", ["40003", "50001"])
async def test_a_his_that_does_not_let_us_in_is_our_trouble_not_the_patients(code: str) -> None:
    desk = await counter(FLOW)
    desk.his.refusals["3.1.2"] = (code, "")
    visit = await desk.open("ZJZF1", clinic())
    assert (visit.state, cause(visit)) == ("opened", "refused")
    desk.his.refusals.clear()
    await desk.world.commands.resume(desk.visit_id, *WHO)
    assert (await desk.rest()).state == "booked"


# -- the refund query comes first
async def test_a_refund_query_without_a_notice_closes_the_order_against_it() -> None:
    desk = await counter(FLOW)
    assert stands(await desk.open("ZJZF1", refund_query())) == ("failed", True)
    with pytest.raises(DuplicateKey):
        await desk.world.commands.open("platform.outpatient_payment", "ZJZF1", clinic())
    assert desk.his.made == []


async def test_a_refund_query_without_a_notice_about_what_the_his_has_booked() -> None:
    desk = await counter(FLOW)
    desk.his.book("3.1.2", {"outTradeNo": "ZJZF1", "amount": "120.00"})  # before we stood here
    visit = await desk.open("ZJZF1", refund_query())
    assert (visit.state, cause(visit)) == ("checked", "disagreement")
    await desk.world.commands.resume(desk.visit_id, *WHO)
    assert stands(await desk.rest()) == ("booked", True)


async def test_a_person_reads_out_the_number_of_the_his() -> None:
    desk = await counter(FLOW)
    desk.his.lost_replies["3.1.2"] = 1
    desk.his.refusals["14.2.2"] = ("60001", "")
    desk.his.lost_replies["14.2.2"] = 1000
    visit = await desk.open("ZJZF1", clinic(), 60 * MINUTE)
    assert (visit.state, cause(visit)) == ("opened", "doubt")
    read = {"answers": {"3.1.2": {"data": {"outPrepayId": "P1"}}}}
    with pytest.raises(InvalidData, match=r"3\.1\.2|outPrepayId|20001"):
        await desk.world.commands.settle(desk.visit_id, Verdict.APPLIED, *WHO, {"answers": {"3.1.2": {"data": {}}}})
    await desk.world.commands.settle(desk.visit_id, Verdict.APPLIED, *WHO, read)
    visit = await desk.rest()
    assert visit.data["found"] == {"3.1.2": "person"}
    assert visit.data["answers"]["3.1.2"]["data"]["outPrepayId"] == "P1"


async def test_a_person_gives_up_a_payment_that_never_reached_the_his() -> None:
    few = Retry.model_validate({"first": "1s", "attempts": 5})
    desk = await counter(FLOW, policies={"paid": few, "default": few})
    desk.his.unreached["3.1.2"] = 10**6
    visit = await desk.open("ZJZF1", clinic())
    assert cause(visit) == "retries_exhausted"
    await desk.world.commands.reverse(desk.visit_id, "opened", *WHO)
    await desk.rest()
    assert stands(await desk.trigger("give_up")) == ("failed", True)
    assert desk.his.made == []


# -- what may be handed over
@pytest.mark.parametrize(
    ("data", "field"),
    [
        (clinic(amount="-1.00"), "20004: amount"),
        (clinic(amount=""), "20001: amount"),
        (clinic() | {"answers": {}}, "answers"),
        ({"requests": {"7.1.2": {}}}, "7.1.2"),
        ({"requests": {}}, "expected a request"),
    ],
)
async def test_what_does_not_fit_opens_nothing(data: dict[str, object], field: str) -> None:
    desk = await counter(FLOW)
    with pytest.raises(InvalidData) as caught:
        await desk.open("ZJZF1", data)
    assert field in f"{caught.value.message} {caught.value.field} {caught.value.details}"
    assert desk.his.asked == []
