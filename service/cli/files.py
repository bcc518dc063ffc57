"""``visitflow files``: keep invoices and plans, which visits then name by their id."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from engine.errors import BadInput
from service.application import application
from service.cli.console import Json, out, print_json, run, say, settings, table
from service.files import checked_id, file_view, keep, too_large
from storage import KeptFile

app = typer.Typer(no_args_is_help=True, help="Invoices and other material. 发票等材料文件。")

FileId = Annotated[str, typer.Argument(help="File id: the SHA-256 that `files add` printed.")]


@app.command()
def add(
    file: Annotated[Path, typer.Argument(help="A pdf, png, jpg, bmp or gif.")],
    name: Annotated[str, typer.Option(help="Another name than the file's own.")] = "",
    json: Json = False,
) -> None:
    """Keep a file, encrypted; print the id that visits name it by. The same bytes again are the same file.

    Example: `visitflow files add invoice.pdf`
    """
    chosen = settings()
    content = _bytes(file, chosen.file_max_bytes)

    async def work() -> tuple[KeptFile, bool]:
        async with application(chosen) as wired:
            limit = chosen.file_max_bytes
            return await keep(wired.books, wired.environment, content, name or file.name, "", limit)

    kept, created = run(work())
    if json:
        print_json(file_view(kept) | {"created": created})
    else:
        _print(kept)


@app.command()
def show(file: FileId, json: Json = False) -> None:
    """Show what is known of a file. Example: `visitflow files show 9f86d081884c…`."""

    async def work() -> KeptFile:
        async with application(settings()) as wired:
            return await wired.books.files.about(checked_id(file))

    kept = run(work())
    if json:
        print_json(file_view(kept))
    else:
        _print(kept)


@app.command()
def export(
    file: FileId,
    path: Annotated[Path, typer.Argument(help="Where to write it; a folder: under its own name.")],
    force: Annotated[bool, typer.Option("--force", help="Write over a file that is there.")] = False,
) -> None:
    """Write a file's bytes to PATH. Example: `visitflow files export 9f86d081884c… invoice.pdf`."""

    async def work() -> tuple[KeptFile, bytes]:
        async with application(settings()) as wired:
            files = wired.books.files
            kept = await files.about(checked_id(file))
            return kept, await files.read(kept.file_id)

    kept, content = run(work())
    target = path / (Path(kept.name.replace("\\", "/")).name or kept.file_id) if path.is_dir() else path
    try:
        with target.open("wb" if force else "xb") as opened:
            opened.write(content)
    except FileExistsError:
        raise BadInput(f"{target} is there already; --force writes over it", field="path") from None
    except OSError as error:
        raise BadInput(f"{target}: {error.strerror}", field="path") from None
    out.print(str(target), markup=False)


def _bytes(file: Path, limit: int) -> bytes:
    """Return the bytes of a file, never many more than may be kept. Raises BadInput, Oversize."""
    try:
        with file.open("rb") as opened:
            content = opened.read(limit + 1)
    except OSError as error:
        raise BadInput(f"{file}: {error.strerror}", field="file") from None
    if len(content) > limit:
        raise too_large(file.stat().st_size, limit)
    return content


def _print(kept: KeptFile) -> None:
    view = file_view(kept)
    names = {"name": "file_name"}
    table(("field", ""), [(say(names.get(field, field)), str(value)) for field, value in view.items()])
