"""Reconciling a hospital day: our bills of the day out of the visits, a visit that compares them, and its report.

A bill belongs to the day on which the centre settled it (J31): its receipt says when; until there is one, the moment at
which the settlement was sent. That is kept with the visit's path, so that it is right also where the answer was lost.
"""

from __future__ import annotations

import datetime
from collections.abc import AsyncIterator
from typing import Any

from engine.commands import Report
from engine.environment import HOUR, SECOND, Micros
from engine.errors import ActionNotLegal, BadInput, DuplicateKey
from engine.events import Cause
from engine.store import Projection, Store, VisitFilter
from engine.visit import Visit, fold
from service.application import Application
from steps.jiangsu.bills import THEIR_NAMES, Difference
from steps.jiangsu.times import SHANGHAI, moment_of

FLOW = "jiangsu.reconcile"
#: Flows whose visits end in a settlement.
SETTLING_FLOWS = ("jiangsu.outpatient", "jiangsu.inpatient")
_SETTLE = "settle"  #: operation and trigger of the settlement in those flows
_PAGE = 500
#: Our clock and the centre's may differ so much.
_SKEW: Micros = HOUR


def parse_day(text: str) -> datetime.date:
    """Read ``20261120`` or ``2026-11-20``. Raises BadInput."""
    for form in ("%Y%m%d", "%Y-%m-%d"):
        try:
            return datetime.datetime.strptime(text, form).date()
        except ValueError:
            continue
    raise BadInput("expected a day such as 20261120 or 2026-11-20", field="day")


def today(now: Micros) -> datetime.date:
    """Return the hospital day of a moment."""
    return datetime.datetime.fromtimestamp(now / SECOND, SHANGHAI).date()


def period_of(day: datetime.date) -> tuple[str, str]:
    """Return the first and the last second of a day as the centre writes them."""
    return f"{day:%Y%m%d}000000", f"{day:%Y%m%d}235959"


# -- our side
async def bills_of(store: Store, day: datetime.date) -> list[dict[str, Any]]:
    """Return our settlements of ``day`` that stand, by bill number. One visit at a time is held in memory."""
    begin, end = period_of(day)
    found = []
    async for visit in _visits_of(store, day):
        data = visit.data
        if data.get("settle_id") and data.get("invoice_no") and begin <= settled_moment(visit) <= end:
            found.append(
                {
                    "bill_no": data["invoice_no"],
                    "ipt_otp_no": data.get("ipt_otp_no") or visit.key,
                    **{name: data[name] for name in THEIR_NAMES},
                }
            )
    return sorted(found, key=lambda bill: (bill["bill_no"], bill["ipt_otp_no"]))


async def _visits_of(store: Store, day: datetime.date) -> AsyncIterator[Visit]:
    """Return the visits that may have been settled on ``day``: opened before its end, and something came since."""
    midnight = int(datetime.datetime.combine(day, datetime.time(), SHANGHAI).timestamp()) * SECOND
    earliest, latest = midnight - _SKEW, midnight + 24 * HOUR + _SKEW
    for flow in SETTLING_FLOWS:
        before: str | None = None
        while page := await store.visits(VisitFilter(flow=flow, limit=_PAGE, before=before, changed_since=earliest)):
            for projection in page:
                if projection.opened_at <= latest:
                    yield fold(projection.visit_id, await store.history(projection.visit_id))
            before = page[-1].visit_id


def settled_moment(visit: Visit) -> str:
    """Return when the centre settled, as far as we know; empty when the visit was not settled."""
    receipt = str(visit.data.get("receipt_time") or "")
    if len(receipt) == 14 and receipt.isdigit():
        return receipt
    for leg in reversed(visit.trail):
        if leg.call is not None and leg.call.operation == _SETTLE:
            return moment_of(leg.call.at)
        if leg.trigger == _SETTLE:  # settled by hand after a refusal
            return moment_of(leg.at)
    return ""


