"""9106 and 3101: which deduction may be appealed against, and how a lost appeal is found (J37)."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from pydantic import ValidationError

from adapters.jiangsu.transactions import TRANSACTIONS
from engine.errors import ActionNotLegal, TriggerNotLegal
from engine.events import Verdict
from engine.facts import normalise
from engine.outcomes import Effect
from engine.steps import Applied, CallInfo, NotApplied, Unclear, View
from steps.jiangsu.review import Appeal, AppealOpening, FindAppeal, ListDeductions, Review, may_appeal
from tests.steps.desk import Desk, No, Params, begin, world

FLOW = "jiangsu.appeal"
OPENING = {"begin": "20231101000000", "end": "20231130235959"}
WORDS = {"deduct_no": "D1", "appeal_reason": "系骨折必需"}
LOST = "H0000120231115103000000001"
OTHER = "H0000120231115103000000002"


def row(number: str = "D1", status: str = "0", **more: Any) -> dict[str, Any]:
    base = {"deduct_no": number, "ipt_otp_no": "MZ1", "deduct_amt": Decimal("35.00"), "appeal_stas": status}
    return base | {"appeal_no": "", "msgid": ""} | more


def view(rows: list[dict[str, Any]] | None = None, subject: bool = False, **data: Any) -> View:
    known = Review.model_validate(OPENING | data | ({} if rows is None else {"deductions": rows}))
    call = CallInfo("c", "appeal", "appeal", Effect.ONCE, LOST, {"deduct_no": "D1"}, 0) if subject else None
    facts = normalise(known.model_dump(exclude_none=True))
    return View("id", FLOW, "SS1", "listed", facts, {}, 0, call)


# -- the steps
def test_requests_fit_the_contracts() -> None:
    for step, seen in ((ListDeductions(), view()), (Appeal(), view([row()], **WORDS)), (FindAppeal(), view())):
        TRANSACTIONS[step.operation].request.model_validate(normalise(dict(step.request(seen))))
    assert Appeal().request(view([row()], **WORDS))["ipt_otp_no"] == "MZ1"


@pytest.mark.parametrize(
    ("rows", "data", "told"),
    [
        ([row()], {}, []),
        ([row()], WORDS, []),
        ([row("D2")], WORDS, ["not listed"]),
        ([], {"deduct_no": "D1"}, ["not listed"]),
        ([row(status="3")], WORDS, ["appealed already (appeal_stas 3)"]),
    ],
)
def test_the_list_is_kept_and_the_named_deduction_looked_for(
    rows: list[dict[str, Any]], data: dict[str, str], told: list[str]
) -> None:
    progress = ListDeductions().fold(view(**data), {"deductions": rows})
    assert [each.actual for each in progress.disagreements] == told
    Review.model_validate(OPENING | normalise(dict(progress.data)))


def test_when_an_appeal_may_be_sent() -> None:
    assert may_appeal(view([row()], **WORDS))
    assert not may_appeal(view([row()], deduct_no="D1"))
    assert not may_appeal(view([row("D2")], **WORDS))
    assert not may_appeal(view([row(status="1")], **WORDS))
    assert not may_appeal(view(**WORDS))


@pytest.mark.parametrize(
    ("rows", "found"),
    [
        ([row(status="1", appeal_no="A1", msgid=LOST)], Applied),
        ([row(status="1", appeal_no="A1")], Applied),
        ([row(status="1", appeal_no="A1", msgid=OTHER)], Unclear),
        ([row(status="1", msgid=LOST)], Unclear),
        ([row()], NotApplied),
        ([row("D2")], Unclear),
    ],
)
def test_looking_for_a_lost_appeal(rows: list[dict[str, Any]], found: type) -> None:
    judgement = FindAppeal().judge(view(subject=True), {"deductions": rows})
    assert type(judgement) is found
    if isinstance(judgement, Applied):
        assert judgement.progress.data == {"appeal_no": "A1"}


@pytest.mark.parametrize(
    ("rows", "data", "found"),
    [
        ([row()], {}, NotApplied),
        ([row(status="1", appeal_no="A1", msgid=OTHER)], {"appeal_no": "A1"}, NotApplied),
        ([row(status="1", appeal_no="A1", msgid=LOST)], {"appeal_no": "A1"}, NotApplied),
        ([row(status="1", appeal_no="A1", msgid=LOST)], {}, Applied),
        ([row(status="1", msgid=LOST)], {"appeal_no": "A2"}, Applied),
        ([], {}, Unclear),
    ],
)
def test_the_last_look(rows: list[dict[str, Any]], data: dict[str, str], found: type) -> None:
    assert type(FindAppeal().recheck(view(subject=True, **data), {"deductions": rows})) is found


def test_a_period_that_ends_before_it_begins() -> None:
    with pytest.raises(ValidationError, match="must not be before begin"):
        AppealOpening.model_validate({"begin": OPENING["end"], "end": OPENING["begin"]})


# -- the flow
class Office(Desk):
    """A centre with deductions that appeals are made against."""

    def __init__(self, *rows: dict[str, Any]) -> None:
        self.rows = [{**each, "deduct_amt": 35.5} for each in rows]
        super().__init__(t9106=lambda _params: {"deductions": self.rows, "pageCount": 1}, t3101=self._appeal)

    def _appeal(self, params: Params) -> Any:
        found = next((each for each in self.rows if each["deduct_no"] == params["deduct_no"]), None)
        if found is None:
            raise No(3024, "3101001")
        if found["appeal_stas"] != "0":
            raise No(3025, "3101002")
        found |= {"appeal_stas": "1", "appeal_no": "A1", "msgid": params["messageId"]}
        return {"appeal_no": "A1"}


async def test_a_deduction_named_at_opening_is_appealed_against() -> None:
    desk = Office(row("D0", "1"), row())
    made = await world(desk)
    visit = await made.visit(await begin(made, FLOW, "SS1", OPENING | WORDS))
    assert (visit.state, visit.closed, visit.data["appeal_no"]) == ("appealed", True, "A1")
    assert [name for name, _ in desk.sent] == ["9106", "3101"]
    with pytest.raises(ActionNotLegal, match="没有撤回申诉的交易"):
        await made.commands.cancel(visit.visit_id, "wang", "changed our minds")


async def test_a_deduction_chosen_later() -> None:
    desk = Office(row())
    made = await world(desk)
    number = await begin(made, FLOW, "SS1", OPENING)
    assert (await made.get(number)).state == "listed"
    with pytest.raises(TriggerNotLegal, match="may_appeal"):
        await made.commands.trigger(number, "appeal", WORDS | {"deduct_no": "D9"}, "HIS")
    desk.rows.append({**row("D9"), "deduct_amt": 1})
    await made.commands.trigger(number, "list_again", {}, "HIS")
    await made.run(60_000_000)
    assert len((await made.visit(number)).trail) == 1, "a look round leaves nothing to undo"
    await made.commands.trigger(number, "appeal", WORDS | {"deduct_no": "D9"}, "HIS")
    await made.run()
    assert ((await made.get(number)).state, desk.last("3101")["deduct_no"]) == ("appealed", "D9")


async def test_a_deduction_that_is_not_there_stops_the_visit() -> None:
    made = await world(Office(row("D2")))
    number = await begin(made, FLOW, "SS1", OPENING | WORDS)
    shown = await made.commands.report(number)
    assert shown.visit.trouble is not None
    assert shown.visit.trouble.message == "deduction D1: expected listed by 9106, got not listed"
    await made.commands.resume(number, "wang", "it was D2")
    await made.commands.trigger(number, "appeal", WORDS | {"deduct_no": "D2"}, "wang")
    await made.run()
    assert (await made.get(number)).state == "appealed"


async def test_a_lost_answer_is_found_by_9106() -> None:
    desk = Office(row())
    desk.lost["3101"] = 1
    made = await world(desk)
    visit = await made.visit(await begin(made, FLOW, "SS1", OPENING | WORDS))
    assert (visit.state, visit.data["appeal_no"], desk.times("3101")) == ("appealed", "A1", 1)


async def test_somebody_elses_appeal_goes_to_a_person() -> None:
    desk = Office(row())
    desk.lost["3101"] = 1
    made = await world(desk)
    honest = desk.answers["3101"]

    def taken(params: Params) -> Any:
        return honest({**params, "messageId": OTHER})

    desk.answers["3101"] = taken
    number = await begin(made, FLOW, "SS1", OPENING | WORDS)
    assert (await made.get(number)).cause == "doubt"
    await made.commands.settle(number, Verdict.APPLIED, "wang", "asked", {"appeal_no": "A1"})
    await made.run()
    assert ((await made.get(number)).state, desk.times("3101")) == ("appealed", 1)
