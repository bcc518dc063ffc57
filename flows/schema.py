"""JSON Schemas of flow files and of the site file: editors complete by them, and the loader holds files to them.

They are made from the pydantic models, so the two cannot drift apart; what pydantic cannot know is laid on top: the
short forms, the rules of the kind "exactly one of", and words for what is expected (``errorMessage``, which editors
show, too).
"""

from __future__ import annotations

import copy
from functools import cache
from typing import Any

from pydantic import BaseModel, ConfigDict, field_validator

from engine.definitions import BY_STEP, FlowDefinition, Name, format_duration, known_zone
from engine.peers.settings import Limits
from flows.calendars import QUIET, SPAN, Calendar, Year
from flows.schedules import Schedule

Schema = dict[str, Any]

_DIALECT = "https://json-schema.org/draft/2020-12/schema"

_NAME = "a name such as pre_settled: lower-case letters, digits and _"
_WORDS = {
    r"^[a-z][a-z0-9_]*$": _NAME,
    r"^[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)*$": "a flow's name such as jiangsu.outpatient",
    SPAN: "a day such as 2026-10-01, or a range such as 2026-10-01..2026-10-07",
    QUIET: "quiet hours such as 22:00-06:00",
    r"^[A-Za-z_][\w]*(\.[A-Za-z_][\w]*)*(:[A-Za-z_]\w*)?$": "a name such as jiangsu.settle or package.module:attribute",
}
_DURATION = {
    "type": "string",
    "pattern": r"^(?=\d)(\d+d)?(\d+h)?(\d+m)?(\d+s)?(\d+ms)?$",
    "examples": ["30s", "1h30m"],
    "errorMessage": "a duration such as 30s, 5m, 2h, 1d or 1h30m",
}
_TIME = {
    "type": "string",
    "pattern": r"^([01]\d|2[0-3]):[0-5]\d(:[0-5]\d)?$",
    "errorMessage": "a time of day such as 08:30",
}
_FIXED: Schema = {"not": {}, "errorMessage": "cannot be overridden"}


class SiteFile(BaseModel):
    """What a site's flows.yaml may hold."""

    model_config = ConfigDict(extra="forbid")

    include: list[str]
    flows: list[str]
    adapters: dict[str, dict[str, Any]] = {}
    overrides: dict[str, dict[str, Any]] = {}
    timezone: str = "Asia/Shanghai"  #: of schedules and calendars; a flow has its own
    calendars: dict[Name, Calendar] = {}
    schedules: list[Schedule] = []
    limits: Limits = Limits()

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        return known_zone(value)


def flow_schema() -> Schema:
    """Return the schema of a flow file, with the short forms that the loader accepts."""
    return copy.deepcopy(_flow_schema())


def site_schema() -> Schema:
    """Return the schema of a site's flows.yaml; its overrides are partial flows."""
    return copy.deepcopy(_site_schema())


def year_schema() -> Schema:
    """Return the schema of a calendar's file of one year."""
    return copy.deepcopy(_year_schema())


@cache
def _year_schema() -> Schema:
    schema = _tidied(Year.model_json_schema())
    return {"$schema": _DIALECT, **schema, "title": "visitflow calendar of one year"}


@cache
def _flow_schema() -> Schema:
    schema = _tidied(FlowDefinition.model_json_schema(by_alias=True, mode="validation"))
    definitions, properties = schema["$defs"], schema["properties"]
    transition, timer, undo = definitions["Transition"], definitions["Timer"], definitions["UndoEdge"]
    step = next(each for each in transition["properties"]["step"]["anyOf"] if "pattern" in each)
    definitions["SettleMethod"] = _settle_method(definitions["SettleMethod"], step)
    for where, key in ((transition, "from"), (timer, "in")):
        many = where["properties"][key]
        where["properties"][key] = {"anyOf": [many["items"], many], "errorMessage": f"{_NAME}, or a list of names"}
    timer["oneOf"] = _one_of("after", "every", "at")
    timer["errorMessage"] = "exactly one of after, every, at"
    undo["oneOf"] = _one_of("step", "nothing", "impossible")
    undo["oneOf"][0]["required"].append("trigger")
    undo["oneOf"][0]["properties"]["trigger"] = {"not": {"type": "null"}}
    undo["errorMessage"] = (
        "exactly one of step (with the trigger's name), nothing (with the reason), impossible (with the reason)"
    )
    states = next(iter(properties["states"]["patternProperties"]))
    properties["states"]["patternProperties"][states] = {"anyOf": [{"$ref": "#/$defs/State"}, {"type": "null"}]}
    return {"$schema": _DIALECT, **schema, "title": "visitflow flow"}


