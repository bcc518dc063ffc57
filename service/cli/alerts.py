"""``visitflow alerts``: what is wrong, what was, and whether anybody would hear of it."""

from __future__ import annotations

from typing import Annotated

import typer

from engine.errors import BadInput
from service.application import Application
from service.cli.console import FOUND_SOMETHING, Json, language, out, print_json, settings, table
from service.cli.users import with_application
from service.views import moment
from service.watching.alerting import Alerting
from service.watching.rules import load_rules
from storage.registers import Alert

app = typer.Typer(no_args_is_help=True, help="What is wrong, and telling it. 报警。")


@app.command("list")
def list_alerts(
    past: Annotated[bool, typer.Option("--past", help="Also what is over.")] = False,
    limit: Annotated[int, typer.Option(min=1)] = 50,
    json: Json = False,
) -> None:
    """List what is wrong, as `visitflow serve` has seen it. Example: `visitflow alerts list --past`"""

    async def work(wired: Application) -> list[Alert]:
        register = wired.registers.alerts
        return await register.latest(limit) if past else (await register.open())[:limit]

    found = with_application(work)
    if json:
        print_json([alert_view(each) for each in found])
        return
    rules = {rule.name: rule for rule in load_rules(settings().alert_rules)}
    chinese = language() == "zh"
    rows = []
    for each in found:
        rule = rules.get(each.rule)
        words = each.rule if rule is None else rule.zh if chinese else rule.en
        told = "" if each.told_at is None else (moment(each.told_at) or "")[:19]
        rows.append((each.rule, each.subject, each.state, each.value, (moment(each.since) or "")[:19], told, words))
    table(("rule", "subject", "status", "value", "since", "told", "message"), rows)


@app.command()
def test(json: Json = False) -> None:
    """Send a test message to VISITFLOW_ALERT_URL and say what the receiver answered; 6 when it did not accept it."""

    async def work(wired: Application) -> tuple[int | None, str | None]:
        alerting = Alerting(wired)
        try:
            if not alerting.tells:
                raise BadInput("set VISITFLOW_ALERT_URL and VISITFLOW_ALERT_SECRET", field="VISITFLOW_ALERT_URL")
            return await alerting.test()
        finally:
            await alerting.close()

    status, error = with_application(work)
    if json:
        print_json({"status": status, "error": error})
    else:
        out.print(f"{status or ''} {error or '✓'}".strip(), markup=False)
    if error is not None:
        raise typer.Exit(FOUND_SOMETHING)


def alert_view(alert: Alert) -> dict[str, object]:
    """Return an alert as JSON shows it."""
    return {
        "alert": alert.alert_id,
        "rule": alert.rule,
        "subject": alert.subject,
        "severity": alert.severity,
        "state": alert.state,
        "value": alert.value,
        "since": moment(alert.since),
        "over": moment(alert.over_at),
        "messages": alert.told,
        "told_at": moment(alert.told_at),
    }
