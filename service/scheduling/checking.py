"""What only the service can tell of schedules before they run: the jobs there are, and what flows are opened with."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from zoneinfo import ZoneInfo

from engine.catalogue import Catalogue
from engine.commands import MAX_KEY, validated
from engine.errors import InvalidData
from flows import Site
from flows.schedules import Schedule
from flows.source import Path_, Problem, invalid, path_text
from service.jobs import JOBS, Job


def check_schedules(site: Site, catalogue: Catalogue, jobs: Mapping[str, Job] = JOBS) -> None:
    """Hold schedules to the jobs that there are and to what their flows are opened with. Raises InvalidFlow."""
    problems: list[Problem] = []
    noon = datetime.datetime(2000, 1, 1, 12, tzinfo=ZoneInfo(site.timezone))

    def refuse(path: Path_, message: str) -> None:
        problems.append(Problem(site.source.mark(path), path_text(path), message))

    for index, schedule in enumerate(site.schedules):
        here: Path_ = ("schedules", index)
        if schedule.job is not None and schedule.job not in jobs:
            refuse((*here, "job"), f"no job is called {schedule.job!r}; known: {', '.join(jobs) or 'none'}")
        if schedule.open is None:
            continue
        key, data = schedule.open.at(noon)
        if len(key) > MAX_KEY or not key.isprintable():
            refuse((*here, "open", "key"), f"expected 1 to {MAX_KEY} printable characters")
        definition = next(each for each in site.definitions if each.flow == schedule.open.flow)
        try:
            validated(catalogue.model(definition.opening), data, definition.flow)
        except InvalidData as error:
            field = tuple((error.field or "").split("."))
            refuse((*here, "open", "data", *field), error.message)
        for adapter in definition.adapters.values():
            signs_in = site.adapters.get(adapter, {}).get("operator_id")
            if None not in (signs_in, data.get("operator")) and signs_in != data["operator"]:
                refuse((*here, "open", "data", "operator"), f"{adapter} signs in as operator {signs_in!r}")
    if problems:
        raise invalid(problems)


def visit_of(schedule: Schedule, moment: datetime.datetime, jobs: Mapping[str, Job] = JOBS) -> tuple[str, str] | None:
    """Return flow and key of the visit that the run of ``moment`` opens, as far as that is known."""
    if schedule.open is not None:
        return schedule.open.flow, schedule.open.at(moment)[0]
    job = jobs.get(schedule.job or "")
    return None if job is None or job.visit is None else job.visit(day_before(moment))


def day_before(moment: datetime.datetime) -> datetime.date:
    """Return the day that a job of ``moment`` is about."""
    return moment.date() - datetime.timedelta(days=1)
