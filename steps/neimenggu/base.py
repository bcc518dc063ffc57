"""What all models and steps of the Inner Mongolia flows share: types with the document's limits, roles, amounts.

Visits keep data under plain names (``admitted_on``, ``certificate``), because the document uses the same member names
for other data locally and offsite: akc192 is the day of admission in 4.8 and the admission diagnosis in 4.22.
:mod:`steps.neimenggu.shapes` says which member each becomes.
"""

from __future__ import annotations

import datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from adapters.money import to_decimal
from engine.environment import SECOND, Micros
from engine.steps import View

CENTRE = "centre"
CATALOGUE = "catalogue"
ZONE = ZoneInfo("Asia/Shanghai")
CENT = Decimal("0.01")
NOTHING = Decimal("0.00")


class Model(BaseModel):
    """Base: unknown fields are refused."""

    model_config = ConfigDict(extra="forbid")


def _day(value: str) -> str:
    try:
        day = datetime.date.fromisoformat(value)
    except ValueError:
        day = None
    if day is None or day.isoformat() != value:  # "20260305" and "2026-W10-4" are days as well, but not to the centre
        raise ValueError("expected yyyy-mm-dd, for example 2026-03-05")
    return value


Day = Annotated[str, AfterValidator(_day), Field(min_length=10, max_length=10, description="yyyy-mm-dd 日期")]
Code = Annotated[str, Field(min_length=1, max_length=64)]
LineId = Annotated[str, Field(min_length=1, max_length=64, description="医院明细ID the HIS's own id of the line")]
Region = Annotated[str, Field(pattern=r"^\d{6}$", description="行政区划 region (5.3)")]
FileId = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$", description="文件编号（SHA-256）file id, from POST /files")]
#: Price and quantity with the document's digits (4.10); offsite prices may have six decimals (4.24).
Price = Annotated[Decimal, BeforeValidator(to_decimal), Field(max_digits=16, decimal_places=6)]
Quantity = Annotated[Decimal, BeforeValidator(to_decimal), Field(max_digits=16, decimal_places=4)]
#: An amount of a line (30,4).
LineAmount = Annotated[Decimal, BeforeValidator(to_decimal), Field(max_digits=16, decimal_places=4)]
#: An amount in yuan with at most two decimals: invoices, what a patient paid.
Amount = Annotated[Decimal, BeforeValidator(to_decimal), Field(max_digits=16, decimal_places=2)]


def text(most: int, zh_en: str, least: int = 1) -> Any:
    """Return a required text field of at most ``most`` characters; ``zh_en`` is shown to people."""
    return Field(min_length=least, max_length=most, description=zh_en)


def optional(most: int, zh_en: str) -> Any:
    """Return a text field that may stay empty."""
    return Field(default="", max_length=most, description=zh_en)


def money(value: Any) -> Decimal:
    """Return an amount that a peer wrote, exactly. Raises ValueError where it is none."""
    found = to_decimal(value)
    if isinstance(found, int) and not isinstance(found, bool):
        found = Decimal(found)
    if not isinstance(found, Decimal) or not found.is_finite():
        raise ValueError("expected an amount")
    return found


def cents(value: Decimal) -> Decimal:
    """Round half up to two decimals."""
    return value.quantize(CENT, ROUND_HALF_UP)


def same(ours: Decimal, theirs: Decimal) -> bool:
    """Tell whether two amounts agree: exactly, or to the cent, because 4.12 answers with two decimals (N65)."""
    return ours == theirs or cents(ours) == cents(theirs)


def today(now: Micros) -> datetime.date:
    """Return the day at the centre."""
    return datetime.datetime.fromtimestamp(now / SECOND, ZONE).date()


def setting(view: View, name: str, default: str = "") -> str:
    """Return a text setting of the flow."""
    return str(view.settings.get(name, default))


def by_agency(view: View, name: str, region: str) -> str:
    """Return a setting that agencies of single regions decide otherwise.

    ``<name>_by_agency`` holds exceptions such as ``"150500=no 150600=when_asked"``; a region of a county also follows
    the exception of its prefecture (first four digits).
    """
    exceptions = dict(
        each.split("=", 1) for each in setting(view, f"{name}_by_agency").replace(",", " ").split() if "=" in each
    )
    for code in (region, f"{region[:4]}00"):
        if region and code in exceptions:
            return exceptions[code]
    return setting(view, name)
