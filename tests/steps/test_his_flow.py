"""The shipped flow against the simulated back end: payments, refusals, lost answers, refunds. Assumptions H4-H15."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest

from engine.environment import DAY, HOUR, MINUTE, SECOND, Micros
from engine.errors import ActionNotLegal, InvalidData, TriggerNotLegal
from engine.events import Cause, Settled, Verdict
from engine.visit import Visit
from flows import load_catalogue
from simulators.common.http import Request, Response
from tests.his import FLOW, PERSONAL, Facts, Hospital, agree, doctor_settlement, opening, payment, read_out
from tests.world import World

R = "R1"
WHO = ("wang", "asked the HIS's people")


@dataclass
class Desk:
    """A till of the hospital: one engine, one back end."""

    settings: dict[str, Any] = field(default_factory=dict)
    adapter: dict[str, Any] = field(default_factory=dict)
    hospital: Hospital = field(default_factory=Hospital)
    visit_id: str = ""

    async def start(self) -> Desk:
        definition = doctor_settlement()
        changed = definition.model_copy(update={"settings": {**definition.settings, **self.settings}})
        self.world = World(
            environment=self.hospital.environment,
            catalogue=load_catalogue(),
            adapter=self.hospital.adapter(**self.adapter),
            definitions=[changed],
        )
        await self.world.start()
        return self

    async def open(self, reg_no: str = R, key: str = "K1", **more: Any) -> Visit:
        projection, _ = await self.world.commands.open(FLOW, key, opening(reg_no, **more))
        self.visit_id = projection.visit_id
        return await self.rest()

    async def rest(self, patience: Micros = 20 * MINUTE) -> Visit:
        await self.world.run(patience)
        await self.world.check(self.visit_id)
        return await self.visit()

    async def visit(self) -> Visit:
        return await self.world.visit(self.visit_id)

    async def trigger(self, trigger: str, data: Facts | None = None) -> Visit:
        await self.world.commands.trigger(self.visit_id, trigger, data, "HIS")
        return await self.rest()

    async def pay(self, **more: Any) -> Visit:
        return await self.trigger("paid", payment(**more))

    def lose(self, interface: str, *, applied: bool, times: int = 1) -> None:
        """Lose answers of one interface."""
        left = [times]

        def interfere(request: Request, apply: Callable[[], Response]) -> Response | None:
            if left[0] and request.path.endswith(interface):
                left[0] -= 1
                if applied:
                    apply()
                raise httpx.ReadError("lost")
            return None

        self.hospital.interfere = interfere

    @property
    def settlements(self) -> list[Facts]:
        return self.hospital.settlements(R)


async def desk(*, bill: bool = True, switches: Facts | None = None, **more: Any) -> Desk:
    made = await Desk(**more).start()
    if switches:
        made.hospital.arrange("PUT /switches", switches)
    made.hospital.arrange("POST /registrations", {"RegNo": R})
    if bill:
        made.hospital.bill(R)
    return made


def refund(money: str = PERSONAL) -> Facts:
    return {"his": {"refund": {"refund_no": "RF1", "money": money}}}


# -- all goes well
async def test_a_bill_is_shown_paid_and_settled_once() -> None:
    till = await desk()
    visit = await till.open()
    assert visit.state == "priced"
    bill = visit.data["his"]["bill"]
    assert (bill["total"], bill["fund"], bill["personal"]) == ("135.00", "108.00", "27.00")
    assert [each["amount"] for each in bill["items"]] == ["80.00", "55.00"]
    visit = await till.pay()
    assert (visit.state, visit.closed) == ("settled", True)
    settlement = visit.data["his"]["settlement"]
    assert settlement["receipt"] == "complete"
    assert settlement["places"] == [{"window": "3号窗口", "queue": "1", "kind": "药品", "order": "CF1"}]
    agree(visit.data, till.settlements)
    assert till.hospital.asked == ["Token", *["GetUnSettleBillByDoctor"] * 2, "SettleByDoctor"]


@pytest.mark.parametrize("flags", ["boolean", "text"])
@pytest.mark.parametrize("rows", ["list", "object"])
@pytest.mark.parametrize("numbers", ["text", "number"])
async def test_however_the_back_end_writes_it(numbers: str, rows: str, flags: str) -> None:
    till = await desk(switches={"numbers": numbers, "one_row": rows, "flags": flags})
    await till.open()
    agree((await till.pay()).data, till.settlements)


@pytest.mark.parametrize("how", ["null", "empty", "blank", "refuse"])
async def test_nothing_due_closes_the_visit(how: str) -> None:
    till = await desk(bill=False, switches={"nothing_due": how}, adapter={"nothing_due": ["没有未结算"]})
    visit = await till.open()
    assert (visit.state, visit.closed) == ("nothing_due", True)


async def test_the_patient_sees_what_the_doctor_has_changed() -> None:
    till = await desk(bill=False)
    bill = till.hospital.bill(R)
    await till.open()
    till.hospital.arrange("PUT /bills", {"BILLID": bill, "items": [{"price": "10.00"}]})
    visit = await till.trigger("ask_again")
    assert visit.data["his"]["bill"]["personal"] == "2.00"
    assert len(visit.data["his"]["bill"]["items"]) == 1
    visit = await till.pay(money="2.00")
    assert visit.state == "settled"
    agree(visit.data, till.settlements)


# -- payments that cannot be settled
async def test_money_that_differs_is_owed_back() -> None:
    till = await desk()
    await till.open()
    visit = await till.pay(money="26.99")
    assert (visit.state, visit.closed) == ("refund_due", False)
    assert visit.data["his"]["why_not"] == "money_differs"
    assert "SettleByDoctor" not in till.hospital.asked
    with pytest.raises(InvalidData, match="must be what was paid"):
        await till.trigger("refunded", refund("27.00"))
    visit = await till.trigger("refunded", refund("26.99"))
    assert (visit.state, visit.closed) == ("refunded", True)
    agree(visit.data, till.settlements)


async def test_a_bill_that_changed_meanwhile_is_not_settled() -> None:
    till = await desk(bill=False)
    bill = till.hospital.bill(R)
    await till.open()
    till.hospital.arrange("PUT /bills", {"BILLID": bill, "items": [{"price": "200.00"}], "fund": "173.00"})
    visit = await till.pay()  # the personal part is the same 27.00
    assert (visit.state, visit.data["his"]["why_not"]) == ("refund_due", "bill_changed")
    till.hospital.arrange("PUT /bills", {"BILLID": bill, "items": [{"price": "135.00"}], "fund": "108.00"})
    visit = await till.trigger("try_again")  # the doctor has put it right
    assert visit.state == "settled"
    agree(visit.data, till.settlements)


async def test_a_bill_paid_at_the_window_meanwhile_is_not_settled_twice() -> None:
    till = await desk(bill=False)
    bill = till.hospital.bill(R)
    await till.open()
    till.hospital.arrange("POST /window", {"BILLID": bill})
    visit = await till.pay()
    assert (visit.state, visit.data["his"]["why_not"]) == ("refund_due", "bill_gone")
    assert [each["door"] for each in till.settlements] == ["window"]


async def test_a_refused_settlement_is_owed_back() -> None:
    till = await desk()
    await till.open(card_no="C-of-another")
    visit = await till.pay()
    assert (visit.state, visit.trouble) == ("refund_due", None)
    assert visit.data["his"]["refusal"] == {"code": "6", "message": "卡号与挂号不符"}
    assert till.hospital.asked[-1] == "GetUnSettleBillByDoctor"  # looked once more
    await till.world.commands.correct(till.visit_id, {"his": {"card_no": f"C{R}"}}, *WHO)
    visit = await till.trigger("try_again")
    assert visit.state == "settled"
    assert "refusal" not in visit.data["his"]
    agree(visit.data, till.settlements)


async def test_a_refusal_of_a_bill_that_is_gone_calls_a_person() -> None:
    """An original that came late makes the HIS refuse what is settled already (H15)."""
    till = await desk(switches={"second_settlement": "refuse"})
    await till.open()
    sent: list[Request] = []

    def interfere(request: Request, apply: Callable[[], Response]) -> Response | None:
        if request.path.endswith("SettleByDoctor"):
            if not sent:
                sent.append(request)
                raise httpx.ReadError("lost")
            till.hospital.door.exchange(sent[0]).apply()  # overtaken: the first one arrives just now
        return None

    till.hospital.interfere = interfere
    visit = await till.pay()
    assert visit.state == "refund_due"
    assert visit.trouble is not None
    assert visit.trouble.cause is Cause.DISAGREEMENT
    assert "no longer offered" in visit.trouble.message
    await till.world.commands.resume(till.visit_id, *WHO)
    (made,) = till.settlements
    with pytest.raises(TriggerNotLegal, match="found_agrees"):
        await till.trigger("found_settled", read_out(made | {"GRZFJE3": "28.00"}))
    visit = await till.trigger("found_settled", read_out(made))
    assert (visit.state, visit.closed) == ("settled", True)
    assert visit.data["his"]["settlement"]["receipt"] == "by_hand"
    agree(visit.data, till.settlements)


async def test_wrong_credentials_do_not_owe_anything_back() -> None:
    till = await desk()
    await till.open()
    till.hospital.arrange("PUT /tokens", {"expire": True})
    till.hospital.back_end.tickets.user = "somebody else"
    visit = await till.pay()
    assert visit.trouble is not None
    assert visit.trouble.cause is Cause.REFUSED
    assert visit.state == "paid"
    till.hospital.back_end.tickets.user = "visitflow"
    await till.world.commands.resume(till.visit_id, *WHO)
    assert (await till.rest()).state == "settled"


# -- time
async def test_nobody_pays() -> None:
    till = await desk()
    await till.open()
    assert (await till.rest(3 * HOUR)).state == "lapsed"
    visit = await till.rest(2 * DAY)
    assert (visit.state, visit.closed) == ("expired", True)
    with pytest.raises(TriggerNotLegal, match="closed"):
        await till.pay()
    agree(visit.data, till.settlements)


async def test_a_payment_that_comes_late_is_not_lost() -> None:
    till = await desk()
    await till.open()
    await till.rest(3 * HOUR)
    visit = await till.pay()
    assert visit.state == "settled"
    agree(visit.data, till.settlements)


async def test_who_has_paid_cannot_be_cancelled() -> None:
    till = await desk()
    await till.open()
    await till.pay(money="1.00")
    with pytest.raises(ActionNotLegal, match="the patient has paid"):
        await till.world.commands.cancel(till.visit_id, *WHO)
    unpaid = await desk()
    await unpaid.open()
    await unpaid.world.commands.cancel(unpaid.visit_id, *WHO)
    assert (await unpaid.rest()).state == "cancelled"


# -- lost answers
async def test_a_lost_reply_is_found_and_the_receipt_is_missing() -> None:
    till = await desk()
    await till.open()
    till.lose("SettleByDoctor", applied=True)
    visit = await till.pay()
    assert (visit.state, visit.data["his"]["settlement"]["receipt"]) == ("settled", "missing")
    assert "check_out_no" not in visit.data["his"]["settlement"]
    agree(visit.data, till.settlements)
    assert till.hospital.asked.count("SettleByDoctor") == 1


async def test_a_lost_request_is_sent_again_after_two_looks() -> None:
    till = await desk()
    await till.open()
    began = till.hospital.environment.time
    till.lose("SettleByDoctor", applied=False)
    visit = await till.pay()
    assert (visit.state, visit.data["his"]["settlement"]["receipt"]) == ("settled", "complete")
    agree(visit.data, till.settlements)
    looks = [each for each in await till.world.events(till.visit_id) if isinstance(each, Settled)]
    assert [each.verdict for each in looks] == [Verdict.NOT_APPLIED]
    assert looks[0].at - began >= 70 * SECOND


async def test_a_reply_without_a_number_is_in_doubt() -> None:
    till = await desk(switches={"check_out_no": False})
    await till.open()
    visit = await till.pay()
    assert (visit.state, visit.data["his"]["settlement"]["receipt"]) == ("settled", "missing")
    assert till.hospital.asked.count("SettleByDoctor") == 1


@pytest.mark.parametrize("applied", [True, False])
async def test_where_settled_bills_stay_in_the_trial_a_person_is_asked(applied: bool) -> None:
    till = await desk(switches={"settled_bill": "offered"}, settings={"trial_shows": "all"})
    await till.open()
    till.lose("SettleByDoctor", applied=applied)
    visit = await till.pay()
    assert visit.trouble is not None
    assert visit.trouble.cause is Cause.DOUBT
    assert till.hospital.asked.count("SettleByDoctor") == 1
    data = read_out(till.settlements[0]) if applied else {}
    verdict = Verdict.APPLIED if applied else Verdict.NOT_APPLIED
    await till.world.commands.settle(till.visit_id, verdict, *WHO, data)
    visit = await till.rest()
    if not applied:  # sent again; the last look cannot tell either
        assert visit.data["his"]["settlement"]["receipt"] == "complete"
    assert visit.state == "settled"
    agree(visit.data, till.settlements)


@pytest.mark.parametrize("applied", [True, False])
async def test_a_mark_on_the_bill_tells_as_well(applied: bool) -> None:
    till = await desk(switches={"settled_bill": "marked"}, settings={"settled_status": "1"})
    await till.open()
    till.lose("SettleByDoctor", applied=applied)
    visit = await till.pay()
    assert (visit.state, visit.trouble) == ("settled", None)
    agree(visit.data, till.settlements)


@pytest.mark.parametrize("applied", [True, False])
async def test_trials_with_numbers_of_their_own(applied: bool) -> None:
    till = await desk(switches={"bill_id": "per_trial"}, settings={"same_bill": "amounts"})
    await till.open()
    till.lose("SettleByDoctor", applied=applied)
    visit = await till.pay()
    if applied:
        assert visit.state == "settled"
    else:  # what was looked at since has another number: this one is refused, and the payment is not lost
        assert visit.state == "refund_due"
        visit = await till.trigger("try_again")
        assert visit.state == "settled"
    agree(visit.data, till.settlements)


async def test_another_bill_in_its_place_calls_a_person() -> None:
    till = await desk()
    await till.open()
    till.lose("SettleByDoctor", applied=True)
    till.hospital.bill(R)  # the doctor has ordered something more
    visit = await till.pay()
    assert visit.trouble is not None
    assert visit.trouble.cause is Cause.DOUBT
    await till.world.commands.settle(till.visit_id, Verdict.APPLIED, *WHO, read_out(till.settlements[0]))
    agree((await till.rest()).data, till.settlements)


async def test_what_a_person_reads_out_must_agree() -> None:
    till = await desk(switches={"settled_bill": "offered"}, settings={"trial_shows": "all"})
    await till.open()
    till.lose("SettleByDoctor", applied=True)
    await till.pay()
    wrong = read_out(till.settlements[0] | {"SumFund": "136.00", "GRZFJE3": "28.00"})
    await till.world.commands.settle(till.visit_id, Verdict.APPLIED, *WHO, wrong)
    visit = await till.visit()
    assert visit.trouble is not None
    assert visit.trouble.cause is Cause.DISAGREEMENT


async def test_a_trial_that_fails_for_a_while_settles_the_doubt_later() -> None:
    till = await desk()
    await till.open()
    left = {"SettleByDoctor": 1, "GetUnSettleBillByDoctor": 4}

    def interfere(request: Request, apply: Callable[[], Response]) -> Response | None:
        name = request.path.rpartition("/")[2]
        if not till.hospital.asked.count("SettleByDoctor") or not left.get(name):
            return None
        left[name] -= 1
        apply()
        raise httpx.ReadError("lost")

    till.hospital.interfere = interfere
    visit = await till.pay()
    assert visit.state == "settled"
    agree(visit.data, till.settlements)


# -- sums (G9)
@pytest.mark.parametrize("when", ["trial", "settlement"])
async def test_sums_that_disagree_stop_the_visit(when: str) -> None:
    till = await desk()
    interface = "GetUnSettleBillByDoctor" if when == "trial" else "SettleByDoctor"

    def interfere(request: Request, apply: Callable[[], Response]) -> Response | None:
        if not request.path.endswith(interface):
            return None
        return Response(apply().body.replace(b'"108.00"', b'"107.00"'))

    till.hospital.interfere = interfere
    visit = await till.open()
    if when == "settlement":
        visit = await till.pay()
        assert visit.data["his"]["settlement"]["fund"] == "107.00"  # what was told is kept
    assert visit.trouble is not None
    assert visit.trouble.cause is Cause.DISAGREEMENT
    assert "SumFund" in visit.trouble.message


async def test_the_token_may_expire_at_any_time() -> None:
    till = await desk()
    await till.open()
    for _ in range(2):
        till.hospital.arrange("PUT /tokens", {"expire": True})
        till.hospital.environment.time += SECOND
        await till.trigger("ask_again")
    till.hospital.arrange("PUT /switches", {"unauthorized": "http401"})
    till.hospital.arrange("PUT /tokens", {"expire": True})
    till.hospital.environment.time += SECOND
    visit = await till.pay()
    assert visit.state == "settled"
    agree(visit.data, till.settlements)
    assert till.hospital.back_end.tickets.issued == 4


# -- what may be handed over
@pytest.mark.parametrize(
    "wrong",
    [
        {"money": 27.5},
        {"money": "-1.00"},
        {"money": "1.005"},
        {"pay_date": "20261120"},
        {"pay_time": "10:31"},
        {"x": "1"},
    ],
    ids=str,
)
async def test_a_payment_that_cannot_be_read_changes_nothing(wrong: Facts) -> None:
    till = await desk()
    await till.open()
    before = (await till.visit()).seq
    with pytest.raises(InvalidData) as caught:
        await till.pay(**wrong)
    assert f"his.payment.{next(iter(wrong))}" in f"{caught.value.field} {caught.value.details}"
    assert (await till.visit()).seq == before


async def test_a_payment_without_a_card_is_refused_where_none_is_known() -> None:
    till = await desk()
    await till.open(card_no=None)
    with pytest.raises(InvalidData, match="card_no"):
        await till.pay()
    assert (await till.pay(card_no=f"C{R}")).state == "settled"
