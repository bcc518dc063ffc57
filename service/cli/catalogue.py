"""``visitflow catalogue``: which code of the centre each item of the hospital has."""

from __future__ import annotations

import csv
import sys
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer
from rich.text import Text

from engine.errors import BadInput
from service.application import Application, application
from service.catalogue import importing
from service.catalogue.checking import Checked, read_catalogue
from service.catalogue.errors import NotInCatalogue
from service.catalogue.layout import CODE, VALID_FROM, VALID_TO, layout, layouts
from service.catalogue.unmatched import unmatched, unmatched_view
from service.cli.console import FOUND_SOMETHING, Json, err, language, out, print_json, run, say, settings, table
from service.views import moment
from storage.books import ALWAYS_FROM, ALWAYS_TO, CatalogueHead, Entry

app = typer.Typer(no_args_is_help=True, help="Catalogue matching. 目录对照。")

T = TypeVar("T")

#: Exit code: rows are bad and nothing was imported.
BAD_ROWS = 2
#: So many examples of each kind are shown; --json has all.
_EXAMPLES = 10
_LONGEST = 64 * 1024 * 1024
_MARKS = {"always": "*", "not_off_catalogue": "*", "off_catalogue": "(*)", "never": ""}

Name = Annotated[str, typer.Option("--name", help="Which catalogue.")]


@app.command("import")
def import_catalogue(
    file: Annotated[Path, typer.Argument(help="CSV with a header, UTF-8 or GBK; `catalogue show` lists the columns.")],
    name: Name = "neimenggu",
    version: Annotated[str, typer.Option(help="What to call this import; default: made from its content.")] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check and compare only; write nothing.")] = False,
    partial: Annotated[bool, typer.Option("--partial", help="Import the good rows and leave bad ones out.")] = False,
    by: Annotated[str, typer.Option("--by", envvar="VISITFLOW_OPERATOR", help="Who imports.")] = "cli",
    json: Json = False,
) -> None:
    """Replace a catalogue, whole, by a CSV. Nothing is imported if any row is bad, unless --partial.

    Exit code 2 when rows are bad and nothing was imported, 6 when --partial left some out.

    Example: `visitflow catalogue import items.csv --dry-run`, then `visitflow catalogue import items.csv --by wang`
    """
    checked = read_catalogue(_content(file), layout(name), _progress("checked", json))
    refused = bool(checked.problems) and not partial
    chosen = version or importing.version_of(checked.entries)

    async def work(wired: Application) -> tuple[importing.Difference, bool]:
        book = wired.books.catalogue
        difference = importing.compare(await book.entries(name), checked.entries)
        await importing.check_version(book, name, chosen, difference)
        stands = await book.version(name)
        same = not difference and stands is not None and version in ("", stands)
        if refused or dry_run or same:
            return difference, False
        if not checked.entries:
            raise BadInput("no row is good: nothing to import", field="file")
        await importing.replace(book, wired.environment, name, chosen, checked.entries, by, _progress("written", json))
        return difference, True

    difference, imported = _with_application(work)
    report = {
        "catalogue": name,
        "version": chosen,
        "rows": checked.rows,
        "good": len(checked.entries),
        "imported": imported,
        "problems": [asdict(problem) for problem in checked.problems],
        "difference": importing.difference_view(difference),
    }
    if json:
        print_json(report)
    else:
        _print_import(file, checked, difference, report)
    if checked.problems:
        raise typer.Exit(BAD_ROWS if refused else FOUND_SOMETHING)


@app.command()
def show(
    code: Annotated[str, typer.Argument(help="One item by its hospital code; default: which catalogues stand.")] = "",
    name: Name = "neimenggu",
    json: Json = False,
) -> None:
    """Show which catalogues stand and the columns of one, or what it says of an item.

    Example: `visitflow catalogue show`, `visitflow catalogue show YP0017`
    """
    columns = layout(name).columns

    async def work(wired: Application) -> tuple[list[CatalogueHead], list[Entry]]:
        book = wired.books.catalogue
        entries = await book.entries(name) if code else []
        return await book.heads(), [each for each in entries if each.code == code]

    heads, entries = _with_application(work)
    if not code:
        _print_heads(heads, name, json)
        return
    if not entries:
        raise NotInCatalogue(f"{code} is not in the catalogue {name}", field="code")
    found = [_row(each) for each in entries]
    if json:
        print_json(found)
        return
    words = {each.name: each.en if language() == "en" else each.zh for each in columns}
    table(
        ("column", "", *[""] * len(found)),
        [(words[each.name], each.name, *(row.get(each.name, "") for row in found)) for each in columns],
    )


