"""The site with a platform: its flows keep the rules, its page is up to date, nothing of it is on by default."""

from __future__ import annotations

import re

import pytest

from engine.definitions import FlowDefinition, SettleKind
from engine.outcomes import Effect
from flows import check, load_site
from service.platform.table import table
from tests.flows.platform_page import PAGE, rows
from tests.platform import OF_THE_ENDPOINT, catalogue, definitions
from tests.shipped import ROOT

SITE = load_site(ROOT / "docs/examples/platform.yaml")


def test_every_flow_of_the_platform_is_in_the_example() -> None:
    assert [each.flow for each in SITE.definitions if each.flow not in OF_THE_ENDPOINT] == list(definitions())
    assert sorted(each.flow for each in SITE.definitions) == SITE.available


def test_none_of_them_is_on_where_no_platform_is_set_up() -> None:
    assert not any(each.flow.startswith("platform.") for each in load_site(ROOT / "flows.yaml").definitions)


def test_every_flow_that_the_endpoint_names_is_there() -> None:
    assert {row.flow for row in table().interfaces.values()} - {each.flow for each in SITE.definitions} == set()


@pytest.mark.parametrize("definition", definitions().values(), ids=lambda each: each.flow)
def test_a_flow_keeps_the_rules(definition: FlowDefinition) -> None:
    assert [str(each) for each in check(definition, catalogue())] == []


@pytest.mark.parametrize("definition", definitions().values(), ids=lambda each: each.flow)
def test_a_hospital_that_dedupes_is_a_matter_of_two_lines(definition: FlowDefinition) -> None:
    """With ``hospital_keyed`` every flow stays legal; a doubt may then begin with a repeat."""
    keyed = {role: "hospital_keyed" if name == "hospital" else name for role, name in definition.adapters.items()}
    changed = definition.model_copy(update={"adapters": keyed})
    assert [str(each) for each in check(changed, catalogue())] == []
    again = changed.model_copy(update={"transitions": tuple(_repeated(changed, each) for each in changed.transitions)})
    assert [str(each) for each in check(again, catalogue())] == []


def _repeated(definition: FlowDefinition, transition):  # type: ignore[no-untyped-def]
    if transition.step is None or not transition.doubt:
        return transition
    step = catalogue().step(transition.step)
    operation = catalogue().adapter(definition.adapters[step.role]).operations[step.operation]
    if operation.effect is not Effect.KEYED:
        return transition
    methods = [type(transition.doubt[0])(kind=SettleKind.REPEAT), type(transition.doubt[0])(kind=SettleKind.ASK)]
    return transition.model_copy(update={"doubt": tuple(methods)})


def test_the_page_is_up_to_date() -> None:
    shown = re.search(r"<!-- flows: begin -->\n(.*)\n<!-- flows: end -->", PAGE.read_text(encoding="utf-8"), re.S)
    assert shown
    assert shown[1] == "\n".join(rows()), "run `python -m tests.flows.platform_page`"
