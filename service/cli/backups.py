"""``visitflow db backup | verify | restore | restored``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from engine.environment import SystemEnvironment
from engine.errors import BadInput
from engine.events import Cause
from engine.store import VisitFilter
from flows import load_catalogue
from service.application import application
from service.cli.console import FOUND_SOMETHING, By, Json, Reason, out, print_json, run, say, settings, table
from service.keeping import restore as restore_backup
from service.keeping import verify as verify_backup
from service.keeping.restoring import manifest_time
from service.keeping.retention import overdue, periods, sweep
from service.views import projection_view
from service.words import Topic
from storage import Vault
from storage.backups import Manifest, copies_of

app = typer.Typer()  # joined to `db`

Backup = Annotated[Path, typer.Argument(help="The backup; its manifest lies beside it as PATH.json.")]


@app.command()
def backup(
    path: Annotated[Path, typer.Argument(help="A new file; PATH.json beside it becomes its manifest.")],
    json: Json = False,
) -> None:
    """Copy the store while it works, with a manifest. The keys are not in it: keep a copy of them apart from it.

    Example: `visitflow db backup /backup/visitflow-20261121.db`
    """
    manifest = copies_of(settings().store_url).make(path, SystemEnvironment().now(), _counter(json, "backup"))
    if json:
        print_json(_shown(manifest) | {"path": str(path)})
        return
    rows = manifest.counts.get("visits", 0), manifest.counts.get("events", 0)
    out.print(f"{path}: {manifest.bytes:,} B, {rows[0]} {say('visit')}, {rows[1]} {say('event')}", markup=False)
    out.print(f"sha256 {manifest.sha256}", markup=False)


@app.command()
def verify(path: Backup, json: Json = False) -> None:
    """Look at a backup: digest, pages, keys, and every journal against the lists. Exit code 6 when something is wrong.

    Of PostgreSQL's dumps the journals are compared when they are restored.
    """
    vault = Vault.parse(settings().keys_text())
    told = _stages(json)
    found = run(verify_backup(path, vault, load_catalogue(), SystemEnvironment(), told))
    if json:
        print_json(
            _shown(found.manifest)
            | {
                "sound": found.sound,
                "problems": found.problems,
                "journals_compared": found.journals,
                "differences": found.differences,
            }
        )
    else:
        out.print(f"{manifest_time(found.manifest.made_at)}  schema {found.manifest.db_schema}", markup=False)
        for problem in found.problems:
            out.print(f"✗ {problem}", markup=False, style="bold red")
        for each in found.differences:
            out.print(f"✗ {each['visit']} {each['field']}: {each['stored']} ≠ {each['folded']}", markup=False)
        out.print(say("sound" if found.sound else "not_sound", Topic.KEEPING), markup=False)
    if not found.sound:
        raise typer.Exit(FOUND_SOMETHING)


@app.command()
def restore(
    path: Backup,
    by: By,
    reason: Reason,
    replace: Annotated[bool, typer.Option("--replace", help="Also where the store holds visits.")] = False,
    json: Json = False,
) -> None:
    """Take a backup in as the store. Every visit that is not closed then waits for a person: `db restored` lists them.

    The store is older than the world now: what was sent after the backup is not known. Compare with the peers, then
    `visitflow visits resume`. The service must be stopped.
    """
    chosen = settings()
    report = run(
        restore_backup(
            path,
            chosen.store_url,
            Vault.parse(chosen.keys_text()),
            load_catalogue(),
            SystemEnvironment(),
            by=by,
            reason=reason,
            replace_store=replace,
            progress=_stages(json),
        )
    )
    if json:
        times = {name: manifest_time(getattr(report, name)) for name in ("made_at", "restored_at")}
        print_json(asdict(report) | times)
    else:
        for name, count in (("held", report.held), ("in_doubt", report.in_doubt), ("damaged", len(report.damaged))):
            out.print(f"{say(name, Topic.KEEPING)}: {count}", markup=False)
        span = f"{manifest_time(report.made_at)} – {manifest_time(report.restored_at)}"
        out.print(f"{say('restored_gap')}: {span}", markup=False, style="bold yellow")
        out.print(say("next", Topic.KEEPING), markup=False)
        if report.aside:
            out.print(f"{say('restored_aside')}: {report.aside}", markup=False)
    if report.damaged or report.differences:
        raise typer.Exit(FOUND_SOMETHING)


@app.command()
def restored(
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="At most so many.")] = 1000, json: Json = False
) -> None:
    """List the visits that wait since a restore until a person has compared them. Exit code 6 when there are any."""

    async def work() -> list[dict[str, Any]]:
        async with application(settings()) as wired:
            found = await wired.store.visits(VisitFilter(cause=Cause.RESTORED.value, limit=limit))
            return [projection_view(each) for each in found]

    rows = run(work())
    if json:
        print_json(rows)
    else:
        shown = [(f"{row['flow']}/{row['key']}", str(row["state"]), str(row["updated_at"])) for row in rows]
        table(("visit", "state", "time"), shown)
        out.print(f"{len(rows)} {say(Cause.RESTORED, Topic.CAUSE)}", markup=False)
    if rows:
        raise typer.Exit(FOUND_SOMETHING)


@app.command()
def retention(
    apply: Annotated[bool, typer.Option("--apply", help="Delete; without it only count.")] = False,
    by: Annotated[str, typer.Option("--by", envvar="VISITFLOW_OPERATOR", help="Who acts (audited).")] = "",
    reason: Annotated[str, typer.Option("--reason", "-r", help="Why (audited).")] = "",
    json: Json = False,
) -> None:
    """Count what is older than VISITFLOW_KEEP_..._DAYS allow; `--apply` deletes it. Journals are never deleted.

    Example: `VISITFLOW_KEEP_EXCHANGES_DAYS=365 visitflow db retention`
    """
    if apply and not (by.strip() and reason.strip()):
        raise BadInput("deleting needs both --by and --reason", field="by")

    async def work() -> dict[str, Any]:
        async with application(settings()) as wired:
            counts = await overdue(wired)
            told = await sweep(wired, by, reason) if apply else ""
            return {"periods": periods(wired.settings), "overdue": counts, "deleted": apply, "told": told}

    found = run(work())
    if json:
        print_json(found)
        return
    for kind, days in found["periods"].items():
        out.print(f"{kind}: {found['overdue'][kind]} > {days} d", markup=False)
    if not found["periods"]:
        out.print(say("no_periods", Topic.KEEPING), markup=False)
    out.print(say("deleted" if apply else "only_counted", Topic.KEEPING), markup=False)


def _shown(manifest: Manifest) -> dict[str, Any]:
    return manifest.model_dump(by_alias=True) | {"made_at": manifest_time(manifest.made_at)}


def _counter(json: bool, what: str) -> Callable[[int, int], None]:
    def told(done: int, total: int) -> None:
        if not json and out.is_terminal and total:
            out.print(f"  {say(what, Topic.KEEPING)} {100 * done // total} %", end="\r", markup=False)

    return told


def _stages(json: bool) -> Callable[[str, int, int], None]:
    return lambda stage, done, total: _counter(json, stage)(done, total)