@app.command("unmatched")
def list_unmatched(name: Name = "neimenggu", json: Json = False) -> None:
    """List items that hold up fee lines of open visits because the catalogue has no entry for their day.

    Exit code 6 when there are any. Example: `visitflow catalogue unmatched`
    """

    async def work(wired: Application) -> tuple[str | None, list[dict[str, Any]]]:
        book = wired.books.catalogue
        found = await unmatched(wired.commands, wired.store, book, name)
        return await book.version(name), [unmatched_view(each) for each in found]

    layout(name)
    version, items = _with_application(work)
    if json:
        print_json({"catalogue": name, "version": version, "items": items})
    else:
        if version is None:
            out.print(Text(f"{say('never_imported')}: {name}", style="bold red"))
        table(
            ("item_code", "name", "lines", "amount", "visits", "first_day", "last_day"),
            [
                (
                    Text(each["code"], style="bold"),
                    each["name"],
                    str(each["lines"]),
                    each["amount"],
                    str(len(each["visits"])),
                    each["first"],
                    each["last"],
                )
                for each in items
            ],
        )
        total = sum((Decimal(each["amount"]) for each in items), Decimal(0))
        lines = sum(each["lines"] for each in items)
        out.print(f"{say('items')} {len(items)} · {say('lines')} {lines} · {say('amount')} {total:f}")
    if items:
        raise typer.Exit(FOUND_SOMETHING)


@app.command()
def export(
    path: Annotated[Path | None, typer.Argument(help="Where to write the CSV; default: standard output.")] = None,
    name: Name = "neimenggu",
    english: Annotated[bool, typer.Option("--english", help="English headers.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Write over a file that is there.")] = False,
) -> None:
    """Write the catalogue that stands as a CSV, which `import` takes. Example: `visitflow catalogue export a.csv`."""
    columns = layout(name).columns

    async def work(wired: Application) -> list[Entry]:
        if await wired.books.catalogue.version(name) is None:
            raise NotInCatalogue(f"the catalogue {name} was never imported", field="--name")
        return await wired.books.catalogue.entries(name)

    rows = [_row(each) for each in _with_application(work)]
    header = [each.en if english else each.zh for each in columns]
    lines = [header, *([row.get(each.name, "") for each in columns] for row in rows)]
    if path is None:
        csv.writer(sys.stdout, lineterminator="\n").writerows(lines)
        return
    try:
        with path.open("w" if force else "x", encoding="utf-8-sig", newline="") as opened:  # BOM: Excel sees UTF-8
            csv.writer(opened).writerows(lines)
    except FileExistsError:
        raise BadInput(f"{path} is there already; --force writes over it", field="path") from None
    except OSError as error:
        raise BadInput(f"{path}: {error.strerror}", field="path") from None
    out.print(f"{path}: {len(rows)}", markup=False)


def _with_application(work: Callable[[Application], Awaitable[T]]) -> T:
    async def opened() -> T:
        async with application(settings()) as wired:
            return await work(wired)

    return run(opened())


def _content(file: Path) -> bytes:
    """Return the bytes of a file. Raises BadInput."""
    try:
        if file.stat().st_size > _LONGEST:
            raise BadInput(f"{file}: more than {_LONGEST} bytes, which is no catalogue", field="file")
        return file.read_bytes()
    except OSError as error:
        raise BadInput(f"{file}: {error.strerror}", field="file") from None


def _row(entry: Entry) -> dict[str, str]:
    """Return an entry as a row of the CSV."""
    begins = "" if entry.valid_from == ALWAYS_FROM else entry.valid_from
    ends = "" if entry.valid_to == ALWAYS_TO else entry.valid_to
    return {CODE: entry.code, **entry.content, VALID_FROM: begins, VALID_TO: ends}


def _progress(what: str, quiet: bool) -> Callable[[int], None]:
    """Return what tells on stderr how far an import is; stdout is the report's."""
    if quiet:
        return lambda _count: None
    return lambda count: err.print(f"  {say(what)} {count}", end="\r", highlight=False)


def _print_import(file: Path, checked: Checked, difference: importing.Difference, report: dict[str, Any]) -> None:
    for problem in checked.problems:
        where = f"{file}:{problem.line}"
        out.print(Text(f"{where}: {problem.field}: {problem.message}".replace(": : ", ": "), style="red"))
    for title, keys in (
        ("added", [code for code, _ in difference.added]),
        ("changed", [f"{code} ({', '.join(fields)})" for (code, _), fields in difference.changed.items()]),
        ("removed", [code for code, _ in difference.removed]),
    ):
        shown = "、".join(keys[:_EXAMPLES]) + (" …" if len(keys) > _EXAMPLES else "")
        out.print(f"{say(title)} {len(keys)}  {shown}".rstrip(), markup=False, highlight=False)
    out.print(f"{say('unchanged')} {difference.unchanged}", highlight=False)
    if checked.problems:
        out.print(Text(f"{say('bad_rows')} {len(checked.problems)} / {checked.rows}", style="bold red"))
    said = say("imported" if report["imported"] else "not_imported")
    out.print(Text(f"{report['catalogue']} {report['version']}: {said}", style="bold"))


def _print_heads(heads: list[CatalogueHead], name: str, json: bool) -> None:
    if json:
        print_json([asdict(head) | {"imported_at": moment(head.imported_at)} for head in heads])
        return
    table(
        ("catalogue", "version", "items", "imported_at", "by"),
        [
            (head.name, head.version, str(head.entries), (moment(head.imported_at) or "")[:19], head.imported_by)
            for head in heads
        ],
    )
    if missing := sorted(set(layouts()) - {head.name for head in heads}):
        out.print(Text(f"{say('never_imported')}: {', '.join(missing)}", style="yellow"))
    table(
        ("column", "headers", "required"),
        [
            (each.zh, " / ".join((each.en, each.name, *each.also)), _MARKS[each.required])
            for each in layout(name).columns
        ],
        title=f"\n{name}",
    )
