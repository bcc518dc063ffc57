"""Money on this side of the wire: Decimal in, JSON numbers with two decimals out."""

from __future__ import annotations

import json
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Any

CENT = Decimal("0.01")
_LIMIT = Decimal(10) ** 12


class BadNumber(ValueError):
    """Not an amount."""


def decimal_of(value: Any) -> Decimal:
    """Return a JSON number or its text as Decimal. Raises BadNumber."""
    if isinstance(value, Decimal):
        number = value
    elif isinstance(value, int) and not isinstance(value, bool):
        number = Decimal(value)
    elif isinstance(value, str):
        try:
            number = Decimal(value)
        except InvalidOperation:
            raise BadNumber(value) from None
    else:
        raise BadNumber(repr(value))
    if not number.is_finite() or abs(number) >= _LIMIT or len(number.as_tuple().digits) > 20:
        raise BadNumber(str(number))
    return number


def cents(value: Decimal) -> Decimal:
    """Round half up to two decimals."""
    return value.quantize(CENT, ROUND_HALF_UP)


def read_json(body: bytes, encoding: str = "utf-8") -> Any:
    """Read JSON, fractions as Decimal. Raises ValueError."""
    return json.loads(body.decode(encoding), parse_float=Decimal)


def write_json(value: Any) -> str:
    """Write JSON, Decimals as number literals such as ``135.00``."""
    if isinstance(value, dict):
        members = (f"{json.dumps(str(name), ensure_ascii=False)}: {write_json(item)}" for name, item in value.items())
        return "{" + ", ".join(members) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(write_json(item) for item in value) + "]"
    return str(value) if isinstance(value, Decimal) else json.dumps(value, ensure_ascii=False)
