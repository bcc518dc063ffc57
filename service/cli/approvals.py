"""``visitflow approvals``: what waits for a second person."""

from __future__ import annotations

from typing import Annotated

import typer

from service.acting import Acting
from service.application import Application
from service.cli.console import By, Json, Reason, out, print_json, table
from service.cli.users import with_application
from service.views import approval_view
from storage.registers import Approval

app = typer.Typer(no_args_is_help=True, help="What waits for a second person. 四眼复核。")

Id = Annotated[str, typer.Argument(help="From `visitflow approvals list`.")]


@app.command("list")
def list_approvals(
    state: Annotated[str | None, typer.Option(help="asked, approved, done, failed, refused or expired.")] = "asked",
    json: Json = False,
) -> None:
    """List requests, newest first."""
    found = with_application(lambda wired: wired.registers.approvals.all(state, None, None, 200))
    shown = [approval_view(each) for each in found]
    if json:
        print_json(shown)
        return
    names = ("approval", "visit", "action", "target", "asked_by", "reason", "state", "decided_by")
    table(names, [tuple(str(each[name] or "") for name in names) for each in shown])


def _acting(wired: Application) -> Acting:
    return Acting(wired.commands, wired.registers.approvals, wired.settings, wired.environment)


@app.command()
def approve(approval: Id, reason: Reason, by: By) -> None:
    """Approve what somebody else has asked for; it is done at once."""

    async def work(wired: Application) -> Approval:
        return (await _acting(wired).approve(approval, by, reason))[0]

    out.print(f"{approval} {with_application(work).state}", markup=False)


@app.command()
def refuse(approval: Id, reason: Reason, by: By) -> None:
    """Refuse what somebody else has asked for."""

    async def work(wired: Application) -> Approval:
        return await _acting(wired).refuse(approval, by, reason)

    out.print(f"{approval} {with_application(work).state}", markup=False)
