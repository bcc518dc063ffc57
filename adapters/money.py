"""Amounts as peers write them: JSON numbers, text, ``-.01`` without the zero; always Decimal inside (G9)."""

from __future__ import annotations

import re
from decimal import ROUND_HALF_UP, Decimal
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

CENT = Decimal("0.01")
_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)")


def to_decimal(value: Any) -> Any:
    """Read text such as ``"-.01"`` or ``"12.5"`` (DLL conventions, chapter 5); leave Decimal and int to pydantic.

    Raises:
        ValueError: a float, which has lost its cents already, or text that is no number (``"NULL"`` and the like).
    """
    if isinstance(value, bool | float):
        raise ValueError("expected a decimal number")
    if isinstance(value, str):
        text = value.strip()
        if not _NUMBER.fullmatch(text):
            raise ValueError("expected a decimal number")
        return Decimal(text)
    return value


def round_cents(value: Decimal) -> Decimal:
    """Round half up to two decimals, as the centre does (DLL conventions, 3.3)."""
    return value.quantize(CENT, ROUND_HALF_UP)


#: An amount in yuan with at most two decimals.
Amount = Annotated[Decimal, BeforeValidator(to_decimal), Field(max_digits=16, decimal_places=2)]
#: A price or quantity with at most four decimals.
Quantity = Annotated[Decimal, BeforeValidator(to_decimal), Field(max_digits=16, decimal_places=4)]
