"""1320-1323 and 9103: sums that agree are confirmed, sums that differ are named bill by bill (J31-J34, J38)."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from adapters.jiangsu.transactions import TRANSACTIONS
from engine.events import Concluded, Verdict
from engine.facts import merged, normalise
from engine.outcomes import Category, Refused
from engine.steps import View
from steps.jiangsu.bills import Amounts, Bill, Period, Reconciliation
from steps.jiangsu.reconciliation import (
    CompareBill,
    CompareTotals,
    ConfirmPeriod,
    NameDifferences,
    UnconfirmPeriod,
    bills_left,
    totals_agree,
)
from tests.steps.desk import Desk, No, Params, begin, calls, world

FLOW = "jiangsu.reconcile"
PERIOD = {"begin": "20231115000000", "end": "20231115235959"}
ZERO = Decimal("0.00")
AMOUNTS = st.decimals(0, 10_000, places=2)


def bill(number: int, total: str = "135.00", fund: str = "108.00") -> dict[str, str]:
    own = str(Decimal(total) - Decimal(fund))
    return {
        "bill_no": f"FP{number}",
        "ipt_otp_no": f"MZ{number}",
        "total_amt": total,
        "fund_amt": fund,
        "self_amt": own,
    }


def theirs(ours: dict[str, Any]) -> dict[str, Any]:
    """A bill as 1321 and 9103 show it."""
    return {
        "ipt_otp_no": ours["ipt_otp_no"],
        "medrcdno": ours["bill_no"],
        "medfee_sumamt": Decimal(ours["total_amt"]),
        "hifp_pay": Decimal(ours["fund_amt"]),
        "psn_cash_pay": Decimal(ours["self_amt"]),
    }


def view(bills: list[dict[str, str]], **data: Any) -> View:
    known = Reconciliation.model_validate({**PERIOD, "bills": bills, "sign_no": "S1", **data})
    return View("id", FLOW, "20231115", "compared", normalise(known.model_dump(exclude_none=True)), {}, 0)


def folded(seen: View, data: Any) -> View:
    """The visit after a step's progress, as the journal keeps it."""
    facts = merged(seen.data, normalise(dict(data)))
    Reconciliation.model_validate(facts)
    return View("id", FLOW, "20231115", "compared", facts, {}, seen.now)


def compared(bills: list[dict[str, str]], centre: list[dict[str, Any]]) -> View:
    """The visit after 1320."""
    seen = view(bills)
    names = ("medfee_sumamt", "hifp_pay", "psn_cash_pay")
    totals = {name: sum((row[name] for row in centre), ZERO) for name in names}
    return folded(seen, CompareTotals().fold(seen, totals).data)


def all_compared(bills: list[dict[str, str]], centre: list[dict[str, Any]]) -> tuple[View, Any]:
    """The visit after all of it, and what it was stopped with."""
    seen = compared(bills, centre)
    known = {(row["medrcdno"], row["ipt_otp_no"]): row for row in centre}
    while bills_left(seen):
        asked = CompareBill().request(seen)
        row = known.get((asked["medrcdno"], asked["ipt_otp_no"]))
        if row is None:
            progress = CompareBill().refused(seen, Refused("3017/1321001", "", Category.NOT_FOUND))
            assert progress is not None
        else:
            progress = CompareBill().fold(seen, row)
        seen = folded(seen, progress.data)
    last = NameDifferences().fold(seen, {"settlements": centre})
    return folded(seen, last.data), last.disagreements


# -- the steps
def test_requests_fit_the_contracts() -> None:
    seen = compared([bill(1)], [])
    for step in (CompareTotals(), CompareBill(), NameDifferences(), ConfirmPeriod(), UnconfirmPeriod()):
        TRANSACTIONS[step.operation].request.model_validate(normalise(dict(step.request(seen))))
    assert CompareTotals().request(seen)["refd_setl_flag"] == "0"
    assert CompareTotals().request(view([], opter="007"))["opter"] == "007"


def test_the_centres_totals_are_what_is_confirmed() -> None:
    seen = compared([bill(1)], [theirs(bill(1, "135.00", "100.00"))])
    assert ConfirmPeriod().request(seen)["hifp_pay"] == Decimal("100.00")
    assert not totals_agree(seen)


@pytest.mark.parametrize("zero", ["0", "0.0", "0.00"])
def test_a_day_without_bills_agrees_with_nothing(zero: str) -> None:
    reply = dict.fromkeys(("medfee_sumamt", "hifp_pay", "psn_cash_pay"), Decimal(zero))
    seen = folded(view([]), CompareTotals().fold(view([]), reply).data)
    assert totals_agree(seen)
    assert seen.data["centre"] == seen.data["ours"]


