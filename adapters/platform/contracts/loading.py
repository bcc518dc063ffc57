"""Builds the contracts from the YAML, and refuses YAML that says what a contract cannot mean."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from adapters.platform.contracts.codes import TABLES
from adapters.platform.contracts.data import chapters, load
from adapters.platform.contracts.late import Late
from adapters.platform.contracts.model import Chapter, Direction, Envelope, Field, Interface, Kind, Reply, Rule, Type

_WORDS = {"required": True, "optional": False}
_FIELD = {"type", "of", "table", "decimals", "least", "wire", "lone", "required", "empty", "also", "condition"}
_FIELD |= {"from", "en", "zh", "rules", "fields"}
_INTERFACE = {"number", "zh", "en", "direction", "kind", "names", "path", "webservice", "key", "undo", "evidence"}
_INTERFACE |= {"deprecated", "notes", "request", "reply", "replies"}
_REPLY = {"envelope", "code", "beside", "data"}


@cache
def _members() -> dict[str, Any]:
    return load("members.yaml")


def _known(what: str, raw: Mapping[str, Any], names: set[str]) -> None:
    if unknown := set(raw) - names:
        raise ValueError(f"{what}: unknown {', '.join(sorted(unknown))}")


def _rule(raw: Mapping[str, Any]) -> Rule:
    when = None
    if "when" in raw:
        ((name, value),) = raw["when"].items()
        when = (str(name), None if value == "any" else str(value))
    groups = tuple((each,) if isinstance(each, str) else tuple(each) for each in raw.get("any_of", ()))
    return Rule(groups, when, tuple(raw.get("needs", ())))


def _field(name: str, raw: str | Mapping[str, Any]) -> Field:
    """Build one member; a word alone takes the rest from the shared members."""
    if isinstance(raw, str):
        raw = {**_members()["members"][name], "required": _WORDS[raw]}
    _known(name, raw, _FIELD)
    if (table := raw.get("table")) is not None and table not in TABLES:
        raise ValueError(f"{name}: no code table {table}")
    return Field(
        name=name,
        type=Type(raw["type"]),
        zh=raw.get("zh", ""),
        en=raw.get("en") or _members()["english"].get(name, ""),
        required=raw.get("required", False),
        empty=raw.get("empty", False),
        also=tuple(raw.get("also", ())),
        table=table,
        of=Type(raw["of"]) if "of" in raw else None,
        decimals=raw.get("decimals"),
        least=raw.get("least"),
        as_number=raw.get("wire") == "number",
        lone_object=raw.get("lone") == "object",
        condition=raw.get("condition", ""),
        from_example=raw.get("from") == "example",
        fields=_fields(raw.get("fields")),
        rules=tuple(map(_rule, raw.get("rules", ()))),
    )


def _fields(raw: Mapping[str, Any] | None) -> Mapping[str, Field]:
    return {name: _field(name, each) for name, each in (raw or {}).items()}


def _reply(raw: Mapping[str, Any] | None) -> Reply:
    raw = raw or {}
    _known("reply", raw, _REPLY)
    return Reply(
        envelope=Envelope(raw.get("envelope", "standard")),
        code_as_number=raw.get("code") == "number",
        beside=_fields(raw.get("beside")),
        data=_field("data", raw["data"]) if "data" in raw else None,
    )


def _interface(raw: Mapping[str, Any]) -> Interface:
    _known(raw["number"], raw, _INTERFACE)
    request = raw.get("request") or {}
    return Interface(
        number=raw["number"],
        zh=raw["zh"],
        en=raw["en"],
        direction=Direction(raw["direction"]),
        kind=Kind(raw["kind"]),
        names=tuple(raw.get("names") or ()),
        path=raw.get("path"),
        webservice=raw.get("webservice"),
        key=tuple(raw.get("key", ())),
        undo=tuple(raw.get("undo", ())),
        evidence=tuple(raw.get("evidence", ())),
        deprecated=raw.get("deprecated", False),
        notes=tuple(raw.get("notes", ())),
        request=_field("", {"type": "object", **request}),
        replies={name: _reply(each) for name, each in raw.get("replies", {"": raw.get("reply")}).items()},
    )


def _chapter(name: str) -> Chapter:
    raw = load(name)
    return Chapter(raw["chapter"], raw["zh"], raw["en"], tuple(map(_interface, raw["interfaces"])))


@cache
def _chapters() -> Mapping[int, Chapter]:
    return {each.number: each for each in map(_chapter, chapters())}


@cache
def _interfaces() -> Mapping[str, Interface]:
    return {row.number: row for each in _chapters().values() for row in each.interfaces}


@cache
def _names() -> Mapping[str, tuple[Interface, ...]]:
    found: dict[str, tuple[Interface, ...]] = {}
    for each in _interfaces().values():
        for name in each.names + ((each.path.lstrip("/"),) if each.path else ()):
            found[name] = (*found.get(name, ()), each)
    return found


#: The chapters, by number, in the document's order.
CHAPTERS: Mapping[int, Chapter] = Late(_chapters)
#: The interfaces, by number, in the document's order.
INTERFACES: Mapping[str, Interface] = Late(_interfaces)


def by_name(name: str) -> tuple[Interface, ...]:
    """Return the interfaces with this method name or path: one, two for the path of 9.1.1 and 13.2.1, or none."""
    return _names().get(name.lstrip("/"), ())
