"""Lists of visits: what a row of one holds, and the questions that find them, newest first, among a million others."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import literal_column, select, true

from engine.store import Projection, Status, VisitFilter
from storage.tables import VisitRow

_visits: Any = VisitRow.__table__  # type: ignore[attr-defined]

#: The columns of which :func:`projection_of` makes a projection.
PROJECTION = tuple(
    _visits.c[name]
    for name in (
        *("visit_id", "flow", "version", "key", "state", "status", "seq"),
        *("opened_at", "updated_at", "due_at", "waiting_for", "cause"),
    )
)
#: Statuses of visits that are not closed, as rows hold them.
OPEN = tuple(each.value for each in Status if each is not Status.CLOSED)
#: As the index over closed visits says it: of a value that is sent beside the question nobody knows which it is.
_CLOSED = _visits.c.status == literal_column(f"'{Status.CLOSED.value}'")


def projection_of(row: Sequence[Any]) -> Projection:
    """Return the projection that a row of PROJECTION holds."""
    visit_id, flow, version, key, state, status, *rest = row
    return Projection(visit_id, flow, version, key, state, Status(status), *rest)


def questions(which: VisitFilter) -> list[Any]:
    """Return what to ask for. Each answer is ordered; of several the newest of all are wanted."""
    c = _visits.c
    statement = select(*PROJECTION).order_by(c.visit_id.desc()).limit(which.limit)
    for column, wanted in ((c.flow, which.flow), (c.state, which.state), (c.cause, which.cause), (c.key, which.key)):
        if wanted is not None:
            statement = statement.where(column == str(wanted))
    for limit, holds in (
        (which.before, c.visit_id.__lt__),
        (which.changed_since, c.updated_at.__ge__),
        (which.changed_before, c.updated_at.__lt__),
        (which.opened_since, c.opened_at.__ge__),
        (which.opened_before, c.opened_at.__lt__),
        (which.among, c.visit_id.in_),
    ):
        if limit is not None:
            statement = statement.where(holds(limit))
    return [statement.where(status) for status in _statuses(which)]


def _statuses(which: VisitFilter) -> list[Any]:
    """Return the condition on the status for each question to ask.

    Of visits in one state few are open, in whichever way, and of the many that are closed an index knows the state. All
    together they would have to be gone through from the newest on, to the end where a state is rare.
    """
    status = _visits.c.status
    if which.status is Status.CLOSED and which.flow is not None and which.state is None:
        return [status.concat("") == Status.CLOSED.value]  # most are closed: the index over flows finds it, not this
    if which.status is not None:
        return [_CLOSED if which.status is Status.CLOSED else status == which.status.value]
    if which.cause is not None:  # nothing that is closed has one
        return [status.in_(OPEN)]
    if which.state is not None and which.key is None and which.among is None:
        return [*(status == each for each in OPEN), _CLOSED]
    return [true()]
