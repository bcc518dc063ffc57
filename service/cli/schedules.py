"""``visitflow schedules``: what is scheduled, when it runs next, what the last run came to."""

from __future__ import annotations

import datetime
from typing import Any
from zoneinfo import ZoneInfo

from rich.text import Text

from engine.definitions import format_duration
from engine.environment import SECOND
from engine.store import Projection
from flows.schedules import Schedule, latest
from service.application import Application, application
from service.cli.console import Json, language, print_json, run, say, settings, status_text, table
from service.schedules import check_schedules, next_run, visit_of
from service.views import projection_view
from service.words import Topic


def schedules(json: Json = False) -> None:
    """List the schedules of flows.yaml: next run, and the visit of the last one. 定时任务一览。

    Nothing records runs: the last result is the visit that the last run should have opened, found by its key.

    Example: `visitflow schedules`
    """
    found = run(_look())
    if json:
        print_json([_view(*each) for each in found])
        return
    rows = [
        (
            _title(schedule),
            f"{schedule.at:%H:%M}" if schedule.at is not None else format_duration(schedule.every or 0),
            _does(schedule),
            _shown(due) if due is not None else say("off", Topic.SCHEDULE),
            _shown(last),
            _result(schedule, visit),
        )
        for schedule, due, last, visit in found
    ]
    table(("schedule", "when", "what", "next_run", "last_run", "result"), rows)


Found = tuple[Schedule, datetime.datetime | None, datetime.datetime, Projection | None]


async def _look() -> list[Found]:
    async with application(settings()) as wired:
        check_schedules(wired.site, wired.catalogue)
        zone = ZoneInfo(wired.site.timezone)
        now = datetime.datetime.fromtimestamp(wired.environment.now() / SECOND, zone)
        return [await _one(wired, schedule, zone, now) for schedule in wired.site.schedules]


async def _one(wired: Application, schedule: Schedule, zone: ZoneInfo, now: datetime.datetime) -> Found:
    last = latest(schedule, zone, now)
    key = visit_of(schedule, last)
    visit = None if key is None else await wired.store.find(*key)
    return schedule, next_run(schedule, zone, now), last, visit


def _view(
    schedule: Schedule, due: datetime.datetime | None, last: datetime.datetime, visit: Projection | None
) -> dict[str, Any]:
    return {
        **schedule.model_dump(mode="json", exclude_none=True),
        "next_run": None if due is None else due.isoformat(),
        "last_due": last.isoformat(),
        "last_key": None if (key := visit_of(schedule, last)) is None else "/".join(key),
        "last_visit": None if visit is None else projection_view(visit),
    }


def _title(schedule: Schedule) -> str:
    words = schedule.title.en if language() == "en" else schedule.title.zh
    return f"{schedule.name} {words}".strip()


def _does(schedule: Schedule) -> str:
    if schedule.open is not None:
        return f"{say('open', Topic.SCHEDULE)} {schedule.open.flow}"
    return f"{say('job', Topic.SCHEDULE)} {schedule.job}"


def _result(schedule: Schedule, visit: Projection | None) -> Text:
    if visit is not None:
        return Text.assemble(f"{visit.key} {visit.state} ", status_text(visit.status.value))
    return Text(say("not_opened" if schedule.open is not None else "unknown", Topic.SCHEDULE))


def _shown(moment: datetime.datetime) -> str:
    return f"{moment:%m-%d %H:%M}"
