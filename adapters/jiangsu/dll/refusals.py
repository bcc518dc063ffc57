"""What the text of a refusal means (J47): a site's list first, then ``refusals.yaml``."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache

from adapters.jiangsu.dll.settings import Refusal
from engine.outcomes import Category
from engine.tables import table


@cache
def known_refusals() -> tuple[Refusal, ...]:
    """Return the rows of ``refusals.yaml``."""
    return tuple(Refusal.model_validate(row) for row in table(__file__, "refusals.yaml")["refusals"])


def category_of(text: str, transaction: str, site: Iterable[Refusal]) -> Category | None:
    """Return what ``text`` means as the answer to ``transaction``; None when nobody knows."""
    rows = (*site, *known_refusals())
    return next((row.category for row in rows if row.fits(transaction, text)), None)
