"""Tables in YAML: one reading, with libyaml and without it, and the same that flows have."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

import adapters
from engine import tables
from flows.source import parse_yaml


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("on", "on"),
        ("no", "no"),
        ("true", True),
        ("False", False),
        ("~", None),
        ("null", None),
        ("12", 12),
        ("-3", -3),
        ("0x1F", 31),
        ("0o17", 15),
        ("1.50", 1.5),
        ("1e3", 1000.0),
        ("2026-01-04", "2026-01-04"),
        ("22:30", "22:30"),
        ("1_000", "1_000"),
        (".5.", ".5."),
        ("'12'", "12"),
        ('"true"', "true"),
    ],
)
def test_scalars_are_those_of_the_core_schema(text: str, value: object) -> None:
    assert tables.load(f"a: {text}") == {"a": value}
    assert type(tables.load(f"a: {text}")["a"]) is type(value)
    assert parse_yaml(f"a: {text}", "x.yaml").data == {"a": value}


def test_a_row_takes_over_the_members_of_others() -> None:
    text = "one: &one {a: 1, b: 2}\ntwo: {<<: *one, b: 3, c: 4}\nthree: {c: 5, <<: *one}\nfour: {'<<': 1}\n"
    found = tables.load(text)
    assert found["two"] == {"a": 1, "b": 3, "c": 4}
    assert found["three"] == {"a": 1, "b": 2, "c": 5}
    assert found["four"] == {"<<": 1}


@pytest.mark.parametrize(
    "text", ["a: 1\nb: 2\na: 3\n", "a: {1: x, 1: y}\n", "a: [\n", "a: !!python/name:os.system x\n"]
)
def test_what_is_no_table_is_refused_with_its_place(text: str) -> None:
    with pytest.raises(yaml.YAMLError, match="line"):
        tables.load(text)


@pytest.mark.parametrize("name", ["jiangsu/transactions.yaml", "jiangsu/dll/mapping.yaml", "his/errors.yaml"])
def test_both_parsers_read_the_same(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    text = (Path(adapters.__path__[0]) / name).read_text(encoding="utf-8")
    events = [_told(event) for event in tables.events(text)]
    monkeypatch.setattr(tables, "_LOADER", yaml.SafeLoader)
    assert [_told(event) for event in tables.events(text)] == events
    assert len(events) > 100


def _told(event: yaml.Event) -> tuple[object, ...]:
    return type(event), getattr(event, "value", None), event.start_mark.line, getattr(event, "style", None) or None


def test_half_of_a_character_is_refused_by_both(monkeypatch: pytest.MonkeyPatch) -> None:
    for loader in (tables._LOADER, yaml.SafeLoader):
        monkeypatch.setattr(tables, "_LOADER", loader)
        with pytest.raises(Exception, match=r"^x\.yaml:1:\d: "):
            parse_yaml('a: "\\ud800"', "x.yaml")
