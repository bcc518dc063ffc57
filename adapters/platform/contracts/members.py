"""Finds the members of a contract in an object that came over the wire, whatever they are spelt like."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from adapters.platform.contracts.model import Field, Rule
from adapters.platform.contracts.problems import MISSING, Problem
from adapters.platform.contracts.values import blank


def path(parent: str, name: str) -> str:
    """Return the path of a member below ``parent``."""
    return f"{parent}.{name}" if parent else name


def spread(came: Mapping[Any, Any], fields: Mapping[str, Field]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Sort what came into the contract's members and all others.

    A member is found under its name, another spelling of it, either of them in any letter case, with blanks around it
    (24.1.2 prints ``"orderName "``). The first spelling that says something counts.
    """
    spellings: dict[str, str] = {}
    for each in fields.values():
        for said in (each.name, *each.also):
            spellings.setdefault(said.strip().casefold(), each.name)
    known: dict[str, Any] = {}
    others: dict[str, Any] = {}
    for key, value in came.items():
        trimmed = str(key).strip()
        name = trimmed if trimmed in fields else spellings.get(trimmed.casefold())
        if name is None:
            others[trimmed] = value
        elif name not in known or blank(known[name]):
            known[name] = value
    return known, others


def broken(rules: Iterable[Rule], values: Mapping[str, Any], parent: str) -> list[Problem]:
    """Return what the rules among the members of one object miss."""
    found = []
    for rule in rules:
        if rule.any_of and not any(all(_there(values, name) for name in group) for group in rule.any_of):
            names = " or ".join(" and ".join(group) for group in rule.any_of)
            found += [
                Problem(path(parent, name), MISSING, f"needed: {names}") for group in rule.any_of for name in group
            ]
        if rule.when is not None and _holds(rule.when, values):
            reason = f"required with {rule.when[0]}" + (f" {rule.when[1]}" if rule.when[1] else "")
            found += [Problem(path(parent, name), MISSING, reason) for name in _absent(rule.needs, values)]
    return found


def _there(values: Mapping[str, Any], name: str) -> bool:
    return not blank(values.get(name))


def _holds(when: tuple[str, str | None], values: Mapping[str, Any]) -> bool:
    name, value = when
    return _there(values, name) and (value is None or str(values[name]) == value)


def _absent(needs: Iterable[str], values: Mapping[str, Any]) -> Iterable[str]:
    for name in needs:
        outer, _, inner = name.partition(".")
        if not inner:
            if not _there(values, outer):
                yield name
            continue
        for at, element in enumerate(values.get(outer) or ()):
            if isinstance(element, Mapping) and not _there(element, inner):
                yield f"{outer}[{at}].{inner}"