def test_one_amount_is_named() -> None:
    centre = [theirs(bill(1)), theirs(bill(2, "135.00", "107.00")), theirs(bill(3))]
    seen, told = all_compared([bill(1), bill(2), bill(3)], centre)
    assert list(seen.data["differences"]) == ["FP2/MZ2"]
    assert [(each.what, each.expected, each.actual) for each in told] == [
        ("bill FP2 (visit MZ2) fund_amt", "108.00", "107.00"),
        ("bill FP2 (visit MZ2) self_amt", "27.00", "28.00"),
    ]


def test_missing_on_either_side() -> None:
    seen, told = all_compared([bill(1), bill(2)], [theirs(bill(2)), theirs(bill(9))])
    kinds = {name: each["kind"] for name, each in seen.data["differences"].items()}
    assert kinds == {"FP1/MZ1": "missing_there", "FP9/MZ9": "missing_here"}
    assert [each.actual for each in told] == ["the centre does not know it", "135.00"]


def test_the_same_bill_number_of_two_visits_is_two_bills() -> None:
    other = bill(2) | {"bill_no": "FP1"}
    seen, _ = all_compared([bill(1), other], [theirs(bill(1))])
    assert list(seen.data["differences"]) == ["FP1/MZ2"]
    with pytest.raises(ValidationError, match="unique"):
        Period.model_validate(PERIOD | {"bills": [bill(1), bill(1)]})


def test_a_bill_that_the_centre_has_on_another_day() -> None:
    """1321 is asked by bill and knows it; 9103 and 1320 go by the day."""
    seen = compared([bill(1)], [])
    seen = folded(seen, CompareBill().fold(seen, theirs(bill(1))).data)
    progress = NameDifferences().fold(seen, {"settlements": []})
    assert progress.data["differences"]["FP1/MZ1"]["kind"] == "other_day"
    assert progress.disagreements[0].actual == "the centre has it in another"


def test_totals_that_differ_and_no_bill_does() -> None:
    seen = compared([bill(1)], [theirs(bill(2, "1.00", "1.00"))])
    seen = folded(seen, CompareBill().fold(seen, theirs(bill(1))).data)
    progress = NameDifferences().fold(seen, {"settlements": [theirs(bill(1))]})
    assert progress.data["differences"][""]["kind"] == "sum"
    assert progress.disagreements[0].what == "sum of all bills total_amt"


def test_bills_of_other_operators_are_not_missed_here() -> None:
    rows = [theirs(bill(1)) | {"opter": "007"}, theirs(bill(2)) | {"opter": "008"}, theirs(bill(3)) | {"opter": ""}]
    seen = view([bill(1)], opter="007", ours=_amounts(bill(1)), centre=_amounts(bill(2)), bills_compared=1)
    assert set(NameDifferences().fold(seen, {"settlements": rows}).data["differences"]) == {"FP3/MZ3"}


def _amounts(row: dict[str, str]) -> dict[str, str]:
    return {name: row[name] for name in ("total_amt", "fund_amt", "self_amt")}


def test_an_answer_about_another_bill_is_none() -> None:
    with pytest.raises(ValueError, match="another bill"):
        CompareBill().fold(compared([bill(1)], []), theirs(bill(2)))


def test_only_not_found_is_an_answer() -> None:
    seen = compared([bill(1)], [])
    assert CompareBill().refused(seen, Refused("3999", "", Category.BUSINESS)) is None
    assert ConfirmPeriod().refused(seen, Refused("3018/1322001", "", Category.DATA)) is None
    assert ConfirmPeriod().refused(seen, Refused("3019/1322002", "", Category.ALREADY_DONE)) is not None
    assert UnconfirmPeriod().refused(seen, Refused("3020/1323001", "", Category.NOTHING_TO_UNDO)) is not None


def test_what_a_person_says() -> None:
    seen = view([bill(1)])
    told = CompareTotals().told(seen, {"total_amt": "1.00", "fund_amt": "1.00", "self_amt": "0.00"})
    assert told.data["centre"]["total_amt"] == Decimal("1.00")
    seen = folded(seen, told.data)
    seen = folded(seen, CompareBill().told(seen, {}).data)
    assert not bills_left(seen)
    assert NameDifferences().told(seen, {}).disagreements[0].what == "sum of all bills total_amt"


def test_a_reason_names_fifty_lines_and_the_data_all() -> None:
    seen, told = all_compared([bill(number) for number in range(80)], [])
    assert (len(told), told[-1].actual) == (51, "30")
    assert len(seen.data["differences"]) == 80


