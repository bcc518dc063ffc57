"""Made-up values that fit a contract, in full or with the required members only."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

from adapters.platform.contracts import TABLES, Field, Interface, Reply
from adapters.platform.contracts.model import Rule, Type
from tests import people

_SIMPLE: Mapping[Type, Any] = {
    Type.TEXT: "甲1",
    Type.PERSONAL: people.identity_number(7),
    Type.MONEY: Decimal("12.30"),
    Type.PRICE: Decimal("1.2345"),
    Type.QUANTITY: Decimal("2.5"),
    Type.INTEGER: 3,
    Type.BOOL: True,
    Type.TIMESTAMP: "2026-03-01 08:05:09",
    Type.MINUTE: "2026-03-01 08:05",
    Type.DATE: "2026-03-01",
    Type.COMPACT_DATE: "20260301",
    Type.CLOCK: "08:05",
    Type.NOTHING: None,
}


def value(field: Field, *, full: bool) -> Any:
    """Return a value of the type of ``field``."""
    if field.type is Type.LIST:
        return [_one(field, field.of, full=full)] if field.of else [members(field, full=full)]
    if field.type is Type.OBJECT:
        return members(field, full=full)
    return _one(field, field.type, full=full)


def _one(field: Field, kind: Type | None, *, full: bool) -> Any:
    code = next(iter(TABLES[field.table].values)) if field.table else "甲"
    if kind is Type.CODE:
        return code
    if kind is Type.CSV:
        return [code]
    if field.decimals is not None:
        return Decimal("1." + "1" * field.decimals)
    return _SIMPLE[Type(kind)]


def members(field: Field, *, full: bool) -> dict[str, Any]:
    """Return an object with the required members of ``field``, or all, and what its rules need."""
    wanted = {each.name for each in field.fields.values() if full or each.required}
    for rule in field.rules:
        wanted |= _needed(field, rule)
    return {name: value(each, full=full) for name, each in field.fields.items() if name in wanted}


def _needed(field: Field, rule: Rule) -> set[str]:
    if rule.any_of:
        return set(rule.any_of[0])
    if rule.when is None or not field.fields[rule.when[0]].required:
        return set()
    name, said = rule.when
    return set(rule.needs) if said in (None, value(field.fields[name], full=False)) else set()


def request(interface: Interface, *, full: bool) -> Any:
    """Return a request that fits."""
    return value(interface.request, full=full)


def beside(reply: Reply, *, full: bool) -> dict[str, Any]:
    """Return what stands beside the code."""
    return {name: value(each, full=full) for name, each in reply.beside.items() if full or each.required}


def required(field: Field) -> Iterator[tuple[str, ...]]:
    """Return the path of each required member below ``field``, also those below optional ones; ``""`` is an element."""
    inside = ("",) if field.type is Type.LIST else ()
    for each in field.fields.values():
        if each.required:
            yield (*inside, each.name)
        yield from ((*inside, each.name, *below) for below in required(each))


def without(body: Any, path: tuple[str, ...]) -> Any:
    """Return ``body`` without the member at ``path``."""
    first, *rest = path
    if first == "":
        return [without(body[0], tuple(rest))]
    if not rest:
        return {name: each for name, each in body.items() if name != first}
    return {**body, first: without(body[first], tuple(rest))}


def spelt(path: tuple[str, ...]) -> str:
    """Return a path as problems spell it."""
    text = ""
    for part in path:
        text += "[0]" if part == "" else f".{part}" if text else part
    return text
