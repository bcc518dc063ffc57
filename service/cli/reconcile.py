"""``visitflow reconcile``: the morning's question, whether yesterday agrees with the centre."""

from __future__ import annotations

import datetime
from typing import Annotated, Any

import typer
from rich.text import Text

from engine.environment import SECOND
from engine.errors import BadInput, VisitBusy
from engine.store import Projection, Status
from service import reconciliation
from service.application import Application, application
from service.cli.console import By, Json, out, print_json, run, say, settings, status_text, table
from service.words import Topic

#: Exit code of a day that differs, or is stuck otherwise.
DIFFERENT = 1
_LOOK_EVERY = SECOND // 5


def reconcile(
    day: Annotated[str, typer.Argument(help="Day such as 20261120 or 2026-11-20; default: yesterday.")] = "",
    wait: Annotated[bool, typer.Option("--wait", help="Wait until the comparison has come to a result.")] = False,
    patience: Annotated[float, typer.Option(min=1, help="How many seconds --wait waits.")] = 600.0,
    opter: Annotated[str, typer.Option(help="Only the bills of this operator; default: of all.")] = "",
    again: Annotated[bool, typer.Option("--again", help="Compare anew, with our bills as they are now.")] = False,
    confirm: Annotated[bool, typer.Option("--confirm", help="Confirm the centre's totals as they are.")] = False,
    by: By = "cli",
    reason: Annotated[str, typer.Option("--reason", "-r", help="Why (journalled); with --again and --confirm.")] = "",
    json: Json = False,
) -> None:
    """Reconcile a day with the centre, or show how that went. 日对账。

    The running service compares; this opens the comparison and shows its report. Exit code 1 when something differs.

    Example: `visitflow reconcile --wait`, then `visitflow reconcile 20261120 --again --by wang --reason "corrected"`
    """
    if again and confirm:
        raise BadInput("expected one of --again and --confirm", field="--again")

    async def work() -> dict[str, Any]:
        async with application(settings()) as wired:
            chosen = _day(wired, day)
            if again:
                projection = await reconciliation.compare_again(wired, chosen, by, reason)
            elif confirm:
                projection = await reconciliation.confirm(wired, chosen, by, reason)
            else:
                projection = await reconciliation.open_reconciliation(wired, chosen, opter=opter, by=by)
            if wait:
                projection = await _rested(wired, projection, patience)
            return reconciliation.day_report(await wired.commands.report(projection.visit_id))

    report = run(work())
    if json:
        print_json(report)
    else:
        _print(report)
    if report["needs_a_person"]:
        raise typer.Exit(DIFFERENT)


def _day(wired: Application, text: str) -> datetime.date:
    if text:
        return reconciliation.parse_day(text)
    return reconciliation.today(wired.environment.now()) - datetime.timedelta(days=1)


async def _rested(wired: Application, projection: Projection, patience: float) -> Projection:
    """Return the visit once it waits for a person or is closed. Raises VisitBusy when that takes too long."""
    until = wired.environment.monotonic() + int(patience * SECOND)
    while projection.status is Status.READY:
        if wired.environment.monotonic() > until:
            raise VisitBusy(f"{projection.key} is still in {projection.state}: does the service run?")
        await wired.environment.sleep(_LOOK_EVERY)
        projection = await wired.store.get(projection.visit_id)
    return projection


def _print(report: dict[str, Any]) -> None:
    out.print(
        Text.assemble(
            (f"{say('reconciliation')} {report['key']}  ", "bold"),
            f"{report['visit']}  {report['state']}  ",
            status_text(report["status"]),
            f"  {say('bills')} {report['bills']}",
        )
    )
    if report["cause"]:
        out.print(Text(f"{say('cause')}: {say(report['cause'], Topic.CAUSE)} · {report['message']}", style="bold red"))
    sides = [(side, report[side]) for side in ("ours", "centre") if report[side]]
    if sides:
        names = ("total_amt", "fund_amt", "self_amt")
        table(
            ("side", "total", "fund", "self"),
            [(say(side), *(str(amounts[name]) for name in names)) for side, amounts in sides],
        )
    if report["differences"]:
        table(
            ("bill", "visit", "difference", "field", "ours", "centre"),
            [
                (
                    row["bill_no"] or "-",
                    row["ipt_otp_no"] or "-",
                    Text(say(row["kind"], Topic.DIFFERENCE), style="red"),
                    say(row["field"].removesuffix("_amt")),
                    row["ours"] or "-",
                    row["theirs"] or "-",
                )
                for row in report["differences"]
            ],
            title=say("differences"),
        )
    if report["confirmed_at"]:
        out.print(Text(f"{say('confirmed_at')} {report['confirmed_at']}", style="green"))
    elif report["ours"] and report["ours"] == report["centre"]:
        out.print(Text(say("agree"), style="green"))