@cache
def _site_schema() -> Schema:
    schema = _tidied(SiteFile.model_json_schema())
    schema["properties"]["overrides"]["additionalProperties"] = {"$ref": "#/$defs/Flow"}
    schedule = schema["$defs"]["Schedule"]
    schedule["allOf"] = [
        {"oneOf": _one_of(*names), "errorMessage": f"exactly one of {', '.join(names)}"}
        for names in (("at", "every"), ("open", "job"))
    ]
    schema["$defs"] |= _partial(_flow_schema())
    return {"$schema": _DIALECT, **schema, "title": "visitflow site"}


def _partial(flow: Schema) -> Schema:
    """Return the parts of a flow's schema in which nothing is required and named things go by their names."""
    flow = copy.deepcopy(flow)
    definitions: dict[str, Schema] = flow.pop("$defs")
    definitions["Flow"] = {key: flow[key] for key in ("type", "properties", "additionalProperties")}
    for name in ("Flow", "Transition", "Timer", "UndoEdge"):
        for rule in ("required", "oneOf", "errorMessage"):
            definitions[name].pop(rule, None)
    properties = definitions["Flow"]["properties"]
    properties |= {
        "flow": _FIXED,
        "version": _FIXED,
        "transitions": {
            "type": "object",
            "additionalProperties": {"$ref": "#/$defs/Transition"},
            "errorMessage": "a mapping of trigger to fields",
        },
        "timers": {
            "anyOf": [
                {"type": "object", "additionalProperties": {"$ref": "#/$defs/Timer"}},
                {"type": "array", "items": {"$ref": "#/$defs/WholeTimer"}},
            ]
        },
    }
    definitions["WholeTimer"] = copy.deepcopy(_flow_schema()["$defs"]["Timer"])
    definitions["Transition"]["properties"]["trigger"] = _FIXED
    definitions["Timer"]["properties"]["name"] = _FIXED
    return definitions


def _settle_method(whole: Schema, step: Schema) -> Schema:
    def of(required: list[str], properties: Schema) -> Schema:
        return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}

    return {
        "title": whole["title"],
        "description": whole["description"],
        "errorMessage": "ask, repeat, {probe: step}, {inquire: step} or {reverse: step}",
        "anyOf": [
            {"type": "string", "enum": ["ask", "repeat"]},
            *(of([kind.value], {kind.value: step}) for kind in BY_STEP),
            of(["kind", "step"], {"kind": {"type": "string", "enum": [kind.value for kind in BY_STEP]}, "step": step}),
            of(["kind"], {"kind": {"type": "string", "enum": ["ask", "repeat"]}, "step": {"type": "null"}}),
        ],
    }


def _one_of(*names: str) -> list[Schema]:
    """Return a branch for each of ``names``, which is given there while the others are missing or null."""
    absent: Schema = {name: {"type": "null"} for name in names}
    return [{"required": [name], "properties": absent | {name: {"not": {"type": "null"}}}} for name in names]


def _tidied(node: Any) -> Any:
    """Return pydantic's schema with words for patterns, durations as text, closed mappings, and no generated titles."""
    if isinstance(node, list):
        return [_tidied(item) for item in node]
    if not isinstance(node, dict):
        return node
    if node.get("examples") == _DURATION["examples"]:
        default = {"default": format_duration(node["default"])} if isinstance(node.get("default"), int) else {}
        return _DURATION | default
    if node.get("format") == "time":
        return dict(_TIME)
    tidied = {key: _tidied(value) for key, value in node.items()}
    if "properties" in tidied:
        tidied["properties"] = {name: _untitled(each) for name, each in tidied["properties"].items()}
    if isinstance(tidied.get("description"), str):
        tidied["description"] = tidied["description"].replace("``", "`")
    if isinstance(pattern := tidied.get("pattern"), str) and pattern in _WORDS:
        tidied["errorMessage"] = _WORDS[pattern]
    if "patternProperties" in tidied:
        pattern = next(iter(tidied["patternProperties"]))
        names = {"type": "string", "pattern": pattern, "errorMessage": _WORDS.get(pattern, pattern)}
        tidied["propertyNames"] = names | tidied.get("propertyNames", {})
        tidied["additionalProperties"] = False
    return tidied


def _untitled(schema: Schema) -> Schema:
    return {key: value for key, value in schema.items() if key != "title" or not isinstance(value, str)}
