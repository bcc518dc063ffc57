"""``visitflow visits``: what a supervisor needs, on the store itself, whether or not the service runs."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Annotated, Any, ClassVar

import typer
from rich.text import Text

from engine.actions import ActionKind
from engine.commands import Commands, Report
from engine.errors import BadInput
from engine.events import Verdict
from engine.store import Projection, Status, VisitFilter
from service.acting import Acting, Deed, Who
from service.application import Application, application
from service.cli.console import (
    TONES,
    By,
    Data,
    Json,
    Reason,
    language,
    out,
    print_json,
    read_data,
    run,
    say,
    settings,
    status_text,
    table,
)
from service.cli.lazily import LazyGroup, Place
from service.cli.naming import Visit, resolve
from service.fees import fees_view
from service.timeline import timeline
from service.views import approval_view, event_view, exchange_view, moment, projection_view, report_view
from service.words import Topic
from storage.registers import Approval


class _Seldom(LazyGroup):
    """What is seldom asked for and takes long to import."""

    places: ClassVar[Mapping[str, Place]] = {
        "sheet": Place(
            "service.cli.sheets", "Show the settlement sheet (002, 5.4) that a visit keeps. 医疗费结算单。", "sheet"
        )
    }


app = typer.Typer(cls=_Seldom, no_args_is_help=True, help="List, show, open and move visits. 就诊。")


@app.command("list")
def list_visits(
    json: Json = False,
    stuck: Annotated[bool, typer.Option("--stuck", help="Only visits that need a person.")] = False,
    flow: Annotated[str | None, typer.Option(help="Only this flow.")] = None,
    state: Annotated[str | None, typer.Option(help="Only this state.")] = None,
    status: Annotated[Status | None, typer.Option(help="Only this status.")] = None,
    cause: Annotated[str | None, typer.Option(help="Only this cause of being stuck.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000)] = 50,
) -> None:
    """List visits, newest first. Example: `visitflow visits list --stuck`."""

    which = VisitFilter(flow=flow, state=state, status=Status.STUCK if stuck else status, cause=cause, limit=limit)
    found = _with_application(lambda wired: wired.store.visits(which))
    if json:
        print_json([projection_view(each) for each in found])
        return
    table(
        ("visit", "flow", "key", "state", "status", "cause", "waiting_for", "due"),
        [
            (
                each.visit_id,
                each.flow,
                each.key,
                each.state,
                status_text(each.status.value),
                Text(say(each.cause, Topic.CAUSE) if each.cause else "", style="red"),
                each.waiting_for or "",
                (moment(each.due_at) or "")[:19],
            )
            for each in found
        ],
    )


@app.command()
def show(
    visit: Visit,
    json: Json = False,
    raw: Annotated[bool, typer.Option("--raw", help="Also print raw exchanges; they hold identities.")] = False,
) -> None:
    """Show one visit: timeline, why it is stuck, the evidence, and what may be done now."""

    async def work(wired: Application) -> tuple[Report, list[Any], list[Any]]:
        visit_id = await resolve(wired.store, visit)
        report = await wired.commands.report(visit_id)
        exchanges = await wired.store.exchanges(visit_id) if json or raw else []
        return report, await wired.store.journal(visit_id), exchanges

    report, journal, exchanges = _with_application(work)
    if json:
        print_json(
            report_view(report)
            | {
                "journal": [event_view(stored) for stored in journal],
                "exchanges": [exchange_view(record, raw) for record in exchanges],
            }
        )
        return
    _print_head(report)
    table(
        ("", "time", "event", "what"),
        [
            (str(line.seq), line.time, line.kind, Text(line.text, style=TONES[line.tone]))
            for line in timeline(journal, language())
        ],
        title=say("history"),
    )
    if raw:
        for record in exchanges:
            shown = exchange_view(record, raw=True)
            out.rule(f"{shown['operation']} {shown['at']} {shown['exchange']}")
            out.print(shown["request"], markup=False)
            out.print(shown["reply"] or shown["status"], markup=False)
    _print_actions(report)


def _print_head(report: Report) -> None:
    projection, trouble = report.projection, report.visit.trouble
    out.print(
        Text.assemble(
            (f"{projection.flow} {projection.key}  ", "bold"),
            f"{projection.visit_id}  {projection.state}  ",
            status_text(projection.status.value),
            f"  {projection.waiting_for or ''}",
        )
    )
    if trouble is not None:
        out.print(Text(f"{say('cause')}: {say(trouble.cause, Topic.CAUSE)} · {trouble.message}", style="bold red"))
        evidence = ", ".join(f"{name}={value}" for name, value in trouble.evidence.items())
        out.print(f"{say('evidence')}: #{trouble.seq} {evidence}", markup=False)
    call = report.visit.call
    if call is not None:
        out.print(f"{call.operation} · {call.message_id} · {moment(call.at)}", markup=False)


def _print_actions(report: Report) -> None:
    if not report.actions:
        return
    offered = {(each.kind, each.target): each for each in reversed(report.actions)}  # of two ways back the nearer one
    table(
        ("actions", "target", "needs", "sends"),
        [
            (
                say(each.kind, Topic.ACTION),
                # the name of a state may be that of a verdict, such as `applied`
                say(each.target, Topic.VERDICT) if each.kind is ActionKind.SETTLE else each.target,
                ", ".join(each.needs),
                " → ".join(each.sends),
            )
            for each in reversed(offered.values())
        ],
    )
    tongue = "en" if language() == "en" else "zh"
    warnings = [each[tongue] or each["zh"] for action in report.actions for each in action.detail.get("warnings", ())]
    for warning in dict.fromkeys(warnings):
        out.print(Text(f"! {warning}", style="yellow"))


@app.command()
def fees(visit: Visit, json: Json = False) -> None:
    """Show the fee ledger: every line with its state. Example: `visitflow visits fees jiangsu.inpatient/ZY0001`."""

    async def work(wired: Application) -> Report:
        return await wired.commands.report(await resolve(wired.store, visit))

    shown = fees_view(_with_application(work).visit)
    if json:
        print_json(shown)
        return
    counts = ", ".join(f"{say(state, Topic.LINE)} {count}" for state, count in shown["counts"].items())
    table(
        ("line", "name", "amount", "state", "batch", "refusal"),
        [
            (
                each["line_id"],
                each["name"],
                each.get("umamt") or each["amount"],
                Text(say(each["state"], Topic.LINE), style=_LINE_STYLES.get(each["state"], "")),
                str(each["batch"] or ""),
                " ".join(filter(None, (each["code"], each["text"]))),
            )
            for each in shown["lines"]
        ],
        title=f"{say('uploaded_total')} {shown['uploaded_total']}  {counts}",
    )


_LINE_STYLES = {"refused": "red", "uploaded": "green", "voided": "dim"}


@app.command("open")
def open_visit(
    flow: Annotated[str, typer.Argument(help="Flow, such as jiangsu.outpatient.")],
    key: Annotated[str, typer.Argument(help="The hospital's own number of the visit.")],
    data: Data = "{}",
    by: By = "cli",
    json: Json = False,
) -> None:
    """Open a visit. Opening it again with the same data returns the same visit.

    Example: `visitflow visits open jiangsu.outpatient MZ0001 --data @visit.json`
    """
    facts = read_data(data)

    async def work(wired: Application) -> Projection:
        projection, _created = await wired.commands.open(flow, key, facts, by)
        return projection

    _print_projection(_with_application(work), json)


@app.command()
def trigger(
    visit: Visit,
    name: Annotated[str, typer.Argument(help="Trigger, such as settle.")],
    data: Data = "{}",
    by: By = "cli",
    json: Json = False,
) -> None:
    """Ask for a transition; the answer means that the request is durable, not that it is done.

    Example: `visitflow visits trigger jiangsu.outpatient/MZ0001 settle -d '{"invoice_no": "P1"}'`
    """
    facts = read_data(data)
    _command(visit, json, lambda commands, visit_id: commands.trigger(visit_id, name, facts, by))


@app.command()
def resume(visit: Visit, reason: Reason, by: By, json: Json = False) -> None:
    """Let the engine try again now, with its patience renewed."""
    _command(visit, json, lambda commands, visit_id: commands.resume(visit_id, by, reason))


@app.command()
def settle(
    visit: Visit,
    verdict: Annotated[str, typer.Argument(help="applied or not_applied")],
    reason: Reason,
    by: By,
    data: Data = "{}",
    json: Json = False,
) -> None:
    """Say what became of a call in doubt, after asking the centre; `applied` needs the data of the lost reply.

    Example: `visitflow visits settle jiangsu.outpatient/MZ0001 not_applied --by wang --reason "centre has no record"`
    """
    facts = read_data(data)
    if verdict not in (Verdict.APPLIED, Verdict.NOT_APPLIED):
        raise BadInput("expected applied or not_applied", field="verdict")
    _act(visit, json, Deed(ActionKind.SETTLE, verdict, facts), by, reason)


@app.command()
def reverse(
    visit: Visit,
    state: Annotated[str, typer.Argument(help="State to go back to.")],
    reason: Reason,
    by: By,
    json: Json = False,
) -> None:
    """Undo, newest first, back to a state; the visit then waits for a person or the HIS."""
    _act(visit, json, Deed(ActionKind.REVERSE, state), by, reason)


@app.command()
def cancel(visit: Visit, reason: Reason, by: By, json: Json = False) -> None:
    """Undo everything and close the visit as cancelled."""
    _act(visit, json, Deed(ActionKind.CANCEL), by, reason)


@app.command()
def correct(
    visit: Visit,
    changes: Annotated[str, typer.Argument(help="JSON object of fields to change; null takes a field away.")],
    reason: Reason,
    by: By,
    json: Json = False,
) -> None:
    """Correct a visit's data; old and new values are kept in the journal."""
    facts = read_data(changes)
    _command(visit, json, lambda commands, visit_id: commands.correct(visit_id, facts, by, reason))


