"""The table of steps against contracts and flows: nothing unknown, nothing unused, every way to settle can be asked."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import steps.platform as library
from adapters.platform.contracts import INTERFACES, Direction, Kind
from engine.definitions import FlowDefinition
from engine.environment import SECOND
from engine.steps import View
from steps.platform.rows import CALLS, LOOKS, PAYMENTS, RECORDS, REFUNDS
from steps.platform.sources import Source, resolve
from tests.platform import definitions


def _named(definition: FlowDefinition) -> Iterator[str]:
    yield from (definition.data, definition.opening)
    for transition in definition.transitions:
        edges = [transition, *([] if transition.undo is None else [transition.undo])]
        for edge in edges:
            yield from (edge.step or "", *(method.step or "" for method in edge.doubt))
        yield from (*transition.when, *transition.unless, transition.input or "")


def test_nothing_is_left_over() -> None:
    used = {name for definition in definitions().values() for name in _named(definition)}
    made = {*library.STEPS, *library.CONDITIONS, *library.MODELS}
    assert {f"platform.{name}" for name in made} - used == set()


def _sources() -> Iterator[Source]:
    for call in CALLS.values():
        yield from (*call.fill.values(), *call.unknown.values(), *([] if call.value is None else [call.value]))
    for record in RECORDS.values():
        yield from (*record.ask.values(), *record.match.values(), *record.gives.values())
    for refund in REFUNDS.values():
        yield from refund.ask.values()


def test_every_source_can_be_read() -> None:
    view = View("V1", "platform.x", "K1", "s", {"requests": {}}, {}, 1_700_000_000 * SECOND)
    for source in _sources():
        resolve(view, source)
    with pytest.raises(ValueError, match="no source begins with"):
        resolve(view, "sky 1")


def test_calls_name_members_of_their_contracts() -> None:
    for name, call in CALLS.items():
        contract, reply = call.contract, call.contract.reply()
        told = {*(reply.data.fields if reply.data is not None else ()), *reply.beside}
        assert set(call.fill) <= set(contract.request.fields), name
        assert {*call.unknown, *call.needed, *call.beside} <= told, name
        assert contract.kind is not Kind.QUERY, name
        assert (contract.direction is Direction.PLATFORM) == (call.role == "platform"), name


def test_records_and_refunds_name_members_of_their_contracts() -> None:
    for name, record in RECORDS.items():
        contract = INTERFACES[record.interface]
        data = contract.reply().data
        members = {"value"} if record.rows == "value" else set(data.fields if data is not None else ())
        assert set(record.ask) <= set(contract.request.fields), name
        assert {*record.match, *record.some} | {each for each in (record.state, record.amount) if each} <= members, name
        assert contract.kind is Kind.QUERY, name
    for name, refund in REFUNDS.items():
        assert set(refund.ask) <= set(INTERFACES[refund.interface].request.fields), name


def test_payments_name_members_of_their_contracts() -> None:
    for number, row in PAYMENTS.items():
        named = {row.order, row.paid, row.balance, row.unified, row.unified_order, row.paid_at} - {None}
        assert named <= set(INTERFACES[number].request.fields), number


def test_looks_are_about_calls_of_the_table() -> None:
    for name, look in LOOKS.items():
        assert look.record in RECORDS, name
        assert {look.of, *look.over} <= {call.interface for call in CALLS.values()}, name


def test_every_business_that_changes_something_has_a_flow() -> None:
    handed_on = {call.interface for call in CALLS.values()}
    changing = {
        number
        for number, each in INTERFACES.items()
        if each.direction is Direction.HOSPITAL and each.kind is not Kind.QUERY
    }
    assert changing - handed_on == set()


@pytest.mark.parametrize("definition", definitions().values(), ids=lambda each: each.flow)
def test_a_flow_has_words_for_people(definition: FlowDefinition) -> None:
    assert all(state.title.zh and state.title.en for state in definition.states.values())
    assert all(each.title.zh and each.title.en for each in definition.transitions)
    assert definition.title.zh
