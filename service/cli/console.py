"""How the command line speaks: tables for people, JSON for programs, exit codes that mean something."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Callable, Coroutine, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from engine import errors
from engine.catalogue import UnknownName
from engine.facts import loads
from service.logs import configure_command
from service.settings import Settings
from service.words import Topic, word

T = TypeVar("T")

#: Exit code by kind of error, named so that a command imports only what it raises; the most special kind counts.
EXIT_CODES: Mapping[str, int] = {
    "service.errors.UnknownThing": 4,
    "engine.errors.UnknownVisit": 4,
    "engine.errors.UnknownFlow": 4,
    "adapters.equipment.FileMissing": 4,
    "service.catalogue.errors.NotInCatalogue": 4,
    "service.asking.PeerHasNone": 4,
    "service.sheets.kept.NoSheet": 4,
    "engine.errors.BadInput": 2,
    "engine.errors.NotLegal": 3,
    "engine.errors.VisitBusy": 5,
    "engine.errors.LeaseLost": 5,
    "engine.errors.StoreError": 5,
    "service.asking.PeerUnavailable": 5,
    "engine.errors.VisitflowError": 1,
    "engine.catalogue.UnknownName": 2,
}
EXIT_CODES_HELP = (
    "Exit codes: 0 done · 1 failed · 2 bad input · 3 not legal now · 4 not found · 5 busy or unavailable, try again"
    " · 6 a check found something. Errors go to stderr; with --json as one JSON object."
)

#: Exit code of a check that found something.
FOUND_SOMETHING = 6

Json = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
By = Annotated[str, typer.Option("--by", envvar="VISITFLOW_OPERATOR", help="Who acts (journalled).")]
Reason = Annotated[str, typer.Option("--reason", "-r", help="Why (journalled).")]
Data = Annotated[str, typer.Option("--data", "-d", help="JSON object, or @file, or - for standard input.")]

out = Console()
err = Console(stderr=True)

TONES = {"": "", "good": "green", "warn": "yellow", "bad": "bold red"}
_STATUS_TONES = {"ready": "cyan", "waiting": "", "stuck": "bold red", "closed": "green"}


def settings() -> Settings:
    """Return the settings of this process."""
    return Settings()


def language() -> str:
    """Return the language that staff see."""
    return settings().language


def say(code: str, topic: Topic = Topic.HEADING) -> str:
    """Return the words for ``code`` in the staff's language."""
    return word(topic, code, language())


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run a command's coroutine; logs go to stderr and only from warnings up."""
    quiet_logs()
    return asyncio.run(work)


def quiet_logs() -> None:
    """Send warnings and worse to stderr, as a person reads them."""
    configure_command()


def print_json(value: Any) -> None:
    """Print JSON on stdout, unadorned."""
    sys.stdout.write(json.dumps(value, ensure_ascii=False, indent=2) + "\n")


def read_data(text: str) -> dict[str, Any]:
    """Read the JSON object of ``--data``. Raises BadInput."""
    if text == "-":
        text = sys.stdin.read()
    elif text.startswith("@"):
        try:
            text = Path(text[1:]).read_text(encoding="utf-8")
        except OSError as error:
            raise errors.BadInput(f"{text[1:]}: {error.strerror}", field="--data") from None
    try:
        value = loads(text or "{}")
    except (ValueError, RecursionError):
        raise errors.BadInput('expected a JSON object such as \'{"invoice_no": "P0001"}\'', field="--data") from None
    if not isinstance(value, dict):
        raise errors.BadInput("expected a JSON object", field="--data")
    return value


def table(
    headings: Sequence[str],
    rows: Sequence[Sequence[str | Text]],
    title: str | None = None,
    topic: Topic = Topic.HEADING,
) -> None:
    """Print a table with translated headings."""
    grid = Table(
        *(say(heading, topic) if heading else "" for heading in headings),
        title=title,
        title_justify="left",
        box=None,
        pad_edge=False,
    )
    for row in rows:
        grid.add_row(*row)
    out.print(grid)


def status_text(status: str) -> Text:
    """Return a status in its colour and the staff's language."""
    return Text(say(status, Topic.STATUS), style=_STATUS_TONES.get(status, ""))


def run_guarded(app: Callable[..., Any]) -> int:
    """Run the typer app; turn expected errors into one line and an exit code."""
    as_json = "--json" in sys.argv
    try:
        app()
    except SystemExit as error:  # typer has told of wrong words, or a command chose its exit code
        return error.code if isinstance(error.code, int) else 0 if error.code is None else 1
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except (errors.VisitflowError, UnknownName) as error:
        _report(error, as_json)
        return exit_code(error)
    return 0


def exit_code(error: Exception) -> int:
    """Return the exit code for an expected error. Raises StopIteration for any other."""
    names = (f"{kind.__module__}.{kind.__qualname__}" for kind in type(error).__mro__)
    return next(EXIT_CODES[name] for name in names if name in EXIT_CODES)


def _report(error: Exception, as_json: bool) -> None:
    body: Mapping[str, Any]
    if isinstance(error, errors.VisitflowError):
        body = error.as_dict()
    else:
        body = {"code": "unknown_name", "message": str(error)}
    if as_json:
        sys.stderr.write(json.dumps({"error": body}, ensure_ascii=False) + "\n")
        return
    err.print(Text(_in_one_line(body), style="bold red"))
    for problem in list(body.get("problems", ()))[1:10]:
        err.print(Text(f"  [{problem['field']}] {problem['message']}", style="red"))


def _in_one_line(error: Mapping[str, Any]) -> str:
    field = f" [{error['field']}]" if error.get("field") else ""
    return f"{error['code']}{field}: {error['message']}"
