"""The questions to the facts, as statements that mean the same on SQLite and PostgreSQL.

Percentiles are by nearest rank: the smallest value that so many per cent of all do not exceed. Equal values are counted
before they are ranked, so that what is sorted is small. Sums of money are whole cents, hence exact on both.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Select, and_, case, cast, func, select

from storage.history.facts import TABLES

#: Outcomes of a call that did not bring the visit on.
FAILED = ("refused", "not_sent", "in_doubt", "busy")
_ANSWERED = ("done", "refused", "busy")
PERCENTILES = (50, 90, 99)


@dataclass(frozen=True, slots=True)
class Period:
    """Days of the site from ``first`` to ``last``, both included, as ``yyyy-mm-dd``; perhaps of one flow only."""

    first: str
    last: str
    flow: str | None = None

    def of(self, core: Any) -> ColumnElement[bool]:
        """Return the condition for rows of a table."""
        within = and_(core.c.day >= self.first, core.c.day <= self.last)
        return within if self.flow is None else and_(within, core.c.flow == self.flow)


def _core(name: str) -> Any:
    return TABLES[name].core


def _sum(value: Any) -> ColumnElement[int]:
    return cast(func.coalesce(func.sum(value), 0), BigInteger)


def visits(period: Period) -> Select[Any]:
    """Ask for: flow, ending, visits, steps, failures, doubts, stops."""
    core = _core("visits")
    by = (core.c.flow, core.c.ending)
    counted = (func.count(), *(_sum(core.c[name]) for name in ("steps", "failures", "doubts", "stops")))
    return select(*by, *counted).where(period.of(core)).group_by(*by).order_by(*by)


def days(period: Period) -> Select[Any]:
    """Ask for: day, flow, visits opened, of these stuck at some time, cancelled."""
    core = _core("visits")
    by = (core.c.day, core.c.flow)
    stuck, cancelled = (
        _sum(case((core.c.stops > 0, 1), else_=0)),
        _sum(case((core.c.ending == "cancelled", 1), else_=0)),
    )
    return select(*by, func.count(), stuck, cancelled).where(period.of(core)).group_by(*by).order_by(*by)


def whole(period: Period) -> Select[Any]:
    """Ask for: flow, closed visits, percentiles, longest: how long visits took from opening to closing."""
    core = _core("visits")
    took = (core.c.closed_at - core.c.opened_at) // 1000
    return _spread(core, (core.c.flow,), took, None, and_(period.of(core), core.c.closed_at.is_not(None)))


def durations(period: Period) -> Select[Any]:
    """Ask for: flow, trigger, operation, adapter, answered calls, percentiles, longest."""
    core = _core("steps")
    by = (core.c.flow, core.c.trigger, core.c.operation, core.c.adapter)
    answered = and_(period.of(core), core.c.operation != "", core.c.outcome.in_(_ANSWERED))
    return _spread(core, by, core.c.ms, None, answered)


def failures(period: Period) -> Select[Any]:
    """Ask for: flow, adapter, operation, outcome, code, category, times, visits; the commonest first."""
    core = _core("steps")
    by = [core.c[name] for name in ("flow", "adapter", "operation", "outcome", "code", "category")]
    times = func.count()
    counted = select(*by, times, func.count(core.c.visit_id.distinct()))
    return counted.where(period.of(core), core.c.outcome.in_(FAILED)).group_by(*by).order_by(times.desc(), *by)


def paths(period: Period, limit: int) -> Select[Any]:
    """Ask for: flow, variant, ending, visits; the commonest first."""
    core = _core("visits")
    by, count = (core.c.flow, core.c.variant, core.c.ending), func.count()
    counted = select(*by, count).where(period.of(core)).group_by(*by)
    return counted.order_by(count.desc(), *by).limit(limit)


def doubts(period: Period) -> Select[Any]:
    """Ask for: flow, adapter, operation, how, verdict, doubts, percentiles (of the settled), longest, asked, looks."""
    core = _core("doubts")
    by = [core.c[name] for name in ("flow", "adapter", "operation", "how", "verdict")]
    spread = _spread(core, by, core.c.ms, None, period.of(core)).subquery()
    more = select(*by, _sum(core.c.asked).label("asked"), _sum(core.c.looks).label("looks"))
    more_ = more.where(period.of(core)).group_by(*by).subquery()
    same = and_(*(spread.c[column.name] == more_.c[column.name] for column in by))
    columns = [*spread.c, more_.c.asked, more_.c.looks]
    return select(*columns).join(more_, same).order_by(spread.c.n.desc(), *(spread.c[column.name] for column in by))


def stops(period: Period) -> Select[Any]:
    """Ask for: flow, cause, stops, percentiles (of the ended), longest, still stuck."""
    core = _core("stops")
    by = (core.c.flow, core.c.cause)
    spread = _spread(core, by, core.c.ms, None, period.of(core)).subquery()
    more = select(*by, _sum(case((core.c.ended_at.is_(None), 1), else_=0)).label("lasting"))
    more_ = more.where(period.of(core)).group_by(*by).subquery()
    same = and_(spread.c.flow == more_.c.flow, spread.c.cause == more_.c.cause)
    chosen = select(*spread.c, more_.c.lasting).join(more_, same)
    return chosen.order_by(spread.c.n.desc(), spread.c.flow, spread.c.cause)


def money(period: Period) -> Select[Any]:
    """Ask for: day, flow, kind, changes, cents that came to stand, cents that were taken back, cents in all."""
    core = _core("money")
    by = (core.c.day, core.c.flow, core.c.kind)
    up, down = (_sum(case((sign, core.c.cents), else_=0)) for sign in (core.c.cents > 0, core.c.cents < 0))
    counted = select(*by, func.count(), up, down, _sum(core.c.cents))
    return counted.where(period.of(core)).group_by(*by).order_by(*by)


def uploads(period: Period) -> Select[Any]:
    """Ask for: flow, lines, percentiles (of those that are uploaded), longest, lines that still wait."""
    core = _core("uploads")
    by = (core.c.flow,)
    spread = _spread(core, by, core.c.ms, core.c.lines, period.of(core)).subquery()
    more = select(*by, _sum(case((core.c.uploaded_at.is_(None), core.c.lines), else_=0)).label("waiting"))
    more_ = more.where(period.of(core)).group_by(*by).subquery()
    chosen = select(*spread.c, more_.c.waiting).join(more_, spread.c.flow == more_.c.flow)
    return chosen.order_by(spread.c.flow)


def _spread(core: Any, by: Sequence[Any], value: Any, weight: Any, where: Any) -> Select[Any]:
    """Count rows (or sum ``weight``) by group, and rank ``value``: group, n, p50, p90, p99, longest.

    ``n`` counts all rows, percentiles those that have a value.
    """
    each = func.count() if weight is None else func.sum(weight)
    names = [column.name for column in by]
    counted = select(*by, value.label("value"), cast(each, BigInteger).label("w")).select_from(core).where(where)
    alike = counted.group_by(*by, value).subquery()
    group = [alike.c[name] for name in names]
    known = case((alike.c.value.is_not(None), alike.c.w), else_=0)
    upto = func.sum(known).over(partition_by=group, order_by=(alike.c.value.is_(None), alike.c.value))
    ranked = select(
        *group, alike.c.value, alike.c.w, upto.label("upto"), func.sum(known).over(partition_by=group).label("known")
    ).subquery()
    ranks = [
        func.min(case((ranked.c.upto * 100 >= ranked.c.known * percent, ranked.c.value))).label(f"p{percent}")
        for percent in PERCENTILES
    ]
    by_group = [ranked.c[name] for name in names]
    chosen = select(*by_group, _sum(ranked.c.w).label("n"), *ranks, func.max(ranked.c.value).label("longest"))
    return chosen.group_by(*by_group).order_by(*by_group)
