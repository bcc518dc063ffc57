"""``visitflow webhooks``: what the HIS was told, and telling it again."""

from __future__ import annotations

from typing import Annotated

import typer

from service.application import Application
from service.audit import Audit
from service.cli.console import By, Json, Reason, out, print_json, table
from service.cli.users import with_application
from service.errors import UnknownThing
from service.views import delivery_view, moment
from storage.registers import Delivery

app = typer.Typer(no_args_is_help=True, help="What the HIS was told by the webhook. 进展通知。")

State = Annotated[str | None, typer.Option(help="pending, delivered or dead.")]


@app.command("list")
def list_deliveries(state: State = None, limit: Annotated[int, typer.Option(min=1)] = 50, json: Json = False) -> None:
    """List messages, newest first. Example: `visitflow webhooks list --state dead`"""
    found = with_application(lambda wired: wired.registers.deliveries.all(state, None, None, limit))
    if json:
        print_json([delivery_view(each) for each in found])
        return
    table(
        ("delivery", "visit", "number", "event", "status", "tries", "time"),
        [
            (
                each.delivery_id,
                each.visit_id,
                str(each.number),
                each.kind,
                each.state,
                str(each.attempts),
                (moment(each.done_at or each.next_at) or "")[:19],
            )
            for each in found
        ],
    )


@app.command()
def show(delivery: Annotated[str, typer.Argument(help="From `visitflow webhooks list`.")], json: Json = False) -> None:
    """Show a message with every try."""
    found = with_application(lambda wired: wired.registers.deliveries.get(delivery))
    if found is None:
        raise UnknownThing(f"there is no delivery {delivery}", field="delivery")
    tries = [
        {"number": each.number, "at": moment(each.at), "status": each.status, "error": each.error, "ms": each.millis}
        for each in found[1]
    ]
    if json:
        print_json(delivery_view(found[0]) | {"body": found[0].body, "tries": tries})
        return
    out.print(found[0].body, markup=False)
    table(
        ("number", "time", "status", "cause"),
        [
            (str(each["number"]), str(each["at"])[:19], str(each["status"] or ""), str(each["error"] or ""))
            for each in tries
        ],
    )


@app.command()
def resend(
    reason: Reason,
    by: By,
    delivery: Annotated[str | None, typer.Argument(help="One message; default: every dead one.")] = None,
) -> None:
    """Send messages again; numbers stay, so that the receiver can tell.

    Example: `visitflow webhooks resend --by wang --reason "the HIS was down over the weekend"`
    """

    async def work(wired: Application) -> int:
        register, now = wired.registers.deliveries, wired.environment.now()
        found: list[Delivery] = await register.all("dead", None, None, 10_000) if delivery is None else []
        ids = [each.delivery_id for each in found] if delivery is None else [delivery]
        count = sum([await register.resend(each, now) for each in ids])
        if delivery is not None and not count:
            raise UnknownThing(f"there is no delivery {delivery}", field="delivery")
        audit = Audit(wired.registers.audit, wired.environment)
        await audit.note("resend", delivery or f"{count} dead", actor=by, reason=reason, origin="cli")
        return count

    out.print(f"{with_application(work)} ✓", markup=False)