def test_taking_a_confirmation_back_forgets_the_comparison() -> None:
    seen, _ = all_compared([bill(1)], [])
    seen = folded(seen, ConfirmPeriod().fold(seen, {}).data)
    back = folded(seen, UnconfirmPeriod().fold(seen, {}).data)
    assert set(back.data) == {"begin", "end", "opter", "bills", "sign_no"}


@given(st.lists(st.tuples(st.sampled_from("os=≠"), AMOUNTS, AMOUNTS), max_size=12))
def test_each_bill_that_differs_is_named_and_no_other(sides: list[tuple[str, Decimal, Decimal]]) -> None:
    """``o`` only ours, ``s`` only theirs, ``=`` the same, ``≠`` a cent more there."""
    ours, centre, expected = [], [], set()
    for number, (side, fund, own) in enumerate(sides):
        row = bill(number, str(fund + own), str(fund))
        other = theirs(row)
        if side == "≠":
            other |= {"medfee_sumamt": other["medfee_sumamt"] + Decimal("0.01"), "hifp_pay": fund + Decimal("0.01")}
        ours += [row] if side != "s" else []
        centre += [other] if side != "o" else []
        expected |= {f"FP{number}/MZ{number}"} if side != "=" else set()
    seen, told = all_compared(ours, centre)
    found = set(seen.data["differences"])
    assert found == (expected or {""})
    assert bool(told) == bool(expected)
    if not expected:
        assert totals_agree(seen)


def test_sums() -> None:
    assert Amounts.sum_of([]).total_amt == ZERO
    assert Amounts.sum_of([Bill.model_validate(bill(1))] * 3).fund_amt == Decimal("324.00")


# -- the flow
class Books(Desk):
    """A centre with bills of one period."""

    def __init__(self, *bills: dict[str, str]) -> None:
        self.bills = {each["bill_no"]: theirs(each) for each in bills}
        self.confirmed: str | None = None
        super().__init__(
            t1320=lambda _params: self.totals(),
            t1321=self._bill,
            t1322=self._confirm,
            t1323=self._unconfirm,
            t9103=lambda _params: {"settlements": [plain(each) for each in self.bills.values()], "pageCount": 1},
            treverse=self._reverse,
        )

    def totals(self) -> dict[str, Any]:
        names = ("medfee_sumamt", "hifp_pay", "psn_cash_pay")
        return plain({name: sum((each[name] for each in self.bills.values()), ZERO) for name in names})

    def _bill(self, params: Params) -> Any:
        found = self.bills.get(params["medrcdno"])
        if found is None:
            raise No(3017, "1321001")
        return plain(found)

    def _confirm(self, params: Params) -> Any:
        if self.confirmed is not None:
            raise No(3019, "1322002")
        if any(Decimal(str(params[name])) != Decimal(str(value)) for name, value in self.totals().items()):
            raise No(3018, "1322001")
        self.confirmed = params["messageId"]
        return {}

    def _unconfirm(self, _params: Params) -> Any:
        if self.confirmed is None:
            raise No(3020, "1323001")
        self.confirmed = None
        return {}

    def _reverse(self, params: Params) -> Any:
        found = self.confirmed == params["originalMessageId"]
        self.confirmed = None if found else self.confirmed
        return {"found": found}


def plain(row: dict[str, Any]) -> dict[str, Any]:
    """A row as JSON text carries it; the amounts of these tests have no more than two decimals."""
    return {name: str(value) if isinstance(value, Decimal) else value for name, value in row.items()}


def opening(*bills: dict[str, str]) -> dict[str, Any]:
    return {**PERIOD, "bills": list(bills)}


async def test_a_day_that_agrees_is_confirmed_without_asking_about_bills() -> None:
    desk = Books(bill(1), bill(2))
    made = await world(desk)
    visit = await made.visit(await begin(made, FLOW, "20231115", opening(bill(1), bill(2))))
    assert (visit.state, visit.closed) == ("confirmed", True)
    assert [name for name, _ in desk.sent] == ["1320", "1322"]
    assert desk.last("1320")["sign_no"] == "S1"
    assert visit.data["confirmed_at"].startswith("2023")


