"""What a code of the gateway means: reads ``errors.yaml``."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from typing import Any

from engine.outcomes import Category
from engine.tables import table


class ErrorClass(StrEnum):
    """What a code says about whether the call took effect."""

    SESSION = "session"
    REFUSED = "refused"
    IN_DOUBT = "in_doubt"


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a code means."""

    kind: ErrorClass
    category: Category
    zh: str


UNKNOWN = Meaning(ErrorClass.IN_DOUBT, Category.BUSINESS, "未知错误码")


@dataclass(frozen=True, slots=True)
class ErrorTable:
    """All codes, ranges and business codes."""

    codes: dict[int, Meaning]
    ranges: tuple[tuple[int, int, Meaning], ...]
    business: dict[str, Category]

    def meaning(self, code: int | None, business: str = "") -> Meaning:
        """Return what ``code`` means; a code that is in no row is in doubt (G8)."""
        if code is None:
            return UNKNOWN
        found = self.codes.get(code)
        if found is None:
            found = next((meaning for low, high, meaning in self.ranges if low <= code <= high), UNKNOWN)
        if found.kind is ErrorClass.REFUSED and business in self.business:
            return Meaning(found.kind, self.business[business], found.zh)
        return found


@cache
def error_table() -> ErrorTable:
    """Return the table of ``errors.yaml``."""
    raw: dict[str, Any] = table(__file__, "errors.yaml")
    return ErrorTable(
        codes={int(row["code"]): _meaning(row) for row in raw["codes"]},
        ranges=tuple((int(row["from"]), int(row["to"]), _meaning(row)) for row in raw["ranges"]),
        business={str(row["code"]): Category(row["category"]) for row in raw["business"]},
    )


def _meaning(row: dict[str, Any]) -> Meaning:
    return Meaning(ErrorClass(row["class"]), Category(row.get("category", "business")), row["zh"])
