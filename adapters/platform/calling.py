"""The interfaces of 003 as operations that the engine calls: names, effects, methods. Reads ``calling.yaml``.

An operation is called as the document numbers it: ``3.1.2``. Where two methods share an interface (16.1.1, 16.1.2),
each is an operation with the method's last word behind the number: ``16.1.1:pacsReport``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from adapters.platform.contracts import INTERFACES, Direction, Interface, Kind
from adapters.platform.contracts.late import Late
from engine.adapter import Operation
from engine.outcomes import Category, Effect
from engine.tables import table


@cache
def _raw() -> dict[str, Any]:
    raw: dict[str, Any] = table(__file__, "calling.yaml")
    return raw


@dataclass(frozen=True, slots=True)
class Method:
    """One way to call an interface: its operation, and the method's name where the document or the table has one."""

    operation: str
    interface: Interface
    name: str | None = None


def operation_of(interface: Interface, name: str | None = None) -> str:
    """Return what the engine calls ``interface`` when it is asked for by the method ``name``."""
    if len(interface.names) < 2:
        return interface.number
    known = name if name in interface.names else interface.names[0]
    return f"{interface.number}:{known.rpartition('.')[2]}"


@cache
def _hospital_methods() -> Mapping[str, Method]:
    unnamed: Mapping[str, str] = _raw()["names"]
    found: dict[str, Method] = {}
    for interface in INTERFACES.values():
        if interface.direction is Direction.HOSPITAL:
            for name in interface.names or (unnamed[interface.number],):
                operation = operation_of(interface, name)
                found[operation] = Method(operation, interface, name)
    return found


@cache
def _platform_methods() -> Mapping[str, Method]:
    return {
        number: Method(number, interface)
        for number, interface in INTERFACES.items()
        if interface.direction is Direction.PLATFORM
    }


def _platform_effect(interface: Interface) -> Effect:
    if interface.kind is Kind.QUERY:
        return Effect.READ
    return Effect.KEYED if interface.number in _raw()["platform"]["keyed"] else Effect.ONCE


def _hospital_effect(interface: Interface, *, dedupes: bool) -> Effect:
    if interface.kind is Kind.QUERY:
        return Effect.READ
    return Effect.KEYED if dedupes and interface.key else Effect.ONCE


@cache
def _platform_operations() -> Mapping[str, Operation]:
    return {
        name: Operation(name, _platform_effect(each.interface), each.interface.zh, each.interface.en)
        for name, each in _platform_methods().items()
    }


@cache
def _hospital_operations(*, dedupes: bool) -> Mapping[str, Operation]:
    return {
        name: Operation(name, _hospital_effect(each.interface, dedupes=dedupes), each.interface.zh, each.interface.en)
        for name, each in _hospital_methods().items()
    }


@cache
def _categories() -> Mapping[tuple[bool, str], Category]:
    raw = _raw()
    found = {
        (query, code): Category(category)
        for query in (False, True)
        for category, codes in raw["categories"].items()
        for code in codes
    }
    for category, codes in raw["categories_of_queries"].items():
        found |= {(True, code): Category(category) for code in codes}
    return found


def category_of(interface: Interface, code: str) -> Category:
    """Return what a refusal of ``interface`` with ``code`` is about."""
    return _categories().get((interface.kind is Kind.QUERY, code), Category.BUSINESS)


#: What the hospital serves, by operation.
HOSPITAL_METHODS: Mapping[str, Method] = Late(_hospital_methods)
#: What the platform serves, by operation.
PLATFORM_METHODS: Mapping[str, Method] = Late(_platform_methods)
#: What calling them does: the platform; a HIS that takes the same call twice; one that knows a repeat by its key.
PLATFORM_OPERATIONS: Mapping[str, Operation] = Late(_platform_operations)
HOSPITAL_OPERATIONS: Mapping[str, Operation] = Late(lambda: _hospital_operations(dedupes=False))
KEYED_HOSPITAL_OPERATIONS: Mapping[str, Operation] = Late(lambda: _hospital_operations(dedupes=True))
