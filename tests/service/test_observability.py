"""The page, the dashboard and the alert rules name metrics and labels that there are."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from engine import tables
from service.settings import Settings
from service.watching.catalogue import Metric, metrics
from service.watching.rules import load_rules
from service.words import Topic, word
from tests.service import dashboard

OWN = {"up", "process_resident_memory_bytes", "process_cpu_seconds_total"}
RULES = dashboard.DOCS / "observability" / "alerts.yml"


def expressions() -> list[str]:
    shown = json.loads(dashboard.DASHBOARD.read_text(encoding="utf-8"))
    found = [target["expr"] for panel in shown["panels"] for target in panel["targets"]]
    rules = tables.load(RULES.read_text(encoding="utf-8"))
    return found + [rule["expr"] for group in rules["groups"] for rule in group["rules"]]


def samples() -> dict[str, Metric]:
    return {sample: metric for metric in metrics().values() for sample in metric.samples}


@pytest.mark.parametrize("expression", expressions())
def test_every_metric_and_label_that_is_named_exists(expression: str) -> None:
    known = samples()
    names = set(re.findall(r"\b(?:visitflow|process)_\w+|\bup\b", expression))
    assert names
    assert names <= set(known) | OWN
    labels = set(re.findall(r"(\w+)\s*=~?\"", expression)) - {"job"}
    labels |= {each.strip() for by in re.findall(r"by \(([^)]*)\)", expression) for each in by.split(",")} - {"le"}
    allowed = {label for name in names & set(known) for label in known[name].labels}
    assert labels <= allowed, expression


def test_counters_are_never_shown_as_they_are() -> None:
    counters = [metric.name for metric in metrics().values() if metric.type == "counter"]
    for expression in expressions():
        for name in counters:
            assert not re.search(rf"(?<![(]){name}\b(?![^[]*\[)", expression), expression


def test_counters_end_in_total_and_nothing_else_does() -> None:
    for metric in metrics().values():
        assert metric.name.endswith("_total") == (metric.type == "counter"), metric.name


def test_the_dashboard_and_the_page_are_as_they_are_made() -> None:
    assert dashboard.DASHBOARD.read_text(encoding="utf-8") == dashboard.as_text()
    assert dashboard.PAGE.read_text(encoding="utf-8") == dashboard.renewed()


def test_the_page_names_every_setting_rule_and_gap() -> None:
    page = dashboard.PAGE.read_text(encoding="utf-8")
    for name in ("disk_free_mb", "traces_url", "alert_rules", "alert_url", "alert_secret"):
        assert name in Settings.model_fields
        assert f"VISITFLOW_{name.upper()}" in page
    for rule in load_rules():
        assert f"`{rule.name}`" in page
    census = (Path(dashboard.DOCS).parent / "storage" / "registers" / "census.py").read_text(encoding="utf-8")
    problems = set(re.findall(r'\), "(\w+)"\),', census))
    assert len(problems) == 8
    for problem in problems:
        assert f"`{problem}`" in page
        assert word(Topic.GAP, problem, "zh") != problem
