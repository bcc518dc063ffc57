"""JSON Schemas for editors: completion and red lines while a flow is written. The loader stays the judge."""

from __future__ import annotations

from typing import Any

from engine.definitions import FlowDefinition
from flows.loader import SiteFile

_DIALECT = "https://json-schema.org/draft/2020-12/schema"


def flow_schema() -> dict[str, Any]:
    """Return the schema of a flow file, with the short forms that the loader accepts."""
    schema = FlowDefinition.model_json_schema(by_alias=True, mode="validation")
    definitions = schema["$defs"]
    name = {"type": "string"}
    definitions["SettleMethod"] = {
        "title": "SettleMethod",
        "description": definitions["SettleMethod"].get("description", ""),
        "anyOf": [
            {"enum": ["ask", "repeat"]},
            {"type": "object", "properties": {"probe": name}, "required": ["probe"], "additionalProperties": False},
            {"type": "object", "properties": {"reverse": name}, "required": ["reverse"], "additionalProperties": False},
        ],
    }
    _one_or_many(definitions["Transition"]["properties"], "from")
    _one_or_many(definitions["Timer"]["properties"], "in")
    states = schema["properties"]["states"]
    states["additionalProperties"] = {"anyOf": [states["additionalProperties"], {"type": "null"}]}
    return {"$schema": _DIALECT, **schema, "title": "visitflow flow"}


def site_schema() -> dict[str, Any]:
    """Return the schema of a site's flows.yaml."""
    return {"$schema": _DIALECT, **SiteFile.model_json_schema(), "title": "visitflow site"}


def _one_or_many(properties: dict[str, Any], name: str) -> None:
    many = properties[name]
    properties[name] = {"anyOf": [many["items"], many]}