@app.command()
def migrate(
    visit: Visit,
    reason: Reason,
    by: By,
    version: Annotated[str | None, typer.Option(help="Version hash; default: the current version.")] = None,
    json: Json = False,
) -> None:
    """Move a visit to another version of its flow; refused with the reason if it does not fit."""
    _command(visit, json, lambda commands, visit_id: commands.migrate(visit_id, by, reason, version))


def _with_application(work: Callable[[Application], Awaitable[Any]]) -> Any:
    async def wrapped() -> Any:
        async with application(settings()) as wired:
            return await work(wired)

    return run(wrapped())


def _command(visit: str, json: bool, act: Callable[[Commands, str], Awaitable[Projection]]) -> None:
    async def work(wired: Application) -> Projection:
        return await act(wired.commands, await resolve(wired.store, visit))

    _print_projection(_with_application(work), json)


def _act(visit: str, json: bool, deed: Deed, by: str, reason: str) -> None:
    """Do what may need a second person (VISITFLOW_FOUR_EYES): then it is only asked for."""

    async def work(wired: Application) -> Projection | Approval:
        acting = Acting(wired.commands, wired.registers.approvals, wired.settings, wired.environment)
        return await acting.do(await resolve(wired.store, visit), deed, Who(by, reason, "cli"))

    done = _with_application(work)
    if not isinstance(done, Approval):
        _print_projection(done, json)
    elif json:
        print_json(approval_view(done))
    else:
        out.print(f"{say('approval')}: visitflow approvals approve {done.approval_id}", markup=False)


def _print_projection(projection: Projection, json: bool) -> None:
    if json:
        print_json(projection_view(projection))
        return
    out.print(
        Text.assemble(
            f"{projection.flow} {projection.key}  {projection.visit_id}  {projection.state}  ",
            status_text(projection.status.value),
        )
    )
