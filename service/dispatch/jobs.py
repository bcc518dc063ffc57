"""What the store writes into procrastinate's table when a transaction makes visits due.

One job tells of several visits: a job for each would cost more than moving the visit does (docs/decisions/0033). A job
is a message, not a right: a visit is moved under its lease (G5), and a job that tells of one that is not due any more
does nothing. So jobs need no lock, and a timer that was overtaken need not be taken back.

Timers that end beyond the horizon have no job: procrastinate looks at all waiting jobs whenever it looks for one, and
a hospital has thousands of stays that wait for days. They are rows of ours, which an index finds (``Fleet.sweep``).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence

from engine.environment import SECOND, Micros
from storage import Wake
from storage.hot import Driver

QUEUE, TASK = "visitflow", "visitflow.take"

#: So many visits one job tells of: few enough that the work spreads over the workers, many enough to be cheap.
TOGETHER = 16
#: Timers that end within so long of each other share a job, which fires when the last has ended.
STEP: Micros = SECOND // 10
#: procrastinate takes higher priorities first: what is due at once is not kept waiting by timers.
NOW, TIMER = 1, 0

#: procrastinate's own function: one INSERT, whatever the number of jobs.
_DEFER = """
SELECT procrastinate_defer_jobs_v1(array_agg(
    (%s, %s, v.priority, NULL, NULL, v.args::jsonb, to_timestamp(v.at))::procrastinate_job_to_defer_v1))
FROM unnest(%s::int[], %s::text[], %s::float8[]) AS v(priority, args, at)
"""

#: Priority, arguments, and when (seconds since 1970; None: at once).
Job = tuple[int, str, float | None]


class Jobs:
    """Turns due visits into jobs, inside the transaction that makes them due."""

    def __init__(self, now: Callable[[], Micros], *, horizon: Micros, together: int = TOGETHER) -> None:
        """``horizon``: how far ahead a timer may end and still have a job."""
        self._now = now
        self._horizon = horizon
        self._together = together

    def enqueue(self, driver: Driver, due: Sequence[Wake]) -> None:
        """Write the jobs, one statement for all."""
        if jobs := list(self.jobs(due)):
            priorities, arguments, times = zip(*jobs, strict=True)
            driver.execute(_DEFER, [QUEUE, TASK, list(priorities), list(arguments), list(times)])

    def jobs(self, due: Sequence[Wake]) -> Iterator[Job]:
        """Yield the jobs that tell of ``due``."""
        now = self._now()
        at_once: list[str] = []
        timers: dict[Micros, list[str]] = {}
        for visit_id, at in due:
            if at <= now:
                at_once.append(visit_id)
            elif at <= now + self._horizon:
                timers.setdefault(-(-at // STEP) * STEP, []).append(visit_id)
        for chunk in self._chunks(at_once):
            yield NOW, _arguments(chunk, now), None
        for at, visits in timers.items():
            for chunk in self._chunks(visits):
                yield TIMER, _arguments(chunk, at), at / SECOND

    def _chunks(self, visits: Sequence[str]) -> Iterator[Sequence[str]]:
        for start in range(0, len(visits), self._together):
            yield visits[start : start + self._together]


def _arguments(visits: Sequence[str], at: Micros) -> str:
    return json.dumps({"visits": list(visits), "at": at})
