"""What the members of one object have to be to each other: the rules that the tables name."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

from adapters.neimenggu.contracts.problems import Problem
from adapters.neimenggu.contracts.tables import Condition, Rule

#: What a fee line says that belongs to no order (4.10).
NO_ORDER = "999"
#: Objects as they were handed in: the one at hand, then those around it.
Scope = tuple[Mapping[str, Any], ...]


@dataclass(frozen=True, slots=True)
class Place:
    """Where a check stands: the path so far, the objects around, what was found wrong until now."""

    prefix: str
    scope: Scope
    problems: list[Problem]
    orders: Collection[str] | None

    def note(self, name: str, zh: str, wrong: str) -> None:
        """Write down that the member ``name`` is at fault."""
        self.problems.append(Problem(f"{self.prefix}{name}", zh, wrong))


@dataclass(frozen=True, slots=True)
class Checked:
    """One object whose members have been checked singly."""

    wire: Mapping[str, Any]  #: what passed, as text
    place: Place
    zh: Mapping[str, str]

    def note(self, name: str, wrong: str) -> None:
        """Write down that the member ``name`` is at fault."""
        self.place.note(name, self.zh[name], wrong)


def holds(condition: Condition | None, scope: Scope) -> bool:
    """Say whether a condition holds in ``scope``; none at all always does. Switches are the caller's."""
    if condition is None:
        return True
    if any(_said(name, scope) in values for name, values in condition.none):
        return False
    return not condition.any or any(_said(name, scope) in values for name, values in condition.any)


def _said(name: str, scope: Scope) -> str:
    for members in scope:
        if name in members:
            value = members[name]
            return value.strip() if isinstance(value, str) else str(value) if isinstance(value, int) else ""
    return ""


def _not_zero(rule: Rule, checked: Checked) -> None:
    for name in rule.members:
        if name in checked.wire and _is_zero(checked.wire[name]):
            checked.note(name, "is zero")


def _same_sign(rule: Rule, checked: Checked) -> None:
    numbers = [checked.wire[name] for name in rule.members if name in checked.wire]
    if len({number.startswith("-") for number in numbers if not _is_zero(number)}) > 1:
        checked.note(rule.members[-1], f"has another sign than {', '.join(rule.members[:-1])}")


def _limited(rule: Rule, checked: Checked) -> None:
    if not holds(rule.when, checked.place.scope):
        return
    for name in rule.members:
        if checked.wire.get(name, "") not in ("", *rule.values):
            because = f" ({rule.when.en})" if rule.when else ""
            checked.note(name, f"has to be {' or '.join(sorted(rule.values))}{because}")


def _known_order(rule: Rule, checked: Checked) -> None:
    uploaded = checked.place.orders
    if uploaded is None:
        return
    for name in rule.members:
        number = checked.wire.get(name)
        if number is None or number == NO_ORDER or number in uploaded:
            continue
        if number not in _beside(rule.orders, name, checked.place.scope):
            checked.note(name, f"is the number of no order, here or uploaded earlier, and not {NO_ORDER}")


def _beside(orders: str, name: str, scope: Scope) -> set[str]:
    lists = [around[orders] for around in scope if isinstance(around.get(orders), list)]
    return {str(each.get(name)) for rows in lists for each in rows if isinstance(each, Mapping)}


def _some_of(rule: Rule, checked: Checked) -> None:
    if not any(checked.place.scope[0].get(name) for name in rule.members):
        checked.note(rule.members[0], f"is missing: at least one of {', '.join(rule.members)} has to be there")


def _is_zero(number: str) -> bool:
    return not number.strip("-0.")


RULES: Mapping[str, Callable[[Rule, Checked], None]] = {
    "not_zero": _not_zero,
    "same_sign": _same_sign,
    "limited": _limited,
    "known_order": _known_order,
    "some_of": _some_of,
}
