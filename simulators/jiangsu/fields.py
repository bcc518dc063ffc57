"""Reading parameters and cutting pages: what every transaction does alike."""

from __future__ import annotations

import datetime
from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from simulators.common.numbers import BadNumber, decimal_of
from simulators.jiangsu.refusals import Missing

PAGE = 100  #: rows a page (J13, J38)


def text(parameters: dict[str, Any], name: str) -> str:
    """Return a text that must be there."""
    value = parameters.get(name)
    if not isinstance(value, str) or not value or len(value) > 2000:
        raise Missing(name)
    return value


def demand(parameters: dict[str, Any], filled: Iterable[str], present: Iterable[str] = ()) -> None:
    """Check that texts are there; those of ``present`` may be empty."""
    for name in filled:
        text(parameters, name)
    for name in present:
        if not isinstance(parameters.get(name), str):
            raise Missing(name)


def moment(parameters: dict[str, Any], name: str) -> str:
    """Return a time yyyyMMddHHmmss."""
    return _dated(parameters, name, "%Y%m%d%H%M%S", 14)


def day(parameters: dict[str, Any], name: str) -> str:
    """Return a date yyyyMMdd."""
    return _dated(parameters, name, "%Y%m%d", 8)


def _dated(parameters: dict[str, Any], name: str, form: str, digits: int) -> str:
    value = text(parameters, name)
    try:
        datetime.datetime.strptime(value, form)
    except ValueError:
        raise Missing(name) from None
    if len(value) != digits or not value.isascii():
        raise Missing(name)
    return value


def money(parameters: dict[str, Any], name: str) -> Decimal:
    """Return an amount that must be there."""
    try:
        return decimal_of(parameters.get(name))
    except BadNumber as error:
        raise Missing(f"{name}: {error}") from None


def paged(name: str, rows: list[dict[str, Any]], parameters: dict[str, Any]) -> dict[str, Any]:
    """Return the page that was asked for, and how many there are."""
    page = parameters.get("pageNumber", 1)
    if not isinstance(page, int) or isinstance(page, bool) or page < 1:
        raise Missing("pageNumber")
    return {name: rows[(page - 1) * PAGE : page * PAGE], "pageCount": max(1, -(-len(rows) // PAGE))}