# -- the visit of a day
async def open_reconciliation(
    application: Application, day: datetime.date, *, opter: str = "", by: str = "scheduler"
) -> Projection:
    """Open the reconciliation of ``day`` with our bills as they are now; the runner does the rest.

    Where there is one that was not cancelled, return that: asking twice does nothing twice.

    Raises:
        BadInput: the day has not begun.
        UnknownFlow: the flow is not on at this site.
    """
    cancelled = application.registry.current(FLOW).definition.cancelled
    if day > today(application.environment.now()):
        raise BadInput(f"{day} has not begun", field="day")
    runs = await runs_of(application.store, day)
    if runs and runs[-1].state != cancelled:
        return runs[-1]
    begin, end = period_of(day)
    data = {"begin": begin, "end": end, "opter": opter, "bills": await bills_of(application.store, day)}
    key = _key(day, len(runs) + 1)
    try:
        projection, _created = await application.commands.open(FLOW, key, data, by)
    except DuplicateKey:  # somebody else opened it meanwhile, with other bills
        return (await runs_of(application.store, day))[-1]
    return projection


async def runs_of(store: Store, day: datetime.date) -> list[Projection]:
    """Return the reconciliations of ``day``, oldest first: all but the last were cancelled."""
    found: list[Projection] = []
    while (projection := await store.find(FLOW, _key(day, len(found) + 1))) is not None:
        found.append(projection)
    return found


def _key(day: datetime.date, number: int) -> str:
    return f"{day:%Y%m%d}" + ("" if number == 1 else f"-{number}")


async def compare_again(application: Application, day: datetime.date, by: str, reason: str) -> Projection:
    """Compare a day anew, with our bills as they are now. Raises NotLegal where the visit does not wait for that."""
    visit = await _accepted(application, day, by, reason)
    bills = await bills_of(application.store, day)
    return await application.commands.trigger(visit, "compare_again", {"bills": bills}, by)


async def confirm(application: Application, day: datetime.date, by: str, reason: str) -> Projection:
    """Confirm the centre's totals of a day that differs. Raises NotLegal where the visit does not wait for that."""
    return await application.commands.trigger(await _accepted(application, day, by, reason), "confirm", {}, by)


async def _accepted(application: Application, day: datetime.date, by: str, reason: str) -> str:
    """Return the day's visit, no longer stopped by the differences that ``by`` has looked at."""
    if not by.strip() or not reason.strip():
        raise BadInput("say who and why", field="reason" if by.strip() else "by")
    runs = await runs_of(application.store, day)
    if not runs:
        raise ActionNotLegal(f"{day} was not reconciled yet", field="day")
    last = runs[-1]
    if last.cause == Cause.DISAGREEMENT:
        await application.commands.resume(last.visit_id, by, reason)
    return last.visit_id


# -- the report
def day_report(report: Report) -> dict[str, Any]:
    """Return what a person or a program wants to know of a day: both sides, and each difference by bill and field."""
    projection, data = report.projection, report.visit.data
    trouble = report.visit.trouble
    differences = [row for each in (data.get("differences") or {}).values() for row in _rows(each)]
    confirmed = bool(data.get("confirmed_at"))
    return {
        "visit": projection.visit_id,
        "key": projection.key,
        "state": projection.state,
        "status": projection.status.value,
        "cause": projection.cause,
        "message": None if trouble is None else trouble.message,
        "begin": data["begin"],
        "end": data["end"],
        "bills": len(data.get("bills", ())),
        "bills_compared": data.get("bills_compared", 0),
        "ours": data.get("ours"),
        "centre": data.get("centre"),
        "differences": differences,
        "confirmed_at": data.get("confirmed_at"),
        "needs_a_person": not confirmed and (bool(differences) or trouble is not None),
    }


def _rows(stored: dict[str, Any]) -> list[dict[str, Any]]:
    """Return one row for each amount that differs; one for a bill that a side does not know."""
    each = Difference.model_validate(stored)
    base = {"kind": each.kind, "bill_no": each.bill_no, "ipt_otp_no": each.ipt_otp_no}
    known = each.ours or each.theirs
    assert known is not None
    both = each.ours is not None and each.theirs is not None
    return [
        base
        | {
            "field": name,
            "ours": None if each.ours is None else str(getattr(each.ours, name)),
            "theirs": None if each.theirs is None else str(getattr(each.theirs, name)),
        }
        for name in (THEIR_NAMES if both else ("total_amt",))
        if not both or getattr(each.ours, name) != getattr(each.theirs, name)
    ]
