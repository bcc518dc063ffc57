"""The flow of single transactions is the table of transactions: one edge a row, with its effect and its doubt."""

from __future__ import annotations

import pytest

from adapters.jiangsu.transactions import TRANSACTIONS, Transaction
from engine.definitions import FlowDefinition, SettleKind
from engine.outcomes import Category, Effect, Refused
from engine.steps import View
from flows import load_site
from steps.jiangsu import STEPS
from steps.jiangsu.single import SINGLE_STEPS
from tests.jiangsu import ROOT


@pytest.fixture(scope="module")
def flow() -> FlowDefinition:
    return next(each for each in load_site(ROOT / "flows.yaml").definitions if each.flow == "jiangsu.transaction")


def test_every_row_has_its_edge_and_nothing_else_has(flow: FlowDefinition) -> None:
    edges = {each.trigger: each for each in flow.transitions if each.trigger != "abandon"}
    assert list(edges) == list(TRANSACTIONS)
    for operation, edge in edges.items():
        assert (edge.source, edge.dest, edge.step) == (("opened",), "done", f"jiangsu.single_{operation}")
        assert not edge.auto


@pytest.mark.parametrize("row", TRANSACTIONS.values(), ids=lambda row: row.operation)
def test_a_doubt_is_settled_as_the_table_says(flow: FlowDefinition, row: Transaction) -> None:
    edge = next(each for each in flow.transitions if each.trigger == row.operation)
    kinds = [method.kind for method in edge.doubt]
    match row.effect:
        case Effect.READ:
            assert kinds == []
        case Effect.KEYED:
            assert kinds == [SettleKind.REPEAT, SettleKind.ASK]
        case Effect.ONCE:  # outside a visit no probe can tell: it compares with what a visit knows
            wanted = [SettleKind.REVERSE, SettleKind.ASK] if "reverse" in row.doubt else [SettleKind.ASK]
            assert kinds == wanted


def view(**data: object) -> View:
    return View("v", "jiangsu.transaction", "K", "opened", data, {}, 0)


def test_a_step_sends_what_was_asked_for_and_keeps_the_reply() -> None:
    assert STEPS["single_list_visits"] is SINGLE_STEPS["single_list_visits"]
    step = SINGLE_STEPS["single_list_visits"]()
    assert step.request(view(operation="list_visits", parameters={"psn_no": "9"})) == {"psn_no": "9"}
    assert step.fold(view(), {"visits": []}).data == {"reply": {"visits": []}}


def test_a_visit_that_was_opened_for_another_transaction_is_not_sent() -> None:
    with pytest.raises(ValueError, match="list_lines"):
        SINGLE_STEPS["single_settle"]().request(view(operation="list_lines"))


def test_only_what_may_be_repeated_takes_done_already_as_done() -> None:
    refusal = Refused("3019", "x", Category.ALREADY_DONE)
    assert SINGLE_STEPS["single_change_registration"]().refused(view(), refusal) is not None
    assert SINGLE_STEPS["single_settle"]().refused(view(), refusal) is None
