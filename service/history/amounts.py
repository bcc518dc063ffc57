"""Which amounts of a visit stand: reads ``amounts.yaml``, which explains its columns."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal, InvalidOperation
from functools import cache
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from adapters.money import round_cents
from engine import tables


class Rule(BaseModel):
    """When one kind of amount stands."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    amount: list[str] | str
    made: Annotated[tuple[str, ...], Field(alias="while")] = ()
    after: tuple[str, ...] = ()
    gives_back: bool = False

    def standing(self, data: Mapping[str, Any], made: Iterable[str]) -> int:
        """Return the amount that stands, in cents; 0: none. ``made``: the transitions made and not undone."""
        trail = set(made)
        if (self.made and trail.isdisjoint(self.made)) or (self.after and trail.isdisjoint(self.after)):
            return 0
        try:
            value = _READERS[self.amount](data) if isinstance(self.amount, str) else _found(data, self.amount)
            cents = 0 if value is None else int(round_cents(Decimal(str(value))) * 100)
        except (ArithmeticError, InvalidOperation, LookupError, TypeError, ValueError):
            return 0  # a visit of another make has something else there: no amount of ours
        return -cents if self.gives_back else cents


def _found(data: Mapping[str, Any], path: list[str]) -> Any:
    value: Any = data
    for name in path:
        if not isinstance(value, Mapping):
            return None
        value = value.get(name)
    return value


def _paid(data: Mapping[str, Any]) -> Decimal | None:
    from steps.platform.money import payment_of

    payment = payment_of(data)
    return None if payment is None else payment.total


def _refunds(data: Mapping[str, Any]) -> Decimal:
    from steps.platform.money import given_back

    return given_back(data) + given_back(data, "unified_amount")


_READERS: Mapping[str, Callable[[Mapping[str, Any]], Decimal | None]] = {
    "platform_paid": _paid,
    "platform_refunds": _refunds,
}
_TABLE = TypeAdapter(dict[str, dict[str, Rule]])


@cache
def table() -> Mapping[str, Mapping[str, Rule]]:
    """Return the rules by flow, or ``system.*``, and kind."""
    raw = tables.table(__file__, "amounts.yaml")
    return _TABLE.validate_python(raw)


def rules_of(flow: str) -> Mapping[str, Rule]:
    """Return the rules of a flow by kind; none for one that nobody has described."""
    rules = table()
    return rules[flow] if flow in rules else rules.get(f"{flow.partition('.')[0]}.*", {})
