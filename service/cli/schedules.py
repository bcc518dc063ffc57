"""``visitflow schedules``: what is scheduled, when it runs next, what the last run came to; pause, resume, run."""

from __future__ import annotations

import datetime
from collections.abc import Awaitable, Callable
from typing import Annotated, TypeVar

import typer
from rich.text import Text

from engine.definitions import format_duration
from engine.environment import SECOND
from service.application import Application
from service.audit import Audit
from service.cli.console import By, Json, Reason, language, out, print_json, say, status_text, table
from service.cli.users import with_application
from service.scheduling import (
    ScheduleStanding,
    check_schedules,
    pause,
    resume,
    run_now,
    schedule_named,
    standings,
)
from service.scheduling.judging import TOO_LATE
from service.scheduling.standing import ending_calendars, run_view, standing_view
from service.words import Topic
from storage.registers import ScheduleRun

app = typer.Typer(
    invoke_without_command=True, help="What runs by the clock: list, runs, pause, resume, run. 定时任务。"
)

Name = Annotated[str, typer.Argument(help="A schedule's name in flows.yaml.")]
T = TypeVar("T")
#: A calendar that ends within so many days is told of below the table.
_ENDS_SOON = 30
_TONES = {"failed": "bold red", "refused": "bold red", "broken": "bold red", "running": "cyan"}


@app.callback()
def schedules(context: typer.Context, json: Json = False) -> None:
    """List the schedules of flows.yaml: next run, why it was moved, the last run, the day's visit. 定时任务一览。

    Examples: `visitflow schedules`, `visitflow schedules runs sign_in`, `visitflow schedules pause sign_in --by wang
    --reason "centre is down until noon"`
    """
    if context.invoked_subcommand is not None:
        return
    found, ending = with_application(_look)
    if json:
        print_json([standing_view(each) for each in found])
        return
    rows = [
        (
            _title(each),
            f"{each.schedule.at:%H:%M}" if each.schedule.at else format_duration(each.schedule.every or 0),
            _does(each),
            _next(each),
            _shown(each.last_due),
            _result(each),
        )
        for each in found
    ]
    table(("schedule", "when", "what", "next_run", "last_run", "result"), rows)
    for name, days in ending.items():
        if days < _ENDS_SOON:
            out.print(f"{name}: {say('calendar_ends', Topic.SCHEDULE).format(days=days)}", style="yellow")


@app.command("runs")
def list_runs(
    name: Annotated[str | None, typer.Argument(help="Only of this schedule.")] = None,
    limit: Annotated[int, typer.Option(min=1)] = 30,
    json: Json = False,
) -> None:
    """List runs, newest first: of which moment, by whom, what they came to. Example: `visitflow schedules runs`"""

    async def work(wired: Application) -> list[ScheduleRun]:
        if name is not None:
            schedule_named(wired, name)
        return await wired.registers.schedules.runs(name, None, limit)

    found = with_application(work)
    if json:
        print_json([run_view(each) for each in found])
        return
    rows = [
        (
            each.schedule,
            _shown(_local(each.due_at)),
            each.made_by,
            _shown(_local(each.began_at)),
            str(each.attempts),
            _outcome(each),
            told(each),
        )
        for each in found
    ]
    table(("schedule", "run_of", "by", "began", "tries", "result", "message"), rows)


@app.command("pause")
def pause_schedule(name: Name, reason: Reason, by: By) -> None:
    """Run it no more, in any process, until it is resumed; a run that is under way goes on.

    Example: `visitflow schedules pause sign_in --by wang --reason "the centre is down until noon"`
    """
    _by_hand("pause_schedule", name, by, reason, pause)


@app.command("resume")
def resume_schedule(name: Name, reason: Reason, by: By) -> None:
    """Let it go on with its next moment; what fell into the pause is left out: `run` makes it up.

    Example: `visitflow schedules resume sign_in --by wang --reason "the centre is back"`
    """
    _by_hand("resume_schedule", name, by, reason, resume)


@app.command("run")
def run_schedule(name: Name, reason: Reason, by: By, json: Json = False) -> None:
    """Run it now, once, also while it is paused; 3 when it is running already.

    Example: `visitflow schedules run reconcile --by wang --reason "the centre was down tonight"`
    """
    ran = _by_hand("run_schedule", name, by, reason, run_now)
    if json:
        print_json({"result": ran.result, "told": ran.told})
    else:
        out.print(f"{name} {say(ran.result, Topic.SCHEDULE)} {ran.told}".rstrip(), markup=False)


def _by_hand(
    action: str, name: str, by: str, reason: str, deed: Callable[[Application, str, str, str], Awaitable[T]]
) -> T:
    async def work(wired: Application) -> T:
        check_schedules(wired.site, wired.catalogue)
        done = await deed(wired, name, by, reason)
        audit = Audit(wired.registers.audit, wired.environment)
        await audit.note(action, name, actor=by, reason=reason, origin="cli")
        return done

    return with_application(work)


async def _look(wired: Application) -> tuple[list[ScheduleStanding], dict[str, int]]:
    check_schedules(wired.site, wired.catalogue)
    return await standings(wired), dict(ending_calendars(wired))


def told(run: ScheduleRun) -> str:
    """Return what a run has to tell, as a person reads it."""
    if run.result != "skipped":
        return f"{run.told} {run.reason}".strip()
    why, _, rest = run.told.partition(" ") if not run.told.startswith(TOO_LATE) else (TOO_LATE, "", run.told[8:])
    return f"{say(why, Topic.SCHEDULE)} {rest.strip(', ')}".strip()


def _title(standing: ScheduleStanding) -> str:
    title = standing.schedule.title
    return f"{standing.schedule.name} {title.en if language() == 'en' else title.zh}".strip()


def _does(standing: ScheduleStanding) -> str:
    if standing.schedule.open is not None:
        return f"{say('open', Topic.SCHEDULE)} {standing.schedule.open.flow}"
    return f"{say('job', Topic.SCHEDULE)} {standing.schedule.job}"


def _next(standing: ScheduleStanding) -> Text:
    if standing.paused and standing.state is not None:
        who = f"{standing.state.paused_by}: {standing.state.paused_why}"
        return Text.assemble((say("paused", Topic.SCHEDULE), "yellow"), f" {who}")
    if standing.next is None or standing.next.at is None:
        return Text(say("off", Topic.SCHEDULE))
    shown = _shown(standing.next.at)
    if (why := standing.next.why) is not None:
        moved = say("moved_from", Topic.SCHEDULE).format(moment=_shown(standing.next.moment))
        shown += f" ({moved}: {say(why.kind, Topic.SCHEDULE)} {why.name}".rstrip() + ")"
    return Text(shown)


def _result(standing: ScheduleStanding) -> Text:
    visit, run = standing.last_visit, standing.last_run
    if visit is not None:
        return Text.assemble(f"{visit.key} {visit.state} ", status_text(visit.status.value))
    if run is not None:
        return Text.assemble(_outcome(run), f" {_shown(_local(run.due_at))}")
    return Text(say("not_opened" if standing.schedule.open is not None else "unknown", Topic.SCHEDULE))


def _outcome(run: ScheduleRun) -> Text:
    result = run.result or "running"
    return Text(say(result, Topic.SCHEDULE), style=_TONES.get(result, ""))


def _local(at: int) -> datetime.datetime:
    return datetime.datetime.fromtimestamp(at / SECOND, datetime.UTC).astimezone()


def _shown(moment: datetime.datetime) -> str:
    return f"{moment:%m-%d %H:%M}"
