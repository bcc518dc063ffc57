"""The runbook: a section for every cause, with commands that there are."""

from __future__ import annotations

import re

import pytest
import typer.main

from engine.events import Cause
from service.cli import app
from service.cli.lazily import LazyGroup
from service.words import Topic, word
from tests.jiangsu import ROOT

PAGE = (ROOT / "docs" / "runbook.md").read_text(encoding="utf-8")
SECTIONS = dict(re.findall(r"^## (\w+)\n(.*?)(?=^## |\Z)", PAGE, re.S | re.M))


def commands() -> set[str]:
    """Every command that there is, in full."""
    found: set[str] = set()

    def walk(group: object, before: str) -> None:
        if isinstance(group, LazyGroup):
            for name in group.places:
                group.load(name)
        for name, each in getattr(group, "commands", {}).items():
            found.add(f"{before}{name}")
            walk(each, f"{before}{name} ")

    walk(typer.main.get_command(app), "")
    return found


def test_there_is_a_section_for_every_cause_and_no_other() -> None:
    titles = re.findall(r"^## (.*)$", PAGE, re.M)
    assert sorted(titles) == sorted(cause.value for cause in Cause)


@pytest.mark.parametrize("cause", Cause)
def test_a_section_says_in_chinese_what_it_is_what_to_look_at_and_what_to_do(cause: Cause) -> None:
    text = SECTIONS[cause.value]
    assert text.startswith("**"), "first what it is, in Chinese"
    assert re.match(r"\*\*[\u4e00-\u9fff]", text)
    for heading in ("* 看", "* 做", "* 命令"):
        assert heading in text
    assert word(Topic.CAUSE, cause.value, "zh") != cause.value


def test_every_command_on_the_page_exists() -> None:
    known = commands()
    named = re.findall(r"visitflow ((?:[a-z][a-z-]* ?)+)", PAGE)
    assert named
    for each in named:
        words = each.split()
        assert any(" ".join(words[:length]) in known for length in (1, 2, 3)), each


def test_the_table_of_causes_in_operations_has_them_all() -> None:
    table = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    for cause in Cause:
        assert f"| `{cause.value}` |" in table
