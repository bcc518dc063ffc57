"""``visitflow users``: people who may sign in."""

from __future__ import annotations

import re
import sys
from collections.abc import Awaitable, Callable
from typing import Annotated, TypeVar

import typer

from engine.errors import BadInput
from service.access.matrix import matrix
from service.access.secrets import check_password, hashed
from service.application import Application, application
from service.audit import Audit
from service.cli.console import By, Json, out, print_json, run, settings, table
from service.errors import UnknownThing
from service.views import moment
from storage.registers import Account

app = typer.Typer(no_args_is_help=True, help="People who may sign in, and their roles. 用户与角色。")

Name = Annotated[str, typer.Argument(help="The person's name to sign in with.")]
Role = Annotated[str, typer.Option(help="his, supervisor, analyst or admin.")]
FromInput = Annotated[bool, typer.Option("--password-stdin", help="Read the password from standard input.")]
_NAME = re.compile(r"[\w.-]{2,64}")
T = TypeVar("T")


def with_application(work: Callable[[Application], Awaitable[T]]) -> T:
    """Run work on the application."""

    async def wrapped() -> T:
        async with application(settings()) as wired:
            return await work(wired)

    return run(wrapped())


def check_role(role: str) -> str:
    """Return a role that exists. Raises BadInput."""
    if role not in matrix().roles:
        raise BadInput(f"expected one of {', '.join(matrix().roles)}", field="--role")
    return role


async def note(wired: Application, action: str, target: str, by: str) -> None:
    """Write into the audit what was done on this command line."""
    await Audit(wired.registers.audit, wired.environment).note(action, target, actor=by, origin="cli")


def _password(name: str, from_input: bool) -> str:
    """Ask for a password, never on the command line, where others could see it."""
    if from_input:
        password = sys.stdin.readline().rstrip("\n")
    else:
        password = typer.prompt("password", hide_input=True, confirmation_prompt=True)
    check_password(password, name)
    return password


@app.command()
def add(name: Name, role: Role, by: By = "cli", password_stdin: FromInput = False) -> None:
    """Add a person. Example: `visitflow users add wang --role supervisor`"""
    if not _NAME.fullmatch(name):
        raise BadInput("expected 2 to 64 letters, digits, dots, dashes or underscores", field="name")
    check_role(role)
    password = hashed(_password(name, password_stdin))

    async def work(wired: Application) -> None:
        now = wired.environment.now()
        if not await wired.registers.access.add_account(Account(name, role, password, now, by, now)):
            raise BadInput(f"there is a user {name}", field="name")
        await note(wired, "add_user", f"{name} ({role})", by)

    with_application(work)
    out.print(f"{name} ({role})", markup=False)


@app.command("list")
def list_users(json: Json = False) -> None:
    """List people."""
    found = with_application(lambda wired: wired.registers.access.accounts())
    if json:
        names = ("name", "role", "created_at", "locked_at")
        shown = [(each.name, each.role, moment(each.created_at), moment(each.locked_at)) for each in found]
        print_json([dict(zip(names, row, strict=True)) for row in shown])
        return
    rows = [(each.name, each.role, (moment(each.locked_at) or "")[:19]) for each in found]
    table(("name_of_user", "role", "locked"), rows)


def _change(name: str, action: str, by: str, changes: Callable[[int], dict[str, str | int | None]]) -> None:
    async def work(wired: Application) -> None:
        now = wired.environment.now()
        if not await wired.registers.access.change_account(name, now, **changes(now)):
            raise UnknownThing(f"there is no user {name}", field="name")
        await note(wired, action, name, by)

    with_application(work)
    out.print(f"{name} ✓", markup=False)


@app.command()
def lock(name: Name, by: By = "cli") -> None:
    """Lock a person out; their sessions end at once."""
    _change(name, "lock_user", by, lambda now: {"locked_at": now})


@app.command()
def unlock(name: Name, by: By = "cli") -> None:
    """Let a person in again."""
    _change(name, "unlock_user", by, lambda _now: {"locked_at": None})


@app.command()
def role(name: Name, new: Annotated[str, typer.Argument(help="The new role.")], by: By = "cli") -> None:
    """Give a person another role; their sessions end at once."""
    check_role(new)
    _change(name, "change_role", by, lambda _now: {"role": new})


@app.command()
def password(name: Name, by: By = "cli", password_stdin: FromInput = False) -> None:
    """Set a new password; the person's sessions end at once."""
    text = hashed(_password(name, password_stdin))
    _change(name, "change_password", by, lambda _now: {"password": text})