async def test_a_day_that_differs_is_named_and_then_confirmed_by_a_person() -> None:
    desk = Books(bill(1), bill(2, "135.00", "107.00"), bill(4))
    made = await world(desk)
    number = await begin(made, FLOW, "20231115", opening(bill(1), bill(2), bill(3)))
    shown = await made.commands.report(number)
    assert (shown.projection.state, shown.projection.cause) == ("different", "disagreement")
    assert set(shown.visit.data["differences"]) == {"FP2/MZ2", "FP3/MZ3", "FP4/MZ4"}
    assert desk.times("1321") == 3
    assert len(shown.visit.trail) == 3, "bills that were asked about leave nothing to undo"
    assert shown.visit.trouble is not None
    assert len(shown.visit.trouble.evidence["disagreements"]) == 4
    await made.commands.resume(number, "wang", "the centre is right")
    await made.commands.trigger(number, "confirm", {}, "wang")
    await made.run()
    assert ((await made.get(number)).state, desk.confirmed is not None) == ("confirmed", True)
    assert Decimal(desk.last("1322")["hifp_pay"]) == Decimal("323.00")


async def test_what_was_corrected_is_compared_again() -> None:
    desk = Books(bill(1), bill(2))
    made = await world(desk)
    number = await begin(made, FLOW, "20231115", opening(bill(1)))
    assert (await made.get(number)).cause == "disagreement"
    await made.commands.resume(number, "wang", "the other bill was settled by hand")
    await made.commands.trigger(number, "compare_again", {"bills": [bill(1), bill(2)]}, "wang")
    await made.run()
    visit = await made.visit(number)
    assert (visit.state, visit.closed) == ("confirmed", True)
    assert "differences" not in visit.data


async def test_a_lost_confirmation_is_reversed_and_sent_again() -> None:
    desk = Books(bill(1))
    desk.lost["1322"] = 1
    made = await world(desk)
    number = await begin(made, FLOW, "20231115", opening(bill(1)))
    await made.run()
    assert (await made.get(number)).state == "confirmed"
    assert (desk.times("1322"), desk.times("reverse"), desk.confirmed is not None) == (2, 1, True)


async def test_taking_back_compares_anew_before_confirming_again() -> None:
    desk = Books(bill(1))
    made = await world(desk)
    number = await begin(made, FLOW, "20231115", opening(bill(1)))
    await made.commands.reverse(number, "opened", "wang", "a settlement must be cancelled")
    await made.run()
    assert ((await made.get(number)).waiting_for, desk.confirmed) == ("resume", None)
    desk.bills.clear()
    await made.commands.trigger(number, "compare_again", {"bills": []}, "wang")
    await made.run()
    assert ((await made.get(number)).state, desk.times("1320"), desk.times("1323")) == ("confirmed", 2, 1)


async def test_a_lost_1323_is_never_reversed_and_goes_to_a_person() -> None:
    desk = Books(bill(1))
    desk.lost["1323"] = 1
    made = await world(desk)
    number = await begin(made, FLOW, "20231115", opening(bill(1)))
    await made.commands.reverse(number, "opened", "wang", "a settlement must be cancelled")
    await made.run()
    assert ((await made.get(number)).cause, desk.times("1323"), desk.times("reverse")) == ("doubt", 1, 0)
    await made.commands.settle(number, Verdict.APPLIED, "wang", "asked the centre")
    await made.run()
    assert (await made.get(number)).state == "opened"


async def test_five_hundred_bills_are_asked_about_one_by_one_and_a_crash_loses_none() -> None:
    bills = [bill(number, "10.00", "8.00") for number in range(500)]
    desk = Books(*bills[:-1])
    made = await world(desk)
    projection, _ = await made.commands.open(FLOW, "20231115", opening(*bills))
    now = made.environment.now()
    claim = await made.store.claim(projection.visit_id, "test", now, now + 30_000_000)
    assert claim is not None
    await made.executor.advance(claim, moves=300)
    assert desk.times("1321") == 298
    await made.run()
    visit = await made.visit(projection.visit_id)
    assert list(visit.data["differences"]) == ["FP499/MZ499"]
    assert desk.times("1321") == 500
    journal = await made.store.journal(projection.visit_id)
    assert calls(await made.events(projection.visit_id)).count("compare_bill") == 500
    asked = [each for each in journal if each.kind == "concluded" and "compare_bill" in each.payload]
    assert max(len(each.payload) for each in asked) < 1000, "an event holds one bill, not all of them"
    assert len(visit.trail) == 3


async def test_every_bill_missing_writes_each_of_them_once() -> None:
    bills = [bill(number, "10.00", "8.00") for number in range(300)]
    made = await world(Books())
    number = await begin(made, FLOW, "20231115", opening(*bills))
    visit = await made.visit(number)
    assert len(visit.data["differences"]) == 300
    sizes = [len(each.payload) for each in await made.store.journal(number)]
    assert sum(sizes) < 1_000_000
    events = await made.events(number)
    assert sum(isinstance(event, Concluded) and event.outcome == "refused" for event in events) == 300
