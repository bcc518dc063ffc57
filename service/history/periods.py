"""Which days: as people say them."""

from __future__ import annotations

import datetime
from zoneinfo import ZoneInfo

from engine.environment import SECOND, Micros
from engine.errors import BadInput
from flows import Site
from service.reconciliation import parse_day
from storage.history.questions import Period

#: Days that are looked at when nobody says which.
DAYS = 30


def period_of(site: Site, now: Micros, first: str = "", last: str = "", flow: str | None = None) -> Period:
    """Return the days from ``first`` to ``last``, both included; default: the last 30 days, today included.

    Raises:
        BadInput: a day that is none, or an end before the beginning.
    """
    end = _day(last, "to") if last else _today(site, now)
    begin = _day(first, "from") if first else end - datetime.timedelta(days=DAYS - 1)
    if begin > end:
        raise BadInput(f"the period ends on {end} before it begins on {begin}", field="from")
    return Period(begin.isoformat(), end.isoformat(), flow or None)


def _today(site: Site, now: Micros) -> datetime.date:
    return datetime.datetime.fromtimestamp(now / SECOND, ZoneInfo(site.timezone)).date()


def _day(text: str, field: str) -> datetime.date:
    try:
        return parse_day(text)
    except BadInput as error:
        raise BadInput(error.message, field=field) from None
