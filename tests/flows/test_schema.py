"""The schemas that editors get and the parser that loads files must agree: on keys, on short forms, on mistakes."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from engine import definitions
from engine.errors import InvalidFlow
from flows import flow_schema, read_flow, site_schema
from flows.schema import SiteFile
from flows.shape import faults
from flows.source import parse_yaml, read_yaml
from tests.flows.test_messages import GOLDEN
from tests.flows.toy import FLOW, changed

jsonschema = pytest.importorskip("jsonschema")

REPOSITORY = Path(__file__).parents[2]
SCHEMAS = {"flow": flow_schema(), "site": site_schema()}


def accepts(schema: dict[str, Any], data: Any) -> bool:
    return bool(jsonschema.Draft202012Validator(schema).is_valid(data))


def parts(node: Any) -> Iterator[dict[str, Any]]:
    """Return every mapping inside a schema."""
    if isinstance(node, dict):
        yield node
    for inner in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        yield from parts(inner)


@pytest.mark.parametrize("schema", SCHEMAS.values(), ids=SCHEMAS)
def test_they_are_schemas(schema: dict[str, Any]) -> None:
    jsonschema.Draft202012Validator.check_schema(schema)


def test_the_schema_has_the_keys_of_the_models() -> None:
    schema = SCHEMAS["flow"]
    models = {
        name: model
        for name, model in vars(definitions).items()
        if isinstance(model, type) and issubclass(model, definitions.Model)
    }
    described = schema["$defs"] | {"FlowDefinition": schema}
    for name, model in models.items():
        if name in ("Model", "SettleMethod"):
            continue
        keys = {info.alias or key for key, info in model.model_fields.items()}
        required = {info.alias or key for key, info in model.model_fields.items() if info.is_required()}
        assert set(described[name]["properties"]) == keys, name
        assert set(described[name].get("required", ())) == required, name
        assert described[name]["additionalProperties"] is False, name
    whole = schema["$defs"]["SettleMethod"]["anyOf"]
    assert {tuple(each.get("properties", each.get("enum"))) for each in whole} == {
        ("ask", "repeat"),
        ("probe",),
        ("inquire",),
        ("reverse",),
        tuple(models["SettleMethod"].model_fields),
    }
    assert set(SCHEMAS["site"]["properties"]) == set(SiteFile.model_fields)


def test_an_override_may_hold_what_a_flow_may_hold() -> None:
    flow, override = SCHEMAS["flow"], SCHEMAS["site"]["$defs"]["Flow"]
    assert set(override["properties"]) == set(flow["properties"])
    for name in ("Transition", "UndoEdge", "Timer", "State", "Retry", "Settling"):
        assert set(SCHEMAS["site"]["$defs"][name]["properties"]) == set(flow["$defs"][name]["properties"])


@pytest.mark.parametrize("schema", SCHEMAS.values(), ids=SCHEMAS)
def test_every_pattern_has_words(schema: dict[str, Any]) -> None:
    # when this fails, the models have a new pattern: add what it expects to the words in flows/schema.py
    assert [part for part in parts(schema) if isinstance(part.get("pattern"), str) and "errorMessage" not in part] == []


@pytest.mark.parametrize("schema", SCHEMAS.values(), ids=SCHEMAS)
def test_defaults_are_what_one_would_write(schema: dict[str, Any]) -> None:
    for part in parts(schema):
        if "default" in part and "$ref" not in part:
            assert faults(part | {"$defs": schema["$defs"]}, part["default"]) == [], part


@pytest.mark.parametrize(
    ("schema", "file"),
    [("site", REPOSITORY / "flows.yaml"), *(("flow", path) for path in sorted(REPOSITORY.glob("flows/*/*.yaml")))],
    ids=lambda value: getattr(value, "name", value),
)
def test_the_shipped_files_fit(schema: str, file: Path) -> None:
    assert accepts(SCHEMAS[schema], read_yaml(file, file.name).data)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("from: opened", "from: [opened]"),
        ("in: paid", "in: [paid]"),
        ("  opened: {title: {zh: 开, en: opened}}", "  opened:"),
        ("retry: patient", "retry: {not_sent: patient, later: default}"),
        ("retry: patient", "retry:"),
        ("doubt: [probe: toy.find, ask]\n    undo", "doubt: [{kind: probe, step: toy.find}, {kind: ask}]\n    undo"),
        ("doubt: [probe: toy.find, ask]\n    undo", "doubt: [reverse: toy.reverse, repeat, ask]\n    undo"),
        ("deadline: 1h30m", "deadline: 1d2h3m4s5ms"),
        ('at: "23:30"', "at: 23:30:59"),
        ("      trigger: unpay\n      step: toy.unpay\n", "      step:\n      impossible: cash is gone\n"),
    ],
)
def test_short_forms_fit_and_are_read(old: str, new: str) -> None:
    text = changed((old, new))
    read_flow(text)
    assert accepts(SCHEMAS["flow"], parse_yaml(text, "x").data)


#: What editors cannot know: a zone's name, arithmetic, and that 1.0 is no whole number to us.
ONLY_THE_PARSER = {"version: 1.0", "version: 1\\ntimezone: Mars/Olympus", "every: 5ms"}


@pytest.mark.parametrize("golden", GOLDEN, ids=lambda golden: golden[1][2:])
def test_an_editor_sees_the_mistakes_that_the_parser_refuses(golden: list[str]) -> None:
    old, new = (line[2:].replace("\\n", "\n") for line in golden[:2])
    data = parse_yaml(changed((old, new)), "x").data
    assert accepts(SCHEMAS["flow"], data) is (golden[1][2:] in ONLY_THE_PARSER)


def test_a_site_with_overrides_fits() -> None:
    data = {
        "include": [],
        "flows": ["toy.visit"],
        "overrides": {
            "toy.visit": {"transitions": {"pay": {"deadline": "5m"}}, "timers": {"evening": {"at": "22:00"}}}
        },
    }
    assert accepts(SCHEMAS["site"], data)
    assert faults(SCHEMAS["site"], data) == []
    data["overrides"] = {"toy.visit": {"transitions": {"pay": {"trigger": "x"}}}}
    assert not accepts(SCHEMAS["site"], data)


@pytest.mark.parametrize(
    ("schedule", "sound"),
    [
        ({"at": "07:30", "job": "x"}, True),
        ({"every": "10m", "open": {"flow": "toy.visit", "key": "{day}"}, "catch_up": 7, "enabled": False}, True),
        ({"at": "07:30"}, False),
        ({"at": "07:30", "every": "1h", "job": "x"}, False),
        ({"at": "07:30", "job": "x", "open": {"flow": "toy.visit", "key": "k"}}, False),
        ({"at": "07:30", "job": "x", "catchup": True}, False),
        ({"at": "07:30", "open": {"flow": "toy.visit"}}, False),
    ],
)
def test_an_editor_sees_a_mistake_in_a_schedule(schedule: dict[str, Any], sound: bool) -> None:
    data = {"include": [], "flows": ["toy.visit"], "schedules": [{"name": "dawn", **schedule}]}
    assert accepts(SCHEMAS["site"], data) is sound
    assert (faults(SCHEMAS["site"], data) == []) is sound


def test_callers_cannot_spoil_the_schema() -> None:
    flow_schema()["properties"].clear()
    assert flow_schema()["properties"]


_SOUND = parse_yaml(FLOW, "x").data
_VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-1, 20),
    st.sampled_from([0.5, "", "opened", "toy.pay", "1h30m", "5 minutes", "ask", "23:30", "Bad Name", "a:b", "x" * 201]),
    st.sampled_from([[], ["opened"], [1], {}, {"zh": "x"}, {"probe": "toy.find"}, {"kind": "ask"}, {"x": {}}]),
)


def _places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    for key, inner in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield (*path, key)
        yield from _places(inner, (*path, key))


@settings(max_examples=400)
@given(
    place=st.sampled_from(list(_places(_SOUND))), value=_VALUES, key=st.none() | st.sampled_from(["auto", "at", "x"])
)
def test_our_reading_of_a_schema_is_the_standards(place: tuple[Any, ...], value: Any, key: str | None) -> None:
    data = copy.deepcopy(_SOUND)
    target = data
    for part in place[:-1]:
        target = target[part]
    if key is not None:
        assume(isinstance(target, dict))
    target[place[-1] if key is None else key] = value
    assert (faults(SCHEMAS["flow"], data) == []) == accepts(SCHEMAS["flow"], data)


@settings(max_examples=300)
@given(place=st.sampled_from(list(_places(_SOUND))), value=_VALUES)
def test_what_the_parser_takes_an_editor_takes(place: tuple[Any, ...], value: Any) -> None:
    data = copy.deepcopy(_SOUND)
    target = data
    for part in place[:-1]:
        target = target[part]
    target[place[-1]] = value
    try:
        definitions.FlowDefinition.model_validate(data, by_alias=True, by_name=False)
        read_flow(json.dumps(data, ensure_ascii=False))  # JSON is YAML
    except (ValueError, InvalidFlow):
        return
    assert accepts(SCHEMAS["flow"], data)
