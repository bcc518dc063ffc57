"""Holding a file to its schema: every unknown key, missing field and wrong type, in words that say what is expected.

This is the part of JSON Schema that :mod:`flows.schema` uses, no more, and strict: a word is no boolean, ``1.0`` no
integer. What lies between fields is left to the models.
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterable, Iterator
from typing import Any

from flows.source import Path_

Schema = dict[str, Any]
Fault = tuple[Path_, str]

_TYPES: dict[str, tuple[str, tuple[type, ...]]] = {
    "string": ("text", (str,)),
    "integer": ("a whole number", (int,)),
    "number": ("a number", (int, float)),
    "boolean": ("true or false", (bool,)),
    "array": ("a list", (list,)),
    "object": ("a mapping", (dict,)),
    "null": ("nothing", (type(None),)),
}


def faults(schema: Schema, data: Any) -> list[Fault]:
    """Return each place where ``data`` does not fit ``schema``, with what was expected there."""
    return list(_Shape(schema).walk(schema, data, ()))


def near(name: str, known: Iterable[str]) -> str:
    """Return ``; did you mean 'x'?`` or, when nothing is near, what there is."""
    names = list(known)
    if found := difflib.get_close_matches(name, names, n=1):
        return f"; did you mean {found[0]!r}?"
    return f"; known: {', '.join(names)}" if 0 < len(names) <= 30 else ""


class _Shape:
    def __init__(self, root: Schema) -> None:
        self._definitions: dict[str, Schema] = root.get("$defs", {})

    def walk(self, schema: Schema, value: Any, path: Path_) -> Iterator[Fault]:
        schema = self._resolved(schema)
        if "not" in schema:
            yield path, schema["errorMessage"]
        elif "anyOf" in schema:
            yield from self._any(schema, value, path)
        elif not _fits(schema, value):
            yield path, self._refusal(schema, value)
        elif isinstance(value, dict):
            yield from self._mapping(schema, value, path)
        elif isinstance(value, list):
            if len(value) < schema.get("minItems", 0):
                yield path, f"expected at least {schema['minItems']} of them"
            for index, item in enumerate(value):
                yield from self.walk(schema.get("items", {}), item, (*path, index))
        elif isinstance(value, str):
            yield from self._text(schema, value, path)
        elif isinstance(value, int | float) and not isinstance(value, bool):
            yield from _number(schema, value, path)

    def _resolved(self, schema: Schema) -> Schema:
        reference = schema.get("$ref")
        if reference is None:
            return schema
        return self._definitions[reference.removeprefix("#/$defs/")]

    def _any(self, schema: Schema, value: Any, path: Path_) -> Iterator[Fault]:
        branches = [self._resolved(each) for each in schema["anyOf"]]
        fitting = [branch for branch in branches if "anyOf" in branch or _fits(branch, value)]
        tried = [list(self.walk(branch, value, path)) for branch in fitting]
        if any(not found for found in tried):
            return
        if not tried or ("errorMessage" in schema and not (len(tried) == 1 and isinstance(value, list | dict))):
            yield path, self._refusal(schema, value)
        else:
            yield from min(tried, key=len)

    def _mapping(self, schema: Schema, value: dict[str, Any], path: Path_) -> Iterator[Fault]:
        known: dict[str, Schema] = schema.get("properties", {})
        for key, item in value.items():
            here = (*path, key)
            if key in known:
                yield from self.walk(known[key], item, here)
                continue
            yield from (
                (here, f"as a key {message}") for _, message in self.walk(schema.get("propertyNames", {}), key, ())
            )
            by_pattern = [
                each for pattern, each in schema.get("patternProperties", {}).items() if _matches(pattern, key)
            ]
            free = schema.get("additionalProperties", True)
            if by_pattern:
                yield from self.walk(by_pattern[0], item, here)
            elif isinstance(free, dict):
                yield from self.walk(free, item, here)
            elif free is False and "propertyNames" not in schema:
                yield here, f"unknown key {key!r}{near(key, known)}"
        for key in schema.get("required", ()):
            if key not in value:
                yield (*path, key), f"{key!r} is missing; expected {self._expected(known[key])}"
        for rule in (schema, *schema.get("allOf", ())):
            if "oneOf" in rule and sum(_chosen(branch, value) for branch in rule["oneOf"]) != 1:
                yield path, f"expected {rule['errorMessage']}"

    def _text(self, schema: Schema, value: str, path: Path_) -> Iterator[Fault]:
        if value not in schema.get("enum", [value]) or not _matches(schema.get("pattern", ""), value):
            yield path, self._refusal(schema, value)
        elif len(value) > schema.get("maxLength", len(value)):
            yield path, f"expected at most {schema['maxLength']} characters"

    def _expected(self, schema: Schema) -> str:
        schema = self._resolved(schema)
        if "errorMessage" in schema and "oneOf" not in schema:
            return str(schema["errorMessage"])
        if "anyOf" in schema:
            # that nothing may stand there is true, and no help
            words = [self._expected(each) for each in schema["anyOf"] if each.get("type") != "null"]
            return " or ".join(dict.fromkeys(words))
        if "enum" in schema:
            return f"one of {', '.join(schema['enum'])}"
        if "pattern" in schema:
            return f"text that matches {schema['pattern']}"
        return _TYPES[schema["type"]][0]

    def _refusal(self, schema: Schema, value: Any) -> str:
        return f"expected {self._expected(schema)}, got {_shown(value) if self._scalar(schema) else _kind(value)}"

    def _scalar(self, schema: Schema) -> bool:
        """Tell whether a scalar may stand here. Where only a mapping may, a stray scalar may be a secret (G10)."""
        schema = self._resolved(schema)
        if "anyOf" in schema:
            return any(self._scalar(each) for each in schema["anyOf"])
        return schema.get("type") not in ("object", "array", "null")


def _fits(schema: Schema, value: Any) -> bool:
    if "type" not in schema:
        return True
    if isinstance(value, bool):
        return bool(schema["type"] == "boolean")
    return isinstance(value, _TYPES[schema["type"]][1])


def _number(schema: Schema, value: float, path: Path_) -> Iterator[Fault]:
    if value < schema.get("minimum", value):
        yield path, f"expected at least {schema['minimum']:g}, got {value}"
    elif value > schema.get("maximum", value):
        yield path, f"expected at most {schema['maximum']:g}, got {value}"


def _chosen(branch: Schema, value: dict[str, Any]) -> bool:
    """Tell whether what a branch requires is given, and what it excludes is not."""
    return all((value.get(name) is not None) == (name in branch["required"]) for name in branch["properties"])


def _matches(pattern: str, value: str) -> bool:
    return not pattern or (re.search(pattern, value) is not None and not value.endswith("\n"))


def _kind(value: Any) -> str:
    return next(words for words, types in _TYPES.values() if type(value) in types)


def _shown(value: Any) -> str:
    if value is None or isinstance(value, dict | list):
        return _kind(value)
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 40 else f"{text[:36]}..."
