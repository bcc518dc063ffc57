"""``visitflow visits sheet``: the settlement sheet of a visit on the screen, as data or as PDF."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from engine.commands import Report
from engine.environment import SystemEnvironment
from engine.errors import BadInput
from flows import load_site
from service.application import Application, application
from service.cli.console import FOUND_SOMETHING, Json, err, language, out, print_json, run, say, settings
from service.cli.naming import Visit, resolve
from service.sheets.checks import Ours
from service.sheets.data import sheet_view
from service.sheets.kept import Reader, members_of, occasion, sheet_of
from service.sheets.model import Sheet, build

Pdf = Annotated[Path | None, typer.Option("--pdf", help="Write the PDF to this file; it must not exist yet.")]
English = Annotated[bool, typer.Option("--english", help="In English, whatever the installation's language is.")]
Clerk = Annotated[str, typer.Option("--clerk", envvar="VISITFLOW_OPERATOR", help="Who prints it 经办人.")]


def sheet(visit: Visit, pdf: Pdf = None, english: English = False, clerk: Clerk = "", json: Json = False) -> None:
    """Show the settlement sheet (002, 5.4) that a visit keeps. 医疗费结算单. Exit code 6 when it does not add up.

    Example: `visitflow visits sheet neimenggu.inpatient/ZY0001 --pdf ZY0001.pdf`
    """

    async def work() -> tuple[Sheet, dict[str, Any]]:
        async with application(settings()) as wired:
            report = await _report(wired, visit)
            return sheet_of(wired, report, Reader("en" if english else language(), clerk)), members_of(report)

    found, members = run(work())
    if pdf is not None:
        write_pdf(found, pdf)
    if json:
        print_json(sheet_view(found, members))
    elif pdf is None:
        print_sheet(found)
    finish(found)


async def _report(wired: Application, visit: str) -> Report:
    return await wired.commands.report(await resolve(wired.store, visit))


def asked_sheet(members: Mapping[str, Any], stay: str) -> Sheet:
    """Return the sheet of a reply that no visit keeps; only itself and the number asked for can be held against it."""
    site = load_site(settings().site)
    reader = Reader(language(), os.environ.get("VISITFLOW_OPERATOR", ""))
    return build(members, occasion(settings(), site, SystemEnvironment(), reader, ours=Ours(stay)))


def write_pdf(found: Sheet, path: Path) -> None:
    """Write the PDF, readable by its owner only: it names a person. Raises BadInput: it cannot be made, or exists."""
    from service.sheets.pdf import pdf as made_pdf  # fonts and their library: only for who wants a PDF

    content = made_pdf(found, settings().sheet_fonts)
    try:
        path.touch(mode=0o600, exist_ok=False)
        path.write_bytes(content)
    except OSError as error:
        raise BadInput(f"{path}: {error.strerror}", field="--pdf") from None
    err.print(Text(f"{say('written')}: {path}"))


def finish(found: Sheet) -> None:
    """Tell what is wrong with a sheet, and leave with exit code 6 if it does not add up."""
    for each in found.warnings:
        err.print(Text(each.text, style="bold red" if each.grave else "yellow"))
    if not found.adds_up:
        err.print(Text(found.word("check"), style="bold red"))
        raise typer.Exit(FOUND_SOMETHING)


def print_sheet(found: Sheet) -> None:
    """Print the sheet as tables."""
    out.print(Text(found.title, style="bold"))
    colon = found.word("colon")
    out.print(Text(f"{found.stay.label}{colon}{found.stay.text}    {found.unit}"))
    out.print(Text(found.review_words, style="yellow" if found.stamp else "green"))
    for block in found.blocks:
        _grid(block.heading, ("", ""), [(each.label, each.text) for row in block.rows for each in row])
    if not found.items:
        out.print(Text(f"\n{found.items_heading}{colon}{found.no_items}"))
    else:
        labels = [column.label for column in found.columns]
        right = [column.right for column in found.columns]
        _grid(found.items_heading, labels, [*found.items, found.totals], right)
    out.print(Text(f"\n{found.word('clerk')}{colon}{found.clerk}    {found.word('printed')}{colon}{found.printed_on}"))


def _grid(title: str, labels: Sequence[str], rows: Sequence[Sequence[str]], right: Sequence[bool] = ()) -> None:
    grid = Table(title=f"\n{title}", title_justify="left", box=None, pad_edge=False, show_header=any(labels))
    for number, label in enumerate(labels):
        grid.add_column(Text(label), justify="right" if right and right[number] else "left", overflow="fold")
    for row in rows:
        grid.add_row(*(Text(text) for text in row))
    out.print(grid)
