"""The command ``visitflow``."""

from __future__ import annotations

import sys

import typer

from service.cli import (
    alerts,
    approvals,
    audit,
    backups,
    catalogue,
    database,
    demo,
    files,
    flows,
    keys,
    neimenggu,
    peers,
    pushes,
    reconcile,
    schedules,
    serve,
    sheets,
    simulate,
    users,
    visits,
    webhooks,
)
from service.cli.console import EXIT_CODES_HELP, run_guarded

app = typer.Typer(
    name="visitflow",
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    help="Workflow engine for hospital visits that cross systems which lose answers. 就诊流程引擎。",
    epilog=EXIT_CODES_HELP,
)
visits.app.command("sheet")(sheets.sheet)
app.add_typer(visits.app, name="visits")
app.add_typer(flows.app, name="flows")
app.add_typer(catalogue.app, name="catalogue")
app.add_typer(neimenggu.app, name="neimenggu")
app.add_typer(files.app, name="files")
database.app.add_typer(backups.app)
app.add_typer(database.app, name="db")
app.add_typer(users.app, name="users")
app.add_typer(keys.app, name="keys")
app.add_typer(approvals.app, name="approvals")
app.add_typer(webhooks.app, name="webhooks")
app.add_typer(alerts.app, name="alerts")
app.add_typer(peers.app, name="peers")
app.command()(audit.audit)
app.command()(reconcile.reconcile)
app.command()(serve.serve)
app.command()(schedules.schedules)
app.command()(pushes.pushes)
app.command()(demo.demo)
app.add_typer(simulate.app, name="simulate")


def main() -> None:
    """Run the command line; every expected error becomes one line and an exit code."""
    sys.exit(run_guarded(app))
