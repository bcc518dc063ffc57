"""``visitflow db``: schema, rebuild, keys."""

from __future__ import annotations

import base64
import secrets
from pathlib import Path
from typing import Annotated, Any

import typer
from sqlalchemy import make_url

from engine.environment import SECOND, Micros, SystemEnvironment
from service.application import application
from service.cli import backups
from service.cli.console import FOUND_SOMETHING, Json, out, print_json, run, say, settings, table
from service.dispatch import require_fleet
from service.rebuild import rebuild_store
from service.settings import Settings
from service.words import Topic
from storage import Vault, open_store, upgrade
from storage.backups import copies_of, refuse_live_workers
from storage.dialects import dialect_of
from storage.schema import current, needed, oldest, refuse_newer

app = typer.Typer(no_args_is_help=True, help="The database: schema, rebuild, keys. 数据库。")
app.add_typer(backups.app)


def new_key() -> str:
    """Return a fresh exchange key as ``id:base64``."""
    return f"k{secrets.token_hex(3)}:{base64.b64encode(secrets.token_bytes(32)).decode()}"


@app.command("upgrade")
def upgrade_database(
    no_backup: Annotated[
        bool, typer.Option("--no-backup", help="Do not copy the embedded store before its schema changes.")
    ] = False,
) -> None:
    """Bring the database's schema up to date; make the folder and the key of the embedded store if there are none.

    Refused while processes work on the database that cannot go on with the new schema. Those of the version before
    often can, and are restarted afterwards, one by one. A store on SQLite is copied first, beside itself.
    """
    chosen = settings()
    if not chosen.store:
        chosen.data.mkdir(parents=True, exist_ok=True)
    if not chosen.exchange_keys.get_secret_value() and not chosen.key_file.exists():
        chosen.key_file.parent.mkdir(parents=True, exist_ok=True)
        chosen.key_file.touch(mode=0o600)
        chosen.key_file.write_text(new_key() + "\n", encoding="ascii")
        out.print(f"made {chosen.key_file}: keep a copy apart from the backups of the database", markup=False)
    if chosen.patient_secret() is None:
        chosen.patient_file.parent.mkdir(parents=True, exist_ok=True)
        chosen.patient_file.touch(mode=0o600)
        chosen.patient_file.write_text(secrets.token_urlsafe(32) + "\n", encoding="ascii")
    if chosen.store_url == "memory://":
        return
    now = SystemEnvironment().now()
    if changes(chosen.store_url, now) and not no_backup and chosen.store_url.startswith("sqlite:"):
        path = Path(make_url(chosen.store_url).database or "")
        copy = path.with_name(f"{path.name}.before-upgrade-{now // SECOND}")
        copies_of(chosen.store_url).make(copy, now)
        out.print(f"{say('made_first', Topic.KEEPING)}: {copy}", markup=False)
    before, after = upgrade(chosen.store_url)
    out.print(f"schema {before or 'none'} → {after}", markup=False)
    if chosen.dispatch == "procrastinate":
        require_fleet(chosen)
        from service.dispatch.schema import upgrade_jobs

        had, has = upgrade_jobs(chosen.store_url)
        out.print(f"procrastinate {had or 'none'} → {has}", markup=False)
    if before not in (None, after) and (plain := run(_plain_rows(chosen))):
        out.print(f"{plain:,} {say('still_plain', Topic.KEEPING)}", markup=False)


async def _plain_rows(chosen: Settings) -> int:
    """Return how many rows nobody has sealed yet."""
    store = open_store(chosen.store_url, Vault.parse(chosen.keys_text()))
    await store.start()
    try:
        return await store.to_reseal()
    finally:
        await store.close()


def changes(url: str, now: Micros) -> bool:
    """Tell whether an upgrade would change a schema that is there. Raises WorkersRun, BadInput for a newer schema."""
    engine = dialect_of(url).engine()
    try:
        with engine.connect() as connection:
            found = current(connection)
            if found is None or found == needed():
                return False
            refuse_newer(found)
            refuse_live_workers(connection, now, f"the schema cannot be changed to {needed()}", before=oldest())
            return True
    finally:
        engine.dispose()


@app.command()
def rebuild(
    repair: Annotated[bool, typer.Option("--repair", help="Write the folded projection where it differs.")] = False,
    json: Json = False,
) -> None:
    """Fold every journal and compare it with what the lists show (G4). Exit code 6 when something differs.

    Example: `visitflow db rebuild` to look, `visitflow db rebuild --repair` to mend.
    """

    async def work() -> dict[str, Any]:
        async with application(settings()) as wired:
            return await rebuild_store(wired, repair, None if json else _progress)

    report = run(work())
    if json:
        print_json(report)
    else:
        differences = report["differences"]
        assert isinstance(differences, list)
        table(
            ("visit", "field", "projection", "journal"),
            [(d["visit"], d["field"], str(d["stored"]), str(d["folded"])) for d in differences],
        )
        out.print(f"{report['visits']} {say('visit')}, {len(differences)} ≠, {report['repaired']} ✓", markup=False)
        if report["shredded"]:
            out.print(f"{report['shredded']} {say('shredded', Topic.KEEPING)}", markup=False)
    if report["differences"] and not repair:
        raise typer.Exit(FOUND_SOMETHING)


def _progress(done: int) -> None:
    if done % 1000 == 0:
        out.print(f"  {done} {say('visit')}", end="\r")


@app.command("new-key")
def print_new_key() -> None:
    """Print a fresh key for VISITFLOW_EXCHANGE_KEYS; put it first, then run `db rotate-keys`."""
    typer.echo(new_key())


@app.command("rotate-keys")
def rotate_keys(json: Json = False) -> None:
    """Seal what is plain (journals of before ADR 36) or under an older key with the current (first) one.

    While visits go on; a little at a time. Broken off, it goes on where it was when it is run again.
    """

    async def work() -> int:
        async with application(settings()) as wired:
            total, left = 0, await wired.store.to_reseal()
            while count := await wired.store.reseal():
                total += count
                if not json:
                    out.print(f"  {total:,} / {max(left, total):,}", end="\r")
            return total

    total = run(work())
    if json:
        print_json({"resealed": total})
    else:
        out.print(f"{total:,} rows now under the current key")
