"""Entry points: what is installed is found, and somebody else's broken package harms nobody."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from engine.catalogue import UnknownName
from flows import load_catalogue, load_installed
from flows.catalogue import ADAPTERS, STEPS


@pytest.fixture
def plugins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    (tmp_path / "vf_broken.py").write_text("raise RuntimeError('needs a licence')\n")
    (tmp_path / "vf_exits.py").write_text("import vf_not_there\n")
    monkeypatch.syspath_prepend(tmp_path)
    yield
    for name in ("vf_broken", "vf_exits"):
        sys.modules.pop(name, None)


def test_the_shipped_entry_points_work() -> None:
    catalogue = load_catalogue()
    assert "jiangsu" in catalogue.modules
    assert "jiangsu_gateway" in catalogue.adapters


@pytest.mark.usefixtures("plugins")
def test_a_broken_one_is_named_and_the_others_go_on() -> None:
    installed = load_installed(
        [
            EntryPoint("mine", "vf_broken", STEPS),
            EntryPoint("other", "vf_exits", ADAPTERS),
            EntryPoint("gone", "tests.flows.toy:Nobody", ADAPTERS),
            EntryPoint("toy", "tests.flows.toy", STEPS),
            EntryPoint("desk", "tests.flows.toy:Desk", ADAPTERS),
            EntryPoint("number", "tests.flows.toy:FLOW", ADAPTERS),
            EntryPoint("model", "tests.flows.toy:Facts", ADAPTERS),
        ]
    )
    assert installed.catalogue.step("toy.look").operation == "look"
    assert list(installed.catalogue.adapters) == ["desk"]
    assert [str(each) for each in installed.broken] == [
        "entry point mine = vf_broken in visitflow.steps is left out: RuntimeError: needs a licence",
        "entry point other = vf_exits in visitflow.adapters is left out: "
        "ModuleNotFoundError: No module named 'vf_not_there'",
        "entry point gone = tests.flows.toy:Nobody in visitflow.adapters is left out: "
        "AttributeError: module 'tests.flows.toy' has no attribute 'Nobody'",
        "entry point number = tests.flows.toy:FLOW in visitflow.adapters is left out: expected an adapter class",
        "entry point model = tests.flows.toy:Facts in visitflow.adapters is left out: "
        "not an adapter: it has no operations, call, message_id, close",
    ]
    with pytest.raises(UnknownName, match="mine"):
        installed.catalogue.step("mine.look")


def test_of_two_with_one_name_the_first_counts() -> None:
    installed = load_installed(
        [
            EntryPoint("desk", "tests.flows.toy:Desk", ADAPTERS),
            EntryPoint("desk", "tests.flows.toy:Desk", ADAPTERS),
            EntryPoint("desk", "tests.flows.toy:Facts", ADAPTERS),
            EntryPoint("desk", "tests.flows.toy", STEPS),
        ]
    )
    assert [each.reason for each in installed.broken] == ["the name is taken by tests.flows.toy:Desk"]
    assert list(installed.catalogue.adapters) == ["desk"]
    assert list(installed.catalogue.modules) == ["desk"]
