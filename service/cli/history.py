"""``visitflow history``: what an analyst asks of a period, exports, and counting anew."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import typer
from rich.progress import Progress
from rich.text import Text

from service.application import application
from service.cli.console import FOUND_SOMETHING, Json, err, language, out, print_json, run, say, settings, table
from service.history.exports.columns import Outside
from service.history.exports.files import Form, export
from service.history.figures import LIMITED, TOPICS, Asking, figures
from service.history.periods import period_of
from service.history.reader import HistoryReader
from service.history.showing import cell, is_number
from service.history.standing import behind
from service.words import Topic
from storage.tally import tally

app = typer.Typer(
    no_args_is_help=True,
    help="History for analysts: figures, exports. 历史统计。",
    rich_markup_mode="markdown",
)

From = Annotated[str, typer.Option("--from", help="First day, such as 20261101; default: 30 days back.")]
To = Annotated[str, typer.Option("--to", help="Last day, included; default: today.")]
Flow = Annotated[str, typer.Option("--flow", help="Only this flow.")]
Limit = Annotated[int, typer.Option("--limit", min=1, max=10_000, help="How many rows where there may be many.")]

#: Help of the commands that show one table.
_HELP = {
    "visits": "How many visits there were, and how they ended. 就诊量。",
    "days": "Visits opened each day, and how many of them were stuck or cancelled. 每日就诊。",
    "whole": "How long visits took from opening to closing. 就诊用时。",
    "durations": "How long calls took, by step: median, 90 %, 99 %, longest. 各步骤用时。",
    "failures": "Why calls failed, the commonest first, with what the code means. 失败原因。",
    "doubts": "Calls of which it was not known whether they happened, and how that was settled. 结果不明。",
    "stops": "How often and how long visits were stuck, by cause. 卡住。",
    "paths": "Which ways visits took, the commonest first. 路径。",
    "money": "Money by day and flow: what came to stand, what was taken back. 金额。",
    "uploads": "How long fee lines waited between handing over and upload. 上传延迟。",
}


def _shows(topic: str) -> Callable[..., None]:
    def show(first: From = "", last: To = "", flow: Flow = "", limit: Limit = 20, json: Json = False) -> None:
        async def work() -> dict[str, Any]:
            async with application(settings()) as wired:
                period = period_of(wired.site, wired.environment.now(), first, last, flow)
                asking = Asking(wired.registers.history, period, language(), limit)
                shown = (await figures(topic, asking)).as_dict()
                told = {"from": period.first, "to": period.last, "flow": period.flow}
                return {**told, "behind": await behind(wired.registers), **shown}

        found = run(work())
        if json:
            print_json(found)
        else:
            _print(found)

    return show


for _topic in TOPICS:
    _example = f"visitflow history {_topic} --from 20261101 --to 20261130 --flow jiangsu.outpatient"
    _more = " --limit 50" if _topic in LIMITED else ""
    app.command(_topic, help=f"{_HELP[_topic]}\n\nExample: `{_example}{_more}`")(_shows(_topic))


def _print(found: dict[str, Any]) -> None:
    columns, rows = found["columns"], found["rows"]
    title = f"{_say('topic_' + found['topic'])} · {found['from']} – {found['to']}"
    if rows:
        cells = [
            [
                Text(cell(kind, row[name], language()), justify="right" if is_number(kind) else "left")
                for name, kind in columns.items()
            ]
            for row in rows
        ]
        table(list(columns), cells, title, Topic.HISTORY)
    else:
        out.print(Text(f"{title}: {_say('none')}"))
    if found["behind"] is None:
        err.print(Text(_say("never_read"), style="yellow"))
    elif found["behind"]:
        err.print(Text(_say("behind").format(count=found["behind"]), style="yellow"))


def _say(code: str) -> str:
    return say(code, Topic.HISTORY)


@app.command()
def rebuild(
    check: Annotated[bool, typer.Option("--check", help="Only compare; exit code 6 when something differs.")] = False,
    json: Json = False,
) -> None:
    """Draw all facts anew from the journals, beside the running service. 重新统计。

    Visits whose journals cannot be read keep what was told of them. May be broken off and begun again.

    Example: `visitflow history rebuild --check` to compare, `visitflow history rebuild` to mend
    """

    async def work() -> dict[str, Any]:
        async with application(settings()) as wired:
            total = sum(each.visits for each in await tally(wired.store))
            with Progress(console=err, disable=json or not err.is_terminal, transient=True) as progress:
                task = progress.add_task(_say("counting"), total=total)
                reader = HistoryReader(wired)
                done = await reader.rebuild(
                    repair=not check, progress=lambda visits: progress.update(task, completed=visits)
                )
            return done.as_dict()

    report = run(work())
    if json:
        print_json(report)
    else:
        counts = {name: value if isinstance(value, int) else len(value) for name, value in report.items()}
        out.print(Text(_say("compared" if check else "rebuilt").format(**counts)))
        for visit in report["unreadable"][:20]:
            err.print(Text(visit, style="yellow"))
    if check and (report["differing"] or report["unreadable"]):
        raise typer.Exit(FOUND_SOMETHING)


@app.command("export")
def export_period(
    form: Annotated[Form, typer.Option("--format", help="CSV and Parquet: a folder, XES: a file, packed as .xes.gz.")],
    target: Annotated[Path, typer.Option("--out", help="Folder or file that is made; nothing is written over.")],
    first: From = "",
    last: To = "",
    flow: Flow = "",
    attempts: Annotated[
        bool, typer.Option("--attempts", help="XES: also calls that brought the visit nowhere.")
    ] = False,
    json: Json = False,
) -> None:
    """Write all facts of the visits that were opened in a period, for other tools. 导出。

    Names of patients and the HIS's numbers are keyed hashes. What is written has its name only when all of it is there.

    Example: `visitflow history export --format xes --from 20261101 --to 20261130 --out november.xes.gz`
    """

    async def work() -> int:
        async with application(settings()) as wired:
            period = period_of(wired.site, wired.environment.now(), first, last, flow)
            history = wired.registers.history
            with Progress(console=err, disable=json or not err.is_terminal, transient=True) as progress:
                task = progress.add_task(_say("exporting"), total=await history.visits_in(period))
                outside = Outside(ZoneInfo(wired.site.timezone))
                return await export(
                    *(history, period, form, target, outside),
                    attempts=attempts,
                    progress=lambda visits: progress.update(task, completed=visits),
                )

    visits = run(work())
    if json:
        print_json({"visits": visits, "out": str(target)})
    else:
        out.print(_say("exported").format(visits=visits, out=target), markup=False)
