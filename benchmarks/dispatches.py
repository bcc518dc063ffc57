"""The ways in which visits find the runner that is measured; two of them are there to be measured only."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from engine.dispatch import Polling
from engine.environment import MINUTE, Environment
from service.dispatch import Chosen
from service.dispatch.fleet import Fleet, FleetSettings
from service.dispatch.jobs import QUEUE, TASK, Jobs
from storage import Wake
from storage.hot import Driver


class LockedJobs:
    """procrastinate as its manual has it: a job for each wake-up, with the visit as lock and as queueing lock."""

    def __init__(self, environment: Environment) -> None:
        """Jobs are for what is due at once: nothing waits in these measurements."""
        self._environment = environment

    def enqueue(self, driver: Driver, due: Sequence[Wake]) -> None:
        """Write one job a visit."""
        visits = [visit_id for visit_id, _ in due]
        driver.execute(
            "INSERT INTO procrastinate_jobs (queue_name, task_name, priority, lock, queueing_lock, args)"
            " SELECT %s, %s, 1, v, v, jsonb_build_object('visits', jsonb_build_array(v), 'at', %s::bigint)"
            " FROM unnest(%s::text[]) AS v ON CONFLICT (queueing_lock) WHERE status = 'todo' DO NOTHING",
            [QUEUE, TASK, self._environment.now(), visits],
        )


def _embedded(_url: str, _environment: Environment) -> Chosen:
    return Chosen(Polling())


def _procrastinate(url: str, environment: Environment) -> Chosen:
    return Chosen(Fleet(url, environment), Jobs(environment.now, horizon=MINUTE))


def _job_a_visit(url: str, environment: Environment) -> Chosen:
    fleet = Fleet(url, environment, FleetSettings(at_once=100, overdue=5 * MINUTE))
    return Chosen(fleet, Jobs(environment.now, horizon=MINUTE, together=1))


def _job_a_visit_locked(url: str, environment: Environment) -> Chosen:
    return Chosen(Fleet(url, environment, FleetSettings(at_once=100, overdue=5 * MINUTE)), LockedJobs(environment))


DISPATCHES: Mapping[str, Callable[[str, Environment], Chosen]] = {
    "embedded": _embedded,
    "procrastinate": _procrastinate,
    "a job a visit": _job_a_visit,
    "a job a visit, locked": _job_a_visit_locked,
}
