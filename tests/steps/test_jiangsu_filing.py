"""1102: what is sent, where person and injury come from, and that a lost answer is a person's (J35)."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from adapters.jiangsu.transactions import TRANSACTIONS
from engine.errors import ActionNotLegal, InvalidData
from engine.events import Verdict
from engine.facts import normalise
from engine.steps import View
from steps.jiangsu.filing import FiledByHand, FileSpecial, Filing, FilingOpening, knows_injury
from tests.people import identity_number
from tests.steps.desk import Desk, No, Params, begin, world

PERSON = identity_number(1)
OPENING: dict[str, Any] = {
    "start_day": "20231201",
    "end_day": "20231231",
    "apply_day": "20231115",
    "out_area": "320100",
    "out_hospital": "虚构康复医院",
    "reason": "需转院康复",
}
KNOWN = {"psn_no": PERSON, "qualification_id": "Q1"}
FLOW = "jiangsu.special_filing"


def view(**data: Any) -> View:
    return View("id", FLOW, "BA1", "known", Filing.model_validate(data).model_dump(exclude_none=True), {}, 0)


def card(kind: str = "肢体残") -> Any:
    return lambda _params: {"psn_no": PERSON, "psn_name": "赵测甲", "exam_ccls": f"^Q7|x|{kind}|"}


# -- the step
def test_the_request_fits_the_contract() -> None:
    sent = normalise(dict(FileSpecial().request(view(**OPENING, **KNOWN, transportation="救护车"))))
    TRANSACTIONS["file_special"].request.model_validate(sent)
    assert (sent["qualification_id"], sent["actualEndTime"], sent["transportation"]) == ("Q1", "20231231", "救护车")


@pytest.mark.parametrize(("reply", "number"), [({"filing_no": "BA77"}, "BA77"), ({"filing_no": ""}, None), ({}, None)])
def test_the_number_is_kept_where_there_is_one(reply: dict[str, str], number: str | None) -> None:
    assert FileSpecial().fold(view(**OPENING, **KNOWN), reply).data == {"filing_no": number}
    FiledByHand.model_validate(reply)
    assert FileSpecial().told(view(**OPENING, **KNOWN), reply).data == {"filing_no": number}


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"psn_no": PERSON}, "together with qualification_id"),
        ({"identify_mode": "2"}, "needed with identify_mode 2"),
        ({"end_day": "20231130"}, "must not be before start_day"),
        ({"apply_day": "20231399"}, "expected yyyyMMdd"),
        ({"reason": ""}, "at least 1 character"),
        ({"nonsense": 1}, "not permitted"),
    ],
)
def test_what_is_refused_at_opening(changes: dict[str, Any], told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        FilingOpening.model_validate(OPENING | changes)


def test_person_and_injury_are_needed() -> None:
    assert knows_injury(view(**OPENING, **KNOWN))
    assert not knows_injury(view(**OPENING))
    assert not knows_injury(view(**OPENING, psn_no=PERSON))


# -- the flow
async def test_with_person_and_injury_no_card_is_read() -> None:
    desk = Desk(t1102=lambda _params: {"filing_no": "BA77"})
    made = await world(desk)
    visit = await made.visit(await begin(made, FLOW, "BA1", OPENING | KNOWN))
    assert (visit.state, visit.closed, visit.data["filing_no"]) == ("filed", True, "BA77")
    assert [name for name, _ in desk.sent] == ["1102"]
    with pytest.raises(ActionNotLegal, match="接口 001 没有撤销备案的交易"):
        await made.commands.cancel(visit.visit_id, "wang", "wrong hospital")


async def test_without_them_the_card_is_read() -> None:
    desk = Desk(t1101=card(), t1102=lambda _params: {})
    made = await world(desk)
    visit = await made.visit(await begin(made, FLOW, "BA1", OPENING))
    assert (visit.state, [name for name, _ in desk.sent]) == ("filed", ["1101", "1102"])
    assert desk.last("1102")["qualification_id"] == "Q7"


async def test_a_card_without_such_an_injury_waits_for_the_his() -> None:
    desk = Desk(t1101=card("职业病"), t1102=lambda _params: {})
    made = await world(desk)
    number = await begin(made, FLOW, "BA1", OPENING)
    assert ((await made.get(number)).state, (await made.get(number)).waiting_for) == ("known", "trigger:file")
    with pytest.raises(InvalidData):
        await made.commands.trigger(number, "file", {}, "HIS")
    await made.commands.trigger(number, "file", {"qualification_id": "Q8"}, "HIS")
    await made.run()
    assert ((await made.get(number)).state, desk.last("1102")["qualification_id"]) == ("filed", "Q8")


async def test_a_lost_answer_is_never_sent_again_and_goes_to_a_person() -> None:
    desk = Desk(t1102=lambda _params: {"filing_no": "BA77"})
    desk.lost["1102"] = 1
    made = await world(desk)
    number = await begin(made, FLOW, "BA1", OPENING | KNOWN)
    assert ((await made.get(number)).cause, desk.times("1102")) == ("doubt", 1)
    await made.commands.settle(number, Verdict.APPLIED, "wang", "asked the centre", {"filing_no": "BA77"})
    await made.run()
    visit = await made.visit(number)
    assert (visit.closed, visit.data["filing_no"], desk.times("1102")) == (True, "BA77", 1)


async def test_a_refusal_stops_and_can_be_corrected() -> None:
    def file(params: Params) -> Any:
        if params["qualification_id"] == "Q1":
            raise No(3022, "1102001")
        return {}

    desk = Desk(t1102=file)
    made = await world(desk)
    number = await begin(made, FLOW, "BA1", OPENING | KNOWN)
    assert (await made.get(number)).cause == "refused"
    await made.commands.correct(number, {"qualification_id": "Q2"}, "wang", "the other injury")
    await made.commands.resume(number, "wang", "corrected")
    await made.run()
    assert (await made.get(number)).state == "filed"
