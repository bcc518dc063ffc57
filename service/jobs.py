"""What schedules can do beside opening a visit: named jobs, each given the application and the day before the run.

A job must be harmless when it is run again for the same day: runs are on record and never two at once, but a process
may die, or be frozen, between a deed and its record. The way to that is to open a visit whose key holds the day.
"""

from __future__ import annotations

import datetime
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from service.application import Application
from service.keeping.retention import sweep
from service.reconciliation import FLOW as RECONCILE
from service.reconciliation import open_reconciliation


@dataclass(frozen=True, slots=True)
class Job:
    """``run`` returns words for the log; ``visit`` names the flow and key of the visit of a day, if there is one."""

    run: Callable[[Application, datetime.date], Awaitable[object]]
    visit: Callable[[datetime.date], tuple[str, str]] | None = None


#: The jobs that flows.yaml may name. For a new one, add a line.
JOBS: Mapping[str, Job] = {
    "reconcile": Job(open_reconciliation, lambda day: (RECONCILE, f"{day:%Y%m%d}")),
    "retention": Job(lambda application, _day: sweep(application, "schedule:retention", "the site's periods")),
}
