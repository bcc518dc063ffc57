"""The shipped flow fits the code that it names, and every write has a way to settle a doubt and a way back."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest

import steps.jiangsu
from adapters.jiangsu import JiangsuGateway
from engine import tables
from engine.catalogue import Catalogue
from engine.definitions import FlowDefinition, SettleKind
from engine.machine import Flow
from engine.outcomes import Effect
from flows import load_site

ROOT = Path(__file__).parents[2]
PATH = [
    "opened",
    "signed_in",
    "card_read",
    "registered",
    "uploading",
    "charged",
    "pre_settled",
    "settled",
    "receipted",
    "recorded",
    "discharged",
]


@pytest.fixture(scope="module")
def flow() -> Flow:
    raw = tables.load((ROOT / "flows/jiangsu/outpatient.yaml").read_text("utf-8"))
    definition = FlowDefinition.model_validate(raw)
    return Flow(definition, Catalogue({"jiangsu": steps.jiangsu}, {"jiangsu_gateway": JiangsuGateway}))


def test_path(flow: Flow) -> None:
    assert flow.definition.initial == PATH[0]
    assert flow.definition.final == ("discharged",)
    assert flow.definition.cancelled == "cancelled"
    edges = {(edge.source, edge.dest) for edge in flow.all_edges()}
    assert set(pairwise(PATH)) <= edges
    assert set(flow.definition.states) == {*PATH, "cancelled"}


def test_undo_edges(flow: Flow) -> None:
    back = {edge.trigger: (edge.back.trigger, edge.back.dest) for edge in flow.all_edges() if edge.back.bound}
    assert back == {
        "register": ("cancel_registration", "card_read"),
        "upload": ("cancel_lines", "registered"),
        "settle": ("cancel_settlement", "pre_settled"),
    }


def test_every_write_can_be_settled(flow: Flow) -> None:
    for edge in flow.all_edges():
        kinds = [method.kind for method in edge.methods]
        if edge.bound is not None and edge.bound.operation.effect is Effect.ONCE:
            if edge.bound.operation.name == "upload_outpatient_record":  # the centre shows no records (J36)
                assert kinds == [SettleKind.ASK]
                continue
            assert kinds == [SettleKind.PROBE, SettleKind.REVERSE, SettleKind.ASK]
            assert edge.back.bound is not None
            # a reversal of an undo that did take effect would bring back what was undone
            assert [method.kind for method in edge.back.methods] == [SettleKind.PROBE, SettleKind.ASK]
        for method in (*edge.methods, *edge.back.methods):
            if method.operation is not None:
                expected = Effect.READ if method.kind is SettleKind.PROBE else Effect.KEYED
                assert method.operation.effect is expected


def test_everything_has_a_title_in_both_languages(flow: Flow) -> None:
    titles = [
        flow.definition.title,
        *(state.title for state in flow.definition.states.values()),
        *(edge.title for edge in flow.definition.transitions),
    ]
    assert all(title.zh and title.en for title in titles)


def test_every_name_of_the_library_is_used() -> None:
    catalogue = Catalogue({"jiangsu": steps.jiangsu}, {"jiangsu_gateway": JiangsuGateway})
    used: set[str] = set()
    conditions: set[str] = set()
    models: set[str] = set()
    shipped = load_site(ROOT / "flows.yaml").definitions
    for definition in (each for each in shipped if each.flow.startswith("jiangsu.")):
        edges = list(Flow(definition, catalogue).all_edges())
        used |= {way.bound.step.name for edge in edges for way in (edge, edge.back) if way.bound}
        used |= {m.step.name for edge in edges for m in (*edge.methods, *edge.back.methods) if m.step}
        conditions |= {name for edge in edges for name, _ in (*edge.when, *edge.unless)}
        models |= {definition.opening, definition.data, *(each.input for each in definition.transitions if each.input)}
    assert used == {f"jiangsu.{name}" for name in steps.jiangsu.STEPS}
    conditions |= {f"jiangsu.{each.__name__}" for each in steps.jiangsu.VERSION_1_CONDITIONS}
    models |= {f"jiangsu.{each.__name__}" for each in steps.jiangsu.VERSION_1_MODELS}
    assert conditions == {f"jiangsu.{name}" for name in steps.jiangsu.CONDITIONS}
    assert models == {f"jiangsu.{name}" for name in steps.jiangsu.MODELS}


def test_site_file_makes_the_adapter() -> None:
    site = tables.load((ROOT / "flows.yaml").read_text("utf-8"))
    assert set(site) == {"include", "flows", "adapters", "overrides", "timezone", "schedules", "limits"}
    assert "jiangsu.outpatient" in site["flows"]
    assert set(site["adapters"]) == {"jiangsu_gateway", "his"}
    JiangsuGateway.from_settings(site["adapters"]["jiangsu_gateway"])
