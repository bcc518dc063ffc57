"""The field tables as objects: reads the YAML files of this folder, which ``conditions.yaml`` explains."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import Any

from adapters.neimenggu.codes import code_tables
from adapters.neimenggu.data import load

_TYPE = re.compile(r"(\w+)(?:\(([\w,]+)\))?")
_SIZED = ("text", "items", "integer", "decimal")


@dataclass(frozen=True, slots=True)
class Condition:
    """When something is demanded, forbidden or limited."""

    name: str
    zh: str
    en: str
    any: tuple[tuple[str, frozenset[str]], ...] = ()
    none: tuple[tuple[str, frozenset[str]], ...] = ()
    switch: str = ""


@dataclass(frozen=True, slots=True)
class Rule:
    """What the members of one object have to be to each other."""

    rule: str
    members: tuple[str, ...]
    values: frozenset[str] = frozenset()
    when: Condition | None = None
    orders: str = ""
    switch: str = ""


@dataclass(frozen=True, slots=True)
class Member:
    """One member of an object."""

    name: str
    type: str
    zh: str
    en: str
    kind: str  #: the type's first word
    size: tuple[int, ...] = ()  #: of text, items, integer, decimal
    shape: Shape | None = None  #: of one and list
    codes: frozenset[str] = frozenset()  #: of code
    table: str = ""  #: of code
    always: bool = False
    need: Condition | None = None
    empty: Condition | None = None
    within: str = ""
    also: str = ""
    doubt: str = ""


@dataclass(frozen=True, slots=True)
class Shape:
    """One object: its members in the document's order, and its rules."""

    name: str
    zh: str
    en: str
    members: tuple[Member, ...]
    rules: tuple[Rule, ...] = ()


@dataclass(frozen=True, slots=True)
class Contract:
    """What one interface takes and gives, without sessionid, code and text."""

    operation: str
    request: Shape
    reply: Shape


@dataclass(slots=True)
class _Reader:
    """Makes objects of what the files say, each group once."""

    conditions: Mapping[str, Condition]
    raw_groups: Mapping[str, Any]
    shapes: dict[str, Shape] = field(default_factory=dict)

    def contract(self, operation: str, raw: Mapping[str, Any]) -> Contract:
        request = self._shape("request", {"members": raw["request"], "rules": raw.get("rules", ())})
        return Contract(operation, request, self._shape("reply", {"members": raw["reply"]}))

    def _group(self, name: str) -> Shape:
        if name not in self.shapes:
            self.shapes[name] = self._shape(name, self.raw_groups[name])
        return self.shapes[name]

    def _shape(self, name: str, raw: Mapping[str, Any]) -> Shape:
        members = tuple(self._member(each) for each in raw["members"])
        rules = tuple(self._rule(each) for each in raw.get("rules", ()))
        return Shape(name, raw.get("zh", ""), raw.get("en", ""), members, rules)

    def _member(self, raw: Mapping[str, Any]) -> Member:
        found = _TYPE.fullmatch(raw["type"])
        if found is None:
            raise ValueError(f"not a type: {raw['type']}")
        kind, inner = found[1], found[2] or ""
        need = raw.get("need", "")
        read: dict[str, Any] = {"kind": kind, "always": need == "always"}
        if kind in _SIZED and inner:
            read["size"] = tuple(int(part) for part in inner.split(","))
        elif kind in ("one", "list"):
            read["shape"] = self._group(inner)
        elif kind == "code":
            read |= {"table": inner, "codes": frozenset(code_tables()[inner].codes)}
        read |= {"need": self.conditions[need] if need not in ("", "always") else None}
        read |= {"empty": self.conditions[raw["empty"]] if "empty" in raw else None}
        return Member(**{**raw, **read})

    def _rule(self, raw: Mapping[str, Any]) -> Rule:
        when = self.conditions[raw["when"]] if "when" in raw else None
        read = {"members": tuple(raw["members"]), "values": frozenset(raw.get("values", ())), "when": when}
        return Rule(**{**raw, **read})


def _tests(raw: Any) -> Iterator[tuple[str, frozenset[str]]]:
    for each in raw:
        yield from ((name, frozenset(values)) for name, values in each.items())


def _condition(name: str, raw: Mapping[str, Any]) -> Condition:
    tests = {key: tuple(_tests(raw.get(key, ()))) for key in ("any", "none")}
    return Condition(name, raw["zh"], raw["en"], tests["any"], tests["none"], raw.get("switch", ""))


@cache
def conditions() -> Mapping[str, Condition]:
    """Return the conditions by name."""
    raw = load("contracts/conditions.yaml")["conditions"]
    return {name: _condition(name, each) for name, each in raw.items()}


@cache
def contracts() -> Mapping[str, Contract]:
    """Return the contracts by operation.

    Raises:
        ValueError: two files declare the same group or interface.
    """
    folder = files("adapters.neimenggu").joinpath("contracts")
    groups: dict[str, Any] = {}
    interfaces: dict[str, Any] = {}
    for name in sorted(each.name for each in folder.iterdir() if each.name.endswith(".yaml")):
        raw = load(f"contracts/{name}")
        _add(groups, raw.get("groups", {}), name)
        _add(interfaces, raw.get("interfaces", {}), name)
    reader = _Reader(conditions(), groups)
    return {operation: reader.contract(operation, raw) for operation, raw in interfaces.items()}


def _add(known: dict[str, Any], more: Mapping[str, Any], name: str) -> None:
    if twice := known.keys() & more.keys():
        raise ValueError(f"{name} declares again: {', '.join(sorted(twice))}")
    known.update(more)
