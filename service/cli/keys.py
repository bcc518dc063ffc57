"""``visitflow keys``: API keys of machines."""

from __future__ import annotations

from typing import Annotated

import typer

from engine.environment import DAY, Micros
from engine.errors import BadInput
from service.access.secrets import digest, key_text, token
from service.application import Application
from service.cli.console import By, Json, out, print_json, table
from service.cli.users import Role, check_role, note, with_application
from service.errors import UnknownThing
from service.views import moment
from storage.registers import ApiKey

app = typer.Typer(no_args_is_help=True, help="API keys of machines. 机器用的密钥。")


@app.command()
def add(
    name: Annotated[str, typer.Argument(help="Whose key it is; stands in journals.")],
    role: Role,
    days: Annotated[int | None, typer.Option(min=1, help="Days until it expires; default: never.")] = None,
    by: By = "cli",
    json: Json = False,
) -> None:
    """Make a key and print it, once: only its digest is kept. Example: `visitflow keys add his --role his`"""
    check_role(role)
    if not name.strip() or len(name) > 32 or not name.isprintable() or "/" in name:
        raise BadInput("expected 1 to 32 printable characters without /", field="name")
    secret = token()

    async def work(wired: Application) -> ApiKey:
        now = wired.environment.now()
        expires = None if days is None else now + days * DAY
        made = ApiKey(wired.environment.new_id(), name, role, digest(secret), now, by, expires)
        await wired.registers.access.add_key(made)
        await note(wired, "add_key", f"{made.key_id} {name} ({role})", by)
        return made

    made = with_application(work)
    text = key_text(made.key_id, secret)
    if json:
        print_json(
            {"key_id": made.key_id, "name": name, "role": role, "key": text, "expires_at": moment(made.expires_at)}
        )
    else:
        typer.echo(text)


@app.command("list")
def list_keys(json: Json = False) -> None:
    """List keys, without their secrets."""
    found = with_application(lambda wired: wired.registers.access.keys())
    if json:
        print_json(
            [
                {
                    "key_id": each.key_id,
                    "name": each.name,
                    "role": each.role,
                    "created_at": moment(each.created_at),
                    "expires_at": moment(each.expires_at),
                    "revoked_at": moment(each.revoked_at),
                }
                for each in found
            ]
        )
        return
    table(
        ("key_id", "name_of_user", "role", "expires", "revoked"),
        [
            (
                each.key_id,
                each.name,
                each.role,
                (moment(each.expires_at) or "")[:19],
                (moment(each.revoked_at) or "")[:19],
            )
            for each in found
        ],
    )


@app.command()
def revoke(key_id: Annotated[str, typer.Argument(help="From `visitflow keys list`.")], by: By = "cli") -> None:
    """Revoke a key at once."""

    async def work(wired: Application) -> None:
        if not await wired.registers.access.revoke_key(key_id, wired.environment.now()):
            raise UnknownThing(f"there is no valid key {key_id}", field="key_id")
        await note(wired, "revoke_key", key_id, by)

    with_application(work)
    out.print(f"{key_id} ✓", markup=False)


def _short(at: Micros | None) -> str:
    return (moment(at) or "")[:19]
